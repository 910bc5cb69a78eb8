//! Names of device-mapper devices: `/dev/dm-0` and `/dev/mapper/VG-LV` are `/dev/VG/LV` to the API,
//! anything else of device-mapper is `/dev/mapper/NAME`.
//!
//! In: a real node. Out: its name. The kernel's sysfs is asked, not LVM: it is a hundred times faster.

use super::Device;
use bstr::{BStr, BString, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where nodes of device-mapper are.
const PREFIX: &[u8] = b"/dev/mapper/";
/// What LVM's identifiers of device-mapper begin with.
const LVM: &[u8] = b"LVM-";

/// The API's name of a node of device-mapper; `None` when it is not one.
pub(super) fn api_name(real: &BStr) -> Option<BString> {
    let rdev = rdev(Path::new(OsStr::from_bytes(real)))?;
    let (major, minor) = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
    let attribute = |what: &str| std::fs::read(format!("/sys/dev/block/{major}:{minor}/dm/{what}")).ok();
    let name = attribute("name")?;
    let name = name.trim_end();
    if attribute("uuid").unwrap_or_default().starts_with(LVM) {
        // An LV that is internal to another (`_tmeta`, snapshots' `-real`) has no such node.
        if let Some(volume) = volume(name).filter(|v| self::rdev(Path::new(OsStr::from_bytes(v))) == Some(rdev)) {
            return Some(volume);
        }
    }
    Some(bstr::concat([PREFIX, name]).into())
}

/// Whether a real node is a logical volume that is for use.
pub fn is_volume(real: &BStr) -> bool {
    api_name(real).is_some_and(|name| !name.starts_with(PREFIX))
}

/// All of device-mapper but what LVM made, by name.
pub fn others() -> Vec<Device> {
    let mut found: Vec<Device> = all().filter(|(uuid, _)| !uuid.starts_with(LVM)).map(|(_, device)| device).collect();
    found.sort();
    found
}

/// Volumes on dynamic disks of Windows, by name.
pub fn ldm_volumes() -> Vec<Device> {
    ldm(b"ldm_vol_")
}

/// Parts of those volumes that have several copies of their data, by name.
pub fn ldm_parts() -> Vec<Device> {
    ldm(b"ldm_part_")
}

/// The volume on dynamic disks that has this GUID: identifiers end in it.
pub fn ldm_volume(guid: &[u8]) -> Option<Device> {
    let has_it = |uuid: &BString| uuid.starts_with(b"LDM-") && uuid.trim_end().ends_with(guid) && !guid.is_empty();
    let volumes = ldm_volumes();
    all().find(|(uuid, device)| has_it(uuid) && volumes.contains(device)).map(|(_, device)| device)
}

/// What ldmtool made under names that begin like this. Older versions of it give no identifiers.
fn ldm(head: &[u8]) -> Vec<Device> {
    let is_one = |uuid: &BString, device: &Device| {
        let name = device.as_bstr().strip_prefix(PREFIX).unwrap_or_default();
        name.starts_with(head) && (uuid.starts_with(b"LDM-") || uuid.trim().is_empty())
    };
    let mut found: Vec<Device> =
        all().filter(|(uuid, device)| is_one(uuid, device)).map(|(_, device)| device).collect();
    found.sort();
    found
}

/// The open device whose encrypted one has this UUID, in any notation.
pub fn opened(uuid: &[u8]) -> Option<Device> {
    let wanted: BString = uuid.iter().filter(|b| **b != b'-').map(u8::to_ascii_lowercase).collect::<Vec<u8>>().into();
    // cryptsetup writes `CRYPT-LUKS2-UUID-NAME`, the UUID without dashes.
    let is_of = |id: &BString| id.split_str("-").nth(2).is_some_and(|uuid| uuid == wanted) && id.starts_with(b"CRYPT-");
    (!wanted.is_empty()).then(|| all().find(|(id, _)| is_of(id))).flatten().map(|(_, device)| device)
}

/// The one with this identifier of device-mapper. That of an open encrypted device ends in the name it is
/// open under, which need not be the same everywhere.
pub fn mapped(id: &[u8]) -> Option<Device> {
    let encrypted = || id.starts_with(b"CRYPT-").then(|| id.split_str("-").nth(2).and_then(opened)).flatten();
    all().find(|(known, _)| known.trim_end() == id).map(|(_, device)| device).or_else(encrypted)
}

/// Identifiers and nodes of all of device-mapper.
fn all() -> impl Iterator<Item = (BString, Device)> {
    super::sysfs::names(Path::new("/sys/block")).into_iter().filter_map(|kernel| {
        let dm = super::sysfs::sys_block(&kernel).join("dm");
        let name = std::fs::read(dm.join("name")).ok()?;
        let uuid = std::fs::read(dm.join("uuid")).unwrap_or_default();
        let node = bstr::concat([PREFIX, name.trim_end()]);
        Some((uuid.into(), Device::from_real(OsStr::from_bytes(&node))))
    })
}

/// `/dev/VG/LV` for LVM's device-mapper name: the parts are joined by `-`, their own dashes doubled.
fn volume(name: &[u8]) -> Option<BString> {
    let mut at = 0;
    let split = loop {
        let dash = at + name.get(at..)?.find_byte(b'-')?;
        if name.get(dash + 1) == Some(&b'-') {
            at = dash + 2;
        } else {
            break dash;
        }
    };
    let (vg, lv) = (name.get(..split)?, name.get(split + 1..)?);
    if vg.is_empty() || lv.is_empty() {
        return None;
    }
    Some(bstr::concat([&b"/dev/"[..], &vg.replace("--", "-"), b"/", &lv.replace("--", "-")]).into())
}

fn rdev(path: &Path) -> Option<u64> {
    rustix::fs::stat(path).ok().map(|s| s.st_rdev)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes() {
        for (dm, volume_) in [
            ("VG-LV", Some("/dev/VG/LV")),
            ("my--vg-lv--1", Some("/dev/my-vg/lv-1")),
            ("a--b--c-d", Some("/dev/a-b-c/d")),
            ("plain", None),
            ("a--b", None),
            ("-x", None),
            ("x-", None),
            ("x--", None),
        ] {
            assert_eq!(volume(dm.as_bytes()), volume_.map(BString::from), "{dm}");
        }
    }
}
