//! Fetching Debian's generic kernel.
//!
//! In: a package name known to apt. Out: the package unpacked below a data directory, its kernel
//! uncompressed, its modules indexed. Needs no root and no installed kernel, writes nowhere else.

use super::cache::Scratch;
use super::hostfs::HostFs;
use super::kernel::{self, Kernel};
use super::{tree, vmlinux};
use crate::child::{environment, output, Spec, Wanted};
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use std::fs;
use std::path::{Path, PathBuf};

/// The package that always depends on the newest generic kernel.
pub const PACKAGE: &str = "linux-image-amd64";

/// Modules for hardware that no appliance ever sees: two thirds of the package.
const USELESS: [&str; 14] = [
    "sound",
    "drivers/gpu",
    "drivers/media",
    "drivers/staging",
    "drivers/infiniband",
    "drivers/iio",
    "drivers/hwmon",
    "drivers/usb",
    "drivers/input",
    "drivers/platform",
    "drivers/net/wireless",
    "drivers/net/ethernet",
    "drivers/net/usb",
    "drivers/isdn",
];

fn failed(message: impl Into<Vec<u8>>) -> LaunchError {
    let mut text = b"fetching a kernel: ".to_vec();
    text.extend_from_slice(&message.into());
    LaunchError::new(LaunchFailure::KernelUnreadable, text)
}

fn io(path: &Path, e: &std::io::Error) -> LaunchError {
    failed(format!("{}: {}", path.display(), crate::error::io_text(e)))
}

/// Run a tool in `dir` and give its standard output.
fn run(tool: &str, args: &[&str], dir: &Path, help: &str) -> Result<String, LaunchError> {
    let spec = Spec { dir: Some(dir.to_owned()), ..Spec::new(tool, environment::APT).args(args) };
    let wanted = Wanted { most: super::pack::WORDS, limit: None, go_on: &|| true };
    let output = output(spec, &wanted)
        .map_err(|e| failed(format!("cannot run {tool}: {}", crate::error::io_text(&e))).help(help))?;
    if !output.ok() {
        let mut text = format!("{tool} {}: {}: ", args.join(" "), output.exit).into_bytes();
        text.extend_from_slice(output.stderr.trim_ascii());
        return Err(failed(text).help(help));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The package with the files: follows one step of `Depends`, as linux-image-amd64 needs.
fn resolve(package: &str, dir: &Path) -> Result<String, LaunchError> {
    let help = "refresh apt's lists as root: apt-get update";
    let text = run("apt-cache", &["depends", "--no-recommends", "--no-suggests", package], dir, help)?;
    let depends = text.lines().filter_map(|l| l.trim().strip_prefix("Depends: "));
    Ok(depends.map(str::trim).find(|p| p.starts_with("linux-image-")).unwrap_or(package).to_owned())
}

/// Download and unpack into `datadir/kernel/PACKAGE/`; replaces one that is there.
pub fn fetch(package: &str, datadir: &Path, say: &dyn Fn(&str)) -> Result<Kernel, LaunchError> {
    let parent = datadir.join("kernel");
    fs::create_dir_all(&parent).map_err(|e| io(&parent, &e))?;
    let scratch = Scratch::new(&parent).map_err(|e| io(&parent, &e))?;
    let real = resolve(package, &scratch.0)?;
    say(&format!("downloading {real}"));
    run("apt-get", &["download", &real], &scratch.0, "refresh apt's lists as root: apt-get update")?;
    let entries = fs::read_dir(&scratch.0).map_err(|e| io(&scratch.0, &e))?;
    let deb = entries.filter_map(|e| Some(e.ok()?.path())).find(|p| p.extension().is_some_and(|x| x == "deb"));
    let deb = deb.ok_or_else(|| failed(format!("apt-get downloaded no package {real}")))?;
    unpack(&deb, &parent.join(&real), &scratch, say)
}

/// Unpack a downloaded kernel package so that it ends up as `place`.
fn unpack(deb: &Path, place: &Path, scratch: &Scratch, say: &dyn Fn(&str)) -> Result<Kernel, LaunchError> {
    let root = scratch.0.join("root");
    say("unpacking");
    let (deb, to) = (deb.to_string_lossy(), root.to_string_lossy());
    run("dpkg-deb", &["-x", &deb, &to], &scratch.0, "install the package dpkg")?;
    // Newer packages have usr/lib/modules; depmod and the search look below lib.
    if !root.join("lib").exists() && root.join("usr/lib").exists() {
        std::os::unix::fs::symlink("usr/lib", root.join("lib")).map_err(|e| io(&root, &e))?;
    }
    let found = kernel::in_root(&root).map_err(failed)?;
    for dir in USELESS {
        let _ = fs::remove_dir_all(found.modules.join("kernel").join(dir));
    }
    let image = tree::read_file(&found.image).map_err(failed)?;
    let plain = vmlinux::extract(&image).map_err(|e| io(&found.image, &e))?;
    if vmlinux::has_pvh(&plain) {
        let beside = found.image.with_file_name(format!("vmlinux-{}", found.release));
        fs::write(&beside, plain).map_err(|e| io(&beside, &e))?;
    }
    // Our own builder needs no index; supermin does.
    match HostFs::new().program("depmod") {
        Some(depmod) => {
            run(&depmod.to_string_lossy(), &["-b", &to, &found.release], &scratch.0, "install the package kmod")?;
        }
        None => say("no depmod (package kmod): supermin will not be able to use this kernel"),
    }
    if place.exists() {
        fs::rename(place, scratch.0.join("old")).map_err(|e| io(place, &e))?;
    }
    fs::rename(&root, place).map_err(|e| io(place, &e))?;
    kernel::in_root(place).map_err(failed)
}

/// Where to put a fetched kernel when nobody says.
pub fn default_datadir() -> Result<PathBuf, LaunchError> {
    let dir = kernel::data_dirs().into_iter().next();
    dir.ok_or_else(|| failed("no data directory: set GUESTFS_RS_DATADIR or HOME"))
}
