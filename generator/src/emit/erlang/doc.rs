//! Docs as EDoc.
//!
//! In: a call's doc. Out: lines to stand behind `%% `: XHTML in which nothing is a tag, a macro or a quotation of EDoc.

use crate::emit::bind::text::wrap;
use crate::model::doc::{Block, Doc, Span};

/// Columns of the text.
const WIDTH: usize = 100;

/// Summary as a sentence, and text.
pub fn comment(summary: &str, doc: &Doc) -> Vec<String> {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = wrap(&text(&format!("{first}{}.", chars.as_str())), WIDTH);
    for b in &doc.blocks {
        lines.push(String::new());
        lines.extend(block(b, true));
    }
    lines
}

/// Paragraphs between empty lines are EDoc's own to mark; those inside something need it said.
fn block(block: &Block, top: bool) -> Vec<String> {
    match block {
        Block::Para(spans) if top => wrap(&inline(spans), WIDTH),
        Block::Para(spans) => wrap(&format!("<p>{}</p>", inline(spans)), WIDTH),
        Block::Code(code) => {
            let mut lines: Vec<String> = code.lines().map(text).collect();
            if let Some(first) = lines.first_mut() {
                first.insert_str(0, "<pre>");
            }
            if let Some(last) = lines.last_mut() {
                last.push_str("</pre>");
            }
            // An empty line would end the block.
            lines.into_iter().map(|l| if l.is_empty() { "&#32;".to_owned() } else { l }).collect()
        }
        Block::List(items) => framed("ul", items.iter().flat_map(|i| framed("li", inside(i)))),
        Block::Definitions(list) => framed(
            "dl",
            list.iter().flat_map(|(term, about)| {
                let mut lines = vec![format!("<dt>{}</dt>", inline(term))];
                lines.extend(framed("dd", inside(about)));
                lines
            }),
        ),
    }
}

fn inside(blocks: &[Block]) -> Vec<String> {
    match blocks {
        [Block::Para(spans)] => wrap(&inline(spans), WIDTH),
        _ => blocks.iter().flat_map(|b| block(b, false)).collect(),
    }
}

fn framed(tag: &str, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().collect();
    match (lines.len(), lines.first_mut()) {
        (1, Some(only)) => *only = format!("<{tag}>{only}</{tag}>"),
        _ => {
            lines.insert(0, format!("<{tag}>"));
            lines.push(format!("</{tag}>"));
        }
    }
    lines
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) => text(t),
            Span::Code(t) | Span::Call(t) => format!("<code>{}</code>", text(t)),
            Span::Emph(t) => format!("<em>{}</em>", text(t)),
            Span::Strong(t) => format!("<strong>{}</strong>", text(t)),
            Span::Page { name, section } => format!("<code>{}({section})</code>", text(name)),
            Span::Link { text: t, url } => format!("<a href=\"{}\">{}</a>", text(url), text(t)),
        })
        .collect()
}

fn text(t: &str) -> String {
    let mut out = String::with_capacity(t.len());
    for c in t.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '@' | '`' | '[' | '{' => out.push_str(&format!("&#{};", u32::from(c))),
            '=' if out.ends_with('=') => out.push_str("&#61;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let spans = vec![Span::Text("@b {@x} [http://a] == `q' <y>".to_owned()), Span::Code("&".to_owned())];
        let got = comment("sum", &Doc { blocks: vec![Block::Para(spans)] });
        let wanted = "&#64;b &#123;&#64;x} &#91;http://a] =&#61; &#96;q' &lt;y&gt;<code>&amp;</code>";
        assert_eq!(got, ["Sum.", "", wanted]);
    }
}
