//! NTFS file systems in detail: whether they can be mounted, repair, size, saved copies, permissions.
//!
//! In: devices and options. Out: what the tools of ntfs-3g did and said. Nothing is written to a file system that
//! is mounted, nor to one that a hibernated Windows goes on with.

use bstr::{BStr, ByteSlice};
use guestfs_protocol::opts::{NtfsChmodOpts, NtfscloneOutOpts, NtfsfixOpts, NtfsresizeOpts};

use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Errno, Error, Result};
use crate::mount::{is_mounted, ASLEEP};
use crate::run::{Output, Tool};
use crate::transfer::{feed, send};
use crate::transfer_io::{FileIn, FileOut};

/// ntfs-3g.probe(8), EXIT CODES: Windows is hibernated on it.
const HIBERNATED: i32 = 14;

/// Whether it could be mounted: 0, or why not, as a number of ntfs-3g.probe(8).
pub fn ntfs_3g_probe(ctx: &mut Ctx, rw: bool, device: &Device) -> Result<i32> {
    probe(ctx, device, rw)
}

fn probe(ctx: &Ctx, device: &Device, rw: bool) -> Result<i32> {
    let tool = Tool::new("ntfs-3g.probe").arg(if rw { "--readwrite" } else { "--readonly" }).arg(device);
    Ok(tool.run_status(ctx).with_context(|| device.api_name(ctx))?.status)
}

/// Fail when it is mounted: the tools would see half of what was written.
fn require_unmounted(ctx: &Ctx, device: &Device) -> Result<()> {
    if is_mounted(ctx, device)? {
        return Err(Error::new(Errno::BUSY, "is mounted: unmount it first").context(device.api_name(ctx)));
    }
    Ok(())
}

/// Fail when it must not be written to.
fn require_writable(ctx: &Ctx, device: &Device) -> Result<()> {
    require_unmounted(ctx, device)?;
    if probe(ctx, device, true)? == HIBERNATED {
        return Err(Error::new(Errno::ROFS, ASLEEP).context(device.api_name(ctx)));
    }
    Ok(())
}

/// Set Unix permissions, which become an access control list.
pub fn ntfs_chmod(ctx: &mut Ctx, device: &Device, mode: i32, path: &BStr, opts: &NtfsChmodOpts) -> Result<()> {
    if !(0..=0o777).contains(&mode) {
        return Err(Error::invalid(format!("mode {mode:#o} is not between 0 and 0777")));
    }
    if path.is_empty() {
        return Err(Error::invalid("the path is empty"));
    }
    require_writable(ctx, device)?;
    // Names are in the charset of the locale.
    let mut tool = Tool::new("ntfssecaudit").env("LC_ALL", "C.UTF-8");
    if opts.recursive == Some(true) {
        tool = tool.arg("-r");
    }
    // With a slash in front it is no option.
    let file = if path.starts_with(b"/") { path.to_owned() } else { bstr::concat([b"/", path.as_bytes()]).into() };
    let output = tool.arg(device).arg(format!("{mode:03o}")).arg_bytes(&file).pulse().run_status(ctx)?;
    if output.status == 0 {
        return Ok(());
    }
    Err(audit_error(&all(&output)).context(path).context(device.api_name(ctx)))
}

/// ntfssecaudit ends its complaints with a line `Error code N : text`, and shows how it is used.
fn audit_error(said: &[u8]) -> Error {
    let code = said.lines().find_map(|line| {
        let (code, text) = line.strip_prefix(b"Error code ")?.split_once_str(" : ")?;
        Some((code.to_str().ok()?.parse().ok()?, text))
    });
    match code {
        Some((code @ 1..=4095, text)) => Error::new(Errno::from_raw_os_error(code), text.trim()),
        _ => {
            let end = said.find("Usage:").unwrap_or(said.len());
            Error::msg(said.get(..end).unwrap_or_default().trim()).context("ntfssecaudit")
        }
    }
}

/// Send the content of the file with this number.
pub fn ntfscat_i(ctx: &mut Ctx, device: &Mountable, inode: i64, filename: &mut FileOut) -> Result<()> {
    let device = device.device();
    let number = u64::try_from(inode).map_err(|_| Error::invalid(format!("inode {inode} is negative")))?;
    require_unmounted(ctx, device)?;
    let what = || format!("{}: inode {number}", device.api_name(ctx));
    // -f: also when it is marked for a check or Windows is hibernated. Nothing is changed.
    let tool = Tool::new("ntfscat").args(["-f", "-i"]).arg(number.to_string()).arg(device);
    let running = tool.spawn_piped(ctx, false, true).with_context(what)?;
    send(running, filename, || size_of(ctx, device, number)).map_err(plain).with_context(what)
}

/// How long the main data of a file is, to show how far it is: nothing depends on it.
fn size_of(ctx: &Ctx, device: &Device, number: u64) -> Option<u64> {
    let tool = Tool::new("ntfsinfo").args(["-f", "-q", "-i"]).arg(number.to_string()).arg(device);
    data_size(&tool.run(ctx).ok()?.stdout)
}

/// From ntfsinfo's output: `Data size: N` below the first attribute `$DATA`.
fn data_size(text: &[u8]) -> Option<u64> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(b"Dumping attribute $DATA"));
    let size = lines.find_map(|line| line.trim().strip_prefix(b"Data size:"))?.trim_start();
    let digits = size.iter().take_while(|b| b.is_ascii_digit()).count();
    size.get(..digits)?.to_str().ok()?.parse().ok()
}

