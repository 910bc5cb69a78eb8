//! Foreign libraries, each in a process of its own: what is called through here cannot take the daemon along.
//!
//! In: a library's name, what it is to work on, a function of its module in `daemon/worker` and arguments.
//! Out: typed results, or an error that names the library and what it worked on. A worker that crashes, hangs
//! or grows is ended, its handles are gone, and the next call on one says so; the daemon, its mounts and the
//! next worker go on.
//!
//! ```ignore
//! static HIVEX: Library = Library { name: "hivex", thing: "hive", opener: "hivex_open" };
//!
//! // A handle that stays open from call to call:
//! let mut worker = Worker::start(ctx, &HIVEX, path.as_bstr())?;
//! worker.reads(&file)?;
//! worker.call::<()>(ctx, "open", (file.as_fd(), 0i64))?;
//! HIVEX.keep(ctx, worker);
//! let children: Vec<i64> = HIVEX.call(ctx, "node_children", (node,))?;
//! // A single question: the worker ends where it goes out of scope.
//! let mut worker = Worker::start(ctx, &TSK, device)?;
//! worker.stream(ctx, "walk", (file.as_fd(),), |entry: (i64, BString)| out.write_all(…))?;
//! ```
//!
//! HOW TO GIVE IT FILES. The daemon opens them (`GuestPath::open`) and hands the descriptors over. A library
//! that walks through directories itself gets a tree, see [`tree`]. A kept worker that goes on reading an open
//! file says so by [`Worker::reads`]: it is ended when that file's file system is unmounted.
//!
//! HOW LONG. Without a sign of life ([`Reply::Piece`], [`Reply::Alive`]) a worker may compute for
//! [`Worker::patience`], and wait for a disk eight times as long; `user_cancel` ends it at once.
//!
//! [`Reply::Piece`]: guestfs_protocol::worker::Reply
//! [`Reply::Alive`]: guestfs_protocol::worker::Reply

mod end;
mod process;
mod talk;
pub mod tree;

pub use talk::Worker;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use bstr::{BString, ByteSlice};
use end::Why;
use guestfs_protocol::worker::{Arguments, Plain};
use std::collections::BTreeMap;

/// A library, and the handle that its calls work on, if they do.
#[derive(Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name in `daemon/worker/src/table.rs`, and in messages.
    pub name: &'static str,
    /// What is open, for messages: `hive`.
    pub thing: &'static str,
    /// The call that opens one.
    pub opener: &'static str,
}

/// The handle of one library.
#[derive(Debug)]
enum Slot {
    Open(Worker),
    /// What was open, and why it is not any more.
    Gone {
        subject: BString,
        why: Why,
    },
}

/// All of them, by library.
#[derive(Debug, Default)]
struct Slots(BTreeMap<&'static str, Slot>);

impl Library {
    /// This worker has the handle that calls work on from now on. Another that had it ends.
    pub fn keep(&self, ctx: &mut Ctx, worker: Worker) {
        if let Some(slots) = ctx.kept_mut::<Slots>() {
            slots.0.insert(self.name, Slot::Open(worker));
        }
    }

    /// End what is open. An error when nothing is.
    pub fn close(&self, ctx: &mut Ctx) -> Result<()> {
        self.take(ctx).map(drop)
    }

    /// End what is open, if anything is, and forget what was.
    pub fn forget(&self, ctx: &mut Ctx) {
        if let Some(slots) = ctx.kept_mut::<Slots>() {
            slots.0.remove(self.name);
        }
    }

    /// Work with the handle that is open.
    pub fn with<R>(&self, ctx: &mut Ctx, work: impl FnOnce(&Ctx, &mut Worker) -> Result<R>) -> Result<R> {
        let mut worker = self.take(ctx)?;
        let result = work(ctx, &mut worker);
        let (slot, gone) = match worker.gone() {
            None => (Slot::Open(worker), false),
            Some(why) => (Slot::Gone { subject: worker.subject().to_owned(), why }, true),
        };
        if let Some(slots) = ctx.kept_mut::<Slots>() {
            slots.0.insert(self.name, slot);
        }
        match result {
            Err(e) if gone => Err(e.followed_by(format!("; the {} is not open any more", self.thing))),
            result => result,
        }
    }

    /// Call a function of the worker that has the handle.
    pub fn call<'a, R: Plain>(&self, ctx: &mut Ctx, function: &str, args: impl Arguments<'a>) -> Result<R> {
        self.with(ctx, |ctx, worker| worker.call(ctx, function, args))
    }

    /// What is open, as it was named when it was opened.
    pub fn subject(&self, ctx: &mut Ctx) -> Result<BString> {
        self.with(ctx, |_, worker| Ok(worker.subject().to_owned()))
    }

    fn take(&self, ctx: &mut Ctx) -> Result<Worker> {
        let Some(slots) = ctx.kept_mut::<Slots>() else { return Err(self.closed()) };
        match slots.0.remove(self.name) {
            Some(Slot::Open(worker)) => Ok(worker),
            None => Err(self.closed()),
            Some(Slot::Gone { subject, why }) => {
                let (thing, opener) = (self.thing, self.opener);
                let why_text = why.text(self.name, subject.as_bstr());
                let text = format!(
                    "the {thing} {subject} is not open any more, since {why_text}; open it again with {opener}"
                );
                slots.0.insert(self.name, Slot::Gone { subject, why });
                Err(Error::invalid(text))
            }
        }
    }

    fn closed(&self) -> Error {
        Error::invalid(format!("no {} is open: call {} first", self.thing, self.opener))
    }
}

/// A mount is about to be undone: end the workers that have a file of it.
pub fn release(ctx: &mut Ctx, mount: u64) {
    let Some(slots) = ctx.kept_mut::<Slots>() else { return };
    for slot in slots.0.values_mut() {
        if matches!(slot, Slot::Open(worker) if worker.mount() == Some(mount)) {
            slot.end(Why::Unmounted);
        }
    }
}

/// The machine is about to go: end all workers.
pub fn end_all(ctx: &mut Ctx) {
    if let Some(slots) = ctx.kept_mut::<Slots>() {
        slots.0.clear();
    }
}

impl Slot {
    fn end(&mut self, why: Why) {
        if let Slot::Open(worker) = self {
            *self = Slot::Gone { subject: worker.subject().to_owned(), why };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    static HIVEX: Library = Library { name: "hivex", thing: "hive", opener: "hivex_open" };

    #[test]
    fn without_a_handle_the_call_that_opens_one_is_named() {
        let mut g = Guest::new();
        let e = HIVEX.call::<i64>(&mut g.ctx, "root", ()).unwrap_err();
        assert_eq!(e.to_string(), "no hive is open: call hivex_open first");
        assert_eq!(HIVEX.close(&mut g.ctx).unwrap_err(), e);
        let slots = g.ctx.kept_mut::<Slots>().unwrap();
        slots.0.insert("hivex", Slot::Gone { subject: "/x".into(), why: Why::Signal(11) });
        let text =
            "the hive /x is not open any more, since the hivex library crashed (SIGSEGV) while it worked on /x; \
                    open it again with hivex_open";
        for _ in 0..2 {
            assert_eq!(HIVEX.close(&mut g.ctx).unwrap_err().to_string(), text);
        }
        HIVEX.forget(&mut g.ctx);
        assert_eq!(HIVEX.close(&mut g.ctx).unwrap_err(), e);
        release(&mut g.ctx, 1);
        end_all(&mut g.ctx);
    }
}
