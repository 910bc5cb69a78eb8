//! Docs as rustdoc's Markdown.
//!
//! In: a [`Doc`]. Out: text for `///` lines; calls become links to methods of `Handle`.

use crate::model::doc::{Block, Doc, Span};
use crate::model::{name, notice, Call};

/// How a reference to another call is written in the place where the text will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// `Handle` is in scope: link to its method.
    Handle,
    /// It is not: plain code.
    None,
}

/// A call's whole text: summary, doc, notices.
pub fn call(call: &Call) -> String {
    let mut out = summary(&call.summary);
    let body = render(&notice::full_doc(call), Links::Handle);
    if !body.is_empty() {
        out.push_str("\n\n");
        out.push_str(&body);
    }
    out
}

/// A summary as a sentence.
pub fn summary(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", escape(chars.as_str()))
}

/// Render a doc.
pub fn render(doc: &Doc, links: Links) -> String {
    blocks(&doc.blocks, links)
}

fn blocks(list: &[Block], links: Links) -> String {
    list.iter().map(|b| block(b, links)).collect::<Vec<_>>().join("\n\n")
}

fn block(block: &Block, links: Links) -> String {
    match block {
        Block::Para(p) => wrap(&spans(p, links), 96),
        Block::Code(code) => format!("```text\n{code}\n```"),
        Block::List(items) => items.iter().map(|i| item(&blocks(i, links))).collect::<Vec<_>>().join("\n"),
        Block::Definitions(defs) => defs
            .iter()
            .map(|(term, text)| item(&format!("{}: {}", spans(term, links), blocks(text, links))))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

/// A list item whose further lines are indented below its first.
fn item(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(i, l)| if i == 0 || l.is_empty() { l.to_owned() } else { format!("  {l}") })
        .collect();
    format!("- {}", lines.join("\n"))
}

fn spans(list: &[Span], links: Links) -> String {
    list.iter().map(|s| span(s, links)).collect()
}

fn span(span: &Span, links: Links) -> String {
    match span {
        Span::Text(t) => escape(t),
        Span::Code(c) => code(c),
        Span::Emph(t) => format!("*{}*", escape(t)),
        Span::Strong(t) => format!("**{}**", escape(t)),
        Span::Call(c) => match links {
            Links::Handle => format!("[`Handle::{}`](crate::Handle::{})", c, name::rust_ident(c)),
            Links::None => format!("`{c}`"),
        },
        Span::Page { name, section } => format!("`{name}({section})`"),
        Span::Link { text, url } => format!("[{}]({url})", escape(text)),
    }
}

fn code(text: &str) -> String {
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

/// Text that Markdown would take for markup.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '_' | '[' | ']' | '<' | '>' | '`' | '\\' | '|' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Break at blanks so that no line is longer than `width`, if that is possible.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        // A line may not begin with what Markdown reads as the start of a list.
        let marker = matches!(word, "-" | "+")
            || word.strip_suffix(['.', ')']).is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()));
        if column > 0 && column + 1 + len > width && !marker {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_every_kind_of_block_and_span() {
        let text = "See [mkdir], [lvm(8)], `a*b`, *em*, **st** and [x](https://e.org); 2 < 3_4.\n\n- `k`: one\n\n  more\n- `l`: two\n\n```\nraw *x*\n```\n";
        let doc = crate::source::doc::parse(text).unwrap();
        let expected = "See [`Handle::mkdir`](crate::Handle::mkdir), `lvm(8)`, `a*b`, *em*, **st** and\n[x](https://e.org); 2 \\< 3\\_4.\n\n- `k`: one\n\n  more\n- `l`: two\n\n```text\nraw *x*\n```";
        assert_eq!(render(&doc, Links::Handle), expected);
    }
}
