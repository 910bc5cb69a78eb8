//! Making an array.
//!
//! In: a name, members and options. Out: the array that mdadm(8) made, or an error that says what of it cannot be.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::MdCreateOpts;

use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::disks::{link_local_names, remove_stale_names, Device};
use crate::error::{Context, Errno, Error, Result};
use crate::run::Tool;

/// Where mdadm makes links by the names of arrays.
const LINKS: &str = "/dev/md/";
/// Bytes that the metadata has for a name.
const NAME_MAX: usize = 32;

/// What mdadm takes as a level and makes an array of disks of.
const LEVELS: [&str; 15] = [
    "linear", "raid0", "0", "stripe", "raid1", "1", "mirror", "raid4", "4", "raid5", "5", "raid6", "6", "raid10", "10",
];

/// Make an array and start it.
pub fn md_create(ctx: &mut Ctx, name: &BStr, devices: &[Device], opts: &MdCreateOpts) -> Result<()> {
    let node = node(name)?;
    let args = options(devices.len(), opts)?;
    let members = members(devices, opts.missingbitmap.unwrap_or(0));
    let mut seen = Vec::new();
    for device in devices {
        require_unused(ctx, device)?;
        let rdev = rustix::fs::stat(device.path()).with_context(|| device.api_name(ctx))?.st_rdev;
        if seen.contains(&rdev) {
            return Err(Error::invalid("is given twice").context(device.api_name(ctx)));
        }
        seen.push(rdev);
    }
    remove_stale_names();
    if Path::new(OsStr::from_bytes(&node)).exists() {
        return Err(Error::new(Errno::EXIST, "there is an array of this name").context(name));
    }
    // --run: do not ask about what was on the devices. Without a version mdadm lectures about boot loaders.
    let tool = Tool::new("mdadm").args(["--create", "--run", "--metadata=1.2"]).args(args).arg_bytes(node);
    let output = members.into_iter().fold(tool, Tool::arg_bytes).run_status(ctx).context(name)?;
    if output.status != 0 {
        remove_stale_names();
        return Err(Error::msg(complaint(&output.stderr)).context(name));
    }
    // Under the name that the guest has for it, as after the next launch.
    link_local_names(Path::new(LINKS));
    Ok(())
}

/// The node or link that mdadm is to make for a name: it would take one that begins with a dash for an option.
fn node(name: &BStr) -> Result<BString> {
    let wrong = |why: &str| Err(Error::invalid(format!("'{name}' cannot be the name of an array: {why}")));
    let number = name.strip_prefix(b"/dev/md").unwrap_or_default();
    if (1..=3).contains(&number.len()) && number.iter().all(u8::is_ascii_digit) {
        return Ok(name.to_owned());
    }
    let plain = name.strip_prefix(LINKS.as_bytes()).unwrap_or(name).as_bstr();
    match plain.as_bytes() {
        b"" => wrong("it is empty"),
        b"." | b".." => wrong("it is that of a directory"),
        p if p.contains(&b'/') => wrong("it has a slash"),
        p if p.iter().any(|b| b.is_ascii_control() || *b == b' ') => wrong("it has blank space"),
        p if p.len() > NAME_MAX => wrong(&format!("it has more than {NAME_MAX} bytes")),
        p => Ok(bstr::concat([LINKS.as_bytes(), p]).into()),
    }
}

/// Options of mdadm for an array of this number of devices.
fn options(devices: usize, opts: &MdCreateOpts) -> Result<Vec<String>> {
    let level = opts.level.as_ref().map_or(BStr::new("raid1"), |level| level.as_bstr());
    let Some(level) = LEVELS.iter().find(|known| level == **known) else {
        return Err(Error::invalid(format!("'{level}' is no level of an array: see mdadm(8)")));
    };
    let missing = opts.missingbitmap.unwrap_or(0).count_ones();
    let total = i64::try_from(devices).unwrap_or(i64::MAX).saturating_add(missing.into());
    let spare = i64::from(opts.spare.unwrap_or(0));
    if spare < 0 {
        return Err(Error::invalid(format!("spare must not be negative: {spare}")));
    }
    let active = opts.nrdevices.map_or(total, i64::from);
    if active < 2 {
        return Err(Error::invalid(format!(
            "an array has at least two active devices, and this one would have {active}"
        )));
    }
    if total != active + spare {
        return Err(Error::invalid(format!(
            "{devices} devices and {missing} missing ones are not the {active} active (nrdevices) and {spare} spare \
             ones that the array is to have"
        )));
    }
    let mut args = vec![format!("--level={level}"), format!("--raid-devices={active}")];
    if spare > 0 {
        args.push(format!("--spare-devices={spare}"));
    }
    match opts.chunk {
        None => {}
        Some(chunk @ 1..) if chunk % 1024 == 0 => args.push(format!("--chunk={}", chunk / 1024)),
        Some(chunk) => {
            return Err(Error::invalid(format!(
                "chunk must be a multiple of 1024 bytes above zero, which {chunk} is not"
            )))
        }
    }
    Ok(args)
}

