//! `debug worker`: a worker that goes wrong to order, for tests of what the daemon does then.
//!
//! In: `open PATH`, `close`, or what it is to do (`daemon/worker/src/trial.rs`) and perhaps a number or word;
//! `once` in front has it done by a worker of its own. Out: what it answered.

use super::debug::{number, only_appliance};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::path::GuestPath;
use crate::worker::{Library, Worker};
use bstr::{BStr, BString, ByteSlice};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};
use std::time::Duration;

static TRIAL: Library = Library { name: "trial", thing: "trial", opener: "debug worker open" };

/// Nobody wants to wait long for what is to fail.
const PATIENCE: Duration = Duration::from_millis(500);

/// See the module's description.
pub(super) fn worker(ctx: &mut Ctx, args: &[BString]) -> Result<BString> {
    only_appliance(ctx)?;
    let words: Vec<&BStr> = args.iter().map(|word| word.as_bstr()).collect();
    match words.as_slice() {
        [word, path] if *word == "open" => open(ctx, &GuestPath::parse(ctx, path)?),
        [word] if *word == "close" => TRIAL.close(ctx).map(|()| "".into()),
        [word, rest @ ..] if *word == "once" => {
            let mut worker = Worker::start(ctx, &TRIAL, "nothing".into())?;
            act(ctx, &mut worker, rest)
        }
        words => TRIAL.with(ctx, |ctx, worker| act(ctx, worker, words)),
    }
}

/// Keep a worker that has a file open.
fn open(ctx: &mut Ctx, path: &GuestPath) -> Result<BString> {
    let file = path.open(ctx, OFlags::RDONLY, Mode::empty())?;
    let mut worker = Worker::start(ctx, &TRIAL, path.as_bstr())?;
    worker.reads(&file)?;
    let text = worker.call(ctx, "read", (file.as_fd(),))?;
    TRIAL.keep(ctx, worker);
    Ok(text)
}

fn act(ctx: &Ctx, worker: &mut Worker, words: &[&BStr]) -> Result<BString> {
    if words.iter().any(|word| *word == "spin" || *word == "hang" || *word == "beat") {
        worker.patience(PATIENCE);
    }
    let count = |word: &BStr| number(word).map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    match words {
        [word, text] if *word == "echo" => worker.call(ctx, "echo", (*text,)),
        [word] if *word == "rights" => {
            let rights: Vec<BString> = worker.call(ctx, "rights", ())?;
            Ok(bstr::join("\n", rights).into())
        }
        [word, pieces] if *word == "babble" => {
            let mut sum: u64 = 0;
            let said: u32 = worker.stream(ctx, "babble", (count(pieces)?,), |n: u32| {
                sum = sum.saturating_add(u64::from(n));
                Ok(())
            })?;
            Ok(format!("{said} pieces, sum {sum}").into())
        }
        [word] if *word == "refuse" => {
            let refuse = |_: u32| Err(Error::msg("refused to take it"));
            worker.stream::<u32, u32>(ctx, "babble", (1000i64,), refuse).map(|_| "".into())
        }
        [function] => worker.call::<()>(ctx, &function.to_string(), ()).map(|()| "".into()),
        [function, n] => worker.call::<()>(ctx, &function.to_string(), (count(n)?,)).map(|()| "".into()),
        _ => Err(Error::invalid("expected a function of the trial worker and perhaps one word")),
    }
}
