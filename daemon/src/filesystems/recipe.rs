//! How each kind of file system is made and named: the command lines of the mkfs tools.
//!
//! In: a file system type and what the caller asks for. Out: a program and its arguments (without the
//! device), or an error that says which wish the type cannot fulfil. Pure: nothing is run here.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{MkfsBtrfsOpts, MkfsOpts};

use crate::error::{Error, Result};

/// A program to run on a device.
#[derive(Debug, PartialEq)]
pub struct Recipe {
    pub program: String,
    pub args: Vec<OsString>,
}

/// What mkfs of one type can be told, and how.
struct Kind {
    /// Names the table entry serves.
    names: &'static [&'static str],
    /// Program, when not `mkfs.TYPE`.
    program: Option<&'static str>,
    /// Always given: do not ask, do not spend hours on tests of the medium.
    always: &'static [&'static str],
    block: Block,
    label: Label,
    /// `-O` for extra features.
    features: bool,
    /// `-I` for the size of an inode.
    inode: bool,
    /// `-S` for the sector size.
    sector: bool,
}

/// What the wish for a block size becomes.
#[derive(Clone, Copy)]
enum Block {
    /// An option and the size in bytes.
    Bytes(&'static str),
    /// `-b size=BYTES`.
    Xfs,
    /// `-s` and the number of sectors a cluster has.
    Sectors,
    /// Not possible, with what to do instead.
    No(&'static str),
}

/// How a label is given.
#[derive(Clone, Copy)]
struct Label {
    option: Option<&'static str>,
    /// Bytes; more is refused before anything is touched.
    max: usize,
}

const fn label(option: &'static str, max: usize) -> Label {
    Label { option: Some(option), max }
}

/// btrfs-progs 6.2 takes 255 bytes and drops the last of them, without a word.
pub const BTRFS_LABEL: usize = 254;

const UNLABELLED: Label = Label { option: None, max: 0 };
/// For tools whose own check is good enough.
const ANY: usize = usize::MAX;

const KINDS: &[Kind] = &[
    // -F: a whole disk is fine. It does not override a mounted file system (that takes two).
    Kind {
        program: Some("mke2fs"),
        always: &["-F", "-t"],
        block: Block::Bytes("-b"),
        label: label("-L", 16),
        features: true,
        inode: true,
        ..kind(&["ext2", "ext3", "ext4"])
    },
    Kind {
        always: &["-f"],
        block: Block::No("use mkfs_btrfs"),
        label: label("-L", BTRFS_LABEL),
        features: true,
        ..kind(&["btrfs"])
    },
    Kind { always: &["-f"], block: Block::Xfs, label: label("-L", 12), ..kind(&["xfs"]) },
    // -I: a whole disk is fine. --mbr=n: mkfs.fat 4.2 and later would write a partition table into the boot
    // sector of a fixed disk, with which the kernel later finds a partition that is the disk.
    Kind {
        always: &["-I", "--mbr=n"],
        block: Block::Sectors,
        label: label("-n", 11),
        ..kind(&["fat", "vfat", "msdos"])
    },
    Kind { block: Block::Bytes("-c"), label: label("-L", ANY), ..kind(&["exfat"]) },
    // -Q: do not overwrite the whole device with zeroes. -F: a whole disk is fine (we have made sure
    // that nothing has it mounted).
    Kind { always: &["-Q", "-F"], block: Block::Bytes("-c"), label: label("-L", ANY), ..kind(&["ntfs"]) },
    Kind {
        always: &["-f"],
        block: Block::No("leave it out"),
        label: label("-l", ANY),
        features: true,
        ..kind(&["f2fs"])
    },
    Kind { always: &["-f"], block: Block::Bytes("-b"), label: label("-l", 16), ..kind(&["reiserfs"]) },
    Kind { always: &["-f"], block: Block::No("leave it out"), label: label("-L", 16), ..kind(&["jfs"]) },
    Kind { always: &["-f"], block: Block::Bytes("-b"), label: label("-L", 80), features: true, ..kind(&["nilfs2"]) },
    Kind { block: Block::Bytes("-b"), label: label("-v", 27), ..kind(&["hfs", "hfsplus"]) },
    Kind { block: Block::Bytes("-b"), label: label("-l", ANY), ..kind(&["udf"]) },
    Kind { block: Block::Bytes("-b"), features: true, sector: true, ..kind(&["ufs"]) },
    // One node alone, no questions.
    Kind { always: &["-p", "lock_nolock", "-O"], block: Block::Bytes("-b"), ..kind(&["gfs", "gfs2"]) },
];

/// Any other type: whatever mkfs.TYPE understands of the customary options.
const OTHER: Kind = Kind { block: Block::Bytes("-b"), features: true, ..kind(&[]) };

const fn kind(names: &'static [&'static str]) -> Kind {
    Kind {
        names,
        program: None,
        always: &[],
        block: Block::No("leave it out"),
        label: UNLABELLED,
        features: false,
        inode: false,
        sector: false,
    }
}

/// Types of the ext family, which share tools and limits.
pub fn is_ext(fstype: &[u8]) -> bool {
    matches!(fstype, b"ext2" | b"ext3" | b"ext4")
}

/// Refuse a label that the type cannot hold. `max` in bytes.
pub fn check_label(label: &BStr, max: usize, what: &str) -> Result<()> {
    if label.len() > max {
        return Err(Error::invalid(format!("{label}: {what} labels are limited to {max} bytes")));
    }
    Ok(())
}

/// The command that makes a file system of type `fstype`. `sector_size` is asked for (bytes) only
/// when the type counts its clusters in sectors.
pub fn mkfs(fstype: &BStr, opts: &MkfsOpts, sector_size: impl FnOnce() -> Result<i32>) -> Result<Recipe> {
    let name = fstype.to_str().ok().filter(|s| is_name(s));
    let name = name.ok_or_else(|| Error::invalid(format!("'{fstype}' is not the name of a file system type")))?;
    let kind = KINDS.iter().find(|k| k.names.contains(&name)).unwrap_or(&OTHER);
    let mut recipe =
        Recipe { program: kind.program.map_or_else(|| format!("mkfs.{name}"), Into::into), args: Vec::new() };
    for arg in kind.always {
        recipe.add(arg);
    }
    if kind.program.is_some() {
        recipe.add(name);
    }
    if let Some(size) = opts.blocksize {
        if size <= 0 || size & (size - 1) != 0 {
            return Err(Error::invalid(format!("block size must be a power of two above zero, not {size}")));
        }
        match kind.block {
            Block::Bytes(option) => recipe.pair(option, size.to_string()),
            Block::Xfs => recipe.pair("-b", format!("size={size}")),
            Block::Sectors => recipe.pair("-s", cluster(name, size, sector_size()?)?),
            Block::No(remedy) => {
                return Err(Error::not_supported(format!("blocksize cannot be set on {name} filesystems: {remedy}")))
            }
        }
    }
    if let Some(features) = &opts.features {
        if !kind.features {
            return Err(Error::not_supported(format!("features (-O) cannot be set on {name} filesystems")));
        }
        recipe.pair("-O", features.clone());
    }
    if let Some(size) = opts.inode {
        if !kind.inode {
            return Err(Error::not_supported("inode size (-I) can only be set on ext2/3/4 filesystems"));
        }
        if size < 1 {
            return Err(Error::invalid("inode size must be larger than zero"));
        }
        recipe.pair("-I", size.to_string());
    }
    if let Some(size) = opts.sectorsize {
        if !kind.sector {
            return Err(Error::not_supported("sector size (-S) can only be set on ufs filesystems"));
        }
        if size < 1 {
            return Err(Error::invalid("sector size must be larger than zero"));
        }
        recipe.pair("-S", size.to_string());
    }
    if let Some(text) = &opts.label {
        let Some(option) = kind.label.option else {
            return Err(Error::not_supported(format!("don't know how to set the label for '{name}' filesystems")));
        };
        check_label(text.as_bstr(), kind.label.max, if kind.inode { "ext2/3/4" } else { name })?;
        recipe.pair(option, text.clone());
    }
    Ok(recipe)
}

/// The command that makes a Btrfs file system with parameters of its own.
pub fn mkfs_btrfs(opts: &MkfsBtrfsOpts) -> Result<Recipe> {
    let mut recipe = Recipe { program: "mkfs.btrfs".into(), args: Vec::new() };
    recipe.add("-f");
    match opts.allocstart {
        None | Some(0) => {}
        Some(start) if start < 0 => return Err(Error::invalid(format!("allocstart must not be negative: {start}"))),
        Some(_) => return Err(Error::not_supported("allocstart: present versions of mkfs.btrfs cannot do that")),
    }
    if let Some(count) = opts.bytecount {
        if count <= 0 {
            return Err(Error::invalid(format!("bytecount must be above zero, not {count}")));
        }
        recipe.pair("-b", count.to_string());
    }
    for (option, profile) in [("-d", &opts.datatype), ("-m", &opts.metadata)] {
        if let Some(profile) = profile {
            recipe.pair(option, profile.clone());
        }
    }
    if opts.leafsize.is_some() && opts.nodesize.is_some() && opts.leafsize != opts.nodesize {
        return Err(Error::invalid("a leaf has the size of a node: leafsize and nodesize differ"));
    }
    for (what, option, size) in
        [("nodesize", "-n", opts.nodesize.or(opts.leafsize)), ("sectorsize", "-s", opts.sectorsize)]
    {
        let Some(size) = size else { continue };
        if size <= 0 || size & (size - 1) != 0 {
            return Err(Error::invalid(format!("{what} must be a power of two above zero, not {size}")));
        }
        recipe.pair(option, size.to_string());
    }
    if let Some(label) = &opts.label {
        check_label(label.as_bstr(), BTRFS_LABEL, "btrfs")?;
        recipe.pair("-L", label.clone());
    }
    Ok(recipe)
}

/// Sectors that make one cluster of `size` bytes.
fn cluster(name: &str, size: i32, sector_size: i32) -> Result<String> {
    match size.checked_div(sector_size) {
        Some(n @ 1..=128) => Ok(n.to_string()),
        _ => Err(Error::invalid(format!(
            "unsupported cluster size for {name} filesystem: {size} bytes are not 1 to 128 sectors of {sector_size} bytes"
        ))),
    }
}

/// File system types become part of a program's name, so nothing but letters and the like.
pub(super) fn is_name(s: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+');
    s.len() <= 64 && s.bytes().all(allowed) && s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

impl Recipe {
    fn add(&mut self, arg: &str) {
        self.args.push(arg.into());
    }

    fn pair(&mut self, option: &str, value: impl Into<BString>) {
        self.args.push(option.into());
        self.args.push(OsString::from_vec(value.into().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fstype: &str, opts: &MkfsOpts) -> String {
        match mkfs(fstype.into(), opts, || Ok(512)) {
            Ok(r) => {
                let args: Vec<_> = r.args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
                format!("{} {}", r.program, args.join(" "))
            }
            Err(e) => format!("error {e}"),
        }
    }

    #[test]
    fn command_lines() {
        let none = MkfsOpts::default;
        for (fstype, opts, expected) in [
            ("ext4", none(), "mke2fs -F -t ext4"),
            (
                "ext2",
                MkfsOpts { blocksize: Some(1024), features: Some("^has_journal".into()), inode: Some(512), label: Some("lab".into()), ..none() },
                "mke2fs -F -t ext2 -b 1024 -O ^has_journal -I 512 -L lab",
            ),
            ("xfs", MkfsOpts { blocksize: Some(4096), ..none() }, "mkfs.xfs -f -b size=4096"),
            ("vfat", MkfsOpts { blocksize: Some(4096), label: Some("X".into()), ..none() }, "mkfs.vfat -I --mbr=n -s 8 -n X"),
            ("vfat", MkfsOpts { blocksize: Some(131_072), ..none() }, "error unsupported cluster size for vfat filesystem: 131072 bytes are not 1 to 128 sectors of 512 bytes"),
            ("ntfs", MkfsOpts { blocksize: Some(4096), ..none() }, "mkfs.ntfs -Q -F -c 4096"),
            ("minix", none(), "mkfs.minix "),
            ("ext4", MkfsOpts { blocksize: Some(1000), ..none() }, "error block size must be a power of two above zero, not 1000"),
            ("ext4", MkfsOpts { blocksize: Some(i32::MIN), ..none() }, "error block size must be a power of two above zero, not -2147483648"),
            ("btrfs", MkfsOpts { blocksize: Some(4096), ..none() }, "error blocksize cannot be set on btrfs filesystems: use mkfs_btrfs"),
            ("xfs", MkfsOpts { inode: Some(512), ..none() }, "error inode size (-I) can only be set on ext2/3/4 filesystems"),
            ("ext4", MkfsOpts { inode: Some(0), ..none() }, "error inode size must be larger than zero"),
            ("ext4", MkfsOpts { sectorsize: Some(1024), ..none() }, "error sector size (-S) can only be set on ufs filesystems"),
            ("xfs", MkfsOpts { features: Some("x".into()), ..none() }, "error features (-O) cannot be set on xfs filesystems"),
            ("ext3", MkfsOpts { label: Some("seventeen-bytes-x".into()), ..none() }, "error seventeen-bytes-x: ext2/3/4 labels are limited to 16 bytes"),
            ("gfs2", MkfsOpts { label: Some("x".into()), ..none() }, "error don't know how to set the label for 'gfs2' filesystems"),
            ("../x", none(), "error '../x' is not the name of a file system type"),
            ("-x", none(), "error '-x' is not the name of a file system type"),
            ("", none(), "error '' is not the name of a file system type"),
        ] {
            assert_eq!(line(fstype, &opts), expected, "{fstype}");
        }
    }

    #[test]
    fn btrfs_with_parameters() {
        let none = MkfsBtrfsOpts::default;
        for (opts, expected) in [
            (none(), "-f"),
            (
                MkfsBtrfsOpts {
                    allocstart: Some(0),
                    bytecount: Some(200_000_000),
                    datatype: Some("raid0".into()),
                    leafsize: Some(8192),
                    label: Some("a b".into()),
                    metadata: Some("raid1".into()),
                    sectorsize: Some(4096),
                    ..none()
                },
                "-f -b 200000000 -d raid0 -m raid1 -n 8192 -s 4096 -L a b",
            ),
            (MkfsBtrfsOpts { leafsize: Some(4096), nodesize: Some(8192), ..none() }, "EINVAL"),
            (MkfsBtrfsOpts { nodesize: Some(1000), ..none() }, "EINVAL"),
            (MkfsBtrfsOpts { sectorsize: Some(-4096), ..none() }, "EINVAL"),
            (MkfsBtrfsOpts { bytecount: Some(0), ..none() }, "EINVAL"),
            (MkfsBtrfsOpts { allocstart: Some(-1), ..none() }, "EINVAL"),
            (MkfsBtrfsOpts { allocstart: Some(4096), ..none() }, "ENOTSUP"),
            (MkfsBtrfsOpts { label: Some("x".repeat(255).as_str().into()), ..none() }, "EINVAL"),
        ] {
            let line = match mkfs_btrfs(&opts) {
                Ok(recipe) => recipe.args.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" "),
                Err(e) => e.errno_name().to_owned(),
            };
            assert_eq!(line, expected, "{opts:?}");
        }
    }
}
