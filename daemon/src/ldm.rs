//! Dynamic disks of Windows (Logical Disk Manager), by ldmtool(1).
//!
//! In: GUIDs of disk groups and names of volumes. Out: what the disks' databases say, and devices of device-mapper
//! for volumes. The databases are a hostile disk's: what ldmtool prints of them is taken apart with care.

use bstr::{BStr, BString, ByteSlice};
use serde_json::Value;

use crate::ctx::Ctx;
use crate::device::{ldm_parts, ldm_volumes, Device};
use crate::error::{Context, Errno, Error, Result};
use crate::names::Guid;
use crate::run::{Output, Tool};

/// Devices of volumes.
pub fn list_ldm_volumes(_ctx: &mut Ctx) -> Result<Vec<Device>> {
    Ok(ldm_volumes())
}

/// Devices of the parts of mirrored and RAID 5 volumes.
pub fn list_ldm_partitions(_ctx: &mut Ctx) -> Result<Vec<Device>> {
    Ok(ldm_parts())
}

/// Make devices for all volumes.
pub fn ldmtool_create_all(ctx: &mut Ctx) -> Result<()> {
    create_all(ctx)
}

/// The same, for the start of disks. Volumes that lack a disk are left out, as ldmtool does.
pub(crate) fn create_all(ctx: &Ctx) -> Result<()> {
    let output = ldmtool(["create", "all"]).run_status(ctx)?;
    if output.status == 0 {
        return Ok(());
    }
    Err(complaint(&output))
}

/// Remove the devices of all volumes.
pub fn ldmtool_remove_all(ctx: &mut Ctx) -> Result<()> {
    let output = ldmtool(["remove", "all"]).run_status(ctx)?;
    if output.status != 0 {
        return Err(complaint(&output));
    }
    // It succeeds also when a device is in use, and says so only to people.
    match ldm_volumes().first() {
        None => Ok(()),
        Some(left) if output.stderr.contains_str("still mounted") => {
            Err(Error::new(Errno::BUSY, "is in use: unmount it first").context(left.api_name(ctx)))
        }
        Some(left) => Err(complaint(&output).context(left.api_name(ctx))),
    }
}

/// GUIDs of the disk groups on all disks.
pub fn ldmtool_scan(ctx: &mut Ctx) -> Result<Vec<BString>> {
    let output = ldmtool(["scan"]).run_status(ctx)?;
    strings(&json(&output)?)
}

/// GUIDs of the disk groups on some devices.
pub fn ldmtool_scan_devices(ctx: &mut Ctx, devices: &[Device]) -> Result<Vec<BString>> {
    if devices.is_empty() {
        return ldmtool_scan(ctx);
    }
    // ldmtool expands the names as a shell does, and a disk may have given one to a device.
    if let Some(odd) = devices.iter().find(|device| !device.as_bstr().iter().all(|b| is_plain(*b))) {
        let text = "has a name that ldmtool cannot be told: it has other characters than letters, digits and /_.+:-";
        return Err(Error::invalid(text).context(odd.api_name(ctx)));
    }
    // Without -d all others would be searched as well.
    let mut tool = Tool::new("ldmtool");
    for device in devices {
        tool = tool.arg("-d").arg(device);
    }
    let output = tool.arg("scan").args(devices).run_status(ctx)?;
    strings(&json(&output)?)
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"/_.+:-".contains(&b)
}

/// Name of a disk group.
pub fn ldmtool_diskgroup_name(ctx: &mut Ctx, diskgroup: &BStr) -> Result<BString> {
    let group = group(ctx, diskgroup)?;
    text(&group, "name").ok_or_else(|| odd("a disk group without a name"))
}

/// Names of the volumes of a disk group.
pub fn ldmtool_diskgroup_volumes(ctx: &mut Ctx, diskgroup: &BStr) -> Result<Vec<BString>> {
    strings(member(&group(ctx, diskgroup)?, "volumes")?)
}

/// Names of the disks of a disk group, which are no devices.
pub fn ldmtool_diskgroup_disks(ctx: &mut Ctx, diskgroup: &BStr) -> Result<Vec<Device>> {
    named(member(&group(ctx, diskgroup)?, "disks")?)
}

/// Type of a volume.
pub fn ldmtool_volume_type(ctx: &mut Ctx, diskgroup: &BStr, volume: &BStr) -> Result<BString> {
    let volume = self::volume(ctx, diskgroup, volume)?;
    text(&volume, "type").ok_or_else(|| odd("a volume without a type"))
}

/// How Windows would mount a volume; empty where nothing is stored.
pub fn ldmtool_volume_hint(ctx: &mut Ctx, diskgroup: &BStr, volume: &BStr) -> Result<BString> {
    let volume = self::volume(ctx, diskgroup, volume)?;
    Ok(text(&volume, "hint").unwrap_or_default())
}

/// Names of the partitions of a volume, which are no devices.
pub fn ldmtool_volume_partitions(ctx: &mut Ctx, diskgroup: &BStr, volume: &BStr) -> Result<Vec<Device>> {
    named(member(&self::volume(ctx, diskgroup, volume)?, "partitions")?)
}

fn ldmtool<const N: usize>(words: [&str; N]) -> Tool {
    Tool::new("ldmtool").args(words)
}

/// What ldmtool shows of a disk group.
fn group(ctx: &Ctx, diskgroup: &BStr) -> Result<Value> {
    let guid = guid(diskgroup)?;
    let output = ldmtool(["show", "diskgroup"]).arg_bytes(&guid).run_status(ctx)?;
    json(&output).context(diskgroup)
}

