//! Pointers to objects of other libraries, as arguments of calls.
//!
//! In: an address, with the caller's promise of what is there. Out: the address, for the FFI edge of the
//! library that knows the object. Making one is unsafe; passing it on is not.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A pointer argument of a call.
#[derive(Debug, Clone, Copy)]
pub struct Pointer<'a> {
    address: *mut c_void,
    object: PhantomData<&'a c_void>,
}

impl Pointer<'_> {
    /// Wrap `address` for a call.
    ///
    /// # Safety
    /// `address` is null, or points to an object of the kind that the documentation of the call asks
    /// for, which is valid as long as this value lives and may be used on the calling thread.
    pub unsafe fn new(address: *mut c_void) -> Self {
        Pointer { address, object: PhantomData }
    }

    /// The address, if it is not null.
    pub(crate) fn address(self) -> Option<NonNull<c_void>> {
        NonNull::new(self.address)
    }
}
