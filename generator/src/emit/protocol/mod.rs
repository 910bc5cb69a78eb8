//! Target `protocol`: the wire types shared by library and daemon.
//!
//! In: the model. Out: `protocol/{structs,opts,args,rets,procs,groups,errnos}` for `guestfs_protocol::generated`.

mod record;

use super::rust::{by_module, has_wire_args, module_docs, plain, render, wire_ret, RustFile};
use super::{Files, Target, HEADER};
use crate::model::{Api, Call};
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
        let mut files = render(vec![
            RustFile::new("protocol/mod.rs", root),
            RustFile::new("protocol/groups.rs", || groups(api)),
            RustFile::new("protocol/errnos.rs", || errnos(api)),
        ]);
        let daemon = |c: &Call| c.proc().is_some();
        let args = by_module(api, |c| daemon(c) && has_wire_args(c));
        let rets = by_module(api, |c| daemon(c) && wire_ret(&c.ret.ty).is_some());
        let opts = by_module(api, |c| !c.opts.is_empty());
        family(&mut files, ("args", "Bodies of requests", "records"), args, record::args);
        family(&mut files, ("rets", "Bodies of replies", "records"), rets, record::ret);
        family(&mut files, ("opts", "Optional arguments", "options"), opts, record::opts);
        let structs: String = api.structs.iter().map(record::structure).collect();
        files.insert("protocol/structs.rs".into(), file("Structs that calls return.", "records", &structs));
        files
            .insert("protocol/procs.rs".into(), file("Wire numbers of the daemon's calls.", "procedures", &procs(api)));
        files
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        let mut out = String::new();
        if !call.opts.is_empty() {
            out += &rows("options", &record::opts(call));
        }
        if call.proc().is_some() {
            let args = if has_wire_args(call) { record::args(call) } else { String::new() };
            out += &rows("records", &(args + &record::ret(call)));
        }
        out
    }
}

/// A file of rows for a macro of `lib/protocol/src/record.rs`.
fn file(title: &str, kind: &str, text: &str) -> String {
    let uses = record::imports(text);
    let gap = if uses.is_empty() { "" } else { "\n" };
    format!("// {HEADER}\n\n//! {title}\n\n{uses}{gap}{}", rows(kind, text))
}

fn rows(kind: &str, text: &str) -> String {
    format!("crate::record::{kind}! {{\n{text}}}\n")
}

fn root() -> TokenStream {
    let doc = module_docs(
        "Wire types of the API.\n\nIn: `api.toml`. Out: everything both halves must agree on, one module a kind.",
    );
    quote! {
        #doc
        pub mod args;
        pub mod errnos;
        pub mod groups;
        pub mod opts;
        pub mod procs;
        pub mod rets;
        pub mod structs;
    }
}

/// `KIND/mod.rs` and one file a module of calls.
fn family(
    files: &mut Files,
    (kind, title, of): (&str, &str, &str),
    modules: BTreeMap<&str, Vec<&Call>>,
    row: fn(&Call) -> String,
) {
    let mut list = format!("// {HEADER}\n\n//! {title}, by module of their calls.\n\n");
    let names: Vec<_> = modules.keys().map(|n| super::rust::ident(n)).collect();
    list.extend(names.iter().map(|n| format!("mod {n};\n")));
    list.extend(names.iter().map(|n| format!("pub use {n}::*;\n")));
    files.insert(format!("protocol/{kind}/mod.rs"), list);
    for (module, calls) in modules {
        let text: String = calls.iter().map(|c| row(c)).collect();
        let title = format!("{title} of the calls of `{module}`.");
        files.insert(format!("protocol/{kind}/{module}.rs"), file(&title, of, &text));
    }
}

/// Constant, number and name of each call.
fn procs(api: &Api) -> String {
    let row = |c: &&Call| format!("    {} = {} {:?};\n", c.const_name(), c.proc().unwrap_or_default(), c.name);
    api.daemon_calls().iter().map(row).collect()
}

fn groups(api: &Api) -> TokenStream {
    let doc = module_docs(
        "Option groups: sets of calls that an appliance may be unable to do.\n\n\
         In: `api.toml`. Out: what both the daemon and the builder of its appliance answer from.",
    );
    let groups = api.groups.iter().map(|g| {
        let state = plain(&format!("{:?}", g.state));
        let name = &g.name;
        quote!((#name, GroupState::#state))
    });
    quote! {
        #doc

        /// What it depends on whether a group is available.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum GroupState {
            /// The programs that the list of the appliance's tools has for it.
            WithTools,
            /// Nothing: the daemon and its kernel do the work, or its calls became ordinary ones.
            Always,
        }

        impl GroupState {
            /// Why a group is off of which nothing else is known; `None`: it is on.
            pub fn off(self) -> Option<&'static str> {
                match self {
                    GroupState::Always => None,
                    GroupState::WithTools => Some("no appliance of this version has what it needs"),
                }
            }
        }

        /// Every option group of the API, sorted by name.
        pub const GROUPS: &[(&str, GroupState)] = &[#(#groups),*];

        /// The state of a group; `None` when the API has no such group.
        pub fn state(name: &str) -> Option<GroupState> {
            let at = GROUPS.binary_search_by(|(n, _)| (*n).cmp(name)).ok()?;
            GROUPS.get(at).map(|(_, state)| *state)
        }
    }
}

fn errnos(api: &Api) -> TokenStream {
    let doc = module_docs("Names of errno values on the wire.");
    let names = &api.meta.errnos;
    let values = names.iter().map(|n| plain(n));
    quote! {
        #doc

        /// Every name with its number on this architecture, sorted by name. ENOTSUP and EDEADLOCK are Linux's
        /// EOPNOTSUPP and EDEADLK, EAGAIN also its EWOULDBLOCK.
        pub const ERRNOS: &[(&str, i32)] = &[#((#names, libc::#values)),*];
    }
}
