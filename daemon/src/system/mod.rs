//! Family `system`: the appliance itself.
//!
//! In: questions about it. Out: its features, its kernel, its innards.

mod debug;
mod hello;

pub use debug::debug;

use crate::ctx::{Ctx, Role};
use crate::error::{Context, Error, Result};
use crate::groups::Availability;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Utsname;
use std::time::Duration;

/// Every option group that the API has, whether it works here or not.
pub fn available_all_groups(ctx: &mut Ctx) -> Result<Vec<BString>> {
    Ok(ctx.groups().names().map(BString::from).collect())
}

/// 0: the group works here, 1: it does not, 2: there is no such group.
pub fn internal_feature_available(ctx: &mut Ctx, group: &BStr) -> Result<i32> {
    // Names are ASCII; anything else is unknown anyway.
    Ok(match ctx.groups().availability(&group.to_string()) {
        Availability::Available => 0,
        Availability::Missing(_) | Availability::Unsupported | Availability::Planned => 1,
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
    rustix::fs::sync();
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

/// That the reply comes is the answer.
pub fn ping_daemon(_: &mut Ctx) -> Result<()> {
    Ok(())
}

/// Do nothing for so many seconds.
pub fn sleep(_: &mut Ctx, secs: i32) -> Result<()> {
    let secs = u64::try_from(secs).map_err(|_| Error::invalid(format!("{secs} seconds: time is negative")))?;
    std::thread::sleep(Duration::from_secs(secs));
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
