//! Target `haskell`: module `Guestfs`.
//!
//! In: the model. Out: `haskell/Guestfs.hs`, which exports what programs want; below it a module of calls for each
//! module of the daemon or library, a line of Haskell a call; `Structs` with a record for each struct, and `Events`.
//! Hand-written: `bindings/haskell/src`.

mod doc;

use super::bind::{self, library, unsupported, Library};
use super::c::text;
use super::rust::by_module;
use super::{Files, Target};
use crate::model::{notice, Api, Call};
use serde::Serialize;
use std::collections::BTreeSet;

/// Words that are no names in Haskell, and those that are none in some of its dialects.
const KEYWORDS: [&str; 28] = [
    "as", "case", "class", "data", "default", "deriving", "do", "else", "family", "forall", "foreign", "hiding", "if",
    "import", "in", "infix", "infixl", "infixr", "instance", "let", "mdo", "module", "newtype", "of", "proc", "then",
    "type", "where",
];

/// The target.
pub struct Haskell;

/// What the templates of a module of calls see.
#[derive(Serialize)]
struct CallsView {
    /// `CopyTree`.
    name: String,
    /// Its name where the work is done.
    module: String,
    /// Some call has options.
    options: bool,
    /// Structs that they return, separated by commas.
    structs: String,
    calls: Vec<CallView>,
}

#[derive(Serialize)]
struct CallView {
    name: String,
    doc: Vec<String>,
    /// Type of its options, with their name, or empty.
    options: String,
    tag: String,
    /// What to use instead, as a text, of a deprecated call; else empty.
    deprecated: String,
    ty: String,
    body: String,
}

#[derive(Serialize)]
struct StructView {
    name: String,
    doc: Vec<String>,
    fields: Vec<FieldView>,
}

#[derive(Serialize)]
struct FieldView {
    name: String,
    ty: &'static str,
}

#[derive(Serialize)]
struct ModuleView {
    modules: Vec<String>,
    events: Vec<EventView>,
    structs: Vec<StructView>,
}

#[derive(Serialize)]
struct EventView {
    upper: String,
    value: u64,
    doc: Vec<String>,
}

impl Target for Haskell {
    fn name(&self) -> &'static str {
        "haskell"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let library = library(api);
        let modules = by_module(api, |c| unsupported(c).is_none());
        let view = ModuleView {
            modules: modules.keys().map(|m| camel(m)).collect(),
            events: events(api, &library),
            structs: structs(api),
        };
        let calls = modules.into_iter().map(|(module, list)| {
            let view = calls(&library, module, &list);
            (format!("haskell/Guestfs/Calls/{}.hs", view.name), text::render("haskell/Calls.hs", &view))
        });
        let mut files: Files = calls.collect();
        files.insert("haskell/Guestfs.hs".to_owned(), text::render("haskell/Guestfs.hs", &view));
        files.insert("haskell/Guestfs/Events.hs".to_owned(), text::render("haskell/Events.hs", &view));
        files.insert("haskell/Guestfs/Structs.hs".to_owned(), text::render("haskell/Structs.hs", &view));
        files
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        match unsupported(call) {
            Some(_) => String::new(),
            None => text::render("haskell/call.hs", &calls(&library(api), "", &[call])),
        }
    }
}

fn events(api: &Api, library: &Library) -> Vec<EventView> {
    let view = |e: &bind::Event| EventView {
        upper: e.upper.clone(),
        value: e.value,
        doc: api.events.iter().find(|of| of.name == e.name).map(|of| doc::plain(&of.doc)).unwrap_or_default(),
    };
    library.events.iter().map(view).collect()
}

fn structs(api: &Api) -> Vec<StructView> {
    let bound = library(api).structs;
    let view = |s: &bind::Struct| StructView {
        name: s.camel.clone(),
        doc: api.structs.iter().find(|of| of.name == s.name).map(|of| doc::plain(&of.doc)).unwrap_or_default(),
        fields: s.fields.iter().map(|f| FieldView { name: ident(&f.name), ty: field(f.ty) }).collect(),
    };
    bound.iter().map(view).collect()
}

