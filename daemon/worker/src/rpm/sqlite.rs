//! `rpmdb.sqlite`, through SQLite.
//!
//! In: the file, which never changes: nothing is written beside it, not even a lock. Out: the headers of the
//! packages, those too that are only in the journal (`-wal`) because the guest was not shut down.

#![allow(non_snake_case)]

use super::Opaque;
use crate::c::functions;
use crate::library::{Fault, Result};
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr::{null, null_mut};

functions! {
    struct Sqlite in [c"libsqlite3.so.0"] {
        sqlite3_open_v2: fn(*const c_char, *mut *mut Opaque, c_int, *const c_char) -> c_int,
        sqlite3_prepare_v2: fn(*mut Opaque, *const c_char, c_int, *mut *mut Opaque, *mut *const c_char) -> c_int,
        sqlite3_step: fn(*mut Opaque) -> c_int,
        sqlite3_column_blob: fn(*mut Opaque, c_int) -> *const c_void,
        sqlite3_column_bytes: fn(*mut Opaque, c_int) -> c_int,
        sqlite3_errmsg: fn(*mut Opaque) -> *const c_char,
    }
}

// sqlite3.h
const ROW: c_int = 100;
const DONE: c_int = 101;
const OPEN_READONLY: c_int = 1;
const OPEN_URI: c_int = 0x40;

/// SQLite, loaded.
pub struct Reader(Sqlite);

/// Load the library.
pub fn load() -> Result<Reader> {
    Sqlite::load().map(Reader)
}

impl Reader {
    /// Give all headers to `each`.
    pub fn headers(&self, path: &str, each: &mut dyn FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
        // A file that is said never to change is read without its journal. With it, SQLite wants shared memory beside
        // the file, but for one who has it alone (sqlite.org/wal.html, "Use of WAL Without Shared-Memory"), and locks,
        // but for this way to files.
        let has_journal = std::fs::metadata(format!("{path}-wal")).is_ok_and(|journal| journal.len() > 0);
        let way = if has_journal { "vfs=unix-none" } else { "immutable=1" };
        let uri = CString::new(format!("file:{path}?{way}")).map_err(|_| Errno::INVAL)?;
        let mut db = null_mut();
        // SAFETY: strings that end in NUL; the database and the statement are kept to the end of the process,
        // which comes soon. NULL is allowed where it is given.
        unsafe {
            if (self.0.sqlite3_open_v2)(uri.as_ptr(), &mut db, OPEN_READONLY | OPEN_URI, null()) != 0 {
                return Err(self.failure(db));
            }
            let mut statement = null_mut();
            if has_journal {
                let alone = c"PRAGMA locking_mode = EXCLUSIVE";
                (self.0.sqlite3_prepare_v2)(db, alone.as_ptr(), -1, &mut statement, null_mut());
                (self.0.sqlite3_step)(statement);
            }
            let text = c"SELECT blob FROM Packages";
            if (self.0.sqlite3_prepare_v2)(db, text.as_ptr(), -1, &mut statement, null_mut()) != 0 {
                return Err(self.failure(db));
            }
            loop {
                match (self.0.sqlite3_step)(statement) {
                    ROW => {}
                    DONE => return Ok(()),
                    _ => return Err(self.failure(db)),
                }
                let data = (self.0.sqlite3_column_blob)(statement, 0).cast::<u8>();
                let size = usize::try_from((self.0.sqlite3_column_bytes)(statement, 0)).unwrap_or_default();
                if data.is_null() {
                    continue;
                }
                let mut copy = Vec::new();
                copy.try_reserve_exact(size).map_err(|_| Errno::NOMEM)?;
                copy.extend_from_slice(std::slice::from_raw_parts(data, size));
                each(&mut copy)?;
            }
        }
    }

    fn failure(&self, db: *mut Opaque) -> Fault {
        // SAFETY: a database or NULL, of which it is said that there was no memory. The text stays until the next
        // call.
        let why = unsafe { CStr::from_ptr((self.0.sqlite3_errmsg)(db)) };
        Fault::new(Errno::IO, format!("the RPM database rpmdb.sqlite cannot be read: {}", why.to_string_lossy()))
    }
}
