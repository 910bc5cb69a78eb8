//! The appliance: which one to start.
//!
//! In: a launch's search path and cache directory. Out: an [`Appliance`]: kernel, initrd, root image.
//! Directories on the path come first (a fixed appliance, or `supermin.d`); else our own is taken from
//! the cache or built from the host's files (`build`).

pub mod build;
pub mod cache;
mod cpio;
pub(crate) mod digest;
mod elf;
pub(crate) mod entry;
pub mod fetch;
pub mod fixed;
mod hostfs;
pub mod kernel;
mod kmod;
pub(crate) mod locate;
pub mod manifest;
mod pack;
mod recipe;
mod supermin;
mod tree;
mod unpack;
mod vmlinux;

use crate::machine::{LaunchError, Plan, Reporter};
use bstr::ByteSlice;
use build::{Request, Shape};
use cache::{Cache, Scratch};
use manifest::Checking;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Who made an appliance: what may be expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Built here for our own machine.
    Own,
    /// Ours, made to be carried around.
    OwnFixed,
    /// Made by upstream's tools: plain protocol, PCI machine, writable root.
    Foreign,
}

/// Something to start.
#[derive(Debug)]
pub struct Appliance {
    /// bzImage or ELF with a PVH entry.
    pub kernel: PathBuf,
    /// cpio archive.
    pub initrd: PathBuf,
    /// Image of the root file system.
    pub root: PathBuf,
    /// For `root=UUID=…`; `None`: the root is the one virtio-blk disk.
    pub root_uuid: Option<String>,
    /// For `rootfstype=`, when known.
    pub root_type: Option<String>,
    /// Who made it.
    pub origin: Origin,
    /// Built for one launch only: removed with this.
    pub scratch: Option<Scratch>,
}

/// As [`find`], but the one in the cache at once: what there is to be waited for says whether the host has changed
/// since it was built. Then it is not to be used, and another to be found.
pub fn find_last(plan: &Plan, reporter: &dyn Reporter) -> Result<(Appliance, Option<Checking>), LaunchError> {
    if plan.path.is_empty() {
        let request = Request::new(Shape::Own)?;
        if let Ok((dir, manifest)) = Cache::open(&plan.cachedir).and_then(|cache| cache.last(&request.slot())) {
            return Ok((from_dir(dir, &manifest, None), Some(Checking::of(manifest))));
        }
    }
    Ok((find(plan, reporter)?, None))
}

/// Find or build the appliance for a launch.
pub fn find(plan: &Plan, reporter: &dyn Reporter) -> Result<Appliance, LaunchError> {
    let say = |line: &str| reporter.library(line);
    for dir in plan.path.split(|b| *b == b':') {
        if plan.path.is_empty() {
            break;
        }
        // An empty element means the current directory (guestfs(3), "APPLIANCE").
        let dir = if dir.is_empty() { Path::new(".") } else { Path::new(std::ffi::OsStr::from_bytes(dir)) };
        if let Some(found) = fixed::open(dir)? {
            say(&format!("appliance: fixed: {}", dir.display()));
            return Ok(found);
        }
        let supermin_d = dir.join("supermin.d");
        if supermin_d.is_dir() {
            say(&format!("appliance: supermin: {}", supermin_d.display()));
            return supermin::build(&supermin_d, &plan.cachedir, &say);
        }
        say(&format!("appliance: none in {}", dir.as_os_str().as_bytes().as_bstr()));
    }
    own(plan, reporter)
}

/// The cache cannot be written, which says nothing about the temporary directory.
const UNWRITABLE: [i32; 5] = [libc::EROFS, libc::EACCES, libc::EPERM, libc::ENOSPC, libc::EDQUOT];

fn own(plan: &Plan, reporter: &dyn Reporter) -> Result<Appliance, LaunchError> {
    let say = |line: &str| reporter.library(line);
    let request = Request::new(Shape::Own)?;
    let unusable = match Cache::open(&plan.cachedir) {
        Ok(cache) => match cache.get(&request, &say) {
            Ok((dir, manifest)) => return Ok(from_dir(dir, &manifest, None)),
            Err(e) if UNWRITABLE.contains(&e.errno) => e.message.to_string(),
            Err(e) => return Err(e),
        },
        Err(why) => why,
    };
    // A launch that takes two seconds longer is better than none.
    reporter.warning(&format!("the appliance is built for this launch alone: the cache cannot be used: {unusable}"));
    let scratch = Scratch::new(&plan.tmpdir).map_err(|e| build::io(&plan.tmpdir, &e))?;
    let manifest = build::build(&request, &scratch.0, &say)?;
    Ok(from_dir(scratch.0.clone(), &manifest, Some(scratch)))
}

fn from_dir(dir: PathBuf, manifest: &manifest::Manifest, scratch: Option<Scratch>) -> Appliance {
    Appliance {
        kernel: dir.join("kernel"),
        initrd: dir.join("initrd"),
        root: dir.join("root"),
        root_uuid: None,
        root_type: Some(manifest.root_type.clone()),
        origin: Origin::Own,
        scratch,
    }
}

/// Fresh bytes from the host's random number generator.
pub(crate) fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    use std::io::Read;
    let mut bytes = [0u8; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// 16 random bytes as a version 4 UUID.
fn random_uuid() -> Result<String, String> {
    let bytes: [u8; 16] = random_bytes().map_err(|e| format!("/dev/urandom: {}", crate::error::io_text(&e)))?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    Ok(uuid_text(number.to_be_bytes()))
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = String::new();
    for (n, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&n) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn uuids_are_version_4() {
        let uuid = super::random_uuid().unwrap();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        assert_ne!(uuid, super::random_uuid().unwrap());
    }
}
