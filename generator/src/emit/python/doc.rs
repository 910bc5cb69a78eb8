//! Docs as plain text for Python docstrings.
//!
//! In: a call's or struct's doc. Out: wrapped text without markup; calls read as methods of `GuestFS`.

use crate::model::doc::{Block, Doc, Span};
use crate::model::name::python_ident;

/// Columns of a docstring's text, after its indent of eight.
const WIDTH: usize = 72;

/// Summary line and text, escaped for a `"""` string, without indent.
pub fn docstring(summary: &str, doc: &Doc) -> String {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = vec![format!("{first}{}.", chars.as_str())];
    for block in &doc.blocks {
        lines.push(String::new());
        lines.extend(block_lines(block, WIDTH));
    }
    escape(&lines.join("\n"))
}

/// A backslash or three quotes would change or end the string.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    match text.strip_suffix('"') {
        Some(rest) => format!("{rest}\\\""),
        None => text,
    }
}

fn block_lines(block: &Block, width: usize) -> Vec<String> {
    match block {
        Block::Para(spans) => wrap(&inline(spans), width),
        Block::Code(code) => indent(code.lines().map(str::to_owned), "    ", "    "),
        Block::List(items) => items.iter().flat_map(|i| indent(blocks(i, width - 2), "- ", "  ")).collect(),
        Block::Definitions(list) => list
            .iter()
            .flat_map(|(term, text)| {
                let mut lines = vec![inline(term)];
                lines.extend(indent(blocks(text, width - 4), "    ", "    "));
                lines
            })
            .collect(),
    }
}

fn blocks(list: &[Block], width: usize) -> impl Iterator<Item = String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, block) in list.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        lines.extend(block_lines(block, width));
    }
    lines.into_iter()
}

fn indent(lines: impl IntoIterator<Item = String>, first: &str, rest: &str) -> Vec<String> {
    let place = |(i, line): (usize, String)| match (i, line.is_empty()) {
        (_, true) => line,
        (0, _) => format!("{first}{line}"),
        _ => format!("{rest}{line}"),
    };
    lines.into_iter().enumerate().map(place).collect()
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) | Span::Emph(t) | Span::Strong(t) => t.clone(),
            Span::Code(t) => format!("\"{t}\""),
            Span::Call(name) => format!("GuestFS.{}", python_ident(name)),
            Span::Page { name, section } => format!("{name}({section})"),
            Span::Link { text, url } if text == url => format!("<{url}>"),
            Span::Link { text, url } => format!("{text} <{url}>"),
        })
        .collect()
}

/// Break at blanks; a longer word stands alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docstrings_are_safe_and_wrapped() {
        let para = |t: &str| Block::Para(vec![Span::Text(t.to_owned()), Span::Code("\\x \"\"\"".to_owned())]);
        let doc = Doc { blocks: vec![para("use "), Block::List(vec![vec![para("item ")]])] };
        let text = docstring("do it", &doc);
        // Three quotes together are escaped; a fourth is harmless, save at the very end.
        assert_eq!(text, "Do it.\n\nuse \"\\\\x \\\"\\\"\\\"\"\n\n- item \"\\\\x \\\"\\\"\\\"\\\"");
        let long = wrap(&"word ".repeat(40), 20);
        assert!(long.iter().all(|l| l.len() <= 20) && long.len() == 10);
    }
}
