//! From a [`Tree`] to an image file.
//!
//! In: a tree, a scratch directory. Out: a squashfs (LZ4: boot-lab §2 found nothing quicker to start
//! from) or an ext4 image with a UUID, for machines whose library looks for one. Needs no privileges.

use super::tree::{Entry, Tree};
use crate::child::{environment, output, Spec, Wanted};
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use bstr::ByteSlice;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;

/// A build step that failed, with the tool (or `files`) it failed in.
pub fn failed(tool: &str, message: impl Into<Vec<u8>>) -> LaunchError {
    let mut text = b"building the appliance: ".to_vec();
    text.extend_from_slice(&message.into());
    LaunchError::new(LaunchFailure::ApplianceBuild { tool: tool.to_owned() }, text)
}

fn io(path: &Path, e: &std::io::Error) -> LaunchError {
    failed("files", format!("{}: {}", path.display(), crate::error::io_text(e))).errno(e.raw_os_error().unwrap_or(0))
}

/// Write the tree below `dir`, which must not exist. Returns the sum of file sizes in bytes.
pub fn stage(tree: &Tree, dir: &Path) -> Result<u64, LaunchError> {
    std::fs::create_dir(dir).map_err(|e| io(dir, &e))?;
    let mut total = 0;
    for (path, entry) in &tree.entries {
        let at = dir.join(path);
        let place = |r: std::io::Result<u64>| r.map_err(|e| io(&at, &e));
        total += match entry {
            Entry::Directory => place(std::fs::create_dir(&at).map(|()| 0))?,
            Entry::Symlink(target) => place(symlink(target, &at).map(|()| 0))?,
            Entry::Bytes { data, .. } => place(std::fs::write(&at, data).map(|()| data.len() as u64))?,
            Entry::Host { source, .. } => std::fs::copy(source, &at).map_err(|e| io(source, &e))?,
        };
        // Set-user-id bits and the host's odd modes have no place in there.
        let mode = match entry {
            Entry::Host { executable, .. } | Entry::Bytes { executable, .. } => {
                if *executable {
                    0o755
                } else {
                    0o644
                }
            }
            Entry::Directory => 0o755,
            Entry::Symlink(_) => continue,
        };
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)).map_err(|e| io(&at, &e))?;
    }
    Ok(total)
}

/// What is kept of a tool's words.
pub(super) const WORDS: usize = 1 << 20;

/// Run a tool; its output is the error when it fails.
fn run(spec: Spec, tool: &str, package: &str) -> Result<(), LaunchError> {
    let wanted = Wanted { most: WORDS, limit: None, go_on: &|| true };
    let output = output(spec, &wanted).map_err(|e| {
        let missing = e.kind() == std::io::ErrorKind::NotFound;
        let error = failed(tool, format!("cannot run {tool}: {}", crate::error::io_text(&e)))
            .errno(e.raw_os_error().unwrap_or(0));
        if missing {
            error.help(format!("install the package {package}"))
        } else {
            error
        }
    })?;
    if output.ok() {
        return Ok(());
    }
    let mut text = format!("{tool}: {}: ", output.exit).into_bytes();
    let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    text.extend_from_slice(said.get(said.len().saturating_sub(2000)..).unwrap_or_default().trim_ascii());
    let errno = no_room(said);
    Err(failed(tool, text).errno(errno).help("is the temporary or cache directory full?"))
}

/// A tool has no errno to give, but words: 0 where they are of something else.
fn no_room(said: &[u8]) -> i32 {
    let words = [("No space left on device", libc::ENOSPC), ("Disk quota exceeded", libc::EDQUOT)];
    words.iter().find(|(text, _)| said.contains_str(text)).map_or(0, |(_, errno)| *errno)
}

/// Pack a staged directory as squashfs.
pub fn squashfs(mksquashfs: &Path, staged: &Path, image: &Path) -> Result<(), LaunchError> {
    // Not SOURCE_DATE_EPOCH: with it mksquashfs refuses the times given here.
    let spec = Spec::new(mksquashfs, environment::PLAIN).arg(staged).arg(image).args([
        "-comp",
        "lz4",
        "-noappend",
        "-no-progress",
        "-quiet",
        "-all-root",
        "-all-time",
        "0",
        "-mkfs-time",
        "0",
        "-no-xattrs",
        "-no-exports",
    ]);
    run(spec, "mksquashfs", "squashfs-tools")
}

