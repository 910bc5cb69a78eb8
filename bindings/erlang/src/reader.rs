//! The thread that reads requests.
//!
//! In: packets. Out: calls for the thread that makes them; what must not wait for a call that runs is done here: the
//! callbacks, and cancelling. When the input ends, so does the call that runs, and with it the program.

use crate::args::Args;
use crate::fault::{Fault, Result};
use crate::packet::{self, Output, NEWS};
use crate::reply;
use guestfs::{Canceller, EventId, Handle, EVENT_ALL};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callbacks of one handle, at most.
const MAX_CALLBACKS: usize = 10_000;

/// How long a call may take to notice that nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call to make.
pub struct Request {
    pub id: u64,
    term: Vec<u8>,
}

impl Request {
    pub fn term(&self) -> &[u8] {
        &self.term
    }

    /// Not a call of the library: the end of the handle.
    pub fn is_close(&self) -> bool {
        Args::new(&self.term).is_ok_and(|args| args.name() == b"close")
    }
}

/// Whether a call runs that may be cancelled.
pub struct Running {
    canceller: Canceller,
    now: Mutex<bool>,
}

impl Running {
    pub fn new(handle: &Handle) -> Self {
        Running { canceller: handle.canceller(), now: Mutex::new(false) }
    }

    /// Make a call.
    pub fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        self.set(true);
        let result = call();
        self.set(false);
        result
    }

    fn set(&self, running: bool) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    /// Cancel the call, if one runs: not what comes after it.
    fn cancel(&self) -> bool {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now {
            self.canceller.cancel();
        }
        *now
    }
}

pub struct Reader {
    handle: Arc<Handle>,
    output: Arc<Output>,
    queue: SyncSender<Request>,
    running: Arc<Running>,
    /// By the numbers that Erlang gave them.
    callbacks: BTreeMap<u64, EventId>,
}

impl Reader {
    pub fn new(handle: Arc<Handle>, output: Arc<Output>, queue: SyncSender<Request>, running: Arc<Running>) -> Self {
        Reader { handle, output, queue, running, callbacks: BTreeMap::new() }
    }

    /// Until the input ends.
    pub fn run(mut self, mut input: File) {
        loop {
            match packet::read(&mut input) {
                Ok(Some((NEWS, _))) => {
                    self.running.cancel();
                }
                Ok(Some((id, term))) => self.request(Request { id, term }),
                Ok(None) => break,
                Err(e) => {
                    eprintln!("erl-guestfs: {e}");
                    break;
                }
            }
        }
        self.end();
    }

    fn request(&mut self, request: Request) {
        let id = request.id;
        if let Some(result) = self.at_once(&request) {
            self.answer(match result {
                Ok(()) => reply::done(id),
                Err(fault) => reply::fault(id, &fault),
            });
            return;
        }
        match self.queue.try_send(request) {
            Err(TrySendError::Full(_)) => self.answer(reply::fault(id, &Fault::busy())),
            // The handle is closed, and the program about to end.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    fn answer(&self, packet: Vec<u8>) {
        // Who does not read any more does not write either: the input ends next.
        let _ = self.output.send(packet);
    }

    /// What does not wait for the call that runs.
    fn at_once(&mut self, request: &Request) -> Option<Result<()>> {
        let mut args = Args::new(&request.term).ok()?;
        match args.name() {
            b"user_cancel" => {
                self.running.cancel();
                Some(Ok(()))
            }
            b"set_event_callback" => Some(self.set(&mut args)),
            b"delete_event_callback" => Some(self.delete(&mut args)),
            _ => None,
        }
    }

    fn set(&mut self, args: &mut Args<'_>) -> Result<()> {
        let (callback, mask) = (number(args, "event_handle")?, number(args, "events")?);
        args.no_options()?;
        if self.callbacks.contains_key(&callback) || self.callbacks.len() >= MAX_CALLBACKS || mask & !EVENT_ALL != 0 {
            return Err(Fault::argument("set_event_callback: too many callbacks, or no such events"));
        }
        let output = self.output.clone();
        let id = self.handle.add_event_callback(mask, move |_, event| {
            // As for answers.
            let _ = output.send(reply::event(callback, event));
        });
        self.callbacks.insert(callback, id);
        Ok(())
    }

    fn delete(&mut self, args: &mut Args<'_>) -> Result<()> {
        let callback = number(args, "event_handle")?;
        args.no_options()?;
        if let Some(id) = self.callbacks.remove(&callback) {
            self.handle.delete_event_callback(id);
        }
        Ok(())
    }

    /// The call that runs is cancelled until it ends; then the other thread finds no more calls, closes the handle, and
    /// ends the program.
    fn end(self) {
        let running = self.running;
        drop((self.queue, self.handle));
        let mut since = Instant::now();
        loop {
            if !running.cancel() {
                since = Instant::now();
            } else if since.elapsed() > PATIENCE {
                eprintln!("erl-guestfs: the call that runs did not end in {} s: giving it up", PATIENCE.as_secs());
                std::process::exit(1);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn number(args: &mut Args<'_>, name: &str) -> Result<u64> {
    u64::try_from(args.int64(name)?).map_err(|_| Fault::argument([name.as_bytes(), b" is negative"].concat()))
}
