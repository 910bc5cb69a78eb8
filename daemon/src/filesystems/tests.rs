//! With regular files in the place of devices: the tools take both.

use super::*;
use crate::device::Device;
use crate::error::Errno;
use crate::testing::Guest;
use guestfs_protocol::opts::{E2fsckOpts, MkfsOpts, MkswapOpts};
use std::os::unix::fs::FileExt;

fn disk(g: &Guest, name: &str, mib: u64) -> Mountable {
    g.write(name, "");
    let file = std::fs::File::options().write(true).open(g.host(name)).unwrap();
    file.set_len(mib << 20).unwrap();
    Mountable::Device(Device::from_real(g.host(name)))
}

/// As list_filesystems sees them; [`blkid`] also asks for sector sizes, which only devices have.
fn all_tags(g: &Guest, m: &Mountable) -> prober::Tags {
    let mut all = probe::probe_all(&g.ctx, &[m.device().clone()]).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

const UUID: &str = "c1c2c3c4-0000-1111-2222-333344445555";

#[test]
fn made_labelled_and_recognised() {
    let mut g = Guest::new();
    // Type, size in MiB, longest label, does it take a UUID?
    for (fstype, mib, longest, uuid) in [
        ("ext2", 16, 16, true),
        ("ext4", 16, 16, true),
        ("xfs", 320, 12, true),
        ("btrfs", 128, 254, true),
        ("vfat", 16, 11, false),
        ("ntfs", 16, 32, false),
    ] {
        let m = disk(&g, fstype, mib);
        let ctx = &mut g.ctx;
        let dev = m.device();
        mkfs(ctx, fstype.into(), dev, &MkfsOpts { label: Some("FIRST".into()), ..Default::default() }).unwrap();
        assert_eq!(vfs_type(ctx, &m).unwrap(), fstype);
        assert_eq!(vfs_label(ctx, &m).unwrap(), "FIRST", "{fstype}");
        assert!(!vfs_uuid(ctx, &m).unwrap().is_empty(), "{fstype}");
        let label = "L".repeat(longest);
        set_label(ctx, &m, label.as_str().into()).unwrap();
        assert_eq!(vfs_label(ctx, &m).unwrap(), label.as_str(), "{fstype}");
        set_label(ctx, &m, "".into()).unwrap();
        assert_eq!(vfs_label(ctx, &m).unwrap(), "", "{fstype}");
        if fstype != "ntfs" {
            let long = "L".repeat(longest + 1);
            assert_eq!(set_label(ctx, &m, long.as_str().into()).unwrap_err().errno(), Some(Errno::INVAL), "{fstype}");
        }
        let set = set_uuid(ctx, dev, UUID.into());
        if uuid {
            set.unwrap();
            assert_eq!(vfs_uuid(ctx, &m).unwrap(), UUID, "{fstype}");
        } else {
            assert_eq!(set.unwrap_err().errno(), Some(Errno::OPNOTSUPP), "{fstype}");
        }
        assert!(set_uuid(ctx, dev, "nonsense".into()).is_err(), "{fstype}");
    }
}

/// A new file system leaves no mark of the old one.
#[test]
fn one_over_the_other() {
    let mut g = Guest::new();
    let m = disk(&g, "d", 320);
    for fstype in ["btrfs", "ext4", "xfs", "vfat", "ntfs", "ext2"] {
        mkfs(&mut g.ctx, fstype.into(), m.device(), &MkfsOpts::default()).unwrap();
        assert_eq!(vfs_type(&mut g.ctx, &m).unwrap(), fstype);
        let tags = all_tags(&g, &m);
        assert!(tags.contains(&("TYPE".into(), fstype.into())), "{tags:?}");
    }
}

#[test]
fn options_of_the_call() {
    let mut g = Guest::new();
    let m = disk(&g, "d", 16);
    let dev = m.device();
    let ctx = &mut g.ctx;
    let opts = MkfsOpts {
        blocksize: Some(2048),
        inode: Some(512),
        features: Some("^has_journal".into()),
        ..Default::default()
    };
    mkfs(ctx, "ext4".into(), dev, &opts).unwrap();
    let mut superblock = [0u8; 1024];
    std::fs::File::open(dev.path()).unwrap().read_exact_at(&mut superblock, 1024).unwrap();
    assert_eq!(superblock[24], 1, "block size is 1024 << 1");
    assert_eq!(u16::from_le_bytes([superblock[88], superblock[89]]), 512);
    assert_eq!(superblock[92] & 4, 0, "no journal");
    for (fstype, opts, errno) in [
        ("nosuchfs", MkfsOpts::default(), Some(Errno::OPNOTSUPP)),
        ("", MkfsOpts::default(), Some(Errno::INVAL)),
        ("ext4", MkfsOpts { features: Some("nonsense".into()), ..Default::default() }, None),
        ("ext4", MkfsOpts { blocksize: Some(-1), ..Default::default() }, Some(Errno::INVAL)),
    ] {
        assert_eq!(mkfs(ctx, fstype.into(), dev, &opts).unwrap_err().errno(), errno, "{fstype}");
    }
}

#[test]
fn swap() {
    let mut g = Guest::new();
    let m = disk(&g, "d", 4);
    let ctx = &mut g.ctx;
    mkswap(ctx, m.device(), &MkswapOpts { label: Some("swappy".into()), uuid: Some(UUID.into()) }).unwrap();
    assert_eq!(vfs_type(ctx, &m).unwrap(), "swap");
    assert_eq!(vfs_label(ctx, &m).unwrap(), "swappy");
    assert_eq!(vfs_uuid(ctx, &m).unwrap(), UUID);
    set_label(ctx, &m, "fifteen-bytes-x".into()).unwrap();
    assert_eq!(vfs_label(ctx, &m).unwrap(), "fifteen-bytes-x");
    assert!(set_label(ctx, &m, "sixteen-bytes-xx".into()).is_err());
    assert!(mkswap(ctx, m.device(), &MkswapOpts { uuid: Some("bad".into()), ..Default::default() }).is_err());
}

#[test]
fn nothing_there() {
    let mut g = Guest::new();
    let m = disk(&g, "d", 4);
    let ctx = &mut g.ctx;
    for text in [vfs_type(ctx, &m), vfs_label(ctx, &m), vfs_uuid(ctx, &m)] {
        assert_eq!(text.unwrap(), "");
    }
    assert!(blkid(ctx, m.device()).unwrap().iter().all(|(key, _)| key != "TYPE"));
    assert_eq!(probe::probe_all(ctx, &[m.device().clone()]).unwrap(), [Vec::new()]);
    assert_eq!(set_label(ctx, &m, "x".into()).unwrap_err().errno(), Some(Errno::OPNOTSUPP));
    let missing = Mountable::Device(Device::from_real(g.host("/missing")));
    assert!(vfs_type(&mut g.ctx, &missing).is_err());
}

/// Where mke2fs puts the first inode table of 16 MiB in blocks of 1 KiB (dumpe2fs: block 68).
const INODE_TABLE: u64 = 68 * 1024;

#[test]
fn checking() {
    let mut g = Guest::new();
    let m = disk(&g, "d", 16);
    let dev = m.device();
    let ctx = &mut g.ctx;
    mkfs(ctx, "ext2".into(), dev, &MkfsOpts { blocksize: Some(1024), ..Default::default() }).unwrap();
    let (no, correct, all) = (
        E2fsckOpts { forceno: Some(true), ..Default::default() },
        E2fsckOpts { correct: Some(true), ..Default::default() },
        E2fsckOpts { forceall: Some(true), ..Default::default() },
    );
    e2fsck(ctx, dev, &no).unwrap();
    // The root directory's inode is gone, the second in its table.
    let file = std::fs::File::options().write(true).open(dev.path()).unwrap();
    file.write_all_at(&[0; 1024], INODE_TABLE).unwrap();
    e2fsck(ctx, dev, &no).unwrap_err();
    e2fsck(ctx, dev, &all).unwrap();
    e2fsck(ctx, dev, &correct).unwrap();
    let both = E2fsckOpts { correct: Some(true), forceall: Some(true), forceno: None };
    assert_eq!(e2fsck(ctx, dev, &both).unwrap_err().errno(), Some(Errno::INVAL));
    assert_eq!(e2fsck(ctx, dev, &E2fsckOpts::default()).unwrap_err().errno(), Some(Errno::INVAL));
    let blank = disk(&g, "blank", 4);
    let e = e2fsck(&mut g.ctx, blank.device(), &all).unwrap_err();
    assert!(e.to_string().contains("magic"), "{e}");
}

#[test]
fn kernel_file_systems() {
    let mut g = Guest::new();
    assert!(filesystem_available(&mut g.ctx, "proc".into()).unwrap());
    assert!(!filesystem_available(&mut g.ctx, "nosuchfs".into()).unwrap());
    for bad in ["", "a b", "../x", "a\nb"] {
        assert_eq!(filesystem_available(&mut g.ctx, bad.into()).unwrap_err().errno(), Some(Errno::INVAL), "{bad}");
    }
}

#[test]
fn labels_with_odd_characters() {
    let mut g = Guest::new();
    let m = disk(&g, "d", 16);
    mkfs(&mut g.ctx, "ext4".into(), m.device(), &MkfsOpts::default()).unwrap();
    for label in ["a b", "\"x\" \\y$`", "-L", "é", "a=b"] {
        set_label(&mut g.ctx, &m, label.into()).unwrap();
        assert_eq!(vfs_label(&mut g.ctx, &m).unwrap(), label);
    }
}
