//! Target `daemon`: the dispatcher of `guestfsd`.
//!
//! In: the model. Out: `daemon/` for crate `guestfsd`: a match on the wire number to one small function a
//! call, in files by module, that decodes, checks, calls `crate::MODULE::CALL` and encodes.

mod body;
pub mod handler;

use super::rust::{by_module, format_tokens, ident, module_docs, plain, render, RustFile};
use super::{Files, Target};
use crate::model::{Api, ArgType, Call};
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

/// Whether any call of this group is more than planned. Without calls there is nothing to wait for.
fn is_written(api: &Api, group: &str) -> bool {
    let mut calls = api.calls.iter().filter(|c| c.group.as_deref() == Some(group)).peekable();
    calls.peek().is_none() || calls.any(|c| !c.planned)
}

fn root(api: &Api) -> TokenStream {
    let doc = module_docs("Wire number to handler.\n\nIn: a request whose header was checked. Out: its reply, or the error to send instead.");
    let mods: Vec<_> = by_module(api, |c| c.proc().is_some()).keys().map(|m| plain(&format!("calls_{m}"))).collect();
    let arms = api.daemon_calls().into_iter().map(|c| {
        let (constant, name) = (plain(&c.const_name()), ident(&c.name));
        let module = plain(&format!("calls_{}", super::rust::module(c)));
        quote!(procs::#constant => #module::#name(ctx, call),)
    });
    let groups = api.groups.iter().map(|g| {
        let state = plain(match (g.retired, is_written(api, &g.name)) {
            (true, _) => "Retired",
            (false, true) => "Written",
            (false, false) => "Planned",
        });
        let name = &g.name;
        quote!((#name, Group::#state))
    });
    quote! {
        #doc
        #![allow(non_snake_case)]
        #(mod #mods;)*

        use crate::ctx::Ctx;
        use crate::error::Result;
        use crate::rpc::{Call, Reply};
        use guestfs_protocol::procs;

        /// What this version does of a group, whatever tools there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Group {
            /// At least one of its calls.
            Written,
            /// Its calls became ordinary ones: only old programs ask for it.
            Retired,
            /// None of its calls.
            Planned,
        }

        /// Every option group of the API.
        pub const GROUPS: &[(&str, Group)] = &[#(#groups),*];

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
    let path = has("GuestPath").then(|| quote!(use crate::path::GuestPath;));
    let byteslice = has("as_bstr").then(|| quote!(use bstr::ByteSlice;));
    let opaque = has("Opaque").then(|| quote!(use guestfs_protocol::xdr::Opaque;));
    let generated = list(&["args", "opts", "rets"]);
    let generated = (!generated.is_empty()).then(|| quote!(use guestfs_protocol::{#(#generated),*};));
    quote! {
        use crate::ctx::Ctx;
        #devices
        use crate::error::Result;
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

/// True for arguments that are a file streamed after the request or the reply.
fn is_file(ty: ArgType) -> bool {
    matches!(ty, ArgType::FileIn | ArgType::FileOut)
}
