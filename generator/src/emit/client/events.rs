//! The classes of events.

use crate::emit::rust::{docs, module_docs, plain};
use crate::emit::rustdoc::{self, Links};
use crate::model::{name, Api, Event};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// `enum EventClass` with what can be said of each class.
pub fn classes(api: &Api) -> TokenStream {
    let doc = module_docs("The classes of events.");
    let variant = |e: &Event| plain(&name::camel(&e.name));
    let variants = api.events.iter().map(|e| {
        let (doc, variant, bit) = (docs(&rustdoc::render(&e.doc, Links::Handle)), variant(e), bit(e));
        quote!(#doc #variant = #bit)
    });
    let all: Vec<_> = api.events.iter().map(variant).collect();
    let names = api.events.iter().map(|e| &e.name);
    let count = Literal::usize_unsuffixed(api.events.len());
    quote! {
        #doc

        /// Event classes; the discriminant is the bit number of `GUESTFS_EVENT_*`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        #[non_exhaustive]
        pub enum EventClass {
            #(#variants,)*
        }

        impl EventClass {
            /// Every class in bit order.
            pub const ALL: [EventClass; #count] = [#(EventClass::#all),*];

            /// Its name as in `api.toml` and in `event_to_string`.
            pub const fn name(self) -> &'static str {
                match self {
                    #(EventClass::#all => #names,)*
                }
            }
        }
    }
}

fn bit(event: &Event) -> Literal {
    Literal::u32_unsuffixed(event.bit)
}