/// Pack a staged directory of `size` bytes as ext4 with `uuid`. No journal and no checksums: it is
/// never written, and their modules would have to be loaded first. Files keep the numeric owner that
/// the stage has; inside, root reads everything.
pub fn ext4(
    mke2fs: &Path,
    staged: &Path,
    size: u64,
    files: usize,
    uuid: &str,
    image: &Path,
) -> Result<(), LaunchError> {
    // Half a block lost per file, an inode each, and room for metadata.
    let files = files as u64;
    let bytes = size + files * 4096 + (16 << 20);
    let file = std::fs::File::create(image).map_err(|e| io(image, &e))?;
    file.set_len(bytes.next_multiple_of(1 << 20)).map_err(|e| io(image, &e))?;
    drop(file);
    let spec = Spec::new(mke2fs, environment::PLAIN)
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-U", uuid, "-L", "guestfs-rs"])
        .args(["-O", "^has_journal,^metadata_csum,^64bit,^resize_inode,^huge_file", "-E", "root_owner=0:0"])
        .arg("-N")
        .arg((files + 64).to_string())
        .arg("-d")
        .arg(staged)
        .arg(image);
    run(spec, "mke2fs", "e2fsprogs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::process::Command;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.put("etc/x", Entry::Bytes { data: b"text".to_vec(), executable: false });
        tree.put("usr/bin/true", Entry::Host { source: "/bin/true".into(), executable: true });
        tree.put("bin", Entry::Symlink("usr/bin".into()));
        tree
    }

    #[test]
    fn squashfs_of_a_tree_is_reproducible() {
        let dir = tempfile::tempdir().unwrap();
        let mut images = Vec::new();
        for n in 0..2 {
            let staged = dir.path().join(format!("stage {n}"));
            stage(&tree(), &staged).unwrap();
            let image = dir.path().join(format!("root {n}"));
            squashfs(Path::new("mksquashfs"), &staged, &image).unwrap();
            images.push(std::fs::read(&image).unwrap());
        }
        assert_eq!(images[0], images[1]);
        let list = Command::new("unsquashfs").arg("-ll").arg(dir.path().join("root 0")).output().unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        assert!(list.contains("root/root"), "{list}");
        assert!(list.contains("squashfs-root/bin -> usr/bin"), "{list}");
    }

    #[test]
    fn ext4_of_a_tree_has_the_uuid() {
        let dir = tempfile::tempdir().unwrap();
        let staged = dir.path().join("stage");
        let size = stage(&tree(), &staged).unwrap();
        let image = dir.path().join("root");
        let uuid = "12345678-1234-4234-8234-123456789abc";
        ext4(Path::new("mke2fs"), &staged, size, 6, uuid, &image).unwrap();
        let said = Command::new("file").arg(&image).output().unwrap();
        assert!(String::from_utf8(said.stdout).unwrap().contains(&format!("UUID={uuid}")));
        let fsck = Command::new("e2fsck").args(["-fn"]).arg(&image).output().unwrap();
        assert!(fsck.status.success(), "{fsck:?}");
    }

    #[test]
    fn a_failing_or_missing_tool_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let e = squashfs(Path::new("/no/mksquashfs"), dir.path(), &dir.path().join("x")).unwrap_err();
        assert_eq!(e.failure, LaunchFailure::ApplianceBuild { tool: "mksquashfs".into() });
        assert!(e.help.unwrap().contains("squashfs-tools"));
        let e = squashfs(&PathBuf::from("false"), dir.path(), &dir.path().join("x")).unwrap_err();
        assert!(e.message.starts_with(b"building the appliance: mksquashfs: exited with status 1"), "{e:?}");
        assert_eq!(e.errno, 0);
        let full = dir.path().join("full");
        std::fs::write(&full, "echo 'Write failed because No space left on device' >&2; exit 1").unwrap();
        std::fs::set_permissions(&full, std::fs::Permissions::from_mode(0o755)).unwrap();
        let e = squashfs(&full, dir.path(), &dir.path().join("x")).unwrap_err();
        assert_eq!(e.errno, libc::ENOSPC, "{e:?}");
    }
}
