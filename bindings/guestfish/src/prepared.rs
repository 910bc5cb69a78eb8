//! Prepared disks: `-N [FILE=]TYPE[:PARAM…]`.
//!
//! In: the argument. Out: a [`Prepared`] that makes the file before the launch and partitions and formats it
//! afterwards. guestfish(1), "PREPARED DISK IMAGES".

use crate::error::{Error, Result};
use crate::number;
use bstr::{BString, ByteSlice};
use guestfs::protocol::opts::{AddDriveOpts, DiskCreateOpts, MkfsOpts};
use guestfs::Handle;

/// One type of disk.
#[derive(Debug)]
pub struct Type {
    pub name: &'static str,
    pub summary: &'static str,
    /// Name, default, meaning of each parameter, in order.
    pub params: &'static [(&'static str, &'static str, &'static str)],
}

const SIZE: (&str, &str, &str) = ("size", "1G", "the size of the disk image");
const PARTITION: (&str, &str, &str) = ("partition", "mbr", "partition table type");
const FILESYSTEM: (&str, &str, &str) = ("filesystem", "ext2", "the type of filesystem to use");
const NAME: (&str, &str, &str) = ("name", "/dev/VG/LV", "the name of the volume group and volume");
const BOOTFS: (&str, &str, &str) = ("bootfs", "ext2", "the type of filesystem to use for boot");
const ROOTFS: (&str, &str, &str) = ("rootfs", "ext2", "the type of filesystem to use for root");
const BOOTSIZE: (&str, &str, &str) = ("bootsize", "128M", "the size of the boot filesystem");

/// All types.
pub static TYPES: &[Type] = &[
    Type { name: "disk", summary: "create a blank disk", params: &[SIZE] },
    Type { name: "part", summary: "create a disk with one partition", params: &[SIZE, PARTITION] },
    Type {
        name: "fs",
        summary: "create a disk with a filesystem in one partition",
        params: &[FILESYSTEM, SIZE, PARTITION],
    },
    Type { name: "lv", summary: "create a disk with a logical volume", params: &[NAME, SIZE, PARTITION] },
    Type {
        name: "lvfs",
        summary: "create a disk with a filesystem in a logical volume",
        params: &[NAME, FILESYSTEM, SIZE, PARTITION],
    },
    Type {
        name: "bootroot",
        summary: "create a disk with a boot and a root filesystem",
        params: &[BOOTFS, ROOTFS, SIZE, BOOTSIZE, PARTITION],
    },
    Type {
        name: "bootrootlv",
        summary: "create a disk with a boot filesystem and a root filesystem in a logical volume",
        params: &[NAME, BOOTFS, ROOTFS, SIZE, BOOTSIZE, PARTITION],
    },
];

/// First sector of the first partition, and what is left free at the end, in sectors of 512 bytes: 1 MiB each,
/// on which every disk is aligned and into which a second GPT fits.
const EDGE: i64 = 2048;

const SECTOR: i64 = 512;
const MIB: i64 = 1024 * 1024;

/// Size of an LVM extent when nothing else is asked for, in MiB.
const EXTENT: i64 = 4;

/// A disk to be made.
#[derive(Debug)]
pub struct Prepared {
    kind: &'static Type,
    file: BString,
    values: Vec<BString>,
}

impl Prepared {
    /// Parse the argument; `number` counts the `-N` options from 1 and names the file.
    pub fn parse(text: &BString, number: usize) -> Result<Self> {
        let (file, kind) = match text.split_once_str("=") {
            Some((file, kind)) => (BString::from(file), kind),
            None => (format!("test{number}.img").into(), text.as_bytes()),
        };
        let mut parts = kind.split_str(":");
        let name = parts.next().unwrap_or_default();
        let kind = TYPES.iter().find(|t| t.name.as_bytes() == name).ok_or_else(|| {
            Error::new(format!("-N {text}: no such prepared disk image known"))
                .note("help: 'guestfish -N help' lists them")
        })?;
        let values: Vec<BString> = parts.map(BString::from).collect();
        if values.len() > kind.params.len() {
            return Err(Error::new(format!("-N {text}: {} takes at most {} parameters", kind.name, kind.params.len())));
        }
        Ok(Prepared { kind, file, values })
    }

    /// Value of a parameter, or its default.
    fn value(&self, name: &str) -> BString {
        let at = self.kind.params.iter().position(|p| p.0 == name);
        let given = at.and_then(|i| self.values.get(i)).filter(|v| !v.is_empty());
        let default = at.and_then(|i| self.kind.params.get(i)).map_or("", |p| p.1);
        given.cloned().unwrap_or_else(|| default.into())
    }

    fn bytes(&self, name: &str) -> Result<i64> {
        let value = self.value(name);
        number::size(&value).map_err(|e| Error::new(format!("-N {}: {name} '{value}' {}", self.kind.name, e.text())))
    }

