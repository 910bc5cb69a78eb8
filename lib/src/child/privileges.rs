//! Giving up root's privileges.
//!
//! In: a forked child. Out: the same with fewer capabilities, or with none and as a user that owns nothing.

#![allow(unsafe_code)]

/// CAP_DAC_OVERRIDE: images, and the files below them, may belong to anybody. CAP_NET_BIND_SERVICE: servers
/// of NFS and Gluster want to be asked from a port below 1024. Numbers: linux/capability.h.
pub(super) const FEW: u64 = 1 << 1 | 1 << 10;
/// Without these of its own, this program could neither make its child another user nor end it then: CAP_KILL,
/// CAP_SETGID, CAP_SETUID.
const TO_CHANGE_USER: u64 = 1 << 5 | 1 << 6 | 1 << 7;

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// Version 3 of the call.
const HEADER: Header = Header { version: 0x2008_0522, pid: 0 };

/// Effective, permitted, inheritable: bits 0 to 31, then the rest.
type Sets = [[u32; 3]; 2];

fn sets() -> Option<Sets> {
    let (mut header, mut sets) = (HEADER, Sets::default());
    // SAFETY: a system call on values of this frame, laid out as capget(2) says.
    (unsafe { libc::syscall(libc::SYS_capget, &mut header, &mut sets) } == 0).then_some(sets)
}

/// No program gets a capability that is not in `kept` when root begins it.
pub(super) fn bound(kept: u64) {
    for capability in (0..64u32).filter(|c| kept.checked_shr(*c).unwrap_or(0) & 1 == 0) {
        // SAFETY: numbers only.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
    }
}

/// Keep at most the capabilities in `kept`, as far as this process may: in a container it may have less to begin
/// with. None is to be had by what it runs.
pub(super) fn keep(kept: u64) {
    let [low, high] = [kept, kept >> 32].map(|bits| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0));
    bound(kept);
    // SAFETY: system calls on values of this frame, laid out as capset(2) says.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if let Some(mut sets) = sets() {
            for (half, kept) in sets.iter_mut().zip([low, high]) {
                half.iter_mut().for_each(|set| *set &= kept);
            }
            libc::syscall(libc::SYS_capset, &HEADER, &sets);
        }
    }
}

/// Become the user and group `id`, or failing that `nobody`, in no other group. Nothing happens unless this is
/// root and may do so. glibc's own functions would tell threads that this process does not have.
pub(super) fn become_user(id: libc::uid_t) {
    const NOBODY: libc::uid_t = 65534;
    // SAFETY: system calls on numbers and a null pointer for an empty list.
    unsafe {
        let able = sets().is_some_and(|[[effective, ..], _]| u64::from(effective) & TO_CHANGE_USER == TO_CHANGE_USER);
        if libc::syscall(libc::SYS_geteuid) != 0 || !able {
            return;
        }
        // A container may have fewer numbers.
        for id in [id, NOBODY] {
            if libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == 0
                && libc::syscall(libc::SYS_setresgid, id, id, id) == 0
                && libc::syscall(libc::SYS_setresuid, id, id, id) == 0
            {
                return;
            }
        }
    }
}
