//! libyara: rules that files are compared with, yara(1).
//!
//! In: rules, as source or compiled, then files. Out: the names of the rules that a file matches.
//! The structures are those of the versions 4.2 (libyara.so.9) and 4.5 (libyara.so.10) of the library, yara/types.h.

use crate::c::{self, functions};
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::worker::{Incoming, Value};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::fs::File;
use std::io::{Read, Seek};

// yara/error.h.
const SUCCESS: c_int = 0;
const NO_MEMORY: c_int = 1;
const NOT_COMPILED: c_int = 6;

/// `YARA_ERROR_LEVEL_ERROR`.
const ERROR: c_int = 0;

/// `CALLBACK_MSG_RULE_MATCHING`, `CALLBACK_CONTINUE` and `CALLBACK_ERROR`.
const MATCHING: c_int = 1;
const CONTINUE: c_int = 0;
const FAILED: c_int = 2;

/// Mistakes in rules that are told.
const MISTAKES_MAX: usize = 10;

/// `YR_RULES`, `YR_RULE`, `YR_COMPILER`, `YR_SCAN_CONTEXT`: only the library knows what is in them.
#[repr(C)]
struct Opaque {
    _opaque: [u8; 0],
}

/// Where the pointer to its name is in a `YR_RULE`, in bytes: behind two numbers of 32 bits, and later four.
fn name_at(library: &CStr) -> usize {
    if library == c"libyara.so.9" {
        8
    } else {
        16
    }
}

type OnMistake = unsafe extern "C" fn(c_int, *const c_char, c_int, *const Opaque, *const c_char, *mut c_void);
type OnMessage = unsafe extern "C" fn(*mut Opaque, c_int, *const c_void, *mut c_void) -> c_int;

functions! {
    struct Yara in [c"libyara.so.9", c"libyara.so.10"] {
        yr_initialize: fn() -> c_int,
        yr_rules_load: fn(*const c_char, *mut *mut Opaque) -> c_int,
        yr_rules_scan_fd: fn(*mut Opaque, c_int, c_int, OnMessage, *mut c_void, c_int) -> c_int,
        yr_compiler_create: fn(*mut *mut Opaque) -> c_int,
        yr_compiler_destroy: fn(*mut Opaque),
        yr_compiler_set_callback: fn(*mut Opaque, OnMistake, *mut c_void),
        yr_compiler_set_include_callback: fn(*mut Opaque, *const c_void, *const c_void, *mut c_void),
        yr_compiler_add_string: fn(*mut Opaque, *const c_char, *const c_char) -> c_int,
        yr_compiler_get_rules: fn(*mut Opaque, *mut *mut Opaque) -> c_int,
    }
}

/// Load the library.
pub fn load() -> Result<Box<dyn Library>> {
    let yara = Yara::load()?;
    // SAFETY: it is called once, before all else.
    done(unsafe { (yara.yr_initialize)() })?;
    Ok(Box::new(Open { yara, rules: std::ptr::null_mut() }))
}

struct Open {
    yara: Yara,
    /// NULL before they were loaded. Each set has a process of its own.
    rules: *mut Opaque,
}

impl Library for Open {
    fn call(&mut self, function: &str, args: Incoming, wire: &mut Wire) -> Result<Value> {
        if (function == "load") != self.rules.is_null() {
            return Err(Fault::new(Errno::PROTO, "rules are loaded once, before all else"));
        }
        match function {
            "load" => {
                let (file,): (OwnedFd,) = args.take()?;
                self.rules = self.load(file)?;
                Ok(Value::Nothing)
            }
            "scan" => {
                let (file,): (OwnedFd,) = args.take()?;
                self.scan(&file, wire)
            }
            _ => Err(Fault::unknown(function)),
        }
    }
}

impl Open {
    /// Compiled rules are told by their first bytes.
    fn load(&self, file: OwnedFd) -> Result<*mut Opaque> {
        let mut rules = std::ptr::null_mut();
        // SAFETY: a path that ends in NUL; the library writes a pointer.
        match unsafe { (self.yara.yr_rules_load)(c::path_of(&file).as_ptr(), &mut rules) } {
            NOT_COMPILED => self.compile(file),
            status => done(status).map(|()| rules),
        }
    }

    fn compile(&self, file: OwnedFd) -> Result<*mut Opaque> {
        let (mut file, mut source) = (File::from(file), Vec::new());
        file.rewind()?;
        file.read_to_end(&mut source)?;
        let source = CString::new(source).map_err(|_| {
            Fault::new(Errno::INVAL, "neither compiled rules nor the source of rules, which has no NUL")
        })?;
        let mut compiler = std::ptr::null_mut();
        // SAFETY: the library writes a pointer.
        done(unsafe { (self.yara.yr_compiler_create)(&mut compiler) })?;
        let rules = self.compile_with(compiler, &source);
        // SAFETY: it was created above, and is not used again. Rules that it gave are on their own.
        unsafe { (self.yara.yr_compiler_destroy)(compiler) };
        rules
    }

