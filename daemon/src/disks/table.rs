//! Which kernel disk is which drive of the handle.
//!
//! In: what the library said in its hello (target, LUN and label of each drive), or, without one, the
//! kernel's disks in bus order. Out: names both ways. Kernel names (`sdq`) depend on probe order and
//! never reach the client: of 255 hot-plugged disks they were always wrong (snapshot-lab).

use super::name::{drive_name, parse_drive};
use super::order;
use super::sysfs::{by_address, names, node, scsi_address, sys_block, tune, whole_disk, Address};
use super::Device;
use crate::error::{Errno, Error, Result};
use bstr::{BStr, BString, ByteSlice};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often disks that have each other's names are given new ones. Once does it, unless the kernel is still
/// about to take one by itself.
const RENAMINGS: usize = 5;

/// Between two looks for a disk.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LAST_PAUSE: Duration = Duration::from_millis(4);

/// One drive of the handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// 0 is `/dev/sda`.
    pub index: usize,
    /// Target and LUN that the library gave it.
    pub address: Option<Address>,
    /// `/dev/disk/guestfs/LABEL`.
    pub label: Option<BString>,
    /// Name in `/sys/block`; empty while the kernel has not found the disk.
    pub kernel: BString,
}

impl Disk {
    /// A block device that is nobody's drive: an array.
    pub(crate) fn nameless(kernel: BString) -> Disk {
        Disk { index: usize::MAX, address: None, label: None, kernel }
    }

    /// The whole disk.
    pub fn device(&self) -> Device {
        node(&self.kernel)
    }

    /// Its partitions, by number, as the kernel knows them now.
    pub fn partitions(&self) -> Vec<Device> {
        let dir = sys_block(&self.kernel);
        let mut found: Vec<(u32, Device)> = names(&dir)
            .into_iter()
            .filter_map(|name| {
                let number = std::fs::read_to_string(dir.join(OsStr::from_bytes(&name)).join("partition")).ok()?;
                Some((number.trim().parse().ok()?, node(&name)))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, device)| device).collect()
    }
}

/// Where the table comes from.
#[derive(Debug)]
enum Source {
    /// The library's hello: fixed; kernel names are looked up by address.
    Hello,
    /// The kernel's disks, all but the appliance's own.
    Scan,
    /// Nobody's appliance: names are the machine's own.
    Live,
}

/// All drives.
#[derive(Debug)]
pub struct Disks {
    source: Source,
    root: Option<Root>,
    known: RefCell<Vec<Disk>>,
}

/// The appliance's own disk.
#[derive(Debug, Clone)]
struct Root {
    rdev: u64,
    /// Whole disk in `/sys/block`.
    kernel: BString,
}

impl Disks {
    /// A machine that is not ours: every name means itself.
    pub fn live() -> Disks {
        Disks { source: Source::Live, root: None, known: RefCell::default() }
    }

    /// The kernel's disks but the one that holds `root` (a device number).
    pub fn scan(root: Option<u64>) -> Disks {
        let root = root.and_then(|rdev| Some(Root { rdev, kernel: whole_disk(rdev)? }));
        let disks = Disks { source: Source::Scan, root, known: RefCell::default() };
        disks.refresh();
        disks
    }

    /// Take the library's table, replacing any other, and wait until the kernel has all of them: those
    /// that an earlier table of the library's did not have. After an error the earlier one stays.
    pub fn set_table(&mut self, table: Vec<Disk>, patience: Duration) -> Result<Vec<Disk>> {
        let first = !matches!(self.source, Source::Hello);
        let replaced = self.known.replace(table);
        let before = if first { Vec::new() } else { replaced };
        self.source = Source::Hello;
        if let Err(e) = self.wait_for_all(patience, first) {
            self.known.replace(before);
            return Err(e);
        }
        let is_new = |disk: &&Disk| !before.iter().any(|b| (b.index, b.address) == (disk.index, disk.address));
        let new: Vec<Disk> = self.known.borrow().iter().filter(is_new).cloned().collect();
        tune_all(&new);
        Ok(new)
    }

    /// Forget a drive.
    pub fn forget(&mut self, index: usize) {
        self.known.borrow_mut().retain(|disk| disk.index != index);
    }

