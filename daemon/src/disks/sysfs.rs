//! Disks below `/sys`.
//!
//! In: names and numbers of the kernel's. Out: what it says of them, and its settings of a disk.

use super::Device;
use bstr::{BString, ByteSlice};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Place of a disk on a SCSI host.
pub type Address = (u32, u32);

/// Kernel names of the arrays that there are.
pub fn arrays() -> BTreeSet<BString> {
    names(Path::new("/sys/block")).into_iter().filter(|name| sys_block(name).join("md").is_dir()).collect()
}

/// Set a kernel's disk up for what is done with it here. Only wishes: not all disks have both.
pub fn tune(kernel: &[u8]) {
    let dir = sys_block(kernel);
    // Seconds. On a busy host the usual 30 pass easily, and a disk that only waits would be taken
    // for broken.
    let _ = std::fs::write(dir.join("device/timeout"), b"300");
    // KiB. Whole files and devices are read; under TCG each request is dear, and reading takes 40 %
    // less processor time than with the usual 128.
    let _ = std::fs::write(dir.join("queue/read_ahead_kb"), b"1024");
}

/// Kernel disks of the virtio-scsi hosts (of any SCSI host, when there is none) by target and LUN.
pub fn by_address() -> Vec<(Address, BString)> {
    let disks: Vec<_> = names(Path::new("/sys/block"))
        .into_iter()
        .filter_map(|name| {
            let [host, _, target, lun] = scsi_address(&name)?;
            Some((host, (target, lun), name))
        })
        .collect();
    of_virtio(Path::new("/sys"), disks)
}

/// What is on virtio-scsi hosts; all, when there is none.
pub fn of_virtio(sys: &Path, all: Vec<(u32, Address, BString)>) -> Vec<(Address, BString)> {
    let mut hosts: BTreeSet<u32> = all.iter().map(|(host, ..)| *host).collect();
    let name = |host: &u32| sys.join(format!("class/scsi_host/host{host}/proc_name"));
    let virtio = |host: &u32| std::fs::read(name(host)).is_ok_and(|n| n.trim() == b"virtio_scsi");
    if hosts.iter().any(virtio) {
        hosts.retain(virtio);
    }
    all.into_iter().filter(|(host, ..)| hosts.contains(host)).map(|(_, at, name)| (at, name)).collect()
}

/// Host, channel, target and LUN of a SCSI disk.
pub fn scsi_address(kernel: &[u8]) -> Option<[u32; 4]> {
    let link = std::fs::read_link(sys_block(kernel).join("device")).ok()?;
    scsi_numbers(link.file_name()?.to_str()?)
}

/// Host, channel, target and LUN of a device's name on the SCSI bus.
pub fn scsi_numbers(name: &str) -> Option<[u32; 4]> {
    let mut numbers = name.split(':').map(|n| n.parse().ok());
    let address = [numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(address)
}

/// Name in `/sys/block` of the whole disk behind a device number.
pub fn whole_disk(rdev: u64) -> Option<BString> {
    let (major, minor) = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
    let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    let mut parts = link.components().rev().map(|c| c.as_os_str());
    let name = parts.next()?;
    let parent = parts.next()?;
    // A partition's directory lies in its disk's; a disk's lies in one called `block`.
    let disk = if parent == OsStr::new("block") { name } else { parent };
    Some(disk.as_bytes().into())
}

/// Kernel names of all block devices that have a size, partitions and mapped ones among them.
pub fn block_devices() -> Option<Vec<BString>> {
    let all = Path::new("/sys/class/block");
    let has_size = |name: &BString| {
        let size = std::fs::read(all.join(OsStr::from_bytes(name)).join("size"));
        size.map_or(true, |size| size.trim() != b"0")
    };
    let mut found = names(all);
    found.retain(has_size);
    all.is_dir().then_some(found)
}

/// The node of a disk or partition that the kernel calls so.
pub fn node(kernel: &[u8]) -> Device {
    // The kernel writes a slash in a name as `!` in sysfs (cciss!c0d0).
    Device::from_real(Path::new("/dev").join(OsStr::from_bytes(&kernel.replace("!", "/"))))
}

/// Where the kernel describes a disk by this name.
pub fn sys_block(kernel: &[u8]) -> PathBuf {
    Path::new("/sys/block").join(OsStr::from_bytes(kernel))
}

/// Names in a directory; none where it cannot be read.
pub fn names(dir: &Path) -> Vec<BString> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| BString::from(e.file_name().as_bytes())).collect()
}
