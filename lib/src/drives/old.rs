//! Older forms of `add_drive`, from before it had options.
//!
//! In: a file and perhaps an interface. Out: what `add_drive` makes of them.

use super::{add_drive, add_drive_ro};
use crate::error::Result;
use crate::handle::Handle;
use bstr::BStr;
use guestfs_protocol::opts::AddDriveOpts;

pub(crate) fn add_cdrom(g: &Handle, filename: &BStr) -> Result<()> {
    add_drive_ro(g, filename)
}

pub(crate) fn add_drive_with_if(g: &Handle, filename: &BStr, iface: &BStr) -> Result<()> {
    add_drive(g, filename, &AddDriveOpts::new().iface(iface))
}

pub(crate) fn add_drive_ro_with_if(g: &Handle, filename: &BStr, iface: &BStr) -> Result<()> {
    add_drive(g, filename, &AddDriveOpts::new().readonly(true).iface(iface))
}
