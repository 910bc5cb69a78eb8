//! Doc markup: the cut-down Markdown of `api.toml`.
//!
//! In: the text of a `doc` key. Out: a [`Doc`], or the first mistake with its byte offset.
//!
//! Blocks are paragraphs, `- item` lists (continuation lines indented by two), definition items
//! (``- `term`: text``) and fenced code. Inline there is `` `code` ``, `*emphasis*`, `**strong**`,
//! `[call]`, `[page(8)]` and `[text](url)`.

use crate::model::doc::{Block, Doc, Span};
use crate::source::SyntaxError;

/// Parse a whole doc text.
pub fn parse(text: &str) -> Result<Doc, SyntaxError> {
    let mut offset = 0;
    let mut lines = Vec::new();
    for raw in text.split('\n') {
        lines.push(Line { text: raw.trim_end(), offset });
        offset += raw.len() + 1;
    }
    Ok(Doc { blocks: blocks(&lines)? })
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Line<'a> {
    fn blank(&self) -> bool {
        self.text.is_empty()
    }

    /// The line without its first `n` bytes (all blanks or ASCII at that place).
    fn skip(&self, n: usize) -> Line<'a> {
        let n = n.min(self.text.len());
        Line { text: &self.text[n..], offset: self.offset + n }
    }
}

fn blocks(lines: &[Line<'_>]) -> Result<Vec<Block>, SyntaxError> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        if line.blank() {
            i += 1;
        } else if line.text.starts_with("```") {
            let end = (i + 1..lines.len())
                .find(|j| lines[*j].text == "```")
                .ok_or_else(|| SyntaxError::new(line.offset, "this code fence is never closed"))?;
            let code: Vec<&str> = lines[i + 1..end].iter().map(|l| l.text).collect();
            out.push(Block::Code(code.join("\n")));
            i = end + 1;
        } else if line.text.starts_with("- ") {
            let end = list_end(lines, i);
            out.push(list(&lines[i..end])?);
            i = end;
        } else {
            if line.text.starts_with(' ') {
                return Err(SyntaxError::new(line.offset, "a paragraph may not be indented"));
            }
            let end = (i..lines.len())
                .find(|j| lines[*j].blank() || lines[*j].text.starts_with("- ") || lines[*j].text.starts_with("```"))
                .unwrap_or(lines.len());
            out.push(Block::Para(spans(&join(&lines[i..end]))?));
            i = end;
        }
    }
    Ok(out)
}