    /// Make the file and add it. An existing file is overwritten.
    pub fn create(&self, handle: &Handle) -> Result<()> {
        let made = handle.disk_create(&self.file, "raw", self.bytes("size")?, DiskCreateOpts::default());
        let added = made.and_then(|()| handle.add_drive(&self.file, AddDriveOpts::default().format("raw")));
        added.map_err(|e| self.failed(e.into()))
    }

    /// Fill the disk, which is `device` in the running appliance.
    pub fn fill(&self, handle: &Handle, device: &BString) -> Result<()> {
        self.try_fill(handle, device).map_err(|e| self.failed(e))
    }

    fn failed(&self, e: Error) -> Error {
        e.context(format!("-N {}: {}", self.kind.name, self.file))
    }

    fn try_fill(&self, handle: &Handle, device: &BString) -> Result<()> {
        let (first, second) = (format!("{device}1"), format!("{device}2"));
        let table = self.value("partition");
        match self.kind.name {
            "disk" => return Ok(()),
            "bootroot" | "bootrootlv" => {
                handle.part_init(device, &table)?;
                let boot = EDGE + self.bytes("bootsize")? / SECTOR;
                handle.part_add(device, "p", EDGE, boot - 1)?;
                handle.part_add(device, "p", boot, -EDGE)?;
            }
            _ => handle.part_disk(device, &table)?,
        }
        let format = |param: &str, device: &str| handle.mkfs(self.value(param), device, MkfsOpts::default());
        match self.kind.name {
            "fs" => format("filesystem", &first)?,
            "lv" | "lvfs" => {
                let volume = self.volume(handle, device, &first, 1)?;
                if self.kind.name == "lvfs" {
                    format("filesystem", &volume)?;
                }
            }
            "bootroot" => {
                format("bootfs", &first)?;
                format("rootfs", &second)?;
            }
            "bootrootlv" => {
                format("bootfs", &first)?;
                format("rootfs", &self.volume(handle, device, &second, 2)?)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Make one volume that fills a partition.
    fn volume(&self, handle: &Handle, device: &BString, partition: &str, number: i32) -> Result<String> {
        let name = self.value("name").to_string();
        let (group, volume) = name
            .strip_prefix("/dev/")
            .and_then(|n| n.split_once('/'))
            .filter(|(group, volume)| !group.is_empty() && !volume.is_empty() && !volume.contains('/'))
            .ok_or_else(|| Error::new(format!("'{name}' is not of the form /dev/VG/LV")))?;
        let parts = handle.part_list(device)?;
        let part = parts.iter().find(|p| p.part_num == number);
        let bytes = part.map(|p| p.part_size).ok_or_else(|| Error::new(format!("{partition}: no such partition")))?;
        // The first MiB is LVM's own; what is left counts in whole extents.
        let mebibytes = (bytes / MIB - 1) / EXTENT * EXTENT;
        let mebibytes = i32::try_from(mebibytes).map_err(|_| Error::new("the disk is too large for one volume"))?;
        if mebibytes < 1 {
            return Err(Error::new("the disk is too small for a volume"));
        }
        handle.pvcreate(partition)?;
        handle.vgcreate(group, &[partition])?;
        handle.lvcreate(volume, group, mebibytes)?;
        Ok(name.clone())
    }
}

/// What `-N help` prints.
pub fn help() -> String {
    let mut out = "Prepared disk images:\n\n".to_owned();
    for t in TYPES {
        let params: Vec<String> = t.params.iter().map(|p| format!(":<{}>", p.0)).collect();
        out += &format!("guestfish -N {:8} - {}\n\n", t.name, t.summary);
        out += &format!("  Parameters, all optional:\n    -N {}{}\n", t.name, params.concat());
        for (name, default, meaning) in t.params {
            out += &format!("      <{name}> {meaning} (default: {default})\n");
        }
        out.push('\n');
    }
    out + "The image is made as \"test1.img\" in the current directory, \"test2.img\" for the second -N and so on,\n\
           over what is there. For another name write it before the type:\n\n  guestfish -N blank.img=fs\n\n\
           The manual guestfish(1) says more.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let p = Prepared::parse(&"fs:ext4:2G".into(), 3).unwrap();
        assert_eq!((p.kind.name, p.file.to_string()), ("fs", "test3.img".into()));
        assert_eq!(p.value("filesystem"), "ext4");
        assert_eq!(p.bytes("size").unwrap(), 2 << 30);
        assert_eq!(p.value("partition"), "mbr");
        let p = Prepared::parse(&"x.img=lv::100M".into(), 1).unwrap();
        assert_eq!(p.file, "x.img");
        assert_eq!(p.value("name"), "/dev/VG/LV");
        assert_eq!(p.bytes("size").unwrap(), 100 << 20);
        for bad in ["foo", "x=y=disk", "disk:1:2", ""] {
            assert!(Prepared::parse(&bad.into(), 1).is_err(), "{bad}");
        }
        assert!(Prepared::parse(&"disk:1Q".into(), 1).unwrap().bytes("size").is_err());
    }
}
