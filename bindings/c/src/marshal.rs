//! What every generated C function goes through: the guard, arguments in, results out.
//!
//! In: raw arguments and a closure over the safe library. Out: the C result, or the type's error value
//! with the error recorded and reported on the handle. A panic never crosses into C.

use crate::handle::Guestfs;
use crate::memory::{was_short, Memory};
use crate::structs::{CList, CStruct};
use guestfs::{BStr, BString, Error, ErrorKind, Handle};
use libc::{c_char, c_int};
use std::ffi::CStr;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A C result type and the value of it that means failure.
pub trait CResult {
    /// -1 or NULL.
    const FAILED: Self;
}

impl CResult for c_int {
    const FAILED: Self = -1;
}
impl CResult for i64 {
    const FAILED: Self = -1;
}
impl<T> CResult for *mut T {
    const FAILED: Self = std::ptr::null_mut();
}
impl<T> CResult for *const T {
    const FAILED: Self = std::ptr::null();
}

/// One call in progress: the handle and the name that error messages use.
pub struct Call<'g> {
    gfs: &'g Guestfs,
    name: &'static str,
}

/// Run `body` on the handle behind `g`, inside a panic guard.
///
/// # Safety
/// `g` is null or an open handle. Nothing is locked or allocated unless `body` does so or fails:
/// `guestfs_user_cancel` is called from signal handlers.
pub unsafe fn guard<V, R>(g: *mut Guestfs, name: &'static str, body: impl FnOnce(&Call<'_>) -> Result<V, Error>) -> R
where
    V: IntoC<R>,
    R: CResult,
{
    // SAFETY: the caller's promise.
    let Some(gfs) = (unsafe { g.as_ref() }) else {
        // There is no handle to hang an error on; errno is all a caller can look at.
        // SAFETY: errno is always there.
        unsafe { *libc::__errno_location() = libc::EINVAL };
        return R::FAILED;
    };
    let _in_call = gfs.enter();
    let call = Call { gfs, name };
    let run = || body(&call).and_then(|value| value.into_c(&call));
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => {
            gfs.handle().report(error);
            R::FAILED
        }
        Err(payload) => {
            let why = payload.downcast_ref::<String>().map(String::as_str);
            let why = why.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("unknown reason");
            let text = format!("{name}: internal error of the library: {why}");
            gfs.handle().report(Error::new(ErrorKind::Usage, text).with_errno(libc::EFAULT));
            R::FAILED
        }
    }
}

/// Bits of an `_argv` struct that were checked to be known.
#[derive(Clone, Copy)]
pub struct Mask(u64);

impl Mask {
    /// The value of option number `bit` when it was given. Members of options that were not given hold
    /// anything at all and are not looked at.
    pub fn given<T>(self, bit: u32, value: impl FnOnce() -> T) -> Option<T> {
        (self.0 & (1 << bit) != 0).then(value)
    }
}

