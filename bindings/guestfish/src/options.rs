//! The command line.
//!
//! In: arguments, as getopt_long reads them: options and words may be mixed, long options may be cut short
//! while they stay unambiguous, `--` ends options. Out: [`Options`], or the mistake. Nothing is done here.

use crate::error::{Error, Result};
use crate::number;
use crate::prepared::Prepared;
use crate::uri::{self, Location};
use bstr::{BString, ByteSlice};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Long options and whether they take a value.
const LONG: &[(&str, Value)] = &[
    ("add", Value::Required),
    ("blocksize", Value::Attached),
    ("cmd-help", Value::Attached),
    ("connect", Value::Required),
    ("csh", Value::None),
    ("domain", Value::Required),
    ("echo-keys", Value::None),
    ("file", Value::Required),
    ("format", Value::Attached),
    ("help", Value::None),
    ("inspector", Value::None),
    ("key", Value::Required),
    ("keys-from-stdin", Value::None),
    ("listen", Value::None),
    ("live", Value::None),
    ("long-options", Value::None),
    ("mount", Value::Required),
    ("network", Value::None),
    ("new", Value::Required),
    ("no-dest-paths", Value::None),
    ("no-sync", Value::None),
    ("pipe-error", Value::None),
    ("progress-bars", Value::None),
    ("no-progress-bars", Value::None),
    ("remote", Value::Attached),
    ("ro", Value::None),
    ("rw", Value::None),
    ("selinux", Value::None),
    ("short-options", Value::None),
    ("trust", Value::Required),
    ("trust-folder", Value::Required),
    ("verbose", Value::None),
    ("version", Value::None),
];

const SHORT: &str = "acdDfhimnNrvVwx";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Required,
    /// Only after `=`.
    Attached,
}

/// A drive, in the order of the command line.
#[derive(Debug)]
pub enum Drive {
    Add { location: Location, format: Option<BString>, blocksize: Option<i32> },
    Domain(BString),
    Prepared(Prepared),
}

/// `-m DEV[:MOUNTPOINT[:OPTIONS[:FSTYPE]]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub device: BString,
    pub mountpoint: BString,
    pub options: Option<BString>,
    pub fstype: Option<BString>,
}

/// Remote control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    Listen,
    /// With the process id that was given.
    Remote(Option<BString>),
}

/// What to do instead of running commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Info {
    Help,
    /// `-h`: all commands, or the one named by the first word.
    Commands(Option<BString>),
    Version,
    PreparedHelp,
    LongOptions,
    ShortOptions,
}

/// The command line, understood.
#[derive(Debug, Default)]
pub struct Options {
    pub info: Option<Info>,
    pub drives: Vec<Drive>,
    pub mounts: Vec<Mount>,
    pub connect: Option<BString>,
    pub file: Option<PathBuf>,
    pub inspector: bool,
    pub readonly: Option<bool>,
    pub echo_keys: bool,
    pub keys_from_stdin: bool,
    pub keys: Vec<crate::keys::Selector>,
    pub network: bool,
    pub no_dest_paths: bool,
    pub no_sync: bool,
    pub pipe_error: bool,
    pub progress_bars: Option<bool>,
    pub control: Option<Control>,
    /// `--trust`: how far images are trusted, and where else they may reach.
    pub trust: Option<BString>,
    pub trust_folders: Vec<BString>,
    pub csh: bool,
    pub verbose: bool,
    pub trace: bool,
    pub words: Vec<BString>,
}

/// Values of `--format` and `--blocksize` for the drives that follow.
#[derive(Default)]
struct Following {
    format: Option<BString>,
    blocksize: Option<i32>,
    /// Given, and no drive has come since.
    unused: Option<&'static str>,
    prepared: usize,
}

/// Read the arguments, without the program's name.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Options> {
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    let mut following = Following::default();
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Arg::Short(c) => short(c, &mut parser, &mut options, &mut following)?,
            Arg::Long(name) => {
                let (name, value) = complete(name)?;
                let value = match value {
                    Value::None => None,
                    Value::Required => Some(parser.value().map_err(usage)?),
                    Value::Attached => parser.optional_value(),
                };
                long(name, value.map(bytes), &mut options, &mut following)?;
            }
            Arg::Value(word) => {
                options.words.push(bytes(word));
                if std::env::var_os("POSIXLY_CORRECT").is_some() {
                    options.words.extend(parser.raw_args().map_err(usage)?.map(bytes));
                }
            }
        }
        // Asking for information is answered at once: what follows may make no sense.
        if let Some(info) = &mut options.info {
            if *info == Info::Commands(None) {
                let next = || parser.raw_args().ok()?.next().map(bytes).filter(|w| !w.starts_with(b"-"));
                *info = Info::Commands(options.words.first().cloned().or_else(next));
            }
            return Ok(options);
        }
    }
    if let Some(name) = following.unused {
        return Err(Error::new(format!("--{name} must come before the -a options that it is for")));
    }
    Ok(options)
}

fn usage(e: lexopt::Error) -> Error {
    Error::new(e.to_string()).note("help: guestfish --help lists the options")
}

fn bytes(text: OsString) -> BString {
    text.into_vec().into()
}

