//! `c/ffi/*.rs`: one exported function per call, all of one shape.
//!
//! In: the model. Out: Rust that bindings/c compiles. The shape: the handle is borrowed, each argument
//! converted, the safe method called and its result converted, all inside the panic guard
//! (`bindings/c/src/marshal.rs`). Names the generator makes up start with `gfs_`.

use super::{ffi_structs, ffi_types, C};
use crate::emit::rust::{self, ident, RustFile};
use crate::emit::{Files, Target};
use crate::model::name::camel;
use crate::model::{Api, Call, OptType, RetType};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

/// All Rust files of the target.
pub fn files(api: &Api) -> Files {
    let modules = rust::by_module(api, |c| C.unsupported(c).is_none());
    let mut list = Vec::new();
    let names: Vec<&str> = modules.keys().copied().collect();
    list.push(RustFile::new("c/ffi/mod.rs", move || {
        let docs = rust::module_docs("The exported functions of the C ABI, by module of the API.");
        let names = names.iter().map(|m| format_ident!("{m}"));
        quote! { #docs mod c_structs; #(mod #names;)* }
    }));
    for (name, calls) in modules {
        list.push(RustFile::new(format!("c/ffi/{name}.rs"), move || {
            let docs = rust::module_docs(&format!("C entry points of the calls in module `{name}`."));
            let (uses, bodies) = (uses(&calls), calls.iter().map(|c| tokens(c)));
            quote! { #docs #uses #(#bodies)* }
        }));
    }
    let mut files: Files = rust::render(list).into_iter().map(|(path, text)| (path, with_safety(&text))).collect();
    files.insert("c/ffi/c_structs.rs".into(), ffi_structs::file(api));
    files
}

/// The Rust of one call, for `gen show`.
pub fn call_source(call: &Call) -> String {
    with_safety(&rust::format_tokens(tokens(call)))
}

/// Tokens carry no comments, so the one that every `unsafe` needs is put before its line here.
fn with_safety(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let code = line.trim_start();
        if code.contains("unsafe {") {
            let indent = line.len() - code.len();
            let why = "the caller keeps the contract above, which is all that is needed here.";
            out += &format!("{:indent$}// SAFETY: {why}\n", "");
        }
        out += line;
        out.push('\n');
    }
    out
}

fn uses(calls: &[&Call]) -> TokenStream {
    let structs = calls.iter().any(|c| matches!(c.ret.ty, RetType::Struct(_) | RetType::StructList(_)));
    let lists = calls.iter().any(|c| matches!(c.ret.ty, RetType::StructList(_)));
    let options = calls.iter().any(|c| !c.opts.is_empty());
    let chars = calls.iter().any(|c| mentions_char(c));
    let ints = calls.iter().any(|c| mentions_int(c));
    let c_structs = structs.then(|| quote! { use super::c_structs; });
    let lists = lists.then(|| quote! { use crate::structs::CList; });
    let options = options.then(|| {
        quote! {
            use crate::marshal::Call;
            use guestfs::protocol::opts;
            use guestfs::Error;
        }
    });
    let chars = chars.then(|| quote! { use libc::c_char; });
    let ints = ints.then(|| quote! { use libc::c_int; });
    let results = ["Buffer", "Const", "ConstOpt", "List", "One"]
        .iter()
        .filter(|w| calls.iter().any(|c| ffi_types::ret_wrapper(&c.ret.ty) == **w))
        .map(|w| format_ident!("{w}"));
    quote! {
        #c_structs
        use crate::handle::Guestfs;
        use crate::marshal::{guard, #(#results),*};
        #options
        #lists
        #chars
        #ints
    }
}

fn mentions_char(call: &Call) -> bool {
    let in_ret = !matches!(
        call.ret.ty,
        RetType::Unit | RetType::Bool | RetType::Int | RetType::Int64 | RetType::Struct(_) | RetType::StructList(_)
    );
    in_ret
        || call.args.iter().any(|a| ffi_types::has_char(a.ty.shape()))
        || call.opts.iter().any(|o| ffi_types::has_char(o.ty.shape()))
}

fn mentions_int(call: &Call) -> bool {
    matches!(call.ret.ty, RetType::Unit | RetType::Bool | RetType::Int)
        || call.args.iter().any(|a| ffi_types::has_int(a.ty.shape()))
        || call.opts.iter().any(|o| ffi_types::has_int(o.ty.shape()))
}

/// Options struct, entry point and the form without options.
fn tokens(call: &Call) -> TokenStream {
    let c_name = call.c_name();
    let symbol = format_ident!("{}", super::types::entry(call));
    let method = ident(&call.name);
    let ret = ffi_types::ret(&call.ret.ty);
    let params: Vec<TokenStream> =
        call.args.iter().flat_map(|a| ffi_types::params(a.ty.shape(), &a.name)).chain(size_param(call)).collect();
    let names: Vec<TokenStream> =
        call.args.iter().flat_map(|a| ffi_types::param_names(a.ty.shape(), &a.name)).chain(size_name(call)).collect();
    let reads: Vec<TokenStream> = call.args.iter().filter_map(|a| ffi_types::read(a.ty.shape(), &a.name)).collect();
    let mut passed: Vec<TokenStream> = call.args.iter().map(|a| ffi_types::pass(a.ty.shape(), &a.name)).collect();
    let (opts_struct, opts_param, opts_read) = if call.opts.is_empty() {
        (None, None, None)
    } else {
        let ty = opts_type(call);
        passed.push(quote! { gfs_opts });
        (
            Some(options(call)),
            Some(quote! { gfs_optargs: *const #ty }),
            Some(quote! { let gfs_opts = #ty::read(gfs_call, gfs_optargs)?; }),
        )
    };
    let wrap = ffi_types::wrap(&call.ret.ty);
    let call_it = quote! { gfs_call.handle().#method(#(#passed),*) #wrap };
    let body = if reads.is_empty() && opts_read.is_none() {
        call_it
    } else {
        quote! { #(#reads)* #opts_read #call_it }
    };
    let doc = format!(" `{}`: {}.", super::types::entry(call), call.summary);
    let plain = call.plain_name_without_options.then(|| {
        let plain = format_ident!("guestfs_{}", call.name);
        let doc = format!(" `guestfs_{}`: the same without options.", call.name);
        quote! {
            #[doc = #doc]
            ///
            /// # Safety
            /// What the header asks of the arguments.
            #[no_mangle]
            pub unsafe extern "C" fn #plain(gfs_g: *mut Guestfs, #(#params),*) -> #ret {
                unsafe { #symbol(gfs_g, #(#names,)* std::ptr::null()) }
            }
        }
    });
    let all_params = params.iter().cloned().chain(opts_param);
    quote! {
        #opts_struct
        #[doc = #doc]
        ///
        /// # Safety
        /// The handle is null or open; the other arguments are null or what the header says.
        #[no_mangle]
        pub unsafe extern "C" fn #symbol(gfs_g: *mut Guestfs, #(#all_params),*) -> #ret {
            unsafe { guard(gfs_g, #c_name, |gfs_call| { #body }) }
        }
        #plain
    }
}

fn size_param(call: &Call) -> Option<TokenStream> {
    (call.ret.ty == RetType::Buffer).then(|| quote! { gfs_size: *mut usize })
}

fn size_name(call: &Call) -> Option<TokenStream> {
    (call.ret.ty == RetType::Buffer).then(|| quote! { gfs_size })
}

fn opts_type(call: &Call) -> proc_macro2::Ident {
    format_ident!("{}Argv", camel(&call.name))
}

/// The `_argv` struct and how it becomes the library's own options.
fn options(call: &Call) -> TokenStream {
    let ty = opts_type(call);
    let safe = format_ident!("{}Opts", camel(&call.name));
    let fields = call.opts.iter().map(|o| {
        let (name, ty) = (ident(&o.name), ffi_types::argument(o.ty.shape()));
        quote! { #name: #ty }
    });
    let values = call.opts.iter().enumerate().map(|(bit, o)| {
        let name = ident(&o.name);
        let text = &o.name;
        let bit = Literal::u32_unsuffixed(bit as u32);
        match o.ty {
            OptType::Bool => quote! { #name: gfs_mask.given(#bit, || gfs_c.#name != 0) },
            OptType::Int | OptType::Int64 => quote! { #name: gfs_mask.given(#bit, || gfs_c.#name) },
            OptType::Str => quote! {
                #name: gfs_mask.given(#bit, || gfs_call.option_str(#text, gfs_c.#name)).transpose()?
            },
            OptType::StrList => quote! {
                #name: gfs_mask.given(#bit, || gfs_call.option_list(#text, gfs_c.#name)).transpose()?
            },
        }
    });
    let count = Literal::u32_unsuffixed(call.opts.len() as u32);
    let doc = format!(" `struct guestfs_{}_argv`.", call.c_name());
    quote! {
        #[doc = #doc]
        #[repr(C)]
        pub struct #ty {
            bitmask: u64,
            #(#fields),*
        }

        impl #ty {
            /// Null, or a struct whose members with a set bit hold what the header says.
            unsafe fn read(gfs_call: &Call<'_>, gfs_optargs: *const Self) -> Result<opts::#safe, Error> {
                unsafe {
                    let Some(gfs_c) = gfs_optargs.as_ref() else {
                        return Ok(opts::#safe::default());
                    };
                    let gfs_mask = gfs_call.mask(gfs_c.bitmask, #count)?;
                    Ok(opts::#safe { #(#values),* })
                }
            }
        }
    }
}
