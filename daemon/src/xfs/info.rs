//! The geometry of XFS file systems.
//!
//! In: a device, mounted or not, a directory of a mounted file system, or an image in a file. Out: what
//! xfs_info(8) prints, taken apart.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Xfsinfo;
use rustix::fs::{FileType, Mode, OFlags};

use crate::ctx::Ctx;
use crate::device::DeviceOrPath;
use crate::error::{Context, Error, Result};
use crate::mountinfo;
use crate::path::{our_fd, GuestPath};
use crate::run::Tool;

/// Keys and values, in the order of the text.
type Values = Vec<(BString, BString)>;

/// All there is, as text.
pub fn xfs_info2(ctx: &mut Ctx, pathordevice: &DeviceOrPath) -> Result<Values> {
    let name = pathordevice.api_name(ctx);
    let mut values = parse(&text(ctx, pathordevice).with_context(|| name.clone())?);
    if values.is_empty() {
        return Err(Error::msg("no geometry was printed").context(name));
    }
    for (key, value) in &mut values {
        if key == "meta-data" {
            // The program saw our name of the device or file.
            let is_file = value.starts_with(b"/proc/");
            *value = if is_file { name.clone() } else { ctx.api_device_name(value.as_bstr()) };
        }
    }
    Ok(values)
}

/// The fields that once were all.
pub fn xfs_info(ctx: &mut Ctx, pathordevice: &DeviceOrPath) -> Result<Xfsinfo> {
    Ok(fields(&xfs_info2(ctx, pathordevice)?))
}

/// What xfs_info(8) prints. It asks the kernel about what is mounted, which may not be on the disk yet.
fn text(ctx: &Ctx, pathordevice: &DeviceOrPath) -> Result<Vec<u8>> {
    let mounted = |target: PathBuf| Tool::new("xfs_spaceman").args(["-p", "xfs_info", "-c", "info"]).arg(target);
    let unmounted = || Tool::new("xfs_db").args(["-r", "-p", "xfs_info", "-c", "info"]);
    let output = match pathordevice {
        DeviceOrPath::Device(device) => {
            let number = rustix::fs::stat(device.path())?.st_rdev;
            match targets_of(number)?.pop() {
                Some(target) => mounted(target).run(ctx)?,
                None => unmounted().arg(device).run(ctx)?,
            }
        }
        DeviceOrPath::Path(path) => {
            let kind = FileType::from_raw_mode(path.stat(ctx)?.st_mode);
            if kind == FileType::Directory {
                mounted(mount_point(&path.open_dir(ctx)?, path)?).run(ctx)?
            } else if kind == FileType::RegularFile {
                let file = path.open(ctx, OFlags::RDONLY, Mode::empty())?;
                unmounted().arg("-f").arg(our_fd(&file)).run(ctx)?
            } else {
                return Err(Error::invalid("neither a directory nor a regular file"));
            }
        }
    };
    Ok(output.stdout)
}

/// Where the file system that a directory is on was mounted last.
pub(super) fn mount_point(dir: &OwnedFd, path: &GuestPath) -> Result<PathBuf> {
    /// linux/magic.h.
    const XFS_SUPER_MAGIC: u32 = 0x5846_5342;
    if u32::try_from(rustix::fs::fstatfs(dir).context(path)?.f_type) != Ok(XFS_SUPER_MAGIC) {
        return Err(Error::invalid("not on an XFS file system").context(path));
    }
    let number = rustix::fs::fstat(dir).context(path)?.st_dev;
    let target = targets_of(number)?.pop();
    target.ok_or_else(|| Error::invalid("not on a mounted file system").context(path))
}

/// Whether the file system that a directory is on is mounted at the directory itself.
pub(super) fn is_mount_point(dir: &OwnedFd, target: &Path) -> Result<bool> {
    Ok(targets_of(rustix::fs::fstat(dir)?.st_dev)?.iter().any(|place| place == target))
}

/// The places where the file system of a device number is mounted, the last one last.
fn targets_of(number: u64) -> Result<Vec<PathBuf>> {
    let number = format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number));
    let text = std::fs::read("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    let mounts = text.lines().filter_map(mountinfo::parse).filter(|mount| mount.number == number.as_str());
    Ok(mounts.map(|mount| OsStr::from_bytes(&mount.target).into()).collect())
}

