//! Calls and replies, and the loop that serves them.
//!
//! In: request messages of a hostile client. Out: exactly one reply each (or a FileOut), whatever
//! happens inside: bad headers, bad arguments, handlers that fail or panic.

use crate::channel::{cancel, Channel, Incoming, Outgoing, Received};
use crate::ctx::{Ctx, Role};
use crate::error::{Errno, Error, Result};
use crate::transfer_io::{self, FileIn, FileOut};
use guestfs_protocol::message::{
    frame, Chunk, Direction, ErrorReply, Header, Status, HEADER_SIZE, PROGRAM, PROTOCOL_VERSION,
};
use guestfs_protocol::xdr::{from_slice, Decoder, Encoder, Xdr, XdrError, MESSAGE_MAX};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

/// Bytes before the body of a framed message.
const PREFIX: usize = 4 + HEADER_SIZE;

/// A request: its header, and its arguments still encoded.
#[derive(Debug)]
pub struct Call {
    header: Header,
    message: Vec<u8>,
    channel: Rc<Channel>,
}

impl Call {
    /// Procedure number.
    pub fn proc(&self) -> i32 {
        self.header.proc
    }

    /// Name of the procedure for messages.
    pub fn name(&self) -> String {
        guestfs_protocol::procs::name(self.proc()).map_or_else(|| format!("procedure {}", self.proc()), str::to_owned)
    }

    /// The error for a number that this daemon does not know.
    pub fn unknown(&self) -> Error {
        Error::not_supported(format!("{}: unknown to this daemon, the library is newer", self.name()))
    }

    /// Decode all arguments; stray bytes are an error.
    pub fn args<T: Xdr>(&self) -> Result<T> {
        from_slice(self.message.get(HEADER_SIZE..).unwrap_or_default()).map_err(|e| self.bad_args(&e))
    }

    /// Check that there are no arguments.
    pub fn no_args(&self) -> Result<()> {
        self.args::<()>()
    }

    fn bad_args(&self, e: &XdrError) -> Error {
        if let XdrError::Memory(_) = e {
            return Error::from(e.clone()).context(self.name());
        }
        Error::new(Errno::PROTO, format!("arguments of {} cannot be decoded: {e}", self.name()))
    }

    /// Fail with ENOTSUP when the group of the call cannot work in this appliance.
    pub fn require_group(&self, ctx: &Ctx, group: &str) -> Result<()> {
        ctx.groups().require(group).map_err(|e| e.context(self.name()))
    }

    /// The bits of the optional arguments that were given; refuses any outside `known`.
    pub fn optargs(&self, known: u64) -> Result<u64> {
        let mask = self.header.optargs_bitmask;
        match mask & !known {
            0 => Ok(mask),
            unknown => Err(Error::invalid(format!(
                "{}: unknown optional arguments (bits {unknown:#x}): library is newer than the daemon",
                self.name()
            ))),
        }
    }

    /// The file that follows the call. Make it first thing in the call's dispatcher: from then on
    /// the loop knows that chunks are coming, even if decoding the arguments fails.
    pub fn file_in(&self) -> FileIn {
        FileIn::new(Rc::clone(&self.channel), self.header.progress_hint)
    }

    /// The file that follows the reply. End with [`Reply::sent`].
    pub fn file_out(&self) -> FileOut {
        FileOut::new(Rc::clone(&self.channel))
    }
}

/// What goes back when a call succeeded.
#[derive(Debug)]
pub struct Reply(Kind);

#[derive(Debug)]
enum Kind {
    /// A framed message whose first [`PREFIX`] bytes are still to be filled in.
    Body(Vec<u8>),
    /// The FileOut has sent it already.
    Sent,
}

impl Reply {
    /// A reply without a result.
    pub fn empty() -> Reply {
        Reply(Kind::Body(vec![0; PREFIX]))
    }

