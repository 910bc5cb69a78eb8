//! Docs as plain text for Python docstrings.
//!
//! In: a call's or struct's doc. Out: wrapped text without markup; calls read as methods of `GuestFS`.

use crate::emit::bind::text::{lines, Style};
use crate::model::doc::{Doc, Span};
use crate::model::name::python_ident;

/// Columns of a docstring's text, after its indent of eight.
const WIDTH: usize = 72;

/// Summary line and text, escaped for a `"""` string, without indent.
pub fn docstring(summary: &str, doc: &Doc) -> String {
    escape(&lines(summary, doc, &Style { width: WIDTH, span: &span }).join("\n"))
}

/// A backslash or three quotes would change or end the string.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    match text.strip_suffix('"') {
        Some(rest) => format!("{rest}\\\""),
        None => text,
    }
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(t) | Span::Emph(t) | Span::Strong(t) => t.clone(),
        Span::Code(t) => format!("\"{t}\""),
        Span::Call(name) => format!("GuestFS.{}", python_ident(name)),
        Span::Page { name, section } => format!("{name}({section})"),
        Span::Link { text, url } if text == url => format!("<{url}>"),
        Span::Link { text, url } => format!("{text} <{url}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::doc::Block;

    #[test]
    fn docstrings_are_safe() {
        let para = |t: &str| Block::Para(vec![Span::Text(t.to_owned()), Span::Code("\\x \"\"\"".to_owned())]);
        let doc = Doc { blocks: vec![para("use "), Block::List(vec![vec![para("item ")]])] };
        let text = docstring("do it", &doc);
        // Three quotes together are escaped; a fourth is harmless, save at the very end.
        assert_eq!(text, "Do it.\n\nuse \"\\\\x \\\"\\\"\\\"\"\n\n- item \"\\\\x \\\"\\\"\\\"\\\"");
    }
}
