//! Docs as plain text, for languages whose doc comments are little more than that.
//!
//! In: a call's doc, and how a language spells the parts of a sentence. Out: wrapped lines: code is indented by four,
//! items begin with a dash.

use crate::model::doc::{Block, Doc, Span};

/// How a language writes its comments.
pub struct Style<'a> {
    /// Columns of the text.
    pub width: usize,
    /// A part of a sentence: code, references to calls, links.
    pub span: &'a dyn Fn(&Span) -> String,
}

/// Summary as a sentence, and text.
pub fn lines(summary: &str, doc: &Doc, style: &Style) -> Vec<String> {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = vec![format!("{first}{}.", chars.as_str())];
    for block in &doc.blocks {
        lines.push(String::new());
        lines.extend(block_lines(block, style, style.width));
    }
    lines
}

fn block_lines(block: &Block, style: &Style, width: usize) -> Vec<String> {
    match block {
        Block::Para(spans) => wrap(&inline(spans, style), width),
        Block::Code(code) => indent(code.lines().map(str::to_owned), "    ", "    "),
        Block::List(items) => items.iter().flat_map(|i| indent(blocks(i, style, width - 2), "- ", "  ")).collect(),
        Block::Definitions(list) => list
            .iter()
            .flat_map(|(term, text)| {
                let mut lines = vec![inline(term, style)];
                lines.extend(indent(blocks(text, style, width - 4), "    ", "    "));
                lines
            })
            .collect(),
    }
}

fn blocks(list: &[Block], style: &Style, width: usize) -> impl Iterator<Item = String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, block) in list.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        lines.extend(block_lines(block, style, width));
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

fn inline(spans: &[Span], style: &Style) -> String {
    spans.iter().map(style.span).collect()
}

/// Break at blanks; a longer word stands alone.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
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
    fn lines_are_wrapped() {
        let long = wrap(&"word ".repeat(40), 20);
        assert!(long.iter().all(|l| l.len() <= 20) && long.len() == 10);
    }
}
