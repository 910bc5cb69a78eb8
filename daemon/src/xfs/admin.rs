//! Changing XFS file systems: label, UUID and features of one that is not mounted, the size of one that is.
//!
//! In: a device or a mount point. Out: the change, by xfs_db(8), xfs_repair(8) and xfs_growfs(8).

use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, ByteSlice};
use guestfs_protocol::opts::{XfsAdminOpts, XfsGrowfsOpts};

use super::info::{is_mount_point, mount_point};
use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::names::Guid;
use crate::path::GuestPath;
use crate::run::Tool;

/// Bytes in a label.
const LABEL: usize = 12;

/// Change what the options name.
pub fn xfs_admin(ctx: &mut Ctx, device: &Device, opts: &XfsAdminOpts) -> Result<()> {
    let mut commands = Vec::new();
    for (wanted, feature) in [(opts.extunwritten, "extflg"), (opts.v2log, "log2"), (opts.projid32bit, "projid32bit")] {
        if wanted == Some(true) {
            commands.push(format!("version {feature}").into_bytes());
        }
    }
    if let Some(label) = &opts.label {
        let remove = label.as_slice() == b"--";
        commands.push(label_command(if remove { b"".into() } else { label.as_bstr() })?);
    }
    if let Some(uuid) = &opts.uuid {
        commands.push(match uuid.as_slice() {
            word @ (b"generate" | b"nil" | b"restore") => bstr::concat([b"uuid ", word]),
            _ => uuid_command(uuid.as_bstr())?,
        });
    }
    require_unused(ctx, device)?;
    if !commands.is_empty() {
        xfs_db(ctx, device, &commands)?;
    }
    if let Some(lazy) = opts.lazycounter {
        let tool = Tool::new("xfs_repair").args(["-c", if lazy { "lazycount=1" } else { "lazycount=0" }]).arg(device);
        let output = tool.pulse().run_status(ctx).with_context(|| device.api_name(ctx))?;
        if output.status != 0 {
            // Why not stands at the end, on its standard output if there is anything at all.
            let said = [output.stdout.trim(), output.stderr.trim()].into_iter().find(|text| !text.is_empty());
            let last = said.and_then(|text| text.lines().next_back()).unwrap_or_default();
            return Err(Error::msg(last).context("xfs_repair").context(device.api_name(ctx)));
        }
    }
    Ok(())
}

/// Give a file system a label, or none if it is empty.
pub(crate) fn set_label(ctx: &Ctx, device: &Device, label: &BStr) -> Result<()> {
    xfs_db(ctx, device, &[label_command(label)?])
}

/// Give a file system a UUID.
pub(crate) fn set_uuid(ctx: &Ctx, device: &Device, uuid: &BStr) -> Result<()> {
    xfs_db(ctx, device, &[uuid_command(uuid)?])
}

/// A label as one word of xfs_db's command language, which splits at blanks and knows no quotes.
fn label_command(label: &BStr) -> Result<Vec<u8>> {
    if label.len() > LABEL {
        return Err(Error::invalid(format!("{label}: xfs labels are limited to {LABEL} bytes")));
    }
    if label.iter().any(u8::is_ascii_whitespace) || label == "--" {
        return Err(Error::invalid(format!(
            "'{label}': an xfs label with blanks can only be given when the file system is made"
        )));
    }
    // xfs_db's word for "no label".
    Ok(bstr::concat([&b"label "[..], if label.is_empty() { b"--" } else { label }]))
}

fn uuid_command(uuid: &BStr) -> Result<Vec<u8>> {
    Ok(bstr::concat([&b"uuid "[..], &Guid::parse(uuid)?.as_bstr().to_ascii_lowercase()]))
}