impl Call<'_> {
    /// The safe handle.
    pub fn handle(&self) -> &Handle {
        self.gfs.handle()
    }

    /// A string argument.
    ///
    /// # Safety
    /// `p` is null or a NUL-terminated string that outlives the call.
    pub unsafe fn str<'a>(&self, arg: &str, p: *const c_char) -> Result<&'a [u8], Error> {
        // SAFETY: the caller's promise.
        unsafe { bytes(p) }.ok_or_else(|| self.null(arg, "parameter"))
    }

    /// A string argument that may be NULL.
    ///
    /// # Safety
    /// As for [`Call::str`].
    pub unsafe fn opt_str<'a>(&self, p: *const c_char) -> Option<&'a BStr> {
        // SAFETY: the caller's promise.
        unsafe { bytes(p) }.map(BStr::new)
    }

    /// A NULL-terminated list of strings.
    ///
    /// # Safety
    /// `p` is null or such a list, which outlives the call.
    pub unsafe fn list<'a>(&self, arg: &str, p: *const *const c_char) -> Result<Vec<&'a [u8]>, Error> {
        // SAFETY: the caller's promise.
        unsafe { strings(p) }.ok_or_else(|| self.null(arg, "parameter"))
    }

    /// A buffer argument.
    ///
    /// # Safety
    /// `p` is null or points to `size` bytes that outlive the call.
    pub unsafe fn buffer<'a>(&self, arg: &str, p: *const c_char, size: usize) -> Result<&'a [u8], Error> {
        if p.is_null() {
            return Err(self.null(arg, "parameter"));
        }
        if isize::try_from(size).is_err() {
            return Err(Error::usage(format!("{}: {arg}: size {size} is larger than any buffer", self.name)));
        }
        // SAFETY: the caller's promise; the size fits a slice.
        Ok(unsafe { std::slice::from_raw_parts(p.cast(), size) })
    }

    /// The options mask, checked against the number of options this library knows.
    pub fn mask(&self, bitmask: u64, known: u32) -> Result<Mask, Error> {
        let unknown = bitmask & !(1u64.checked_shl(known).unwrap_or(0).wrapping_sub(1));
        if unknown == 0 {
            return Ok(Mask(bitmask));
        }
        Err(Error::usage(format!(
            "{}: option {} in the bitmask is unknown to this library; was the program compiled against a newer one?",
            self.name,
            unknown.trailing_zeros()
        )))
    }

    /// The value of a string option.
    ///
    /// # Safety
    /// As for [`Call::str`].
    pub unsafe fn option_str(&self, arg: &str, p: *const c_char) -> Result<BString, Error> {
        // SAFETY: the caller's promise.
        unsafe { bytes(p) }.map(BString::from).ok_or_else(|| self.null(arg, "optional parameter"))
    }

    /// The value of a list option.
    ///
    /// # Safety
    /// As for [`Call::list`].
    pub unsafe fn option_list(&self, arg: &str, p: *const *const c_char) -> Result<Vec<BString>, Error> {
        // SAFETY: the caller's promise.
        let list = unsafe { strings(p) }.ok_or_else(|| self.null(arg, "optional list"))?;
        Ok(list.into_iter().map(BString::from).collect())
    }

    fn null(&self, arg: &str, what: &str) -> Error {
        Error::usage(format!("{}: {arg}: {what} cannot be NULL", self.name))
    }

    /// A result that does not look like failure. Calls without the flag `signed` have none that does.
    fn number<N: CResult + PartialEq>(&self, number: N) -> Result<N, Error> {
        if number != N::FAILED {
            return Ok(number);
        }
        let text = format!("{}: the result is -1, by which programs in C know a failure", self.name);
        Err(Error::new(ErrorKind::NotSupported, text).with_errno(libc::EOVERFLOW))
    }

    fn memory(&self) -> Memory {
        self.gfs.memory()
    }

    /// A result that is whole, or ENOMEM and `free`, which takes null.
    fn whole<T>(&self, result: *mut T, free: impl FnOnce(*mut T)) -> Result<*mut T, Error> {
        if !was_short() {
            return Ok(result);
        }
        free(result);
        let text = format!("{}: there is no memory for the result", self.name);
        Err(Error::new(ErrorKind::Memory, text).with_errno(libc::ENOMEM))
    }
}

unsafe fn bytes<'a>(p: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: callers pass null or a NUL-terminated string.
    (!p.is_null()).then(|| unsafe { CStr::from_ptr(p) }.to_bytes())
}

unsafe fn strings<'a>(p: *const *const c_char) -> Option<Vec<&'a [u8]>> {
    if p.is_null() {
        return None;
    }
    let mut list = Vec::new();
    let mut at = p;
    // SAFETY: callers pass a list that ends with NULL; we stop there.
    while let Some(item) = unsafe { bytes(*at) } {
        list.push(item);
        // SAFETY: *at was not the terminator, so there is another place.
        at = unsafe { at.add(1) };
    }
    Some(list)
}

