//! Target `shell`: the command table of guestfish and what its own commands say about themselves.
//!
//! In: the model, and `templates/shell/builtins.md` for commands that are no calls. Out:
//! `shell/mod.rs` (all commands by name), `shell/commands/MODULE.rs` (description and run function of each
//! call), `shell/structs.rs` (fields of structs for printing) and `shell/builtins.rs`.

pub mod builtins;
mod record;
mod run;
mod table;
mod text;

use super::rust::{by_module, format_tokens, module, module_docs, plain, render, RustFile};
use super::{Files, Target};
use crate::model::{Api, Call, Shape};
use proc_macro2::TokenStream;
use quote::quote;

/// The target.
pub struct Shell;

/// True when the shell has the call as a command.
pub fn covers(call: &Call) -> bool {
    Shell.unsupported(call).is_none()
}

impl Target for Shell {
    fn name(&self) -> &'static str {
        "shell"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        if !call.in_shell() {
            return Some("not a command: the shell has its own of that name, or the call is not for users");
        }
        call.args.iter().any(|a| a.ty.shape() == Shape::Pointer).then_some("a pointer cannot be typed")
    }

    fn emit(&self, api: &Api) -> Files {
        let families = by_module(api, covers);
        let names: Vec<String> = families.keys().map(|m| (*m).to_owned()).collect();
        let mut files = vec![
            RustFile::new("shell/mod.rs", || root(api)),
            RustFile::new("shell/structs.rs", || record::structs(api)),
            RustFile::new("shell/builtins.rs", builtins::rust),
            RustFile::new("shell/commands/mod.rs", move || family_root(&names)),
        ];
        for (name, calls) in families {
            files.push(RustFile::new(format!("shell/commands/{name}.rs"), move || family(name, &calls)));
        }
        render(files)
    }

    fn emit_call(&self, _: &Api, call: &Call) -> String {
        format_tokens(command(call))
    }
}

/// Description and run function of one call.
fn command(call: &Call) -> TokenStream {
    let (entry, function) = (table::entry(call), run::function(call));
    quote!(#entry #function)
}

fn family(name: &str, calls: &[&Call]) -> TokenStream {
    let doc = module_docs(&format!("Commands of family `{name}`: description and run function of each."));
    let commands = calls.iter().map(|c| command(c));
    quote! {
        #doc
        #![allow(non_snake_case, unused_imports)]
        use crate::command::{Command, Context, Kind, Param};
        use crate::error::Result;
        use crate::words::Words;
        use guestfs::protocol::opts;
        #(#commands)*
    }
}

fn family_root(names: &[String]) -> TokenStream {
    let doc = module_docs("Commands that are API calls, one module a family.");
    let modules = names.iter().map(|n| plain(n));
    quote!(#doc #(pub mod #modules;)*)
}

fn root(api: &Api) -> TokenStream {
    let doc = module_docs("The command table of the shell.\n\nIn: `api.toml`. Out: every command that is an API call.");
    let mut calls: Vec<&Call> = api.calls.iter().filter(|c| covers(c)).collect();
    calls.sort_by_key(|c| c.shell_name());
    let entries = calls.iter().map(|c| {
        let (module, name) = (plain(module(c)), plain(&c.const_name()));
        quote!(&commands::#module::#name)
    });
    quote! {
        #doc
        pub mod builtins;
        pub mod commands;
        pub mod structs;

        use crate::command::Command;

        /// Commands that are API calls, by name.
        pub static COMMANDS: &[&Command] = &[#(#entries),*];
    }
}
