//! Which machine is confined, and what it needs besides its descriptors.
//!
//! In: a machine, its drives. Out: the rights of its process. Whatever can be opened by the library is; what is
//! left are the program, its libraries and firmware. Only a drive that nobody but qemu can open (on a server, in
//! layers that are not files) has it keep the rights to look for it.

use super::machine::{by_number, is_script, Machine, Memory, CORE, RAM_FD};
use crate::backend::accel::Accel;
use crate::backend::layers::Opened;
use crate::child::{Confinement, Rights};
use bstr::ByteSlice;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Setting: the hypervisor keeps all rights of this program.
const PRIVILEGED: &str = "privileged";

/// Programs, libraries, firmware and their settings, wherever distributions put them.
const SYSTEM: [&str; 15] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    // Libraries that are loaded with qemu look at these.
    "/etc/gnutls",
    "/etc/gcrypt",
    "/etc/crypto-policies",
    "/etc/ssl/openssl.cnf",
    "/proc/sys/crypto",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
];

/// Why this machine is not to be confined; `None`: it is.
pub fn why_not(hv: &Path, machine: &Machine<'_>, drives: &[Opened]) -> Option<String> {
    let core = || machine.plan.setting_bool(CORE).then(|| "it could not write a core".to_owned());
    why_free(hv, machine).or_else(core).or_else(|| {
        drives.iter().find_map(|drive| match drive {
            Opened::ByName(why) => Some(why.message.to_str_lossy().into_owned()),
            Opened::Nameless | Opened::Layers(_) | Opened::Connected(_) => None,
        })
    })
}

/// Why nothing is taken from it at all.
fn why_free(hv: &Path, machine: &Machine<'_>) -> Option<String> {
    if machine.plan.setting_bool(PRIVILEGED) {
        return Some("privileged was set".into());
    }
    if !machine.plan.hv_params.is_empty() {
        return Some("it has additional parameters (config)".into());
    }
    is_script(hv)
}

/// What the process may do.
pub fn rights(hv: &Path, machine: &Machine<'_>, ram: Option<&File>) -> io::Result<Rights> {
    if why_free(hv, machine).is_some() {
        return Ok(Rights::All);
    }
    if !machine.confined {
        return Ok(Rights::Few);
    }
    let network = machine.plan.network || machine.plan.setting_bool("gdb");
    let mut readable: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    readable.extend(of_program(hv));
    readable.extend([machine.appliance.kernel.clone(), machine.appliance.initrd.clone()]);
    if machine.plan.network {
        readable.extend(resolver());
    }
    let mut writable = vec![PathBuf::from("/dev/null")];
    let mut instead: Vec<(CString, OwnedFd)> = Vec::new();
    if machine.accel == Accel::Kvm {
        writable.push("/dev/kvm".into());
        if let Ok(kvm) = File::options().read(true).write(true).open("/dev/kvm") {
            instead.push((c"/dev/kvm".to_owned(), kvm.into()));
        }
    }
    if let Some(ram) = ram.filter(|_| machine.memory != Memory::Anonymous) {
        instead.push((CString::new(by_number(RAM_FD))?, ram.try_clone()?.into()));
    }
    Ok(Rights::Confined(Confinement { network, readable, writable, instead }))
}

/// A qemu with a prefix of its own has its files there; libraries can be anywhere. A directory that is not one for
/// programs may be somebody's home.
fn of_program(hv: &Path) -> Vec<PathBuf> {
    let real = hv.canonicalize().unwrap_or_else(|_| hv.to_owned());
    let programs = real.parent().filter(|dir| ["bin", "sbin", "libexec"].iter().any(|name| dir.ends_with(name)));
    let prefix = programs.and_then(Path::parent);
    let beside = ["share", "lib", "lib64", "libexec"].iter().filter_map(|name| Some(prefix?.join(name)));
    let mut places: Vec<PathBuf> = programs.map(Path::to_owned).into_iter().chain(beside).collect();
    places.push(real.clone());
    for name in ["LD_LIBRARY_PATH", "QEMU_MODULE_DIR"] {
        let dirs = std::env::var_os(name).unwrap_or_default();
        places.extend(std::env::split_paths(&dirs).filter(|dir| dir.is_absolute() && dir.parent().is_some()));
    }
    places
}

/// Where the guest's network learns of name servers: the file, and where it is written anew.
fn resolver() -> Vec<PathBuf> {
    let file = PathBuf::from("/etc/resolv.conf");
    let real = file.canonicalize().unwrap_or_default();
    let beside = real.parent().filter(|dir| dir.starts_with("/run") && dir.components().count() > 2);
    beside.map(Path::to_owned).into_iter().chain([file]).collect()
}

/// A file for a qemu that may be another user, which opens it anew: one that not everybody may read is copied.
pub fn for_anybody(path: &Path) -> io::Result<OwnedFd> {
    let mut file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o004 != 0 || !rustix::process::geteuid().is_root() {
        return Ok(file.into());
    }
    let mut copy = crate::backend::saved::memory(0)?;
    io::copy(&mut file, &mut copy)?;
    Ok(copy.into())
}