/// A result of the safe library that becomes a C value.
pub trait IntoC<R> {
    /// Convert; what is pointed to comes from `malloc` unless the header says that the handle owns it.
    fn into_c(self, call: &Call<'_>) -> Result<R, Error>;
}

/// A string that the handle keeps.
pub struct Const(pub BString);
/// A string that the handle keeps, or NULL.
pub struct ConstOpt(pub Option<BString>);
/// Bytes, and where their number goes.
pub struct Buffer(pub Vec<u8>, pub *mut usize);
/// A struct.
pub struct One<S>(pub S);
/// A list of structs.
pub struct List<S>(pub Vec<S>);

impl IntoC<c_int> for () {
    fn into_c(self, _: &Call<'_>) -> Result<c_int, Error> {
        Ok(0)
    }
}

impl IntoC<c_int> for bool {
    fn into_c(self, _: &Call<'_>) -> Result<c_int, Error> {
        Ok(c_int::from(self))
    }
}

impl IntoC<c_int> for i32 {
    fn into_c(self, call: &Call<'_>) -> Result<c_int, Error> {
        call.number(self)
    }
}

impl IntoC<i64> for i64 {
    fn into_c(self, call: &Call<'_>) -> Result<i64, Error> {
        call.number(self)
    }
}

impl IntoC<*mut c_char> for BString {
    fn into_c(self, call: &Call<'_>) -> Result<*mut c_char, Error> {
        // What is short is null.
        call.whole(call.memory().string(&self), |_| {})
    }
}

impl IntoC<*mut c_char> for Buffer {
    fn into_c(self, call: &Call<'_>) -> Result<*mut c_char, Error> {
        let Buffer(bytes, size) = self;
        if size.is_null() {
            return Err(call.null("size_r", "parameter"));
        }
        let copy = call.whole(call.memory().string(&bytes), |_| {})?;
        // SAFETY: the header asks for a pointer to a size_t here.
        unsafe { size.write(bytes.len()) };
        Ok(copy)
    }
}

impl IntoC<*const c_char> for Const {
    fn into_c(self, call: &Call<'_>) -> Result<*const c_char, Error> {
        Ok(call.gfs.keep(self.0))
    }
}

impl IntoC<*const c_char> for ConstOpt {
    fn into_c(self, call: &Call<'_>) -> Result<*const c_char, Error> {
        Ok(self.0.map_or(std::ptr::null(), |s| call.gfs.keep(s)))
    }
}

impl IntoC<*mut *mut c_char> for Vec<BString> {
    fn into_c(self, call: &Call<'_>) -> Result<*mut *mut c_char, Error> {
        call.whole(call.memory().strings(self.iter().map(|s| s.as_slice())), |_| {})
    }
}

impl IntoC<*mut *mut c_char> for Vec<(BString, BString)> {
    fn into_c(self, call: &Call<'_>) -> Result<*mut *mut c_char, Error> {
        let flat: Vec<&[u8]> = self.iter().flat_map(|(k, v)| [k.as_slice(), v.as_slice()]).collect();
        call.whole(call.memory().strings(flat.into_iter()), |_| {})
    }
}

impl<C: CStruct> IntoC<*mut C> for One<C::Safe> {
    fn into_c(self, call: &Call<'_>) -> Result<*mut C, Error> {
        let memory = call.memory();
        let place = memory.zeroed::<C>(1);
        if !place.is_null() {
            // SAFETY: a place of this type, all zero.
            unsafe { C::fill(place, &self.0, memory) };
        }
        // SAFETY: null, or a struct of whose pointers some may be null.
        call.whole(place, |place| unsafe { crate::structs::free(place) })
    }
}

impl<C: CStruct> IntoC<*mut CList<C>> for List<C::Safe> {
    fn into_c(self, call: &Call<'_>) -> Result<*mut CList<C>, Error> {
        let memory = call.memory();
        let too_long = |_| Error::new(ErrorKind::Protocol, format!("{}: too many results", call.name));
        let len = u32::try_from(self.0.len()).map_err(too_long)?;
        let (list, val) = (memory.zeroed::<CList<C>>(1), memory.zeroed::<C>(self.0.len()));
        if list.is_null() || val.is_null() {
            // SAFETY: null, or from `zeroed` and empty.
            unsafe {
                libc::free(list.cast());
                libc::free(val.cast());
            }
            return call.whole(std::ptr::null_mut(), |_| {});
        }
        for (i, item) in self.0.iter().enumerate() {
            // SAFETY: i is below the number of places, and all are zero.
            unsafe { C::fill(val.add(i), item, memory) };
        }
        // SAFETY: member by member: what lies between them stays zero.
        unsafe {
            (*list).len = len;
            (*list).val = val;
        }
        // SAFETY: a list of whose strings some may be null.
        call.whole(list, |list| unsafe { crate::structs::free_list(list) })
    }
}
