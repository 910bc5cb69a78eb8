//! Linux software RAID arrays that run, md(4), and their names.
//!
//! In: `/sys/block`, and the links to arrays that mdadm(8) made. Out: arrays by number; for those whose
//! names are no other machine's, links without the machine; no names of arrays that are gone.

use super::sysfs::{arrays, names, sys_block};
use super::Disk;
use bstr::{BString, ByteSlice};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a stopped array may take to disappear.
const GONE: Duration = Duration::from_secs(2);

/// Machines that an array's superblock names when an appliance made it: libguestfs's own host name, and the
/// kernel's where none was set.
const APPLIANCES: [&str; 2] = ["guestfs", "(none)"];

/// Arrays that run, by number: nobody's drives.
pub fn running_arrays() -> Vec<Disk> {
    let state = |name: &BString| std::fs::read(sys_block(name).join("md/array_state"));
    let mut names: Vec<BString> = arrays().into_iter().filter(|name| is_there(state(name))).collect();
    names.sort_by_key(natural);
    names.into_iter().map(Disk::nameless).collect()
}

/// The kernel keeps the name of an array that was stopped for a while: first without members (`clear`), then,
/// while it takes the name away, without a state that could be read.
fn is_there(state: std::io::Result<Vec<u8>>) -> bool {
    state.is_ok_and(|state| state.trim() != b"clear")
}

/// Wait for arrays that were stopped to be gone: the kernel takes them away a moment later. Until then the number
/// is taken, and the same array would get another one when it is put together again.
pub fn wait_until_gone(names: &[BString]) {
    let until = Instant::now() + GONE;
    while names.iter().any(|name| sys_block(name).exists()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Remove names of arrays that are gone or did not come to life: mdadm leaves them, and later takes no name
/// that exists.
pub fn remove_stale_names() {
    tidy(Path::new("/dev"), &arrays());
}

fn tidy(dev: &Path, arrays: &BTreeSet<BString>) {
    let is_array = |name: &BString| {
        let number = name.strip_prefix(b"md").unwrap_or_default();
        !number.is_empty() && number.iter().all(u8::is_ascii_digit)
    };
    for name in names(dev).iter().filter(|name| is_array(name) && !arrays.contains(*name)) {
        let _ = std::fs::remove_file(dev.join(OsStr::from_bytes(name)));
    }
    let links = dev.join("md");
    for link in names(&links).iter().map(|name| links.join(OsStr::from_bytes(name))).filter(|link| !link.exists()) {
        let _ = std::fs::remove_file(link);
    }
}

/// `md2` before `md127`, and names (`md_data`) as they are.
fn natural(name: &BString) -> (BString, u64, BString) {
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (stem, number) = name.split_at(name.len().saturating_sub(digits));
    let number = number.to_str().ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    (stem.into(), number, name.clone())
}

/// In mdadm's directory of links, have beside `guestfs:NAME`, which is an array that an appliance made, `NAME`, as its guest's fstab may
/// have it: the guest that it was made for knows nothing of appliances. A name that is there stays what it is.
pub fn link_local_names(links: &Path) {
    let mut found = names(links);
    found.sort();
    for name in found {
        let local = APPLIANCES.iter().find_map(|host| name.strip_prefix(host.as_bytes())?.strip_prefix(b":"));
        let Some(local) = local.filter(|local| !local.is_empty()) else { continue };
        if let Ok(target) = std::fs::read_link(links.join(OsStr::from_bytes(&name))) {
            let _ = symlink(target, links.join(OsStr::from_bytes(local)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopped_arrays_are_not_there() {
        assert!(is_there(Ok(b"inactive\n".to_vec())));
        assert!(is_there(Ok(b"read-auto\n".to_vec())));
        assert!(!is_there(Ok(b"clear\n".to_vec())));
        assert!(!is_there(Err(std::io::ErrorKind::ResourceBusy.into())));
    }

    #[test]
    fn names_of_nothing_are_removed() {
        let dev = tempfile::tempdir().unwrap();
        for name in ["md126", "md127", "mdadm", "md", "sda"] {
            match name {
                "md" => std::fs::create_dir(dev.path().join(name)).unwrap(),
                _ => std::fs::write(dev.path().join(name), "").unwrap(),
            }
        }
        for (link, target) in [("host:0", "../md126"), ("host:1", "../md127")] {
            symlink(target, dev.path().join("md").join(link)).unwrap();
        }
        tidy(dev.path(), &["md127".into()].into());
        let list = |dir: &Path| names(dir).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        assert_eq!(list(dev.path()), ["md", "md127", "mdadm", "sda"]);
        assert_eq!(list(&dev.path().join("md")), ["host:1"]);
    }

    #[test]
    fn order() {
        let mut names: Vec<BString> =
            ["md127", "md_b", "md3", "md_a", "md12", "md99999999999999999999999"].map(Into::into).into();
        names.sort_by_key(natural);
        assert_eq!(names, ["md99999999999999999999999", "md3", "md12", "md127", "md_a", "md_b"]);
    }

    #[test]
    fn arrays_of_appliances_have_their_guests_names() {
        let dir = tempfile::tempdir().unwrap();
        for (name, target) in [
            ("guestfs:data", "../md127"),
            ("(none):root", "../md126"),
            ("(none):data", "../md125"),
            ("other:boot", "../md124"),
            ("guestfs:", "../md123"),
            ("taken", "../md122"),
            ("guestfs:taken", "../md121"),
        ] {
            symlink(target, dir.path().join(name)).unwrap();
        }
        link_local_names(dir.path());
        // The second time nothing is new.
        link_local_names(dir.path());
        let target = |name: &str| std::fs::read_link(dir.path().join(name)).ok();
        for (name, wanted) in [
            ("data", Some("../md125")),
            ("root", Some("../md126")),
            ("taken", Some("../md122")),
            ("boot", None),
            ("guestfs:data", Some("../md127")),
        ] {
            assert_eq!(target(name).as_deref(), wanted.map(Path::new), "{name}");
        }
        link_local_names(&dir.path().join("missing"));
    }
}
