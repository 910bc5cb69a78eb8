//! Archives and compressed copies, made and unpacked as a stream.
//!
//! In: a tar file from the library, a guest directory or file. Out: the other one. Archives are
//! unpacked here, with every name resolved inside the guest. tar(1) makes them, and unpacks what asks
//! for more (extended attributes, sparse files): it works on an open directory, not on a path, and
//! nothing but what is below that directory can be written to while it does.

mod attributes;
mod cpio;
mod deferred;
mod filter;
mod header;
mod pack;
mod stream;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs::File;
use std::io::BufReader;
use std::os::fd::{AsRawFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{CompressDeviceOutOpts, CompressOutOpts, CpioOutOpts, TarInOpts, TarOutOpts};
use rustix::fs::OFlags;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;
use crate::run::{find_tool, Tool};
use crate::transfer::{feed, send, Source};
use crate::transfer_io::{FileIn, FileOut};
use filter::Filter;
use unpack::{unpack, Target};

/// Read at once from a decompressor, in bytes.
const READ: usize = 256 * 1024;

/// A compressor: its name in the API, its program, tar's option for it, and the levels that
/// `compress_out` may ask for.
struct Compression {
    name: &'static str,
    program: &'static str,
    tar_option: &'static str,
    levels: Option<std::ops::RangeInclusive<i32>>,
    /// Offered by `compress_out` (the others only for tar files).
    out: bool,
}

const COMPRESSIONS: &[Compression] = &[
    Compression { name: "compress", program: "compress", tar_option: "--compress", levels: None, out: true },
    Compression { name: "gzip", program: "gzip", tar_option: "--gzip", levels: Some(1..=9), out: true },
    Compression { name: "bzip2", program: "bzip2", tar_option: "--bzip2", levels: Some(1..=9), out: true },
    Compression { name: "xz", program: "xz", tar_option: "--xz", levels: Some(0..=9), out: true },
    Compression { name: "lzop", program: "lzop", tar_option: "--lzop", levels: Some(1..=9), out: true },
    Compression { name: "lzma", program: "lzma", tar_option: "--lzma", levels: None, out: false },
    Compression { name: "zstd", program: "zstd", tar_option: "--zstd", levels: None, out: false },
];

impl Compression {
    fn find(name: &BStr) -> Result<&'static Compression> {
        let found = COMPRESSIONS.iter().find(|c| c.name == name);
        let found = found.ok_or_else(|| Error::invalid(format!("unknown compression type: {name}")))?;
        if find_tool(found.program).is_none() {
            return Err(Error::not_supported(format!(
                "compression type {name} is not supported: this appliance does not have the program {}",
                found.program
            )));
        }
        Ok(found)
    }
}

/// Send a file compressed.
pub fn compress_out(
    ctx: &mut Ctx,
    ctype: &BStr,
    file: &GuestPath,
    zfile: &mut FileOut,
    opts: &CompressOutOpts,
) -> Result<()> {
    let tool = compressor(ctype, opts.level)?;
    compress(ctx, tool, open_file(ctx, file, OFlags::RDONLY)?, zfile).context(file)
}

/// Send a device compressed.
pub fn compress_device_out(
    ctx: &mut Ctx,
    ctype: &BStr,
    device: &Device,
    zdevice: &mut FileOut,
    opts: &CompressDeviceOutOpts,
) -> Result<()> {
    let tool = compressor(ctype, opts.level)?;
    compress(ctx, tool, device.open(ctx, OFlags::RDONLY)?, zdevice).with_context(|| device.api_name(ctx))
}

fn compress(ctx: &Ctx, tool: Tool, input: File, out: &mut FileOut) -> Result<()> {
    send(tool.stdin_from(input).spawn_piped(ctx, false, true)?, out, || None)
}

/// The program that compresses its input, at the level asked for.
fn compressor(ctype: &BStr, level: Option<i32>) -> Result<Tool> {
    let compression = Compression::find(ctype)?;
    if !compression.out {
        return Err(Error::invalid(format!("unknown compression type: {ctype}")));
    }
    let mut tool = Tool::new(compression.program).arg("-c");
    if let Some(level) = level {
        match &compression.levels {
            Some(levels) if levels.contains(&level) => tool = tool.arg(format!("-{level}")),
            _ => return Err(Error::invalid(format!("{ctype}: incorrect value for level parameter: {level}"))),
        }
    }
    Ok(tool)
}

/// Unpack a tar file into a directory.
pub fn tar_in(ctx: &mut Ctx, tarfile: &mut FileIn, directory: &GuestPath, opts: &TarInOpts) -> Result<()> {
    // A missing directory is said before the archive is looked at.
    let dir = directory.open_dir(ctx)?;
    let compression = opts.compress.as_ref().map(|name| Compression::find(name.as_bstr())).transpose()?;
    let Some(compression) = compression else {
        return unpack_stream(ctx, tarfile, &dir, directory, opts);
    };
    let tool = Tool::new(compression.program).arg("-dc").spawn_piped(ctx, true, true).context(directory)?;
    let mut plain = BufReader::with_capacity(READ, Filter::new(tarfile, tool)?);
    let unpacked = unpack_stream(ctx, &mut plain, &dir, directory, opts);
    match unpacked.as_ref().map_err(Error::errno) {
        // Why the data is no good is better known to the tool, if it has seen all of it.
        Ok(()) | Err(None) => plain.into_inner().finish().context(directory).and(unpacked),
        _ => unpacked,
    }
}

