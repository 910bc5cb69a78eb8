//! The description of one command: names, parameters, help.

use super::super::rust::{docs, plain};
use super::text;
use crate::model::doc::{Block, Doc, Span};
use crate::model::{name, notice, ArgType, Call, OptType};
use proc_macro2::TokenStream;
use quote::quote;

/// The `static` of one command.
pub fn entry(call: &Call) -> TokenStream {
    let doc = docs(&format!("`{}`: {}.", call.shell_name(), call.summary));
    let (constant, run) = (plain(&call.const_name()), super::super::rust::ident(&call.name));
    let (command, aliases, summary) = (call.shell_name(), &call.shell.aliases, &call.summary);
    let old_names = call.script_names().into_iter().filter(|n| *n != call.name).map(|n| name::dashed(&n));
    let params = call.args.iter().map(|a| {
        let (name, kind) = (&a.name, arg_kind(a.ty));
        quote!(Param::new(#name, Kind::#kind))
    });
    let opts = call.opts.iter().map(|o| {
        let (name, kind) = (&o.name, opt_kind(o.ty));
        quote!(Param::new(#name, Kind::#kind))
    });
    let help = text::lines(&full_doc(call));
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
fn full_doc(call: &Call) -> Doc {
    let mut doc = call.doc.clone();
    if !call.opts.is_empty() {
        doc.blocks.push(Block::Para(vec![Span::Text("Optional arguments:".into())]));
        let entries = call.opts.iter().map(|o| (vec![Span::Code(o.name.clone())], o.doc.blocks.clone()));
        doc.blocks.push(Block::Definitions(entries.collect()));
    }
    doc.blocks.extend(notice::notices(call).into_iter().map(Block::Para));
    doc
}

/// Variant of the shell's `Kind` for a required argument.
fn arg_kind(ty: ArgType) -> TokenStream {
    match ty {
        ArgType::Bool => quote!(Bool),
        ArgType::Int => quote!(Int),
        ArgType::Int64 => quote!(Int64),
        ArgType::StrList | ArgType::FilenameList => quote!(List),
        ArgType::PathList => quote!(PathList),
        ArgType::DeviceList => quote!(DeviceList),
        ArgType::Path => quote!(Path),
        ArgType::Device | ArgType::Mountable => quote!(Device),
        ArgType::DeviceOrPath | ArgType::MountableOrPath => quote!(DeviceOrPath),
        ArgType::Key => quote!(Key),
        ArgType::FileIn => quote!(FileIn),
        ArgType::FileOut => quote!(FileOut),
        ArgType::Str | ArgType::OptStr | ArgType::Buffer | ArgType::Filename | ArgType::Guid | ArgType::Pointer => {
            quote!(Str)
        }
    }
}

fn opt_kind(ty: OptType) -> TokenStream {
    match ty {
        OptType::Bool => quote!(Bool),
        OptType::Int => quote!(Int),
        OptType::Int64 => quote!(Int64),
        OptType::Str => quote!(Str),
        OptType::StrList => quote!(List),
    }
}