/// What xfs_admin(8) does with its options.
fn xfs_db(ctx: &Ctx, device: &Device, commands: &[Vec<u8>]) -> Result<()> {
    // -x: changes are allowed. -p: the name that messages begin with.
    let mut tool = Tool::new("xfs_db").args(["-x", "-p", "xfs_admin"]);
    for command in commands {
        tool = tool.arg("-c").arg_bytes(command);
    }
    let output = tool.arg(device).run(ctx).with_context(|| device.api_name(ctx))?;
    // xfs_db ends with 0 whatever its commands do.
    match complaint(&output.stdout, &output.stderr) {
        Some(text) => Err(Error::msg(text).context(device.api_name(ctx))),
        None => Ok(()),
    }
}

/// What went wrong: all on stderr, and lines on stdout with the name of the program. Not what version 5 of the
/// format has in any case.
fn complaint<'a>(stdout: &'a [u8], stderr: &'a [u8]) -> Option<&'a [u8]> {
    let about = |line: &&[u8]| line.starts_with(b"xfs_admin: ") && !line.contains_str("on v5 superblocks");
    Some(stderr.trim()).filter(|text| !text.is_empty()).or_else(|| stdout.lines().find(about))
}

/// Enlarge a mounted file system.
pub fn xfs_growfs(ctx: &mut Ctx, path: &GuestPath, opts: &XfsGrowfsOpts) -> Result<()> {
    let mut tool = Tool::new("xfs_growfs");
    for (wanted, option) in [(opts.datasec, "-d"), (opts.logsec, "-l"), (opts.rtsec, "-r")] {
        if wanted == Some(true) {
            tool = tool.arg(option);
        }
    }
    let maxpct = opts.maxpct.map(i64::from);
    for (name, option, value) in [
        ("datasize", "-D", opts.datasize),
        ("logsize", "-L", opts.logsize),
        ("rtsize", "-R", opts.rtsize),
        ("rtextsize", "-e", opts.rtextsize),
        ("maxpct", "-m", maxpct),
    ] {
        let Some(value) = value else { continue };
        if value < 0 || name == "maxpct" && value > 100 {
            return Err(Error::invalid(format!("{path}: {name} cannot be {value}")));
        }
        tool = tool.arg(option).arg(value.to_string());
    }
    let (dir, target) = (path.open_dir(ctx)?, path.host_path(ctx)?);
    mount_point(&dir, path)?;
    if !is_mount_point(&dir, &target)? {
        return Err(Error::invalid("not the place where a file system is mounted").context(path));
    }
    let output = tool.arg("--").arg(&target).pulse().run_status(ctx).context(path)?;
    let said = bstr::join("\n", output.stderr.trim().lines());
    // Some of what it cannot do it only says.
    if output.status == 0 && !said.contains_str("not supported") && !said.contains_str("failed") {
        return Ok(());
    }
    let text = said.replace(target.as_os_str().as_bytes(), path);
    Err(Error::msg(text.trim()).context(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        assert_eq!(label_command("a\"b".into()).unwrap(), b"label a\"b");
        assert_eq!(label_command("".into()).unwrap(), b"label --");
        for bad in ["a b", "a\nb", "--", "thirteenbytes"] {
            assert!(label_command(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn uuids() {
        let uuid = "C1C2C3C4-0000-1111-2222-33334444555A";
        assert_eq!(uuid_command(uuid.into()).unwrap(), bstr::concat([&b"uuid "[..], uuid.to_lowercase().as_bytes()]));
        for bad in ["", "generate", "c1c2c3c4", "c1c2c3c4-0000-1111-2222-33334444555g"] {
            assert!(uuid_command(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn complaints() {
        assert_eq!(complaint(b"writing all SBs\nnew label = \"a\"\n", b""), None);
        assert_eq!(complaint(b"xfs_admin: Cannot change projid32bit on v5 superblocks.\n", b"\n"), None);
        assert_eq!(complaint(b"x\nxfs_admin: log is dirty\ny", b""), Some(&b"xfs_admin: log is dirty"[..]));
        assert_eq!(complaint(b"", b" bad\n"), Some(&b"bad"[..]));
    }
}
