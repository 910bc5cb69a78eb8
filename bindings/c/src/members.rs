//! Members of the C ABI's structs, and the macro that makes a struct and its functions of a list of them.
//!
//! In: `c_struct!` with the name of a struct and its members by kind (`generated/c/ffi/c_structs.rs`). Out:
//! the `repr(C)` type, its [`CStruct`](crate::structs::CStruct), and `guestfs_{free,copy,compare}_NAME` for it
//! and for lists of it.

use crate::memory::Memory;
use crate::structs::{compare_bytes, compare_strings, copy_bytes, copy_string, length, release};
use guestfs::protocol::xdr;
use guestfs::BString;
use libc::c_char;
use std::cmp::Ordering;

/// How members of one kind look in C and what is done with them. Of buffers `len` is the length, of others 0.
///
/// # Safety
/// Pointers that [`Kind::make`] and [`Kind::copy`] give are from `malloc`, for [`Kind::free`].
pub unsafe trait Kind {
    /// Type in C.
    type C: Copy;
    /// Type in the library.
    type Safe;
    /// Convert, copying strings to `malloc`ed memory.
    fn make(safe: &Self::Safe, memory: Memory) -> Self::C;
    /// Deep copy into a place that is zero; false when memory is short.
    ///
    /// # Safety
    /// Strings are null or NUL-terminated, buffers null or as long as `len`.
    unsafe fn copy(from: Self::C, _len: u32, to: &mut Self::C) -> bool {
        *to = from;
        true
    }
    /// Free what it points to.
    ///
    /// # Safety
    /// It came from `make` or `copy`.
    unsafe fn free(_member: &mut Self::C) {}
    /// Order.
    ///
    /// # Safety
    /// As for [`Kind::copy`], for both.
    unsafe fn compare(a: (Self::C, u32), b: (Self::C, u32)) -> Ordering;
}

/// A string, also the name of a device.
pub struct Str;
/// Bytes, behind a member with their number.
pub struct Buffer;
/// One character.
pub struct Char;
/// An LVM UUID: 32 characters, no NUL.
pub struct Uuid;
/// Bytes; unsigned in C, where the library and the wire have a signed number.
pub struct Size;
/// 0 to 100, or -1.
pub struct Percent;

// SAFETY: strings are from malloc.
unsafe impl Kind for Str {
    type C = *mut c_char;
    type Safe = BString;
    fn make(safe: &BString, memory: Memory) -> *mut c_char {
        memory.string(safe)
    }
    unsafe fn copy(from: *mut c_char, _: u32, to: &mut *mut c_char) -> bool {
        // SAFETY: the caller's promise.
        unsafe { copy_string(from, to) }
    }
    unsafe fn free(member: &mut *mut c_char) {
        // SAFETY: the caller's promise.
        unsafe { release(member) }
    }
    unsafe fn compare(a: (*mut c_char, u32), b: (*mut c_char, u32)) -> Ordering {
        // SAFETY: the caller's promise.
        unsafe { compare_strings(a.0, b.0) }
    }
}

// SAFETY: buffers are from malloc.
unsafe impl Kind for Buffer {
    type C = *mut c_char;
    type Safe = xdr::Opaque;
    fn make(safe: &xdr::Opaque, memory: Memory) -> *mut c_char {
        memory.string(&safe.0)
    }
    unsafe fn copy(from: *mut c_char, len: u32, to: &mut *mut c_char) -> bool {
        // SAFETY: the caller's promise.
        unsafe { copy_bytes(from, len, to) }
    }
    unsafe fn free(member: &mut *mut c_char) {
        // SAFETY: the caller's promise.
        unsafe { release(member) }
    }
    unsafe fn compare(a: (*mut c_char, u32), b: (*mut c_char, u32)) -> Ordering {
        // SAFETY: the caller's promise.
        unsafe { compare_bytes((a.0, a.1), (b.0, b.1)) }
    }
}

/// Members that point to nothing.
macro_rules! plain {
    ($($kind:ty: $safe:ty => $c:ty, $make:expr, $order:expr;)*) => {$(
        // SAFETY: there are no pointers.
        unsafe impl Kind for $kind {
            type C = $c;
            type Safe = $safe;
            fn make(safe: &$safe, _: Memory) -> $c {
                ($make)(safe)
            }
            unsafe fn compare(a: ($c, u32), b: ($c, u32)) -> Ordering {
                ($order)(&a.0, &b.0)
            }
        }
    )*};
}

