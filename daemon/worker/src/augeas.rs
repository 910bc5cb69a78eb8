//! libaugeas: configuration files as a tree that can be changed, see augeas.h and <https://augeas.net>.
//!
//! In: the guest's tree and the directory below which the files are; then path expressions and values. Out:
//! nodes, and changed files. The lenses, which say how files are read, are the appliance's own: they are all
//! loaded before the process enters the guest. Augeas reads no file of the guest before that.

use crate::c::{self, functions};
use crate::confine;
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::worker::{Incoming, Plain, Value, FRAME_MAX};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_uint, CStr, CString};

/// `augeas`.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

functions! {
    struct Augeas in [c"libaugeas.so.0"] {
        aug_init: fn(*const c_char, *const c_char, c_uint) -> *mut Handle,
        aug_error: fn(*mut Handle) -> c_int,
        aug_error_message: fn(*mut Handle) -> *const c_char,
        aug_error_minor_message: fn(*mut Handle) -> *const c_char,
        aug_error_details: fn(*mut Handle) -> *const c_char,
        aug_defvar: fn(*mut Handle, *const c_char, *const c_char) -> c_int,
        aug_defnode: fn(*mut Handle, *const c_char, *const c_char, *const c_char, *mut c_int) -> c_int,
        aug_get: fn(*mut Handle, *const c_char, *mut *const c_char) -> c_int,
        aug_label: fn(*mut Handle, *const c_char, *mut *const c_char) -> c_int,
        aug_set: fn(*mut Handle, *const c_char, *const c_char) -> c_int,
        aug_setm: fn(*mut Handle, *const c_char, *const c_char, *const c_char) -> c_int,
        aug_insert: fn(*mut Handle, *const c_char, *const c_char, c_int) -> c_int,
        aug_rm: fn(*mut Handle, *const c_char) -> c_int,
        aug_mv: fn(*mut Handle, *const c_char, *const c_char) -> c_int,
        aug_match: fn(*mut Handle, *const c_char, *mut *mut *mut c_char) -> c_int,
        aug_save: fn(*mut Handle) -> c_int,
        aug_load: fn(*mut Handle) -> c_int,
        aug_transform: fn(*mut Handle, *const c_char, *const c_char, c_int) -> c_int,
    }
}

/// Flags of `aug_init`: read no files yet; keep the handle of a failure, which knows the reason.
const NO_LOAD: c_uint = 1 << 5;
const NO_ERR_CLOSE: c_uint = 1 << 8;

/// Room for all paths of a list: what is left is for their lengths.
const PATHS_MAX: usize = FRAME_MAX / 2;

/// Reasons of a failure to save that are told.
const REASONS: usize = 5;

/// Load the library.
pub fn load() -> Result<Box<dyn Library>> {
    Ok(Box::new(Open { library: Augeas::load()?, handle: std::ptr::null_mut() }))
}

struct Open {
    library: Augeas,
    /// NULL before it was opened. Each handle has a process of its own.
    handle: *mut Handle,
}

