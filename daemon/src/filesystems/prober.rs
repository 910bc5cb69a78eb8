//! libblkid in a worker: what is on a device, without starting a program for it.
//!
//! In: an open device. Out: its tags, or nothing where there is no such worker to be had. The worker serves all
//! devices, one after the other, and is started in the machine that is saved: under TCG to start anything takes longer
//! than to look.

use crate::ctx::Ctx;
use crate::error::{Errno, Result};
use crate::worker::{Library, Worker};
use bstr::{BStr, BString};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

/// Keys and values of one device.
pub type Tags = Vec<(BString, BString)>;

static BLKID: Library = Library { name: "blkid", thing: "prober", opener: "blkid" };

#[derive(Debug)]
enum Prober {
    Unstarted,
    Ready(Worker),
    /// This machine has no worker, or no library.
    Absent,
}

static PROBER: Mutex<Prober> = Mutex::new(Prober::Unstarted);

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// For all that is there, an error when it is not certain.
    All,
    /// For the first that fits.
    First,
}

/// Start it ahead of the first question.
pub fn start(ctx: &Ctx) -> Result<()> {
    take(ctx, "no device".into()).map(keep)
}

/// The tags of what is in this file, which messages name so; `None` when there is nobody to ask.
pub(super) fn ask(ctx: &Ctx, look: Look, file: &File, name: &BStr) -> Result<Option<Tags>> {
    let function = match look {
        Look::All => "tags",
        Look::First => "first",
    };
    // The kernel ends a worker first when memory is short, and then it is not this device's fault.
    let mut again = true;
    loop {
        let mut worker = match take(ctx, name)? {
            Prober::Ready(worker) => worker,
            absent => {
                keep(absent);
                return Ok(None);
            }
        };
        let found = worker.call::<Vec<BString>>(ctx, function, (file.as_fd(),));
        // One that is gone is replaced when it is next needed.
        let gone = worker.is_gone();
        keep(if gone { Prober::Unstarted } else { Prober::Ready(worker) });
        let pair = |pair: &[BString]| match pair {
            [name, value] => Some((name.clone(), value.clone())),
            _ => None,
        };
        match found {
            Err(e) if gone && again && e.errno() == Some(Errno::IO) => again = false,
            found => return Ok(Some(found?.chunks(2).filter_map(pair).collect())),
        }
    }
}

/// It is asked by one at a time; what a second one starts meanwhile ends with its question.
fn take(ctx: &Ctx, name: &BStr) -> Result<Prober> {
    match std::mem::replace(&mut *lock(), Prober::Unstarted) {
        Prober::Ready(mut worker) => {
            worker.works_on(name);
            Ok(Prober::Ready(worker))
        }
        Prober::Absent => Ok(Prober::Absent),
        Prober::Unstarted => match Worker::start(ctx, &BLKID, name) {
            Ok(worker) => Ok(Prober::Ready(worker)),
            Err(e) if e.errno() == Some(Errno::OPNOTSUPP) => Ok(Prober::Absent),
            Err(e) => Err(e),
        },
    }
}

fn keep(prober: Prober) {
    *lock() = prober;
}

fn lock() -> std::sync::MutexGuard<'static, Prober> {
    PROBER.lock().unwrap_or_else(PoisonError::into_inner)
}
