//! The dispatch function of one call.
//!
//! Arguments keep their names from `api.toml`; everything else begins with `g_`, which `check/` reserves.

use super::name_type;
use crate::emit::rust::{has_wire_args, ident, module, plain, ret_field};
use crate::model::{Api, Arg, Call, FieldType, RetType, Role, Shape, StrKind};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// `pub(super) fn NAME(g_ctx, g_call) -> Result<Reply> { … }`.
pub fn function(api: &Api, call: &Call) -> TokenStream {
    let name = ident(&call.name);
    let group = call.group.as_ref().map(|g| quote!(g_call.require_group(g_ctx, #g)?;));
    let decode = if has_wire_args(call) {
        let ty = plain(&call.args_type());
        quote!(let g_args: args::#ty = g_call.args()?;)
    } else {
        quote!(g_call.no_args()?;)
    };
    let all = full_mask(call);
    let mask =
        if call.opts.is_empty() { quote!(g_call.optargs(0)?;) } else { quote!(let g_mask = g_call.optargs(#all)?;) };
    // The chunks of a FileIn follow whatever becomes of the arguments: the daemon must expect them
    // before anything can fail.
    let (files_in, values): (Vec<_>, Vec<_>) = call.args.iter().partition(|a| a.ty.role() == Role::FileIn);
    let files_in: Vec<_> = files_in.into_iter().map(conversion).collect();
    let conversions = values.into_iter().map(conversion);
    let opts = options(call);
    let opts_arg = opts.is_some().then(|| quote!(&g_opts));
    let args = call.args.iter().map(argument);
    let module = ident(module(call));
    let run = quote!(crate::#module::#name(g_ctx, #(#args,)* #opts_arg)?);
    let reply = reply(api, call, &run);
    quote! {
        pub(super) fn #name(g_ctx: &mut Ctx, g_call: &mut Call) -> Result<Reply> {
            #(#files_in)*
            #group
            #decode
            #mask
            #(#conversions)*
            #opts
            #reply
        }
    }
}

/// All bits of the options of a call.
fn full_mask(call: &Call) -> Literal {
    let n = u32::try_from(call.opts.len()).unwrap_or(64).min(64);
    hex(u64::MAX.checked_shr(64 - n).unwrap_or(0))
}

/// A bit mask is read more easily in hexadecimal.
fn hex(mask: u64) -> Literal {
    format!("{mask:#x}").parse().unwrap_or_else(|_| Literal::u64_unsuffixed(mask))
}

/// Guest names become typed values; files become streams.
fn conversion(arg: &Arg) -> TokenStream {
    let (name, role) = (ident(&arg.name), arg.ty.role());
    let Some(ty) = name_type(role).map(plain) else {
        return match role {
            Role::FileIn => quote!(let mut #name = g_call.file_in();),
            Role::FileOut => quote!(let mut #name = g_call.file_out();),
            _ => TokenStream::new(),
        };
    };
    // A word means the same whatever is attached and mounted.
    let context = (!matches!(role, Role::Filename | Role::Guid)).then(|| quote!(g_ctx,));
    if arg.ty.shape() == Shape::StrList {
        quote! {
            let #name = g_args.#name.iter().map(|g_item| #ty::parse(#context g_item.as_bstr())).collect::<Result<Vec<_>>>()?;
        }
    } else {
        quote!(let #name = #ty::parse(#context g_args.#name.as_bstr())?;)
    }
}

fn argument(arg: &Arg) -> TokenStream {
    let (name, role) = (ident(&arg.name), arg.ty.role());
    if role.is_file() {
        return quote!(&mut #name);
    }
    if name_type(role).is_some() {
        return quote!(&#name);
    }
    match arg.ty.shape() {
        Shape::Bool | Shape::Int | Shape::Int64 => quote!(g_args.#name),
        Shape::Str | Shape::Pointer => quote!(g_args.#name.as_bstr()),
        Shape::OptStr => quote!(g_args.#name.as_ref().map(|g_item| g_item.as_bstr())),
        Shape::StrList => quote!(&g_args.#name),
        Shape::Buffer => quote!(&g_args.#name.0),
    }
}

fn options(call: &Call) -> Option<TokenStream> {
    if call.opts.is_empty() {
        return None;
    }
    let ty = plain(&call.opts_type());
    let fields = call.opts.iter().enumerate().map(|(i, o)| {
        let (name, bit) = (ident(&o.name), hex(1 << i));
        quote!(#name: (g_mask & #bit != 0).then_some(g_args.#name))
    });
    Some(quote!(let g_opts = opts::#ty { #(#fields),* };))
}

fn reply(api: &Api, call: &Call, run: &TokenStream) -> TokenStream {
    let (ret_type, ret) = (plain(&call.ret_type()), ret_field(call));
    if let Some(file) = call.args.iter().find(|a| a.ty.role() == Role::FileOut) {
        let file = ident(&file.name);
        return quote!(#run; Reply::sent(#file));
    }
    let value = match &call.ret.ty {
        RetType::Unit => return quote!(#run; Ok(Reply::empty())),
        RetType::Str(k) if *k != StrKind::Plain => {
            let mapped = api_name(*k, quote!(g_ret));
            quote!(let g_ret = #run; let g_ret = #mapped;)
        }
        RetType::StrList(k) if *k != StrKind::Plain => {
            let mapped = api_name(*k, quote!(g_item));
            quote!(let g_ret = #run; let g_ret = g_ret.iter().map(|g_item| #mapped).collect();)
        }
        RetType::Hash(k, v) => {
            let (key, value) = (api_name(*k, quote!(g_key)), api_name(*v, quote!(g_value)));
            quote!(let g_ret = #run; let g_ret = g_ret.into_iter().flat_map(|(g_key, g_value)| [#key, #value]).collect();)
        }
        RetType::Struct(s) if has_devices(api, s) => {
            let fields = map_devices(api, s, &quote!(g_ret));
            quote!(let mut g_ret = #run; #fields)
        }
        RetType::StructList(s) if has_devices(api, s) => {
            let fields = map_devices(api, s, &quote!(g_item));
            quote!(let mut g_ret = #run; for g_item in &mut g_ret { #fields })
        }
        RetType::Buffer => quote!(let g_ret = Opaque(#run);),
        _ => quote!(let g_ret = #run;),
    };
    quote!(#value Reply::value(&rets::#ret_type { #ret: g_ret }))
}

/// The name of a result as the API spells it.
fn api_name(kind: StrKind, value: TokenStream) -> TokenStream {
    match kind {
        StrKind::Plain => value,
        StrKind::Device | StrKind::Mountable => quote!(#value.api_name(g_ctx)),
    }
}

fn device_fields<'a>(api: &'a Api, name: &str) -> impl Iterator<Item = &'a crate::model::Field> {
    api.structure(name).into_iter().flat_map(|s| &s.fields).filter(|f| f.ty == FieldType::Device)
}

fn has_devices(api: &Api, name: &str) -> bool {
    device_fields(api, name).next().is_some()
}

fn map_devices(api: &Api, name: &str, target: &TokenStream) -> TokenStream {
    device_fields(api, name)
        .map(|f| {
            let field = ident(&f.name);
            quote!(#target.#field = g_ctx.api_device_name(#target.#field.as_bstr());)
        })
        .collect()
}
