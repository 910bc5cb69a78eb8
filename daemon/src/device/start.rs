//! Arrays and volume groups that disks bring along: running before the first call.
//!
//! In: disks that have just become known. Out: running arrays, on them and on the disks active logical
//! volumes. Nothing is started, and no program run, where no sign of it is in sight.

use super::signs::{look, Signs};
use super::table::{names, sys_block};
use super::{Device, Disk};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::run::Tool;
use bstr::{BString, ByteSlice};
use rustix::fs::{Advice, OFlags};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Arrays of another machine are numbered from md127 down, and every array is another machine's here:
/// names do not depend on where an array was made.
const NOBODY: &str = "--homehost=appliance-of-nobody";

/// How long a stopped array may take to disappear.
const GONE: Duration = Duration::from_secs(2);

/// Start what lies on `disks`; `all`: there are no others to wait for. What is damaged or incomplete is
/// the user's to look into, with the calls for arrays and volumes: it does not fail the launch.
pub fn start(ctx: &mut Ctx, disks: &[Disk], all: bool) -> Result<()> {
    // Disks before their partitions: opening a disk waits until the kernel has read its table.
    let whole: Vec<Device> = disks.iter().map(Disk::device).collect();
    let on_disks = signs(ctx, &whole);
    let parts: Vec<Device> = disks.iter().flat_map(Disk::partitions).collect();
    let mut seen = on_disks.and(signs(ctx, &parts));
    if seen.array {
        let new = assemble(ctx, all);
        let whole: Vec<Device> = new.iter().map(Disk::device).collect();
        seen = seen.and(signs(ctx, &whole));
        let parts: Vec<Device> = new.iter().flat_map(Disk::partitions).collect();
        seen = seen.and(signs(ctx, &parts));
    }
    if seen.volume {
        if let Err(e) = crate::lvm::vg_activate_all(ctx, true) {
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
            b"clear" | b"inactive" => stopped.push((sys_block(name), disk.device())),
            _ => running.push(disk),
        }
    }
    // Half an array must not keep its members from the other half, nor from being removed.
    if !stopped.is_empty() {
        let devices: Vec<Device> = stopped.iter().map(|(_, device)| device.clone()).collect();
        if let Err(e) = Tool::new("mdadm").arg("--stop").args(&devices).run(ctx) {
            eprintln!("guestfsd: {e}");
        }
        // The kernel takes a stopped array away a moment later. Until then its number is taken, and the
        // array would get another one when its other half comes.
        let until = Instant::now() + GONE;
        while stopped.iter().any(|(place, _)| place.exists()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    tidy(Path::new("/dev"), &arrays());
    running
}

/// mdadm leaves names of arrays that did not come to life, and later takes no name that exists.
fn tidy(dev: &Path, arrays: &BTreeSet<BString>) {
    let is_array = |name: &BString| {
        let number = name.strip_prefix(b"md").unwrap_or_default();
        !number.is_empty() && number.iter().all(u8::is_ascii_digit)
    };
    for name in names(dev).iter().filter(|name| is_array(name) && !arrays.contains(*name)) {
        let _ = std::fs::remove_file(dev.join(OsStr::from_bytes(name)));
    }
    let links = dev.join("md");
    for link in names(&links).iter().map(|name| links.join(OsStr::from_bytes(name))).filter(|link| !link.exists()) {
        let _ = std::fs::remove_file(link);
    }
}

/// What is on any of the devices. All of them are opened, which has an effect of its own.
fn signs(ctx: &Ctx, devices: &[Device]) -> Signs {
    let one = |device: &Device| {
        let file = device.open(ctx, OFlags::RDONLY).ok()?;
        // A few sectors here and there: what follows them is not needed.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        let size = crate::blockdev::size(&file).ok()?;
        Some(look(&file, size))
    };
    devices.iter().filter_map(one).fold(Signs::default(), Signs::and)
}

/// Kernel names of the arrays that there are.
pub fn arrays() -> BTreeSet<BString> {
    names(Path::new("/sys/block")).into_iter().filter(|name| sys_block(name).join("md").is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nothing_are_removed() {
        let dev = tempfile::tempdir().unwrap();
        for name in ["md126", "md127", "mdadm", "md", "sda"] {
            match name {
                "md" => std::fs::create_dir(dev.path().join(name)).unwrap(),
                _ => std::fs::write(dev.path().join(name), "").unwrap(),
            }
        }
        for (link, target) in [("host:0", "../md126"), ("host:1", "../md127")] {
            std::os::unix::fs::symlink(target, dev.path().join("md").join(link)).unwrap();
        }
        tidy(dev.path(), &["md127".into()].into());
        let list = |dir: &Path| names(dir).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        assert_eq!(list(dev.path()), ["md", "md127", "mdadm", "sda"]);
        assert_eq!(list(&dev.path().join("md")), ["host:1"]);
    }
}