    /// A reply with a result record.
    pub fn value<T: Xdr>(value: &T) -> Result<Reply> {
        let mut e = Encoder::with_limit(4 + MESSAGE_MAX);
        e.raw(&[0; PREFIX])?;
        e.put(value).map_err(|e| match e {
            XdrError::TooLong { .. } => {
                Error::new(Errno::MSGSIZE, "result is larger than a protocol message can be (4 MiB)")
            }
            XdrError::Nul => Error::new(Errno::BADMSG, "result holds a NUL byte, which a string cannot carry"),
            other => other.into(),
        })?;
        Ok(Reply(Kind::Body(e.into_vec())))
    }

    /// The reply of a call with a FileOut: sends the rest of it.
    pub fn sent(file: FileOut) -> Result<Reply> {
        file.finish()?;
        Ok(Reply(Kind::Sent))
    }
}

/// Why [`serve`] came back without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The library closed the channel between two requests.
    Closed,
    /// A call asked the daemon to end.
    Leave,
}

/// Runs one request: the generated dispatcher.
pub type Dispatch = fn(&mut Ctx, &mut Call) -> Result<Reply>;

/// How many calls were served, for ever.
#[derive(Default)]
struct Served(u64);

/// How many calls this daemon has served.
pub fn served(ctx: &Ctx) -> u64 {
    ctx.kept::<Served>().map_or(0, |served| served.0)
}

/// Serve calls until the channel ends. An error means that the stream cannot be followed any more.
pub fn serve(ctx: &mut Ctx, dispatch: Dispatch) -> Result<End> {
    let channel = Rc::clone(ctx.channel());
    cancel::serve(&channel);
    let mut message = Vec::new();
    // A refused call may be followed by chunks of a FileIn that we know nothing of.
    let mut stray = false;
    loop {
        match channel.receive(&mut message)? {
            Received::Closed => return Ok(End::Closed),
            Received::Message => {}
            Received::TooMuch(length) => {
                // Its beginning says whom to answer, and whether files follow is not known.
                let header = Decoder::new(&message).get::<Header>();
                header.map_or_else(|_| channel.begin(0, 0), |header| channel.begin(header.proc, header.serial));
                stray = true;
                let text = format!("out of memory: the request has {length} bytes");
                refuse(&channel, Error::new(Errno::NOMEM, text))?;
                continue;
            }
        }
        if stray && is_chunk(&message) {
            continue;
        }
        message = one(ctx, dispatch, &channel, message, &mut stray)?;
        if message.capacity() > 256 * 1024 {
            message = Vec::new();
        }
        if ctx.leaving() {
            return Ok(End::Leave);
        }
        between_calls(ctx);
    }
}

/// Reset what a call may have changed for the next one, and reap what the appliance's processes left behind.
fn between_calls(ctx: &mut Ctx) {
    if let Some(served) = ctx.kept_mut::<Served>() {
        served.0 = served.0.wrapping_add(1);
    }
    if ctx.role() == Role::Appliance {
        crate::run::reap_orphans();
    }
}

/// A message that does not begin with our program number but reads as a chunk.
fn is_chunk(message: &[u8]) -> bool {
    !message.starts_with(&PROGRAM.to_be_bytes()) && Chunk::decode(message, MESSAGE_MAX).is_ok()
}

