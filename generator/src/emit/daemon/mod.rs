//! Target `daemon`: the dispatcher of `guestfsd`.
//!
//! In: the model. Out: `daemon/` for crate `guestfsd`: a match on the wire number to one small function a
//! call, in files by module, that decodes, checks, calls `crate::MODULE::CALL` and encodes.

mod body;
pub mod handler;

use super::rust::{by_module, format_tokens, ident, module_docs, plain, render, RustFile};
use super::{Files, Target};
use crate::model::{Api, Call, Role};
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

/// See the module.
pub struct Daemon;

impl Target for Daemon {
    fn name(&self) -> &'static str {
        "daemon"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        call.proc().is_none().then_some("library calls never reach the daemon")
    }

    fn emit(&self, api: &Api) -> Files {
        let modules = by_module(api, |c| self.unsupported(c).is_none());
        let mut files = vec![RustFile::new("daemon/mod.rs", || root(api))];
        for (module, calls) in modules {
            files.push(RustFile::new(format!("daemon/calls_{module}.rs"), move || {
                let doc = module_docs(&format!("Calls of the module `{module}`."));
                let items: TokenStream = calls.iter().map(|c| body::function(api, c)).collect();
                let uses = imports(&items);
                quote!(#doc #uses #items)
            }));
        }
        render(files)
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        match self.unsupported(call) {
            Some(why) => format!("// {why}\n"),
            None => format_tokens(body::function(api, call)),
        }
    }
}

fn root(api: &Api) -> TokenStream {
    let doc = module_docs("Wire number to handler.\n\nIn: a request whose header was checked. Out: its reply, or the error to send instead.");
    let mods: Vec<_> = by_module(api, |c| c.proc().is_some()).keys().map(|m| plain(&format!("calls_{m}"))).collect();
    let arms = api.daemon_calls().into_iter().map(|c| {
        let (constant, name) = (plain(&c.const_name()), ident(&c.name));
        let module = plain(&format!("calls_{}", super::rust::module(c)));
        quote!(procs::#constant => #module::#name(ctx, call),)
    });
    quote! {
        #doc
        #![allow(non_snake_case)]
        #(mod #mods;)*

        use crate::ctx::Ctx;
        use crate::error::Result;
        use crate::rpc::{Call, Reply};
        use guestfs_protocol::procs;

        /// Run one request.
        pub fn dispatch(ctx: &mut Ctx, call: &mut Call) -> Result<Reply> {
            match call.proc() {
                #(#arms)*
                _ => Err(call.unknown()),
            }
        }
    }
}

/// `use` lines for what the items mention, and no more.
fn imports(items: &TokenStream) -> TokenStream {
    let has = |word: &str| mentions(items.clone(), word);
    let list = |words: &[&str]| words.iter().copied().filter(|w| has(w)).map(plain).collect::<Vec<_>>();
    let devices = list(&["Device", "DeviceOrPath", "Mountable", "MountableOrPath"]);
    let devices = (!devices.is_empty()).then(|| quote!(use crate::device::{#(#devices),*};));
    let names = list(&["Filename", "Guid"]);
    let names = (!names.is_empty()).then(|| quote!(use crate::names::{#(#names),*};));
    let path = has("GuestPath").then(|| {
        quote!(
            use crate::path::GuestPath;
        )
    });
    let byteslice = has("as_bstr").then(|| {
        quote!(
            use bstr::ByteSlice;
        )
    });
    let opaque = has("Opaque").then(|| {
        quote!(
            use guestfs_protocol::xdr::Opaque;
        )
    });
    let generated = list(&["args", "opts", "rets"]);
    let generated = (!generated.is_empty()).then(|| quote!(use guestfs_protocol::{#(#generated),*};));
    quote! {
        use crate::ctx::Ctx;
        #devices
        use crate::error::Result;
        #names
        #path
        use crate::rpc::{Call, Reply};
        #byteslice
        #opaque
        #generated
    }
}

fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|t| match t {
        TokenTree::Ident(i) => i == word,
        TokenTree::Group(g) => mentions(g.stream(), word),
        _ => false,
    })
}

/// The daemon's type of a string that names something.
fn name_type(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Path => "GuestPath",
        Role::Device => "Device",
        Role::Mountable => "Mountable",
        Role::DeviceOrPath => "DeviceOrPath",
        Role::MountableOrPath => "MountableOrPath",
        Role::Filename => "Filename",
        Role::Guid => "Guid",
        Role::Plain | Role::Key | Role::FileIn | Role::FileOut => return None,
    })
}