/// Unpack what is not compressed, or not any more.
fn unpack_stream(
    ctx: &Ctx,
    from: &mut impl Source,
    dir: &OwnedFd,
    directory: &GuestPath,
    opts: &TarInOpts,
) -> Result<()> {
    let by_tar = |front: &[u8], from: &mut _| by_tar(ctx, front, from, dir, opts);
    // Extended attributes in all their forms are the tool's affair.
    let unpacked = if [opts.xattrs, opts.selinux, opts.acls].contains(&Some(true)) {
        by_tar(&[], from)
    } else {
        let target =
            Target { root: ctx.root(), path: directory.as_bstr(), keep_links: opts.keepdirlink.unwrap_or(false) };
        unpack(&target, from, by_tar)
    };
    unpacked.context(directory)
}

/// Let tar unpack `front` and the rest of the stream.
fn by_tar(ctx: &Ctx, front: &[u8], from: &mut impl Source, dir: &OwnedFd, opts: &TarInOpts) -> Result<()> {
    // Names in the archive would be looked up among the appliance's users, who mean nothing.
    let mut tool = Tool::new("tar").args(["-x", "--numeric-owner"]);
    for (wanted, option) in [
        (opts.xattrs, "--xattrs"),
        // Without it tar restores those of the user namespace only.
        (opts.xattrs, "--xattrs-include=*"),
        (opts.selinux, "--selinux"),
        (opts.acls, "--acls"),
        (opts.keepdirlink, "--keep-directory-symlink"),
    ] {
        if wanted.unwrap_or(false) {
            tool = tool.arg(option);
        }
    }
    tool = tool.args(["-f", "-"]);
    tool.confine(ctx, dir)?;
    feed(tool.spawn_piped(ctx, true, false)?, front, from)
}

/// Pack a directory and send the tar file.
pub fn tar_out(ctx: &mut Ctx, directory: &BStr, tarfile: &mut FileOut, opts: &TarOutOpts) -> Result<()> {
    let directory = GuestPath::parse(ctx, directory)?;
    let dir = directory.open_dir(ctx)?;
    let plain = opts.compress.is_none() && ![opts.xattrs, opts.selinux, opts.acls].contains(&Some(true));
    if plain && opts.excludes.as_ref().is_none_or(Vec::is_empty) {
        let names = |file| if opts.numericowner == Some(true) { pack::Names::new() } else { pack::names(file) };
        return pack::pack(dir, tarfile, names("/etc/passwd"), names("/etc/group")).context("tar").context(&directory);
    }
    let mut tool = tar("-c", opts.compress.as_ref())?;
    for (wanted, option) in [
        (opts.numericowner, "--numeric-owner"),
        (opts.xattrs, "--xattrs"),
        (opts.xattrs, "--xattrs-include=*"),
        (opts.selinux, "--selinux"),
        (opts.acls, "--acls"),
    ] {
        if wanted.unwrap_or(false) {
            tool = tool.arg(option);
        }
    }
    for pattern in opts.excludes.iter().flatten() {
        tool = tool.arg_bytes(bstr::concat([b"--exclude=", pattern.as_bytes()]));
    }
    tool = tool.args(["-f", "-", "."]).dir(by_child_fd(&dir));
    let running = tool.spawn_piped(ctx, false, true).context(&directory)?;
    send(running, tarfile, || None).context(&directory)
}

/// Pack a directory and send the cpio archive.
pub fn cpio_out(ctx: &mut Ctx, directory: &BStr, cpiofile: &mut FileOut, opts: &CpioOutOpts) -> Result<()> {
    let format = cpio::format(opts.format.as_ref().map(|f| f.as_bstr()))?;
    let directory = GuestPath::parse(ctx, directory)?;
    let dir = directory.open_dir(ctx)?;
    cpio::pack(dir, cpiofile, format).context(&directory)
}

/// Unpack a tar file compressed by gzip.
pub fn tgz_in(ctx: &mut Ctx, tarball: &mut FileIn, directory: &GuestPath) -> Result<()> {
    tar_in(ctx, tarball, directory, &TarInOpts { compress: Some("gzip".into()), ..TarInOpts::default() })
}

/// Unpack a tar file compressed by xz.
pub fn txz_in(ctx: &mut Ctx, tarball: &mut FileIn, directory: &GuestPath) -> Result<()> {
    tar_in(ctx, tarball, directory, &TarInOpts { compress: Some("xz".into()), ..TarInOpts::default() })
}

/// Pack a directory and send the tar file compressed by gzip.
pub fn tgz_out(ctx: &mut Ctx, directory: &GuestPath, tarball: &mut FileOut) -> Result<()> {
    tar_out(ctx, directory.as_bstr(), tarball, &TarOutOpts { compress: Some("gzip".into()), ..TarOutOpts::default() })
}

/// Pack a directory and send the tar file compressed by xz.
pub fn txz_out(ctx: &mut Ctx, directory: &GuestPath, tarball: &mut FileOut) -> Result<()> {
    tar_out(ctx, directory.as_bstr(), tarball, &TarOutOpts { compress: Some("xz".into()), ..TarOutOpts::default() })
}

fn tar(mode: &str, compress: Option<&BString>) -> Result<Tool> {
    let tool = Tool::new("tar").arg(mode);
    Ok(match compress {
        Some(name) => tool.arg(Compression::find(name.as_bstr())?.tar_option),
        None => tool,
    })
}

/// An open directory as the child can change to it before the tool starts.
fn by_child_fd(dir: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", dir.as_raw_fd())
}
