//! Rust files: tokens to formatted text, and the spellings of types shared by the Rust targets.
//!
//! In: functions that build the tokens of one file each. Out: [`Files`], formatted by prettyplease with
//! one file at a time on each core.

use super::{Files, HEADER};
use crate::model::{name, Api, Arg, Call, FieldType, RetType, Shape, Side, StrKind};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

/// One file: tokens are not `Send`, so each is built on the thread that formats it.
pub struct RustFile<'a> {
    pub path: String,
    pub build: Box<dyn Fn() -> TokenStream + Send + Sync + 'a>,
}

impl<'a> RustFile<'a> {
    /// A file at `path` below `generated/`.
    pub fn new(path: impl Into<String>, build: impl Fn() -> TokenStream + Send + Sync + 'a) -> Self {
        RustFile { path: path.into(), build: Box::new(build) }
    }
}

/// Build and format all files.
pub fn render(files: Vec<RustFile<'_>>) -> Files {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Files::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let text = format!("// {HEADER}\n\n{}", format_tokens((file.build)()));
                    done.lock().unwrap_or_else(|e| e.into_inner()).insert(file.path.clone(), text);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(|e| e.into_inner())
}

/// Format a run of items. Tokens that are no items are a bug of the emitter, shown with the tokens.
pub fn format_tokens(tokens: TokenStream) -> String {
    let shown = tokens.to_string();
    let file: syn::File =
        syn::parse2(tokens).unwrap_or_else(|e| panic!("emitter built tokens that are not Rust items: {e}\n{shown}"));
    let mut out = String::new();
    if !file.attrs.is_empty() {
        out = prettyplease::unparse(&syn::File { shebang: None, attrs: file.attrs, items: Vec::new() });
    }
    let mut after_line = false;
    for item in file.items {
        // prettyplease leaves no blank lines: put one around everything but `use` and `mod` lines.
        let line = matches!(&item, syn::Item::Use(_)) || matches!(&item, syn::Item::Mod(m) if m.content.is_none());
        let tight = line && after_line;
        if !out.is_empty() && !tight {
            out.push('\n');
        }
        after_line = line;
        out.push_str(&prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items: vec![item] }));
    }
    out
}

/// An identifier, raw when it must be.
pub fn ident(text: &str) -> Ident {
    match name::rust_ident(text).strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(text, Span::call_site()),
    }
}

/// The field of a call's reply record; calls without a result have no such record.
pub fn ret_field(call: &Call) -> Ident {
    ident(if call.ret.name.is_empty() { "nothing" } else { &call.ret.name })
}

/// A name of a type, constant or function that is no keyword.
pub fn plain(text: &str) -> Ident {
    format_ident!("{text}")
}

/// Doc attributes, one a line.
pub fn docs(text: &str) -> TokenStream {
    let lines = text.trim_end().lines().map(|l| if l.is_empty() { String::new() } else { format!(" {l}") });
    quote!(#(#[doc = #lines])*)
}

/// Inner doc attributes for the head of a module.
pub fn module_docs(text: &str) -> TokenStream {
    let lines = text.lines().map(|l| if l.is_empty() { String::new() } else { format!(" {l}") });
    quote!(#(#![doc = #lines])*)
}

/// Module of a call, on either side.
pub fn module(call: &Call) -> &str {
    match &call.side {
        Side::Daemon { module, .. } | Side::Library { module } => module,
    }
}

/// Calls that pass `keep` by module, both in alphabetical order.
pub fn by_module(api: &Api, keep: impl Fn(&Call) -> bool) -> BTreeMap<&str, Vec<&Call>> {
    let mut out: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in api.calls.iter().filter(|c| keep(c)) {
        out.entry(module(call)).or_default().push(call);
    }
    out
}

/// Arguments that travel in the request's body; files follow it as chunks.
pub fn wire_args(call: &Call) -> impl Iterator<Item = &Arg> {
    call.args.iter().filter(|a| !a.ty.role().is_file())
}

/// True when the request has a body.
pub fn has_wire_args(call: &Call) -> bool {
    !call.opts.is_empty() || wire_args(call).next().is_some()
}

/// Type of an argument on the wire, and of an option in its struct.
pub fn wire_arg(shape: Shape) -> TokenStream {
    match shape {
        Shape::Bool => quote!(bool),
        Shape::Int => quote!(i32),
        Shape::Int64 => quote!(i64),
        Shape::OptStr => quote!(Option<BString>),
        Shape::StrList => quote!(Vec<BString>),
        Shape::Buffer => quote!(Opaque),
        Shape::Str | Shape::Pointer => quote!(BString),
    }
}

/// Type of a result; strings that name something are `name(kind)`.
pub fn result(ty: &RetType, name: impl Fn(StrKind) -> TokenStream) -> TokenStream {
    match ty {
        RetType::Unit => quote!(()),
        RetType::Bool => quote!(bool),
        RetType::Int => quote!(i32),
        RetType::Int64 => quote!(i64),
        RetType::ConstStr => quote!(BString),
        RetType::ConstOptStr => quote!(Option<BString>),
        RetType::Str(kind) => name(*kind),
        RetType::StrList(kind) => {
            let item = name(*kind);
            quote!(Vec<#item>)
        }
        RetType::Hash(key, value) => {
            let (key, value) = (name(*key), name(*value));
            quote!(Vec<(#key, #value)>)
        }
        RetType::Buffer => quote!(Vec<u8>),
        RetType::Struct(s) => {
            let s = plain(&name::camel(s));
            quote!(structs::#s)
        }
        RetType::StructList(s) => {
            let s = plain(&name::camel(s));
            quote!(Vec<structs::#s>)
        }
    }
}

/// Type of a struct field.
pub fn field_type(ty: FieldType) -> TokenStream {
    match ty {
        FieldType::Char => quote!(Char),
        FieldType::Str | FieldType::Device => quote!(BString),
        FieldType::Buffer => quote!(Opaque),
        FieldType::I32 => quote!(i32),
        FieldType::U32 => quote!(u32),
        FieldType::I64 | FieldType::Size => quote!(i64),
        FieldType::U64 => quote!(u64),
        FieldType::Uuid => quote!(Uuid32),
        FieldType::Percent => quote!(f32),
    }
}

/// Wire type of a result; `None` for no result.
pub fn wire_ret(ty: &RetType) -> Option<TokenStream> {
    match ty {
        RetType::Unit => None,
        RetType::Hash(..) => Some(quote!(Vec<BString>)),
        RetType::Buffer => Some(quote!(Opaque)),
        _ => Some(result(ty, |_| quote!(BString))),
    }
}
