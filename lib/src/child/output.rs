//! Tools: started, listened to, waited for.
//!
//! In: what to start, how long it may take. Out: how it ended and what it wrote, bounded.

use super::{Child, ExitInfo, Spec, Stream};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// What a tool has done.
#[derive(Debug)]
pub(crate) struct Output {
    pub exit: ExitInfo,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// It ended with status 0.
    pub fn ok(&self) -> bool {
        self.exit == ExitInfo::Code(0)
    }

    /// What it complained of, else how it ended.
    pub fn complaint(&self) -> Vec<u8> {
        match self.stderr.trim_ascii() {
            b"" => self.exit.to_string().into_bytes(),
            said => said.to_vec(),
        }
    }
}

/// What is wanted of a tool.
pub(crate) struct Wanted<'a> {
    /// Bytes of its output and of its complaints that are kept; the rest is read and forgotten.
    pub most: usize,
    /// `None`: as long as it takes.
    pub limit: Option<Duration>,
    /// False: it is to be ended (ECANCELED).
    pub go_on: &'a dyn Fn() -> bool,
}

/// How often `go_on` is asked.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Run a tool to its end. Its standard output and error are read here, whatever `spec` says of them.
pub(crate) fn output(mut spec: Spec, wanted: &Wanted<'_>) -> io::Result<Output> {
    let (out, its_out) = pipe()?;
    let (err, its_err) = pipe()?;
    spec.stdout = Stream::Fd(its_out);
    spec.stderr = Stream::Fd(its_err);
    spec.watched = true;
    let mut child = Child::spawn(spec)?;
    let until = wanted.limit.map(|limit| Instant::now() + limit);
    let mut pipes = [Reader::new(out, wanted.most), Reader::new(err, wanted.most)];
    loop {
        let ended = child.ended();
        let mut fds: Vec<PollFd<'_>> = vec![PollFd::new(&ended, PollFlags::IN)];
        fds.extend(pipes.iter().filter(|p| !p.done).map(|p| PollFd::new(&p.fd, PollFlags::IN)));
        // EINTR or not: look again.
        let _ = poll(&mut fds, Some(&LOOK));
        drop(fds);
        // Before the pipes are read: what it wrote last is in them by then. Others that hold them open, its
        // own children, are not waited for.
        let exit = child.exited();
        pipes.iter_mut().for_each(Reader::read);
        if let Some(exit) = exit {
            if child.stolen {
                return Err(io::Error::from_raw_os_error(libc::ECHILD));
            }
            let [stdout, stderr] = pipes.map(|p| p.bytes);
            return Ok(Output { exit, stdout, stderr });
        }
        if !(wanted.go_on)() {
            return Err(io::Error::from_raw_os_error(libc::ECANCELED));
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // The child's end stays as tools expect it.
    rustix::fs::fcntl_setfl(&read, rustix::fs::fcntl_getfl(&read)? | OFlags::NONBLOCK)?;
    Ok((read, write))
}

struct Reader {
    fd: OwnedFd,
    bytes: Vec<u8>,
    most: usize,
    done: bool,
}

impl Reader {
    fn new(fd: OwnedFd, most: usize) -> Reader {
        Reader { fd, bytes: Vec::new(), most, done: false }
    }

    /// All there is at this moment, but not for ever if it is endless.
    fn read(&mut self) {
        let mut buf = [0; 16 << 10];
        for _ in 0..64 {
            match rustix::io::read(&self.fd, &mut buf) {
                Ok(0) => self.done = true,
                Ok(n) => {
                    let room = self.most - self.bytes.len();
                    self.bytes.extend_from_slice(buf.get(..n.min(room)).unwrap_or_default());
                    continue;
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                Err(_) => self.done = true,
            }
            return;
        }
    }
}
