//! Structs of optional arguments with their chaining setters.

use crate::emit::rust::{docs, ident, opt_type, plain};
use crate::emit::rustdoc::{self, Links};
use crate::model::{Call, Opt, OptType};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// The struct of a call with optional arguments.
pub fn opts(call: &Call) -> TokenStream {
    let name = plain(&call.opts_type());
    let doc = docs(&format!("Optional arguments of `{}`.", call.name));
    let field_docs: Vec<_> = call.opts.iter().map(|o| docs(&rustdoc::render(&o.doc, Links::None))).collect();
    let names: Vec<_> = call.opts.iter().map(|o| ident(&o.name)).collect();
    let types = call.opts.iter().map(|o| opt_type(o.ty));
    let setters = call.opts.iter().zip(&field_docs).map(|(o, d)| setter(o, d));
    let bits = names.iter().enumerate().map(|(i, name)| {
        let (set, bit) = (quote!(u64::from(self.#name.is_some())), Literal::usize_unsuffixed(i));
        if i == 0 { set } else { quote!(#set << #bit) }
    });
    quote! {
        #doc
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct #name {
            #(#field_docs pub #names: Option<#types>,)*
        }

        impl #name {
            /// No option given.
            pub fn new() -> Self {
                Self::default()
            }

            #(#setters)*

            /// Bit N is set when option N, counted in this struct's order, is given.
            pub fn mask(&self) -> u64 {
                #(#bits)|*
            }
        }
    }
}

fn setter(opt: &Opt, doc: &TokenStream) -> TokenStream {
    let name = ident(&opt.name);
    let (ty, value) = match opt.ty {
        OptType::Str => (quote!(impl AsRef<[u8]>), quote!(BString::from(value.as_ref()))),
        OptType::StrList => (
            quote!(impl IntoIterator<Item = impl AsRef<[u8]>>),
            quote!(value.into_iter().map(|item| BString::from(item.as_ref())).collect()),
        ),
        plain => (opt_type(plain), quote!(value)),
    };
    quote! {
        #doc
        #[must_use]
        pub fn #name(mut self, value: #ty) -> Self {
            self.#name = Some(#value);
            self
        }
    }
}
