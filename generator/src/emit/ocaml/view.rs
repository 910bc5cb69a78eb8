//! What the OCaml templates see of the model.
//!
//! In: the resolved API. Out: records with types and stub names spelt out.

use super::{doc, Ocaml};
use crate::emit::{bind, Target};
use crate::model::name::ocaml_ident;
use crate::model::{notice, Api, Call, FieldType, RetType, Shape, Struct};
use serde::Serialize;

/// The module and its tables.
#[derive(Serialize)]
pub struct ModuleView {
    /// Names, in the order of their table in C.
    pub errnos: Vec<String>,
    pub events: Vec<EventView>,
    pub structs: Vec<StructView>,
    pub calls: Vec<CallView>,
}

/// A constructor of type `event`.
#[derive(Serialize)]
pub struct EventView {
    pub name: String,
}

/// A struct, as record.
#[derive(Serialize)]
pub struct StructView {
    pub name: String,
    /// Says that a record of one field is boxed, which stubs rely on.
    pub attribute: &'static str,
    pub fields: Vec<FieldView>,
}

/// One field.
#[derive(Serialize)]
pub struct FieldView {
    pub name: String,
    pub ty: &'static str,
}

/// One call alone.
#[derive(Serialize)]
pub struct CallsView {
    pub calls: Vec<CallView>,
}

/// One call, as value and as stub.
#[derive(Serialize)]
pub struct CallView {
    pub name: String,
    /// Spelt for OCaml.
    pub value: String,
    pub aliases: Vec<String>,
    /// `?mode:int -> string -> unit`.
    pub ty: String,
    /// Type of the method, which takes `unit` when it takes nothing else.
    pub method_ty: String,
    /// ` ?retry ()` when the method needs it, else empty.
    pub method_params: String,
    /// ` ?retry`, to pass them on.
    pub method_args: String,
    pub doc: String,
    /// Attribute with its leading blank, or empty.
    pub deprecated: String,
    /// Place in the table of calls (`glue/calls.c`).
    pub index: usize,
    /// Parameters of the stub after the handle: `a1`, `a2`, …
    pub params: Vec<String>,
    /// More than five parameters: bytecode calls with an array.
    pub many: bool,
}

/// View of the module.
pub fn module(api: &Api) -> ModuleView {
    let mut events: Vec<_> = api.events.iter().collect();
    events.sort_by_key(|e| e.bit);
    let mut structs: Vec<&Struct> = api.structs.iter().filter(|s| !s.internal).collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    ModuleView {
        errnos: api.meta.errnos.clone(),
        events: events.iter().map(|e| EventView { name: e.name.to_uppercase() }).collect(),
        structs: structs.into_iter().map(structure).collect(),
        calls: covered(api).map(|(index, c)| call(index, c)).collect(),
    }
}

/// The calls of the module with their places in the table of all languages.
fn covered(api: &Api) -> impl Iterator<Item = (usize, &Call)> {
    let table = api.calls.iter().filter(|c| bind::unsupported(c).is_none());
    table.enumerate().filter(|(_, c)| Ocaml.unsupported(c).is_none())
}

/// View of one call of the module.
pub fn one(api: &Api, wanted: &Call) -> CallsView {
    let found = covered(api).filter(|(_, c)| c.name == wanted.name);
    CallsView { calls: found.map(|(index, c)| call(index, c)).collect() }
}

fn structure(s: &Struct) -> StructView {
    let fields = s.fields.iter().map(|f| FieldView {
        name: ocaml_ident(&f.name),
        ty: match f.ty {
            FieldType::Char => "char",
            FieldType::Str | FieldType::Device | FieldType::Buffer | FieldType::Uuid => "string",
            FieldType::I32 | FieldType::U32 => "int32",
            FieldType::I64 | FieldType::U64 | FieldType::Size => "int64",
            FieldType::Percent => "float option",
        },
    });
    let attribute = if s.fields.len() == 1 { " [@@boxed]" } else { "" };
    StructView { name: s.name.clone(), attribute, fields: fields.collect() }
}

fn call(index: usize, call: &Call) -> CallView {
    let opts: Vec<String> =
        call.opts.iter().map(|o| format!("?{}:{} -> ", ocaml_ident(&o.name), argument(o.ty.shape()))).collect();
    let args: Vec<String> = call.args.iter().map(|a| format!("{} -> ", argument(a.ty.shape()))).collect();
    let ret = ret_type(&call.ret.ty);
    let bare = call.args.is_empty();
    let labels: String = call.opts.iter().map(|o| format!(" ?{}", ocaml_ident(&o.name))).collect();
    let params: Vec<String> = (1..=call.opts.len() + call.args.len()).map(|i| format!("a{i}")).collect();
    CallView {
        name: call.name.clone(),
        value: ocaml_ident(&call.name),
        aliases: call.script_names().into_iter().filter(|n| *n != call.name).collect(),
        ty: format!("{}{}{ret}", opts.concat(), args.concat()),
        method_ty: format!("{}{}{}{ret}", opts.concat(), args.concat(), if bare { "unit -> " } else { "" }),
        method_params: if bare { format!("{labels} ()") } else { String::new() },
        method_args: if bare { labels } else { String::new() },
        doc: doc::comment(&call.summary, &notice::documented(call)),
        deprecated: match &call.deprecated {
            None => String::new(),
            Some(d) => match &d.use_instead {
                Some(other) => format!(" [@@ocaml.deprecated \"use {}\"]", ocaml_ident(other)),
                None => " [@@ocaml.deprecated]".to_owned(),
            },
        },
        index,
        many: params.len() + 1 > 5,
        params,
    }
}

fn argument(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool => "bool",
        Shape::Int => "int",
        Shape::Int64 | Shape::Pointer => "int64",
        Shape::Str | Shape::Buffer => "string",
        Shape::OptStr => "string option",
        Shape::StrList => "string array",
    }
}

fn ret_type(ty: &RetType) -> String {
    match ty {
        RetType::Unit => "unit".to_owned(),
        RetType::Bool => "bool".to_owned(),
        RetType::Int => "int".to_owned(),
        RetType::Int64 => "int64".to_owned(),
        RetType::ConstStr | RetType::Str(_) | RetType::Buffer => "string".to_owned(),
        RetType::ConstOptStr => "string option".to_owned(),
        RetType::StrList(_) => "string array".to_owned(),
        RetType::Struct(s) => s.clone(),
        RetType::StructList(s) => format!("{s} array"),
        RetType::Hash(..) => "(string * string) list".to_owned(),
    }
}
