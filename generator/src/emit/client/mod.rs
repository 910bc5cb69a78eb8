//! Target `client`: the methods of `Handle`.
//!
//! In: the model. Out: `client/` for crate `guestfs`: one method a call in files by module, the facts the
//! wrapper needs (`info`), and how structs look in traces (`traces`).

mod body;

use super::rust::{by_module, docs, format_tokens, ident, module_docs, plain, render, RustFile};
use super::rustdoc;
use super::{Files, Target};
use crate::model::{Api, ArgType, Call, OptType, RetType, Struct, Visibility};
use proc_macro2::{Literal, TokenStream};
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
            RustFile::new("client/info.rs", || info(api)),
            RustFile::new("client/traces.rs", || traces(api)),
        ];
        for (module, calls) in modules {
            files.push(RustFile::new(format!("client/calls_{module}.rs"), move || methods(module, &calls)));
        }
        render(files)
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        match self.unsupported(call) {
            Some(why) => format!("// {why}\n"),
            None => {
                let (info, method) = (call_info(call), body::method(call));
                format_tokens(quote!(#info impl Handle { #method }))
            }
        }
    }
}

fn root(modules: &[&str]) -> TokenStream {
    let doc = module_docs("One method of `Handle` for each call of the API, in files by the module that does the work.");
    let mods = modules.iter().map(|m| plain(&format!("calls_{m}")));
    quote! {
        #doc
        #![allow(clippy::too_many_arguments, non_snake_case)]
        #(mod #mods;)*
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
    let structs = calls.iter().any(|c| matches!(c.ret.ty, RetType::Struct(_) | RetType::StructList(_)));
    let wrapped = calls.iter().any(|c| !c.flags.no_wrapper);
    let files = calls.iter().any(|c| remote(&c)).then(|| quote!(use crate::rpc::Files;));
    let info = wrapped.then(|| quote!(use super::info;));
    let check = calls
        .iter()
        .any(|c| c.args.iter().any(|a| matches!(a.ty, ArgType::Guid | ArgType::Filename | ArgType::FilenameList)));
    let check = check.then(|| quote!(use crate::check;));
    let bstr = calls.iter().any(|c| c.args.iter().any(|a| a.ty == ArgType::OptStr)).then(|| quote!(use crate::BStr;));
    let bstring = calls.iter().any(body::mentions_bstring).then(|| quote!(use crate::BString;));
    let opaque = calls
        .iter()
        .any(|c| remote(&c) && c.args.iter().any(|a| a.ty == ArgType::Buffer))
        .then(|| quote!(use guestfs_protocol::xdr::Opaque;));
    let byteslice = calls.iter().any(body::needs_byteslice).then(|| quote!(use bstr::ByteSlice;));
    let generated: Vec<_> = [("args", wire), ("opts", opts), ("rets", ret), ("structs", structs)]
        .into_iter()
        .filter(|(_, used)| *used)
        .map(|(name, _)| plain(name))
        .collect();
    let generated = (!generated.is_empty()).then(|| quote!(use guestfs_protocol::{#(#generated),*};));
    quote! { #info #check #files use crate::{Handle, Result}; #bstr #bstring #byteslice #opaque #generated }
}

fn info(api: &Api) -> TokenStream {
    let doc = module_docs("Facts about every call that its wrapper needs at run time.");
    let infos = api.calls.iter().map(call_info);
    let names = api.calls.iter().map(|c| plain(&c.const_name()));
    let v = api.meta.version;
    let version = [v.major, v.minor, v.release].map(|n| Literal::i64_unsuffixed(n.into()));
    let extra = &api.meta.version_extra;
    quote! {
        #doc
        use crate::call::CallInfo;

        /// Level of the API: major, minor, release.
        pub const API_VERSION: [i64; 3] = [#(#version),*];
        /// What follows the numbers.
        pub const API_VERSION_EXTRA: &str = #extra;
        #(#infos)*

        /// Every call, by name.
        pub static ALL: &[&CallInfo] = &[#(&#names),*];
    }
}

fn call_info(call: &Call) -> TokenStream {
    let doc = docs(&format!("`{}`.", call.name));
    let (constant, name) = (plain(&call.const_name()), &call.name);
    let proc = Literal::u32_unsuffixed(call.proc().unwrap_or(0));
    let f = call.flags;
    let (config_only, nonblocking, progress, cancellable) = (f.config_only, f.nonblocking, f.progress, f.cancellable);
    let wrapper = !f.no_wrapper;
    let (file_in, file_out, planned) = (call.has_filein(), call.has_fileout(), call.planned);
    quote! {
        #doc
        pub static #constant: CallInfo = CallInfo {
            name: #name,
            proc: #proc,
            config_only: #config_only,
            nonblocking: #nonblocking,
            progress: #progress,
            cancellable: #cancellable,
            wrapper: #wrapper,
            file_in: #file_in,
            file_out: #file_out,
            planned: #planned,
        };
    }
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

/// True for optional arguments whose value is `Copy`.
fn is_copy(ty: OptType) -> bool {
    matches!(ty, OptType::Bool | OptType::Int | OptType::Int64)
}
