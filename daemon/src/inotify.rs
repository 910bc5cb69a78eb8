//! Family `inotify`: watching files for changes.
//!
//! In: guest paths and masks of inotify(7). Out: the kernel's events. There is one handle for the daemon;
//! what it queues is bounded by the kernel, and what is returned at once by a reply.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use bstr::BString;
use guestfs_protocol::structs::InotifyEvent;
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::fs::{Mode, OFlags};

use crate::ctx::{Ctx, Role};
use crate::error::{Context, Errno, Error, Result};
use crate::files::by_fd;
use crate::path::GuestPath;

/// How many events the kernel keeps for a handle that is opened from now on.
const QUEUE: &str = "/proc/sys/fs/inotify/max_queued_events";

/// Read from the kernel at once, in bytes. An event without a name has 16, in a reply 20.
const BUFFER: usize = 64 * 1024;

/// An event in a reply without its name, in bytes.
const PER_EVENT: usize = 24;

/// The open handle.
struct Handle(Option<OwnedFd>);

/// The open handle, which calls other than `inotify_init` need.
fn handle(ctx: &Ctx) -> Result<&OwnedFd> {
    let open = ctx.kept::<Handle>().and_then(|handle| handle.0.as_ref());
    open.ok_or_else(|| Error::invalid("no inotify handle is open: call inotify_init first"))
}

/// Open the handle, in place of one that is open; the kernel keeps `maxevents` events, or as many as before.
pub fn inotify_init(ctx: &mut Ctx, maxevents: i32) -> Result<()> {
    let max = u32::try_from(maxevents).map_err(|_| Error::invalid(format!("{maxevents}: maxevents is negative")))?;
    ctx.keep(Handle(None));
    // The number is the machine's, and only read when a handle is opened.
    if max > 0 && ctx.role() != Role::Directory {
        std::fs::write(QUEUE, max.to_string()).context(QUEUE)?;
    }
    let opened = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).context("opening an inotify handle")?;
    ctx.keep(Handle(Some(opened)));
    Ok(())
}

/// Close the handle.
pub fn inotify_close(ctx: &mut Ctx) -> Result<()> {
    handle(ctx)?;
    ctx.keep(Handle(None));
    Ok(())
}

/// Watch a path, or change what it is watched for.
pub fn inotify_add_watch(ctx: &mut Ctx, path: &GuestPath, mask: i32) -> Result<i64> {
    let handle = handle(ctx)?;
    let mut mask = WatchFlags::from_bits_retain(mask as u32);
    let mut flags = OFlags::PATH;
    // The kernel would take it for the link in /proc that leads to the file.
    if mask.contains(WatchFlags::DONT_FOLLOW) {
        mask.remove(WatchFlags::DONT_FOLLOW);
        flags |= OFlags::NOFOLLOW;
    }
    let fd = path.open(ctx, flags, Mode::empty())?;
    Ok(inotify::add_watch(handle, by_fd(&fd), mask).context(path)?.into())
}

/// End a watch.
pub fn inotify_rm_watch(ctx: &mut Ctx, wd: i32) -> Result<()> {
    inotify::remove_watch(handle(ctx)?, wd).map_err(|e| match e {
        Errno::INVAL => Error::invalid(format!("{wd}: no watch has this number, or it has ended by itself")),
        e => Error::from(e).context(wd.to_string()),
    })
}

/// Events that wait, as many as go into one reply.
pub fn inotify_read(ctx: &mut Ctx) -> Result<Vec<InotifyEvent>> {
    let mut events = Vec::new();
    let mut size = 0;
    each_event(handle(ctx)?, |event| {
        size += PER_EVENT + event.in_name.len();
        events.try_reserve(1)?;
        events.push(event);
        // What the next buffer holds must fit as well.
        Ok(size < MESSAGE_MAX / 2)
    })?;
    Ok(events)
}

/// The names in all events that wait, each one once.
pub fn inotify_files(ctx: &mut Ctx) -> Result<Vec<BString>> {
    let mut names = BTreeSet::new();
    let mut size = 0;
    each_event(handle(ctx)?, |event| {
        let length = event.in_name.len();
        if length > 0 && names.insert(event.in_name) {
            size += length + 8;
            if size > MESSAGE_MAX {
                return Err(Error::new(Errno::TOOBIG, "the names are longer than a reply can be (4 MiB)"));
            }
        }
        Ok(true)
    })?;
    Ok(names.into_iter().collect())
}

