//! What the system hive tells: which settings count, the machine's name, the letters of its drives.
//!
//! In: the hive, and all devices. Out: fields of the system. `HKEY_LOCAL_MACHINE\SYSTEM` is the hive's root.

use super::hive::Hive;
use super::{drives, Windows};
use crate::error::Result;
use crate::filesystems::Candidate;
use crate::inspect::Os;

/// See the module's description.
pub fn read(hive: &mut Hive, os: &mut Os, windows: &mut Windows, candidates: &[Candidate]) -> Result<()> {
    if let Some(key) = hive.key(&["Select"])? {
        let current = hive.number(key, "Current")?.filter(|n| (1..1000).contains(n));
        windows.control_set = current.map(|n| format!("ControlSet{n:03}").into());
    }
    if let Some(key) = hive.key(&["MountedDevices"])? {
        let mut found = Vec::new();
        for (name, data) in hive.values(key)? {
            if let (Some(letter), Some(device)) = (drives::letter(&name), drives::device(&data, candidates)) {
                found.push((letter, device));
            }
        }
        found.sort();
        found.dedup_by(|(a, _), (b, _)| a == b);
        windows.drives = found;
    }
    let Some(set) = windows.control_set.as_ref().and_then(|set| std::str::from_utf8(set).ok()).map(str::to_owned)
    else {
        return Ok(());
    };
    if let Some(key) = hive.key(&[&set, "Services", "Tcpip", "Parameters"])? {
        os.hostname = match hive.text(key, "Hostname")? {
            None => hive.text(key, "NV Hostname")?,
            name => name,
        };
    }
    Ok(())
}
