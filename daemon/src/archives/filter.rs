//! A stream that a tool changes on its way: read what the tool makes of what the library sends.
//!
//! In: a FileIn and a running tool with both pipes. Out: `Read`. One thread serves both pipes; neither
//! ever waits for the other.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;

use rustix::event::{poll, PollFd, PollFlags};

use crate::error::{Errno, Error, Result};
use crate::run::Running;
use crate::transfer::{open_up, Source, PIPE, TICK};
use crate::transfer_io::FileIn;

/// What unpacks takes or gives something all the time; after so many ticks without it never will (40 s).
const HUNG: u32 = 133;

/// See the module's description.
pub struct Filter<'f> {
    from: &'f mut FileIn,
    tool: Running,
    /// All of the tool's output was read.
    ended: bool,
    /// For how long the tool has neither taken nor given anything.
    ticks: u32,
}

impl<'f> Filter<'f> {
    /// The tool's pipes are made fit for it.
    pub fn new(from: &'f mut FileIn, tool: Running) -> Result<Self> {
        if let Some(stdin) = &tool.stdin {
            open_up(stdin)?;
        }
        if let Some(stdout) = &tool.stdout {
            let _ = rustix::pipe::fcntl_setpipe_size(stdout, PIPE);
        }
        Ok(Filter { from, tool, ended: false, ticks: 0 })
    }

    /// What the tool says about the stream, if that was read to its end. Else it is we who cut it off, and its
    /// complaints are about that.
    pub fn finish(self) -> Result<()> {
        let said = self.tool.finish();
        if self.ended {
            said
        } else {
            Ok(())
        }
    }

    fn nothing_moved(&mut self) -> Result<()> {
        self.ticks += 1;
        if self.ticks > HUNG {
            let text = "the program that unpacks the stream has neither taken nor given anything for 40 s";
            return Err(Error::new(Errno::TIMEDOUT, text));
        }
        Source::wanted(self.from, self.ticks)
    }

    /// Move what the pipe takes; at the end of the file, close it.
    fn feed(&mut self) -> Result<()> {
        let Some(stdin) = &self.tool.stdin else { return Ok(()) };
        let data = self.from.chunk()?;
        if data.is_empty() {
            self.tool.stdin = None;
            return Ok(());
        }
        match rustix::io::write(stdin, data) {
            Ok(n) => self.from.consume(n),
            Err(Errno::AGAIN | Errno::INTR) => {}
            // It has seen enough, and says why when it ends.
            Err(Errno::PIPE) => self.tool.stdin = None,
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }
}

impl Source for BufReader<Filter<'_>> {
    fn wanted(&mut self, ticks: u32) -> Result<()> {
        Source::wanted(self.get_mut().from, ticks)
    }
}

impl Read for Filter<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(stdout) = &self.tool.stdout else { return Ok(0) };
            let mut fds = Vec::with_capacity(2);
            fds.push(PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::IN));
            if let Some(stdin) = &self.tool.stdin {
                fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::OUT));
            }
            match poll(&mut fds, Some(&TICK)) {
                Ok(0) => {
                    self.nothing_moved()?;
                    continue;
                }
                Ok(_) => self.ticks = 0,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            let (readable, writable) = (ready.next() == Some(true), ready.next() == Some(true));
            if readable {
                let n = rustix::io::retry_on_intr(|| rustix::io::read(stdout, &mut *buf))?;
                self.ended = n == 0;
                return Ok(n);
            }
            if writable {
                self.feed()?;
            }
        }
    }
}
