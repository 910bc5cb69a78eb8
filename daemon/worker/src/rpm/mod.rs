//! librpm: the packages in the database of RPM, rpm(8).
//!
//! In: the guest's tree, which becomes the root of the process. Out: the packages that are installed.
//! RPM has had three kinds of database. Berkeley's is read by the library. SQLite's the library reads only where
//! it may write beside it, which is nowhere here: SQLite itself gets the headers of the packages out of it
//! ([`sqlite`]). That of SUSE is not built into Debian's library; it is a simple list of headers ([`ndb`]).
//! What is in a header, the library knows in any case.

#![allow(non_snake_case)] // Functions have the library's names.

mod ndb;
mod sqlite;

use crate::c::functions;
use crate::confine;
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::worker::{Incoming, Value};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr, CString};
use std::path::Path;

/// An opaque type of the library.
#[repr(C)]
struct Opaque {
    _opaque: [u8; 0],
}

functions! {
    struct Rpm in [c"librpm.so.9", c"librpm.so.10"] {
        rpmReadConfigFiles: fn(*const c_char, *const c_char) -> c_int,
        rpmPushMacro: fn(*mut c_void, *const c_char, *const c_char, *const c_char, c_int) -> c_int,
        rpmlogSetCallback: fn(unsafe extern "C" fn(*mut Opaque, *mut c_void) -> c_int, *mut c_void) -> *mut c_void,
        rpmlogMessage: fn() -> *const c_char,
        rpmtsCreate: fn() -> *mut Opaque,
        rpmtsSetVSFlags: fn(*mut Opaque, c_uint) -> c_uint,
        rpmtsInitIterator: fn(*mut Opaque, c_int, *const c_void, usize) -> *mut Opaque,
        rpmdbNextIterator: fn(*mut Opaque) -> *mut Opaque,
        headerImport: fn(*mut c_void, c_uint, c_uint) -> *mut Opaque,
        headerFree: fn(*mut Opaque) -> *mut Opaque,
        headerGetString: fn(*mut Opaque, c_int) -> *const c_char,
        headerGetNumber: fn(*mut Opaque, c_int) -> u64,
    }
}

// Constants of rpm/rpmtag.h, rpmts.h, rpmmacro.h, header.h.
const NAME: c_int = 1000;
const VERSION: c_int = 1001;
const RELEASE: c_int = 1002;
const EPOCH: c_int = 1003;
const SUMMARY: c_int = 1004;
const DESCRIPTION: c_int = 1005;
const URL: c_int = 1020;
const ARCH: c_int = 1022;
/// `RPMDBI_PACKAGES`: all packages, one after the other.
const PACKAGES: c_int = 0;
/// No digest and no signature is looked at: there are no keys here, and the headers are hostile in any case.
const VERIFY_NOTHING: c_uint = 0x000f_0f01;
const FROM_COMMAND_LINE: c_int = -7;
const HEADER_COPY: c_uint = 1;

/// Longest text that is taken from a header.
const TEXT_MAX: usize = 256 * 1024;

/// Where the database is: everywhere of old; of Fedora and SUSE today; of systems whose `/var` is not part of them.
const FOLDERS: [&str; 3] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"];

/// Files that a database is in, the newest kind first: old ones are left behind when it is converted.
const KINDS: [(&str, Kind); 3] =
    [("rpmdb.sqlite", Kind::Sqlite), ("Packages.db", Kind::Ndb), ("Packages", Kind::Berkeley)];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sqlite,
    Ndb,
    Berkeley,
}

/// Load the libraries, and what they read of the appliance.
pub fn load() -> Result<Box<dyn Library>> {
    let rpm = Rpm::load()?;
    let sqlite = sqlite::load()?;
    // SAFETY: the function lives as long as the process; it is given nothing to keep.
    unsafe { (rpm.rpmlogSetCallback)(kept_quiet, std::ptr::null_mut()) };
    // SAFETY: NULL stands for the usual files and this machine.
    if unsafe { (rpm.rpmReadConfigFiles)(std::ptr::null(), std::ptr::null()) } != 0 {
        return Err(rpm.failure("the configuration of rpm cannot be read"));
    }
    Ok(Box::new(Reader { rpm, sqlite }))
}

/// What the library would print: its last words are in [`Rpm::failure`].
unsafe extern "C" fn kept_quiet(_: *mut Opaque, _: *mut c_void) -> c_int {
    0
}

struct Reader {
    rpm: Rpm,
    sqlite: sqlite::Reader,
}

