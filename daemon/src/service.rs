//! The daemon as an ordinary program: on a live machine, or in a test without one.
//!
//! In: a command line. Out: a channel, served.
//!
//! ```text
//! guestfsd --channel CHANNEL [--root DIR | --sysroot DIR] [--verbose]
//! ```
//! CHANNEL is `unix:SOCKET` (listen there, one client after the other), `fd:N` (an open socket or pipe
//! pair, inherited), or a device such as a virtio-serial port. With `--root` (default `/`) the machine
//! itself is the guest; with `--sysroot` a plain directory is, and nothing can be mounted.

use crate::channel::Channel;
use crate::ctx::{Ctx, Role};
use crate::disks::Disks;
use crate::dispatch::dispatch;
use crate::error::{Context, Errno, Error, Result};
use crate::init::port;
use crate::rpc::{serve, End};
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fd::OwnedFd;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `--help` prints.
pub const USAGE: &str = "usage: guestfsd --channel unix:SOCKET|fd:N|DEVICE [--root DIR | --sysroot DIR] [--verbose]";

/// The command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub channel: OsString,
    pub role: Role,
    pub root: PathBuf,
    pub verbose: bool,
}

impl Options {
    /// Read the words after the program's name.
    pub fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Options> {
        let (mut channel, mut role, mut root, mut verbose) = (None, Role::Live, PathBuf::from("/"), false);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| Error::invalid("needs a value").context(arg.as_bytes()));
            match arg.as_bytes() {
                b"--channel" => channel = Some(value()?),
                b"--root" => (role, root) = (Role::Live, value()?.into()),
                b"--sysroot" => (role, root) = (Role::Directory, value()?.into()),
                b"--verbose" | b"-v" => verbose = true,
                other => return Err(Error::invalid("not an option").context(other)),
            }
        }
        let channel = channel.ok_or_else(|| Error::invalid("--channel is missing"))?;
        Ok(Options { channel, role, root, verbose })
    }
}

/// Serve as the options say: until the client goes (`fd:`), or for ever.
pub fn run(options: &Options) -> Result<()> {
    let channel = options.channel.as_bytes();
    if let Some(path) = channel.strip_prefix(b"unix:") {
        let listener = listen(Path::new(OsStr::from_bytes(path)))?;
        loop {
            let (client, _) = listener.accept().context(path)?;
            // One client's nonsense is not the next one's trouble.
            match attend(options, client.into()) {
                Ok(End::Leave) => return Ok(()),
                Ok(End::Closed) => {}
                Err(e) => eprintln!("guestfsd: {e}"),
            }
        }
    }
    if let Some(number) = channel.strip_prefix(b"fd:") {
        let number = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
        let number = number.ok_or_else(|| Error::invalid("not a descriptor's number").context(channel))?;
        return attend(options, crate::sys::inherited(number).context(channel)?).map(drop);
    }
    let path = options.channel.to_str().ok_or_else(|| Error::invalid("not a device's path").context(channel))?;
    loop {
        let fd = port::open(Some(path))?;
        wait_for_host(&fd)?;
        if attend(options, fd)? == End::Leave {
            return Ok(());
        }
    }
}

fn attend(options: &Options, fd: OwnedFd) -> Result<End> {
    let disks = Disks::live();
    let mut ctx = Ctx::new(Channel::new(fd), options.role, &options.root, disks)?;
    ctx.set_verbose(options.verbose);
    ctx.channel().send_launch()?;
    serve(&mut ctx, dispatch)
}

/// Listen on a socket that only this user can reach, in place of one that nobody serves any more.
fn listen(path: &Path) -> Result<UnixListener> {
    let name = path.as_os_str().as_bytes();
    // The mode is taken from the umask when the socket is made; setting it later would leave a gap.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let mut bound = UnixListener::bind(path);
    let in_use = bound.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse);
    let dead = in_use && UnixStream::connect(path).is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused);
    if dead {
        bound = std::fs::remove_file(path).and_then(|()| UnixListener::bind(path));
    }
    rustix::process::umask(before);
    bound.context(name)
}

/// A virtio-serial port hangs up while nobody is connected on the host's side.
fn wait_for_host(fd: &OwnedFd) -> Result<()> {
    loop {
        let mut fds = [PollFd::new(fd, PollFlags::OUT)];
        match poll(&mut fds, None) {
            Ok(_) if fds.iter().any(|f| f.revents().contains(PollFlags::HUP)) => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e).context("channel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn command_lines() {
        let o = parse("--channel fd:3 --sysroot /tmp/x -v").unwrap();
        assert_eq!((o.role, o.root.as_path(), o.verbose), (Role::Directory, Path::new("/tmp/x"), true));
        let o = parse("--channel unix:/s").unwrap();
        assert_eq!((o.role, o.root.as_path()), (Role::Live, Path::new("/")));
        for bad in ["", "--channel", "--channel x --foo", "--root /x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
