//! The `debug` call: a look inside the appliance for those who work on it. Not a stable API, but for
//! `guestfs-rs`, the library's hello.
//!
//! In: a subcommand and its words. Out: text.

use crate::ctx::{Ctx, Role};
use crate::error::{zeroed, Context, Errno, Error, Result};
use crate::run::Tool;
use bstr::{BStr, BString, ByteSlice, ByteVec};
use guestfs_protocol::message::ERROR_MESSAGE_MAX;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

type Handler = fn(&mut Ctx, &[BString]) -> Result<BString>;

/// Name, what it does, and the code.
const COMMANDS: &[(&str, &str, Handler)] = &[
    ("env", "print the environment of the daemon", env),
    ("error", "LENGTH or ERRNO: fail with EROFS and so many letters, or with this errno, for testing", error),
    ("fds", "list the daemon's open descriptors", fds),
    ("guestfs-rs", "the library's hello", super::hello::hello),
    ("help", "this list", help),
    ("ll", "PATH: list a directory of the appliance with details", ll),
    ("ls", "PATH: list a directory of the appliance", ls),
    ("panic", "panic inside the call, for testing", panic),
    ("print", "WORDS: print them on the console, for testing", print),
    ("progress", "SECONDS [MILLISECONDS]: show a progress bar for so long, for testing", progress),
    ("setenv", "NAME VALUE: refused, tools have a fixed environment", setenv),
    ("sh", "WORDS: run a line in the appliance's shell", sh),
    ("spew", "BYTES: return that many bytes, for testing limits", spew),
    ("worker", "WORDS: have a worker process go wrong, for testing", super::trial::worker),
];

/// Run a subcommand.
pub fn debug(ctx: &mut Ctx, subcmd: &BStr, extraargs: &[BString]) -> Result<BString> {
    if ctx.awaiting_hello() && subcmd != "guestfs-rs" {
        return Err(Error::new(Errno::PROTO, "daemon waits for the hello of the library (debug guestfs-rs)"));
    }
    match COMMANDS.iter().find(|(name, ..)| subcmd == *name) {
        Some((_, _, run)) => run(ctx, extraargs),
        None => Err(Error::invalid("no such subcommand; `debug help` lists them").context(subcmd)),
    }
}

/// Looking around on a machine that is not ours is not what the client was let in for.
pub(super) fn only_appliance(ctx: &Ctx) -> Result<()> {
    if ctx.role() == Role::Appliance {
        return Ok(());
    }
    Err(Error::new(Errno::PERM, "only in an appliance, and this daemon runs on somebody's machine"))
}

fn help(_: &mut Ctx, _: &[BString]) -> Result<BString> {
    let lines = COMMANDS.iter().map(|(name, what, _)| format!("{name}: {what}\n"));
    Ok(lines.collect::<String>().into())
}

