//! The mount options of `mount_local`.
//!
//! In: a comma-separated list in the words of `mount.fuse3(8)`, and the call's own options. Out:
//! [`Settings`]; an unknown word is an error.

use crate::error::{Error, Result};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::MountLocalOpts;
use std::time::Duration;

/// How a file system is mounted and served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub readonly: bool,
    pub debug: bool,
    /// How long what the guest said is believed here.
    pub cache: Duration,
    /// How long the kernel believes us: names, attributes, names that do not exist.
    pub entry_timeout: Duration,
    pub attr_timeout: Duration,
    pub negative_timeout: Duration,
    pub allow_other: bool,
    pub default_permissions: bool,
    pub kernel_cache: bool,
    pub direct_io: bool,
    pub hard_remove: bool,
    pub use_ino: bool,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub umask: Option<u32>,
    pub max_read: Option<u32>,
    pub max_readahead: Option<u32>,
    pub fsname: BString,
    pub subtype: Option<BString>,
    /// Words for the kernel's own flags (`noexec`), in the order given.
    pub flags: Vec<&'static str>,
}

/// Words that are flags of mount(2); the later of two opposites counts.
pub(super) const FLAGS: &[&str] = &[
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "atime",
    "noatime",
    "sync",
    "async",
    "dirsync",
    "diratime",
    "nodiratime",
];

/// Words of libfuse that ask for what is so anyway, or cannot matter here.
const WITHOUT_EFFECT: &[&str] = &[
    "rw",
    "nonempty",
    "big_writes",
    "large_read",
    "async_read",
    "sync_read",
    "auto_cache",
    "noauto_cache",
    "no_remote_lock",
    "no_remote_flock",
    "no_remote_posix_lock",
    "readdir_ino",
    "intr",
    "nopath",
    "noforget",
    "no_splice_read",
    "no_splice_write",
    "no_splice_move",
    "splice_read",
    "splice_write",
    "splice_move",
];

impl Settings {
    pub fn new(opts: &MountLocalOpts) -> Result<Settings> {
        let second = Duration::from_secs(1);
        let cache = opts.cachetimeout.unwrap_or(60);
        let mut settings = Settings {
            readonly: opts.readonly.unwrap_or(false),
            debug: opts.debugcalls.unwrap_or(false),
            cache: u64::try_from(cache)
                .map(Duration::from_secs)
                .map_err(|_| bad("cachetimeout", BStr::new(&cache.to_string())))?,
            entry_timeout: second,
            attr_timeout: second,
            negative_timeout: Duration::ZERO,
            allow_other: false,
            default_permissions: false,
            kernel_cache: false,
            direct_io: false,
            hard_remove: false,
            use_ino: false,
            uid: None,
            gid: None,
            umask: None,
            max_read: None,
            max_readahead: None,
            fsname: "/dev/fuse".into(),
            subtype: None,
            flags: vec!["nosuid", "nodev"],
        };
        let words = opts.options.as_ref().map_or(&b""[..], |o| o.as_slice());
        for word in words.split_str(",").filter(|w| !w.is_empty()) {
            settings.word(word.as_bstr())?;
        }
        Ok(settings)
    }

    fn word(&mut self, word: &BStr) -> Result<()> {
        if let Some((name, value)) = word.split_once_str("=") {
            return self.value(name.as_bstr(), value.as_bstr());
        }
        if let Some(flag) = FLAGS.iter().find(|f| *word == **f) {
            self.flags.push(flag);
            return Ok(());
        }
        match word.as_bytes() {
            b"ro" => self.readonly = true,
            b"debug" => self.debug = true,
            b"allow_other" => self.allow_other = true,
            b"default_permissions" => self.default_permissions = true,
            b"kernel_cache" => self.kernel_cache = true,
            b"direct_io" => self.direct_io = true,
            b"hard_remove" => self.hard_remove = true,
            b"use_ino" => self.use_ino = true,
            other if WITHOUT_EFFECT.iter().any(|w| other == w.as_bytes()) => {}
            _ => return Err(unknown(word)),
        }
        Ok(())
    }

    fn value(&mut self, name: &BStr, value: &BStr) -> Result<()> {
        let refused = || bad(&name.to_str_lossy(), value);
        let text = value.to_str().map_err(|_| refused())?;
        let number = || text.parse::<u32>().map_err(|_| refused());
        let seconds = || -> Result<Duration> {
            let seconds = text.parse::<f64>().map_err(|_| refused())?;
            Duration::try_from_secs_f64(seconds).map_err(|_| refused())
        };
        match name.as_bytes() {
            b"entry_timeout" => self.entry_timeout = seconds()?,
            b"attr_timeout" | b"ac_attr_timeout" => self.attr_timeout = seconds()?,
            b"negative_timeout" => self.negative_timeout = seconds()?,
            b"uid" => self.uid = Some(number()?),
            b"gid" => self.gid = Some(number()?),
            b"umask" => self.umask = Some(u32::from_str_radix(text, 8).map_err(|_| refused())? & 0o777),
            b"max_read" => self.max_read = Some(number()?),
            b"max_readahead" => self.max_readahead = Some(number()?),
            b"max_write" | b"max_background" | b"congestion_threshold" | b"remember" => drop(number()?),
            b"fsname" => self.fsname = value.into(),
            // It becomes a part of the file system's type.
            b"subtype" if !value.is_empty() => self.subtype = Some(value.into()),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn unknown(word: &BStr) -> Error {
    Error::usage(format!("mount_local: unknown mount option '{word}'"))
        .with_help("see mount.fuse3(8) for the words that FUSE knows")
}

fn bad(option: &str, value: &BStr) -> Error {
    Error::usage(format!("mount_local: invalid value '{value}' of option {option}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &str) -> Result<Settings> {
        Settings::new(&MountLocalOpts { options: Some(options.into()), ..Default::default() })
    }

    #[test]
    fn words_and_values() {
        let s = parse("").unwrap();
        assert_eq!((s.cache, s.attr_timeout, s.readonly), (Duration::from_secs(60), Duration::from_secs(1), false));
        let s = parse("ro,,allow_other,attr_timeout=2.5,uid=10,umask=027,fsname=x y,noexec,nonempty,use_ino").unwrap();
        assert!(s.readonly && s.allow_other && s.use_ino);
        assert_eq!((s.attr_timeout, s.uid, s.umask), (Duration::from_millis(2500), Some(10), Some(0o27)));
        assert_eq!(s.fsname, "x y");
        assert_eq!(s.flags, ["nosuid", "nodev", "noexec"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            "bogus",
            "uid=x",
            "uid=-1",
            "attr_timeout=-1",
            "attr_timeout=nan",
            "attr_timeout=1e300",
            "umask=9",
            "x=1",
            "subtype=",
            "uid=\u{e9}",
        ] {
            assert_eq!(parse(bad).unwrap_err().errno(), libc::EINVAL, "{bad}");
        }
        let opts = MountLocalOpts { cachetimeout: Some(-1), ..Default::default() };
        assert!(Settings::new(&opts).is_err());
    }
}
