//! Calls about operating systems that are put together from others: names, icons, packages.
//!
//! In: what the daemon's inspection found, and files of the mounted guest, which are hostile. Out: texts,
//! lists, bytes, bounded in size.

mod alpine;
mod arch;
mod debian;
mod icon;
mod osinfo;
mod version;

pub(crate) use icon::inspect_get_icon;
pub(crate) use osinfo::inspect_get_osinfo;

use crate::contents::read_at_most;
use crate::error::Result;
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

/// The packages of a Linux system, by name.
pub(crate) fn inspect_list_applications2(g: &Handle, root: &BStr) -> Result<Vec<Application2>> {
    if g.inspect_get_type(root)? != "linux" {
        return Ok(Vec::new());
    }
    let read = |path: &str| read_at_most(g, path.into(), PACKAGES_MAX);
    let mut packages = match g.inspect_get_package_format(root)?.as_slice() {
        b"deb" => read("/var/lib/dpkg/status").map(|text| debian::packages(&text)),
        b"apk" => read("/lib/apk/db/installed").map(|text| alpine::packages(&text)),
        b"pacman" => arch::packages(g),
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

/// A text as an API string can carry it: without the blanks around it, up to a NUL.
fn value(text: &[u8]) -> BString {
    let end = text.find_byte(0).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim().into()
}
