//! Names that a confined child opens for writing.
//!
//! In: the listener of its filter (seccomp_unotify(2)), and what it is to get in place of which names. Out: a
//! thread that answers. A file that the child asks to write to can be handed over open for reading only, which is
//! all that a private mapping needs. Other names are left to the kernel. When this is dropped, nothing can be
//! opened for writing any more.

#![allow(unsafe_code)]

use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread::JoinHandle;

/// linux/seccomp.h.
#[repr(C)]
#[derive(Default)]
struct Notice {
    id: u64,
    pid: u32,
    flags: u32,
    call: i32,
    machine: u32,
    instruction: u64,
    arguments: [u64; 6],
}

#[repr(C)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

#[repr(C)]
struct Hand {
    id: u64,
    flags: u32,
    from: u32,
    to: u32,
    to_flags: u32,
}

const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const HAND_OVER: libc::c_ulong = 0x4018_2103;
/// The kernel is to go on with the call.
const CONTINUE: u32 = 1;

/// The names that are of interest are short.
const NAME_MAX: usize = 64;

/// Answers as long as it lives.
#[derive(Debug)]
pub(crate) struct Opens {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Opens {
    /// Begin to answer.
    pub fn serve(listener: OwnedFd, instead: Vec<(CString, OwnedFd)>) -> io::Result<Opens> {
        // Said, and not told by closing: a process that this program forks has what is open here open too.
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let stopped = stop.try_clone()?;
        let answer = move || {
            super::block_signals();
            while wait(&listener, &stopped) && answer_one(&listener, &instead).is_some() {}
        };
        let thread = std::thread::Builder::new().name("guestfs-opens".into()).spawn(answer)?;
        Ok(Opens { stop, thread: Some(thread) })
    }
}

impl Drop for Opens {
    fn drop(&mut self) {
        // It takes a number unless its counter is full.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// True: there is something to answer.
fn wait(listener: &OwnedFd, stopped: &OwnedFd) -> bool {
    loop {
        let (listener, stopped) = (listener.as_fd(), stopped.as_fd());
        let mut fds = [PollFd::new(&listener, PollFlags::IN), PollFd::new(&stopped, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => {
                let [listener, stopped] = fds.map(|fd| fd.revents());
                return stopped.is_empty() && listener == PollFlags::IN;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// `None`: nothing more will come.
fn answer_one(listener: &OwnedFd, instead: &[(CString, OwnedFd)]) -> Option<()> {
    let control = |request: libc::c_ulong, value: *mut libc::c_void| {
        // SAFETY: each request is made with the structure that linux/seccomp.h says.
        match unsafe { libc::ioctl(listener.as_raw_fd(), request, value) } {
            -1 => Err(io::Error::last_os_error()),
            n => Ok(n),
        }
    };
    let mut notice = Notice::default();
    match control(RECEIVE, (&raw mut notice).cast()) {
        Ok(_) => {}
        // The call was given up meanwhile.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => return Some(()),
        Err(_) => return None,
    }
    let mut answer = Answer { id: notice.id, value: 0, error: 0, flags: CONTINUE };
    let wanted = match (name(&notice), instead) {
        (Ok(name), _) => instead.iter().find(|(known, _)| Some(known) == name.as_ref()),
        // A container where not even the own child may be looked into: there is only one that it can mean.
        (Err(_), [one]) => Some(one),
        (Err(_), _) => None,
    };
    if let Some((_, fd)) = wanted {
        let from = u32::try_from(fd.as_raw_fd()).ok()?;
        let mut hand = Hand { id: notice.id, flags: 0, from, to: 0, to_flags: 0 };
        // Before Linux 5.9 nothing can be handed over.
        if let Ok(number) = control(HAND_OVER, (&raw mut hand).cast()) {
            (answer.flags, answer.value) = (0, number.into());
        }
    }
    // It may be gone.
    let _ = control(SEND, (&raw mut answer).cast());
    Some(())
}

/// The name that is to be opened; none that is of interest. Reading another process is allowed for its parent.
fn name(notice: &Notice) -> io::Result<Option<CString>> {
    let argument = usize::from(libc::c_long::from(notice.call) == libc::SYS_openat);
    let address = notice.arguments.get(argument).copied().unwrap_or(0);
    let address = usize::try_from(address).map_err(io::Error::other)?;
    let mut bytes = [0u8; NAME_MAX];
    let ours = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // In two parts if it comes to the end of a page: where the next page is not there, the first is read all the same.
    let first = bytes.len().min(4096 - address % 4096);
    let part = |from: usize, len: usize| libc::iovec {
        iov_base: std::ptr::with_exposed_provenance_mut(address.wrapping_add(from)),
        iov_len: len,
    };
    let theirs = [part(0, first), part(first, bytes.len() - first)];
    let pid = libc::pid_t::try_from(notice.pid).map_err(io::Error::other)?;
    // SAFETY: fills the array, with what the other process has there.
    let read = unsafe { libc::process_vm_readv(pid, &ours, 1, theirs.as_ptr(), 2, 0) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // What has no end in these bytes is none of the names.
    let name = bytes.get(..read).and_then(|bytes| CStr::from_bytes_until_nul(bytes).ok());
    Ok(name.map(CStr::to_owned))
}