plain! {
    i32: i32 => i32, i32::clone, Ord::cmp;
    u32: u32 => u32, u32::clone, Ord::cmp;
    i64: i64 => i64, i64::clone, Ord::cmp;
    u64: u64 => u64, u64::clone, Ord::cmp;
    Char: xdr::Char => c_char, |c: &xdr::Char| c.0 as c_char, Ord::cmp;
    Uuid: xdr::Uuid32 => [c_char; 32], |u: &xdr::Uuid32| u.0.map(|b| b as c_char), Ord::cmp;
    Size: i64 => u64, |n: &i64| *n as u64, Ord::cmp;
    Percent: f32 => f32, f32::clone, f32::total_cmp;
}

/// Length of a buffer, for the member in front of it.
pub fn len(buffer: &xdr::Opaque) -> u32 {
    length(&buffer.0)
}

/// `c_struct!(Stat stat { dev: i64, … })`: type in Rust, name in C, members. `len / name: Buffer` for buffers.
macro_rules! c_struct {
    ($ty:ident $name:ident { $($(/ $len:ident)? $field:ident: $kind:ident),* $(,)? }) => {
        /// The struct of that name in `guestfs.h`.
        #[repr(C)]
        pub struct $ty {
            $($(pub $len: u32,)? pub $field: <$kind as Kind>::C,)*
        }

        // SAFETY: kinds keep the promise for each member.
        unsafe impl CStruct for $ty {
            type Safe = safe::$ty;

            unsafe fn fill(place: *mut Self, from: &Self::Safe, memory: Memory) {
                // SAFETY: the caller's promise. Member by member: what lies between them stays zero.
                unsafe {
                    $(
                        $((*place).$len = members::len(&from.$field);)?
                        (*place).$field = $kind::make(&from.$field, memory);
                    )*
                }
            }

            unsafe fn copy(&self, place: *mut Self) -> bool {
                // SAFETY: the caller's promise, for this and for the place.
                unsafe {
                    true $(
                        & {
                            $((*place).$len = self.$len;)?
                            $kind::copy(self.$field, 0 $(+ self.$len)?, &mut (*place).$field)
                        }
                    )*
                }
            }

            unsafe fn free_members(&mut self) {
                // SAFETY: the caller's promise.
                unsafe { $($kind::free(&mut self.$field);)* }
            }

            unsafe fn compare(&self, other: &Self) -> Ordering {
                // SAFETY: the caller's promise.
                unsafe {
                    Ordering::Equal $(
                        .then_with(|| $kind::compare(
                            (self.$field, 0 $(+ self.$len)?),
                            (other.$field, 0 $(+ other.$len)?),
                        ))
                    )*
                }
            }
        }

        const _: () = {
            // SAFETY of all six: null, or structs and lists that the library made, copied or could have made.
            #[export_name = concat!("guestfs_free_", stringify!($name))]
            unsafe extern "C" fn free(s: *mut $ty) {
                // SAFETY: the caller's promise.
                unsafe { structs::free(s) }
            }
            #[export_name = concat!("guestfs_free_", stringify!($name), "_list")]
            unsafe extern "C" fn free_list(s: *mut CList<$ty>) {
                // SAFETY: the caller's promise.
                unsafe { structs::free_list(s) }
            }
            #[export_name = concat!("guestfs_copy_", stringify!($name))]
            unsafe extern "C" fn copy(s: *const $ty) -> *mut $ty {
                // SAFETY: the caller's promise.
                unsafe { structs::copy(s) }
            }
            #[export_name = concat!("guestfs_copy_", stringify!($name), "_list")]
            unsafe extern "C" fn copy_list(s: *const CList<$ty>) -> *mut CList<$ty> {
                // SAFETY: the caller's promise.
                unsafe { structs::copy_list(s) }
            }
            #[export_name = concat!("guestfs_compare_", stringify!($name))]
            unsafe extern "C" fn compare(a: *const $ty, b: *const $ty) -> c_int {
                // SAFETY: the caller's promise.
                unsafe { structs::compare(a, b) }
            }
            #[export_name = concat!("guestfs_compare_", stringify!($name), "_list")]
            unsafe extern "C" fn compare_list(a: *const CList<$ty>, b: *const CList<$ty>) -> c_int {
                // SAFETY: the caller's promise.
                unsafe { structs::compare_list(a, b) }
            }
        };
    };
}
pub(crate) use c_struct;