fn calls(library: &Library, module: &str, list: &[&Call]) -> CallsView {
    let camel_of = |name: &str| library.structs.iter().find(|s| s.name == name).map_or("", |s| s.camel.as_str());
    let bound = list.iter().filter_map(|call| {
        let index = library.calls.iter().position(|c| c.name == call.name)?;
        Some((*call, index, library.calls.get(index)?))
    });
    let structs: BTreeSet<&str> =
        bound.clone().map(|(_, _, b)| camel_of(&b.ret.structure)).filter(|name| !name.is_empty()).collect();
    CallsView {
        name: camel(module),
        module: module.to_owned(),
        options: bound.clone().any(|(_, _, b)| !b.opts.is_empty()),
        structs: structs.into_iter().collect::<Vec<_>>().join(", "),
        calls: bound.map(|(call, index, b)| view(call, index, b, camel_of(&b.ret.structure))).collect(),
    }
}

fn view(call: &Call, index: usize, bound: &bind::Call, structure: &str) -> CallView {
    let name = ident(&bound.name);
    let tag = first_upper(&bound.name);
    let buffers = bound.params.iter().filter(|p| p.shape == "buffer").count();
    let mut ty: String = (1..=buffers).map(|n| format!("Bytes b{n} => ")).collect();
    ty += "GuestfsH -> ";
    let (mut names, mut values, mut buffer) = (String::new(), Vec::new(), 0);
    for (n, p) in (1..).zip(&bound.params) {
        let (of, make) = match p.shape {
            "buffer" => {
                buffer += 1;
                (format!("b{buffer}"), "bytes")
            }
            shape => (argument(shape).to_owned(), "arg"),
        };
        ty += &format!("{of} {{- ^ {} -}} -> ", doc::code(&p.name));
        names += &format!(" a{n}");
        values.push(format!("{make} a{n}"));
    }
    let (ret, how) = result(bound.ret.kind);
    let values = values.join(", ");
    let run = match bound.opts.is_empty() {
        true => format!("{name} g{names} = call {index} g [{values}] {how}"),
        false => format!("{name} g{names} o = callWith {index} g [{values}] o {how}"),
    };
    let options: Vec<String> =
        bound.opts.iter().map(|o| format!("\"{}\" := {}", ident(&o.name), argument(o.shape))).collect();
    if !options.is_empty() {
        ty += &format!("[Option {tag}] -> ");
    }
    let instead = &bound.use_instead;
    CallView {
        doc: doc::comment(&call.summary, &notice::documented(call)),
        options: options.join(", "),
        tag,
        deprecated: match (bound.deprecated, instead.is_empty()) {
            (true, false) => format!("use {}", ident(instead)),
            (true, true) => "there is nothing to use instead".to_owned(),
            (false, _) => String::new(),
        },
        ty: format!("{ty}IO {}", ret.replace('%', structure)),
        body: run,
        name,
    }
}

/// Type of an argument or option.
fn argument(shape: &str) -> &'static str {
    match shape {
        "bool" => "Bool",
        "int" => "Int",
        "int64" => "Integer",
        "opt_str" => "Maybe String",
        "str_list" => "[String]",
        "pointer" => "Ptr ()",
        _ => "String",
    }
}

/// Type of a result, in which `%` is the struct's, and what reads it.
fn result(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "bool" => ("Bool", "truth"),
        "int" => ("Int", "int"),
        "int64" => ("Int64", "int64"),
        "const_str" | "str" => ("String", "text"),
        "const_opt_str" => ("(Maybe String)", "optText"),
        "str_list" => ("[String]", "texts"),
        "struct" => ("%", "record"),
        "struct_list" => ("[%]", "records"),
        "hash" => ("[(String, String)]", "pairs"),
        "buffer" => ("ByteString", "buffer"),
        _ => ("()", "none"),
    }
}

fn field(ty: &str) -> &'static str {
    match ty {
        "char" => "Char",
        "buffer" => "ByteString",
        "i32" => "Int32",
        "u32" => "Word32",
        "i64" => "Int64",
        "u64" => "Word64",
        "percent" => "Maybe Float",
        _ => "String",
    }
}

/// A name of a function, field or option.
pub fn ident(name: &str) -> String {
    match KEYWORDS.contains(&name) {
        true => format!("{name}_"),
        false => name.to_owned(),
    }
}

fn first_upper(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// `copy_tree` as the name of a module.
fn camel(name: &str) -> String {
    name.split('_').map(first_upper).collect()
}