/// Serve one request and give its buffer back.
fn one(
    ctx: &mut Ctx,
    dispatch: Dispatch,
    channel: &Rc<Channel>,
    message: Vec<u8>,
    stray: &mut bool,
) -> Result<Vec<u8>> {
    let header = match Decoder::new(&message).get::<Header>() {
        Ok(header) => header,
        Err(e) => {
            // The frame was whole, so the next one will be found; whom to answer is a guess.
            channel.begin(0, 0);
            *stray = true;
            refuse(channel, Error::new(Errno::PROTO, format!("request header cannot be decoded: {e}")))?;
            return Ok(message);
        }
    };
    channel.begin(header.proc, header.serial);
    if let Err(e) = check(&header).and_then(|()| may_call(ctx, header.proc)) {
        *stray = true;
        refuse(channel, e)?;
        return Ok(message);
    }
    *stray = guestfs_protocol::procs::name(header.proc).is_none();
    let mut call = Call { header, message, channel: Rc::clone(channel) };
    if ctx.verbose() {
        eprintln!("guestfsd: {} (proc {})", call.name(), call.proc());
    }
    let result = catch_unwind(AssertUnwindSafe(|| dispatch(ctx, &mut call))).unwrap_or_else(|_| {
        Err(Error::new(Errno::IO, format!("{}: internal error (panic) in the daemon", call.name())))
    });
    channel.intact()?;
    transfer_io::drain(channel)?;
    match result {
        Ok(reply) => send(channel, reply)?,
        // Whatever it failed with on the way out.
        Err(_) if channel.is_cancelled() => fail(channel, &cancel::cancelled())?,
        Err(e) => {
            if ctx.verbose() {
                eprintln!("guestfsd: {}: error: {e}", call.name());
            }
            if *stray {
                channel.send_cancel()?;
            }
            fail(channel, &e)?;
        }
    }
    Ok(call.message)
}

/// Whether a procedure may be called now.
fn may_call(ctx: &Ctx, proc: i32) -> Result<()> {
    if ctx.awaiting_hello() && proc != guestfs_protocol::procs::DEBUG {
        return Err(Error::new(
            Errno::PROTO,
            "daemon waits for the hello of the library (debug guestfs-rs) before any other call",
        ));
    }
    Ok(())
}

fn check(header: &Header) -> Result<()> {
    let bad = |what: String| Err(Error::new(Errno::PROTO, what));
    if header.program != PROGRAM {
        return bad(format!("wrong program number {:#x} in the request, expected {PROGRAM:#x}", header.program));
    }
    if header.version != PROTOCOL_VERSION {
        return bad(format!("protocol version {} in the request, expected {PROTOCOL_VERSION}", header.version));
    }
    if header.direction != Direction::Call {
        return bad("request says that it is a reply".to_owned());
    }
    if header.status != Status::Ok {
        return bad("request has an error status".to_owned());
    }
    Ok(())
}

/// Refuse a call about which nothing is known: it may have a FileIn, so ask for that to stop too.
fn refuse(channel: &Channel, e: Error) -> Result<()> {
    channel.send_cancel()?;
    fail(channel, &e)
}

fn send(channel: &Channel, reply: Reply) -> Result<()> {
    // A client that cancelled its upload as it ended has lost interest in the result, but expects
    // one reply like any other.
    debug_assert_ne!(channel.incoming(), Incoming::Active);
    let Kind::Body(mut message) = reply.0 else { return Ok(()) };
    channel.finish_progress()?;
    let (proc, serial) = channel.call_id();
    let mut head = Encoder::with_limit(PREFIX);
    // MESSAGE_MAX was enforced when encoding.
    head.word(message.len().saturating_sub(4) as u32)?;
    head.put(&Header::reply(proc, serial, Status::Ok))?;
    if let (Some(to), head) = (message.get_mut(..PREFIX), head.into_vec()) {
        to.copy_from_slice(&head);
    }
    channel.write_all(&message)
}

fn fail(channel: &Channel, e: &Error) -> Result<()> {
    match channel.outgoing() {
        Outgoing::Done => Ok(()),
        Outgoing::Started => transfer_io::send_cancel_chunk(channel),
        Outgoing::Idle => {
            let (proc, serial) = channel.call_id();
            // NUL cannot travel in a string, and a tool may well have printed one.
            let message: Vec<u8> = e.message().iter().map(|b| if *b == 0 { b'?' } else { *b }).collect();
            let reply = ErrorReply { errno_string: e.errno_name().into(), message: message.into() };
            channel.write_all(&frame(&Header::reply(proc, serial, Status::Error), |e| e.put(&reply))?)
        }
    }
}
