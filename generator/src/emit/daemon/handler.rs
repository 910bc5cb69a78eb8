//! The signature that the handler of a call must have, for `gen show` and `gen new`.

use crate::emit::rust::{format_tokens, ident, plain};
use crate::model::{name, Arg, ArgType, Call, RetType, Side, StrKind};
use proc_macro2::TokenStream;
use quote::quote;

/// `pub fn mkdir(ctx: &mut Ctx, path: &GuestPath) -> Result<()>`, on either side.
pub fn signature(call: &Call) -> String {
    let name = ident(&call.name);
    let daemon = matches!(call.side, Side::Daemon { .. });
    let context = if daemon { quote!(ctx: &mut Ctx) } else { quote!(g: &Handle) };
    let params = call.args.iter().map(|a| param(a, daemon));
    let opts_type = plain(&call.opts_type());
    let opts = (!call.opts.is_empty()).then(|| quote!(opts: &opts::#opts_type));
    let ret = result(&call.ret.ty, daemon);
    let item = quote!(pub(crate) fn #name(#context, #(#params,)* #opts) -> Result<#ret> {});
    let text = format_tokens(item);
    text.trim_end().trim_end_matches("{}").trim_end().to_owned()
}

fn param(arg: &Arg, daemon: bool) -> TokenStream {
    let name = ident(&arg.name);
    let ty = match arg.ty {
        ArgType::Bool => quote!(bool),
        ArgType::Int => quote!(i32),
        ArgType::Int64 => quote!(i64),
        ArgType::OptStr => quote!(Option<&BStr>),
        ArgType::Buffer => quote!(&[u8]),
        ArgType::StrList | ArgType::FilenameList => quote!(&[BString]),
        ArgType::Path if daemon => quote!(&GuestPath),
        ArgType::PathList if daemon => quote!(&[GuestPath]),
        ArgType::Device if daemon => quote!(&Device),
        ArgType::DeviceList if daemon => quote!(&[Device]),
        ArgType::Mountable if daemon => quote!(&Mountable),
        ArgType::DeviceOrPath if daemon => quote!(&DeviceOrPath),
        ArgType::MountableOrPath if daemon => quote!(&MountableOrPath),
        ArgType::FileIn if daemon => quote!(&mut FileIn),
        ArgType::FileOut if daemon => quote!(&mut FileOut),
        ArgType::PathList | ArgType::DeviceList => quote!(&[BString]),
        _ => quote!(&BStr),
    };
    quote!(#name: #ty)
}

fn result(ty: &RetType, daemon: bool) -> TokenStream {
    let text = |kind: StrKind| match kind {
        StrKind::Device if daemon => quote!(Device),
        StrKind::Mountable if daemon => quote!(Mountable),
        _ => quote!(BString),
    };
    match ty {
        RetType::Unit => quote!(()),
        RetType::Bool => quote!(bool),
        RetType::Int => quote!(i32),
        RetType::Int64 => quote!(i64),
        RetType::ConstStr => quote!(BString),
        RetType::ConstOptStr => quote!(Option<BString>),
        RetType::Str(k) => text(*k),
        RetType::StrList(k) => {
            let t = text(*k);
            quote!(Vec<#t>)
        }
        RetType::Hash(k, v) => {
            let (k, v) = (text(*k), text(*v));
            quote!(Vec<(#k, #v)>)
        }
        RetType::Buffer => quote!(Vec<u8>),
        RetType::Struct(s) => {
            let s = plain(&name::camel(s));
            quote!(structs::#s)
        }
        RetType::StructList(s) => {
            let s = plain(&name::camel(s));
            quote!(Vec<structs::#s>)
        }
    }
}
