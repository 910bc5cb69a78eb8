//! What mke2fs(8) is told: its options for those of a call.
//!
//! In: the options of the call. Out: arguments, without the device, or an error that says what cannot be meant.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use bstr::{BString, ByteSlice};
use guestfs_protocol::opts::Mke2fsOpts;

use super::journal;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::filesystems::recipe::check_label;

/// Bytes in the superblock for the label, and for the directory it was mounted on last.
const LABEL: usize = 16;
const DIRECTORY: usize = 64;

/// Arguments for all options but the number of blocks, which follows the device.
pub fn arguments(ctx: &mut Ctx, opts: &Mke2fsOpts) -> Result<Vec<OsString>> {
    let journal = opts.journaldevice.as_ref().map(|name| journal::find(ctx, name.as_bstr())).transpose()?;
    plain(opts, journal.map(|device| device.as_bstr().to_owned()))
}

/// The same once the journal's device has its real name.
fn plain(opts: &Mke2fsOpts, journal: Option<BString>) -> Result<Vec<OsString>> {
    let mut args = Args::default();
    number("blockscount", opts.blockscount)?;
    for (name, option, value) in [
        ("blocksize", "-b", opts.blocksize),
        ("fragsize", "-f", opts.fragsize),
        ("blockspergroup", "-g", opts.blockspergroup),
        ("numberofgroups", "-G", opts.numberofgroups),
        ("bytesperinode", "-i", opts.bytesperinode),
        ("inodesize", "-I", opts.inodesize),
        ("numberofinodes", "-N", opts.numberofinodes),
        ("reservedblockspercentage", "-m", opts.reservedblockspercentage.map(i64::from)),
    ] {
        if let Some(text) = number(name, value)? {
            args.pair(option, text);
        }
    }
    let size = number("journalsize", opts.journalsize)?.map(|size| format!("size={size}").into());
    let device = journal.map(|name| bstr::concat([&b"device="[..], &name]).into());
    args.list("-J", [size, device]);
    args.list("-E", extended(opts)?);
    args.list("-O", features(opts));
    if let Some(label) = &opts.label {
        check_label(label.as_bstr(), LABEL, "ext2/3/4")?;
    }
    if opts.lastmounteddir.as_ref().is_some_and(|dir| dir.len() > DIRECTORY) {
        return Err(Error::invalid(format!("lastmounteddir: the superblock has room for {DIRECTORY} bytes")));
    }
    for (option, value) in [
        ("-L", &opts.label),
        ("-M", &opts.lastmounteddir),
        ("-o", &opts.creatoros),
        ("-t", &opts.fstype),
        ("-T", &opts.usagetype),
        ("-U", &opts.uuid),
    ] {
        if let Some(value) = value {
            args.pair(option, value.clone());
        }
    }
    for (option, value) in [("-F", opts.forcecreate), ("-S", opts.writesbandgrouponly)] {
        if value == Some(true) {
            args.0.push(option.into());
        }
    }
    Ok(args.0)
}

/// The words of `-E`.
fn extended(opts: &Mke2fsOpts) -> Result<Vec<Option<BString>>> {
    let mut words = Vec::new();
    for (name, word, value) in [
        ("stridesize", "stride", opts.stridesize),
        ("stripewidth", "stripe_width", opts.stripewidth),
        ("maxonlineresize", "resize", opts.maxonlineresize),
        ("mmpupdateinterval", "mmp_update_interval", opts.mmpupdateinterval.map(i64::from)),
    ] {
        words.push(number(name, value)?.map(|text| format!("{word}={text}").into()));
    }
    for (word, value) in [("lazy_itable_init", opts.lazyitableinit), ("lazy_journal_init", opts.lazyjournalinit)] {
        words.push(value.map(|on| format!("{word}={}", i32::from(on)).into()));
    }
    words.push((opts.testfs == Some(true)).then(|| "test_fs".into()));
    words.push(opts.discard.map(|on| if on { "discard" } else { "nodiscard" }.into()));
    // Which quotas the feature has: the word wants to know of what, and these are all that are usual.
    words.push((opts.quotatype == Some(true)).then(|| "quotatype=usrquota:grpquota".into()));
    Ok(words)
}

