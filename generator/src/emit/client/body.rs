//! The method of one call.
//!
//! Parameters keep their names from `api.toml`; everything else is `opts` or begins with `g_`, which
//! `check/` reserves.

use super::method_docs;
use crate::emit::rust::{has_wire_args, ident, plain, result, ret_field, wire_args};
use crate::model::{Arg, Call, Opt, RetType, Role, Shape, Side};
use proc_macro2::TokenStream;
use quote::quote;

/// `pub fn NAME(&self, …) -> Result<…> { … }`.
pub fn method(call: &Call) -> TokenStream {
    let doc = method_docs(call);
    let name = ident(&call.name);
    let params = call.args.iter().map(param);
    let opts_type = plain(&call.opts_type());
    let opts = (!call.opts.is_empty()).then(|| quote!(opts: opts::#opts_type));
    let ret = result(&call.ret.ty, |_| quote!(BString));
    let conversions = call.args.iter().map(|a| conversion(call, a));
    let checks = call.args.iter().map(|a| check(call, a));
    let inner = inner(call);
    let body = if call.flags.no_wrapper {
        quote!(let g_handle = self; #inner)
    } else {
        let info = plain(&call.const_name());
        let traces: Vec<_> = call.args.iter().map(trace_arg).chain(call.opts.iter().map(trace_opt)).collect();
        let tracer = if traces.is_empty() { quote!(|_| {}) } else { quote!(|g_trace| { #(#traces)* }) };
        quote!(self.wrapped(&info::#info, #tracer, |g_handle| { #inner }))
    };
    quote! {
        #doc
        pub fn #name(&self, #(#params,)* #opts) -> Result<#ret> {
            #(#conversions)*
            #(#checks)*
            #body
        }
    }
}

fn param(arg: &Arg) -> TokenStream {
    let name = ident(&arg.name);
    let ty = match arg.ty.shape() {
        Shape::Bool => quote!(bool),
        Shape::Int => quote!(i32),
        Shape::Int64 => quote!(i64),
        Shape::Str => quote!(impl AsRef<[u8]>),
        Shape::OptStr => quote!(Option<&BStr>),
        Shape::StrList => quote!(&[impl AsRef<[u8]>]),
        Shape::Buffer => quote!(&[u8]),
        Shape::Pointer => quote!(crate::Pointer<'_>),
    };
    quote!(#name: #ty)
}

/// Generic parameters become plain references once, so that little is compiled per caller.
fn conversion(call: &Call, arg: &Arg) -> TokenStream {
    let name = ident(&arg.name);
    match (arg.ty.shape(), &call.side) {
        (Shape::StrList, _) => {
            quote!(let #name: Vec<BString> = #name.iter().map(|g_item| BString::from(g_item.as_ref())).collect();)
        }
        (Shape::Str, Side::Library { .. }) => quote!(let #name = #name.as_ref().as_bstr();),
        (Shape::Str, Side::Daemon { .. }) => quote!(let #name = #name.as_ref();),
        _ => TokenStream::new(),
    }
}

fn check(call: &Call, arg: &Arg) -> TokenStream {
    let (info, text, name) = (plain(&call.const_name()), &arg.name, ident(&arg.name));
    match (arg.ty.role(), arg.ty.shape()) {
        (Role::Guid, _) => quote!(check::guid(self, &info::#info, #text, #name)?;),
        (Role::Filename, Shape::Str) => quote!(check::filename(self, &info::#info, #text, #name)?;),
        (Role::Filename, _) => quote! {
            for g_item in &#name {
                check::filename(self, &info::#info, #text, g_item)?;
            }
        },
        _ => TokenStream::new(),
    }
}

fn trace_arg(arg: &Arg) -> TokenStream {
    let (text, name) = (&arg.name, ident(&arg.name));
    match arg.ty.shape() {
        Shape::Str if arg.ty.role() == Role::Key => quote!(g_trace.key(#text, #name);),
        Shape::Bool => quote!(g_trace.bool(#text, #name);),
        Shape::Int => quote!(g_trace.int(#text, #name.into());),
        Shape::Int64 => quote!(g_trace.int(#text, #name);),
        Shape::Str => quote!(g_trace.str(#text, #name);),
        Shape::OptStr => quote!(g_trace.opt_str(#text, #name);),
        Shape::StrList => quote!(g_trace.str_list(#text, &#name);),
        Shape::Buffer => quote!(g_trace.buffer(#text, #name);),
        Shape::Pointer => quote!(g_trace.pointer(#text, #name);),
    }
}

fn trace_opt(opt: &Opt) -> TokenStream {
    let (text, name) = (&opt.name, ident(&opt.name));
    quote!(g_trace.opt(#text, &opts.#name);)
}

fn inner(call: &Call) -> TokenStream {
    match &call.side {
        Side::Library { module } => {
            let (module, name) = (ident(module), ident(&call.name));
            let args = call.args.iter().map(|a| {
                let n = ident(&a.name);
                if a.ty.shape() == Shape::StrList {
                    quote!(&#n)
                } else {
                    quote!(#n)
                }
            });
            let opts = (!call.opts.is_empty()).then(|| quote!(&opts));
            quote!(crate::#module::#name(g_handle, #(#args,)* #opts))
        }
        Side::Daemon { .. } => remote(call),
    }
}

fn remote(call: &Call) -> TokenStream {
    let info = plain(&call.const_name());
    let args = if has_wire_args(call) {
        let ty = plain(&call.args_type());
        let fields = wire_args(call).map(wire_value).chain(call.opts.iter().map(opt_value));
        quote!(let g_args = args::#ty { #(#fields),* };)
    } else {
        quote!(let g_args = ();)
    };
    let mask = if call.opts.is_empty() { quote!(0) } else { quote!(opts.mask()) };
    let files = files(call);
    let rpc = quote!(g_handle.rpc(&info::#info, #mask, &g_args, #files));
    let (ret_type, ret) = (plain(&call.ret_type()), ret_field(call));
    let result = match call.ret.ty {
        RetType::Unit => return quote!(#args #rpc),
        RetType::Buffer => quote!(Ok(g_ret.#ret.0)),
        RetType::Hash(..) => quote!(g_handle.pairs(&info::#info, g_ret.#ret)),
        RetType::Int | RetType::Int64 if !call.flags.signed => quote!(g_handle.count(&info::#info, g_ret.#ret)),
        _ => quote!(Ok(g_ret.#ret)),
    };
    quote!(#args let g_ret: rets::#ret_type = #rpc?; #result)
}

fn wire_value(arg: &Arg) -> TokenStream {
    let name = ident(&arg.name);
    match arg.ty.shape() {
        Shape::Bool | Shape::Int | Shape::Int64 => quote!(#name),
        Shape::OptStr => quote!(#name: #name.map(BString::from)),
        Shape::Buffer => quote!(#name: Opaque(#name.to_vec())),
        Shape::StrList => quote!(#name: #name.clone()),
        Shape::Str | Shape::Pointer => quote!(#name: #name.into()),
    }
}

fn opt_value(opt: &Opt) -> TokenStream {
    let name = ident(&opt.name);
    match opt.ty.shape() {
        Shape::Bool | Shape::Int | Shape::Int64 => quote!(#name: opts.#name.unwrap_or_default()),
        _ => quote!(#name: opts.#name.clone().unwrap_or_default()),
    }
}

fn files(call: &Call) -> TokenStream {
    let named = |role| call.args.iter().find(|a| a.ty.role() == role).map(|a| ident(&a.name));
    let some = |n: Option<proc_macro2::Ident>| n.map_or(quote!(None), |n| quote!(Some(#n)));
    match (named(Role::FileIn), named(Role::FileOut)) {
        (None, None) => quote!(Files::default()),
        (file_in, file_out) => {
            let (file_in, file_out) = (some(file_in), some(file_out));
            quote!(Files { file_in: #file_in, file_out: #file_out })
        }
    }
}

/// True when the method's text says `BString`.
pub fn mentions_bstring(call: &&Call) -> bool {
    let arg = |a: &Arg| match a.ty.shape() {
        Shape::StrList => true,
        Shape::OptStr => call.proc().is_some(),
        _ => false,
    };
    call.args.iter().any(arg)
        || matches!(
            call.ret.ty,
            RetType::ConstStr | RetType::Str(_) | RetType::ConstOptStr | RetType::StrList(_) | RetType::Hash(..)
        )
}

/// True when the method's text says `as_bstr`.
pub fn needs_byteslice(call: &&Call) -> bool {
    matches!(call.side, Side::Library { .. }) && call.args.iter().any(|a| a.ty.shape() == Shape::Str)
}
