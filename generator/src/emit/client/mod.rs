//! Target `client`: the methods of `Handle`.
//!
//! In: the model. Out: `client/` for crate `guestfs`: one method a call in files by module, the facts the
//! wrapper needs (`info`), the classes of events (`events`), and how structs look in traces (`traces`).

mod body;
mod events;

use super::rust::{by_module, docs, format_tokens, ident, module_docs, plain, render, RustFile};
use super::rustdoc;
use super::{Files, Target, HEADER};
use crate::model::{Api, Call, RetType, Role, Shape, Struct, Visibility};
use proc_macro2::TokenStream;
use quote::quote;

/// See the module.
pub struct Client;

impl Target for Client {
    fn name(&self) -> &'static str {
        "client"
    }

    fn unsupported(&self, _call: &Call) -> Option<&'static str> {
        None
    }

    fn emit(&self, api: &Api) -> Files {
        let modules = by_module(api, |c| self.unsupported(c).is_none());
        let names: Vec<&str> = modules.keys().copied().collect();
        let mut files = vec![
            RustFile::new("client/mod.rs", move || root(&names)),
            RustFile::new("client/events.rs", || events::classes(api)),
            RustFile::new("client/traces.rs", || traces(api)),
        ];
        for (module, calls) in modules {
            files.push(RustFile::new(format!("client/calls_{module}.rs"), move || methods(module, &calls)));
        }
        let mut files = render(files);
        files.insert("client/info.rs".into(), info(api));
        files
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        match self.unsupported(call) {
            Some(why) => format!("// {why}\n"),
            None => {
                let method = body::method(call);
                format!("// {}\n{}", call_info(call), format_tokens(quote!(impl Handle { #method })))
            }
        }
    }
}

fn root(modules: &[&str]) -> TokenStream {
    let doc =
        module_docs("One method of `Handle` for each call of the API, in files by the module that does the work.");
    let mods = modules.iter().map(|m| plain(&format!("calls_{m}")));
    quote! {
        #doc
        #![allow(clippy::too_many_arguments, non_snake_case)]
        #(mod #mods;)*
        pub(crate) mod events;
        pub(crate) mod info;
        mod traces;
    }
}

fn methods(module: &str, calls: &[&Call]) -> TokenStream {
    let doc = module_docs(&format!("Calls of the module `{module}`."));
    let methods: Vec<_> = calls.iter().map(|c| body::method(c)).collect();
    let uses = imports(calls);
    quote! {
        #doc
        #uses
        impl Handle {
            #(#methods)*
        }
    }
}

/// `use` lines for what the methods of these calls mention, and no more.
fn imports(calls: &[&Call]) -> TokenStream {
    let remote = |c: &&&Call| c.proc().is_some();
    let wire = calls.iter().any(|c| remote(&c) && super::rust::has_wire_args(c));
    let ret = calls.iter().any(|c| remote(&c) && c.ret.ty != RetType::Unit);
    let opts = calls.iter().any(|c| !c.opts.is_empty());
    let structs = calls.iter().any(|c| c.ret.ty.structure().is_some());
    let wrapped = calls.iter().any(|c| !c.flags.no_wrapper);
    let files = calls.iter().any(|c| remote(&c)).then(|| {
        quote!(
            use crate::rpc::Files;
        )
    });
    let info = wrapped.then(|| {
        quote!(
            use super::info;
        )
    });
    let check = calls.iter().any(|c| c.args.iter().any(|a| matches!(a.ty.role(), Role::Guid | Role::Filename)));
    let check = check.then(|| {
        quote!(
            use crate::check;
        )
    });
    let bstr = calls.iter().any(|c| c.args.iter().any(|a| a.ty.shape() == Shape::OptStr)).then(|| {
        quote!(
            use crate::BStr;
        )
    });
    let bstring = calls.iter().any(body::mentions_bstring).then(|| {
        quote!(
            use crate::BString;
        )
    });
    let opaque = calls.iter().any(|c| remote(&c) && c.args.iter().any(|a| a.ty.shape() == Shape::Buffer)).then(|| {
        quote!(
            use guestfs_protocol::xdr::Opaque;
        )
    });
    let byteslice = calls.iter().any(body::needs_byteslice).then(|| {
        quote!(
            use bstr::ByteSlice;
        )
    });
    let generated: Vec<_> = [("args", wire), ("opts", opts), ("rets", ret), ("structs", structs)]
        .into_iter()
        .filter(|(_, used)| *used)
        .map(|(name, _)| plain(name))
        .collect();
    let generated = (!generated.is_empty()).then(|| quote!(use guestfs_protocol::{#(#generated),*};));
    quote! { #info #check #files use crate::{Handle, Result}; #bstr #bstring #byteslice #opaque #generated }
}

/// A line a call, behind the macro `call_facts`.
fn info(api: &Api) -> String {
    let v = api.meta.version;
    let mut out = format!(
        "// {HEADER}\n\n\
         //! Facts about every call that its wrapper needs at run time.\n\n\
         /// Level of the API: major, minor, release.\n\
         pub const API_VERSION: [i64; 3] = [{}, {}, {}];\n\n\
         /// What follows the numbers.\n\
         pub const API_VERSION_EXTRA: &str = {:?};\n\n\
         crate::call::call_facts! {{\n",
        v.major, v.minor, v.release, api.meta.version_extra
    );
    for call in &api.calls {
        out += &format!("    {}\n", call_info(call));
    }
    out + "}\n"
}

/// Constant, name, wire number, and what is special about the call: methods of `CallInfo`.
fn call_info(call: &Call) -> String {
    let f = call.flags;
    let facts = [
        ("config_only", f.config_only),
        ("nonblocking", f.nonblocking),
        ("progress", f.progress),
        ("cancellable", f.cancellable),
        ("no_wrapper", f.no_wrapper),
        ("file_in", call.has_filein()),
        ("file_out", call.has_fileout()),
    ];
    let facts: String = facts.iter().filter(|(_, given)| *given).map(|(fact, _)| format!(" {fact}")).collect();
    format!("{}: {:?} {}{facts};", call.const_name(), call.name, call.proc().unwrap_or(0))
}

fn traces(api: &Api) -> TokenStream {
    let doc = module_docs("How each struct is shown in trace lines.");
    let impls = api.structs.iter().map(trace);
    quote! {
        #doc
        use crate::trace::{FieldTrace, TraceStruct};
        use guestfs_protocol::structs;
        #(#impls)*
    }
}

fn trace(s: &Struct) -> TokenStream {
    let (ty, name) = (plain(&s.rust_name()), &s.name);
    let fields = s.fields.iter().map(|f| {
        let (text, field) = (&f.name, ident(&f.name));
        quote!(t.field(#text, &self.#field);)
    });
    quote! {
        impl TraceStruct for structs::#ty {
            const NAME: &'static str = #name;
            fn fields(&self, t: &mut FieldTrace<'_>) {
                #(#fields)*
            }
        }
    }
}

/// Docs of a method; calls that programs do not use are left out of the rendered pages.
fn method_docs(call: &Call) -> TokenStream {
    let text = docs(&rustdoc::call(call));
    match call.visibility {
        Visibility::Internal | Visibility::BindTest | Visibility::StateTest => quote!(#text #[doc(hidden)]),
        _ => text,
    }
}