/// The long option that `name` is, or the only one that it begins.
fn complete(name: &str) -> Result<(&'static str, Value)> {
    if let Some(exact) = LONG.iter().find(|o| o.0 == name) {
        return Ok(*exact);
    }
    let candidates: Vec<_> = LONG.iter().filter(|o| o.0.starts_with(name)).collect();
    let error = match candidates.as_slice() {
        [only] => return Ok(**only),
        [] => Error::new(format!("unrecognized option '--{name}'")),
        many => {
            let names: Vec<String> = many.iter().map(|o| format!("--{}", o.0)).collect();
            Error::new(format!("option '--{name}' is ambiguous: {}", names.join(" ")))
        }
    };
    Err(error.note("help: guestfish --help lists the options"))
}

fn short(c: char, parser: &mut Parser, options: &mut Options, following: &mut Following) -> Result<()> {
    let name = match c {
        'a' => "add",
        'c' => "connect",
        'd' => "domain",
        'f' => "file",
        'm' => "mount",
        'N' => "new",
        'D' => "no-dest-paths",
        'h' => "cmd-help",
        'i' => "inspector",
        'n' => "no-sync",
        'r' => "ro",
        'v' => "verbose",
        'V' => "version",
        'w' => "rw",
        'x' => {
            options.trace = true;
            return Ok(());
        }
        _ => {
            return Err(Error::new(format!("invalid option -- '{c}'")).note("help: guestfish --help lists the options"))
        }
    };
    let value = match LONG.iter().find(|o| o.0 == name) {
        Some((_, Value::Required)) => Some(bytes(parser.value().map_err(usage)?)),
        Some((_, Value::Attached)) => parser.optional_value().map(bytes),
        _ => None,
    };
    long(name, value, options, following)
}

fn long(name: &'static str, value: Option<BString>, options: &mut Options, following: &mut Following) -> Result<()> {
    // Options that need a value have one here: the parser refused them otherwise.
    let text = value.clone().unwrap_or_default();
    match name {
        "add" => {
            following.unused = None;
            let (format, blocksize) = (following.format.clone(), following.blocksize);
            options.drives.push(Drive::Add { location: uri::parse(&text)?, format, blocksize });
        }
        "blocksize" => {
            let number = value
                .filter(|v| !v.is_empty())
                .map(|v| number::int(&v).map_err(|e| Error::new(format!("--blocksize: '{v}' {}", e.text()))));
            following.blocksize = number.transpose()?;
            following.unused = Some("blocksize");
        }
        "format" => {
            following.format = value.filter(|v| !v.is_empty());
            following.unused = Some("format");
        }
        "cmd-help" => options.info = Some(Info::Commands(value)),
        "connect" => options.connect = value,
        "csh" => options.csh = true,
        "selinux" => {}
        "domain" => options.drives.push(Drive::Domain(text)),
        "echo-keys" => options.echo_keys = true,
        "file" if options.file.is_some() => return Err(Error::new("only one -f option can be given")),
        "file" => options.file = Some(PathBuf::from(OsString::from_vec(text.into()))),
        "help" => options.info = Some(Info::Help),
        "inspector" => options.inspector = true,
        "key" => options.keys.push(crate::keys::Selector::parse(&text)?),
        "keys-from-stdin" => options.keys_from_stdin = true,
        "listen" => control(options, Control::Listen)?,
        "remote" => control(options, Control::Remote(value))?,
        "live" => return Err(Error::new("--live: support for live guests was removed from libguestfs 1.48")),
        "long-options" => options.info = Some(Info::LongOptions),
        "short-options" => options.info = Some(Info::ShortOptions),
        "mount" => options.mounts.push(mount(&text)),
        "network" => options.network = true,
        "new" if text == "help" || text == "list" => options.info = Some(Info::PreparedHelp),
        "new" => {
            following.prepared += 1;
            options.drives.push(Drive::Prepared(Prepared::parse(&text, following.prepared)?));
        }
        "no-dest-paths" => options.no_dest_paths = true,
        "no-sync" => options.no_sync = true,
        "pipe-error" => options.pipe_error = true,
        "progress-bars" => options.progress_bars = Some(true),
        "no-progress-bars" => options.progress_bars = Some(false),
        "ro" | "rw" => {
            let readonly = name == "ro";
            if options.readonly.is_some_and(|r| r != readonly) {
                return Err(Error::new("cannot mix --ro and --rw options"));
            }
            options.readonly = Some(readonly);
        }
        "trust" => options.trust = Some(text),
        "trust-folder" => options.trust_folders.push(text),
        "verbose" => options.verbose = true,
        "version" => options.info = Some(Info::Version),
        _ => return Err(Error::new(format!("--{name} is in the table of options but not handled"))),
    }
    Ok(())
}

fn control(options: &mut Options, control: Control) -> Result<()> {
    match &options.control {
        Some(other) if std::mem::discriminant(other) != std::mem::discriminant(&control) => {
            Err(Error::new("cannot use --listen and --remote at the same time"))
        }
        _ => {
            options.control = Some(control);
            Ok(())
        }
    }
}

fn mount(text: &BString) -> Mount {
    let mut parts = text.splitn_str(4, ":").map(BString::from);
    let mut next = || parts.next().filter(|p| !p.is_empty());
    let device = next().unwrap_or_default();
    Mount { device, mountpoint: next().unwrap_or_else(|| "/".into()), options: next(), fstype: next() }
}

/// What `--long-options` and `--short-options` print, for completion.
pub fn names(info: &Info) -> String {
    match info {
        Info::ShortOptions => SHORT.chars().map(|c| format!("-{c}\n")).collect(),
        // The two that only completion uses are not offered.
        _ => LONG.iter().filter(|o| !o.0.ends_with("-options")).map(|o| format!("--{}\n", o.0)).collect(),
    }
}
