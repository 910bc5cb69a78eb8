//! Family `system`: the appliance itself.
//!
//! In: questions about it. Out: its features, its kernel, its innards.

mod debug;
mod hello;
mod trial;

pub use debug::debug;

use crate::channel::cancel;
use crate::ctx::{Ctx, Role};
use crate::error::{Context, Error, Result};
use crate::groups::{Availability, Groups};
use crate::transfer_io::FileIn;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Utsname;
use std::io::BufRead;
use std::time::{Duration, Instant};

/// How long nobody looks whether the library still wants the call.
const NAP: Duration = Duration::from_millis(100);

/// Every option group that the API has, whether it works here or not.
pub fn available_all_groups(_: &mut Ctx) -> Result<Vec<BString>> {
    Ok(Groups::names().map(BString::from).collect())
}

/// 0: the group works here, 1: it does not, 2: there is no such group.
pub fn internal_feature_available(ctx: &mut Ctx, group: &BStr) -> Result<i32> {
    // Names are ASCII; anything else is unknown anyway.
    Ok(match ctx.groups().availability(&group.to_string()) {
        Availability::Available => 0,
        Availability::Missing(_) => 1,
        Availability::Unknown => 2,
    })
}

/// The messages of the appliance's kernel, without their priorities.
pub fn dmesg(_: &mut Ctx) -> Result<BString> {
    Ok(messages(&crate::sys::kernel_log().context("kernel log")?).into())
}

/// Lines without the `<6>` in front; a NUL could not travel.
fn messages(log: &[u8]) -> Vec<u8> {
    let plain = |line: &[u8]| {
        let rest = line.strip_prefix(b"<").and_then(|l| l.split_once_str(">"));
        let rest = rest.filter(|(priority, _)| priority.iter().all(u8::is_ascii_digit));
        rest.map_or(line, |(_, text)| text).replace(b"\0", b"?")
    };
    log.lines_with_terminator().flat_map(plain).collect()
}

/// Write everything out, then make the kernel forget what it remembers of disks.
pub fn drop_caches(ctx: &mut Ctx, whattodrop: i32) -> Result<()> {
    if ctx.role() == Role::Directory {
        return Err(Error::not_supported("this daemon serves a plain directory; the machine is not its own"));
    }
    crate::mount::write_out(ctx)?;
    let file = "/proc/sys/vm/drop_caches";
    std::fs::write(file, whattodrop.to_string()).with_context(|| format!("{file}: {whattodrop}"))
}

/// The words with a blank between them.
pub fn echo_daemon(_: &mut Ctx, words: &[BString]) -> Result<BString> {
    Ok(bstr::join(" ", words).into())
}

/// End the daemon, and with it an appliance, once this has been answered.
pub fn internal_exit(ctx: &mut Ctx) -> Result<()> {
    ctx.leave();
    Ok(())
}

/// Take in a file, and crash when so many chunks of it have come.
pub fn internal_rhbz914931(_: &mut Ctx, filename: &mut FileIn, count: i32) -> Result<()> {
    if !(1..=1000).contains(&count) {
        return Err(Error::invalid(format!("{count}: count is not between 1 and 1000")));
    }
    let mut come = 0;
    loop {
        let length = filename.chunk()?.len();
        if length == 0 {
            return Ok(());
        }
        filename.consume(length);
        come += 1;
        if come == count {
            eprintln!("guestfsd: ends after {count} chunks, as internal_rhbz914931 asked for");
            // No unmounting, no goodbye: that of PID 1 is the kernel's panic.
            std::process::exit(1);
        }
    }
}

/// Load a kernel module and what it needs.
pub fn modprobe(ctx: &mut Ctx, modulename: &BStr) -> Result<()> {
    if ctx.role() == Role::Directory {
        return Err(Error::not_supported("this daemon serves a plain directory; the machine is not its own"));
    }
    let name = modulename.to_str().ok().filter(|name| !name.is_empty());
    crate::kmod::load(name.ok_or_else(|| Error::invalid("is no name of a kernel module").context(modulename))?)
}

/// That the reply comes is the answer.
pub fn ping_daemon(_: &mut Ctx) -> Result<()> {
    Ok(())
}

/// Do nothing for so many seconds.
pub fn sleep(_: &mut Ctx, secs: i32) -> Result<()> {
    let secs = u64::try_from(secs).map_err(|_| Error::invalid(format!("{secs} seconds: time is negative")))?;
    let begun = Instant::now();
    let all = Duration::from_secs(secs);
    while let Some(left) = all.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        cancel::point()?;
        std::thread::sleep(left.min(NAP));
    }
    Ok(())
}

/// The appliance's kernel.
pub fn utsname(_: &mut Ctx) -> Result<Utsname> {
    let name = rustix::system::uname();
    Ok(Utsname {
        uts_sysname: name.sysname().to_bytes().into(),
        uts_release: name.release().to_bytes().into(),
        uts_version: name.version().to_bytes().into(),
        uts_machine: name.machine().to_bytes().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;

    #[test]
    fn kernel_messages() {
        let log = b"<5>[    0.000000] Linux\n<12>[    1.5] two <3> of\nplain\n<x>odd\n<6>a\0b";
        assert_eq!(messages(log).as_bstr(), "[    0.000000] Linux\n[    1.5] two <3> of\nplain\n<x>odd\na?b");
        assert_eq!(messages(b"").as_bstr(), "");
    }

    #[test]
    fn small_things() {
        let mut g = Guest::new();
        let ctx = &mut g.ctx;
        assert_eq!(echo_daemon(ctx, &["a".into(), "".into(), "b c".into()]).unwrap(), "a  b c");
        assert_eq!(echo_daemon(ctx, &[]).unwrap(), "");
        sleep(ctx, 0).unwrap();
        assert_eq!(sleep(ctx, -1).unwrap_err().errno(), Some(Errno::INVAL));
        assert_eq!(drop_caches(ctx, 3).unwrap_err().errno(), Some(Errno::OPNOTSUPP));
    }
}
