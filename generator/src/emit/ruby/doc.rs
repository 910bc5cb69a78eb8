//! Docs as RDoc's markup, for comments.
//!
//! In: a doc. Out: lines that rdoc and ri read: code between `<code>` or plus signs, calls as `#mkdir`.

use crate::model::doc::{Block, Doc, Span};

/// Columns of the text.
const WIDTH: usize = 96;

/// Summary as a sentence, and text.
pub fn lines(summary: &str, docs: &[Doc]) -> Vec<String> {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut lines = vec![format!("{first}{}.", escape(chars.as_str()))];
    for block in docs.iter().flat_map(|d| &d.blocks) {
        lines.push(String::new());
        lines.extend(block_lines(block, WIDTH));
    }
    lines
}

fn block_lines(block: &Block, width: usize) -> Vec<String> {
    match block {
        Block::Para(spans) => wrap(&inline(spans), width),
        Block::Code(code) => code.lines().map(|l| format!("    {l}").trim_end().to_owned()).collect(),
        Block::List(items) => items.iter().flat_map(|i| item(blocks(i, width - 2))).collect(),
        Block::Definitions(list) => list
            .iter()
            .flat_map(|(term, text)| match text.split_first() {
                // The term begins the first paragraph.
                Some((Block::Para(first), rest)) => {
                    let mut lines = wrap(&format!("{}: {}", inline(term), inline(first)), width - 2);
                    if !rest.is_empty() {
                        lines.push(String::new());
                        lines.extend(blocks(rest, width - 2));
                    }
                    item(lines)
                }
                _ => item(std::iter::once(inline(term)).chain(blocks(text, width - 2)).collect()),
            })
            .collect(),
    }
}

fn blocks(list: &[Block], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, block) in list.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        lines.extend(block_lines(block, width));
    }
    lines
}

/// A list item, whose further lines are indented below its first.
fn item(lines: Vec<String>) -> Vec<String> {
    let place = |(i, line): (usize, String)| match (i, line.is_empty()) {
        (_, true) => line,
        (0, _) => format!("- {line}"),
        _ => format!("  {line}"),
    };
    lines.into_iter().enumerate().map(place).collect()
}

fn inline(spans: &[Span]) -> String {
    spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(t) => escape(t),
        Span::Code(t) => code(t),
        Span::Emph(t) => format!("<em>{}</em>", escape(t)),
        Span::Strong(t) => format!("<b>{}</b>", escape(t)),
        Span::Call(name) => format!("#{name}"),
        Span::Page { name, section } => format!("{name}({section})"),
        Span::Link { text, url } if text == url => url.clone(),
        Span::Link { text, url } => format!("{{{}}}[{url}]", escape(text)),
    }
}

/// Plus signs enclose a word only.
fn code(text: &str) -> String {
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        format!("+{text}+")
    } else {
        format!("<code>{}</code>", text.replace('\\', "\\\\").replace("</", "\\</"))
    }
}

/// What begins markup around words and in tags.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        if matches!(c, '\\' | '<' | '{') || (matches!(c, '*' | '_' | '+') && !last.is_alphanumeric()) {
            out.push('\\');
        }
        out.push(c);
        last = c;
    }
    out
}

/// Break at blanks, but not before what begins a list, a heading or a label.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width || marker(word) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn marker(word: &str) -> bool {
    let label = |w: &str| w.bytes().all(|b| b.is_ascii_digit()) || w.len() == 1;
    matches!(word, "-" | "*" | "+" | "\\*" | "\\+")
        || word.starts_with(['=', '[', '|'])
        || word.ends_with("::")
        || word.strip_suffix('.').is_some_and(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_every_kind_of_block_and_span() {
        let text = "See [mkdir], [lvm(8)], `a*b`, `ab`, *em*, **st** and [x](https://e.org); a <b> 3 +c 4_5.\n\n- `k`: one\n\n  more\n- `l`: two\n\n```\nraw *x*\n```\n";
        let doc = crate::source::doc::parse(text).unwrap();
        let expected = "Sum.\n\nSee #mkdir, lvm(8), <code>a*b</code>, +ab+, <em>em</em>, <b>st</b> and {x}[https://e.org]; a\n\\<b> 3 \\+c 4_5.\n\n- +k+: one\n\n  more\n- +l+: two\n\n    raw *x*";
        assert_eq!(lines("sum", &[doc]).join("\n"), expected);
    }

    #[test]
    fn lines_do_not_begin_lists() {
        let lines = wrap(&"word - 1. ".repeat(40), 20);
        assert!(lines.iter().all(|l| l.starts_with("word")), "{lines:?}");
    }
}
