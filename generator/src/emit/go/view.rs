//! What the Go templates see of the model.
//!
//! In: the resolved API and its binding model. Out: methods and fields with their types and comments spelt out.

use super::doc::{self, Known};
use super::{ident, raised};
use crate::emit::bind::{Call as Bound, Event, Field, Library};
use crate::model::{self, notice, Api, Call};
use serde::Serialize;

/// Everything.
#[derive(Serialize)]
pub struct ModuleView {
    pub events: Vec<Event>,
    pub all_events: u64,
    pub calls: Vec<CallView>,
    pub structs: Vec<StructView>,
}

/// The method of one call, alone.
#[derive(Serialize)]
pub struct OneView {
    pub c: CallView,
}

/// The method of a call.
#[derive(Serialize)]
pub struct CallView {
    pub doc: Vec<String>,
    pub name: String,
    pub c_name: String,
    /// In the table of calls.
    pub index: usize,
    /// Arguments and options.
    pub places: usize,
    /// With types.
    pub params: String,
    pub args: Vec<ArgView>,
    pub opts: Vec<OptView>,
    /// Types of its results.
    pub ret: String,
    /// What makes them of `c`.
    pub result: String,
}

/// An argument.
#[derive(Serialize)]
pub struct ArgView {
    pub name: String,
    /// Method of `call` that takes it.
    pub shape: &'static str,
}

/// An option.
#[derive(Serialize)]
pub struct OptView {
    pub name: String,
    /// Its fields, as wide as the widest.
    pub is_set: String,
    pub padded: String,
    pub ty: &'static str,
    pub shape: &'static str,
    pub bit: usize,
    pub place: usize,
}

/// A struct.
#[derive(Serialize)]
pub struct StructView {
    pub name: String,
    pub doc: Vec<String>,
    pub fields: Vec<FieldView>,
}

/// A field.
#[derive(Serialize)]
pub struct FieldView {
    pub name: String,
    /// As wide as the widest.
    pub padded: String,
    pub ty: &'static str,
    /// Its value, from `r`.
    pub value: &'static str,
}

/// View of the whole.
pub fn module(api: &Api, library: &Library) -> ModuleView {
    ModuleView {
        events: library.events.iter().map(|e| Event { name: e.name.clone(), upper: e.upper.clone(), ..*e }).collect(),
        all_events: library.all_events,
        calls: api.calls.iter().filter_map(|c| Some(one(api, library, c)?.c)).collect(),
        structs: api.structs.iter().filter(|s| !s.internal).map(|s| structure(library, s)).collect(),
    }
}

/// View of one call; nothing for those that no language has.
pub fn one(api: &Api, library: &Library, call: &Call) -> Option<OneView> {
    let index = library.calls.iter().position(|c| c.name == call.name)?;
    let bound = library.calls.get(index)?;
    let camel = api.structs.iter().find(|s| s.name == bound.ret.structure).map_or("", |s| s.camel.as_str());
    let name = raised(&call.name);
    let mut params: Vec<String> =
        bound.params.iter().map(|p| format!("{} {}", ident(&p.name), shape(p.shape).1)).collect();
    if !bound.opts.is_empty() {
        params.push(format!("optargs *Optargs{name}"));
    }
    let (ty, result) = ret(bound.ret.kind);
    let ret = if ty.is_empty() { "error".to_owned() } else { format!("({}, error)", ty.replace('%', camel)) };
    let args = bound.params.iter().map(|p| ArgView { name: ident(&p.name), shape: shape(p.shape).0 });
    let width = bound.opts.iter().map(|o| o.name.len() + "_is_set".len()).max().unwrap_or_default();
    let opt = |o: &crate::emit::bind::Opt| OptView {
        name: raised(&o.name),
        is_set: format!("{:width$}", format!("{}_is_set", raised(&o.name))),
        padded: format!("{:width$}", raised(&o.name)),
        ty: shape(o.shape).1,
        shape: shape(o.shape).0,
        bit: o.bit,
        place: bound.params.len() + o.bit,
    };
    let c = CallView {
        doc: comment(&name, call, bound, &known(library)),
        c_name: call.name.clone(),
        index,
        places: bound.params.len() + bound.opts.len(),
        params: params.join(", "),
        args: args.collect(),
        opts: bound.opts.iter().map(opt).collect(),
        ret,
        result: result.replace('%', camel),
        name,
    };
    Some(OneView { c })
}

fn known(library: &Library) -> impl Fn(&str) -> bool + '_ {
    |name| library.calls.iter().any(|c| c.name == name)
}

/// How a shape is taken, and its type.
fn shape(shape: &str) -> (&'static str, &'static str) {
    match shape {
        "bool" => ("bool", "bool"),
        "int" => ("int", "int"),
        "int64" | "pointer" => ("int64", "int64"),
        "opt_str" => ("optStr", "*string"),
        "str_list" => ("strList", "[]string"),
        "buffer" => ("buffer", "[]byte"),
        _ => ("str", "string"),
    }
}

/// The type of a result, and what makes it of a call; `%` is the struct.
fn ret(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "none" => ("", "c.noResult()"),
        "bool" => ("bool", "c.boolResult()"),
        "int" => ("int", "c.intResult()"),
        "int64" => ("int64", "c.int64Result()"),
        "const_opt_str" => ("*string", "c.optStrResult()"),
        "str_list" => ("[]string", "c.strListResult()"),
        "struct" => ("*%", "structResult(c, read%)"),
        "struct_list" => ("*[]%", "structListResult(c, read%)"),
        "hash" => ("map[string]string", "c.hashResult()"),
        "buffer" => ("[]byte", "c.bufferResult()"),
        _ => ("string", "c.strResult()"),
    }
}

/// What the call does; as Go has it, the last paragraph says that it is deprecated.
fn comment(name: &str, call: &Call, bound: &Bound, known: Known) -> Vec<String> {
    let mut lines = doc::comment(name, &call.summary, &notice::documented(call), known);
    if bound.deprecated {
        let instead = match bound.use_instead.as_str() {
            "" => "nothing takes its place.".to_owned(),
            name => format!("use [Guestfs.{}] instead.", raised(name)),
        };
        lines.push(String::new());
        lines.extend(doc::paragraph(&format!("Deprecated: {instead}")));
    }
    lines
}

fn structure(library: &Library, s: &model::Struct) -> StructView {
    let fields = library.structs.iter().find(|b| b.name == s.name).map_or(&[][..], |b| b.fields.as_slice());
    let width = fields.iter().map(|f| f.name.len()).max().unwrap_or_default();
    let field = |f: &Field| {
        let (ty, value) = match f.ty {
            "char" => ("byte", "byte(r.number())"),
            "i32" => ("int32", "int32(r.number())"),
            "u32" => ("uint32", "uint32(r.number())"),
            "i64" => ("int64", "r.number()"),
            "u64" => ("uint64", "uint64(r.number())"),
            "percent" => ("float32", "r.percent()"),
            "uuid" => ("[32]byte", "r.uuid()"),
            "buffer" => ("[]byte", "r.data()"),
            _ => ("string", "r.str()"),
        };
        let name = raised(&f.name);
        FieldView { padded: format!("{name:width$}"), name, ty, value }
    };
    StructView {
        name: s.camel.clone(),
        doc: doc::comment(&s.camel, &format!("struct {}", s.name), &s.doc, &known(library)),
        fields: fields.iter().map(field).collect(),
    }
}
