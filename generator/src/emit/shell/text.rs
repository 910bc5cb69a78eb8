//! Documentation as plain text for the shell's `help`.
//!
//! In: parsed docs. Out: lines of at most [`WIDTH`] columns, indented by four.

use crate::model::doc::{Block, Doc, Span};
use crate::model::name::dashed;

/// Columns of a line, indentation included.
const WIDTH: usize = 79;

/// Indentation of a paragraph of the first level, and of each further one.
const INDENT: usize = 4;

/// A whole text.
pub fn lines(doc: &Doc) -> Vec<String> {
    let mut out = Vec::new();
    blocks(&doc.blocks, INDENT, &mut out);
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out
}

/// Blocks, each followed by an empty line.
fn blocks(blocks: &[Block], indent: usize, out: &mut Vec<String>) {
    for block in blocks {
        match block {
            Block::Para(spans) => {
                wrap(&inline(spans), indent, "", out);
                out.push(String::new());
            }
            Block::Code(text) => {
                let pad = " ".repeat(indent + 2);
                out.extend(text.lines().map(|l| format!("{pad}{l}").trim_end().to_owned()));
                out.push(String::new());
            }
            Block::List(items) => items.iter().for_each(|item| bullet(item, indent, out)),
            Block::Definitions(entries) => {
                for (term, body) in entries {
                    wrap(&inline(term), indent, "", out);
                    self::blocks(body, indent + INDENT, out);
                }
            }
        }
    }
}

/// A list item: a star before its first paragraph, everything else below that paragraph.
fn bullet(item: &[Block], indent: usize, out: &mut Vec<String>) {
    let (head, rest) = match item.split_first() {
        Some((Block::Para(spans), rest)) => (inline(spans), rest),
        _ => (String::new(), item),
    };
    wrap(&head, indent + 2, "* ", out);
    out.push(String::new());
    blocks(rest, indent + 2, out);
}

/// Break text at blanks. `bullet` hangs before the first line.
fn wrap(text: &str, indent: usize, bullet: &str, out: &mut Vec<String>) {
    let mut line = format!("{}{bullet}", " ".repeat(indent - bullet.len()));
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push(std::mem::replace(&mut line, " ".repeat(indent)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    out.push(line);
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) => t.clone(),
            Span::Code(t) => format!("\"{t}\""),
            Span::Emph(t) | Span::Strong(t) => format!("*{t}*"),
            Span::Call(c) => format!("\"{}\"", dashed(c)),
            Span::Page { name, section } => format!("{name}({section})"),
            Span::Link { text, url } => format!("{text} <{url}>"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markup: &str, expected: &str) {
        let doc = crate::source::doc::parse(markup).expect("sound markup");
        assert_eq!(lines(&doc).join("\n"), expected);
    }

    #[test]
    fn paragraphs_wrap_and_lists_hang() {
        check("one *two* `three` [mkdir_p]", "    one *two* \"three\" \"mkdir-p\"");
        check("- one\n- two", "    * one\n\n    * two");
        check("- `term`: text", "    \"term\"\n        text");
        check("```\n a  b\n```", "       a  b");
        let long = "word ".repeat(30);
        let doc = crate::source::doc::parse(&long).expect("sound markup");
        assert!(lines(&doc).iter().all(|l| l.len() <= WIDTH && l.starts_with("    word")));
    }
}
