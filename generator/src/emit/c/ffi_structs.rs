//! `c/ffi/c_structs.rs`: the structs of the C ABI with their free, copy and compare functions.
//!
//! In: the structs of the model. Out: `repr(C)` types and, for each, an impl of `CStruct`
//! (`bindings/c/src/structs.rs`), over which the exported functions are one line each.

use crate::emit::rust;
use crate::emit::rust::ident;
use crate::model::name::camel;
use crate::model::{Api, Field, FieldType, Struct};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// The whole file.
pub fn file(api: &Api) -> TokenStream {
    let mut structs: Vec<&Struct> = api.structs.iter().collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    let bodies = structs.iter().map(|s| tokens(s));
    let docs = rust::module_docs("The structs of the C ABI: layout, conversion, and free/copy/compare.");
    let uses = quote! {
        use crate::memory::Memory;
        use crate::structs::{self, CList, CStruct};
        use guestfs::protocol::structs as safe;
        use libc::{c_char, c_int};
        use std::cmp::Ordering;
    };
    quote! { #docs #uses #(#bodies)* }
}

fn tokens(s: &Struct) -> TokenStream {
    let ty = format_ident!("{}", camel(&s.name));
    let members = s.fields.iter().map(members);
    let made = s.fields.iter().map(from_safe);
    let freed = s.fields.iter().filter_map(|f| {
        let name = ident(&f.name);
        is_pointer(f.ty).then(|| quote! { structs::release(&mut self.#name); })
    });
    let nulled = s.fields.iter().filter(|f| is_pointer(f.ty)).map(|f| {
        let name = ident(&f.name);
        quote! { gfs_copy.#name = std::ptr::null_mut(); }
    });
    let copied: Vec<TokenStream> = s.fields.iter().filter_map(copy).collect();
    let compared = s.fields.iter().map(compare);
    let compared = quote! { Ordering::Equal #(.then_with(|| #compared))* };
    let pointers = !copied.is_empty();
    let (freed, compared, memory) = if pointers {
        (quote! { unsafe { #(#freed)* } }, quote! { unsafe { #compared } }, quote! { gfs_m: Memory })
    } else {
        (quote! {}, compared, quote! { _: Memory })
    };
    let dup = if copied.is_empty() {
        quote! { Some(*self) }
    } else {
        quote! { unsafe {
            let mut gfs_copy = *self;
            #(#nulled)*
            let gfs_whole = #(#copied)&&*;
            if gfs_whole {
                Some(gfs_copy)
            } else {
                gfs_copy.free_members();
                None
            }
        } }
    };
    let functions = functions(s, &ty);
    let doc = format!(" `struct guestfs_{}`.", s.name);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub struct #ty {
            #(#members),*
        }

        unsafe impl CStruct for #ty {
            type Safe = safe::#ty;

            fn from_safe(gfs_s: safe::#ty, #memory) -> Self {
                #ty { #(#made),* }
            }

            unsafe fn copy(&self) -> Option<Self> {
                #dup
            }

            unsafe fn free_members(&mut self) {
                #freed
            }

            unsafe fn compare(&self, gfs_other: &Self) -> Ordering {
                #compared
            }
        }

        #functions
    }
}

fn is_pointer(ty: FieldType) -> bool {
    matches!(ty, FieldType::Str | FieldType::Device | FieldType::Buffer)
}

fn members(f: &Field) -> TokenStream {
    let name = ident(&f.name);
    match f.ty {
        FieldType::Char => quote! { pub #name: c_char },
        FieldType::Str | FieldType::Device => quote! { pub #name: *mut c_char },
        FieldType::Buffer => {
            let len = len(f);
            quote! { pub #len: u32, pub #name: *mut c_char }
        }
        FieldType::I32 => quote! { pub #name: i32 },
        FieldType::U32 => quote! { pub #name: u32 },
        FieldType::I64 => quote! { pub #name: i64 },
        FieldType::U64 | FieldType::Size => quote! { pub #name: u64 },
        FieldType::Uuid => quote! { pub #name: [c_char; 32] },
        FieldType::Percent => quote! { pub #name: f32 },
    }
}

fn len(f: &Field) -> proc_macro2::Ident {
    format_ident!("{}_len", f.name)
}

fn from_safe(f: &Field) -> TokenStream {
    let name = ident(&f.name);
    match f.ty {
        FieldType::Char => quote! { #name: gfs_s.#name.0 as c_char },
        FieldType::Str | FieldType::Device => quote! { #name: gfs_m.string(&gfs_s.#name) },
        FieldType::Buffer => {
            let len = len(f);
            quote! { #len: structs::length(&gfs_s.#name.0), #name: gfs_m.string(&gfs_s.#name.0) }
        }
        FieldType::Size => quote! { #name: gfs_s.#name as u64 },
        FieldType::Uuid => quote! { #name: gfs_s.#name.0.map(|b| b as c_char) },
        FieldType::I32 | FieldType::U32 | FieldType::I64 | FieldType::U64 | FieldType::Percent => {
            quote! { #name: gfs_s.#name }
        }
    }
}

fn copy(f: &Field) -> Option<TokenStream> {
    let name = ident(&f.name);
    match f.ty {
        FieldType::Str | FieldType::Device => Some(quote! { structs::copy_string(self.#name, &mut gfs_copy.#name) }),
        FieldType::Buffer => {
            let len = len(f);
            Some(quote! { structs::copy_bytes(self.#name, self.#len, &mut gfs_copy.#name) })
        }
        _ => None,
    }
}

fn compare(f: &Field) -> TokenStream {
    let name = ident(&f.name);
    match f.ty {
        FieldType::Str | FieldType::Device => quote! { structs::compare_strings(self.#name, gfs_other.#name) },
        FieldType::Buffer => {
            let len = len(f);
            quote! { structs::compare_bytes((self.#name, self.#len), (gfs_other.#name, gfs_other.#len)) }
        }
        FieldType::Percent => quote! { self.#name.total_cmp(&gfs_other.#name) },
        _ => quote! { self.#name.cmp(&gfs_other.#name) },
    }
}

/// The six exported functions of a struct.
fn functions(s: &Struct, ty: &proc_macro2::Ident) -> TokenStream {
    let one = |op: &str| format_ident!("guestfs_{op}_{}", s.name);
    let list = |op: &str| format_ident!("guestfs_{op}_{}_list", s.name);
    let (free, copy, compare) = (one("free"), one("copy"), one("compare"));
    let (free_list, copy_list, compare_list) = (list("free"), list("copy"), list("compare"));
    quote! {
        /// Free a struct that the library returned or copied.
        ///
        /// # Safety
        /// Null, or such a struct, which is not used again.
        #[no_mangle]
        pub unsafe extern "C" fn #free(gfs_s: *mut #ty) {
            unsafe { structs::free(gfs_s) }
        }
        /// Free a list that the library returned or copied.
        ///
        /// # Safety
        /// Null, or such a list, which is not used again.
        #[no_mangle]
        pub unsafe extern "C" fn #free_list(gfs_s: *mut CList<#ty>) {
            unsafe { structs::free_list(gfs_s) }
        }
        /// Deep copy; null when memory is short.
        ///
        /// # Safety
        /// Null or a whole struct.
        #[no_mangle]
        pub unsafe extern "C" fn #copy(gfs_s: *const #ty) -> *mut #ty {
            unsafe { structs::copy(gfs_s) }
        }
        /// Deep copy; null when memory is short.
        ///
        /// # Safety
        /// Null or a whole list.
        #[no_mangle]
        pub unsafe extern "C" fn #copy_list(gfs_s: *const CList<#ty>) -> *mut CList<#ty> {
            unsafe { structs::copy_list(gfs_s) }
        }
        /// Order two structs, member by member.
        ///
        /// # Safety
        /// Null or whole structs.
        #[no_mangle]
        pub unsafe extern "C" fn #compare(gfs_a: *const #ty, gfs_b: *const #ty) -> c_int {
            unsafe { structs::compare(gfs_a, gfs_b) }
        }
        /// Order two lists: the shorter first, then element by element.
        ///
        /// # Safety
        /// Null or whole lists.
        #[no_mangle]
        pub unsafe extern "C" fn #compare_list(gfs_a: *const CList<#ty>, gfs_b: *const CList<#ty>) -> c_int {
            unsafe { structs::compare_list(gfs_a, gfs_b) }
        }
    }
}