/// Restore a saved file system.
pub fn ntfsclone_in(ctx: &mut Ctx, backupfile: &mut FileIn, device: &Device) -> Result<()> {
    require_unused(ctx, device)?;
    let tool = Tool::new("ntfsclone").args(["--restore-image", "--overwrite"]).arg(device).arg("-");
    let running = tool.spawn_piped(ctx, true, false)?;
    feed(running, &[], backupfile).map_err(plain).with_context(|| device.api_name(ctx))
}

/// Save a file system.
pub fn ntfsclone_out(ctx: &mut Ctx, device: &Device, backupfile: &mut FileOut, opts: &NtfscloneOutOpts) -> Result<()> {
    require_unmounted(ctx, device)?;
    let mut tool = Tool::new("ntfsclone").args(["--output", "-", "--save-image"]);
    for (wanted, option) in [
        (opts.metadataonly, "--metadata"),
        (opts.rescue, "--rescue"),
        (opts.ignorefscheck, "--ignore-fs-check"),
        (opts.preservetimestamps, "--preserve-timestamps"),
        (opts.force, "--force"),
    ] {
        if wanted == Some(true) {
            tool = tool.arg(option);
        }
    }
    let running = tool.arg(device).spawn_piped(ctx, false, true)?;
    send(running, backupfile, || None).map_err(plain).with_context(|| device.api_name(ctx))
}

/// Repair what can be repaired without knowing the files.
pub fn ntfsfix(ctx: &mut Ctx, device: &Device, opts: &NtfsfixOpts) -> Result<()> {
    require_writable(ctx, device)?;
    let mut tool = Tool::new("ntfsfix");
    if opts.clearbadsectors == Some(true) {
        tool = tool.arg("--clear-bad-sectors");
    }
    ended(ctx, device, "ntfsfix", tool)
}

/// Change the size.
pub fn ntfsresize(ctx: &mut Ctx, device: &Device, opts: &NtfsresizeOpts) -> Result<()> {
    if let Some(size) = opts.size.filter(|size| *size <= 0) {
        return Err(Error::invalid(format!("size {size} is not positive")));
    }
    require_writable(ctx, device)?;
    // -P: no bar. It asks before it begins, unless it is forced to.
    let mut tool = Tool::new("ntfsresize").arg("-P").stdin("y\n");
    if opts.force == Some(true) {
        tool = tool.arg("--force");
    }
    if let Some(size) = opts.size {
        tool = tool.arg("--size").arg(size.to_string());
    }
    ended(ctx, device, "ntfsresize", tool)
}

/// The same without `force`.
pub fn ntfsresize_size(ctx: &mut Ctx, device: &Device, size: i64) -> Result<()> {
    ntfsresize(ctx, device, &NtfsresizeOpts { size: Some(size), ..Default::default() })
}

/// Run a tool that says on both its outputs what is wrong.
fn ended(ctx: &Ctx, device: &Device, name: &str, tool: Tool) -> Result<()> {
    let output = tool.arg(device).pulse().run_status(ctx).with_context(|| device.api_name(ctx))?;
    if output.status == 0 {
        return Ok(());
    }
    Err(plain(Error::msg(all(&output))).context(name).context(device.api_name(ctx)))
}

fn all(output: &Output) -> Vec<u8> {
    bstr::concat([&output.stdout[..], b"\n", &output.stderr]).trim().into()
}

/// What an error says from the word `ERROR` on: in front of it the tools tell how far they were.
fn plain(error: Error) -> Error {
    match (error.errno(), error.message().find("ERROR")) {
        (None, Some(at)) => Error::msg(error.message().get(at..).unwrap_or_default()),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let text = b"Dumping attribute $FILE_NAME (0x30) from mft record 64 (0x40)\n\tData size:\t\t 7 (0x7)\n\
            Dumping attribute $DATA (0x80) from mft record 64 (0x40)\n\tData size:\t\t 4096 (0x1000)\n\
            Dumping attribute $DATA (0x80) from mft record 64 (0x40)\n\tData size:\t\t 1 (0x1)\n";
        assert_eq!(data_size(text), Some(4096));
        assert_eq!(data_size(b"Dumping attribute $DATA\nData size: 99999999999999999999"), None);
        assert_eq!(data_size(b"Data size: 5"), None);
    }

    #[test]
    fn complaints() {
        let e = audit_error(b"x\n** Could not access /nohi\nError code 2 : No such file or directory\nUsage: y");
        assert_eq!((e.errno(), e.to_string().as_str()), (Some(Errno::NOENT), "No such file or directory"));
        let e = audit_error(b"Could not open volume\nError code 0 : Success\nUsage:\n  many lines");
        assert_eq!(e.to_string(), "ntfssecaudit: Could not open volume\nError code 0 : Success");
        let e = plain(Error::msg("ntfsclone v1\n  0.00 percent completed\nERROR: no.\n"));
        assert_eq!(e.to_string(), "ERROR: no.\n");
        let kept = Error::new(Errno::IO, "an ERROR");
        assert_eq!(plain(kept.clone()), kept);
    }

    proptest::proptest! {
        /// Tools print what hostile disks hold: whatever it is, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>, tail in "[0-9a-z: ]{0,30}") {
            let _ = (data_size(&output), audit_error(&output), plain(Error::msg(output.clone())));
            let _ = audit_error(format!("Error code {tail}").as_bytes());
            let _ = data_size(format!("Dumping attribute $DATA\nData size:{tail}").as_bytes());
        }
    }
}
