//! Finding and mounting the appliance's root file system.
//!
//! In: `root=` of the command line and the disks the kernel has found. Out: the root mounted read-only.

use super::cmdline::Cmdline;
use crate::error::{Context, Errno, Error, Result};
use rustix::mount::{mount, MountFlags};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the disk may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where root file systems say who they are. ext: Documentation/filesystems/ext4/super.rst, magic at
/// 1024 + 0x38, UUID at 1024 + 0x68; squashfs: magic at 0.
#[derive(Debug, PartialEq, Eq)]
struct Signature {
    kind: &'static str,
    uuid: Option<[u8; 16]>,
}

/// Mount the root on `target`. Its device number.
pub fn mount_root(line: &Cmdline, target: &Path) -> Result<u64> {
    let wanted = line.root.as_deref().ok_or_else(|| Error::invalid("no root= on the kernel's command line"))?;
    let node = find(wanted)?;
    let kind =
        match &line.root_type {
            Some(kind) => kind.clone(),
            None => signature(&node).map_or_else(
                || {
                    Err(Error::invalid("no file system known to the appliance's kernel")
                        .context(node.display().to_string()))
                },
                |s| Ok(s.kind.to_owned()),
            )?,
        };
    let kind_c = CString::new(kind.as_bytes()).map_err(|_| Error::invalid("rootfstype= contains a NUL byte"))?;
    mount(&node, target, kind_c.as_c_str(), MountFlags::RDONLY | MountFlags::NOATIME, None)
        .with_context(|| format!("mounting the root file system ({kind} on {})", node.display()))?;
    Ok(rustix::fs::stat(&node).context(node.as_os_str().as_bytes())?.st_rdev)
}

fn find(wanted: &str) -> Result<PathBuf> {
    let uuid = match wanted.strip_prefix("UUID=") {
        Some(text) => Some(parse_uuid(text).ok_or_else(|| Error::invalid("not a UUID").context(wanted))?),
        None => None,
    };
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        let found = match uuid {
            None => Some(PathBuf::from(wanted)).filter(|p| p.exists()),
            Some(uuid) => block_devices().into_iter().find(|n| signature(n).is_some_and(|s| s.uuid == Some(uuid))),
        };
        if let Some(node) = found {
            return Ok(node);
        }
        if Instant::now() >= until {
            let have: Vec<_> = block_devices().iter().map(|n| n.display().to_string()).collect();
            return Err(Error::new(Errno::NODEV, format!("root={wanted} not found; disks: {}", have.join(" "))));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// All disks and partitions.
fn block_devices() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let mut nodes: Vec<_> = entries
        .map(|e| e.file_name())
        .filter(|n| !n.as_bytes().starts_with(b"loop") && !n.as_bytes().starts_with(b"ram"))
        .map(|n| Path::new("/dev").join(OsStr::from_bytes(n.as_bytes())))
        .collect();
    nodes.sort();
    nodes
}

fn signature(node: &Path) -> Option<Signature> {
    let mut head = [0; 2048];
    File::open(node).and_then(|f| f.read_exact_at(&mut head, 0)).ok()?;
    read_signature(&head)
}

fn read_signature(head: &[u8]) -> Option<Signature> {
    if head.get(..4)? == b"hsqs" {
        return Some(Signature { kind: "squashfs", uuid: None });
    }
    (head.get(1080..1082)? == [0x53, 0xef]).then_some(())?;
    let uuid = head.get(1128..1144)?.try_into().ok();
    Some(Signature { kind: "ext4", uuid })
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    let mut uuid = [0; 16];
    (digits.len() == 32).then_some(())?;
    for (to, pair) in uuid.iter_mut().zip(digits.chunks(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        let mut head = [0; 2048];
        assert_eq!(read_signature(&head), None);
        head[1080..1082].copy_from_slice(&[0x53, 0xef]);
        head[1128..1144].copy_from_slice(&[7; 16]);
        assert_eq!(read_signature(&head), Some(Signature { kind: "ext4", uuid: Some([7; 16]) }));
        head[..4].copy_from_slice(b"hsqs");
        assert_eq!(read_signature(&head).unwrap().kind, "squashfs");
        assert_eq!(read_signature(&head[..1100]).unwrap().kind, "squashfs");
        assert_eq!(read_signature(&[0; 100]), None);
    }

    #[test]
    fn uuids() {
        let want = [0xd4, 0xe3, 0x2f, 0xf0, 0xaf, 0xd6, 0x43, 0x0b, 0xba, 0x0d, 0xc9, 0xba, 0xc4, 0x95, 0xd9, 0x1d];
        assert_eq!(parse_uuid("d4e32ff0-afd6-430b-ba0d-c9bac495d91d"), Some(want));
        assert_eq!(parse_uuid("d4e32ff0"), None);
        assert_eq!(parse_uuid("d4e32ff0-afd6-430b-ba0d-c9bac495d91x"), None);
    }
}
