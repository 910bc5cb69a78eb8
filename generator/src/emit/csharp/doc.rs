//! Docs as XML comments.
//!
//! In: a call's or struct's doc. Out: lines to stand behind `/// `: XML in which references are to members that exist.

use super::ident;
use crate::emit::bind::text::wrap;
use crate::model::doc::{Block, Doc, Span};

/// Columns of the text, after its indent.
const WIDTH: usize = 104;

/// Whether C# has a call of this name, for references.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// Summary as a sentence, and text.
pub fn comment(summary: &str, doc: &Doc, known: Known) -> Vec<String> {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = element("summary", "", vec![text(&format!("{first}{}.", chars.as_str()))]);
    if !doc.blocks.is_empty() {
        lines.extend(element("remarks", "", blocks(&doc.blocks, known)));
    }
    lines
}

/// Blocks, each as an element.
pub fn blocks(list: &[Block], known: Known) -> Vec<String> {
    list.iter().flat_map(|b| block(b, known)).collect()
}

fn block(block: &Block, known: Known) -> Vec<String> {
    match block {
        Block::Para(spans) => element("para", "", wrap(&inline(spans, known), WIDTH)),
        Block::Code(code) => element("code", "", code.lines().map(text).collect()),
        Block::List(items) => {
            let item = |i: &Vec<Block>| element("item", "", element("description", "", blocks(i, known)));
            element("list", " type=\"bullet\"", items.iter().flat_map(item).collect())
        }
        Block::Definitions(list) => {
            let item = |(term, about): &(Vec<Span>, Vec<Block>)| {
                let mut lines = element("term", "", vec![inline(term, known)]);
                lines.extend(element("description", "", blocks(about, known)));
                element("item", "", lines)
            };
            element("list", " type=\"table\"", list.iter().flat_map(item).collect())
        }
    }
}

/// `lines` between the tags of an element: on its line when there is one that is short.
pub fn element(name: &str, attributes: &str, lines: Vec<String>) -> Vec<String> {
    let (open, close) = (format!("<{name}{attributes}>"), format!("</{name}>"));
    match lines.as_slice() {
        [line] if line.len() + open.len() + close.len() <= WIDTH => vec![format!("{open}{line}{close}")],
        _ => [vec![open], lines, vec![close]].concat(),
    }
}

fn inline(spans: &[Span], known: Known) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) => text(t),
            Span::Code(t) => code(t),
            Span::Emph(t) => format!("<i>{}</i>", text(t)),
            Span::Strong(t) => format!("<b>{}</b>", text(t)),
            Span::Call(name) => reference(name, known),
            Span::Page { name, section } => code(&format!("{name}({section})")),
            Span::Link { text: t, url } => format!("<see href=\"{}\">{}</see>", text(url), text(t)),
        })
        .collect()
}

/// A reference to a call.
pub fn reference(name: &str, known: Known) -> String {
    match known(name) {
        true => format!("<see cref=\"Guestfs.{}\"/>", ident(name)),
        false => code(name),
    }
}

/// As code.
fn code(t: &str) -> String {
    format!("<c>{}</c>", text(t))
}

fn text(t: &str) -> String {
    t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_xml() {
        let spans = vec![Span::Text("a <b> & ".to_owned()), Span::Call("lock".to_owned())];
        let got = comment("sum", &Doc { blocks: vec![Block::Para(spans)] }, &|_| true);
        let wanted = "<remarks><para>a &lt;b&gt; &amp; <see cref=\"Guestfs.lock_\"/></para></remarks>";
        assert_eq!(got, ["<summary>Sum.</summary>", wanted]);
    }
}
