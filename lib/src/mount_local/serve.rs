//! The loop: a request, its answer, the next.
//!
//! In: a mounted session. Out: when nothing is mounted any more, or the handle is being closed.

use super::export::Export;
use super::wire::{reply_header, Errno, Request, REQUEST_MAX};
use super::Session;
use crate::error::{Error, Result};
use crate::handle::Handle;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno as Os;
use std::io::IoSlice;

/// What a request is answered with: nothing at all, or bytes or an errno.
pub(super) type Answer = Option<Result<Vec<u8>, Errno>>;

/// Serve until the end. The handle's lock is held only while a request is worked on.
pub(super) fn serve(g: &Handle, session: &Session) -> Result<()> {
    let mut export = Export::new(g, &session.settings);
    let mut buffer = vec![0; REQUEST_MAX];
    let end = loop {
        let bytes = match g.unlocked(|| next(session, &mut buffer)) {
            Ok(Some(length)) => buffer.get(..length).unwrap_or_default(),
            Ok(None) => break Ok(()),
            Err(e) => break Err(Error::io("mount_local_run: /dev/fuse", e.into())),
        };
        let Some(request) = Request::parse(bytes) else {
            break Err(Error::io("mount_local_run: /dev/fuse", Os::PROTO.into()));
        };
        // A cancellation ends the request that it met, and no other.
        g.reset_cancel();
        if let Some(answer) = export.answer(&request) {
            reply(g, session, request.unique, answer);
        }
    };
    export.finish();
    end
}

/// Wait for a request; `None` at the end.
fn next(session: &Session, buffer: &mut [u8]) -> Result<Option<usize>, Os> {
    loop {
        let mut fds = [PollFd::new(&session.fuse, PollFlags::IN), PollFd::new(&session.stop, PollFlags::IN)];
        match rustix::event::poll(&mut fds, None) {
            Err(Os::INTR) => continue,
            other => other?,
        };
        let [_, stop] = &fds;
        if !stop.revents().is_empty() {
            return Ok(None);
        }
        match rustix::io::read(&session.fuse, &mut *buffer) {
            Ok(length) => return Ok(Some(length)),
            Err(Os::NODEV) => return Ok(None),
            // Taken back by who asked, or by a signal, between poll and here.
            Err(Os::NOENT | Os::INTR | Os::AGAIN) => {}
            Err(e) => return Err(e),
        }
    }
}

fn reply(g: &Handle, session: &Session, unique: u64, answer: Result<Vec<u8>, Errno>) {
    let (error, payload) = match answer {
        Ok(payload) => (0, payload),
        // The kernel takes no others.
        Err(errno) if (1..1000).contains(&errno) => (errno, Vec::new()),
        Err(_) => (libc::EIO, Vec::new()),
    };
    let header = reply_header(unique, error, payload.len());
    let parts = [IoSlice::new(&header), IoSlice::new(&payload)];
    let sent =
        rustix::io::writev(&session.fuse, parts.get(..if payload.is_empty() { 1 } else { 2 }).unwrap_or_default());
    match sent {
        // Who asked was interrupted, or nothing is mounted any more: the next read tells.
        Ok(_) | Err(Os::NOENT | Os::NODEV) => {}
        Err(e) => g.warn(format!("mount_local_run: the kernel refused an answer: {e}").as_bytes()),
    }
}
