//! Docs as Haddock.
//!
//! In: a call's or struct's doc. Out: lines to stand behind `-- `, in which nothing but what is meant is markup.

use crate::emit::bind::text::wrap;
use crate::model::doc::{Block, Doc, Span};

/// Columns of the text.
const WIDTH: usize = 100;

/// Summary as a sentence, and text.
pub fn comment(summary: &str, doc: &Doc) -> Vec<String> {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = paragraph(&text(&format!("{first}{}.", chars.as_str())));
    for b in &doc.blocks {
        lines.push(String::new());
        lines.extend(block(b));
    }
    lines
}

/// Text alone.
pub fn plain(doc: &Doc) -> Vec<String> {
    blocks(&doc.blocks)
}

fn block(block: &Block) -> Vec<String> {
    match block {
        Block::Para(spans) => paragraph(&inline(spans)),
        Block::Code(code) => code.lines().map(|line| format!("> {line}")).collect(),
        Block::List(items) => items.iter().flat_map(|item| indented("* ", blocks(item))).collect(),
        Block::Definitions(list) => {
            let item = |(term, about): &(Vec<Span>, Vec<Block>)| {
                let mut lines = blocks(about);
                let term = format!("{}:", inline(term));
                match lines.first_mut() {
                    Some(first) => first.insert_str(0, &format!("{term} ")),
                    None => lines.push(term),
                }
                indented("* ", lines)
            };
            list.iter().flat_map(item).collect()
        }
    }
}

fn blocks(list: &[Block]) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, b) in list.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        lines.extend(block(b));
    }
    lines
}

/// An item: what follows its first line stands four columns in.
fn indented(mark: &str, lines: Vec<String>) -> Vec<String> {
    let place = |(i, line): (usize, String)| match (i, line.is_empty()) {
        (0, _) => format!("{mark}{line}"),
        (_, true) => line,
        _ => format!("    {line}"),
    };
    lines.into_iter().enumerate().map(place).collect()
}

/// Lines of which none begins as a list, code or heading does.
fn paragraph(text: &str) -> Vec<String> {
    let safe = |line: String| {
        let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['.', ')']);
        match line.starts_with(['*', '-', '=', '>', '|', '^', '(', '[', '+', '$']) || numbered {
            true => format!("\\{line}"),
            false => line,
        }
    };
    wrap(text, WIDTH).into_iter().map(safe).collect()
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) => text(t),
            Span::Code(t) => code(t),
            Span::Emph(t) => format!("/{}/", text(t)),
            Span::Strong(t) => format!("__{}__", text(t)),
            Span::Call(name) => code(name),
            Span::Page { name, section } => code(&format!("{name}({section})")),
            Span::Link { text: t, url } => format!("[{}]({url})", text(t)),
        })
        .collect()
}

/// As code.
pub fn code(t: &str) -> String {
    match t.is_empty() {
        true => String::new(),
        false => format!("@{}@", text(t)),
    }
}

fn text(t: &str) -> String {
    let mut out = String::with_capacity(t.len());
    for c in t.chars() {
        if matches!(c, '\\' | '/' | '\'' | '`' | '"' | '@' | '<' | '#' | '_' | '[' | ']' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_is_markup() {
        let spans = vec![Span::Text("- a /b/ 'c' \"D\" <e>".to_owned()), Span::Code("@".to_owned())];
        let blocks = vec![Block::Para(spans), Block::Code("x /y/".to_owned())];
        let got = comment("sum", &Doc { blocks });
        assert_eq!(got, ["Sum.", "", r#"\- a \/b\/ \'c\' \"D\" \<e>@\@@"#, "", "> x /y/"]);
    }
}
