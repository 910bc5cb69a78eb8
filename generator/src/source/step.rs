//! The test-step grammar: a shell command line, then optionally `=> EXPECT`.
//!
//! In: one line. Out: its words and the raw expectation ([`RawStep`]), or a mistake with its byte
//! offset. Types are checked later, in `check/steps.rs`.

use crate::model::step::{Expect, Value};
use crate::source::SyntaxError;

/// A step before it is checked against the model.
#[derive(Debug, Clone, PartialEq)]
pub struct RawStep {
    pub words: Vec<Word>,
    pub expect: Expect,
    /// Where the expectation begins.
    pub expect_offset: usize,
}

/// One word of the command, quotes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub bytes: Vec<u8>,
    pub offset: usize,
    /// Had quotes around it, so it is never NULL or an option.
    pub quoted: bool,
}

impl Word {
    /// The word as text; test data that is not UTF-8 is only allowed in buffers.
    pub fn text(&self) -> Result<&str, SyntaxError> {
        std::str::from_utf8(&self.bytes).map_err(|_| SyntaxError::new(self.offset, "not UTF-8"))
    }
}

/// Parse one step.
pub fn parse(line: &str) -> Result<RawStep, SyntaxError> {
    let (words, rest) = words(line)?;
    if words.is_empty() {
        return Err(SyntaxError::new(0, "a step begins with a command"));
    }
    let expect_offset = line.len() - rest.len();
    let expect = match rest.is_empty() {
        true => Expect::Ok,
        false => expectation(rest.trim()).map_err(|m| SyntaxError::new(expect_offset, &m))?,
    };
    Ok(RawStep { words, expect, expect_offset })
}

/// Split into words up to `=>`; also returns what follows it.
fn words(line: &str) -> Result<(Vec<Word>, &str), SyntaxError> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        at += line[at..].len() - line[at..].trim_start().len();
        let rest = &line[at..];
        if rest.is_empty() {
            return Ok((words, ""));
        }
        if let Some(expect) = rest.strip_prefix("=>") {
            if expect.trim().is_empty() {
                return Err(SyntaxError::new(at, "nothing stands after =>"));
            }
            return Ok((words, expect.trim_start()));
        }
        let (word, len) = word(rest, at)?;
        words.push(word);
        at += len;
    }
}

fn word(rest: &str, offset: usize) -> Result<(Word, usize), SyntaxError> {
    let closed = |len: usize| match rest[len..].chars().next() {
        None | Some(' ') => Ok(len),
        Some(_) => Err(SyntaxError::new(offset + len, "a blank must follow the closing quote")),
    };
    if let Some(body) = rest.strip_prefix('\'') {
        let end = body.find('\'').ok_or_else(|| SyntaxError::new(offset, "this quote is never closed"))?;
        let word = Word { bytes: body.as_bytes()[..end].to_vec(), offset, quoted: true };
        return Ok((word, closed(end + 2)?));
    }
    if let Some(body) = rest.strip_prefix('"') {
        let (bytes, len) = escaped(body, offset + 1)?;
        return Ok((Word { bytes, offset, quoted: true }, closed(len + 2)?));
    }
    let end = rest.find(' ').unwrap_or(rest.len());
    // `name:"quoted value"` keeps its blanks.
    if let Some(quote) = rest[..end].find(":\"") {
        let (value, len) = escaped(&rest[quote + 2..], offset + quote + 2)?;
        let mut bytes = rest.as_bytes()[..=quote].to_vec();
        bytes.extend(value);
        return Ok((Word { bytes, offset, quoted: false }, closed(quote + len + 3)?));
    }
    Ok((Word { bytes: rest.as_bytes()[..end].to_vec(), offset, quoted: false }, end))
}

