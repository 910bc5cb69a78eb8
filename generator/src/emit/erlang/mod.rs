//! Target `erlang`: module `guestfs`, and the calls and structs of the program that its port runs.
//!
//! In: the model. Out: `erlang/guestfs.erl`, a function and its `-spec` for each call, and `erlang/mod.rs`, rows for two
//! macros of crate `erl-guestfs`. Hand-written: `bindings/erlang`.

mod doc;

use super::bind;
use super::c::text::render;
use super::{Files, Target, HEADER};
use crate::model::{name, notice, Api, Call};
use serde::Serialize;

/// The target.
pub struct Erlang;

impl Target for Erlang {
    fn name(&self) -> &'static str {
        "erlang"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        bind::unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let library = bind::library(api);
        let calls = || api.calls.iter().filter(|c| self.unsupported(c).is_none());
        let view = Module {
            events: library.events.into_iter().map(|e| bind::Event { name: atom(&e.name), ..e }).collect(),
            structs: library.structs.iter().map(record).collect(),
            calls: calls().flat_map(functions).collect(),
        };
        let rows: String = calls().map(|c| format!("    {}\n", row(c))).collect();
        let records: String = library.structs.iter().map(|s| format!("    {}\n", record_row(s))).collect();
        let table = format!(
            "// {HEADER}\n\n//! Calls and structs, as rows.\n\ncrate::call::calls! {{\n{rows}}}\n\n\
             crate::reply::records! {{\n{records}}}\n"
        );
        Files::from([
            ("erlang/guestfs.erl".to_owned(), render("erlang/guestfs.erl", &view)),
            ("erlang/mod.rs".to_owned(), table),
        ])
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        if self.unsupported(call).is_some() {
            return String::new();
        }
        let view = Module { events: vec![], structs: vec![], calls: functions(call) };
        format!("{}// {}\n", render("erlang/functions.erl", &view), row(call))
    }
}

#[derive(Serialize)]
struct Module {
    events: Vec<bind::Event>,
    structs: Vec<Record>,
    calls: Vec<Function>,
}

#[derive(Serialize)]
struct Record {
    name: String,
    /// Types of the fields with their names, in order.
    fields: Vec<String>,
    names: String,
}

/// A call under one of its names.
#[derive(Serialize)]
struct Function {
    name: String,
    /// The call's own name, which the port knows.
    call: String,
    /// `call`, or `now` for what does not wait for the call that runs.
    how: &'static str,
    arity: usize,
    doc: Vec<String>,
    /// `, Path, Mode`.
    params: String,
    /// The same without the comma before it.
    tuple: String,
    /// `, Path :: string_in()`.
    types: String,
    /// Names and types of the options; a call without has none.
    options: Vec<String>,
    result: String,
}

fn functions(call: &Call) -> Vec<Function> {
    let bound = bind::call(call);
    let names: Vec<String> = bound.params.iter().map(|p| variable(&p.name)).collect();
    let types: String =
        bound.params.iter().zip(&names).map(|(p, name)| format!(", {name} :: {}", argument(p.shape))).collect();
    let function = |name: &str, doc| Function {
        name: atom(name),
        call: atom(&bound.name),
        how: if bound.any_time { "now" } else { "call" },
        arity: names.len() + 1,
        doc,
        params: names.iter().map(|n| format!(", {n}")).collect(),
        tuple: names.join(", "),
        types: types.clone(),
        options: bound.opts.iter().map(|o| format!("{{{}, {}}}", atom(&o.name), argument(o.shape))).collect(),
        result: result(&bound.ret),
    };
    let mut out = vec![function(&bound.name, doc::comment(&call.summary, &notice::documented(call)))];
    if !bound.alias.is_empty() {
        out.push(function(&bound.alias, vec![format!("The same as <code>{}</code>.", bound.name)]));
    }
    out
}

fn record(s: &bind::Struct) -> Record {
    let names: Vec<String> = s.fields.iter().map(|f| atom(&f.name)).collect();
    Record {
        name: atom(&s.name),
        fields: s.fields.iter().map(|f| format!("{}: {}", f.name, field(f.ty))).collect(),
        names: names.join(", "),
    }
}

/// `mkfs(fstype: str, device: str; MkfsOpts blocksize: int) -> none;`
fn row(call: &Call) -> String {
    let bound = bind::call(call);
    let part = |(name, shape): (&String, &str)| format!("{}: {shape}", name::rust_ident(name));
    let params: Vec<String> = bound.params.iter().map(|p| part((&p.name, p.shape))).collect();
    let opts: Vec<String> = bound.opts.iter().map(|o| part((&o.name, o.shape))).collect();
    let options = match opts.is_empty() {
        true => String::new(),
        false => format!("; {} {}", call.opts_type(), opts.join(", ")),
    };
    let kind = match bound.ret.kind {
        "const_str" => "str",
        "const_opt_str" => "opt_str",
        "struct" => "record",
        "struct_list" => "records",
        kind => kind,
    };
    format!("{}({}{options}) -> {kind};", name::rust_ident(&bound.name), params.join(", "))
}

fn record_row(s: &bind::Struct) -> String {
    let fields: Vec<String> = s.fields.iter().map(|f| format!("{}: {}", name::rust_ident(&f.name), f.ty)).collect();
    format!("{} {{ {} }}", name::camel(&s.name), fields.join(", "))
}

fn argument(shape: &str) -> &'static str {
    match shape {
        "bool" => "boolean()",
        "int" | "int64" => "integer()",
        "opt_str" => "iodata() | undefined",
        "str_list" => "[iodata()]",
        "pointer" => "none()",
        _ => "iodata()",
    }
}

fn field(ty: &str) -> &'static str {
    match ty {
        "str" | "uuid" => "string()",
        "buffer" => "binary()",
        "char" => "char()",
        "percent" => "float() | undefined",
        _ => "integer()",
    }
}

fn result(ret: &bind::Ret) -> String {
    match ret.kind {
        "none" => "ok".to_owned(),
        "bool" => "boolean()".to_owned(),
        "int" | "int64" => "integer()".to_owned(),
        "const_opt_str" => "string() | undefined".to_owned(),
        "str_list" => "[string()]".to_owned(),
        "hash" => "[{string(), string()}]".to_owned(),
        "struct" => format!("{}()", atom(&ret.structure)),
        "struct_list" => format!("[{}()]", atom(&ret.structure)),
        "buffer" => "binary()".to_owned(),
        _ => "string()".to_owned(),
    }
}

/// A variable: begins with a capital, and is none that functions have already.
fn variable(name: &str) -> String {
    let camel = name::camel(name);
    if matches!(camel.as_str(), "G" | "Options") || !camel.starts_with(|c: char| c.is_ascii_uppercase()) {
        format!("Arg{camel}")
    } else {
        camel
    }
}

/// An atom, quoted where it must be.
fn atom(name: &str) -> String {
    if RESERVED.contains(&name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        format!("'{name}'")
    } else {
        name.to_owned()
    }
}

const RESERVED: &[&str] = &[
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond", "div",
    "else", "end", "fun", "if", "let", "maybe", "not", "of", "or", "orelse", "receive", "rem", "try", "when", "xor",
];
