//! Target `lua`: what editors and readers see of module `guestfs`.
//!
//! In: the model. Out: `lua/guestfs.lua`, declarations with docs in the form that Lua's language server reads; no program
//! runs it. Hand-written: `bindings/lua`, over the glue.

use super::bind::{self, text};
use super::c::text::render;
use super::{Files, Target};
use crate::model::doc::Span;
use crate::model::{notice, Api, Call};
use serde::Serialize;

/// The target.
pub struct Lua;

impl Target for Lua {
    fn name(&self) -> &'static str {
        "lua"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        bind::unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let library = bind::library(api);
        let structs = library.structs.iter().map(|s| Record {
            name: s.name.clone(),
            fields: s.fields.iter().map(|f| Field { name: f.name.clone(), ty: field(f.ty) }).collect(),
        });
        let calls = api.calls.iter().filter(|c| self.unsupported(c).is_none()).map(method);
        let events = library.events.into_iter().map(|e| e.name);
        let view = Module { events: events.collect(), structs: structs.collect(), calls: calls.collect() };
        Files::from([("lua/guestfs.lua".to_owned(), render("lua/guestfs.lua", &view))])
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        match self.unsupported(call) {
            Some(_) => String::new(),
            None => render("lua/method.lua", &Module { events: vec![], structs: vec![], calls: vec![method(call)] }),
        }
    }
}

#[derive(Serialize)]
struct Module {
    events: Vec<String>,
    structs: Vec<Record>,
    calls: Vec<Method>,
}

#[derive(Serialize)]
struct Record {
    name: String,
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    name: String,
    ty: &'static str,
}

#[derive(Serialize)]
struct Method {
    name: String,
    doc: Vec<String>,
    params: Vec<Field>,
    /// `path, mode` and, behind them, `options`.
    names: String,
    /// Type of the table of options, or empty.
    options: String,
    ret: String,
    deprecated: bool,
}

fn method(call: &Call) -> Method {
    let bound = bind::call(call);
    let style = text::Style { width: 100, span: &span };
    let params: Vec<Field> =
        bound.params.iter().map(|p| Field { name: ident(&p.name), ty: argument(p.shape) }).collect();
    let mut names: Vec<String> = params.iter().map(|p| p.name.clone()).collect();
    let options: Vec<String> = bound.opts.iter().map(|o| format!("{}?: {}", key(&o.name), argument(o.shape))).collect();
    if !options.is_empty() {
        names.push("options".to_owned());
    }
    Method {
        doc: text::lines(&call.summary, &notice::documented(call), &style),
        names: names.join(", "),
        options: if options.is_empty() { String::new() } else { format!("{{ {} }}", options.join(", ")) },
        ret: result(&bound.ret),
        deprecated: bound.deprecated,
        params,
        name: call.name.clone(),
    }
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(t) => t.clone(),
        Span::Emph(t) => format!("*{t}*"),
        Span::Strong(t) => format!("**{t}**"),
        Span::Code(t) => format!("`{t}`"),
        Span::Call(name) => format!("`g:{name}`"),
        Span::Page { name, section } => format!("{name}({section})"),
        Span::Link { text, url } if text == url => format!("<{url}>"),
        Span::Link { text, url } => format!("[{text}]({url})"),
    }
}

fn argument(shape: &str) -> &'static str {
    match shape {
        "bool" => "boolean",
        "int" => "integer",
        "int64" => "integer|string",
        "opt_str" => "string|nil",
        "str_list" => "string[]",
        "pointer" => "lightuserdata",
        _ => "string",
    }
}

fn field(ty: &str) -> &'static str {
    match ty {
        "i32" | "u32" => "integer",
        "percent" => "number|nil",
        _ => "string",
    }
}

fn result(ret: &bind::Ret) -> String {
    match ret.kind {
        "none" => String::new(),
        "bool" => "boolean".to_owned(),
        "int" => "integer".to_owned(),
        "const_opt_str" => "string|nil".to_owned(),
        "str_list" => "string[]".to_owned(),
        "hash" => "table<string, string>".to_owned(),
        "struct" => format!("guestfs.{}", ret.structure),
        "struct_list" => format!("guestfs.{}[]", ret.structure),
        // 64-bit numbers are decimal strings.
        _ => "string".to_owned(),
    }
}

/// A parameter's name: keywords, and the names that methods have already, get an underscore.
fn ident(name: &str) -> String {
    if KEYWORDS.contains(&name) || matches!(name, "self" | "options") {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}

/// A key of a table: keywords are quoted.
fn key(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        format!("[\"{name}\"]")
    } else {
        name.to_owned()
    }
}

const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];