/// What ldmtool shows of a volume.
fn volume(ctx: &Ctx, diskgroup: &BStr, volume: &BStr) -> Result<Value> {
    let guid = guid(diskgroup)?;
    let none = || Error::new(Errno::NOENT, format!("the disk group has no volume '{volume}'")).context(diskgroup);
    if volume.starts_with(b"-") || volume.is_empty() {
        return Err(none());
    }
    let tool = ldmtool(["show", "volume"]).arg_bytes(&guid).arg_bytes(volume);
    let output = tool.run_status(ctx)?;
    // One that it does not find is shown by nothing at all.
    if output.stdout.trim().is_empty() && output.stderr.trim().is_empty() {
        return Err(none());
    }
    json(&output).context(diskgroup)
}

/// A GUID as ldmtool writes it.
fn guid(diskgroup: &BStr) -> Result<BString> {
    let guid = Guid::parse(diskgroup)
        .map_err(|_| Error::invalid("not the GUID of a disk group (ldmtool_scan has them)").context(diskgroup))?;
    Ok(guid.as_bstr().to_ascii_lowercase().into())
}

/// The result of an action, or what ldmtool complains of.
fn json(output: &Output) -> Result<Value> {
    if output.status != 0 || output.stdout.trim().is_empty() {
        return Err(complaint(output));
    }
    // Names on disk need not be UTF-8.
    let text = output.stdout.to_str_lossy();
    serde_json::from_str(&text).map_err(|e| odd(&format!("no JSON ({e})")))
}

fn odd(what: &str) -> Error {
    Error::msg(format!("ldmtool printed {what}"))
}

/// Its complaints are lines `** (ldmtool:PID): WARNING **: TIME: text`.
fn complaint(output: &Output) -> Error {
    let said: Vec<&[u8]> = output.stderr.lines().map(warning).filter(|line| !line.is_empty()).collect();
    let text = bstr::join("; ", said);
    if text.contains_str("No such disk group") {
        return Error::new(Errno::NOENT, "no such disk group (ldmtool_scan has those that there are)");
    }
    match text.as_slice() {
        b"" => Error::msg(format!("ldmtool failed with exit status {} and said nothing", output.status)),
        text => Error::msg(text).context("ldmtool"),
    }
}

fn warning(line: &[u8]) -> &[u8] {
    let Some((_, text)) = line.split_once_str(" **: ") else { return line.trim() };
    let timed = text.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.')).count();
    match text.get(timed..) {
        Some(rest) if timed > 0 => rest.trim(),
        _ => text.trim(),
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Result<&'v Value> {
    value.get(name).ok_or_else(|| odd(&format!("an answer without '{name}'")))
}

fn text(value: &Value, name: &str) -> Option<BString> {
    value.get(name)?.as_str().map(BString::from)
}

/// A list of strings.
fn strings(value: &Value) -> Result<Vec<BString>> {
    let all = value.as_array().and_then(|all| all.iter().map(|s| s.as_str().map(BString::from)).collect());
    all.ok_or_else(|| odd("something else than a list of names"))
}

/// Names that the API calls devices, though there is no such node.
fn named(value: &Value) -> Result<Vec<Device>> {
    Ok(strings(value)?.iter().map(|name| Device::absent(name.as_bstr())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stdout: &str, stderr: &str) -> Output {
        Output { stdout: stdout.into(), stderr: stderr.into(), status }
    }

    #[test]
    fn answers() {
        let found = json(&output(0, "[\n  \"06495a84-fbfd-11e1-8cf9-52540061f5db\"\n]\n", "")).unwrap();
        assert_eq!(strings(&found).unwrap(), ["06495a84-fbfd-11e1-8cf9-52540061f5db"]);
        let volume = json(&output(0, r#"{ "type" : "simple", "partitions" : [ "Disk1-01" ] }"#, "")).unwrap();
        assert_eq!(text(&volume, "type").unwrap(), "simple");
        assert_eq!(text(&volume, "hint"), None);
        assert_eq!(named(member(&volume, "partitions").unwrap()).unwrap(), [Device::absent("Disk1-01".into())]);
        assert!(member(&volume, "disks").is_err() && strings(&volume).is_err());
        assert!(json(&output(0, "[", "")).is_err());
    }

    #[test]
    fn complaints() {
        let said = "\n** (ldmtool:77): WARNING **: 11:22:33.456: No such disk group: x\n";
        assert_eq!(json(&output(1, "", said)).unwrap_err().errno(), Some(Errno::NOENT));
        let said = "** (ldmtool:77): WARNING **: Error scanning /dev/sda: odd\nand more\n";
        let e = json(&output(1, "", said)).unwrap_err();
        assert_eq!(e.to_string(), "ldmtool: Error scanning /dev/sda: odd; and more");
        assert!(json(&output(1, "", "")).unwrap_err().to_string().contains("said nothing"));
    }

    #[test]
    fn guids() {
        let wanted = "06495a84-fbfd-11e1-8cf9-52540061f5db";
        for text in [wanted.to_owned(), wanted.to_uppercase(), format!("{{{wanted}}}")] {
            assert_eq!(guid(text.as_str().into()).unwrap(), wanted);
        }
        assert_eq!(guid("--help".into()).unwrap_err().errno(), Some(Errno::INVAL));
    }

    proptest::proptest! {
        /// Names come from hostile disks: whatever they are, an answer comes.
        #[test]
        fn any_output(stdout: Vec<u8>, stderr: Vec<u8>, status in 0..2) {
            let _ = json(&Output { stdout, stderr, status }).map(|v| (strings(&v).is_ok(), text(&v, "x")));
        }
    }
}
