//! Wire records: a struct and its XDR encoding, field by field.

use crate::emit::rust::{docs, ident, opt_type, plain, wire_arg, wire_args, wire_ret};
use crate::model::{Call, FieldType};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;

/// A field: docs, name, type.
pub type RecordField = (TokenStream, Ident, TokenStream);

/// The struct and its `Xdr` implementation.
pub fn record(name: &str, doc: &TokenStream, fields: &[RecordField]) -> TokenStream {
    let name = plain(name);
    let docs = fields.iter().map(|f| &f.0);
    let names: Vec<_> = fields.iter().map(|f| &f.1).collect();
    let types: Vec<_> = fields.iter().map(|f| &f.2).collect();
    let (last, first) = match names.split_last() {
        Some((last, first)) => (quote!(e.put(&self.#last)), first),
        None => (quote!(Ok(())), &[] as &[_]),
    };
    let size = if types.is_empty() { quote!(0) } else { quote!(#(<#types as Xdr>::MIN_SIZE)+*) };
    quote! {
        #doc
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct #name {
            #(#docs pub #names: #types,)*
        }

        impl Xdr for #name {
            const MIN_SIZE: usize = #size;

            fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
                #(e.put(&self.#first)?;)*
                #last
            }

            fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
                Ok(Self { #(#names: d.get()?,)* })
            }
        }
    }
}

/// The request body of a daemon call: required arguments, then all optional ones (0 or empty when not
/// given; the header's bit mask says which were).
pub fn args(call: &Call) -> TokenStream {
    let none = TokenStream::new;
    let mut fields: Vec<RecordField> = wire_args(call).map(|a| (none(), ident(&a.name), wire_arg(a.ty))).collect();
    fields.extend(call.opts.iter().map(|o| (none(), ident(&o.name), opt_type(o.ty))));
    let doc = docs(&format!("Request body of `{}`.", call.name));
    record(&call.args_type(), &doc, &fields)
}

/// The reply body of a daemon call; nothing when it returns nothing.
pub fn ret(call: &Call) -> TokenStream {
    let Some(ty) = wire_ret(&call.ret.ty) else { return TokenStream::new() };
    let doc = docs(&format!("Reply body of `{}`.", call.name));
    record(&call.ret_type(), &doc, &[(TokenStream::new(), ident(&call.ret.name), ty)])
}

/// Units and odd values of a field type, for its docs; empty when the type says it all.
pub fn field_doc(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Size => "In bytes.",
        FieldType::Uuid => "32 characters, without dashes.",
        FieldType::Percent => "0 to 100, or -1 when it does not apply.",
        FieldType::Device => "Device name as the API spells it.",
        _ => "",
    }
}

/// `use` lines for what the items mention, and no more.
pub fn imports(items: &TokenStream) -> TokenStream {
    let mentioned = |word: &str| mentions(items.clone(), word);
    let structs = mentioned("structs").then(|| quote!(use super::super::structs;));
    let bstring = mentioned("BString").then(|| quote!(use crate::BString;));
    let xdr: Vec<_> = ["Char", "Decoder", "Encoder", "Opaque", "Uuid32", "Xdr", "XdrError"]
        .into_iter()
        .filter(|w| mentioned(w))
        .map(plain)
        .collect();
    let xdr = (!xdr.is_empty()).then(|| quote!(use crate::xdr::{#(#xdr),*};));
    quote!(#structs #xdr #bstring)
}

fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|t| match t {
        TokenTree::Ident(i) => i == word,
        TokenTree::Group(g) => mentions(g.stream(), word),
        _ => false,
    })
}
