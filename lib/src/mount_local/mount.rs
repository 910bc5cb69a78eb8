//! Attaching and detaching the mount on the host.
//!
//! In: a directory and settings. Out: the descriptor on which the kernel asks, from mount(2) when we may,
//! else from the set-user-ID helper `fusermount3`.

use super::options::Settings;
use crate::child::{environment, output, Output, Spec, Stream, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use bstr::{BString, ByteSlice};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType};
use std::ffi::{CString, OsStr};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The helper, newest first.
const HELPERS: [&str; 2] = ["fusermount3", "fusermount"];
/// Most of the helper's words that are kept.
const MESSAGE_MAX: usize = 4096;

/// The mountpoint in full, so that it is still found after a change of directory.
pub(super) fn directory(localmountpoint: &[u8]) -> Result<PathBuf> {
    let given = Path::new(OsStr::from_bytes(localmountpoint));
    let failed = |e| Error::io(format!("mount_local: {}", localmountpoint.as_bstr()), e);
    let full = given.canonicalize().map_err(failed)?;
    match full.metadata().map_err(failed)?.is_dir() {
        true => Ok(full),
        false => Err(failed(Errno::NOTDIR.into())),
    }
}

/// Mount on `at`. From now on whoever looks there waits for an answer.
pub(super) fn mount(g: &Handle, at: &Path, settings: &Settings) -> Result<OwnedFd> {
    let fuse = match directly(at, settings) {
        Err(Errno::PERM | Errno::ACCESS) => by_helper(g, at, settings)?,
        Err(e) => return Err(Error::io(format!("mount_local: mounting on {}", at.display()), e.into())),
        Ok(fuse) => fuse,
    };
    // A request that was interrupted is gone between poll and read.
    rustix::fs::fcntl_getfl(&fuse)
        .and_then(|flags| rustix::fs::fcntl_setfl(&fuse, flags | OFlags::NONBLOCK))
        .map_err(|e| Error::io("mount_local: /dev/fuse", e.into()))?;
    Ok(fuse)
}

fn open_device() -> Result<OwnedFd, Errno> {
    rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

fn directly(at: &Path, settings: &Settings) -> Result<OwnedFd, Errno> {
    if !rustix::process::geteuid().is_root() {
        return Err(Errno::PERM);
    }
    let fuse = match open_device() {
        Err(Errno::NOENT | Errno::NXIO | Errno::NODEV) => return Err(Errno::NODEV),
        other => other?,
    };
    let mut data = format!(
        "fd={},rootmode=40000,user_id={},group_id={}",
        fuse.as_raw_fd(),
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw()
    );
    for (wanted, word) in
        [(settings.allow_other, ",allow_other"), (settings.default_permissions, ",default_permissions")]
    {
        if wanted {
            data.push_str(word);
        }
    }
    if let Some(n) = settings.max_read {
        data.push_str(&format!(",max_read={n}"));
    }
    let data = CString::new(data).map_err(|_| Errno::INVAL)?;
    let kind = match &settings.subtype {
        Some(subtype) => [b"fuse.", subtype.as_slice()].concat(),
        None => b"fuse".to_vec(),
    };
    rustix::mount::mount(settings.fsname.as_slice(), at, kind, flags(settings), data.as_c_str())?;
    Ok(fuse)
}

fn flags(settings: &Settings) -> MountFlags {
    let mut flags = MountFlags::empty();
    flags.set(MountFlags::RDONLY, settings.readonly);
    for word in &settings.flags {
        let (flag, on) = match *word {
            "suid" | "nosuid" => (MountFlags::NOSUID, *word == "nosuid"),
            "dev" | "nodev" => (MountFlags::NODEV, *word == "nodev"),
            "exec" | "noexec" => (MountFlags::NOEXEC, *word == "noexec"),
            "atime" | "noatime" => (MountFlags::NOATIME, *word == "noatime"),
            "diratime" | "nodiratime" => (MountFlags::NODIRATIME, *word == "nodiratime"),
            "sync" | "async" => (MountFlags::SYNCHRONOUS, *word == "sync"),
            "dirsync" => (MountFlags::DIRSYNC, true),
            _ => continue,
        };
        flags.set(flag, on);
    }
    flags
}

/// The options in the helper's words.
fn helper_options(settings: &Settings) -> BString {
    let mut words: Vec<BString> = settings.flags.iter().map(|f| BString::from(*f)).collect();
    let given = [
        (settings.readonly, "ro"),
        (settings.allow_other, "allow_other"),
        (settings.default_permissions, "default_permissions"),
    ];
    words.extend(given.iter().filter(|(on, _)| *on).map(|(_, word)| BString::from(*word)));
    words.extend(settings.max_read.map(|n| format!("max_read={n}").into()));
    words.push([b"fsname=", settings.fsname.as_slice()].concat().into());
    words.extend(settings.subtype.as_ref().map(|s| [b"subtype=", s.as_slice()].concat().into()));
    bstr::join(",", words).into()
}

fn by_helper(g: &Handle, at: &Path, settings: &Settings) -> Result<OwnedFd> {
    let failed = |e: Errno| Error::io("mount_local: socketpair", e.into());
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).map_err(failed)?;
    // It sends the descriptor through the one that we name; standard input needs no passing on.
    let options = helper_options(settings);
    helper(g, Some(theirs), |spec| {
        spec.variable("_FUSE_COMMFD", "0").arg("-o").arg(OsStr::from_bytes(&options)).arg("--").arg(at)
    })?;
    receive(ours).map_err(|e| Error::io("mount_local: fusermount3 sent no descriptor", e.into()))
}