/// The words of `-O`.
fn features(opts: &Mke2fsOpts) -> Vec<Option<BString>> {
    [
        ("extent", opts.extent),
        ("filetype", opts.filetype),
        ("flex_bg", opts.flexbg),
        ("has_journal", opts.hasjournal),
        ("journal_dev", opts.journaldev),
        ("large_file", opts.largefile),
        ("quota", opts.quota),
        ("resize_inode", opts.resizeinode),
        ("sparse_super", opts.sparsesuper),
        ("uninit_bg", opts.uninitbg),
    ]
    .map(|(word, value)| value.map(|on| format!("{}{word}", if on { "" } else { "^" }).into()))
    .into()
}

/// A number as mke2fs takes it: negative ones are mistakes, not options.
fn number(name: &str, value: Option<i64>) -> Result<Option<String>> {
    match value {
        Some(n @ ..0) => Err(Error::invalid(format!("{name} must not be negative: {n}"))),
        Some(n) => Ok(Some(n.to_string())),
        None => Ok(None),
    }
}

/// Arguments in the making.
#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    fn pair(&mut self, option: &str, value: impl Into<BString>) {
        self.0.push(option.into());
        self.0.push(OsString::from_vec(value.into().into()));
    }

    /// Words with commas between, when there are any: mke2fs only takes the last of an option's lists.
    fn list(&mut self, option: &str, words: impl IntoIterator<Item = Option<BString>>) {
        let words: Vec<BString> = words.into_iter().flatten().collect();
        if !words.is_empty() {
            self.pair(option, bstr::join(",", words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(opts: &Mke2fsOpts, journal: Option<&str>) -> String {
        match plain(opts, journal.map(Into::into)) {
            Ok(args) => args.iter().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "),
            Err(e) => format!("error {e}"),
        }
    }

    #[test]
    fn command_lines() {
        let none = Mke2fsOpts::default;
        let long = |n| Some("x".repeat(n).into());
        for (opts, journal, expected) in [
            (none(), None, ""),
            (Mke2fsOpts { blocksize: Some(4096), inodesize: Some(256), ..none() }, None, "-b 4096 -I 256"),
            (Mke2fsOpts { blockscount: Some(9), reservedblockspercentage: Some(0), ..none() }, None, "-m 0"),
            (
                Mke2fsOpts { stridesize: Some(4), stripewidth: Some(8), lazyitableinit: Some(false), ..none() },
                None,
                "-E stride=4,stripe_width=8,lazy_itable_init=0",
            ),
            (
                Mke2fsOpts { testfs: Some(true), discard: Some(false), quotatype: Some(true), ..none() },
                None,
                "-E test_fs,nodiscard,quotatype=usrquota:grpquota",
            ),
            (Mke2fsOpts { testfs: Some(false), quotatype: Some(false), forcecreate: Some(false), ..none() }, None, ""),
            (
                Mke2fsOpts { extent: Some(true), flexbg: Some(false), quota: Some(true), ..none() },
                None,
                "-O extent,^flex_bg,quota",
            ),
            (Mke2fsOpts { journalsize: Some(4), ..none() }, Some("/dev/sdq"), "-J size=4,device=/dev/sdq"),
            (
                Mke2fsOpts {
                    label: Some("a b".into()),
                    fstype: Some("ext3".into()),
                    forcecreate: Some(true),
                    ..none()
                },
                None,
                "-L a b -t ext3 -F",
            ),
            (Mke2fsOpts { blockscount: Some(-1), ..none() }, None, "error blockscount must not be negative: -1"),
            (
                Mke2fsOpts { stridesize: Some(i64::MIN), ..none() },
                None,
                "error stridesize must not be negative: -9223372036854775808",
            ),
            (
                Mke2fsOpts { mmpupdateinterval: Some(-5), ..none() },
                None,
                "error mmpupdateinterval must not be negative: -5",
            ),
            (
                Mke2fsOpts { lastmounteddir: long(65), ..none() },
                None,
                "error lastmounteddir: the superblock has room for 64 bytes",
            ),
        ] {
            assert_eq!(line(&opts, journal), expected);
        }
        assert!(line(&Mke2fsOpts { label: long(17), ..none() }, None).contains("limited to 16 bytes"));
    }
}