impl Library for Reader {
    fn call(&mut self, function: &str, args: Incoming, wire: &mut Wire) -> Result<Value> {
        match function {
            "packages" => {
                let (tree,): (OwnedFd,) = args.take()?;
                confine::enter(tree, false)?;
                let (folder, file, kind) = database()?;
                match kind {
                    Kind::Sqlite => self.sqlite.headers(&file, &mut |blob| self.rpm.package(blob, wire))?,
                    Kind::Ndb => ndb::headers(&file, &mut |blob| self.rpm.package(blob, wire))?,
                    Kind::Berkeley => self.rpm.walk(folder, wire)?,
                }
                Ok(Value::Nothing)
            }
            _ => Err(Fault::unknown(function)),
        }
    }
}

/// The database of the tree that we are in.
fn database() -> Result<(&'static str, String, Kind)> {
    let files = FOLDERS.iter().flat_map(|folder| KINDS.iter().map(move |(name, kind)| (*folder, *name, *kind)));
    let found = files.map(|(folder, name, kind)| (folder, format!("{folder}/{name}"), kind));
    // Not a FIFO, whose other end nobody has.
    let mut found = found.filter(|(_, file, _)| Path::new(file).metadata().is_ok_and(|m| m.is_file() && m.len() > 0));
    found
        .next()
        .ok_or_else(|| Fault::new(Errno::NOENT, "there is no RPM database in /var/lib/rpm or /usr/lib/sysimage/rpm"))
}

impl Rpm {
    fn failure(&self, what: &str) -> Fault {
        // SAFETY: the last message that the library kept, or its text for none; it stays until the next one.
        let why = unsafe {
            let text = (self.rpmlogMessage)();
            if text.is_null() {
                BString::default()
            } else {
                CStr::from_ptr(text).to_bytes().into()
            }
        };
        let why = why.strip_prefix(b"error: ").unwrap_or(&why);
        Fault::new(Errno::IO, bstr::concat([what.as_bytes(), b": ", why.trim_ascii()]))
    }

    /// A database that the library reads itself.
    fn walk(&self, folder: &str, wire: &mut Wire) -> Result<()> {
        let folder = CString::new(folder).map_err(|_| Errno::INVAL)?;
        // SAFETY: strings that end in NUL, which the library copies; NULL is the usual set of macros.
        unsafe {
            let none = std::ptr::null();
            let macros = std::ptr::null_mut();
            (self.rpmPushMacro)(macros, c"_dbpath".as_ptr(), none, folder.as_ptr(), FROM_COMMAND_LINE);
            (self.rpmPushMacro)(macros, c"_db_backend".as_ptr(), none, c"bdb_ro".as_ptr(), FROM_COMMAND_LINE);
        }
        // SAFETY: the set and the iterator are the library's, and are kept to the end of the process, which comes
        // soon. A header that the iterator gives is alive until the next.
        unsafe {
            let set = (self.rpmtsCreate)();
            (self.rpmtsSetVSFlags)(set, VERIFY_NOTHING);
            let all = (self.rpmtsInitIterator)(set, PACKAGES, std::ptr::null(), 0);
            if all.is_null() {
                return Err(self.failure("the RPM database cannot be read"));
            }
            loop {
                let header = (self.rpmdbNextIterator)(all);
                if header.is_null() {
                    return Ok(());
                }
                self.send(header, wire)?;
            }
        }
    }

    /// A header as it is in a database. One that is damaged is passed over: the others are as good as before.
    fn package(&self, blob: &mut [u8], wire: &mut Wire) -> Result<()> {
        wire.alive()?;
        let Ok(size) = c_uint::try_from(blob.len()) else { return Ok(()) };
        // SAFETY: so many bytes are there; the library copies them.
        let header = unsafe { (self.headerImport)(blob.as_mut_ptr().cast(), size, HEADER_COPY) };
        if header.is_null() {
            return Ok(());
        }
        let sent = self.send(header, wire);
        // SAFETY: it was made above, and is not used any more.
        unsafe { (self.headerFree)(header) };
        sent
    }

    fn send(&self, header: *mut Opaque, wire: &mut Wire) -> Result<()> {
        let text = |tag| {
            // SAFETY: a header that is alive. The string is its own, and ends in NUL.
            let bytes = unsafe {
                let text = (self.headerGetString)(header, tag);
                if text.is_null() {
                    &[][..]
                } else {
                    CStr::from_ptr(text).to_bytes()
                }
            };
            BString::from(bytes.get(..TEXT_MAX).unwrap_or(bytes))
        };
        let name = text(NAME);
        if name.is_empty() {
            return Ok(());
        }
        // SAFETY: a header that is alive.
        let epoch = unsafe { (self.headerGetNumber)(header, EPOCH) };
        let epoch = i32::try_from(epoch).unwrap_or_default();
        let texts = [VERSION, RELEASE, ARCH, URL, SUMMARY, DESCRIPTION].map(text);
        wire.piece((name, epoch, texts.to_vec()))
    }
}
