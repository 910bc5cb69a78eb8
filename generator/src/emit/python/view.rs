//! What the Python templates see of the model.
//!
//! In: the resolved API. Out: records with names, signatures and docs spelt out.

use super::doc;
use crate::emit::bind;
use crate::model::name::python_ident;
use crate::model::{notice, Api, Call, RetType, Shape};
use serde::Serialize;

/// The package.
#[derive(Serialize)]
pub struct ModuleView {
    pub events: Vec<EventView>,
    pub all_events: String,
    pub structs: Vec<StructView>,
    pub calls: Vec<CallView>,
}

/// `EVENT_*`.
#[derive(Serialize)]
pub struct EventView {
    pub name: String,
    pub value: String,
}

/// A struct that some call returns, as dict.
#[derive(Serialize)]
pub struct StructView {
    pub name: String,
    /// Name of its `TypedDict`.
    pub class: String,
    /// Some field is a keyword: a key of a dictionary may be, a name in a class may not.
    pub keyword: bool,
    pub fields: Vec<FieldView>,
}

/// One field.
#[derive(Serialize)]
pub struct FieldView {
    pub name: String,
    pub hint: &'static str,
}

/// What `gen show` prints of a call.
#[derive(Serialize)]
pub struct CallsView {
    pub calls: Vec<CallView>,
}

/// One call, as a method.
#[derive(Serialize)]
pub struct CallView {
    pub name: String,
    pub method: String,
    /// Names of the method beside its own.
    pub aliases: Vec<String>,
    /// `, path: str, mode: int = …`, for stub and class alike.
    pub params: String,
    pub hint: String,
    pub docstring: Vec<String>,
    /// `, path, mode`, for the extension.
    pub args: String,
    pub is_hash: bool,
    /// Method to use instead, for the warning; or `-` when there is none, or empty when not deprecated.
    pub deprecated: String,
}

/// View of the package.
pub fn module(api: &Api) -> ModuleView {
    let library = bind::library(api);
    let events =
        library.events.iter().map(|e| EventView { name: e.upper.clone(), value: format!("{:#x}", e.value) }).collect();
    ModuleView {
        events,
        all_events: format!("{:#x}", library.all_events),
        structs: library.structs.iter().map(structure).collect(),
        calls: api.calls.iter().filter(|c| bind::unsupported(c).is_none()).map(call).collect(),
    }
}

/// View of one call.
pub fn single(one: &Call) -> CallsView {
    CallsView { calls: vec![call(one)] }
}

fn structure(s: &bind::Struct) -> StructView {
    let fields = s.fields.iter().map(|f| FieldView {
        name: f.name.clone(),
        hint: match f.ty {
            "char" | "str" | "uuid" => "str",
            "buffer" => "bytes",
            "percent" => "Optional[float]",
            _ => "int",
        },
    });
    let keyword = s.fields.iter().any(|f| python_ident(&f.name) != f.name);
    StructView { name: s.name.clone(), class: class(&s.name), keyword, fields: fields.collect() }
}

fn class(name: &str) -> String {
    format!("_{}", crate::model::name::camel(name))
}

fn call(call: &Call) -> CallView {
    let names: Vec<String> =
        call.args.iter().map(|a| &a.name).chain(call.opts.iter().map(|o| &o.name)).map(|n| param(n)).collect();
    let hints = call.args.iter().map(|a| hint(a.ty.shape(), a.path).to_owned());
    let hints = hints.chain(call.opts.iter().map(|o| format!("Optional[{}] = None", hint(o.ty.shape(), o.path))));
    let documented = doc::docstring(&call.summary, &notice::documented(call));
    CallView {
        name: call.name.clone(),
        method: python_ident(&call.name),
        aliases: call.script_names().into_iter().filter(|n| *n != call.name).collect(),
        params: names.iter().zip(hints).map(|(n, h)| format!(", {n}: {h}")).collect(),
        hint: ret_hint(&call.ret.ty),
        docstring: documented.lines().map(str::to_owned).collect(),
        args: names.iter().map(|n| format!(", {n}")).collect(),
        is_hash: matches!(call.ret.ty, RetType::Hash(..)),
        deprecated: match &call.deprecated {
            None => String::new(),
            Some(d) => d.use_instead.clone().unwrap_or_else(|| "-".to_owned()),
        },
    }
}

/// `self` is taken by the method itself.
fn param(name: &str) -> String {
    if name == "self" {
        "self_".to_owned()
    } else {
        python_ident(name)
    }
}

fn hint(shape: Shape, path: bool) -> &'static str {
    match (shape, path) {
        (Shape::Bool, _) => "bool",
        (Shape::Int | Shape::Int64, _) => "int",
        (Shape::Str, false) => "str",
        (Shape::Str, true) => "_Path",
        (Shape::OptStr, false) => "Optional[str]",
        (Shape::OptStr, true) => "Optional[_Path]",
        (Shape::StrList, false) => "Iterable[str]",
        (Shape::StrList, true) => "Iterable[_Path]",
        (Shape::Buffer, _) => "Union[bytes, bytearray, memoryview, str]",
        (Shape::Pointer, _) => "Any",
    }
}

fn ret_hint(ty: &RetType) -> String {
    match ty {
        RetType::Unit => "None".to_owned(),
        RetType::Bool => "bool".to_owned(),
        RetType::Int | RetType::Int64 => "int".to_owned(),
        RetType::ConstStr | RetType::Str(_) => "str".to_owned(),
        RetType::ConstOptStr => "Optional[str]".to_owned(),
        RetType::StrList(_) => "List[str]".to_owned(),
        RetType::Struct(s) => class(s),
        RetType::StructList(s) => format!("List[{}]", class(s)),
        RetType::Hash(..) => "Union[List[Tuple[str, str]], Dict[str, str]]".to_owned(),
        RetType::Buffer => "bytes".to_owned(),
    }
}