fn receive(socket: OwnedFd) -> Result<OwnedFd, Errno> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    ancillary
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        })
        .ok_or(Errno::BADMSG)
}

/// Run the helper to its end; its words on standard error are the reason of a failure. It ends by itself.
fn helper(g: &Handle, stdin: Option<OwnedFd>, arguments: impl Fn(Spec) -> Spec) -> Result<()> {
    let mut missing = None;
    for name in HELPERS {
        let mut spec = arguments(Spec::new(name, environment::PLAIN));
        g.note(format!("command: {}", spec.shown()).as_bytes());
        if let Some(fd) = &stdin {
            spec.stdin = Stream::Fd(fd.try_clone().map_err(|e| Error::io(name, e))?);
        }
        let wanted = Wanted { most: MESSAGE_MAX, limit: None, go_on: &|| true };
        let output = match output(spec, &wanted) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                missing = Some(e);
                continue;
            }
            other => other.map_err(|e| Error::io(format!("{name}: cannot run the program"), e))?,
        };
        return match output.ok() {
            true => Ok(()),
            false => Err(refused(name, &output)),
        };
    }
    let cause = missing.unwrap_or_else(|| Errno::NOENT.into());
    Err(Error::io("fusermount3: cannot run the program", cause).with_help("install the package fuse3"))
}

fn refused(name: &str, output: &Output) -> Error {
    let words = output.stderr.trim();
    let errno = [
        ("busy", libc::EBUSY),
        ("not permitted", libc::EPERM),
        ("ermission denied", libc::EACCES),
        ("not found", libc::EINVAL),
    ]
    .iter()
    .find(|(text, _)| words.contains_str(text))
    .map_or(0, |(_, errno)| *errno);
    let words = if words.is_empty() { format!("{name}: {}", output.exit).into_bytes() } else { words.to_vec() };
    Error::new(ErrorKind::Tool, words).with_errno(errno)
}

/// The kernel has let go of the connection: nothing is mounted any more.
pub(super) fn is_gone(fuse: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&fuse, PollFlags::empty())];
    let polled = rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    polled.is_ok() && fds.iter().any(|f| f.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

/// Detach; lazily means at once for new users, and for the present ones when they are done.
pub(super) fn unmount(g: &Handle, at: &Path, lazily: bool) -> Result<()> {
    let mut flags = UnmountFlags::NOFOLLOW;
    flags.set(UnmountFlags::DETACH, lazily);
    match rustix::mount::unmount(at, flags) {
        Ok(()) => Ok(()),
        Err(Errno::PERM) => helper(g, None, |spec| spec.arg(if lazily { "-uz" } else { "-u" }).arg("--").arg(at)),
        Err(e) => Err(Error::io(format!("umount_local: {}", at.display()), e.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guestfs_protocol::opts::MountLocalOpts;

    #[test]
    fn options_in_both_forms() {
        let opts = MountLocalOpts {
            readonly: Some(true),
            options: Some("dev,noexec,allow_other,fsname=a,max_read=4096".into()),
            ..Default::default()
        };
        let settings = Settings::new(&opts).unwrap();
        assert_eq!(flags(&settings), MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOEXEC);
        assert_eq!(helper_options(&settings), "nosuid,nodev,dev,noexec,ro,allow_other,max_read=4096,fsname=a");
    }

    #[test]
    fn mountpoints_are_directories() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let errno = |p: &Path| directory(p.as_os_str().as_bytes()).unwrap_err().errno();
        assert_eq!(errno(&file), libc::ENOTDIR);
        assert_eq!(errno(&dir.path().join("missing")), libc::ENOENT);
        assert!(directory(dir.path().as_os_str().as_bytes()).unwrap().is_absolute());
    }
}
