//! The description of one command: names, parameters, help.

use super::super::rust::{docs, plain};
use super::text;
use crate::model::doc::{Block, Doc};
use crate::model::{name, notice, Call, Role, Shape};
use proc_macro2::TokenStream;
use quote::quote;

/// The `static` of one command.
pub fn entry(call: &Call) -> TokenStream {
    let doc = docs(&format!("`{}`: {}.", call.shell_name(), call.summary));
    let (constant, run) = (plain(&call.const_name()), super::super::rust::ident(&call.name));
    let (command, aliases, summary) = (call.shell_name(), &call.shell.aliases, &call.summary);
    let old_names = call.script_names().into_iter().filter(|n| *n != call.name).map(|n| name::dashed(&n));
    let params = call.args.iter().map(|a| {
        let (name, kind) = (&a.name, kind(a.ty.role(), a.ty.shape()));
        quote!(Param::new(#name, Kind::#kind))
    });
    let opts = call.opts.iter().map(|o| {
        let (name, kind) = (&o.name, kind(Role::Plain, o.ty.shape()));
        quote!(Param::new(#name, Kind::#kind))
    });
    let help = text::lines(&help_doc(call));
    quote! {
        #doc
        pub static #constant: Command = Command {
            name: #command,
            aliases: &[#(#aliases),*],
            old_names: &[#(#old_names),*],
            summary: #summary,
            params: &[#(#params),*],
            opts: &[#(#opts),*],
            help: &[#(#help),*],
            run: #run,
        };
    }
}

/// The call's text, its optional arguments and the notices.
fn help_doc(call: &Call) -> Doc {
    let mut doc = notice::with_options(call);
    doc.blocks.extend(notice::notices(call).into_iter().map(Block::Para));
    doc
}

/// Variant of the shell's `Kind` for an argument.
fn kind(role: Role, shape: Shape) -> TokenStream {
    match (role, shape) {
        (Role::Path, Shape::StrList) => quote!(PathList),
        (Role::Device, Shape::StrList) => quote!(DeviceList),
        (_, Shape::StrList) => quote!(List),
        (Role::Path, _) => quote!(Path),
        (Role::Device | Role::Mountable, _) => quote!(Device),
        (Role::DeviceOrPath | Role::MountableOrPath, _) => quote!(DeviceOrPath),
        (Role::Key, _) => quote!(Key),
        (Role::FileIn, _) => quote!(FileIn),
        (Role::FileOut, _) => quote!(FileOut),
        (_, Shape::Bool) => quote!(Bool),
        (_, Shape::Int) => quote!(Int),
        (_, Shape::Int64) => quote!(Int64),
        (_, Shape::Str | Shape::OptStr | Shape::Buffer | Shape::Pointer) => quote!(Str),
    }
}
