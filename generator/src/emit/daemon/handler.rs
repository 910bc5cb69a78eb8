//! The signature that the handler of a call must have, for `gen show` and `gen new`.

use super::name_type;
use crate::emit::rust::{format_tokens, ident, plain, result};
use crate::model::{Arg, Call, Role, Shape, Side, StrKind};
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
    let ret = result(&call.ret.ty, |kind| match kind {
        StrKind::Device if daemon => quote!(Device),
        StrKind::Mountable if daemon => quote!(Mountable),
        _ => quote!(BString),
    });
    let item = quote!(pub(crate) fn #name(#context, #(#params,)* #opts) -> Result<#ret> {});
    let text = format_tokens(item);
    text.trim_end().trim_end_matches("{}").trim_end().to_owned()
}

fn param(arg: &Arg, daemon: bool) -> TokenStream {
    let name = ident(&arg.name);
    let ty = match (arg.ty.role(), arg.ty.shape()) {
        (Role::FileIn, _) if daemon => quote!(&mut FileIn),
        (Role::FileOut, _) if daemon => quote!(&mut FileOut),
        (role, shape) => match (name_type(role).filter(|_| daemon).map(plain), shape) {
            (Some(ty), Shape::StrList) => quote!(&[#ty]),
            (Some(ty), _) => quote!(&#ty),
            (None, Shape::Bool) => quote!(bool),
            (None, Shape::Int) => quote!(i32),
            (None, Shape::Int64) => quote!(i64),
            (None, Shape::OptStr) => quote!(Option<&BStr>),
            (None, Shape::Buffer) => quote!(&[u8]),
            (None, Shape::StrList) => quote!(&[BString]),
            (None, Shape::Str | Shape::Pointer) => quote!(&BStr),
        },
    };
    quote!(#name: #ty)
}