/// The devices and mdadm's word for one that is missing, each in its place. Missing ones beyond the last device
/// follow it.
fn members(devices: &[Device], missing: i64) -> Vec<BString> {
    let mut devices = devices.iter().map(|device| device.as_bstr().to_owned());
    let places =
        (0..i64::BITS).filter_map(|bit| if missing >> bit & 1 == 1 { Some("missing".into()) } else { devices.next() });
    let mut all: Vec<BString> = places.collect();
    all.extend(devices);
    all
}

/// What mdadm says was wrong, without what it saw on the devices: that is to be lost.
fn complaint(stderr: &[u8]) -> Vec<u8> {
    let of_use = |line: &&[u8]| line.starts_with(b"mdadm: ") && !line.contains_str(" appears to ");
    let lines: Vec<&[u8]> = stderr.lines().filter(of_use).collect();
    match lines.is_empty() {
        true => stderr.trim().to_vec(),
        false => bstr::join("\n", lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "x".repeat(33);
        for (name, wanted) in [
            ("r1", Some("/dev/md/r1")),
            ("-x", Some("/dev/md/-x")),
            ("/dev/md/r1", Some("/dev/md/r1")),
            ("/dev/md7", Some("/dev/md7")),
            ("md7", Some("/dev/md/md7")),
            ("/dev/md7777", None),
            ("/dev/sda", None),
            ("", None),
            ("..", None),
            ("/dev/md/../x", None),
            ("a b", None),
            ("a\nb", None),
            (&long, None),
        ] {
            assert_eq!(node(name.into()).ok(), wanted.map(Into::into), "{name}");
        }
    }

    #[test]
    fn command_lines() {
        let none = MdCreateOpts::default;
        for (devices, opts, expected) in [
            (2, none(), "--level=raid1 --raid-devices=2"),
            (1, MdCreateOpts { missingbitmap: Some(1), ..none() }, "--level=raid1 --raid-devices=2"),
            (
                4,
                MdCreateOpts {
                    level: Some("5".into()),
                    nrdevices: Some(3),
                    spare: Some(1),
                    chunk: Some(65536),
                    ..none()
                },
                "--level=5 --raid-devices=3 --spare-devices=1 --chunk=64",
            ),
            (2, MdCreateOpts { level: Some("raid7".into()), ..none() }, "error 'raid7' is no level"),
            (1, none(), "error an array has at least two"),
            (0, none(), "error an array has at least two"),
            (2, MdCreateOpts { nrdevices: Some(i32::MIN), ..none() }, "error an array has at least two"),
            (3, MdCreateOpts { spare: Some(1), ..none() }, "error 3 devices and 0 missing ones are not the 3 active"),
            (
                2,
                MdCreateOpts { missingbitmap: Some(i64::MIN), nrdevices: Some(2), ..none() },
                "error 2 devices and 1 missing",
            ),
            (2, MdCreateOpts { spare: Some(-1), ..none() }, "error spare must not be negative"),
            (2, MdCreateOpts { chunk: Some(1000), ..none() }, "error chunk must be a multiple"),
            (2, MdCreateOpts { chunk: Some(0), ..none() }, "error chunk must be a multiple"),
        ] {
            let line = options(devices, &opts).map_or_else(|e| format!("error {e}"), |args| args.join(" "));
            assert!(line.starts_with(expected), "{line}");
        }
    }

    #[test]
    fn places() {
        let devices = ["/a", "/b"].map(Device::from_real);
        for (bitmap, expected) in [
            (0, "/a /b"),
            (1, "missing /a /b"),
            (2, "/a missing /b"),
            (4, "/a /b missing"),
            (0x100, "/a /b missing"),
            (i64::MIN, "/a /b missing"),
            (-1, &["missing"; 64].join(" ")),
        ] {
            let all = bstr::join(" ", members(&devices, bitmap));
            assert!(all.as_bstr().starts_with(expected.as_bytes()), "{bitmap}: {}", all.as_bstr());
        }
    }

    #[test]
    fn complaints() {
        let text =
            b"mdadm: /dev/sda appears to contain an ext2fs file system\n       size=200000K\nmdadm: invalid chunk\n";
        assert_eq!(complaint(text).as_bstr(), "mdadm: invalid chunk");
        assert_eq!(complaint(b"other\n").as_bstr(), "other");
        assert_eq!(complaint(b"").as_bstr(), "");
    }
}
