//! Calls of the daemon, as generated methods and the families make them.
//!
//! In: a call's facts, its arguments, the host side of its files. Out: the daemon's result.

use super::Handle;
use crate::call::CallInfo;
use crate::channel::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventClass;
use crate::rpc::{Files, Input, Sink, Source};
use bstr::BString;
use guestfs_protocol::message::Progress;
use guestfs_protocol::xdr::Xdr;
use std::os::fd::BorrowedFd;

impl Handle {
    /// Call the daemon. `mask`: which optional arguments were given.
    pub(crate) fn rpc<A: Xdr, R: Xdr>(
        &self,
        info: &'static CallInfo,
        mask: u64,
        args: &A,
        files: Files<'_>,
    ) -> Result<R> {
        self.rpc_stream(info, mask, args, files.file_in.map(Source::Path), files.file_out.map(Sink::Path))
    }

    /// As [`Handle::rpc`], with readers and writers instead of host files where wanted.
    pub(crate) fn rpc_stream<A: Xdr, R: Xdr>(
        &self,
        info: &'static CallInfo,
        mask: u64,
        args: &A,
        source: Option<Source<'_>>,
        sink: Option<Sink<'_>>,
    ) -> Result<R> {
        self.need_ready(info)?;
        // Before anything is said: a missing host file must not truncate the guest's.
        let source = source.map(Input::open).transpose()?;
        let mut lease = self.lease(info)?;
        let result = lease.connection()?.call(self, info, mask, args, source, sink);
        lease.finish(info, result)
    }

    /// A hash table arrives as a list of keys and values in turn.
    pub(crate) fn pairs(&self, info: &'static CallInfo, list: Vec<BString>) -> Result<Vec<(BString, BString)>> {
        if list.len() % 2 != 0 {
            let what = format!("a table of {} keys and values, an odd number", list.len());
            return Err(nonsense(info, &what));
        }
        let mut pairs = Vec::with_capacity(list.len() / 2);
        let mut items = list.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    /// A size, a count, a number of something: never negative. -1 would be a failure without words to C callers.
    pub(crate) fn count<N: Copy + Into<i64>>(&self, info: &'static CallInfo, number: N) -> Result<N> {
        match number.into() {
            0.. => Ok(number),
            negative => Err(nonsense(info, &format!("the number {negative} as result, which is never negative"))),
        }
    }
}

/// A result whose encoding is right but which cannot be.
fn nonsense(info: &CallInfo, what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("{}: the daemon sent {what}", info.name))
        .with_errno(libc::EPROTO)
        .with_help(
            "the daemon is damaged or not what it seems: shut the handle down and trust nothing that it answered",
        )
}

impl Caller for Handle {
    fn wake_fd(&self) -> BorrowedFd<'_> {
        Handle::wake_fd(self)
    }

    fn is_cancelled(&self) -> bool {
        Handle::is_cancelled(self)
    }

    fn drain_wake(&self) {
        Handle::drain_wake(self);
    }

    fn console(&self, bytes: &[u8]) {
        self.message(EventClass::Appliance, bytes);
    }

    fn progress(&self, p: &Progress) {
        let proc = u64::from(p.proc.unsigned_abs());
        self.fire(EventClass::Progress, &[], &[proc, p.serial.into(), p.position, p.total]);
    }
}
