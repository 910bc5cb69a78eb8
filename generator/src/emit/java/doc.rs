//! Docs as Javadoc.
//!
//! In: a call's or struct's doc. Out: lines to stand behind ` * `: HTML in which nothing can end the comment, begin a
//! tag of Javadoc or be taken for a Unicode escape.

use super::method;
use crate::emit::bind::text::wrap;
use crate::model::doc::{Block, Doc, Span};

/// Columns of the text, after its indent.
const WIDTH: usize = 100;

/// Whether Java has a call of this name, for links.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// Summary as a sentence, and text.
pub fn comment(summary: &str, doc: &Doc, known: Known) -> Vec<String> {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = wrap(&text(&format!("{first}{}.", chars.as_str())), WIDTH);
    lines.extend(doc.blocks.iter().flat_map(|b| block(b, "<p>", known)));
    lines
}

/// Blocks inside something: the first paragraph is not marked.
pub fn blocks(list: &[Block], known: Known) -> Vec<String> {
    list.iter().enumerate().flat_map(|(i, b)| block(b, if i == 0 { "" } else { "<p>" }, known)).collect()
}

fn block(block: &Block, mark: &str, known: Known) -> Vec<String> {
    match block {
        Block::Para(spans) => wrap(&format!("{mark}{}", inline(spans, known)), WIDTH),
        Block::Code(code) => framed("<pre>", code.lines().map(text).collect(), "</pre>"),
        Block::List(items) => {
            framed("<ul>", items.iter().flat_map(|i| tagged("<li>", blocks(i, known))).collect(), "</ul>")
        }
        Block::Definitions(list) => {
            let item = |(term, about): &(Vec<Span>, Vec<Block>)| {
                let mut lines = vec![format!("<dt>{}", inline(term, known))];
                lines.extend(tagged("<dd>", blocks(about, known)));
                lines
            };
            framed("<dl>", list.iter().flat_map(item).collect(), "</dl>")
        }
    }
}

/// `lines` between two marks.
pub fn framed(open: &str, lines: Vec<String>, close: &str) -> Vec<String> {
    let mut out = vec![open.to_owned()];
    out.extend(lines);
    out.push(close.to_owned());
    out
}

/// `lines`, the first with a mark before it.
pub fn tagged(mark: &str, mut lines: Vec<String>) -> Vec<String> {
    match lines.first_mut() {
        Some(first) => first.insert_str(0, mark),
        None => lines.push(mark.to_owned()),
    }
    lines
}

fn inline(spans: &[Span], known: Known) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) => text(t),
            Span::Code(t) => code(t),
            Span::Emph(t) => format!("<em>{}</em>", text(t)),
            Span::Strong(t) => format!("<strong>{}</strong>", text(t)),
            Span::Call(name) => link(name, known),
            Span::Page { name, section } => code(&format!("{name}({section})")),
            Span::Link { text: t, url } => format!("<a href=\"{}\">{}</a>", text(url), text(t)),
        })
        .collect()
}

/// A reference to a call.
pub fn link(name: &str, known: Known) -> String {
    match known(name) {
        true => format!("{{@link GuestFS#{}}}", method(name)),
        false => code(name),
    }
}

/// As code.
pub fn code(t: &str) -> String {
    format!("<code>{}</code>", text(t))
}

fn text(t: &str) -> String {
    let mut out = String::with_capacity(t.len());
    for c in t.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '@' | '\\' | '{' | '}' => out.push_str(&format!("&#{};", u32::from(c))),
            '/' if out.ends_with('*') => out.push_str("&#47;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_comments() {
        let spans = vec![Span::Text("a */ @b \\u0041 {x} <y>".to_owned()), Span::Code("&".to_owned())];
        let got = comment("sum", &Doc { blocks: vec![Block::Para(spans)] }, &|_| true);
        let wanted = "<p>a *&#47; &#64;b &#92;u0041 &#123;x&#125; &lt;y&gt;<code>&amp;</code>";
        assert_eq!(got, ["Sum.", wanted]);
    }
}
