//! The prompt and the strings around it: `GUESTFISH_PS1`, `_OUTPUT`, `_INIT`, `_RESTORE`.
//!
//! In: strings with escapes. Out: the bytes to print; for the prompt also the text without what `\[…\]`
//! marks as taking no room. guestfish(1), "PROMPT".

use crate::error::Result;
use std::io::Write;

/// The prompt when `GUESTFISH_PS1` is not set.
pub const DEFAULT: &str = "><fs> ";

/// The prompt inside a `-<<END` upload.
const MORE: &str = "> ";

/// A prompt: what is printed, and the part of it that takes room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub visible: String,
    pub printed: String,
}

/// The prompt of the moment; `more` is true inside a `-<<END` upload.
pub fn prompt(more: bool) -> Prompt {
    let plain = |text: &str| Prompt { visible: text.into(), printed: text.into() };
    match std::env::var("GUESTFISH_PS1") {
        _ if more => plain(MORE),
        Ok(text) => decode(&text),
        Err(_) => plain(DEFAULT),
    }
}

/// Print what a variable says, if it is set.
pub fn emit(variable: &str, out: &mut crate::print::Output) -> Result<()> {
    match std::env::var(variable) {
        Ok(text) => {
            out.bytes(decode(&text).printed.as_bytes())?;
            out.flush()
        }
        Err(_) => Ok(()),
    }
}

/// Print the welcome of an interactive shell.
pub fn welcome() {
    let text = "\nThis is guestfish, a shell for what is inside the disks of virtual machines.\n\n  \
        help     what to do next       help -l   all commands\n  \
        man      the manual            quit      leave\n\n";
    // A terminal that is gone shows at the first prompt.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn decode(text: &str) -> Prompt {
    let mut prompt = Prompt { visible: String::new(), printed: String::new() };
    let mut hidden = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        let c = match (c, rest.chars().next()) {
            ('\\', Some('[')) | ('\\', Some(']')) => {
                hidden = rest.starts_with('[');
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            ('\\', Some(_)) => {
                let (c, used) = escape(rest);
                rest = rest.get(used..).unwrap_or_default();
                c
            }
            (c, _) => c,
        };
        prompt.printed.push(c);
        if !hidden {
            prompt.visible.push(c);
        }
    }
    prompt
}

/// What the escape whose backslash was read stands for, and its length. Unknown ones stand for a backslash.
fn escape(text: &str) -> (char, usize) {
    let number = |from: usize, to: usize, radix| {
        let digits = text.get(from..to).filter(|d| d.chars().all(|c| c.is_digit(radix)))?;
        u8::from_str_radix(digits, radix).ok().map(|n| (char::from(n), to))
    };
    let plain = match text.as_bytes().first() {
        Some(b'a') => Some('\x07'),
        Some(b'e') => Some('\x1b'),
        Some(b'n') => Some('\n'),
        Some(b'r') => Some('\r'),
        Some(b'\\') => Some('\\'),
        Some(b'x') => return number(1, 3, 16).unwrap_or(('\\', 0)),
        _ => None,
    };
    plain.map(|c| (c, 1)).or_else(|| number(0, 3, 8)).unwrap_or(('\\', 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let cases = [
            ("(x) ", "(x) ", "(x) "),
            (r"\[\e[1;30m\]><fs>\[\e[0;30m\] ", "\x1b[1;30m><fs>\x1b[0;30m ", "><fs> "),
            (r"\\\n\r\a\x41\101\q", "\\\n\r\x07AA\\q", "\\\n\r\x07AA\\q"),
            (r"\x4", r"\x4", r"\x4"),
            ("é\\", "é\\", "é\\"),
        ];
        for (text, printed, visible) in cases {
            assert_eq!(decode(text), Prompt { visible: visible.into(), printed: printed.into() }, "{text}");
        }
    }
}
