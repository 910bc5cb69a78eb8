//! libhivex: hives of the Windows Registry, hivex(3).
//!
//! In: one hive, as an open file; then handles of its nodes and values, which the library checks. Out: what is
//! in it, and changed hives.

use crate::c::{self, functions};
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::worker::{Incoming, Plain, Value};
use rustix::fd::OwnedFd;
use rustix::fs::{fallocate, fstat, ftruncate, memfd_create, FallocateFlags, MemfdFlags};
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// `hive_h`.
#[repr(C)]
struct Hive {
    _opaque: [u8; 0],
}

/// `hive_set_value`.
#[repr(C)]
struct SetValue {
    key: *const c_char,
    kind: c_int,
    length: usize,
    value: *const c_char,
}

functions! {
    struct Hivex in [c"libhivex.so.0"] {
        hivex_open: fn(*const c_char, c_int) -> *mut Hive,
        hivex_root: fn(*mut Hive) -> usize,
        hivex_node_name: fn(*mut Hive, usize) -> *mut c_char,
        hivex_node_children: fn(*mut Hive, usize) -> *mut usize,
        hivex_node_get_child: fn(*mut Hive, usize, *const c_char) -> usize,
        hivex_node_parent: fn(*mut Hive, usize) -> usize,
        hivex_node_values: fn(*mut Hive, usize) -> *mut usize,
        hivex_node_get_value: fn(*mut Hive, usize, *const c_char) -> usize,
        hivex_value_key: fn(*mut Hive, usize) -> *mut c_char,
        hivex_value_type: fn(*mut Hive, usize, *mut c_int, *mut usize) -> c_int,
        hivex_value_value: fn(*mut Hive, usize, *mut c_int, *mut usize) -> *mut c_char,
        hivex_value_data_cell_offset: fn(*mut Hive, usize, *mut usize) -> usize,
        hivex_commit: fn(*mut Hive, *const c_char, c_int) -> c_int,
        hivex_node_add_child: fn(*mut Hive, usize, *const c_char) -> usize,
        hivex_node_delete_child: fn(*mut Hive, usize) -> c_int,
        hivex_node_set_value: fn(*mut Hive, usize, *const SetValue, c_int) -> c_int,
    }
}

/// Names and texts are converted by modules of the C library, which cannot be loaded later.
const CONVERSIONS: [(&CStr, &CStr); 4] =
    [(c"UTF-8", c"UTF-16LE"), (c"UTF-16LE", c"UTF-8"), (c"UTF-8", c"LATIN1"), (c"LATIN1", c"UTF-8")];

/// A value of more bytes than this is stored in pieces of so many, and a shorter last one.
const PIECE_MAX: usize = 16_344;
/// What is behind a full piece in its cell.
const PADDING: usize = 4;
/// Offsets in a hive are counted from here on.
const FIRST_BIN: u64 = 4096;

/// `HIVEX_OPEN_WRITE`, hivex.h.
const WRITE: c_int = 4;

/// Copied at once.
const PIECE: usize = 1 << 20;

/// Load the library.
pub fn load() -> Result<Box<dyn Library>> {
    let library = Hivex::load()?;
    for (to, from) in CONVERSIONS {
        // SAFETY: two names that end in NUL. What is opened stays so, which keeps the modules loaded.
        if unsafe { libc::iconv_open(to.as_ptr(), from.as_ptr()) } as isize == -1 {
            let names = format!("{} to {}", from.to_string_lossy(), to.to_string_lossy());
            return Err(Fault::new(Errno::OPNOTSUPP, format!("the C library cannot convert {names}")));
        }
    }
    Ok(Box::new(Open { library, hive: std::ptr::null_mut(), file: None }))
}

struct Open {
    library: Hivex,
    /// NULL before it was opened. Each hive has a process of its own.
    hive: *mut Hive,
    /// What it was read from, unless it may be written to.
    file: Option<File>,
}

/// A handle of the client's. What is no handle of this hive is refused by the library.
fn handle(number: i64) -> Result<usize> {
    usize::try_from(number).map_err(|_| Errno::INVAL.into())
}

/// A handle of the library's; 0 is the failure of the call.
fn made(handle: usize) -> Result<Value> {
    match handle {
        0 => Err(c::failure()),
        handle => number(handle),
    }
}

fn number(handle: usize) -> Result<Value> {
    i64::try_from(handle).map(Value::Int).map_err(|_| Errno::OVERFLOW.into())
}

