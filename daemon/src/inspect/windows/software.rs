//! What the software hive tells: the release, its build and kind, whether group policies were applied.
//!
//! In: the hive. Out: fields of the system. `HKEY_LOCAL_MACHINE\SOFTWARE` is the hive's root.

use super::hive::Hive;
use super::Windows;
use crate::error::Result;
use crate::inspect::{release, Os};
use crate::names::Guid;
use bstr::ByteSlice;

const CURRENT_VERSION: [&str; 3] = ["Microsoft", "Windows NT", "CurrentVersion"];
const POLICIES: [&str; 5] = ["Microsoft", "Windows", "CurrentVersion", "Group Policy", "History"];

/// See the module's description.
pub fn read(hive: &mut Hive, os: &mut Os, windows: &mut Windows) -> Result<()> {
    if let Some(key) = hive.key(&CURRENT_VERSION)? {
        os.product = hive.text(key, "ProductName")?;
        let new = (hive.number(key, "CurrentMajorVersionNumber")?, hive.number(key, "CurrentMinorVersionNumber")?);
        let old = hive.text(key, "CurrentVersion")?;
        os.version = version(new, old.as_ref().map(|text| text.as_slice()));
        windows.variant = hive.text(key, "InstallationType")?;
        os.build = match hive.text(key, "CurrentBuildNumber")? {
            None => hive.text(key, "CurrentBuild")?,
            build => build,
        };
    }
    let applied = match hive.key(&POLICIES)? {
        Some(key) => {
            let mut applied = false;
            for policy in hive.keys(key)? {
                applied |= hive.name(policy)?.is_some_and(|name| Guid::parse(name.as_bstr()).is_ok());
            }
            applied
        }
        None => false,
    };
    windows.group_policy = Some(applied);
    Ok(())
}

/// Since Windows 10 the version has two numbers of its own, and the text stays at 6.3.
fn version(new: (Option<u32>, Option<u32>), old: Option<&[u8]>) -> release::Version {
    let number = |n: u32| i32::try_from(n).ok();
    match new {
        (Some(major), Some(minor)) => number(major).zip(number(minor)),
        _ => None,
    }
    .or_else(|| old.and_then(release::version))
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version((Some(10), Some(0)), Some(b"6.3")), (10, 0));
        assert_eq!(version((None, None), Some(b"6.1")), (6, 1));
        assert_eq!(version((Some(10), None), Some(b"5.2")), (5, 2));
        assert_eq!(version((Some(u32::MAX), Some(0)), None), (0, 0));
        assert_eq!(version((None, None), Some(b"x")), (0, 0));
    }
}
