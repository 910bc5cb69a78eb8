//! Pieces of the exported Rust functions that depend on types.
//!
//! In: types of the model. Out: tokens for `ffi.rs`.

use crate::emit::rust::ident;
use crate::model::name::camel;
use crate::model::{RetType, Shape};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// Type of an argument, required or member of an `_argv` struct.
pub fn argument(shape: Shape) -> TokenStream {
    match shape {
        Shape::Bool | Shape::Int => quote! { c_int },
        Shape::Int64 => quote! { i64 },
        Shape::Str | Shape::OptStr | Shape::Buffer => quote! { *const c_char },
        Shape::StrList => quote! { *const *const c_char },
        Shape::Pointer => quote! { *mut libc::c_void },
    }
}

/// Parameters of one argument.
pub fn params(shape: Shape, name: &str) -> Vec<TokenStream> {
    let (id, ty) = (ident(name), argument(shape));
    let mut all = vec![quote! { #id: #ty }];
    if shape == Shape::Buffer {
        let size = format_ident!("gfs_{name}_size");
        all.push(quote! { #size: usize });
    }
    all
}

/// Names of those parameters.
pub fn param_names(shape: Shape, name: &str) -> Vec<TokenStream> {
    let id = ident(name);
    let mut all = vec![quote! { #id }];
    if shape == Shape::Buffer {
        let size = format_ident!("gfs_{name}_size");
        all.push(quote! { #size });
    }
    all
}

/// True when a parameter's type mentions `c_char`.
pub fn has_char(shape: Shape) -> bool {
    matches!(shape, Shape::Str | Shape::OptStr | Shape::StrList | Shape::Buffer)
}

/// True when a parameter's type mentions `c_int`.
pub fn has_int(shape: Shape) -> bool {
    matches!(shape, Shape::Bool | Shape::Int)
}

/// The statement that turns a raw argument into a safe one; scalars need none.
pub fn read(shape: Shape, name: &str) -> Option<TokenStream> {
    let id = ident(name);
    Some(match shape {
        Shape::Bool | Shape::Int | Shape::Int64 | Shape::Pointer => return None,
        Shape::Str => quote! { let #id = gfs_call.str(#name, #id)?; },
        Shape::OptStr => quote! { let #id = gfs_call.opt_str(#id); },
        Shape::StrList => quote! { let #id = gfs_call.list(#name, #id)?; },
        Shape::Buffer => {
            let size = format_ident!("gfs_{name}_size");
            quote! { let #id = gfs_call.buffer(#name, #id, #size)?; }
        }
    })
}

/// The argument as the safe method takes it.
pub fn pass(shape: Shape, name: &str) -> TokenStream {
    let id = ident(name);
    match shape {
        Shape::Bool => quote! { #id != 0 },
        Shape::StrList => quote! { &#id },
        Shape::Pointer => quote! { guestfs::Pointer::new(#id) },
        _ => quote! { #id },
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
