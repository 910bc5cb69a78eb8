//! Arrays, volume groups and dynamic disks of Windows that disks bring along: running before the first call.
//!
//! In: disks that have just become known. Out: running arrays, on them and on the disks active logical
//! volumes, and devices for volumes of dynamic disks. Nothing is started, and no program run, where no signature of it is in sight.

use crate::ctx::Ctx;
use crate::disks::signatures::{look, Dynamic, Signatures};
use crate::disks::sysfs::sys_block;
use crate::disks::{arrays, link_local_names, remove_stale_names, wait_until_gone, Device, Disk};
use crate::error::Result;
use crate::run::Tool;
use bstr::{BString, ByteSlice};
use rustix::fs::{Advice, OFlags};
use std::path::Path;

/// Arrays of another machine are numbered from md127 down, and every array is another machine's here:
/// names do not depend on where an array was made.
const NOBODY: &str = "--homehost=appliance-of-nobody";

/// Start what lies on `disks`; `all`: there are no others to wait for. What is damaged or incomplete is
/// the user's to look into, with the calls for arrays and volumes: it does not fail the launch.
pub fn start(ctx: &mut Ctx, disks: &[Disk], all: bool) -> Result<()> {
    // Disks before their partitions: opening a disk waits until the kernel has read its table.
    let whole: Vec<Device> = disks.iter().map(Disk::device).collect();
    let on_disks = signatures(ctx, &whole);
    let parts: Vec<Device> = disks.iter().flat_map(Disk::partitions).collect();
    let mut seen = on_disks.and(signatures(ctx, &parts));
    if seen.array {
        let new = assemble(ctx, all);
        let whole: Vec<Device> = new.iter().map(Disk::device).collect();
        seen = seen.and(signatures(ctx, &whole));
        let parts: Vec<Device> = new.iter().flat_map(Disk::partitions).collect();
        seen = seen.and(signatures(ctx, &parts));
    }
    if seen.volume {
        if let Err(e) = crate::lvm::vg_activate_all(ctx, true) {
            eprintln!("guestfsd: {e}");
        }
    }
    if seen.dynamic != Dynamic::No && ctx.groups().require("ldm").is_ok() {
        if let Err(e) = crate::ldm::create_all(ctx) {
            eprintln!("guestfsd: {e}");
        }
    }
    Ok(())
}

/// Assemble arrays; those that are new and run.
fn assemble(ctx: &Ctx, all: bool) -> Vec<Disk> {
    let before = arrays();
    let mut tool = Tool::new("mdadm").args(["--assemble", "--scan", "--auto=yes", NOBODY]);
    if all {
        // A mirror with one half missing is better than none. Of a disk that comes later nobody knows
        // whether the other half follows.
        tool = tool.arg("--run");
    }
    // Its status says that an array was incomplete, too.
    match tool.run_status(ctx) {
        Ok(output) if output.status != 0 => eprintln!("guestfsd: mdadm: {}", output.stderr.trim().as_bstr()),
        Ok(_) => {}
        Err(e) => eprintln!("guestfsd: {e}"),
    }
    let (mut running, mut stopped) = (Vec::new(), Vec::new());
    for name in arrays().difference(&before) {
        let state = std::fs::read(sys_block(name).join("md/array_state")).unwrap_or_default();
        let disk = Disk::nameless(name.clone());
        match state.trim() {
            b"clear" | b"inactive" => stopped.push((name.clone(), disk.device())),
            _ => running.push(disk),
        }
    }
    // Half an array must not keep its members from the other half, nor from being removed.
    if !stopped.is_empty() {
        let devices: Vec<Device> = stopped.iter().map(|(_, device)| device.clone()).collect();
        if let Err(e) = Tool::new("mdadm").arg("--stop").args(&devices).run(ctx) {
            eprintln!("guestfsd: {e}");
        }
        let names: Vec<BString> = stopped.into_iter().map(|(name, _)| name).collect();
        wait_until_gone(&names);
    }
    remove_stale_names();
    link_local_names(Path::new("/dev/md"));
    running
}

/// What is on any of the devices. All of them are opened, which has an effect of its own.
fn signatures(ctx: &Ctx, devices: &[Device]) -> Signatures {
    let one = |device: &Device| {
        let file = device.open(ctx, OFlags::RDONLY).ok()?;
        // A few sectors here and there: what follows them is not needed.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        let size = crate::blockdev::size(&file).ok()?;
        Some(look(&file, size))
    };
    devices.iter().filter_map(one).fold(Signatures::default(), Signatures::and)
}
