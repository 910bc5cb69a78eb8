//! Whole trees between host and guest: `copy_in`, `copy_out`.
//!
//! In: a path on either side. Out: the same tree on the other side, as one tar stream through
//! `tar_in` or `tar_out`, with a thread at the host's end. What comes out of a guest is unpacked
//! beneath its target and nowhere else.

mod beneath;
mod names;
mod pack;
mod unpack;

use crate::client::info;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventClass;
use crate::handle::Handle;
use crate::rpc::{Flow, Sink, Source};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::{args, opts};
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A socket pair: unlike a pipe, writing to a closed one gives an error and no signal.
fn pipe() -> Result<(UnixStream, UnixStream)> {
    UnixStream::pair().map_err(|e| Error::io("socketpair", e))
}

/// How traces show a stream.
fn shown(fd: &UnixStream) -> String {
    format!("/dev/fd/{}", fd.as_raw_fd())
}

fn not_a_directory(path: &BStr) -> Error {
    Error::usage(format!("target '{path}' is not a directory")).with_errno(libc::ENOTDIR)
}

/// A thread's result; a panic there becomes an error here.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the copying thread panicked")))
}

pub(crate) fn copy_in(g: &Handle, localpath: &BStr, remotedir: &BStr) -> Result<()> {
    let local = Path::new(OsStr::from_bytes(localpath));
    std::fs::symlink_metadata(local)
        .map_err(|e| Error::io(format!("source '{localpath}' does not exist (or cannot be read)"), e))?;
    if !g.is_dir(remotedir, opts::IsDirOpts::new())? {
        return Err(not_a_directory(remotedir));
    }
    let (parent, base) = names::split(localpath.as_bytes());
    let parent = Path::new(OsStr::from_bytes(parent));
    // Only a listener is worth a walk through the tree.
    let total = if g.wants(EventClass::Progress) { pack::measure(&parent.join(OsStr::from_bytes(base))) } else { 0 };
    let (ours, theirs) = pipe()?;
    let name = shown(&ours);
    let flow = Flow::new(total);
    let (sent, packed) = std::thread::scope(|scope| {
        let ending = flow.clone();
        let packer = scope.spawn(move || {
            let packed = pack::pack(parent, base, &theirs);
            // Before the stream ends, so that a half-packed tree is not taken for a whole one.
            if packed.is_err() {
                ending.fail();
            }
            drop(theirs);
            packed
        });
        let sent = tar_in(g, &name, remotedir, Source::Flow(OwnedFd::from(ours), flow));
        (sent, join(packer))
    });
    match (sent, packed) {
        (sent, Ok(skipped)) => {
            for path in skipped {
                g.warn(format!("copy_in: {path}: sockets cannot be copied; skipped").as_bytes());
            }
            sent
        }
        // The packer fails with a broken pipe when the daemon stopped first: the daemon's reason wins.
        (Err(sent), Err(packed)) if packed.errno() == libc::EPIPE => Err(sent),
        (_, Err(packed)) => Err(packed),
    }
}

fn tar_in(g: &Handle, name: &str, directory: &BStr, source: Source<'_>) -> Result<()> {
    let args = args::TarInArgs { directory: directory.into(), ..Default::default() };
    g.wrapped(
        &info::TAR_IN,
        |t| {
            t.str("tarfile", name.as_bytes());
            t.str("directory", directory);
        },
        |g| g.rpc_stream(&info::TAR_IN, 0, &args, Some(source), None),
    )
}

pub(crate) fn copy_out(g: &Handle, remotepath: &BStr, localdir: &BStr) -> Result<()> {
    let target = Path::new(OsStr::from_bytes(localdir));
    if !target.is_dir() {
        return Err(not_a_directory(localdir));
    }
    let (_, base) = names::split(remotepath.as_bytes());
    if g.is_file(remotepath, opts::IsFileOpts::new())? {
        return g.download(remotepath, target.join(OsStr::from_bytes(base)).as_os_str().as_bytes());
    }
    if !g.is_dir(remotepath, opts::IsDirOpts::new())? {
        return Err(Error::usage(format!("'{remotepath}' is not a file or directory")).with_errno(libc::ENOENT));
    }
    let root = if base == b"." {
        beneath::Root::open(target)
    } else {
        beneath::Root::create(&target.join(OsStr::from_bytes(base)))
    };
    let root = root.map_err(|e| Error::io(target.join(OsStr::from_bytes(base)).as_os_str().as_bytes(), e))?;
    // An estimate from the guest, for the progress bar only.
    let total = if g.wants(EventClass::Progress) {
        g.quietly(|g| g.du(remotepath)).map_or(0, |kib| kib.unsigned_abs().saturating_mul(1024))
    } else {
        0
    };
    let (ours, theirs) = pipe()?;
    ours.set_nonblocking(true).map_err(|e| Error::io("socketpair", e))?;
    let name = shown(&ours);
    let flow = Flow::new(total);
    let (received, unpacked) = std::thread::scope(|scope| {
        // Owned by the thread: when it ends early the writer sees a closed socket.
        let unpacker = scope.spawn(move || unpack::unpack(&theirs, root));
        let received = tar_out(g, &name, remotepath, Sink::Flow(OwnedFd::from(ours), flow));
        (received, join(unpacker))
    });
    match (received, unpacked) {
        (received, Ok(skipped)) => {
            for path in skipped {
                g.warn(format!("copy_out: {path}: device nodes are not created on the host; skipped").as_bytes());
            }
            received
        }
        // Our write failed because the unpacker gave up: its reason is the one.
        (Err(received), Err(unpacked)) => Err(if received.errno() == libc::EPIPE { unpacked } else { received }),
        (Ok(()), Err(unpacked)) => Err(unpacked),
    }
}

fn tar_out(g: &Handle, name: &str, directory: &BStr, sink: Sink<'_>) -> Result<()> {
    let args = args::TarOutArgs { directory: BString::from(directory), ..Default::default() };
    g.wrapped(
        &info::TAR_OUT,
        |t| {
            t.str("directory", directory);
            t.str("tarfile", name.as_bytes());
        },
        |g| g.rpc_stream(&info::TAR_OUT, 0, &args, None, Some(sink)),
    )
}

#[cfg(test)]
mod tests;