/// One past the last line of the list that begins at `start`: items, their indented lines, and blank
/// lines between them.
fn list_end(lines: &[Line<'_>], start: usize) -> usize {
    let mut end = start;
    for (j, line) in lines.iter().enumerate().skip(start) {
        if line.text.starts_with("- ") || line.text.starts_with("  ") {
            end = j + 1;
        } else if !line.blank() {
            break;
        }
    }
    end
}

fn list(lines: &[Line<'_>]) -> Result<Block, SyntaxError> {
    let mut items: Vec<Vec<Line<'_>>> = Vec::new();
    for line in lines {
        if line.text.starts_with("- ") {
            items.push(vec![line.skip(2)]);
        } else if let Some(item) = items.last_mut() {
            item.push(if line.blank() { *line } else { line.skip(2) });
        }
    }
    let terms: Vec<Option<(usize, usize)>> = items.iter().map(|i| term(i[0].text)).collect();
    if terms.iter().any(Option::is_none) {
        return Ok(Block::List(items.iter().map(|i| blocks(i)).collect::<Result<_, _>>()?));
    }
    let mut definitions = Vec::new();
    for (mut item, term) in items.into_iter().zip(terms.into_iter().flatten()) {
        let first = item[0];
        let head = spans(&[(first.offset, first.text[..term.0].to_owned())])?;
        item[0] = first.skip(term.1);
        definitions.push((head, blocks(&item)?));
    }
    Ok(Block::Definitions(definitions))
}

/// End of the term and start of the text, when an item reads ``…`: text`` with a term made of code
/// spans only (several are joined by commas).
fn term(item: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        let code = item[at..].strip_prefix('`')?;
        at += 1 + code.find('`')? + 1;
        if let Some(rest) = item[at..].strip_prefix(':') {
            return Some((at, at + 1 + rest.len() - rest.trim_start().len()));
        }
        at += item[at..].strip_prefix(", ").map(|_| 2)?;
    }
}

/// Lines of a paragraph with the offset of each.
fn join(lines: &[Line<'_>]) -> Vec<(usize, String)> {
    lines.iter().map(|l| (l.offset, l.text.trim_start().to_owned())).collect()
}

/// Parse inline markup of a run of lines.
fn spans(lines: &[(usize, String)]) -> Result<Vec<Span>, SyntaxError> {
    let text = lines.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>().join("\n");
    let mut out: Vec<Span> = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    let fail = |at: usize, message: &str| Err(SyntaxError::new(source_offset(lines, at), message));
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (span, len) = if let Some(body) = rest.strip_prefix('`') {
            let Some(end) = body.find('`') else { return fail(at, "this backquote is never closed") };
            (Span::Code(flat(&body[..end])), end + 2)
        } else if let Some(body) = rest.strip_prefix("**") {
            let Some(end) = body.find("**") else { return fail(at, "this ** is never closed") };
            (Span::Strong(flat(&body[..end])), end + 4)
        } else if rest.starts_with('*') && !rest[1..].starts_with(char::is_whitespace) {
            let Some(end) = rest[1..].find('*') else { return fail(at, "this * is never closed; write code in `…`") };
            (Span::Emph(flat(&rest[1..=end])), end + 2)
        } else if let Some(body) = rest.strip_prefix('[') {
            let Some(end) = body.find(']') else { return fail(at, "this [ is never closed") };
            match reference(&flat(&body[..end]), &body[end + 1..]) {
                Some((span, extra)) => (span, end + 2 + extra),
                None => return fail(at, "not a call, a page like [lvm(8)] or a [text](url) link"),
            }
        } else {
            plain.push(if c == '\n' { ' ' } else { c });
            at += c.len_utf8();
            continue;
        };
        if !plain.is_empty() {
            out.push(Span::Text(std::mem::take(&mut plain)));
        }
        out.push(span);
        at += len;
    }
    if !plain.is_empty() {
        out.push(Span::Text(plain));
    }
    Ok(out)
}

fn flat(s: &str) -> String {
    s.replace('\n', " ")
}

/// What stands between brackets, given what follows them; and how many bytes of that belong to it.
fn reference(inner: &str, after: &str) -> Option<(Span, usize)> {
    if let Some(url) = after.strip_prefix('(') {
        let end = url.find(')')?;
        return Some((Span::Link { text: inner.to_owned(), url: url[..end].to_owned() }, end + 2));
    }
    if let Some((name, section)) = inner.strip_suffix(')').and_then(|s| s.split_once('(')) {
        let page = !name.is_empty() && section.starts_with(|c: char| c.is_ascii_digit());
        return page.then(|| (Span::Page { name: name.to_owned(), section: section.to_owned() }, 0));
    }
    super::signature::is_call_name(inner).then(|| (Span::Call(inner.to_owned()), 0))
}

/// Offset in the doc text of byte `at` of the joined lines.
fn source_offset(lines: &[(usize, String)], mut at: usize) -> usize {
    for (offset, text) in lines {
        if at <= text.len() {
            return offset + at;
        }
        at -= text.len() + 1;
    }
    lines.last().map_or(0, |(o, t)| o + t.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Span {
        Span::Text(s.into())
    }

    #[test]
    fn inline_markup() {
        let doc = parse("See [mkdir], [lvm(8)] and\n`code`, *em*, **strong**, [x](https://e.org).").unwrap();
        assert_eq!(
            doc.blocks,
            [Block::Para(vec![
                text("See "),
                Span::Call("mkdir".into()),
                text(", "),
                Span::Page { name: "lvm".into(), section: "8".into() },
                text(" and "),
                Span::Code("code".into()),
                text(", "),
                Span::Emph("em".into()),
                text(", "),
                Span::Strong("strong".into()),
                text(", "),
                Span::Link { text: "x".into(), url: "https://e.org".into() },
                text("."),
            ])]
        );
    }

    #[test]
    fn lists_definitions_and_code() {
        let doc =
            parse("\nIntro\n- one\n  more\n- two\n\n```\n a *b*\n```\n\n- `x`: first\n- `y`, `z`: second\n").unwrap();
        let para = |s: &str| vec![Block::Para(vec![text(s)])];
        let code = |s: &str| Span::Code(s.into());
        assert_eq!(
            doc.blocks,
            [
                Block::Para(vec![text("Intro")]),
                Block::List(vec![para("one more"), para("two")]),
                Block::Code(" a *b*".into()),
                Block::Definitions(vec![
                    (vec![code("x")], para("first")),
                    (vec![code("y"), text(", "), code("z")], para("second")),
                ]),
            ]
        );
    }

    #[test]
    fn mistakes_have_places() {
        for (input, offset) in [("ab `c", 3), ("a\nb [C d]", 4), ("```\nx", 0), ("x\n\n  y", 3), ("a *b", 2)] {
            assert_eq!(parse(input).map_err(|e| e.offset), Err(offset), "{input:?}");
        }
    }
}