impl Library for Open {
    fn call(&mut self, function: &str, args: Incoming, _: &mut Wire) -> Result<Value> {
        if (function == "open") != self.handle.is_null() {
            return Err(Fault::new(Errno::PROTO, "Augeas is opened once, before all else"));
        }
        let (aug, h) = (&self.library, self.handle);
        // SAFETY of all calls below: `h` is what aug_init gave, and is never closed. Strings end in NUL and live
        // as long as the call; the library copies what it keeps of them.
        match function {
            "open" => {
                let (tree, root, flags): (OwnedFd, CString, u32) = args.take()?;
                self.open(tree, &root, flags)
            }
            "load" => {
                let () = args.take()?;
                // SAFETY: see above.
                self.done(unsafe { (aug.aug_load)(h) })
            }
            "save" => {
                let () = args.take()?;
                // SAFETY: see above.
                match unsafe { (aug.aug_save)(h) } {
                    0 => Ok(Value::Nothing),
                    _ => Err(self.not_saved()),
                }
            }
            "get" => {
                let (path,): (CString,) = args.take()?;
                self.one(aug.aug_get, &path)
            }
            "label" => {
                let (path,): (CString,) = args.take()?;
                self.one(aug.aug_label, &path)
            }
            "match" => {
                let (path,): (CString,) = args.take()?;
                self.paths(&path).map(Plain::into_value)
            }
            "set" => {
                let (path, value): (CString, Option<CString>) = args.take()?;
                // SAFETY: see above; NULL is no value.
                self.done(unsafe { (aug.aug_set)(h, path.as_ptr(), or_null(value.as_deref())) })
            }
            "setm" => {
                let (base, sub, value): (CString, Option<CString>, CString) = args.take()?;
                // SAFETY: see above; NULL means the nodes of `base` themselves.
                self.count(unsafe { (aug.aug_setm)(h, base.as_ptr(), or_null(sub.as_deref()), value.as_ptr()) })
            }
            "insert" => {
                let (path, label, before): (CString, CString, bool) = args.take()?;
                // SAFETY: see above.
                self.done(unsafe { (aug.aug_insert)(h, path.as_ptr(), label.as_ptr(), before.into()) })
            }
            "rm" => {
                let (path,): (CString,) = args.take()?;
                // SAFETY: see above.
                self.count(unsafe { (aug.aug_rm)(h, path.as_ptr()) })
            }
            "mv" => {
                let (src, dest): (CString, CString) = args.take()?;
                // SAFETY: see above.
                self.done(unsafe { (aug.aug_mv)(h, src.as_ptr(), dest.as_ptr()) })
            }
            "defvar" => {
                let (name, expr): (CString, Option<CString>) = args.take()?;
                // SAFETY: see above; NULL removes the variable.
                self.count(unsafe { (aug.aug_defvar)(h, name.as_ptr(), or_null(expr.as_deref())) })
            }
            "defnode" => {
                let (name, expr, value): (CString, CString, CString) = args.take()?;
                let mut created = 0;
                // SAFETY: see above; the library writes one number.
                let count = unsafe { (aug.aug_defnode)(h, name.as_ptr(), expr.as_ptr(), value.as_ptr(), &mut created) };
                match count {
                    0.. => Ok((count, created != 0).into_value()),
                    _ => Err(self.failure()),
                }
            }
            "transform" => {
                let (lens, file, remove): (CString, CString, bool) = args.take()?;
                // SAFETY: see above.
                self.done(unsafe { (aug.aug_transform)(h, lens.as_ptr(), file.as_ptr(), remove.into()) })
            }
            _ => Err(Fault::unknown(function)),
        }
    }
}

fn or_null(text: Option<&CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
}

impl Open {
    /// Load the lenses, and enter the guest.
    fn open(&mut self, tree: OwnedFd, root: &CStr, flags: u32) -> Result<Value> {
        // SAFETY: strings that end in NUL; NULL is no further place of lenses. Files below the root are left alone.
        let handle =
            unsafe { (self.library.aug_init)(root.as_ptr(), std::ptr::null(), flags | NO_LOAD | NO_ERR_CLOSE) };
        if handle.is_null() {
            return Err(Fault::new(Errno::NOMEM, "Augeas could not be started"));
        }
        self.handle = handle;
        // SAFETY: as all calls of the library.
        if unsafe { (self.library.aug_error)(handle) } != 0 {
            return Err(self.failure());
        }
        confine::enter(tree, true)?;
        Ok(Value::Nothing)
    }

    /// 0 is success.
    fn done(&self, result: c_int) -> Result<Value> {
        match result {
            0 => Ok(Value::Nothing),
            _ => Err(self.failure()),
        }
    }

    /// A number of nodes, or failure.
    fn count(&self, result: c_int) -> Result<Value> {
        match result {
            0.. => Ok(result.into_value()),
            _ => Err(self.failure()),
        }
    }

    /// What Augeas says of its last failure: its message, and what it has beside it.
    fn failure(&self) -> Fault {
        let (aug, h) = (&self.library, self.handle);
        let parts = [aug.aug_error_message, aug.aug_error_minor_message, aug.aug_error_details];
        let mut text = BString::default();
        for part in parts {
            // SAFETY: as all calls of the library.
            let part = copied(unsafe { part(h) }).filter(|part| !part.is_empty());
            let Some(part) = part else { continue };
            if !text.is_empty() {
                text.extend_from_slice(b": ");
            }
            text.extend_from_slice(&part);
        }
        // SAFETY: as all calls of the library. The numbers are those of augeas.h.
        match unsafe { (aug.aug_error)(h) } {
            // It has a reason for most that fails, but not for all.
            0 => Fault { errno: 0, message: "failed, and Augeas gave no reason".into() },
            1 => Fault::new(Errno::NOMEM, text),
            2 => Fault::new(Errno::IO, text),
            4 => Fault::new(Errno::NOENT, text),
            15 => Fault::new(Errno::ACCESS, text),
            _ => Fault::new(Errno::INVAL, text),
        }
    }