/// 0 is success.
fn done(result: c_int) -> Result<Value> {
    match result {
        0 => Ok(Value::Nothing),
        _ => Err(c::failure()),
    }
}

/// 0 is not found, unless there is an error.
fn found(handle: usize) -> Result<Value> {
    match (handle, c::error()) {
        (0, Some(e)) => Err(e.into()),
        (handle, _) => number(handle),
    }
}

impl Library for Open {
    fn call(&mut self, function: &str, args: Incoming, _: &mut Wire) -> Result<Value> {
        let (hivex, hive) = (&self.library, self.hive);
        if (function == "open") != hive.is_null() {
            return Err(Fault::new(Errno::PROTO, "a hive is opened once, before all else"));
        }
        // SAFETY of all calls below: `hive` is what hivex_open gave, and is never closed. Strings end in NUL and
        // live as long as the call. Handles may be any number: the library checks that they are of this hive.
        match function {
            "open" => {
                let (file, flags): (OwnedFd, i32) = args.take()?;
                // SAFETY: see above. The library opens the file anew, so that ours need not last.
                self.hive = unsafe { (hivex.hivex_open)(c::path_of(&file).as_ptr(), flags) };
                // One that may be written to outlives its file system, which an open file would keep in use.
                self.file = (flags & WRITE == 0).then(|| File::from(file));
                match self.hive.is_null() {
                    true => Err(c::failure()),
                    false => Ok(Value::Nothing),
                }
            }
            "root" => {
                let () = args.take()?;
                // SAFETY: see above.
                made(unsafe { (hivex.hivex_root)(hive) })
            }
            "node_name" => {
                let (node,): (i64,) = args.take()?;
                // SAFETY: see above; the name is for us to free.
                unsafe { c::string((hivex.hivex_node_name)(hive, handle(node)?)) }.map(Plain::into_value)
            }
            "node_children" => {
                let (node,): (i64,) = args.take()?;
                // SAFETY: see above.
                self.handles(unsafe { (hivex.hivex_node_children)(hive, handle(node)?) })
            }
            "node_values" => {
                let (node,): (i64,) = args.take()?;
                // SAFETY: see above.
                self.handles(unsafe { (hivex.hivex_node_values)(hive, handle(node)?) })
            }
            "node_get_child" => {
                let (node, name): (i64, CString) = args.take()?;
                let node = handle(node)?;
                c::forget_error();
                // SAFETY: see above.
                found(unsafe { (hivex.hivex_node_get_child)(hive, node, name.as_ptr()) })
            }
            "node_get_value" => {
                let (node, key): (i64, CString) = args.take()?;
                let node = handle(node)?;
                c::forget_error();
                // SAFETY: see above.
                found(unsafe { (hivex.hivex_node_get_value)(hive, node, key.as_ptr()) })
            }
            "node_parent" => {
                let (node,): (i64,) = args.take()?;
                // SAFETY: see above.
                made(unsafe { (hivex.hivex_node_parent)(hive, handle(node)?) })
            }
            "value_key" => {
                let (value,): (i64,) = args.take()?;
                // SAFETY: see above; the name is for us to free.
                unsafe { c::string((hivex.hivex_value_key)(hive, handle(value)?)) }.map(Plain::into_value)
            }
            "value_type" => {
                let (value,): (i64,) = args.take()?;
                let (mut kind, mut length) = (0, 0);
                // SAFETY: see above; the library writes two numbers.
                done(unsafe { (hivex.hivex_value_type)(hive, handle(value)?, &mut kind, &mut length) })?;
                Ok(kind.into_value())
            }
            "value_value" => {
                let (value,): (i64,) = args.take()?;
                let (mut kind, mut length) = (0, 0);
                let value = handle(value)?;
                // SAFETY: see above; the library writes two numbers, and gives that many bytes to us.
                let mut data: BString = unsafe {
                    let data = (hivex.hivex_value_value)(hive, value, &mut kind, &mut length);
                    c::bytes(data, length)?
                };
                if data.len() >= PIECE_MAX {
                    let end = self.cut_off(value, data.len());
                    data.extend(end.unwrap_or_default());
                }
                Ok(data.into_value())
            }
            "node_add_child" => {
                let (parent, name): (i64, CString) = args.take()?;
                // SAFETY: see above.
                made(unsafe { (hivex.hivex_node_add_child)(hive, handle(parent)?, name.as_ptr()) })
            }
            "node_delete_child" => {
                let (node,): (i64,) = args.take()?;
                // SAFETY: see above.
                done(unsafe { (hivex.hivex_node_delete_child)(hive, handle(node)?) })
            }
            "node_set_value" => {
                let (node, key, kind, data): (i64, CString, i32, BString) = args.take()?;
                let (length, value) = (data.len(), data.as_ptr().cast());
                let value = SetValue { key: key.as_ptr(), kind, length, value };
                // SAFETY: see above; the library copies what the structure points to.
                done(unsafe { (hivex.hivex_node_set_value)(hive, handle(node)?, &value, 0) })
            }
            "commit" => {
                let (file,): (OwnedFd,) = args.take()?;
                self.commit(file)
            }
            _ => Err(Fault::unknown(function)),
        }
    }
}

