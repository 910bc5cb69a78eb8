//! Guessing the format of an image.
//!
//! In: an image's first bytes. Out: the name of a format that qemu knows. The guess is made here and
//! handed to the hypervisor, so that both always agree on what the image is. Whoever can write to a
//! raw disk can make the guess come out as anything: programs should say the format (guestfs(3),
//! CVE-2010-3851).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// All that qemu's own guess looks at (BLOCK_PROBE_BUF_SIZE is 512; the rest is for VMDK's text).
const HEAD: usize = 2048;

/// The format of an image or device.
pub fn probe(path: &Path) -> io::Result<&'static str> {
    probe_file(&File::open(path)?, path)
}

/// The same of one that is open.
pub fn probe_file(file: &File, path: &Path) -> io::Result<&'static str> {
    let mut head = [0; HEAD];
    let mut have = 0;
    while let Some(room) = head.get_mut(have..).filter(|room| !room.is_empty()) {
        match file.read_at(room, have as u64) {
            Ok(0) => break,
            Ok(n) => have = have.saturating_add(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    if path.extension().is_some_and(|x| x == "dmg") {
        // A DMG has its mark at the end; qemu goes by the name as well.
        return Ok("dmg");
    }
    Ok(by_content(head.get(..have).unwrap_or_default()))
}

/// Magic numbers at the beginning, from each format's specification. An image that begins with a LUKS
/// header is raw for us: the appliance opens it, where qemu would want the key.
const MAGICS: [(usize, &[u8], &str); 12] = [
    (0, b"QED\0", "qed"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vpc"),
    (0, b"WithoutFreeSpace\x02\0\0\0", "parallels"),
    (0, b"WithouFreSpacExt\x02\0\0\0", "parallels"),
    (0, b"Bochs Virtual HD Image\0", "bochs"),
    (0, b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"),
    (0, b"QFI\xfb\0\0\0\x01", "qcow"),
    (0, b"QFI\xfb\0\0\0\x02", "qcow2"),
];

fn by_content(head: &[u8]) -> &'static str {
    for (at, magic, format) in MAGICS {
        if head.get(at..).is_some_and(|h| h.starts_with(magic)) {
            return format;
        }
    }
    // Any later version, so that qemu refuses it as what it is.
    if head.starts_with(b"QFI\xfb") {
        return "qcow2";
    }
    if vmdk_text(head) {
        return "vmdk";
    }
    "raw"
}

/// A VMDK descriptor file: comment and empty lines, then `version=1`, 2 or 3.
fn vmdk_text(head: &[u8]) -> bool {
    if !head.starts_with(b"# Disk DescriptorFile") {
        return false;
    }
    head.split(|b| *b == b'\n')
        .map(|line| line.trim_ascii())
        .find(|line| !line.is_empty() && !line.starts_with(b"#"))
        .is_some_and(|line| matches!(line, b"version=1" | b"version=2" | b"version=3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_qemu_img() {
        let dir = tempfile::tempdir().unwrap();
        let mut checked = 0;
        for format in ["raw", "qcow", "qcow2", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels"] {
            let path = dir.path().join(format!("disk {format}"));
            let run = |args: &[&str]| std::process::Command::new("qemu-img").args(args).arg(&path).output().unwrap();
            let made = std::process::Command::new("qemu-img")
                .args(["create", "-q", "-f", format])
                .arg(&path)
                .arg("2M")
                .output()
                .unwrap();
            assert!(made.status.success(), "{format}: {made:?}");
            let info = run(&["info", "--output=json"]);
            let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
            assert_eq!(info["format"], probe(&path).unwrap(), "{format}");
            checked += 1;
        }
        assert_eq!(checked, 9);
    }

    #[test]
    fn by_hand() {
        assert_eq!(by_content(b""), "raw");
        assert_eq!(by_content(b"QFI\xfb\0\0\0\x03"), "qcow2");
        assert_eq!(by_content(b"LUKS\xba\xbe\0\x01"), "raw");
        assert_eq!(by_content(b"# Disk DescriptorFile\n\n#x\nversion=1\n"), "vmdk");
        assert_eq!(by_content(b"# Disk DescriptorFile\nhello\n"), "raw");
        assert_eq!(by_content(&[0xff; 64]), "raw");
    }
}
