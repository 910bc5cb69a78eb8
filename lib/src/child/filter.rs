//! System calls that a confined child has no use for (seccomp(2)).
//!
//! In: whether it uses the network. Out: a program for the kernel. It refuses to make sockets, which could reach
//! a user's session and its keys by their names, where neither a namespace nor landlock keeps them out; to reach
//! other processes of its user; and what would go round the rest of this confinement. Opening a file for writing
//! is put to the library ([`super::opens`]); when that no longer listens, it is refused.
//!
//! The hypervisor adds a filter of its own (`-sandbox`): of both the stricter answer counts.

#![allow(unsafe_code)]

use libc::{sock_filter, SYS_openat};

/// Kinds of machine code, linux/audit.h.
#[cfg(target_arch = "x86_64")]
const ARCH: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const ARCH: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCH: Option<u32> = None;

/// Never of use.
const FORBIDDEN: [libc::c_long; 37] = [
    // Rings do what the calls below may not, unseen by filters.
    libc::SYS_io_uring_setup,
    // Its flags are in memory, where a filter cannot look. All who use it can do without.
    libc::SYS_openat2,
    // Places and rights of its own.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    // Other processes: an ordinary user's child is the same user as they.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_getfd,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    // One of a pair may send datagrams to any socket that has a name.
    libc::SYS_socketpair,
    // How long files are: landlock says nothing about it before Linux 6.2.
    libc::SYS_truncate,
    // What files are allowed to be, about which landlock says nothing.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    FILE_SETATTR,
    // Much of the kernel that a hypervisor does not need.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];
/// Since Linux 6.6, 6.13, 6.13, 6.17.
const FCHMODAT2: libc::c_long = 452;
const SETXATTRAT: libc::c_long = 463;
const REMOVEXATTRAT: libc::c_long = 466;
const FILE_SETATTR: libc::c_long = 469;
/// Older forms of the same.
#[cfg(target_arch = "x86_64")]
const OLDER: [libc::c_long; 6] =
    [libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: [libc::c_long; 0] = [];
/// Of no use to one that has no network.
const NETWORK: [libc::c_long; 4] = [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen];
/// Who gets the signals of an open file, which could be another process: F_SETOWN, F_SETOWN_EX, FIOSETOWN, SIOCSPGRP.
const OWNERS: [(libc::c_long, u32); 4] =
    [(libc::SYS_fcntl, 8), (libc::SYS_fcntl, 15), (libc::SYS_ioctl, 0x8901), (libc::SYS_ioctl, 0x8902)];
/// Stands for the child's number until [`own`] knows it; no process has this one.
const OWN: u32 = u32::MAX;

/// Offsets in `struct seccomp_data`, of the low halves of arguments.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const fn argument(n: u32) -> u32 {
    16 + 8 * n
}

const ALLOW: u32 = 0x7fff_0000;
const ASK: u32 = 0x7fc0_0000;
const fn refuse(errno: i32) -> u32 {
    0x0005_0000 | errno as u32
}

const fn load(offset: u32) -> sock_filter {
    sock_filter { code: 0x20, jt: 0, jf: 0, k: offset }
}
const fn answer(what: u32) -> sock_filter {
    sock_filter { code: 0x06, jt: 0, jf: 0, k: what }
}
/// Go on if what was loaded is this, else skip so many.
const fn unless_equal(value: u32, skip: u8) -> sock_filter {
    sock_filter { code: 0x15, jt: 0, jf: skip, k: value }
}
/// Keep these bits of what was loaded.
const fn keep(bits: u32) -> sock_filter {
    sock_filter { code: 0x54, jt: 0, jf: 0, k: bits }
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// The program; empty for processors it was not written for. `asks`: somebody listens to what is put to it.
pub(super) fn program(network: bool, asks: bool) -> Vec<sock_filter> {
    let Some(arch) = ARCH else { return Vec::new() };
    let other = sock_filter { code: 0x15, jt: 1, jf: 0, k: arch };
    let mut program = vec![load(MACHINE), other, answer(refuse(libc::EPERM)), load(NUMBER)];
    // The numbers of x32.
    program.push(sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 });
    program.push(answer(refuse(libc::ENOSYS)));
    let mut forbid = |call: libc::c_long, errno: i32| {
        program.extend([unless_equal(number(call), 1), answer(refuse(errno))]);
    };
    FORBIDDEN.iter().chain(&OLDER).for_each(|call| forbid(*call, libc::ENOSYS));
    if !network {
        NETWORK.iter().for_each(|call| forbid(*call, libc::EACCES));
    }
    // Its own threads, as pthread_kill(3) does it, and limits of its own.
    for (call, allowed) in [(libc::SYS_tgkill, OWN), (libc::SYS_prlimit64, 0)] {
        program.extend(if_argument(call, 0, allowed, ALLOW));
        program.extend([unless_equal(number(call), 1), answer(refuse(libc::EPERM))]);
    }
    for (call, request) in OWNERS {
        program.extend(if_argument(call, 1, request, refuse(libc::EPERM)));
    }
    if network {
        let unix = u32::try_from(libc::AF_UNIX).unwrap_or(1);
        program.extend(if_argument(libc::SYS_socket, 0, unix, refuse(libc::EACCES)));
    }
    let write = if asks { ASK } else { ALLOW };
    #[cfg(target_arch = "x86_64")]
    {
        if asks {
            program.extend([unless_equal(number(libc::SYS_creat), 1), answer(refuse(libc::EACCES))]);
        }
        program.extend(open(libc::SYS_open, 1, write));
    }
    program.extend(open(SYS_openat, 2, write));
    program.push(answer(ALLOW));
    program
}

/// In the child, whose number was not known when the program was made: system calls only.
pub(super) fn own(program: &mut [sock_filter]) {
    // SAFETY: no preconditions.
    let pid = number(unsafe { libc::getpid() }.into());
    program.iter_mut().filter(|step| step.k == OWN).for_each(|step| step.k = pid);
}

/// The answer to a call with this value of an argument. Others go on, with the number loaded again.
fn if_argument(call: libc::c_long, n: u32, value: u32, what: u32) -> [sock_filter; 5] {
    [unless_equal(number(call), 4), load(argument(n)), unless_equal(value, 1), answer(what), load(NUMBER)]
}

/// A call that opens; which of its arguments has the flags, and what becomes of opening for writing. One that is
/// for reading and yet makes a file or cuts it is of no use, and before Linux 6.2 landlock lets it cut.
fn open(call: libc::c_long, flags: u32, write: u32) -> [sock_filter; 9] {
    const ACCESS: u32 = 3;
    const CHANGES: u32 = (libc::O_CREAT | libc::O_TRUNC) as u32;
    [
        unless_equal(number(call), 8),
        load(argument(flags)),
        keep(ACCESS | CHANGES),
        // O_RDONLY.
        unless_equal(0, 1),
        answer(ALLOW),
        keep(ACCESS),
        unless_equal(0, 1),
        answer(refuse(libc::EACCES)),
        answer(write),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would answer to a call with these arguments.
    fn answered(program: &[sock_filter], call: u32, arguments: &[u32]) -> u32 {
        let word = |at: u32| match at {
            NUMBER => call,
            MACHINE => ARCH.unwrap(),
            at => arguments.get((at as usize - 16) / 8).copied().unwrap_or(0),
        };
        let (mut at, mut value) = (0, 0);
        loop {
            let step = program[at];
            let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
            at += 1;
            match step.code {
                0x20 => value = word(step.k),
                0x54 => value &= step.k,
                0x15 => at += jump(value == step.k),
                0x35 => at += jump(value >= step.k),
                0x06 => return step.k,
                code => panic!("{code:#x}"),
            }
        }
    }

    #[test]
    fn answers() {
        if ARCH.is_none() {
            return;
        }
        let pid = std::process::id();
        for (network, asks) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut program = program(network, asks);
            assert_eq!(answered(&program, number(libc::SYS_tgkill), &[pid]), refuse(libc::EPERM));
            own(&mut program);
            let write = if asks { ASK } else { ALLOW };
            let inet = if network { ALLOW } else { refuse(libc::EACCES) };
            let (unix, internet) = (libc::AF_UNIX as u32, libc::AF_INET as u32);
            let rows: [(libc::c_long, &[u32], u32); 18] = [
                (libc::SYS_read, &[], ALLOW),
                (libc::SYS_truncate, &[], refuse(libc::ENOSYS)),
                (libc::SYS_fchmod, &[], refuse(libc::ENOSYS)),
                (libc::SYS_socketpair, &[unix], refuse(libc::ENOSYS)),
                (libc::SYS_socket, &[unix], refuse(libc::EACCES)),
                (libc::SYS_socket, &[internet], inet),
                (libc::SYS_connect, &[], inet),
                (libc::SYS_kill, &[pid], refuse(libc::ENOSYS)),
                (libc::SYS_tgkill, &[pid, 1], ALLOW),
                (libc::SYS_tgkill, &[pid + 1, pid], refuse(libc::EPERM)),
                (libc::SYS_prlimit64, &[0], ALLOW),
                (libc::SYS_prlimit64, &[pid], refuse(libc::EPERM)),
                (libc::SYS_fcntl, &[0, 8], refuse(libc::EPERM)),
                (libc::SYS_fcntl, &[0, 15], refuse(libc::EPERM)),
                (libc::SYS_fcntl, &[8, 9], ALLOW),
                (libc::SYS_ioctl, &[0, 0x8902], refuse(libc::EPERM)),
                (libc::SYS_ioctl, &[0, 0x8903], ALLOW),
                (0x4000_0000, &[], refuse(libc::ENOSYS)),
            ];
            for (call, arguments, want) in rows {
                assert_eq!(answered(&program, number(call), arguments), want, "{call} {arguments:?} {network} {asks}");
            }
            for (flags, want) in [
                (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_DIRECTORY, ALLOW),
                (libc::O_RDONLY | libc::O_TRUNC, refuse(libc::EACCES)),
                (libc::O_RDONLY | libc::O_CREAT, refuse(libc::EACCES)),
                (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, write),
                (libc::O_RDWR, write),
                (libc::O_ACCMODE, write),
            ] {
                let got = answered(&program, number(SYS_openat), &[0, 0, flags as u32]);
                assert_eq!(got, want, "{flags:#o} {network} {asks}");
            }
        }
    }
}