    /// `first`: nobody can have used a disk yet.
    fn wait_for_all(&self, patience: Duration, first: bool) -> Result<()> {
        let until = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        let mut wanted: Vec<(usize, Address)> =
            self.known.borrow().iter().filter_map(|d| Some((d.index, d.address?))).collect();
        wanted.sort_unstable();
        let mut renamings = if first { RENAMINGS } else { 0 };
        loop {
            let taken = order::take(&wanted, renamings > 0);
            look_up(&mut self.known.borrow_mut());
            let known = self.known.borrow();
            let missing = || known.iter().filter(|d| d.kernel.is_empty());
            let complete = missing().next().is_none();
            let named = known.iter().all(|d| order::is_name_of(d.kernel.as_bstr(), d.index));
            let late = Instant::now() >= until;
            if complete && (named || renamings == 0 || late) {
                break;
            }
            renamings -= usize::from(complete);
            if late {
                let names: Vec<String> = missing().map(|d| format!("/dev/sd{}", drive_name(d.index))).collect();
                return Err(Error::new(
                    Errno::NODEV,
                    format!("the appliance's kernel did not find {}", names.join(", ")),
                ));
            }
            drop(known);
            // More follow while the kernel looks.
            pause = if taken { FIRST_PAUSE } else { pause * 2 }.min(LAST_PAUSE);
            std::thread::sleep(pause);
        }
        // It follows at once. A disk that cannot be read is there all the same.
        let begun = || self.known.borrow().iter().all(|d| super::scan::begun(&sys_block(&d.kernel)));
        while !begun() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// As [`set_table`](Self::set_table) does with disks, for those found by a scan.
    pub fn tune(&self) {
        tune_all(&self.known.borrow());
    }

    /// All drives that the kernel has, by index.
    pub fn list(&self) -> Vec<Disk> {
        self.refresh();
        self.known.borrow().iter().filter(|d| !d.kernel.is_empty()).cloned().collect()
    }

    /// The kernel's name of the appliance's own disk.
    pub fn own_disk(&self) -> Option<&BStr> {
        self.root.as_ref().map(|root| root.kernel.as_bstr())
    }

    /// Whether this is the appliance's own disk (or the partition that it is on).
    pub fn is_appliance_root(&self, rdev: u64) -> bool {
        self.root
            .as_ref()
            .is_some_and(|root| root.rdev == rdev || whole_disk(rdev).is_some_and(|disk| disk == root.kernel))
    }

    /// The real node of an API name.
    pub fn real_path(&self, name: &BStr) -> Result<PathBuf> {
        if !name.starts_with(b"/dev/") {
            return Err(Error::invalid("expected the name of a device, /dev/…").context(name));
        }
        if name.contains(&0) {
            return Err(Error::invalid("device name contains a NUL byte").context(name));
        }
        if let Some((index, partition)) = parse_drive(name) {
            return self.drive(name, |disk| disk.index == index, partition);
        }
        if let Some(label) = name.strip_prefix(b"/dev/disk/guestfs/") {
            let is = |disk: &Disk, wanted: &[u8]| disk.label.as_ref().is_some_and(|l| *l == wanted);
            // Labels are letters only (guestfs(3), add_drive), so digits at the end are a partition.
            let digits = label.iter().rev().take_while(|c| c.is_ascii_digit()).count();
            let (stem, number) = label.split_at(label.len().saturating_sub(digits));
            return self.drive(name, |disk| is(disk, stem), (!number.is_empty()).then_some(number));
        }
        Ok(to_path(name))
    }

    fn drive(&self, name: &BStr, is: impl Fn(&Disk) -> bool, partition: Option<&[u8]>) -> Result<PathBuf> {
        if matches!(self.source, Source::Live) {
            return Ok(to_path(name));
        }
        let find = || {
            let known = self.known.borrow();
            let disk = known.iter().find(|disk| is(disk) && !disk.kernel.is_empty())?;
            let mut node = disk.kernel.clone();
            if let Some(number) = partition {
                node = with_partition(&node, number);
            }
            Some(Path::new("/dev").join(OsStr::from_bytes(&node)))
        };
        find()
            .or_else(|| {
                self.refresh();
                find()
            })
            .ok_or_else(|| Error::new(Errno::NOENT, "no drive of this name was added").context(name))
    }

    /// The API name of a real node; names that are nobody's drive stay as they are.
    pub fn api_name(&self, real: &BStr) -> BString {
        let Some(base) = real.strip_prefix(b"/dev/") else { return real.to_owned() };
        if base.starts_with(b"dm-") || base.starts_with(b"mapper/") {
            return super::mapper::api_name(real).unwrap_or_else(|| real.to_owned());
        }
        for disk in self.known.borrow().iter().filter(|d| !d.kernel.is_empty()) {
            let Some(rest) = base.strip_prefix(disk.kernel.as_slice()) else { continue };
            let number = match (rest, disk.kernel.last().is_some_and(u8::is_ascii_digit)) {
                (b"", _) => rest,
                (rest, true) => match rest.strip_prefix(b"p") {
                    Some(number) => number,
                    None => continue,
                },
                (rest, false) => rest,
            };
            if number.iter().all(u8::is_ascii_digit) {
                return bstr::concat([b"/dev/sd", drive_name(disk.index).as_bytes(), number]).into();
            }
        }
        real.to_owned()
    }

    /// Look again at what the kernel has.
    fn refresh(&self) {
        let mut known = self.known.borrow_mut();
        match self.source {
            Source::Live => {}
            Source::Hello => {
                if known.iter().any(|d| d.kernel.is_empty() || !sys_block(&d.kernel).exists()) {
                    look_up(&mut known);
                }
            }
            Source::Scan => {
                let root = self.root.as_ref().map(|r| &r.kernel);
                let mut disks: Vec<_> = names(Path::new("/sys/block"))
                    .into_iter()
                    .filter(|name| Some(name) != root)
                    .filter_map(|name| Some((bus_order(&name)?, name)))
                    .collect();
                disks.sort();
                *known = disks
                    .into_iter()
                    .enumerate()
                    .map(|(index, (_, kernel))| Disk { index, address: None, label: None, kernel })
                    .collect();
            }
        }
    }
}

/// What the kernel calls them now.
fn look_up(disks: &mut [Disk]) {
    let found = by_address();
    for disk in disks {
        let kernel = found.iter().find(|(address, _)| Some(*address) == disk.address);
        disk.kernel = kernel.map(|(_, name)| name.clone()).unwrap_or_default();
    }
}

/// Set those up that the kernel has.
fn tune_all(disks: &[Disk]) {
    disks.iter().filter(|d| !d.kernel.is_empty()).for_each(|d| tune(&d.kernel));
}

/// What disks are sorted by; `None` for block devices that are no drives (loop, dm, md, …).
fn bus_order(kernel: &BString) -> Option<(u8, [u32; 4], usize, BString)> {
    let order = |rank, address, index| Some((rank, address, index, kernel.clone()));
    let letters = |rest: &[u8]| super::name::drive_index(rest).unwrap_or(usize::MAX);
    if let Some(rest) = kernel.strip_prefix(b"sd") {
        return order(0, scsi_address(kernel).unwrap_or_default(), letters(rest));
    }
    for (rank, prefix) in [(1, "vd"), (2, "hd"), (3, "xvd"), (4, "ubd")] {
        if let Some(rest) = kernel.strip_prefix(prefix.as_bytes()) {
            return order(rank, [0; 4], letters(rest));
        }
    }
    (kernel.starts_with(b"nvme") || kernel.starts_with(b"mmcblk")).then(|| order(9, [0; 4], kernel.len()))?
}

fn with_partition(disk: &[u8], number: &[u8]) -> BString {
    let p: &[u8] = if disk.last().is_some_and(u8::is_ascii_digit) { b"p" } else { b"" };
    bstr::concat([disk, p, number]).into()
}

fn to_path(name: &BStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Disks {
        let disk = |index, kernel: &str, label: Option<&str>| Disk {
            index,
            address: None,
            label: label.map(BString::from),
            kernel: kernel.into(),
        };
        let known = vec![disk(0, "sdq", None), disk(1, "nvme0n1", Some("data")), disk(26, "sda", Some("more"))];
        Disks { source: Source::Hello, root: None, known: RefCell::new(known) }
    }

    #[test]
    fn names_in() {
        let t = table();
        for (api, real) in [
            ("/dev/sda", "/dev/sdq"),
            ("/dev/vda2", "/dev/sdq2"),
            ("/dev/hdb", "/dev/nvme0n1"),
            ("/dev/sdb3", "/dev/nvme0n1p3"),
            ("/dev/sdaa1", "/dev/sda1"),
            ("/dev/disk/guestfs/data", "/dev/nvme0n1"),
            ("/dev/disk/guestfs/data2", "/dev/nvme0n1p2"),
            ("/dev/disk/guestfs/more", "/dev/sda"),
            ("/dev/VG/LV", "/dev/VG/LV"),
            ("/dev/md0", "/dev/md0"),
            ("/dev/mapper/sda", "/dev/mapper/sda"),
        ] {
            assert_eq!(t.real_path(api.into()).unwrap(), Path::new(real), "{api}");
        }
        for bad in ["sda", "/etc/passwd", "/dev/sdc", "/dev/disk/guestfs/none", ""] {
            assert!(t.real_path(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_out() {
        let t = table();
        for (real, api) in [
            ("/dev/sdq", "/dev/sda"),
            ("/dev/sdq12", "/dev/sda12"),
            ("/dev/nvme0n1p3", "/dev/sdb3"),
            ("/dev/nvme0n13", "/dev/nvme0n13"),
            ("/dev/sda1", "/dev/sdaa1"),
            ("/dev/sdab", "/dev/sdab"),
            ("/dev/mapper/a-b", "/dev/mapper/a-b"),
            ("sdq", "sdq"),
        ] {
            assert_eq!(t.api_name(real.into()), api, "{real}");
        }
    }

    #[test]
    fn an_unknown_table_is_reported_by_api_name() {
        let mut t = Disks::scan(None);
        let disk = Disk { index: 3, address: Some((77, 9)), label: None, kernel: BString::default() };
        let e = t.set_table(vec![disk], Duration::ZERO).unwrap_err();
        assert!(e.message().contains_str("/dev/sdd"), "{e}");
    }

    #[test]
    fn a_table_that_does_not_come_true_changes_nothing() {
        let mut t = table();
        let disk = Disk { index: 1, address: Some((77, 9)), label: None, kernel: BString::default() };
        assert!(t.set_table(vec![disk], Duration::ZERO).is_err());
        assert_eq!(t.known.borrow().len(), 3);
        t.forget(1);
        assert_eq!(t.known.borrow().iter().map(|d| d.index).collect::<Vec<_>>(), [0, 26]);
    }
}
