//! Pieces of the exported Rust functions that depend on types.
//!
//! In: types of the model. Out: tokens for `ffi.rs`.

use super::types::{passing, Passing};
use crate::emit::rust::ident;
use crate::model::name::camel;
use crate::model::{ArgType, OptType, RetType};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// Parameters of one argument.
pub fn params(ty: ArgType, name: &str) -> Vec<TokenStream> {
    let id = ident(name);
    match passing(ty) {
        Passing::Bool | Passing::Int => vec![quote! { #id: c_int }],
        Passing::Int64 => vec![quote! { #id: i64 }],
        Passing::Str | Passing::OptStr => vec![quote! { #id: *const c_char }],
        Passing::StrList => vec![quote! { #id: *const *const c_char }],
        Passing::Buffer => {
            let size = format_ident!("gfs_{name}_size");
            vec![quote! { #id: *const c_char }, quote! { #size: usize }]
        }
        Passing::Pointer => vec![quote! { #id: *mut libc::c_void }],
    }
}

/// Names of those parameters.
pub fn param_names(ty: ArgType, name: &str) -> Vec<TokenStream> {
    let id = ident(name);
    match passing(ty) {
        Passing::Buffer => {
            let size = format_ident!("gfs_{name}_size");
            vec![quote! { #id }, quote! { #size }]
        }
        _ => vec![quote! { #id }],
    }
}

/// True when a parameter's type mentions `c_char`.
pub fn has_char(ty: ArgType) -> bool {
    matches!(passing(ty), Passing::Str | Passing::OptStr | Passing::StrList | Passing::Buffer)
}

/// True when a parameter's type mentions `c_int`.
pub fn has_int(ty: ArgType) -> bool {
    matches!(passing(ty), Passing::Bool | Passing::Int)
}

/// The statement that turns a raw argument into a safe one; scalars need none.
pub fn read(ty: ArgType, name: &str) -> Option<TokenStream> {
    let id = ident(name);
    Some(match passing(ty) {
        Passing::Bool | Passing::Int | Passing::Int64 | Passing::Pointer => return None,
        Passing::Str => quote! { let #id = gfs_call.str(#name, #id)?; },
        Passing::OptStr => quote! { let #id = gfs_call.opt_str(#id); },
        Passing::StrList => quote! { let #id = gfs_call.list(#name, #id)?; },
        Passing::Buffer => {
            let size = format_ident!("gfs_{name}_size");
            quote! { let #id = gfs_call.buffer(#name, #id, #size)?; }
        }
    })
}

/// The argument as the safe method takes it.
pub fn pass(ty: ArgType, name: &str) -> TokenStream {
    let id = ident(name);
    match passing(ty) {
        Passing::Bool => quote! { #id != 0 },
        Passing::StrList => quote! { &#id },
        Passing::Pointer => quote! { guestfs::Pointer::new(#id) },
        _ => quote! { #id },
    }
}

/// Type of a member of an `_argv` struct.
pub fn opt(ty: OptType) -> TokenStream {
    match ty {
        OptType::Bool | OptType::Int => quote! { c_int },
        OptType::Int64 => quote! { i64 },
        OptType::Str => quote! { *const c_char },
        OptType::StrList => quote! { *const *const c_char },
    }
}

/// Type of the result.
pub fn ret(ty: &RetType) -> TokenStream {
    match ty {
        RetType::Unit | RetType::Bool | RetType::Int => quote! { c_int },
        RetType::Int64 => quote! { i64 },
        RetType::ConstStr | RetType::ConstOptStr => quote! { *const c_char },
        RetType::Str(_) | RetType::Buffer => quote! { *mut c_char },
        RetType::StrList(_) | RetType::Hash(..) => quote! { *mut *mut c_char },
        RetType::Struct(s) => {
            let s = format_ident!("{}", camel(s));
            quote! { *mut c_structs::#s }
        }
        RetType::StructList(s) => {
            let s = format_ident!("{}", camel(s));
            quote! { *mut CList<c_structs::#s> }
        }
    }
}

/// The type of `marshal.rs` that a result is wrapped in, or the empty string.
pub fn ret_wrapper(ty: &RetType) -> &'static str {
    match ty {
        RetType::ConstStr => "Const",
        RetType::ConstOptStr => "ConstOpt",
        RetType::Buffer => "Buffer",
        RetType::Struct(_) => "One",
        RetType::StructList(_) => "List",
        _ => "",
    }
}

/// What follows the call of the safe method.
pub fn wrap(ty: &RetType) -> TokenStream {
    match ret_wrapper(ty) {
        "" => quote! {},
        "Buffer" => quote! { .map(|gfs_bytes| Buffer(gfs_bytes, gfs_size)) },
        w => {
            let w = format_ident!("{w}");
            quote! { .map(#w) }
        }
    }
}
