//! The process between: waits for a child in the place of a program that cannot.
//!
//! In: a child of this process, a socket to the program. Out: the child's number, and how it ended.

#![allow(unsafe_code)]

use super::raw::{close_from, errno, say};
use super::ExitInfo;
use std::io::{self, Read};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// What the process between says first: the child's number.
pub(super) fn introduced(mut report: &UnixStream) -> io::Result<libc::pid_t> {
    let mut pid = [0; 4];
    report.read_exact(&mut pid)?;
    match i32::from_ne_bytes(pid) {
        errno @ ..=-1 => Err(io::Error::from_raw_os_error(-errno)),
        pid => Ok(pid),
    }
}

/// What it says last: how the child ended. `None`: it was ended itself.
pub(super) fn told(report: &OwnedFd) -> Option<ExitInfo> {
    let mut words = [0; 8];
    let n = rustix::io::retry_on_intr(|| rustix::io::read(report, &mut words)).ok()?;
    let (code, status) = words.get(..n)?.split_first_chunk::<4>()?;
    let status = i32::from_ne_bytes(status.try_into().ok()?);
    Some(match i32::from_ne_bytes(*code) {
        libc::CLD_EXITED => ExitInfo::Code(status),
        _ => ExitInfo::Signal(status),
    })
}

/// The process between: has nothing but its report, and tells how the child ended.
pub(super) fn wait_for(survivor: bool, parent: libc::pid_t, pid: libc::pid_t, report: RawFd) -> ! {
    // SAFETY: system calls on values of this frame.
    unsafe {
        if !survivor {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if libc::getppid() != parent {
                libc::_exit(0);
            }
        }
        libc::dup2(report, 0);
        let _ = close_from(1, false);
        libc::chdir(c"/".as_ptr());
        say(0, &pid.to_ne_bytes());
        let mut acknowledged = [0u8];
        libc::read(0, acknowledged.as_mut_ptr().cast(), 1);
        let mut info: libc::siginfo_t = std::mem::zeroed();
        while libc::waitid(libc::P_PID, libc::id_t::try_from(pid).unwrap_or(0), &mut info, libc::WEXITED) != 0 {
            if errno() != libc::EINTR {
                libc::_exit(1);
            }
        }
        let mut words = [0; 8];
        for (to, from) in
            words.iter_mut().zip(info.si_code.to_ne_bytes().into_iter().chain(info.si_status().to_ne_bytes()))
        {
            *to = from;
        }
        say(0, &words);
        libc::_exit(0)
    }
}
