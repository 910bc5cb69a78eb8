//! Structs as the shell prints them: name and value of each field.

use super::super::rust::{ident, module_docs, plain};
use crate::model::{Api, FieldType, Struct};
use proc_macro2::TokenStream;
use quote::quote;

/// `shell/structs.rs`: an `impl Record` for every struct that some call returns.
pub fn structs(api: &Api) -> TokenStream {
    let doc = module_docs("Fields of each struct, for printing.");
    let returned = api.structs.iter().filter(|s| !s.internal && (s.returned_single || s.returned_list));
    let impls = returned.map(implementation);
    quote! {
        #doc
        use crate::print::{Field, Record};
        use guestfs::protocol::structs;
        #(#impls)*
    }
}

fn implementation(s: &Struct) -> TokenStream {
    let ty = plain(&s.rust_name());
    let fields = s.fields.iter().map(|f| {
        let (name, field) = (&f.name, ident(&f.name));
        let value = match f.ty {
            FieldType::Char => quote!(Field::Char(self.#field.0)),
            FieldType::Str | FieldType::Device => quote!(Field::Text(&self.#field)),
            FieldType::Buffer => quote!(Field::Buffer(&self.#field.0)),
            FieldType::I32 | FieldType::U32 => quote!(Field::Number(self.#field.into())),
            FieldType::I64 | FieldType::Size => quote!(Field::Number(self.#field.into())),
            FieldType::U64 => quote!(Field::Number(self.#field.into())),
            FieldType::Uuid => quote!(Field::Text(&self.#field.0)),
            FieldType::Percent => quote!(Field::Percent(self.#field)),
        };
        quote!((#name, #value))
    });
    quote! {
        impl Record for structs::#ty {
            fn fields(&self) -> Vec<(&'static str, Field<'_>)> {
                vec![#(#fields),*]
            }
        }
    }
}
