//! What tools say, in the client's terms.
//!
//! In: their text, with our names of devices and of the guest's files. Out: the same with those of the API.

use crate::ctx::Ctx;
use crate::error::Error;
use bstr::{BString, ByteSlice};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A text in which names stand between blanks, in quotes or not, with punctuation behind them or not.
pub fn plain(ctx: &Ctx, text: &[u8]) -> BString {
    let sysroot = ctx.sysroot().as_os_str().as_bytes();
    let words = text.split_inclusive(|b| b" \n".contains(b)).map(|word| {
        let bare = word.trim_end_with(|c| matches!(c, ' ' | '\n' | ',' | '.' | ':' | '\'' | '`' | '"'));
        let (name, rest) = word.split_at(bare.len());
        let quotes = name.iter().take_while(|b| b"'`\"".contains(b)).count();
        let (quotes, name) = name.split_at(quotes);
        let plain = match name.strip_prefix(sysroot) {
            _ if name.starts_with(b"/dev/") => ctx.api_device_name(name.as_bstr()),
            Some(rest) if rest.starts_with(b"/") && ctx.sysroot() != Path::new("/") => rest.into(),
            Some(b"") => "/".into(),
            _ => name.into(),
        };
        bstr::concat([quotes, &plain[..], rest])
    });
    bstr::concat(words).into()
}

/// A tool's complaint in these terms.
pub fn error(ctx: &Ctx, error: &Error) -> Error {
    error.reworded(plain(ctx, error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn names_of_files() {
        let g = Guest::new();
        let root = g.ctx.sysroot().display().to_string();
        for (said, want) in [
            (format!("x: '{root}/a/b': no such file\n"), "x: '/a/b': no such file\n"),
            (format!("{root}: not a directory"), "/: not a directory"),
            (format!("{root}x is \"{root}/y\".\nEnd"), &format!("{root}x is \"/y\".\nEnd")),
            ("no name".into(), "no name"),
        ] {
            assert_eq!(plain(&g.ctx, said.as_bytes()), want, "{said}");
        }
    }
}
