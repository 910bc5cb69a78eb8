//! Docs as ocamldoc comments.
//!
//! In: a call's doc. Out: text that can stand between `(**` and `*)`: the compiler reads strings,
//! characters and nested comments even there, so what could start one is respelt.

use crate::model::doc::{Block, Doc, Span};
use crate::model::name::ocaml_ident;

/// Summary and text.
pub fn comment(summary: &str, doc: &Doc) -> String {
    let mut chars = summary.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut parts = vec![text(&format!("{first}{}.", chars.as_str()))];
    parts.extend(doc.blocks.iter().map(block));
    quiet(&parts.join("\n\n"))
}

fn block(block: &Block) -> String {
    match block {
        Block::Para(spans) => inline(spans),
        // In code, ocamldoc reads only backslash and the closing mark.
        Block::Code(code) => format!("{{[\n{}\n]}}", code.replace('\\', "\\\\").replace("]}", "] }")),
        Block::List(items) => {
            let items: Vec<String> = items.iter().map(|i| format!("{{- {}}}", blocks(i))).collect();
            format!("{{ul\n{}}}", items.join("\n"))
        }
        Block::Definitions(list) => {
            let items: Vec<String> =
                list.iter().map(|(term, text)| format!("{{- {}: {}}}", inline(term), blocks(text))).collect();
            format!("{{ul\n{}}}", items.join("\n"))
        }
    }
}

fn blocks(list: &[Block]) -> String {
    list.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

fn inline(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(t) => text(t),
            Span::Code(t) => code(t),
            Span::Emph(t) => format!("{{i {}}}", text(t)),
            Span::Strong(t) => format!("{{b {}}}", text(t)),
            Span::Call(name) => code(&format!("Guestfs.{}", ocaml_ident(name))),
            Span::Page { name, section } => code(&format!("{name}({section})")),
            Span::Link { text: t, url } => format!("{{{{:{url}}}{}}}", text(t)),
        })
        .collect()
}

fn text(t: &str) -> String {
    escape(t, &['{', '}', '[', ']', '@', '\\'])
}

/// Inside `[…]` brackets may nest but not stand alone: escaping all is simplest.
fn code(t: &str) -> String {
    format!("[{}]", escape(t, &['[', ']', '{', '}', '@', '\\']))
}

fn escape(t: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(t.len());
    for c in t.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Nothing that the lexer would take for a string, a quoted string or a comment.
fn quiet(t: &str) -> String {
    let mut out = String::with_capacity(t.len());
    let mut open = false;
    let mut last = ' ';
    for c in t.chars() {
        match c {
            '"' => {
                open = !open;
                out.push(if open { '“' } else { '”' });
            }
            '*' if last == '(' => out.push_str(" *"),
            ')' if last == '*' => out.push_str(" )"),
            '|' if in_quoted_string_start(&out) => out.push_str(" |"),
            _ => out.push(c),
        }
        last = c;
    }
    out
}

/// `{`, `{a` and `{a_b` before a bar start a quoted string.
fn in_quoted_string_start(before: &str) -> bool {
    before.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '_').ends_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_cannot_break_the_lexer() {
        let spans = vec![Span::Text("a \"b (* c *) {x| d [e] @f".to_owned()), Span::Code("g]".to_owned())];
        let got = comment("sum", &Doc { blocks: vec![Block::Para(spans)] });
        assert_eq!(got, "Sum.\n\na “b ( * c * ) \\{x | d \\[e\\] \\@f[g\\]]");
    }
}