/// Lines `SECTION =TEXT NAME=VALUE, NAME=VALUE UNIT`; a section without a name goes on with the one before it.
fn parse(text: &[u8]) -> Values {
    let mut values = Values::new();
    let mut section = BString::default();
    for line in text.lines() {
        let Some((head, rest)) = line.split_once_str("=") else { continue };
        let head = head.trim();
        if !head.is_empty() {
            section = head.into();
            // The word right behind the sign has no name, whatever signs are in it.
            if let Some(first) = rest.fields_with(|c| c.is_ascii_whitespace()).next().filter(|_| starts_text(rest)) {
                values.push((section.clone(), first.into()));
            }
        }
        let skip = usize::from(!head.is_empty() && starts_text(rest));
        for word in rest.fields().skip(skip) {
            let word = word.strip_suffix(b",").unwrap_or(word);
            match (word.split_once_str("="), values.last_mut()) {
                (Some((name, value)), _) => {
                    values.push((bstr::concat([&section[..], b".", name]).into(), value.into()));
                }
                // More of a text, or the unit of a number.
                (None, Some((_, value))) => {
                    value.push(b' ');
                    value.extend_from_slice(word);
                }
                (None, None) => {}
            }
        }
    }
    values
}

fn starts_text(rest: &[u8]) -> bool {
    rest.first().is_some_and(|b| !b.is_ascii_whitespace())
}

/// The old structure: what is missing is -1 or empty.
fn fields(values: &Values) -> Xfsinfo {
    let text = |key: &str| values.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_bstr()).unwrap_or_default();
    let long = |key: &str| number(text(key)).unwrap_or(u64::MAX);
    let int = |key: &str| number(text(key)).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX);
    let version = text("naming").strip_prefix(b"version ").unwrap_or_default().as_bstr();
    Xfsinfo {
        xfs_mntpoint: text("meta-data").into(),
        xfs_inodesize: int("meta-data.isize"),
        xfs_agcount: int("meta-data.agcount"),
        xfs_agsize: int("meta-data.agsize"),
        xfs_sectsize: int("meta-data.sectsz"),
        xfs_attr: int("meta-data.attr"),
        xfs_blocksize: int("data.bsize"),
        xfs_datablocks: long("data.blocks"),
        xfs_imaxpct: int("data.imaxpct"),
        xfs_sunit: int("data.sunit"),
        xfs_swidth: int("data.swidth"),
        xfs_dirversion: number(version).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX),
        xfs_dirblocksize: int("naming.bsize"),
        xfs_cimode: int("naming.ascii-ci"),
        xfs_logname: text("log").into(),
        xfs_logblocksize: int("log.bsize"),
        xfs_logblocks: int("log.blocks"),
        xfs_logversion: int("log.version"),
        xfs_logsectsize: int("log.sectsz"),
        xfs_logsunit: int("log.sunit"),
        xfs_lazycount: int("log.lazy-count"),
        xfs_rtname: text("realtime").into(),
        xfs_rtextsize: int("realtime.extsz"),
        xfs_rtblocks: long("realtime.blocks"),
        xfs_rtextents: long("realtime.rtextents"),
    }
}

/// The number at the start of a value.
fn number(value: &BStr) -> Option<u64> {
    value.fields().next()?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
meta-data=/dev/mapper/a=b        isize=512    agcount=4, agsize=25600 blks
         =                       sectsz=512   attr=2, projid32bit=1
data     =                       bsize=4096   blocks=102400, imaxpct=25
         =                       sunit=0      swidth=0 blks
naming   =version 2              bsize=4096   ascii-ci=0, ftype=1
log      =internal log           bsize=4096   blocks=16384, version=2
         =                       sectsz=512   sunit=0 blks, lazy-count=1
realtime =none                   extsz=4096   blocks=0, rtextents=0
";

    #[test]
    fn geometry() {
        let values = parse(TEXT);
        let get = |key: &str| values.iter().find(|(k, _)| k == key).map(|(_, v)| v.to_string());
        for (key, value) in [
            ("meta-data", "/dev/mapper/a=b"),
            ("meta-data.isize", "512"),
            ("meta-data.agsize", "25600 blks"),
            ("meta-data.projid32bit", "1"),
            ("data.blocks", "102400"),
            ("naming", "version 2"),
            ("naming.ftype", "1"),
            ("log", "internal log"),
            ("log.sunit", "0 blks"),
            ("log.lazy-count", "1"),
            ("realtime", "none"),
            ("realtime.rtextents", "0"),
        ] {
            assert_eq!(get(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(get("data"), None);
        let old = fields(&values);
        assert_eq!((old.xfs_agsize, old.xfs_dirversion, old.xfs_datablocks), (25600, 2, 102_400));
        assert_eq!(old.xfs_logname, "internal log");
        let none = fields(&Values::new());
        assert_eq!((none.xfs_attr, none.xfs_rtblocks, none.xfs_rtname), (u32::MAX, u64::MAX, "".into()));
    }

    proptest::proptest! {
        /// Whatever is on a disk: an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            fields(&parse(&output));
        }
    }
}