fn env(ctx: &mut Ctx, _: &[BString]) -> Result<BString> {
    only_appliance(ctx)?;
    let mut text = BString::default();
    for (name, value) in std::env::vars_os() {
        text.push_str(name.as_bytes());
        text.push(b'=');
        text.push_str(value.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

fn error(_: &mut Ctx, args: &[BString]) -> Result<BString> {
    let message = "test error, asked for by debug error";
    let Some(word) = args.first() else { return Err(Error::msg(message)) };
    if !word.iter().all(u8::is_ascii_digit) {
        return Err(Error::new(Errno::from_raw_os_error(guestfs_protocol::errno::number(word)), message));
    }
    let length = usize::try_from(number(word.as_bstr())?).unwrap_or(usize::MAX);
    if length > ERROR_MESSAGE_MAX {
        return Err(Error::invalid(format!("an error's text has at most {ERROR_MESSAGE_MAX} bytes")));
    }
    Err(Error::new(Errno::ROFS, letters(b'a', length)?))
}

fn fds(_: &mut Ctx, _: &[BString]) -> Result<BString> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").context("/proc/self/fd")? {
        let entry = entry.context("/proc/self/fd")?;
        // The one that lists the directory is gone by now.
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let name = entry.file_name();
        lines.push(bstr::concat([name.as_bytes(), b" ", target.as_os_str().as_bytes(), b"\n"]));
    }
    lines.sort_by_key(|l| (l.len(), l.clone()));
    Ok(bstr::concat(lines).into())
}

fn ls(ctx: &mut Ctx, args: &[BString]) -> Result<BString> {
    only_appliance(ctx)?;
    let path = one(args)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(Path::new(OsStr::from_bytes(path))).context(path)? {
        names.push(entry.context(path)?.file_name().into_encoded_bytes());
    }
    names.sort();
    names.push(Vec::new());
    Ok(bstr::join("\n", names).into())
}

fn ll(ctx: &mut Ctx, args: &[BString]) -> Result<BString> {
    only_appliance(ctx)?;
    Ok(Tool::new("ls").arg("-la").arg("--").arg_bytes(one(args)?).run(ctx)?.stdout.into())
}

fn panic(_: &mut Ctx, _: &[BString]) -> Result<BString> {
    panic!("asked for by debug panic");
}

fn print(_: &mut Ctx, args: &[BString]) -> Result<BString> {
    eprintln!("{}", bstr::join(" ", args).as_bstr());
    Ok("ok".into())
}

fn progress(ctx: &mut Ctx, args: &[BString]) -> Result<BString> {
    let (seconds, step) = match args {
        [seconds] => (number(seconds.as_bstr())?, 100),
        [seconds, step] => (number(seconds.as_bstr())?, number(step.as_bstr())?.max(1)),
        _ => return Err(Error::invalid("expected: progress SECONDS [MILLISECONDS]")),
    };
    if seconds > 3600 || step > 10_000 {
        return Err(Error::invalid("at most an hour in steps of at most ten seconds"));
    }
    let total = seconds.saturating_mul(1000);
    let mut at = 0;
    while at < total {
        std::thread::sleep(Duration::from_millis(step));
        at = at.saturating_add(step).min(total);
        ctx.progress(at, total)?;
    }
    Ok("ok".into())
}

fn setenv(_: &mut Ctx, _: &[BString]) -> Result<BString> {
    Err(Error::not_supported("tools run with a fixed environment"))
}

fn sh(ctx: &mut Ctx, args: &[BString]) -> Result<BString> {
    only_appliance(ctx)?;
    Ok(Tool::new("sh").arg("-c").arg_bytes(bstr::join(" ", args)).run(ctx)?.stdout.into())
}

fn spew(_: &mut Ctx, args: &[BString]) -> Result<BString> {
    let count = usize::try_from(number(one(args)?.as_bstr())?).unwrap_or(usize::MAX);
    if count > 2 * guestfs_protocol::xdr::MESSAGE_MAX {
        return Err(Error::invalid("more than twice what a message can hold"));
    }
    Ok(letters(b'x', count)?.into())
}

fn letters(letter: u8, count: usize) -> Result<Vec<u8>> {
    let mut letters = zeroed(count)?;
    letters.fill(letter);
    Ok(letters)
}

fn one(args: &[BString]) -> Result<&BString> {
    match args {
        [arg] => Ok(arg),
        _ => Err(Error::invalid("expected exactly one word")),
    }
}

pub(super) fn number(text: &BStr) -> Result<u64> {
    let number = text.to_str().ok().and_then(|t| t.parse().ok());
    number.ok_or_else(|| Error::invalid("not a number").context(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn errors_to_order() {
        let mut g = Guest::new();
        let mut fails = |word: &str| {
            let e = debug(&mut g.ctx, "error".into(), &[word.into()]).unwrap_err();
            (e.errno(), e.message().len())
        };
        assert_eq!(fails("0"), (Some(Errno::ROFS), 0));
        assert_eq!(fails("1000"), (Some(Errno::ROFS), 1000));
        assert_eq!(fails("65536"), (Some(Errno::ROFS), ERROR_MESSAGE_MAX));
        assert_eq!(fails("65537").0, Some(Errno::INVAL));
        assert_eq!(fails("99999999999999999999").0, Some(Errno::INVAL));
        assert_eq!(fails("ENOENT").0, Some(Errno::NOENT));
        assert_eq!(debug(&mut g.ctx, "error".into(), &[]).unwrap_err().errno(), None);
    }

    #[test]
    fn printing_answers_ok() {
        let mut g = Guest::new();
        assert_eq!(debug(&mut g.ctx, "print".into(), &["hello".into(), "world".into()]).unwrap(), "ok");
    }
}
