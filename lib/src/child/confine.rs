//! What a child gives up that reads what may be hostile: all but the descriptors it was given.
//!
//! In: what it needs to start. Out: a child between fork and execve that has no capabilities, as root's is a user
//! that owns nothing, sees no network and opens no names but those that starting needs. Each of these is done
//! where the kernel allows it and left out where it does not; which ones hold, `/proc/PID` tells.

#![allow(unsafe_code)]

use super::{filter, landlock, privileges};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

/// How far a child is confined.
#[derive(Debug, Default)]
pub(crate) struct Confinement {
    /// It keeps the host's network.
    pub network: bool,
    /// Files and directories that it may read, and run programs of.
    pub readable: Vec<PathBuf>,
    /// Devices that it may read and write.
    pub writable: Vec<PathBuf>,
    /// What it gets in place of a name that it opens for writing: see [`super::Opens`].
    pub instead: Vec<(CString, OwnedFd)>,
}

/// The same with all made that allocates.
pub(super) struct Ready {
    namespaces: libc::c_int,
    user: libc::uid_t,
    rules: Option<OwnedFd>,
    asking: Vec<libc::sock_filter>,
    silent: Vec<libc::sock_filter>,
    /// Where the listener of the filter goes.
    listener: OwnedFd,
}

impl Ready {
    /// And the end of a socket where the listener comes out. `above` moves a descriptor out of the way of those that
    /// the child gets.
    pub fn new(
        confinement: &Confinement,
        above: &dyn Fn(OwnedFd) -> io::Result<OwnedFd>,
    ) -> io::Result<(Ready, OwnedFd)> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let network = if confinement.network { 0 } else { libc::CLONE_NEWNET };
        let rules = landlock::ruleset(&landlock::Allowed {
            readable: &confinement.readable,
            writable: &confinement.writable,
            network: confinement.network,
        });
        let ready = Ready {
            namespaces: libc::CLONE_NEWNS | libc::CLONE_NEWIPC | network,
            user: nobodys_number(),
            rules: rules.map(above).transpose()?,
            asking: filter::program(confinement.network, true),
            silent: filter::program(confinement.network, false),
            listener: above(theirs)?,
        };
        Ok((ready, ours))
    }

    /// In the child: system calls only. What does not work is left out.
    pub fn enter(&self) {
        // SAFETY: numbers, and null pointers where the calls ask for none; the path ends with a NUL.
        unsafe {
            let apart = |more| {
                let text = std::ptr::null::<libc::c_char>();
                // What is mounted on either side is none of the other's business.
                libc::unshare(self.namespaces | more) == 0
                    && libc::mount(text, c"/".as_ptr(), text, libc::MS_REC | libc::MS_PRIVATE, std::ptr::null()) == 0
            };
            // Root needs no help for this, others get a user namespace first, in which nobody has a name.
            let done = apart(0);
            // While root still may.
            privileges::bound(0);
            privileges::become_user(self.user);
            let _ = done || apart(libc::CLONE_NEWUSER);
        }
        privileges::keep(0);
        // The layers of many drives: as many as the program could allow itself.
        // SAFETY: system calls on a value of this frame.
        unsafe {
            let mut files = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            if libc::getrlimit(libc::RLIMIT_NOFILE, &mut files) == 0 {
                files.rlim_cur = files.rlim_max.min(1 << 16).max(files.rlim_cur);
                libc::setrlimit(libc::RLIMIT_NOFILE, &files);
            }
        }
        if let Some(rules) = &self.rules {
            landlock::enter(rules.as_raw_fd());
        }
    }

    /// The last step before execve.
    pub fn filter(&mut self) {
        const NEW_LISTENER: libc::c_ulong = 1 << 3;
        filter::own(&mut self.asking);
        filter::own(&mut self.silent);
        let install = |program: &[libc::sock_filter], flags: libc::c_ulong| {
            let len = u16::try_from(program.len()).unwrap_or(0);
            let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
            // SAFETY: the program is valid for its length and only read.
            unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) }
        };
        match RawFd::try_from(install(&self.asking, NEW_LISTENER)) {
            Ok(listener @ 0..) => send(&self.listener, listener),
            // Another program of this kind watches over this one already, or the kernel is older.
            _ => drop(install(&self.silent, 0)),
        }
    }
}

/// Send a descriptor. The buffers are of this frame.
fn send(socket: &OwnedFd, fd: RawFd) {
    use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
    // SAFETY: the number was just made and stays open.
    let fds = [unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if control.push(SendAncillaryMessage::ScmRights(&fds)) {
        let _ = sendmsg(socket, &[io::IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL);
    }
}

/// The descriptor that was sent, if one was.
pub(super) fn received(socket: &OwnedFd) -> Option<OwnedFd> {
    use rustix::net::{recvmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    recvmsg(socket, &mut [io::IoSliceMut::new(&mut byte)], &mut control, flags).ok()?;
    control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })
}

/// A user that nobody else is: as `nobody` it could be watched by other programs that run so. Distributions give
/// none of these numbers to anybody (systemd's "Users, Groups, UIDs and GIDs").
fn nobodys_number() -> libc::uid_t {
    let mut bytes = [0u8; 4];
    // SAFETY: fills the array. Zeroes, if there is no random number, are as good as any.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    u32::from_ne_bytes(bytes) >> 4 | 0x7000_0000
}
