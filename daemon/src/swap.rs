//! Swap areas: made, and used by the appliance.
//!
//! In: devices, files of the guest, labels and UUIDs. Out: more memory, or the area free again.

use std::fs::File;

use bstr::{BStr, ByteSlice};
use guestfs_protocol::opts::MkswapOpts;
use rustix::fs::{FileType, OFlags};

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::filesystems::{find, mkswap};
use crate::path::{our_fd, GuestPath};
use crate::run::Tool;

/// Make a swap area with a label.
#[allow(non_snake_case)] // as the API names it
pub fn mkswap_L(ctx: &mut Ctx, label: &BStr, device: &Device) -> Result<()> {
    mkswap(ctx, device, &MkswapOpts { label: Some(label.to_owned()), ..MkswapOpts::default() })
}

/// Make a swap area with a UUID.
#[allow(non_snake_case)] // as the API names it
pub fn mkswap_U(ctx: &mut Ctx, uuid: &BStr, device: &Device) -> Result<()> {
    mkswap(ctx, device, &MkswapOpts { uuid: Some(uuid.to_owned()), ..MkswapOpts::default() })
}

/// Make a file of the guest a swap area.
pub fn mkswap_file(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    let file = regular(ctx, path)?;
    let output = Tool::new("mkswap").arg("-f").arg(our_fd(&file)).run(ctx);
    output.map_err(|e| plain(&e, &file, path)).context(path).map(drop)
}

/// Use a swap device.
pub fn swapon_device(ctx: &mut Ctx, device: &Device) -> Result<()> {
    Tool::new("swapon").arg(device).run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Use it no more.
pub fn swapoff_device(ctx: &mut Ctx, device: &Device) -> Result<()> {
    Tool::new("swapoff").arg(device).pulse().run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Use a swap file.
pub fn swapon_file(ctx: &mut Ctx, file: &GuestPath) -> Result<()> {
    let open = regular(ctx, file)?;
    let output = Tool::new("swapon").arg(our_fd(&open)).run(ctx);
    output.map_err(|e| plain(&e, &open, file)).context(file).map(drop)
}

/// Use it no more.
pub fn swapoff_file(ctx: &mut Ctx, file: &GuestPath) -> Result<()> {
    let open = regular(ctx, file)?;
    let output = Tool::new("swapoff").arg(our_fd(&open)).pulse().run(ctx);
    output.map_err(|e| plain(&e, &open, file)).context(file).map(drop)
}

/// Use the swap device with a label.
pub fn swapon_label(ctx: &mut Ctx, label: &BStr) -> Result<()> {
    let device = find(ctx, "LABEL", label, Some("swap"))?;
    swapon_device(ctx, &device)
}

/// Use it no more.
pub fn swapoff_label(ctx: &mut Ctx, label: &BStr) -> Result<()> {
    let device = find(ctx, "LABEL", label, Some("swap"))?;
    swapoff_device(ctx, &device)
}

/// Use the swap device with a UUID.
pub fn swapon_uuid(ctx: &mut Ctx, uuid: &BStr) -> Result<()> {
    let device = find(ctx, "UUID", uuid, Some("swap"))?;
    swapon_device(ctx, &device)
}

/// Use it no more.
pub fn swapoff_uuid(ctx: &mut Ctx, uuid: &BStr) -> Result<()> {
    let device = find(ctx, "UUID", uuid, Some("swap"))?;
    swapoff_device(ctx, &device)
}

/// A file that can be a swap area: block devices go by their own names.
fn regular(ctx: &Ctx, path: &GuestPath) -> Result<File> {
    let file = open_file(ctx, path, OFlags::RDWR)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file).context(path)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(Error::invalid("not a regular file").context(path));
    }
    Ok(file)
}

/// The program's words with the guest's name of the file.
fn plain(error: &Error, file: &File, path: &GuestPath) -> Error {
    let text = error.message().replace(our_fd(file), path);
    error.reworded(text)
}
