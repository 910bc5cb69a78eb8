//! Target `protocol`: the wire types shared by library and daemon.
//!
//! In: the model. Out: `protocol/{structs,opts,args,rets,procs}` for `guestfs_protocol::generated`.

mod opts;
mod record;

use super::rust::{by_module, docs, format_tokens, has_wire_args, module_docs, plain, render, wire_ret, RustFile};
use super::rustdoc::{self, Links};
use super::{Files, Target};
use crate::model::{Api, Call, Struct};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeMap;

/// See the module.
pub struct Protocol;

impl Target for Protocol {
    fn name(&self) -> &'static str {
        "protocol"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        (call.proc().is_none() && call.opts.is_empty()).then_some("library calls without options are not on the wire")
    }

    fn emit(&self, api: &Api) -> Files {
        let mut files = vec![
            RustFile::new("protocol/mod.rs", root),
            RustFile::new("protocol/structs.rs", || structs(api)),
            RustFile::new("protocol/procs.rs", || procs(api)),
        ];
        let daemon = |c: &Call| c.proc().is_some();
        family(&mut files, "args", "Bodies of requests", by_module(api, |c| daemon(c) && has_wire_args(c)), record::args);
        family(&mut files, "rets", "Bodies of replies", by_module(api, |c| daemon(c) && wire_ret(&c.ret.ty).is_some()), record::ret);
        family(&mut files, "opts", "Optional arguments", by_module(api, |c| !c.opts.is_empty()), opts::opts);
        render(files)
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        let mut tokens = TokenStream::new();
        if !call.opts.is_empty() {
            tokens.extend(opts::opts(call));
        }
        if call.proc().is_some() {
            if has_wire_args(call) {
                tokens.extend(record::args(call));
            }
            tokens.extend(record::ret(call));
        }
        format_tokens(tokens)
    }
}

fn root() -> TokenStream {
    let doc = module_docs("Wire types of the API.\n\nIn: `api.toml`. Out: everything both halves must agree on, one module a kind.");
    quote! {
        #doc
        pub mod args;
        pub mod opts;
        pub mod procs;
        pub mod rets;
        pub mod structs;
    }
}

/// `KIND/mod.rs` and one file a module of calls.
fn family<'a>(
    files: &mut Vec<RustFile<'a>>,
    kind: &'static str,
    title: &'static str,
    modules: BTreeMap<&'a str, Vec<&'a Call>>,
    item: fn(&Call) -> TokenStream,
) {
    let names: Vec<String> = modules.keys().map(|m| (*m).to_owned()).collect();
    files.push(RustFile::new(format!("protocol/{kind}/mod.rs"), move || {
        let doc = module_docs(&format!("{title}, by module of their calls."));
        let mods: Vec<_> = names.iter().map(|n| super::rust::ident(n)).collect();
        quote!(#doc #(mod #mods;)* #(pub use #mods::*;)*)
    }));
    for (module, calls) in modules {
        files.push(RustFile::new(format!("protocol/{kind}/{module}.rs"), move || {
            let doc = module_docs(&format!("{title} of the calls of `{module}`."));
            let items: TokenStream = calls.iter().map(|c| item(c)).collect();
            let uses = record::imports(&items);
            quote!(#doc #uses #items)
        }));
    }
}

fn structs(api: &Api) -> TokenStream {
    let doc = module_docs("Structs that calls return.");
    let items: TokenStream = api.structs.iter().map(structure).collect();
    let uses = record::imports(&items);
    quote!(#doc #uses #items)
}

fn structure(s: &Struct) -> TokenStream {
    let fields = s.fields.iter().map(|f| {
        let doc = record::field_doc(f.ty);
        (docs(doc), super::rust::ident(&f.name), super::rust::field_type(f.ty))
    });
    let text = match rustdoc::render(&s.doc, Links::None) {
        t if t.is_empty() => format!("`struct {}`.", s.c_name()),
        t => format!("`struct {}`.\n\n{t}", s.c_name()),
    };
    record::record(&s.rust_name(), &docs(&text), &fields.collect::<Vec<_>>())
}

fn procs(api: &Api) -> TokenStream {
    let doc = module_docs("Wire numbers of the daemon's calls.");
    let calls = api.daemon_calls();
    let consts = calls.iter().map(|c| {
        let (name, proc) = (plain(&c.const_name()), number(c));
        let doc = docs(&format!("`{}`.", c.name));
        quote!(#doc pub const #name: i32 = #proc;)
    });
    let arms = calls.iter().map(|c| {
        let (constant, name) = (plain(&c.const_name()), &c.name);
        quote!(#constant => #name,)
    });
    quote! {
        #doc
        #(#consts)*

        /// The call that has a number, or `None` when no call of this API has it.
        pub fn name(proc: i32) -> Option<&'static str> {
            Some(match proc {
                #(#arms)*
                _ => return None,
            })
        }
    }
}

fn number(call: &Call) -> proc_macro2::Literal {
    proc_macro2::Literal::u32_unsuffixed(call.proc().unwrap_or_default())
}