/// Give `each` the events that wait, until it has enough; those that were taken from the kernel with the
/// last ones it gets too.
fn each_event(handle: &OwnedFd, mut each: impl FnMut(InotifyEvent) -> Result<bool>) -> Result<()> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut reader = Reader::new(handle, &mut buffer);
    let mut more = true;
    while more || !reader.is_buffer_empty() {
        let event = match reader.next() {
            Ok(event) => event,
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR) => continue,
            Err(e) => return Err(e).context("reading inotify events"),
        };
        more = each(InotifyEvent {
            in_wd: event.wd().into(),
            in_mask: event.events().bits(),
            in_cookie: event.cookie(),
            in_name: event.file_name().map(|name| BString::from(name.to_bytes())).unwrap_or_default(),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    const CREATE: i32 = 0x100;
    const DELETE: i32 = 0x200;

    #[test]
    fn events_in_order() {
        let mut g = Guest::new();
        g.write("/d/old", "");
        g.link("d", "/l");
        let (l, missing) = (g.path("/l"), g.path("/missing"));
        let none = inotify_read(&mut g.ctx).unwrap_err();
        assert_eq!((none.errno(), none.to_string().contains("inotify_init")), (Some(Errno::INVAL), true));
        assert_eq!(inotify_init(&mut g.ctx, -1).unwrap_err().errno(), Some(Errno::INVAL));
        inotify_init(&mut g.ctx, 0).unwrap();
        assert_eq!(inotify_read(&mut g.ctx).unwrap(), []);
        let wd = inotify_add_watch(&mut g.ctx, &l, CREATE | DELETE).unwrap();
        // The link itself is another object, in which nothing happens.
        let link = inotify_add_watch(&mut g.ctx, &l, CREATE | WatchFlags::DONT_FOLLOW.bits() as i32).unwrap();
        assert_ne!(link, wd);
        assert_eq!(inotify_add_watch(&mut g.ctx, &missing, CREATE).unwrap_err().errno(), Some(Errno::NOENT));
        assert_eq!(inotify_add_watch(&mut g.ctx, &l, 0).unwrap_err().errno(), Some(Errno::INVAL));
        g.write("/d/new", "");
        std::fs::remove_file(g.host("/d/old")).unwrap();
        let seen: Vec<(i64, u32, String)> =
            inotify_read(&mut g.ctx).unwrap().iter().map(|e| (e.in_wd, e.in_mask, e.in_name.to_string())).collect();
        assert_eq!(seen, [(wd, 0x100, "new".to_owned()), (wd, 0x200, "old".to_owned())]);
        for name in ["b", "a", "c"] {
            g.write(&format!("/d/{name}"), "");
        }
        std::fs::remove_file(g.host("/d/b")).unwrap();
        assert_eq!(inotify_files(&mut g.ctx).unwrap(), ["a", "b", "c"]);
        assert_eq!(inotify_files(&mut g.ctx).unwrap(), Vec::<BString>::new());
        inotify_rm_watch(&mut g.ctx, wd as i32).unwrap();
        assert_eq!(inotify_rm_watch(&mut g.ctx, wd as i32).unwrap_err().errno(), Some(Errno::INVAL));
        assert_eq!(inotify_read(&mut g.ctx).unwrap().iter().map(|e| e.in_mask).collect::<Vec<_>>(), [0x8000]);
        inotify_close(&mut g.ctx).unwrap();
        assert_eq!(inotify_close(&mut g.ctx).unwrap_err().errno(), Some(Errno::INVAL));
    }

    #[test]
    fn no_event_is_lost_between_replies() {
        let mut g = Guest::new();
        g.write("/d/f", "");
        let d = g.path("/d");
        inotify_init(&mut g.ctx, 0).unwrap();
        inotify_add_watch(&mut g.ctx, &d, CREATE).unwrap();
        // More than a buffer of the kernel's, less than its queue.
        let name = |n: usize| format!("{n:0200}");
        for n in 0..1000 {
            g.write(&format!("/d/{}", name(n)), "");
        }
        let events = inotify_read(&mut g.ctx).unwrap();
        assert_eq!(events.len(), 1000);
        assert_eq!(events.last().map(|e| e.in_name.to_string()), Some(name(999)));
    }
}
