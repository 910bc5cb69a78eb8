//! Backends: how an appliance comes to run and how it is reached.
//!
//! In: the name of a backend. Out: the backend, which keeps the contract of [`machine`](crate::machine).
//! Nothing outside this folder knows what a hypervisor is.

mod accel;
mod connect;
mod direct;
mod faults;
mod hello;
mod host;
mod kernel_line;
mod kvm;
mod layers;
mod libvirt;
mod nodes;
mod overlay;
mod qemu_img;
mod qmp;
pub mod saved;
mod unix;

use crate::machine::Backend;
use bstr::{BStr, BString};
use std::os::unix::ffi::OsStrExt;

/// True for a name that `set_backend` takes.
pub(crate) fn is_known(name: &BStr) -> bool {
    create(name).is_some()
}

/// The backend called `name`: what there is to it shows when it launches.
pub(crate) fn create(name: &BStr) -> Option<Box<dyn Backend>> {
    if name == "direct" {
        Some(Box::new(direct::Direct::default()))
    } else if name == "libvirt" {
        Some(Box::new(libvirt::Libvirt::new(None)))
    } else if let Some(argument) = name.strip_prefix(b"libvirt:") {
        Some(Box::new(libvirt::Libvirt::new(Some(argument.into()))))
    } else {
        let path = name.strip_prefix(b"unix:").filter(|path| !path.is_empty())?;
        Some(Box::new(unix::Unix::new(std::ffi::OsStr::from_bytes(path).into())))
    }
}

/// What `get_path` says when no path was set: where installed appliances live.
pub(crate) fn default_path() -> BString {
    let dirs = crate::appliance::locate::install_dirs();
    let dir = dirs.iter().find(|d| d.is_dir()).or(dirs.last());
    dir.map_or_else(BString::default, |d| d.as_os_str().as_bytes().into())
}

/// What `get_hv` says when no hypervisor was set.
pub(crate) fn default_hv() -> BString {
    match direct::hypervisor(None) {
        Ok(path) => path.as_os_str().as_bytes().into(),
        Err(_) => format!("qemu-system-{}", std::env::consts::ARCH).into(),
    }
}