impl Open {
    /// A list of handles that ends in 0, which is freed.
    fn handles(&self, list: *mut usize) -> Result<Value> {
        if list.is_null() {
            return Err(c::failure());
        }
        let mut copy = Vec::new();
        let mut at = list;
        let result = loop {
            // SAFETY: the list goes on to its 0, and `at` is not behind that.
            let (handle, next) = unsafe { (*at, at.add(1)) };
            if handle == 0 {
                break Ok(Value::List(copy));
            }
            match number(handle) {
                Ok(value) => copy.push(value),
                Err(e) => break Err(e),
            }
            at = next;
        };
        // SAFETY: the list is from malloc(3) and for us to free.
        unsafe { libc::free(list.cast::<c_void>()) };
        result
    }

    /// The end of a value in pieces of which the library gave `have` bytes: it takes the last four bytes of every
    /// cell for padding, which Windows has behind full pieces only. No call gives what is missing, but the file
    /// does: the library writes no such values.
    fn cut_off(&self, value: usize, have: usize) -> Option<Vec<u8>> {
        let file = self.file.as_ref()?;
        let (mut kind, mut length, mut cell) = (0, 0, 0);
        // SAFETY: as all calls of the library, which writes numbers.
        let record = unsafe {
            let typed = (self.library.hivex_value_type)(self.hive, value, &mut kind, &mut length);
            (typed == 0).then(|| (self.library.hivex_value_data_cell_offset)(self.hive, value, &mut cell))?
        };
        let missing = length.checked_sub(have).filter(|missing| (1..=PADDING).contains(missing))?;
        let word = |at: u64| {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, at).ok()?;
            Some(bytes)
        };
        let offset = |at: u64| Some(FIRST_BIN + u64::from(u32::from_le_bytes(word(at)?)));
        // A mark, the number of pieces, and where the list of them is, each behind the size of its cell.
        let record = u64::try_from(record).ok()?;
        let [b'd', b'b', low, high] = word(record + 4)? else { return None };
        let before = u64::from(u16::from_le_bytes([low, high])).checked_sub(1)?;
        let last = offset(offset(record + 8)? + 4 + 4 * before)?;
        // The size of a cell in use is negative, and counts itself.
        let room = i32::from_le_bytes(word(last)?).checked_neg()?.checked_sub(4)?;
        let length = u64::try_from(length).ok()?.checked_sub(before * PIECE_MAX as u64)?;
        let from =
            length.checked_sub(missing as u64).filter(|_| u64::try_from(room).is_ok_and(|room| length <= room))?;
        let mut end = vec![0; missing];
        file.read_exact_at(&mut end, last + 4 + from).ok()?;
        Some(end)
    }

    /// Write the hive into a file. It is made in memory first: what the library finds wrong with it, and a disk
    /// that is full, leave the file as it was.
    fn commit(&self, file: OwnedFd) -> Result<Value> {
        let made = memfd_create(c"hive", MemfdFlags::CLOEXEC)?;
        // SAFETY: as all calls of the library.
        done(unsafe { (self.library.hivex_commit)(self.hive, c::path_of(&made).as_ptr(), 0) })?;
        let length = u64::try_from(fstat(&made)?.st_size).unwrap_or_default();
        if length > u64::try_from(fstat(&file)?.st_size).unwrap_or_default() {
            match fallocate(&file, FallocateFlags::empty(), 0, length) {
                // Not every file system can; writing will tell.
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(e) => return Err(e.into()),
            }
        }
        let (from, to) = (File::from(made), File::from(file));
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        while at < length {
            let n = from.read_at(&mut piece, at)?;
            if n == 0 {
                return Err(Errno::IO.into());
            }
            to.write_all_at(piece.get(..n).unwrap_or_default(), at)?;
            at = at.saturating_add(n as u64);
        }
        ftruncate(&to, length)?;
        Ok(Value::Nothing)
    }
}
