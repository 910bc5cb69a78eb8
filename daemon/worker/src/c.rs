//! Loading a C library at run time, and what its functions give and take.
//!
//! In: the names that a library has in the distributions, and the types of its functions, which are the same under
//! all of them. Out: a struct of function pointers; copies of memory that a library allocated.
//!
//! ```ignore
//! functions! {
//!     struct Hivex in [c"libhivex.so.0"] {
//!         hivex_root: fn(*mut Hive) -> usize,
//!     }
//! }
//! ```

use crate::fault::{Fault, Result};
use bstr::BString;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use std::ffi::{c_char, c_void, CStr, CString};

/// A shared library that stays loaded until the process ends.
pub struct Loaded {
    name: &'static CStr,
    handle: *mut c_void,
}

impl Loaded {
    /// Load the first of these that is here, with everything that it needs.
    pub fn open(names: &[&'static CStr]) -> Result<Loaded> {
        let mut why = Vec::new();
        for name in names {
            // SAFETY: a name that ends in NUL; the library's own start code is the distribution's.
            let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
            if !handle.is_null() {
                return Ok(Loaded { name, handle });
            }
            why.push(last_error());
        }
        Err(Fault::new(Errno::OPNOTSUPP, format!("cannot load a library: {}", why.join("; "))))
    }

    /// The name by which it was found.
    pub fn name(&self) -> &'static CStr {
        self.name
    }

    /// The address of one of its functions, never NULL.
    pub fn symbol(&self, name: &CStr) -> Result<*mut c_void> {
        // SAFETY: the handle is that of `open`, which is never closed; the name ends in NUL.
        let address = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        match address.is_null() {
            false => Ok(address),
            true => {
                let text = format!("{} has no function {}", self.name.to_string_lossy(), name.to_string_lossy());
                Err(Fault::new(Errno::OPNOTSUPP, text))
            }
        }
    }
}

fn last_error() -> String {
    // SAFETY: the text is the loader's, and stays until its next call by this thread, the only one.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            return "no reason given".into();
        }
        CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}

/// Declares a struct of the functions that are used of a library, with `load()`. The types are those of the
/// library's manual: nothing checks them.
macro_rules! functions {
    ($(#[$doc:meta])* struct $name:ident in [$($library:literal),+] {
        $($function:ident: fn($($arg:ty),* $(,)?) $(-> $ret:ty)?,)*
    }) => {
        $(#[$doc])*
        struct $name {
            /// The name by which the library was found. Where its structures are the same under all, nobody asks.
            #[allow(dead_code)]
            found: &'static std::ffi::CStr,
            $($function: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
        }

        impl $name {
            fn load() -> $crate::fault::Result<$name> {
                let library = $crate::c::Loaded::open(&[$($library),+])?;
                $(
                    let name = concat!(stringify!($function), "\0");
                    let name = std::ffi::CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default();
                    let address = library.symbol(name)?;
                    // SAFETY: a function of this name is there, and the type is what its manual says.
                    let $function = unsafe {
                        std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C" fn($($arg),*) $(-> $ret)?>(address)
                    };
                )*
                Ok($name { found: library.name(), $($function),* })
            }
        }
    };
}
pub(crate) use functions;

/// The name by which a library opens a file that the daemon has opened.
pub fn path_of(file: &OwnedFd) -> CString {
    // No NUL is in it, so there is nothing to be said of one.
    CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}

/// Forget the error of the last call, for functions that show failure by errno alone.
pub fn forget_error() {
    // SAFETY: the address is that of this thread's errno.
    unsafe { *libc::__errno_location() = 0 };
}

/// The error of the last call, if there was one.
pub fn error() -> Option<Errno> {
    Errno::from_io_error(&std::io::Error::last_os_error()).filter(|e| e.raw_os_error() != 0)
}

/// The error of a call that has failed.
pub fn failure() -> Fault {
    error().map_or_else(|| Fault::new(Errno::IO, "failed and gave no reason"), Fault::from)
}

/// A copy of a string that the library allocated for us, which is freed. NULL is the failure of the call.
///
/// # Safety
/// `text` is NULL, or what malloc(3) gave and a string is in, which nobody else frees.
pub unsafe fn string(text: *mut c_char) -> Result<BString> {
    if text.is_null() {
        return Err(failure());
    }
    // SAFETY: not NULL, and a string by the contract.
    let length = unsafe { CStr::from_ptr(text) }.count_bytes();
    // SAFETY: so many bytes are there.
    unsafe { bytes(text, length) }
}

/// A copy of `length` bytes that the library allocated for us, which are freed. NULL is the failure of the call.
///
/// # Safety
/// `data` is NULL, or what malloc(3) gave for at least `length` bytes, which nobody else frees.
pub unsafe fn bytes(data: *mut c_char, length: usize) -> Result<BString> {
    if data.is_null() {
        return Err(failure());
    }
    let mut copy: Vec<u8> = Vec::new();
    let room = copy.try_reserve_exact(length);
    if room.is_ok() {
        // SAFETY: so many bytes are there, and are not changed while they are copied.
        copy.extend_from_slice(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) });
    }
    // SAFETY: it is from malloc(3), and this is the only place that frees it.
    unsafe { libc::free(data.cast()) };
    room.map_err(|_| Fault::from(Errno::NOMEM))?;
    Ok(copy.into())
}
