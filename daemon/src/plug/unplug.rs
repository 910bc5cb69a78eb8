//! Letting go of a drive.
//!
//! In: a drive's number, and what the kernel says in `/sys` and `/proc` of who uses it. Out: everything
//! written is on the disk and the kernel has forgotten it, so that the library can take it away; or an
//! error that says who still needs it, and nothing is changed.

use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::disks::sysfs::names;
use crate::disks::{Device, Disk};
use crate::error::{Context, Errno, Error, Result};
use crate::run::apart;
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the kernel may take to forget a disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who needs a disk, and the kernel's name of the disk or partition that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    node: BString,
    how: How,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    /// At this directory of the daemon.
    Mounted(BString),
    Swap,
    /// A block device lies on it: its name in `/sys/block`.
    Holder(BString),
}

/// Have the kernel forget drive `index`. One that it does not have is no error.
pub fn unplug(ctx: &mut Ctx, index: usize) -> Result<()> {
    let Some(disk) = ctx.disks().list().into_iter().find(|d| d.index == index) else {
        ctx.disks_mut().forget(index);
        return Ok(());
    };
    let using = users(Path::new("/"), disk.kernel.as_bstr());
    if let Some(first) = using.first() {
        let who: Vec<BString> = using.iter().map(|user| user.how.text(ctx)).collect();
        let node = Device::from_real(Path::new("/dev").join(OsStr::from_bytes(&first.node)));
        let message = bstr::concat([&b"is in use: "[..], &bstr::join(", ", who)]);
        return Err(Error::new(Errno::BUSY, message).context(node.api_name(ctx)));
    }
    // Kept open until the end: meanwhile nobody can begin to use it.
    let whole = exclusive(ctx, &disk)?;
    for node in std::iter::once(disk.device()).chain(disk.partitions()) {
        let file = node.open(ctx, OFlags::RDONLY)?;
        // The kernel says it once for each failure and has given up on the data then.
        let synced = apart(ctx.channel(), || {}, move || rustix::fs::fsync(file))?;
        synced.context("what was written last is lost").with_context(|| node.api_name(ctx))?;
    }
    let sys = Path::new("/sys/block").join(OsStr::from_bytes(&disk.kernel));
    let delete = sys.join("device/delete");
    let told = apart(ctx.channel(), || {}, move || std::fs::write(delete, b"1"))?;
    told.with_context(|| disk.device().api_name(ctx))?;
    drop(whole);
    let until = Instant::now() + PATIENCE;
    while sys.exists() {
        if Instant::now() >= until {
            return Err(
                Error::new(Errno::TIMEDOUT, "the kernel does not let go of it").context(disk.device().api_name(ctx))
            );
        }
        cancel::point()?;
        std::thread::sleep(Duration::from_millis(1));
    }
    ctx.disks_mut().forget(index);
    Ok(())
}

/// What `users` cannot see (further disks of a btrfs, say) holds the disk as O_EXCL does, open(2).
fn exclusive(ctx: &Ctx, disk: &Disk) -> Result<std::fs::File> {
    disk.device().open(ctx, OFlags::RDONLY | OFlags::EXCL).map_err(|e| match e.errno() {
        Some(Errno::BUSY) => Error::new(Errno::BUSY, "is in use").context(disk.device().api_name(ctx)),
        _ => e,
    })
}

impl How {
    fn text(&self, ctx: &Ctx) -> BString {
        match self {
            How::Mounted(target) => {
                let inside = ctx.guest_path(Path::new(OsStr::from_bytes(target)));
                bstr::concat([&b"mounted on "[..], &inside.unwrap_or_else(|| target.clone())]).into()
            }
            How::Swap => "swap space".into(),
            How::Holder(name) => {
                let node = bstr::concat([&b"/dev/"[..], name]);
                bstr::concat([&b"by "[..], &ctx.api_device_name(node.as_bstr())]).into()
            }
        }
    }
}