    fn compile_with(&self, compiler: *mut Opaque, source: &CStr) -> Result<*mut Opaque> {
        let mut mistakes: Vec<BString> = Vec::new();
        let mut rules = std::ptr::null_mut();
        // SAFETY: the compiler is alive. `mistakes` lives longer than what is told to it. Without a function for
        // them files are not included: there are none in here.
        unsafe {
            (self.yara.yr_compiler_set_callback)(compiler, on_mistake, (&raw mut mistakes).cast());
            (self.yara.yr_compiler_set_include_callback)(
                compiler,
                std::ptr::null(),
                std::ptr::null(),
                std::ptr::null_mut(),
            );
            if (self.yara.yr_compiler_add_string)(compiler, source.as_ptr(), std::ptr::null()) == 0 {
                done((self.yara.yr_compiler_get_rules)(compiler, &mut rules))?;
                return Ok(rules);
            }
        }
        mistakes.truncate(MISTAKES_MAX);
        let text = if mistakes.is_empty() { "the rules cannot be compiled".into() } else { bstr::join("; ", mistakes) };
        Err(Fault::new(Errno::INVAL, text))
    }

    fn scan(&self, file: &OwnedFd, wire: &mut Wire) -> Result<Value> {
        let mut scan = Scan { wire, name_at: name_at(self.yara.found), fault: None };
        // SAFETY: the rules are loaded; `scan` lives longer than the call, which alone uses it.
        let status = unsafe {
            (self.yara.yr_rules_scan_fd)(self.rules, file.as_raw_fd(), 0, on_message, (&raw mut scan).cast(), 0)
        };
        match scan.fault {
            Some(fault) => Err(fault),
            None => done(status).map(|()| Value::Nothing),
        }
    }
}

struct Scan<'w> {
    wire: &'w mut Wire,
    name_at: usize,
    fault: Option<Fault>,
}

/// Called by the compiler. `mistakes` is the list of [`Open::compile_with`].
unsafe extern "C" fn on_mistake(
    level: c_int,
    _file: *const c_char,
    line: c_int,
    _rule: *const Opaque,
    message: *const c_char,
    mistakes: *mut c_void,
) {
    // SAFETY: see there.
    let mistakes = unsafe { &mut *mistakes.cast::<Vec<BString>>() };
    if level == ERROR && !message.is_null() && mistakes.len() < MISTAKES_MAX {
        // SAFETY: a string, which stays for the length of this call.
        let message = unsafe { CStr::from_ptr(message) };
        // 0 is the end.
        let place = if line > 0 { format!("line {line}: ") } else { String::new() };
        mistakes.push(bstr::concat([place.as_bytes(), message.to_bytes()]).into());
    }
}

/// Called by a scan. `scan` is the [`Scan`] of the call.
unsafe extern "C" fn on_message(_: *mut Opaque, message: c_int, data: *const c_void, scan: *mut c_void) -> c_int {
    // SAFETY: see there.
    let scan = unsafe { &mut *scan.cast::<Scan<'_>>() };
    if message != MATCHING || data.is_null() {
        return CONTINUE;
    }
    // SAFETY: with this message comes a rule, which has a pointer to its name, a string, at this place.
    let name = unsafe { CStr::from_ptr(data.byte_add(scan.name_at).cast::<*const c_char>().read()) };
    match scan.wire.piece(BString::from(name.to_bytes())) {
        Ok(()) => CONTINUE,
        Err(fault) => {
            scan.fault = Some(fault);
            FAILED
        }
    }
}

/// What a status of the library means.
fn done(status: c_int) -> Result<()> {
    let (errno, text) = match status {
        SUCCESS => return Ok(()),
        NO_MEMORY => return Err(Errno::NOMEM.into()),
        3 | 4 => (Errno::IO, "cannot open or map the file"),
        7 => (Errno::INVAL, "the compiled rules are damaged"),
        8 => (Errno::INVAL, "the rules were compiled by another version of YARA: load their source"),
        25 | 33 | 44 | 46 | 65 => (Errno::INVAL, "the rules are too demanding for this file"),
        26 => (Errno::TIMEDOUT, "the scan took too long"),
        30 => (Errno::INVAL, "a string of the rules has too many matches in this file"),
        _ => return Err(Fault::new(Errno::INVAL, format!("YARA failed with the code {status}"))),
    };
    Err(Fault::new(errno, text))
}
