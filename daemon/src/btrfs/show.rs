//! What `btrfs subvolume show` prints.
//!
//! In: a subvolume. Out: its keys and values, which are the program's own by the API's definition.

use bstr::{BString, ByteSlice};

use super::place::Place;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::path::GuestPath;

/// What is known of a subvolume.
pub fn btrfs_subvolume_show(ctx: &mut Ctx, subvolume: &GuestPath) -> Result<Vec<(BString, BString)>> {
    let output = Place::subvolume(ctx, subvolume)?.btrfs(ctx, &["subvolume", "show"])?;
    Ok(parse(&output.stdout))
}

/// The key of the list of snapshots, which stand in lines of their own.
const SNAPSHOTS: &str = "Snapshot(s)";

/// First the path, then lines of a tab, a key, a colon and a value (`-` for none). Snapshots have more tabs
/// in front and no key. A name may hold newlines: what is like none of these goes on with the value before it.
fn parse(output: &[u8]) -> Vec<(BString, BString)> {
    let mut found: Vec<(BString, BString)> = vec![("path".into(), BString::default())];
    for (at, line) in output.lines().enumerate() {
        let snapshots = found.last().filter(|(key, _)| key == SNAPSHOTS).map(|(_, paths)| paths.len());
        if let (Some(path), Some(before)) = (line.strip_prefix(b"\t\t"), snapshots) {
            let path = path.trim_start_with(|c| c == '\t');
            add(&mut found, if before == 0 { "" } else { "," }, path);
        } else if let Some((key, value)) = line.strip_prefix(b"\t").and_then(|l| l.split_once_str(":")) {
            let value = value.trim_start_with(|c| matches!(c, '\t' | ' '));
            let value = if value == b"-" { b"" } else { value };
            found.push((key.trim().into(), value.into()));
        } else {
            add(&mut found, if at == 0 { "" } else { "\n" }, line);
        }
    }
    // Without quotas there is nothing to say of them.
    found.retain(|(key, value)| key != "Quota group" || value != "n/a");
    found
}

/// Lengthen the last value.
fn add(found: &mut [(BString, BString)], separator: &str, more: &[u8]) {
    if let Some((_, value)) = found.last_mut() {
        value.extend_from_slice(separator.as_bytes());
        value.extend_from_slice(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> String {
        parse(text.as_bytes()).iter().map(|(key, value)| format!("[{key}={value}]")).collect()
    }

    #[test]
    fn a_subvolume() {
        let text = "dir/one\n\tName: \t\t\tone\n\tParent UUID: \t\t-\n\tCreation time: \t\t2026-11-30 13:05:14 +0000\n\
            \tSnapshot(s):\n\t\t\t\tsnap\n\t\t\t\tdir/a:b\n\tQuota group:\t\t0/259\n\t  Limit exclusive:\t-\n";
        let wanted = "[path=dir/one][Name=one][Parent UUID=][Creation time=2026-11-30 13:05:14 +0000]\
            [Snapshot(s)=snap,dir/a:b][Quota group=0/259][Limit exclusive=]";
        assert_eq!(pairs(text), wanted);
        assert_eq!(pairs("/\n\tFlags: \t\t\treadonly\n\tQuota group:\t\tn/a\n"), "[path=/][Flags=readonly]");
    }

    #[test]
    fn odd_names() {
        assert_eq!(pairs("a\nb\n\tName: \t\t\ta\nb\n\tFlags: \t\t\t-\n"), "[path=a\nb][Name=a\nb][Flags=]");
        assert_eq!(pairs(""), "[path=]");
    }

    proptest::proptest! {
        /// Whatever is on a disk: an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            parse(&output);
        }
    }
}
