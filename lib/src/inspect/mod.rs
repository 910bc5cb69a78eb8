//! Calls about operating systems that are put together from others: names, icons, packages.
//!
//! In: what the daemon's inspection found, and files of the mounted guest, which are hostile. Out: texts,
//! lists, bytes, bounded in size.

mod alpine;
mod arch;
mod debian;
mod gentoo;
mod icon;
mod osinfo;
mod version;
mod void;
mod windows;

pub(crate) use icon::inspect_get_icon;
pub(crate) use osinfo::inspect_get_osinfo;

use crate::contents::read_at_most;
use crate::error::{ErrorKind, Result};
use crate::handle::Handle;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::{Application, Application2};

/// Lists of packages are smaller, those of the largest systems too.
const PACKAGES_MAX: usize = 100 << 20;

/// One name for a device that has several.
pub(crate) fn canonical_device_name(g: &Handle, device: &BStr) -> Result<BString> {
    for head in ["/dev/hd", "/dev/vd"] {
        if let Some(rest) = device.strip_prefix(head.as_bytes()) {
            return Ok(bstr::concat([b"/dev/sd", rest]).into());
        }
    }
    if device.starts_with(b"/dev/mapper/") || device.starts_with(b"/dev/dm-") {
        // What is no logical volume, or cannot be asked for, has only this name.
        if let Ok(name) = g.quietly(|g| g.lvm_canonical_lv_name(device)) {
            return Ok(name);
        }
    }
    Ok(device.to_owned())
}

/// The packages of a system whose kind of them is known, by name.
pub(crate) fn inspect_list_applications2(g: &Handle, root: &BStr) -> Result<Vec<Application2>> {
    if g.inspect_get_type(root)? == "windows" {
        return windows::programs(g, root);
    }
    // Asked for in any case: a root that is none is an error. The Hurd has a distribution of Linux.
    if !matches!(g.inspect_get_type(root)?.as_slice(), b"linux" | b"hurd") {
        return Ok(Vec::new());
    }
    let read = |path: &str| read_at_most(g, path.into(), PACKAGES_MAX);
    let mut packages = match g.inspect_get_package_format(root)?.as_slice() {
        b"deb" => read("/var/lib/dpkg/status").map(|text| debian::packages(&text)),
        b"apk" => read("/lib/apk/db/installed").map(|text| alpine::packages(&text)),
        b"pacman" => arch::packages(g),
        b"xbps" => void::packages(g),
        b"ebuild" => gentoo::packages(g),
        b"rpm" => g.internal_list_rpm_applications(),
        _ => Ok(Vec::new()),
    }?;
    packages.sort_by(|a, b| a.app2_name.cmp(&b.app2_name));
    Ok(packages)
}

/// The same in the older structure.
pub(crate) fn inspect_list_applications(g: &Handle, root: &BStr) -> Result<Vec<Application>> {
    let old = |new: Application2| Application {
        app_name: new.app2_name,
        app_display_name: new.app2_display_name,
        app_epoch: new.app2_epoch,
        app_version: new.app2_version,
        app_release: new.app2_release,
        app_install_path: new.app2_install_path,
        app_trans_path: new.app2_trans_path,
        app_publisher: new.app2_publisher,
        app_url: new.app2_url,
        app_source_package: new.app2_source_package,
        app_summary: new.app2_summary,
        app_description: new.app2_description,
    };
    Ok(g.inspect_list_applications2(root)?.into_iter().map(old).collect())
}

/// What a guest need not have: nothing where the guest's file is at fault, that it is not there, cannot be read or is
/// too large. What ends the session or this call is no answer.
fn if_any<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(e) if *e.kind() == ErrorKind::Daemon && e.errno() != libc::EINTR => Ok(None),
        Err(e) if *e.kind() == ErrorKind::Io && e.errno() == libc::EFBIG => Ok(None),
        Err(e) => Err(e),
    }
}

/// A text as an API string can carry it: without the blanks around it, up to a NUL.
fn value(text: &[u8]) -> BString {
    let end = text.find_byte(0).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn only_the_guests_own_faults_are_nothing() {
        let of = |kind, errno| if_any::<()>(Err(Error::new(kind, "x").with_errno(errno)));
        for errno in [0, libc::ENOENT, libc::ENOTDIR, libc::ELOOP, libc::EINVAL, libc::EIO] {
            assert_eq!(of(ErrorKind::Daemon, errno).unwrap(), None, "{errno}");
        }
        assert_eq!(of(ErrorKind::Io, libc::EFBIG).unwrap(), None);
        for (kind, errno) in [
            (ErrorKind::Daemon, libc::EINTR),
            (ErrorKind::Cancelled, libc::EINTR),
            (ErrorKind::ApplianceDied, libc::EPIPE),
            (ErrorKind::NotLaunched, 0),
            (ErrorKind::Protocol, libc::EPROTO),
            (ErrorKind::Io, libc::ENOMEM),
        ] {
            assert_eq!(of(kind, errno).unwrap_err().errno(), errno);
        }
        assert_eq!(if_any(Ok(1)).unwrap(), Some(1));
    }
}
