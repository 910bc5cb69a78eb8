//! Fixed appliances: a directory with `kernel`, `initrd`, `root` and `README.fixed`.
//!
//! In: a directory on `LIBGUESTFS_PATH`, made by us or by libguestfs-make-fixed-appliance(1). Out: how
//! to start it. And the other way round: [`write`] makes such a directory from our own appliance, which
//! Debian's library starts as well.

use super::build::{self, Request, Shape};
use super::cache::Scratch;
use super::{Appliance, Origin};
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const README: &str = "README.fixed";

/// What the README begins with when the appliance is ours.
const MARK: &str = "guestfs-rs fixed appliance";

/// The appliance in `dir`; `None` when there is none. An incomplete one is an error.
pub fn open(dir: &Path) -> Result<Option<Appliance>, LaunchError> {
    let readme = dir.join(README);
    if !readme.exists() {
        return Ok(None);
    }
    for name in ["kernel", "initrd", "root"] {
        let path = dir.join(name);
        fs::File::open(&path).map_err(|e| {
            LaunchError::io(format!("fixed appliance: {}", path.display()), &e)
                .help("make the directory anew, or take it off LIBGUESTFS_PATH")
        })?;
    }
    let ours = fs::read_to_string(&readme).is_ok_and(|t| t.starts_with(MARK));
    let root = dir.join("root");
    let uuid = ext_uuid(&root).map_err(|e| LaunchError::io(root.display().to_string(), &e))?;
    Ok(Some(Appliance {
        kernel: dir.join("kernel"),
        initrd: dir.join("initrd"),
        root,
        root_uuid: uuid,
        root_type: None,
        origin: if ours { Origin::OwnFixed } else { Origin::Foreign },
        scratch: None,
    }))
}

/// UUID of the ext2, 3 or 4 file system in an image, as text; `None` when it holds something else.
/// Offsets: Documentation/filesystems/ext4/super.rst.
pub fn ext_uuid(image: &Path) -> io::Result<Option<String>> {
    let mut file = fs::File::open(image)?;
    let mut block = [0u8; 0x78];
    file.seek(SeekFrom::Start(1024))?;
    match file.read_exact(&mut block) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    if block.get(0x38..0x3a) != Some(&[0x53, 0xef]) {
        return Ok(None);
    }
    let uuid = block.get(0x68..0x78).and_then(|u| <[u8; 16]>::try_from(u).ok()).unwrap_or_default();
    Ok(Some(super::uuid_text(uuid)))
}

/// Build a fixed appliance into `dir`, which is made when it does not exist. Files appear one by one
/// by rename, `README.fixed` last: until then no library takes the directory for an appliance.
pub fn write(dir: &Path, say: &dyn Fn(&str)) -> Result<(), LaunchError> {
    let io = |path: &Path, e: io::Error| LaunchError::io(path.display().to_string(), &e);
    fs::create_dir_all(dir).map_err(|e| io(dir, e))?;
    let readme = dir.join(README);
    match fs::remove_file(&readme) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io(&readme, e)),
        _ => {}
    }
    let request = Request::new(Shape::Fixed)?;
    let scratch = Scratch::new(dir).map_err(|e| io(dir, e))?;
    let manifest = build::build(&request, &scratch.0, say)?;
    let text = format!(
        "{MARK}\n\nkernel {}, daemon {}\nTo use it, set LIBGUESTFS_PATH to this directory. Nothing of the host that\n\
         built it is needed; it can be moved and copied to other hosts.\n",
        manifest.kernel_release, manifest.version
    );
    let note = scratch.0.join(README);
    fs::write(&note, text).map_err(|e| io(&note, e))?;
    for name in ["kernel", "initrd", "root", "manifest.json", README] {
        let (from, to) = (scratch.0.join(name), dir.join(name));
        fs::set_permissions(&from, fs::Permissions::from_mode(0o644)).map_err(|e| io(&from, e))?;
        fs::File::open(&from).and_then(|f| f.sync_all()).map_err(|e| io(&from, e))?;
        fs::rename(&from, &to).map_err(|e| io(&to, e))?;
    }
    if fixed_is_usable(dir) {
        Ok(())
    } else {
        Err(LaunchError::new(LaunchFailure::ApplianceBuild { tool: "mke2fs".into() }, "the root image has no UUID"))
    }
}

fn fixed_is_usable(dir: &Path) -> bool {
    matches!(open(dir), Ok(Some(Appliance { root_uuid: Some(_), .. })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        assert!(open(path).unwrap().is_none());
        fs::write(path.join(README), "anything").unwrap();
        assert!(open(path).unwrap_err().message.starts_with(b"fixed appliance: "));
        for name in ["kernel", "initrd"] {
            fs::write(path.join(name), "x").unwrap();
        }
        let root = path.join("root");
        fs::File::create(&root).unwrap().set_len(1 << 20).unwrap();
        let plain = open(path).unwrap().unwrap();
        assert_eq!((plain.root_uuid, plain.origin), (None, Origin::Foreign));
        let uuid = "12345678-1234-4234-8234-123456789abc";
        let done = std::process::Command::new("mke2fs").args(["-qF", "-U", uuid]).arg(&root).status().unwrap();
        assert!(done.success());
        fs::write(path.join(README), MARK).unwrap();
        let ours = open(path).unwrap().unwrap();
        assert_eq!((ours.root_uuid.as_deref(), ours.origin), (Some(uuid), Origin::OwnFixed));
    }
}
