//! The system calls that no library has a use for.
//!
//! In: nothing. Out: a process for which these fail: programs and processes, other processes' memory and
//! signals, mounts and roots, sockets, the kernel's modules, keys and tracing, code that was not loaded before.
//! All others are as they were: it is a list of what is refused, so that libraries of any version run.

use crate::fault::Result;
use libc::{c_long, sock_filter};

/// Refused with EPERM.
const REFUSED: &[c_long] = &[
    // Programs and processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_clone,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Others.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setaffinity,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Names of files.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_fsconfig,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mknod,
    libc::SYS_mknodat,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Messages.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_acct,
    libc::SYS_vhangup,
    // What has had more holes than uses here.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_setup,
    libc::SYS_fanotify_init,
    libc::SYS_seccomp,
    libc::SYS_personality,
    libc::SYS_modify_ldt,
    libc::SYS_pkey_mprotect,
    libc::SYS_remap_file_pages,
];

// linux/audit.h: EM_X86_64, little-endian, 64 bit.
const ARCH: u32 = 0xc000_003e;
// linux/unistd.h: calls of the x32 ABI.
const X32: u32 = 0x4000_0000;

// Places in `struct seccomp_data`: number, architecture, and the lower half of an argument.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

fn argument(n: u32) -> u32 {
    16 + 8 * n
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn load(at: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at)
}

fn answer(with: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, with)
}

/// Go on with the next statement if the comparison holds, else skip so many.
fn unless(comparison: u32, k: u32, skip: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | comparison | libc::BPF_K) as u16, jt: 0, jf: skip, k }
}

/// The filter for the process of this number.
fn program(pid: u32) -> Vec<sock_filter> {
    let refuse = answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let allow = answer(libc::SECCOMP_RET_ALLOW);
    let equal = libc::BPF_JEQ;
    let mut all = vec![
        load(ARCHITECTURE),
        unless(equal, ARCH, 1),
        // Skips the next if it is ours.
        statement(libc::BPF_JMP | libc::BPF_JA, 1),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
        unless(libc::BPF_JGE, X32, 1),
        refuse,
        // The C library goes back to clone(2) without it, and is refused there.
        unless(equal, libc::SYS_clone3 as u32, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ];
    for number in REFUSED {
        all.extend([unless(equal, *number as u32, 1), refuse]);
    }
    // abort(3) sends the process itself a signal.
    all.extend([unless(equal, libc::SYS_tgkill as u32, 4), load(argument(0)), unless(equal, pid, 1), allow, refuse]);
    // getrlimit(3) asks for its own.
    all.extend([unless(equal, libc::SYS_prlimit64 as u32, 4), load(argument(0)), unless(equal, 0, 1), allow, refuse]);
    // No more code: nothing can be loaded, from a guest's directory for example.
    for number in [libc::SYS_mmap, libc::SYS_mprotect] {
        let executable = unless(libc::BPF_JSET, libc::PROT_EXEC as u32, 1);
        all.extend([unless(equal, number as u32, 4), load(argument(2)), executable, refuse, allow]);
    }
    all.push(allow);
    all
}

/// Put it on this process, for good.
pub fn put_on() -> Result<()> {
    let mut all = program(std::process::id());
    let len = u16::try_from(all.len()).unwrap_or(u16::MAX);
    let filter = libc::sock_fprog { len, filter: all.as_mut_ptr() };
    // SAFETY: the kernel copies `len` statements, which `all` has, during the call.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}