/// Who uses the disk called `disk` or its partitions, seen from the directory that holds `sys`, `proc`.
fn users(root: &Path, disk: &BStr) -> Vec<User> {
    let sys = root.join("sys/block").join(OsStr::from_bytes(disk));
    let mut nodes = vec![(disk.to_owned(), sys.clone())];
    let inside = names(&sys).into_iter().map(|name| (sys.join(OsStr::from_bytes(&name)), name));
    nodes.extend(inside.filter(|(dir, _)| dir.join("partition").exists()).map(|(dir, name)| (name, dir)));
    nodes.sort();
    let mounts = std::fs::read(root.join("proc/self/mountinfo")).unwrap_or_default();
    let swaps = std::fs::read(root.join("proc/swaps")).unwrap_or_default();
    let mut found = Vec::new();
    for (node, dir) in nodes {
        let mut uses = |how| found.push(User { node: node.clone(), how });
        let number = std::fs::read(dir.join("dev")).unwrap_or_default();
        let path = bstr::concat([&b"/dev/"[..], &node]);
        mounts.lines().filter_map(|line| mounted(line, number.trim(), &path)).for_each(|at| uses(How::Mounted(at)));
        if swaps.lines().any(|line| line.fields().next() == Some(path.as_slice())) {
            uses(How::Swap);
        }
        let mut holders = names(&dir.join("holders"));
        holders.sort();
        holders.into_iter().for_each(|name| uses(How::Holder(name)));
    }
    found
}

/// Where a line of mountinfo (proc_pid_mountinfo(5)) says that this device is mounted. A btrfs has a
/// number of its own there and is known by its source.
fn mounted(line: &[u8], number: &[u8], path: &[u8]) -> Option<BString> {
    let (head, tail) = line.split_once_str(" - ")?;
    let mut fields = head.split_str(" ").skip(2);
    let by_number = fields.next()? == number && !number.is_empty();
    let target = fields.nth(1)?;
    let by_source = tail.split_str(" ").nth(1)? == path;
    (by_number || by_source).then(|| crate::mountinfo::unescape(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as the kernel shows it: files and their contents, directories end in a slash.
    fn kernel(entries: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in entries {
            let path = dir.path().join(name);
            if name.ends_with('/') {
                std::fs::create_dir_all(path).unwrap();
                continue;
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    const DISK: [(&str, &str); 6] = [
        ("sys/block/sdb/dev", "8:16\n"),
        ("sys/block/sdb/holders/", ""),
        ("sys/block/sdb/queue/", ""),
        ("sys/block/sdb/sdb1/dev", "8:17\n"),
        ("sys/block/sdb/sdb1/partition", "1\n"),
        ("sys/block/sdb/sdb1/holders/", ""),
    ];

    fn found(more: &[(&str, &str)]) -> Vec<User> {
        let tree = kernel(&[&DISK[..], more].concat());
        users(tree.path(), "sdb".into())
    }

    fn user(node: &str, how: How) -> User {
        User { node: node.into(), how }
    }

    #[test]
    fn nobody() {
        assert_eq!(found(&[]), []);
        let others = "1 2 8:160 / / rw - ext4 /dev/sdba rw\n1 2 8:1 / /x rw - ext4 /dev/sda1 rw\nnonsense\n";
        let swaps = "Filename Type Size Used Priority\n/dev/sdba partition 1 0 -2\n";
        assert_eq!(found(&[("proc/self/mountinfo", others), ("proc/swaps", swaps)]), []);
        assert_eq!(users(Path::new("/no/such/tree"), "sdb".into()), []);
    }

    #[test]
    fn mounts_swap_and_holders() {
        let mounts = "22 1 8:17 /sub /sysroot/a\\040b rw shared:1 - ext4 /dev/sdz9 rw\n\
                      23 1 0:40 / /sysroot rw - btrfs /dev/sdb rw\n";
        let swaps = "Filename Type Size Used Priority\n/dev/sdb1 partition 1 0 -2\n";
        let users = found(&[
            ("proc/self/mountinfo", mounts),
            ("proc/swaps", swaps),
            ("sys/block/sdb/holders/md127", ""),
            ("sys/block/sdb/sdb1/holders/dm-1", ""),
            ("sys/block/sdb/sdb1/holders/dm-0", ""),
        ]);
        assert_eq!(
            users,
            [
                user("sdb", How::Mounted("/sysroot".into())),
                user("sdb", How::Holder("md127".into())),
                user("sdb1", How::Mounted("/sysroot/a b".into())),
                user("sdb1", How::Swap),
                user("sdb1", How::Holder("dm-0".into())),
                user("sdb1", How::Holder("dm-1".into())),
            ]
        );
    }
}