/// The body of a double-quoted word up to its closing quote, and its length in the source.
fn escaped(body: &str, offset: usize) -> Result<(Vec<u8>, usize), SyntaxError> {
    let mut out = Vec::new();
    let mut chars = body.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((out, i)),
            '\\' => {
                let bad = || SyntaxError::new(offset + i, "unknown escape; there are \\n \\t \\r \\\" \\\\ and \\xHH");
                match chars.next().ok_or_else(bad)?.1 {
                    'n' => out.push(b'\n'),
                    't' => out.push(b'\t'),
                    'r' => out.push(b'\r'),
                    '"' => out.push(b'"'),
                    '\\' => out.push(b'\\'),
                    'x' => {
                        let hex: String = chars.by_ref().take(2).map(|(_, c)| c).collect();
                        out.push(u8::from_str_radix(&hex, 16).map_err(|_| bad())?);
                    }
                    _ => return Err(bad()),
                }
            }
            c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Err(SyntaxError::new(offset.saturating_sub(1), "this quote is never closed"))
}

fn expectation(text: &str) -> Result<Expect, String> {
    if text == "error" {
        return Ok(Expect::Error(None));
    }
    if let Some(errno) = text.strip_prefix("error ") {
        let errno = errno.trim();
        return is_errno(errno)
            .then(|| Expect::Error(Some(errno.into())))
            .ok_or("an errno name like ENOENT must follow".into());
    }
    if let Some(list) = text.strip_prefix("unordered ") {
        return match value(list)? {
            Value::List(items) => Ok(Expect::Unordered(items)),
            _ => Err("a list must follow unordered".into()),
        };
    }
    if let Some(part) = text.strip_prefix("contains ") {
        return match value(part)? {
            Value::Str(s) => Ok(Expect::Contains(s)),
            _ => Err("a string must follow contains".into()),
        };
    }
    Ok(Expect::Equals(value(text)?))
}

/// Whether a word has the form of `ENOENT`.
pub fn is_errno(word: &str) -> bool {
    word.starts_with('E') && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

fn value(text: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(&format!("v = {text}"))
        .map_err(|e| format!("not a TOML value, error, unordered or contains: {}", e.message()))?;
    table.get("v").ok_or_else(|| "not one TOML value".to_owned()).and_then(convert)
}

fn convert(v: &toml::Value) -> Result<Value, String> {
    Ok(match v {
        toml::Value::String(s) => Value::Str(s.clone()),
        toml::Value::Integer(i) => Value::Int(*i),
        toml::Value::Float(f) => Value::Float(*f),
        toml::Value::Boolean(b) => Value::Bool(*b),
        toml::Value::Array(a) => Value::List(a.iter().map(convert).collect::<Result<_, _>>()?),
        toml::Value::Table(t) => {
            Value::Table(t.iter().map(|(k, v)| Ok((k.clone(), convert(v)?))).collect::<Result<_, String>>()?)
        }
        toml::Value::Datetime(_) => return Err("dates are not results of any call".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(line: &str) -> Vec<String> {
        parse(line).unwrap().words.iter().map(|w| w.text().unwrap().to_owned()).collect()
    }

    #[test]
    fn words_and_quotes() {
        assert_eq!(words_of("mkdir-mode /d 0o111"), ["mkdir-mode", "/d", "0o111"]);
        assert_eq!(words_of(r#"write /a "x y\n\x41" => "v""#), ["write", "/a", "x y\nA"]);
        assert_eq!(
            words_of(r#"mkfs ext4 /dev/sda label:"a b" 'c  d'"#),
            ["mkfs", "ext4", "/dev/sda", "label:a b", "c  d"]
        );
    }

    #[test]
    fn expectations() {
        let expect = |line| parse(line).unwrap().expect;
        assert_eq!(expect("x"), Expect::Ok);
        assert_eq!(expect("x => error"), Expect::Error(None));
        assert_eq!(expect("x => error ENOENT"), Expect::Error(Some("ENOENT".into())));
        assert_eq!(expect("x => contains \"a\""), Expect::Contains("a".into()));
        assert_eq!(expect("x => unordered [1, 2]"), Expect::Unordered(vec![Value::Int(1), Value::Int(2)]));
        assert_eq!(
            expect("x => { mode = 0o40111 }"),
            Expect::Equals(Value::Table(vec![("mode".into(), Value::Int(0o40111))]))
        );
    }

    #[test]
    fn mistakes() {
        for line in ["", "=> 1", "x =>", "x 'a", "x \"a", "x \"\\q\"", "x => nope", "x => error enoent", "x 'a'b"] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }
}