    /// What the one node that matches has.
    fn one(
        &self,
        what: unsafe extern "C" fn(*mut Handle, *const c_char, *mut *const c_char) -> c_int,
        path: &CStr,
    ) -> Result<Value> {
        let mut text = std::ptr::null();
        // SAFETY: as all calls of the library, which writes one pointer into its tree, or NULL.
        match unsafe { what(self.handle, path.as_ptr(), &mut text) } {
            1 => Ok(copied(text).into_value()),
            0 => Err(Fault::new(Errno::NOENT, "no node matches")),
            _ => Err(self.failure()),
        }
    }

    /// The paths of all nodes that match.
    fn paths(&self, path: &CStr) -> Result<Vec<BString>> {
        let mut list: *mut *mut c_char = std::ptr::null_mut();
        // SAFETY: as all calls of the library, which gives us a list of as many strings as it says.
        let count = unsafe { (self.library.aug_match)(self.handle, path.as_ptr(), &mut list) };
        let count = usize::try_from(count).map_err(|_| self.failure())?;
        let (mut paths, mut length) = (Vec::new(), 0usize);
        for n in 0..count {
            // SAFETY: the list has `count` strings, each from malloc(3), and is not ours to look behind.
            let path = unsafe { c::string(*list.add(n)) };
            // All of them are taken, so that they are freed.
            if let Ok(path) = path {
                length = length.saturating_add(path.len()).saturating_add(size_of::<u32>() * 3);
                if length <= PATHS_MAX {
                    paths.push(path);
                }
            }
        }
        // SAFETY: the list is from malloc(3), or NULL, and nothing points to it any more.
        unsafe { libc::free(list.cast()) };
        match paths.len() == count {
            true => Ok(paths),
            false => {
                let text = format!(
                    "the paths of the {count} nodes that match are longer than an answer can be: ask for a part \
                     of them, such as the first ones by [position() <= 1000]"
                );
                Err(Fault::new(Errno::TOOBIG, text))
            }
        }
    }

    /// Why saving failed: Augeas has the reasons in the tree, beside those of files that could not be read.
    fn not_saved(&self) -> Fault {
        let mut fault = self.failure();
        let paths = self.paths(c"/augeas/files//error").unwrap_or_default();
        let reasons = paths.iter().filter_map(|path| self.reason(path));
        for (n, reason) in reasons.take(REASONS).enumerate() {
            // Of what kind the failure is, Augeas may not say.
            if n == 0 && fault.errno == 0 {
                fault.message.clear();
            }
            if !fault.message.is_empty() {
                fault.message.extend_from_slice(b"; ");
            }
            fault.message.extend_from_slice(&reason);
        }
        fault
    }

    /// `FILE: KIND: MESSAGE` for an error node of a file that was not saved.
    fn reason(&self, path: &BString) -> Option<BString> {
        let value = |path: &[u8]| {
            let Ok(Value::Bytes(value)) = self.one(self.library.aug_get, &CString::new(path).ok()?) else {
                return None;
            };
            Some(value)
        };
        let kind = value(path)?;
        if [&b"parse_"[..], b"read_", b"mxfm_load", b"lens_"].iter().any(|load| kind.starts_with(load)) {
            return None;
        }
        let file = path.strip_prefix(b"/augeas/files").unwrap_or(path);
        let file = file.strip_suffix(b"/error").unwrap_or(file);
        let mut parts = vec![file.to_vec(), kind];
        parts.extend(value(&bstr::concat([path.as_slice(), b"/message"])));
        Some(bstr::join(": ", parts).into())
    }
}

/// A copy of a string of the library's; `None` for NULL.
fn copied(text: *const c_char) -> Option<BString> {
    // SAFETY: NULL, or a string that stays until the next call of the library.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes().into())
}
