//! libsystemd: the systemd journal, sd-journal(3).
//!
//! In: a directory of journal files, which becomes the root of the process. Out: its entries, in order of time.

use crate::c::{functions, Loaded};
use crate::confine;
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::worker::{Incoming, Plain, Value};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_void, CStr};

/// `sd_journal`.
#[repr(C)]
struct Journal {
    _opaque: [u8; 0],
}

functions! {
    struct Systemd in [c"libsystemd.so.0"] {
        sd_journal_open_directory: fn(*mut *mut Journal, *const c_char, c_int) -> c_int,
        sd_journal_next_skip: fn(*mut Journal, u64) -> c_int,
        sd_journal_previous_skip: fn(*mut Journal, u64) -> c_int,
        sd_journal_restart_data: fn(*mut Journal) -> (),
        sd_journal_enumerate_data: fn(*mut Journal, *mut *const c_void, *mut usize) -> c_int,
        sd_journal_get_data_threshold: fn(*mut Journal, *mut usize) -> c_int,
        sd_journal_set_data_threshold: fn(*mut Journal, usize) -> c_int,
        sd_journal_get_realtime_usec: fn(*mut Journal, *mut u64) -> c_int,
    }
}

/// What fields and whole files may be compressed with. Newer libraries load these when they meet such a field,
/// which is too late here.
const COMPRESSIONS: [&CStr; 3] = [c"libzstd.so.1", c"liblz4.so.1", c"liblzma.so.5"];

/// Entries passed at once, before the daemon hears that it goes on.
const STRIDE: u64 = 1000;

/// Bytes of a field sent at once.
const PIECE: usize = 1 << 20;

/// Load the library.
pub fn load() -> Result<Box<dyn Library>> {
    let library = Systemd::load()?;
    for name in COMPRESSIONS {
        // Without one, fields that it has compressed are errors.
        let _ = Loaded::open(&[name]);
    }
    Ok(Box::new(Open { library, journal: std::ptr::null_mut() }))
}

struct Open {
    library: Systemd,
    /// NULL before it was opened. Each journal has a process of its own.
    journal: *mut Journal,
}

/// Functions return a negative errno, or what the call is about.
fn checked(result: c_int) -> Result<c_int> {
    match result {
        0.. => Ok(result),
        _ => Err(Errno::from_raw_os_error(result.saturating_neg()).into()),
    }
}

impl Library for Open {
    fn call(&mut self, function: &str, args: Incoming, wire: &mut Wire) -> Result<Value> {
        let (systemd, journal) = (&self.library, self.journal);
        if (function == "open") != journal.is_null() {
            return Err(Fault::new(Errno::PROTO, "a journal is opened once, before all else"));
        }
        // SAFETY of all calls below: `journal` is what sd_journal_open_directory gave, and is never closed.
        match function {
            "open" => {
                let (directory,): (OwnedFd,) = args.take()?;
                confine::enter(directory, false)?;
                let mut journal = std::ptr::null_mut();
                // SAFETY: the library writes one pointer, when it succeeds.
                checked(unsafe { (systemd.sd_journal_open_directory)(&mut journal, c".".as_ptr(), 0) })?;
                self.journal = journal;
                Ok(Value::Nothing)
            }
            "skip" => {
                let (by,): (i64,) = args.take()?;
                self.skip(by, wire)
            }
            "realtime" => {
                let () = args.take()?;
                let mut time = 0;
                // SAFETY: see above; the library writes one number.
                checked(unsafe { (systemd.sd_journal_get_realtime_usec)(journal, &mut time) })?;
                i64::try_from(time).map(Plain::into_value).map_err(|_| Errno::OVERFLOW.into())
            }
            "threshold" => {
                let () = args.take()?;
                let mut size = 0;
                // SAFETY: see above; the library writes one number.
                checked(unsafe { (systemd.sd_journal_get_data_threshold)(journal, &mut size) })?;
                // Beyond what can be told it is none.
                Ok(i64::try_from(size).unwrap_or(0).into_value())
            }
            "set_threshold" => {
                let (size,): (i64,) = args.take()?;
                let size = usize::try_from(size).map_err(|_| Errno::INVAL)?;
                // SAFETY: see above.
                checked(unsafe { (systemd.sd_journal_set_data_threshold)(journal, size) })?;
                Ok(Value::Nothing)
            }
            "fields" => {
                let () = args.take()?;
                self.fields(wire)
            }
            _ => Err(Fault::unknown(function)),
        }
    }
}

impl Open {
    /// Move by so many entries. By how many it was.
    fn skip(&self, by: i64, wire: &mut Wire) -> Result<Value> {
        let step = if by < 0 { self.library.sd_journal_previous_skip } else { self.library.sd_journal_next_skip };
        let (all, mut moved) = (by.unsigned_abs(), 0u64);
        while moved < all {
            let stride = all.saturating_sub(moved).min(STRIDE);
            // SAFETY: see `call`.
            let passed = checked(unsafe { step(self.journal, stride) })?.unsigned_abs().into();
            moved = moved.saturating_add(passed);
            if passed < stride {
                break;
            }
            wire.alive()?;
        }
        i64::try_from(moved).map(Plain::into_value).map_err(|_| Errno::OVERFLOW.into())
    }

    /// Send all fields of the current entry, in pieces: the length of the field, if it begins, and bytes.
    fn fields(&self, wire: &mut Wire) -> Result<Value> {
        // SAFETY: see `call`.
        unsafe { (self.library.sd_journal_restart_data)(self.journal) };
        loop {
            let (mut data, mut length) = (std::ptr::null(), 0);
            // SAFETY: see `call`; the library writes a pointer and a number.
            let more = unsafe { (self.library.sd_journal_enumerate_data)(self.journal, &mut data, &mut length) };
            if checked(more)? == 0 {
                return Ok(Value::Nothing);
            }
            if data.is_null() || length == 0 {
                continue;
            }
            // SAFETY: so many bytes are there until the next call of the library. They may be in a mapped file;
            // should that become shorter meanwhile, this process is killed.
            let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) };
            let mut begins = i64::try_from(length).ok();
            for piece in data.chunks(PIECE) {
                wire.piece((begins.take(), BString::from(piece)))?;
            }
        }
    }
}
