//! Samples of every record on the wire, for the protocol's own tests (`lib/protocol/tests`).

use crate::emit::rust::{format_tokens, has_wire_args, ident, plain, ret_field, wire_args, wire_ret};
use crate::model::Api;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// A table of records; the tests give it `Record`, `Sample` and `check` by `use super::*`.
pub fn table(api: &Api) -> String {
    let mut rows = Vec::new();
    let mut impls = Vec::new();
    for s in &api.structs {
        let ty = plain(&s.rust_name());
        rows.push(row(&format!("guestfs_int_{}", s.name), &quote! { structs::#ty }));
        impls.push(sample(&quote! { structs::#ty }, s.fields.iter().map(|f| ident(&f.name)).collect()));
    }
    for call in api.daemon_calls() {
        if has_wire_args(call) {
            let ty = plain(&call.args_type());
            let fields = wire_args(call).map(|a| ident(&a.name)).chain(call.opts.iter().map(|o| ident(&o.name)));
            rows.push(row(&format!("guestfs_{}_args", call.name), &quote! { args::#ty }));
            impls.push(sample(&quote! { args::#ty }, fields.collect()));
        }
        if wire_ret(&call.ret.ty).is_some() {
            let ty = plain(&call.ret_type());
            rows.push(row(&format!("guestfs_{}_ret", call.name), &quote! { rets::#ty }));
            impls.push(sample(&quote! { rets::#ty }, vec![ret_field(call)]));
        }
    }
    let tokens = quote! {
        use super::*;
        /// Every record, named as in `guestfs_protocol.x`.
        pub static RECORDS: &[Record] = &[#(#rows),*];
        #(#impls)*
    };
    format!("// {}\n\n{}", crate::emit::HEADER, format_tokens(tokens))
}

fn row(name: &str, ty: &TokenStream) -> TokenStream {
    quote! { Record { name: #name, sample: sample::<#ty>, recode: recode::<#ty>, min_size: <#ty as Xdr>::MIN_SIZE } }
}

fn sample(ty: &TokenStream, fields: Vec<Ident>) -> TokenStream {
    quote! {
        impl Sample for #ty {
            fn sample(r: &mut Rng) -> Self {
                Self { #(#fields: Sample::sample(r)),* }
            }
        }
    }
}
