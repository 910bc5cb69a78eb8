//! Streams between the library and a running tool.
//!
//! In: a tool with a pipe. Out: what it prints, sent to the library, or what came from there, fed to it; and
//! the tool's own word on how it went.

use std::io::BufRead;
use std::os::fd::AsFd;
use std::process::ChildStdin;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;

use crate::error::{Errno, Result};
use crate::run::Running;
use crate::transfer_io::{FileIn, FileOut};

/// Room in a pipe to a tool, in bytes: the largest that needs no privilege.
pub(crate) const PIPE: usize = 1 << 20;

/// How often it is looked whether the library still wants a call whose tool takes and gives nothing.
pub(crate) const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// A stream that a tool is fed with.
pub(crate) trait Source: BufRead {
    /// Nothing has moved for so many ticks: fail when the library does not want the call any more.
    fn wanted(&mut self, ticks: u32) -> Result<()>;
}

impl Source for FileIn {
    fn wanted(&mut self, ticks: u32) -> Result<()> {
        FileIn::wanted(self, room(ticks))
    }
}

/// Bytes kept in memory of what the library goes on sending, to get at its word behind them. It grows slowly enough
/// for half a minute, and fast enough for a whole chunk to be read between two signs of life.
fn room(ticks: u32) -> usize {
    const STEP: usize = 512 << 10;
    const MOST: usize = 64 << 20;
    STEP.saturating_mul(usize::try_from(ticks).unwrap_or(MOST)).min(MOST)
}

/// Make the pipe to a tool as large as may be, which is only a matter of speed, and let writing to it never wait.
pub(crate) fn open_up(stdin: &ChildStdin) -> Result<()> {
    let _ = rustix::pipe::fcntl_setpipe_size(stdin, PIPE);
    Ok(rustix::fs::fcntl_setfl(stdin, rustix::fs::fcntl_getfl(stdin)? | OFlags::NONBLOCK)?)
}

/// Send what the tool prints; it must also end well. `total` is what progress is measured against.
pub(crate) fn send(mut running: Running, out: &mut FileOut, total: impl FnOnce() -> Option<u64>) -> Result<()> {
    let sent = match running.stdout.as_ref() {
        Some(stdout) => {
            let _ = rustix::pipe::fcntl_setpipe_size(stdout, PIPE);
            out.copy_from_tool(stdout, total)
        }
        None => Ok(0),
    };
    match sent {
        Ok(_) => running.finish(),
        Err(e) => {
            running.stdout = None;
            running.abort();
            Err(e)
        }
    }
}

/// Feed the tool `front` and then all of `from`; it must also end well.
pub(crate) fn feed(mut running: Running, front: &[u8], from: &mut impl Source) -> Result<()> {
    match write(&mut running, front, from) {
        Ok(()) => running.finish(),
        // The tool has seen enough: what it says about it is the result.
        Err(e) if e.errno() == Some(Errno::PIPE) => running.finish(),
        Err(e) => {
            running.abort();
            Err(e)
        }
    }
}

fn write(running: &mut Running, mut front: &[u8], from: &mut impl Source) -> Result<()> {
    let Some(stdin) = running.stdin.take() else { return Ok(()) };
    open_up(&stdin)?;
    let mut ticks = 0;
    loop {
        let in_front = !front.is_empty();
        let data = if in_front { front } else { from.fill_buf()? };
        if data.is_empty() {
            return Ok(());
        }
        match put(&stdin, data)? {
            0 => {
                ticks += 1;
                from.wanted(ticks)?;
            }
            n => {
                ticks = 0;
                match in_front {
                    true => front = front.get(n..).unwrap_or_default(),
                    false => from.consume(n),
                }
            }
        }
    }
}

/// Write what the pipe takes within a tick.
fn put(stdin: &ChildStdin, data: &[u8]) -> Result<usize> {
    let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::OUT)];
    if rustix::io::retry_on_intr(|| poll(&mut fds, Some(&TICK)))? == 0 {
        return Ok(0);
    }
    loop {
        match rustix::io::write(stdin, data) {
            Err(Errno::INTR) => {}
            // What is free is less than a page.
            Err(Errno::AGAIN) => return Ok(0),
            written => return Ok(written?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Tool;
    use crate::testing::Guest;
    use guestfs_protocol::message::{frame_chunk, Chunk};
    use std::io::{Read, Write};
    use std::time::{Duration, Instant};

    #[test]
    fn what_was_read_ahead_is_not_lost() {
        let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let mut g = Guest::new();
        g.upload(&data, |_, file| {
            let (mut all, mut some, mut ticks) = (Vec::new(), [0; 5000], 0);
            loop {
                ticks += 1;
                file.wanted(ticks * 3000)?;
                match file.read(&mut some)? {
                    0 => break,
                    n => all.extend_from_slice(&some[..n]),
                }
            }
            assert!(all == data);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_tool_that_takes_nothing_is_given_up() {
        let g = Guest::new();
        g.ctx.channel().set_heeding();
        for chunks in [0, 40] {
            g.ctx.channel().begin(1, 1);
            let mut library = g.library();
            let sends = std::thread::spawn(move || {
                for _ in 0..chunks {
                    library.write_all(&frame_chunk(&Chunk { cancel: false, data: &[7; 8192] }, Vec::new()).unwrap())?;
                }
                library.write_all(&frame_chunk(&Chunk { cancel: true, data: &[] }, Vec::new()).unwrap())
            });
            let tool = Tool::new("sh").args(["-c", "exec sleep 1000"]).spawn_piped(&g.ctx, true, false).unwrap();
            let mut file = FileIn::new(std::rc::Rc::clone(g.ctx.channel()), 0);
            let begun = Instant::now();
            // More than the pipe holds.
            let e = feed(tool, &vec![1; 2 * PIPE], &mut file).unwrap_err();
            assert_eq!(e.errno(), Some(Errno::INTR), "{e}");
            assert!(begun.elapsed() < Duration::from_secs(20));
            sends.join().unwrap().unwrap();
        }
    }

    #[test]
    fn memory_for_what_comes_is_limited() {
        assert_eq!(room(0), 0);
        assert!(room(1) < room(2));
        assert_eq!(room(200), room(u32::MAX));
    }
}
