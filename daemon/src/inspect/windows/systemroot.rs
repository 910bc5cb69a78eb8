//! Where on a file system Windows is installed.
//!
//! In: the mounted file system. Out: the directory that Windows calls `%systemroot%`, with its name as it is on disk.

use crate::ctx::Ctx;
use crate::files::case_sensitive_path;
use crate::inspect::guest;
use crate::path::GuestPath;
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, Stat};

/// Names that its installer has given it, and that of ReactOS.
const USUAL: [&str; 5] = ["/windows", "/winnt", "/win32", "/win", "/reactos"];

/// So many systems in one boot.ini are looked for: its menu has no room for more than ten.
const SYSTEMS_MAX: usize = 16;

/// See the module's description.
pub fn find(ctx: &mut Ctx) -> Option<GuestPath> {
    let usual = USUAL.iter().find_map(|name| systemroot(ctx, (*name).into()));
    usual.or_else(|| {
        let boot_ini = on_disk(ctx, "/boot.ini".into())?;
        let text = guest::text(ctx, boot_ini.as_bstr().to_str().ok()?)?;
        directories(&text).iter().find_map(|name| systemroot(ctx, name.as_bstr()))
    })
}

/// The directory of this name, in any case, when it has the system in it.
fn systemroot(ctx: &mut Ctx, name: &BStr) -> Option<GuestPath> {
    let dir = on_disk(ctx, name)?;
    for (inside, wanted) in
        [("system32", is_dir as fn(&Stat) -> bool), ("system32/config", is_dir), ("system32/cmd.exe", is_file)]
    {
        let path = on_disk(ctx, dir.join(inside.into()).as_bstr())?;
        if !path.stat(ctx).is_ok_and(|st| wanted(&st)) {
            return None;
        }
    }
    Some(dir)
}

/// What is there under a name in any case.
pub fn on_disk(ctx: &mut Ctx, name: &BStr) -> Option<GuestPath> {
    let path = GuestPath::parse(ctx, name).ok()?;
    let found = case_sensitive_path(ctx, &path).ok()?;
    let found = GuestPath::parse(ctx, found.as_bstr()).ok()?;
    found.lstat(ctx).is_ok().then_some(found)
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Whether it is a regular file.
pub fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// The directories in a boot.ini, that of the default system first: entries are
/// `multi(0)disk(0)rdisk(0)partition(1)\WINDOWS="Name" /options`.
fn directories(text: &[u8]) -> Vec<BString> {
    let mut found = Vec::new();
    for line in text.lines() {
        if found.len() >= SYSTEMS_MAX {
            break;
        }
        let line = line.trim();
        let is_default = line.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"default="));
        let entry = if is_default { line.get(8..).unwrap_or_default() } else { line };
        if !["multi(", "scsi(", "signature("].iter().any(|head| entry.to_ascii_lowercase().starts_with(head.as_bytes()))
        {
            continue;
        }
        let Some((_, dir)) = entry.split_once_str("\\") else { continue };
        let dir = dir.split_str("=").next().unwrap_or_default().trim();
        if dir.is_empty() || dir.contains(&0) {
            continue;
        }
        let path: BString = bstr::concat([&b"/"[..], &dir.replace("\\", "/")]).into();
        if !found.contains(&path) {
            let at = if is_default { 0 } else { found.len() };
            found.insert(at, path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn usual_names_in_any_case() {
        let mut g = Guest::new();
        g.write("/WINDOWS/System32/Config/SAM", "");
        assert_eq!(find(&mut g.ctx), None);
        g.write("/WINDOWS/System32/CMD.EXE", "");
        assert_eq!(find(&mut g.ctx).unwrap().as_bstr(), "/WINDOWS");
        assert_eq!(
            on_disk(&mut g.ctx, "/windows/system32/config/sam".into()).unwrap().as_bstr(),
            "/WINDOWS/System32/Config/SAM"
        );
        assert_eq!(on_disk(&mut g.ctx, "/windows/system32/config/software".into()), None);
    }

    #[test]
    fn other_names_by_boot_ini() {
        let mut g = Guest::new();
        for dir in ["/Old", "/My/Win"] {
            g.write(&format!("{dir}/system32/config/sam"), "");
            g.write(&format!("{dir}/system32/cmd.exe"), "");
        }
        assert_eq!(find(&mut g.ctx), None);
        let ini = "[boot loader]\r\ntimeout=30\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\MY\\WIN\r\n\
            [operating systems]\r\nmulti(0)disk(0)rdisk(0)partition(1)\\OLD=\"Old\" /fastdetect\r\n\
            multi(0)disk(0)rdisk(0)partition(1)\\MY\\WIN=\"New\" /noexecute=optin\r\nC:\\grldr=\"Other\"\r\n";
        assert_eq!(directories(ini.as_bytes()), ["/MY/WIN", "/OLD"]);
        g.write("/BOOT.INI", ini);
        assert_eq!(find(&mut g.ctx).unwrap().as_bstr(), "/My/Win");
        assert!(directories(b"multi(0)\\\nmulti(0)\ndefault=\n").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_boot_ini(text: Vec<u8>, tail in "(multi\\(|\\\\|=|default=|[a-z]|\n){0,20}") {
            let _ = (directories(&text), directories(tail.as_bytes()));
        }
    }
}
