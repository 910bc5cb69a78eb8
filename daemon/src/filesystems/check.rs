//! Checking file systems, and repairing them.
//!
//! In: devices and options. Out: what the checkers did.

use bstr::{BStr, ByteSlice};
use guestfs_protocol::opts::E2fsckOpts;

use super::recipe;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::run::{find_tool, Tool};

/// Check a file system and repair what can be repaired without questions. The exit status of the
/// checker of its type, fsck(8).
pub fn fsck(ctx: &mut Ctx, fstype: &BStr, device: &Device) -> Result<i32> {
    let name = fstype.to_str().ok().filter(|s| recipe::is_name(s));
    let name = name.ok_or_else(|| Error::invalid(format!("'{fstype}' is not the name of a file system type")))?;
    let program = match name {
        name if recipe::is_ext(name.as_bytes()) => "e2fsck".to_owned(),
        "fat" | "vfat" | "msdos" => "fsck.fat".to_owned(),
        name => format!("fsck.{name}"),
    };
    if find_tool(&program).is_none() {
        return Err(Error::not_supported(format!(
            "{fstype} file systems cannot be checked: this appliance does not have the program {program}"
        )));
    }
    // fsck(8) itself would do nothing else for one device, and call a missing checker a success.
    let output = Tool::new(&program).arg("-a").arg(device).pulse().run_status(ctx);
    Ok(output.with_context(|| device.api_name(ctx))?.status)
}

/// Check an ext2, ext3 or ext4 file system, even if it is marked clean. It is fine when errors were
/// found and repaired.
pub fn e2fsck(ctx: &mut Ctx, device: &Device, opts: &E2fsckOpts) -> Result<()> {
    let answers = [(opts.correct, "-p"), (opts.forceall, "-y"), (opts.forceno, "-n")];
    let mut wanted = answers.iter().filter(|(given, _)| given.unwrap_or(false)).map(|(_, option)| *option);
    let (Some(answer), None) = (wanted.next(), wanted.next()) else {
        return Err(Error::invalid("exactly one of the options 'correct', 'forceall' and 'forceno' must be true"));
    };
    let output = Tool::new("e2fsck")
        .args(["-f", answer])
        .arg(device)
        .pulse()
        .run_status(ctx)
        .with_context(|| device.api_name(ctx))?;
    // Exit status of e2fsck(8): 0 no errors, 1 errors corrected; 2 and more mean that something is
    // left to do or went wrong.
    if matches!(output.status, 0 | 1) {
        return Ok(());
    }
    // What is wrong with the file system it says on stdout, what is wrong with the call on stderr.
    let said = [output.stderr.trim(), output.stdout.trim()]
        .into_iter()
        .find(|s| s.lines().count() > 1 || !s.starts_with(b"e2fsck"));
    let text = said.unwrap_or_else(|| output.stderr.trim());
    Err(Error::msg(text)
        .context(format!("e2fsck failed with exit status {}", output.status))
        .context(device.api_name(ctx)))
}
