//! Docs as comments of Go.
//!
//! In: a call's or struct's doc. Out: what stands behind `//`, in the form that gofmt leaves alone: code behind a tab,
//! items of a list behind a dash. Lists in lists, and code in and behind them, become sentences, as Go has none.

use super::raised;
use crate::emit::bind::text::wrap;
use crate::model::doc::{Block, Doc, Span};

/// Columns of the text.
const WIDTH: usize = 110;

/// Whether Go has a call of this name, for links.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// `Name: summary.`, and text.
pub fn comment(name: &str, summary: &str, doc: &Doc, known: Known) -> Vec<String> {
    let mut lines = paragraph(&format!("{name}: {summary}."));
    let mut after_list = false;
    for block in &doc.blocks {
        let list = matches!(block, Block::List(_) | Block::Definitions(_));
        if !(list && after_list) {
            lines.push(String::new());
        }
        match block {
            // Behind a list it would belong to the last item.
            Block::Code(code) if after_list => lines.extend(paragraph(code)),
            _ => lines.extend(block_lines(block, known)),
        }
        after_list = list;
    }
    lines
}

/// One paragraph.
pub fn paragraph(text: &str) -> Vec<String> {
    wrap(text, WIDTH).into_iter().map(|l| format!(" {l}")).collect()
}

fn block_lines(block: &Block, known: Known) -> Vec<String> {
    match block {
        Block::Para(spans) => paragraph(&inline(spans, known)),
        Block::Code(code) => {
            code.lines().map(|l| if l.is_empty() { String::new() } else { format!("\t{l}") }).collect()
        }
        Block::List(items) => items.iter().flat_map(|i| item(&flat(i, known))).collect(),
        Block::Definitions(list) => list.iter().flat_map(|d| item(&definition(d, known))).collect(),
    }
}

fn item(text: &str) -> Vec<String> {
    let mark = |(i, line): (usize, String)| format!("{}{line}", if i == 0 { "   - " } else { "     " });
    wrap(text, WIDTH - 4).into_iter().enumerate().map(mark).collect()
}

fn definition((term, text): &(Vec<Span>, Vec<Block>), known: Known) -> String {
    format!("{}: {}", inline(term, known), flat(text, known))
}

fn flat(blocks: &[Block], known: Known) -> String {
    let one = |b: &Block| match b {
        Block::Para(spans) => inline(spans, known),
        Block::Code(code) => code.clone(),
        Block::List(items) => items.iter().map(|i| flat(i, known)).collect::<Vec<_>>().join("; "),
        Block::Definitions(list) => list.iter().map(|d| definition(d, known)).collect::<Vec<_>>().join("; "),
    };
    blocks.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn inline(spans: &[Span], known: Known) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) | Span::Code(t) | Span::Emph(t) | Span::Strong(t) => t.clone(),
            Span::Call(name) if known(name) => format!("[Guestfs.{}]", raised(name)),
            Span::Call(name) => name.clone(),
            Span::Page { name, section } => format!("{name}({section})"),
            Span::Link { text, url } if text == url => url.clone(),
            Span::Link { text, url } => format!("{text} ({url})"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_the_form_of_gofmt() {
        let para = |t: &str| vec![Block::Para(vec![Span::Text(t.to_owned())])];
        let list = Block::List(vec![para("a"), para(&"word ".repeat(40))]);
        let code = || Block::Code("x".into());
        let doc = Doc { blocks: vec![list, code(), code()] };
        let got = comment("Name", "sum", &doc, &|_| true);
        assert_eq!(got[..4], [" Name: sum.", "", "   - a", got[3].as_str()]);
        assert!(got[3].starts_with("   - word") && got[4].starts_with("     word"));
        assert_eq!(got[got.len() - 4..], ["", " x", "", "\tx"]);
    }
}
