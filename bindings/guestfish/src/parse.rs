//! One line of input, taken apart.
//!
//! In: the bytes of a line. Out: a [`Line`], which holds the mistake when its quotes are wrong. Words are separated by blanks; a
//! word that begins with a quote is quoted as a whole; a word that begins with `|` starts the command of
//! the host that reads the output. guestfish(1), "QUOTING", "PIPES", "RUNNING COMMANDS LOCALLY".

use crate::error::{Error, Result};
use bstr::{BString, ByteSlice};

/// A line: what it asks for, and whether it may fail.
#[derive(Debug, Clone)]
pub struct Line {
    /// `-`: failure, mistakes in the line included, is no reason to stop.
    pub ignore_errors: bool,
    pub action: Result<Action>,
}

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Blank or comment.
    Nothing,
    /// `!`: a command of the host.
    Local(BString),
    /// `<!`: a command of the host whose output is run.
    Inline(BString),
    /// A command of the shell.
    Command { name: BString, words: Vec<Word>, pipe: Option<BString> },
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub text: BString,
    /// Was in quotes: `~` stands for itself.
    pub quoted: bool,
}

/// Take a line apart.
pub fn line(text: &[u8]) -> Line {
    let mut rest = skip_space(text);
    let mut ignore_errors = false;
    while let [b'-', tail @ ..] = rest {
        ignore_errors = true;
        rest = skip_space(tail);
    }
    let action = match rest {
        [] | [b'#', ..] => Ok(Action::Nothing),
        [b'!', command @ ..] => Ok(Action::Local(command.into())),
        [b'<', b'!', command @ ..] => Ok(Action::Inline(command.into())),
        _ => {
            let (name, tail) = split_word(rest);
            command(name, tail)
        }
    };
    Line { ignore_errors, action }
}

fn command(name: &[u8], mut rest: &[u8]) -> Result<Action> {
    let mut words = Vec::new();
    let mut pipe = None;
    loop {
        rest = skip_blanks(rest);
        let (word, tail) = match rest {
            [] => break,
            [b'|', command @ ..] => {
                pipe = Some(command.into());
                break;
            }
            [b'"', tail @ ..] => double_quoted(tail)?,
            [b'\'', tail @ ..] => {
                let end = tail.find_byte(b'\'').ok_or_else(|| Error::new("unterminated single quote"))?;
                let (inside, after) = tail.split_at(end);
                (Word { text: inside.into(), quoted: true }, after.get(1..).unwrap_or_default())
            }
            _ => {
                let (word, tail) = split_word(rest);
                (Word { text: word.into(), quoted: false }, tail)
            }
        };
        if word.quoted && tail.first().is_some_and(|b| !is_blank(*b)) {
            return Err(Error::new("command arguments not separated by whitespace")
                .note("help: a closing quote must be followed by a blank or the end of the line."));
        }
        words.push(word);
        rest = tail;
    }
    Ok(Action::Command { name: name.into(), words, pipe })
}

