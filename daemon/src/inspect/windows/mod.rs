//! Windows.
//!
//! In: a mounted file system, and all devices. Out: what its files and its Registry tell, when it is the one that
//! Windows starts from. Hives are read in a process of their own: what is damaged in one of them leaves the
//! rest.

mod apps;
mod drives;
mod hive;
mod software;
mod system;
mod systemroot;

pub use apps::internal_list_windows_applications;

use super::{elf, guest, system as known, Os};
use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Error, Result};
use crate::filesystems::Candidate;
use crate::hivex::characters;
use crate::path::GuestPath;
use bstr::{BStr, BString};
use hive::Hive;

/// What only Windows has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows {
    systemroot: BString,
    software_hive: Option<BString>,
    system_hive: Option<BString>,
    control_set: Option<BString>,
    /// Letters without a colon, and what they are.
    drives: Vec<(BString, Device)>,
    /// Client or server.
    pub(super) variant: Option<BString>,
    /// Whether group policies were applied.
    group_policy: Option<bool>,
}

/// The system on what is mounted, when it is Windows.
pub fn root(ctx: &mut Ctx, candidates: &[Candidate]) -> Option<Os> {
    let systemroot = systemroot::find(ctx)?;
    let in_system = |ctx: &mut Ctx, name: &str| {
        let path = systemroot::on_disk(ctx, systemroot.join(name.into()).as_bstr())?;
        path.stat(ctx).is_ok_and(|st| systemroot::is_file(&st)).then_some(path)
    };
    let program = in_system(ctx, "system32/cmd.exe");
    let software_hive = in_system(ctx, "system32/config/software");
    let system_hive = in_system(ctx, "system32/config/system");
    let mut os = Os {
        kind: Some("windows"),
        distro: Some("windows"),
        arch: program.and_then(|path| elf::architecture(&guest::head(ctx, &path)?)),
        ..Os::default()
    };
    let mut windows = Windows { systemroot: systemroot.as_bstr().to_owned(), ..Windows::default() };
    if let Some(path) = software_hive {
        windows.software_hive = Some(path.as_bstr().to_owned());
        from_hive(ctx, &path, |hive| software::read(hive, &mut os, &mut windows));
    }
    if let Some(path) = system_hive {
        windows.system_hive = Some(path.as_bstr().to_owned());
        from_hive(ctx, &path, |hive| system::read(hive, &mut os, &mut windows, candidates));
    }
    os.windows = Some(windows);
    Some(os)
}

/// Take from a hive what can be had.
fn from_hive(ctx: &Ctx, path: &GuestPath, take: impl FnOnce(&mut Hive) -> Result<()>) {
    match Hive::open(ctx, path).and_then(|mut hive| take(&mut hive)) {
        Err(e) if ctx.verbose() => eprintln!("guestfsd: inspection: not all of a hive can be read: {e}"),
        _ => {}
    }
}

/// What is known of a root that must be Windows.
fn windows<'c>(ctx: &'c Ctx, root: &Mountable) -> Result<&'c Windows> {
    let windows = known(ctx, root)?.windows.as_ref();
    windows.ok_or_else(|| Error::invalid("is no Windows").context(root.api_name(ctx)))
}

fn or_not_found(ctx: &Ctx, root: &Mountable, found: Option<BString>, what: &str) -> Result<BString> {
    found.ok_or_else(|| {
        Error::invalid(format!("inspection did not find the {what} of this Windows")).context(root.api_name(ctx))
    })
}

/// The directory of the system.
pub fn inspect_get_windows_systemroot(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    windows(ctx, root).map(|w| w.systemroot.clone())
}

/// The file with the settings of programs.
pub fn inspect_get_windows_software_hive(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    let found = windows(ctx, root)?.software_hive.clone();
    or_not_found(ctx, root, found, "software hive")
}

/// The file with the settings of the machine.
pub fn inspect_get_windows_system_hive(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    let found = windows(ctx, root)?.system_hive.clone();
    or_not_found(ctx, root, found, "system hive")
}

/// The key with the settings that count.
pub fn inspect_get_windows_current_control_set(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    let found = windows(ctx, root)?.control_set.clone();
    or_not_found(ctx, root, found, "current control set")
}

/// Whether group policies were applied.
pub fn inspect_get_windows_group_policy(ctx: &mut Ctx, root: &Mountable) -> Result<bool> {
    let found = windows(ctx, root)?.group_policy;
    found.ok_or_else(|| Error::invalid("its software hive could not be read").context(root.api_name(ctx)))
}

/// Which device has which letter.
pub fn inspect_get_drive_mappings(ctx: &mut Ctx, root: &Mountable) -> Result<Vec<(BString, Device)>> {
    Ok(known(ctx, root)?.windows.as_ref().map(|w| w.drives.clone()).unwrap_or_default())
}

/// A text of UTF-16LE, which Windows ends with a zero character or not; what is no text in it is replaced.
fn text(data: &[u8]) -> BString {
    characters(data).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
}

/// A name that Windows uses for a key or value, whatever its case.
fn is_named(name: &BStr, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn texts() {
        let le = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(text(&le("Größe\0more")), "Größe");
        assert_eq!(text(b"\x00\xd8a\0b"), "\u{fffd}a");
        assert_eq!(text(b""), "");
    }

    /// Hives cannot be read in unit tests: what the files tell is told all the same.
    #[test]
    fn files_alone() {
        let mut g = Guest::new();
        assert_eq!(root(&mut g.ctx, &[]), None);
        let mut program = vec![0; 0x100];
        program[..2].copy_from_slice(b"MZ");
        program[0x3c] = 0x80;
        program[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
        g.write("/WinNT/System32/CMD.EXE", program);
        g.write("/WinNT/System32/Config/Software", "no hive");
        let os = root(&mut g.ctx, &[]).unwrap();
        assert_eq!((os.kind, os.arch, os.product), (Some("windows"), Some("x86_64"), None));
        let windows = os.windows.unwrap();
        assert_eq!(windows.systemroot, "/WinNT");
        assert_eq!(windows.software_hive.unwrap(), "/WinNT/System32/Config/Software");
        assert_eq!((windows.system_hive, windows.group_policy), (None, None));
    }
}
