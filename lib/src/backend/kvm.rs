//! Does KVM here really run guests?
//!
//! In: `/dev/kvm`. Out: how long a tiny guest takes, or why it cannot run. Some hosts offer the device
//! and then interpret the guest at a few million instructions a second: a kernel seems to hang, with no
//! error anywhere (boot-lab §3). A loop of 5 000 rounds tells in about 10 ms.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::{Duration, Instant};

/// Hardware needs well under 0.1 ms, the hosts described above about 2 ms.
pub const LIMIT: Duration = Duration::from_millis(1);
/// The guest is given this long to end its loop at all.
const PATIENCE: Duration = Duration::from_secs(1);
const ROUNDS: u64 = 5_000;

// Numbers and sizes from linux/kvm.h, as of API version 12, which never changes.
const KVM_GET_API_VERSION: libc::c_ulong = 0xAE00;
const KVM_CREATE_VM: libc::c_ulong = 0xAE01;
const KVM_GET_VCPU_MMAP_SIZE: libc::c_ulong = 0xAE04;
const KVM_CREATE_VCPU: libc::c_ulong = 0xAE41;
const KVM_SET_USER_MEMORY_REGION: libc::c_ulong = 0x4020_AE46;
const KVM_RUN: libc::c_ulong = 0xAE80;
const KVM_SET_REGS: libc::c_ulong = 0x4090_AE82;
const KVM_GET_SREGS: libc::c_ulong = 0x8138_AE83;
const KVM_SET_SREGS: libc::c_ulong = 0x4138_AE84;
const KVM_EXIT_HLT: u32 = 5;
const PAGE: usize = 4096;

/// `dec ecx; jnz back; hlt` in 16-bit code.
const CODE: [u8; 5] = [0x66, 0x49, 0x75, 0xfc, 0xf4];

#[repr(C)]
struct MemoryRegion {
    slot: u32,
    flags: u32,
    guest_address: u64,
    size: u64,
    host_address: u64,
}

/// Start of `struct kvm_run`.
#[repr(C)]
struct Run {
    _flags: [u8; 8],
    exit_reason: u32,
}

/// The best of three runs of the loop, or why it did not run.
pub fn probe() -> Result<Duration, String> {
    let kvm = File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .map_err(|e| format!("/dev/kvm: {}", crate::error::io_text(&e)))?;
    // A vCPU that never comes back would take us with it: on a thread it only takes that.
    let (sender, answer) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("guestfs-kvm".into())
        .spawn(move || drop(sender.send(run(&kvm))))
        .map_err(|e| e.to_string())?;
    match answer.recv_timeout(PATIENCE) {
        Ok(result) => result.map_err(|e| format!("/dev/kvm: {}", crate::error::io_text(&e))),
        Err(_) => Err(format!("/dev/kvm: a guest did not end within {} s", PATIENCE.as_secs())),
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// An ioctl whose argument is a plain number.
fn number(file: &File, request: libc::c_ulong, argument: libc::c_ulong) -> io::Result<libc::c_int> {
    // SAFETY: these requests take their argument by value and touch no memory of ours.
    check(unsafe { libc::ioctl(file.as_raw_fd(), request, argument) })
}

/// An ioctl that reads or writes `*argument`.
fn pointer<T: ?Sized>(file: &File, request: libc::c_ulong, argument: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the request's size field (bits 16–29) equals the size of `*argument` at every caller, and
    // the borrow is exclusive for the time of the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), request, std::ptr::from_mut(argument).cast::<libc::c_void>()) })
}

/// Shared memory that unmaps itself.
struct Mapping {
    address: *mut libc::c_void,
    size: usize,
}

impl Mapping {
    fn new(size: usize, file: Option<&File>) -> io::Result<Mapping> {
        let flags = if file.is_some() { libc::MAP_SHARED } else { libc::MAP_SHARED | libc::MAP_ANONYMOUS };
        let fd = file.map_or(-1, AsRawFd::as_raw_fd);
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing of ours.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, fd, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping { address, size })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `new`; no reference into it lives longer than `self`.
        unsafe { libc::munmap(self.address, self.size) };
    }
}

fn owned(fd: libc::c_int) -> File {
    // SAFETY: the kernel has just given us this descriptor and nobody else has it.
    unsafe { File::from_raw_fd(fd) }
}

fn run(kvm: &File) -> io::Result<Duration> {
    if number(kvm, KVM_GET_API_VERSION, 0)? != 12 {
        return Err(io::Error::other("unknown version of the KVM interface"));
    }
    let run_size = usize::try_from(number(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)?).unwrap_or(0);
    if run_size < PAGE {
        return Err(io::Error::other("the KVM interface is not as documented"));
    }
    let memory = Mapping::new(PAGE, None)?;
    // SAFETY: the mapping is PAGE bytes long, more than CODE, and nobody else has it yet.
    unsafe { std::ptr::copy_nonoverlapping(CODE.as_ptr(), memory.address.cast(), CODE.len()) };
    let vm = owned(number(kvm, KVM_CREATE_VM, 0)?);
    let mut region =
        MemoryRegion { slot: 0, flags: 0, guest_address: 0, size: PAGE as u64, host_address: memory.address as u64 };
    pointer(&vm, KVM_SET_USER_MEMORY_REGION, &mut region)?;
    let vcpu = owned(number(&vm, KVM_CREATE_VCPU, 0)?);
    let state = Mapping::new(run_size, Some(&vcpu))?;
    // struct kvm_sregs begins with CS: base (8 bytes), limit (4), selector (2). Start at 0:0.
    let mut sregs = [0u64; 0x138 / 8];
    pointer(&vcpu, KVM_GET_SREGS, &mut sregs)?;
    let [base, limit_selector, ..] = &mut sregs;
    *base = 0;
    *limit_selector &= !(0xffff << 32);
    pointer(&vcpu, KVM_SET_SREGS, &mut sregs)?;
    let mut best = Duration::MAX;
    for _ in 0..3 {
        // struct kvm_regs: rax rbx rcx …, rip and rflags last. Bit 1 of rflags is always set.
        let mut regs = [0u64; 0x90 / 8];
        let [_, _, rcx, .., _, rflags] = &mut regs;
        *rcx = ROUNDS;
        *rflags = 2;
        pointer(&vcpu, KVM_SET_REGS, &mut regs)?;
        let start = Instant::now();
        while let Err(e) = number(&vcpu, KVM_RUN, 0) {
            if e.kind() != io::ErrorKind::Interrupted {
                return Err(e);
            }
        }
        let took = start.elapsed();
        // SAFETY: the mapping holds a struct kvm_run, larger than `Run`, and the vCPU is not running.
        let reason = unsafe { std::ptr::read_volatile(&raw const (*state.address.cast::<Run>()).exit_reason) };
        if reason != KVM_EXIT_HLT {
            return Err(io::Error::other(format!("a tiny guest ended for reason {reason} instead of halting")));
        }
        best = best.min(took);
    }
    drop(vcpu);
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_quickly_whatever_the_host() {
        let start = Instant::now();
        let result = probe();
        assert!(start.elapsed() < PATIENCE + Duration::from_millis(500), "{:?}", start.elapsed());
        match (File::options().read(true).write(true).open("/dev/kvm"), result) {
            (Err(_), result) => assert!(result.unwrap_err().starts_with("/dev/kvm: ")),
            (Ok(_), Ok(took)) => assert!(took > Duration::ZERO && took < PATIENCE, "{took:?}"),
            (Ok(_), Err(why)) => assert!(why.starts_with("/dev/kvm: "), "{why}"),
        }
    }
}