/// The inside of a double-quoted word, up to and without its closing quote, and what follows it.
pub(crate) fn double_quoted(text: &[u8]) -> Result<(Word, &[u8])> {
    let mut out = BString::default();
    let mut at = 0;
    loop {
        match text.get(at..).unwrap_or_default() {
            [] => return Err(Error::new("unterminated double quote")),
            [b'"', tail @ ..] => return Ok((Word { text: out, quoted: true }, tail)),
            [b'\\', tail @ ..] => {
                let (byte, used) = escape(tail).ok_or_else(|| {
                    Error::new(format!("invalid escape sequence in string (starting at offset {at})"))
                        .note(r#"help: known are \a \b \f \n \r \t \v \\ \" \' \? \ooo (three octal digits) and \xhh, but not \000."#)
                })?;
                out.push(byte);
                at += 1 + used;
            }
            [byte, ..] => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

/// The byte that an escape stands for and its length, both without the backslash.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let digit = |byte: u8, radix| char::from(byte).to_digit(radix);
    let (value, used) = match *text {
        [b'a', ..] => (7, 1),
        [b'b', ..] => (8, 1),
        [b'f', ..] => (12, 1),
        [b'n', ..] => (10, 1),
        [b'r', ..] => (13, 1),
        [b't', ..] => (9, 1),
        [b'v', ..] => (11, 1),
        [byte @ (b'\\' | b'"' | b'\'' | b'?'), ..] => (u32::from(byte), 1),
        [b'x', high, low, ..] => (digit(high, 16)? * 16 + digit(low, 16)?, 3),
        [a, b, c, ..] => (digit(a, 8)? * 64 + digit(b, 8)? * 8 + digit(c, 8)?, 3),
        _ => return None,
    };
    // NUL cannot be part of a string; \400 and above are no bytes.
    u8::try_from(value).ok().filter(|v| *v != 0).map(|v| (v, used))
}

/// The first word of `text`, which begins with no blank, and the rest.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| is_blank(*b)).unwrap_or(text.len()))
}

/// Before the command more is skipped than between words: a line of CR alone is blank.
fn skip_space(text: &[u8]) -> &[u8] {
    text.trim_start_with(|c| matches!(c, ' ' | '\t'..='\r'))
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    text.trim_start_with(|c| c == ' ' || c == '\t')
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        match line(text.as_bytes()).action.unwrap() {
            Action::Command { words, .. } => words.iter().map(|w| w.text.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn quoting() {
        let cases: &[(&str, &[&str])] = &[
            ("echo a b", &["a", "b"]),
            ("  echo\ta    b   ", &["a", "b"]),
            (r#"echo "a b" c"#, &["a b", "c"]),
            ("echo 'a b' c", &["a b", "c"]),
            (r#"echo "a\tb\x41\101""#, &["a\tbAA"]),
            (r#"echo "\'\?""#, &["'?"]),
            (r#"echo "\a\b\f\v\r\\\"""#, &["\x07\x08\x0c\x0b\r\\\""]),
            (r#"echo ab"c d""#, &["ab\"c", "d\""]),
            ("echo a # b", &["a", "#", "b"]),
            ("echo x|cat -n", &["x|cat", "-n"]),
            (r#"echo "|" x"#, &["|", "x"]),
            ("echo ''", &[""]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), *expected, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        let cases = [
            (r#"echo "a"#, "unterminated double quote"),
            ("echo 'a", "unterminated single quote"),
            (r#"echo "a"b"#, "command arguments not separated by whitespace"),
            (r#"echo "a""b""#, "command arguments not separated by whitespace"),
            (r#"echo "a\qb""#, "invalid escape sequence in string (starting at offset 1)"),
            (r#"echo "\000""#, "invalid escape sequence in string (starting at offset 0)"),
            (r#"echo "\x00""#, "invalid escape sequence in string (starting at offset 0)"),
            (r#"echo "\18""#, "invalid escape sequence in string (starting at offset 0)"),
            (r#"echo "\777""#, "invalid escape sequence in string (starting at offset 0)"),
            (r#"echo "\xg1""#, "invalid escape sequence in string (starting at offset 0)"),
            ("echo \"\\", "invalid escape sequence in string (starting at offset 0)"),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text.as_bytes()).action.unwrap_err().message(), expected, "{text}");
        }
    }

    #[test]
    fn prefixes_and_pipes() {
        let action = |text: &str| line(text.as_bytes()).action.unwrap();
        for text in ["", "   ", "# c", "\t # c", "-", "- # c", "\r", " \x0b\x0c\r", "-\r"] {
            assert_eq!(action(text), Action::Nothing, "{text}");
        }
        assert_eq!(action(" !ls -l"), Action::Local("ls -l".into()));
        assert_eq!(action("<! echo"), Action::Inline(" echo".into()));
        let a = Word { text: "a".into(), quoted: false };
        let expected = Action::Command { name: "x".into(), words: vec![a], pipe: Some("sort | head".into()) };
        assert_eq!(action("- -x a |sort | head"), expected);
        assert!(line(b"- -x 'a").ignore_errors && !line(b"x").ignore_errors);
    }
}
