//! What the Python templates see of the model.
//!
//! In: the resolved API. Out: records with signatures, C statements and table entries spelt out.

use super::{doc, Python};
use crate::emit::c::types;
use crate::emit::Target;
use crate::model::name::{c_ident, python_ident};
use crate::model::{notice, Api, Call, FieldType, Opt, RetType, Shape, Struct};
use serde::Serialize;

/// The package and the tables of the extension.
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
    /// In C.
    pub member: String,
    pub hint: &'static str,
    pub c_type: &'static str,
    /// Member with the length, for buffers; else empty.
    pub len: String,
}

/// The calls of one C file.
#[derive(Serialize)]
pub struct CallsView {
    pub module: String,
    pub calls: Vec<CallView>,
}

/// One call, as method and as C function.
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
    /// Items of the argument tuple, the handle included.
    pub count: usize,
    pub c: CView,
}

/// The C function's parts.
#[derive(Serialize)]
pub struct CView {
    /// Declarations of locals.
    pub locals: Vec<String>,
    /// Statements that fill them.
    pub reads: Vec<String>,
    pub opts: Vec<OptView>,
    /// `struct guestfs_mkfs_opts_argv`, or empty.
    pub argv: String,
    pub entry: String,
    /// Arguments after the handle, each with its `, `.
    pub passed: String,
    pub ret: String,
    /// True when the result cannot fail (NULL is a value).
    pub infallible: bool,
    pub error: &'static str,
    /// Expression over `gfs_r`.
    pub convert: String,
    /// Statement after the conversion, or empty.
    pub release: String,
    pub is_buffer: bool,
}

/// An optional argument in C.
#[derive(Serialize)]
pub struct OptView {
    pub index: usize,
    pub assign: String,
    pub mask: String,
}

/// View of the package.
pub fn module(api: &Api) -> ModuleView {
    let mut events: Vec<_> = api.events.iter().collect();
    events.sort_by_key(|e| e.bit);
    let all = events.iter().fold(0u64, |m, e| m | 1 << e.bit);
    let mut structs: Vec<&Struct> = api.structs.iter().filter(|s| !s.internal).collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    ModuleView {
        events: events
            .iter()
            .map(|e| EventView { name: e.name.to_uppercase(), value: format!("{:#x}", 1u64 << e.bit) })
            .collect(),
        all_events: format!("{all:#x}"),
        structs: structs.into_iter().map(structure).collect(),
        calls: api.calls.iter().filter(|c| Python.unsupported(c).is_none()).map(call).collect(),
    }
}

/// View of the calls of one module.
pub fn calls(module: &str, list: &[&Call]) -> CallsView {
    CallsView { module: module.to_owned(), calls: list.iter().map(|c| call(c)).collect() }
}

fn structure(s: &Struct) -> StructView {
    let fields = s.fields.iter().map(|f| FieldView {
        name: f.name.clone(),
        member: c_ident(&f.name),
        hint: match f.ty {
            FieldType::Char | FieldType::Str | FieldType::Device | FieldType::Uuid => "str",
            FieldType::Buffer => "bytes",
            FieldType::I32 | FieldType::U32 | FieldType::I64 | FieldType::U64 | FieldType::Size => "int",
            FieldType::Percent => "Optional[float]",
        },
        c_type: types::field_tag(f.ty),
        len: if f.ty == FieldType::Buffer { format!("{}_len", f.name) } else { String::new() },
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
        count: 1 + call.args.len() + call.opts.len(),
        c: c_function(call),
    }
}

/// `self` is taken by the method itself.
pub fn param(name: &str) -> String {
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

fn c_function(call: &Call) -> CView {
    let mut locals = Vec::new();
    let mut reads = Vec::new();
    let mut passed = String::new();
    for (i, a) in call.args.iter().enumerate() {
        let (index, name) = (i + 1, crate::emit::c::view::ident(&a.name));
        let shape = a.ty.shape();
        locals.push(format!("{}{name};", types::argument(shape)));
        reads.push(format!("{name} = {};", read(shape, a.path, &a.name, index)));
        passed += &format!(", {name}");
        if shape == Shape::Buffer {
            locals.push(format!("size_t gfs_size_{};", a.name));
            passed += &format!(", gfs_size_{}", a.name);
        }
    }
    let is_buffer = call.ret.ty == RetType::Buffer;
    if is_buffer {
        passed += ", &gfs_size";
    }
    if !call.opts.is_empty() {
        passed += ", &gfs_opts";
    }
    let (convert, release) = convert(&call.ret.ty);
    CView {
        locals,
        reads,
        opts: call.opts.iter().enumerate().map(|(i, o)| option(call, i, o)).collect(),
        argv: if call.opts.is_empty() { String::new() } else { format!("struct guestfs_{}_argv", call.c_name()) },
        entry: types::entry(call),
        passed,
        ret: types::ret(&call.ret.ty),
        infallible: call.ret.ty == RetType::ConstOptStr,
        error: types::error_value(&call.ret.ty),
        convert,
        release,
        is_buffer,
    }
}

/// Whether a string is any text or names a file, in names of functions of `arguments.c`.
fn kind(path: bool) -> &'static str {
    if path {
        "path"
    } else {
        "str"
    }
}

/// What takes an argument out of the call's tuple.
fn read(shape: Shape, path: bool, name: &str, index: usize) -> String {
    let kind = kind(path);
    match shape {
        Shape::Bool => format!("gfs_arg_int (&gfs_c, {index}) != 0"),
        Shape::Int => format!("gfs_arg_int (&gfs_c, {index})"),
        Shape::Int64 => format!("gfs_arg_int64 (&gfs_c, {index})"),
        Shape::Str => format!("gfs_arg_{kind} (&gfs_c, {index})"),
        Shape::OptStr => format!("gfs_arg_opt_{kind} (&gfs_c, {index})"),
        Shape::StrList => format!("gfs_arg_{kind}_list (&gfs_c, {index})"),
        Shape::Buffer => format!("gfs_arg_buffer (&gfs_c, {index}, &gfs_size_{name})"),
        Shape::Pointer => format!("gfs_arg_pointer (&gfs_c, {index})"),
    }
}

fn option(call: &Call, bit: usize, opt: &Opt) -> OptView {
    let index = 1 + call.args.len() + bit;
    let (name, member) = (&opt.name, crate::emit::c::view::ident(&opt.name));
    let value = read(opt.ty.shape(), opt.path, name, index);
    OptView {
        index,
        assign: format!("gfs_opts.{member} = {value};"),
        mask: format!("GUESTFS_{}_{}_BITMASK", call.c_name().to_uppercase(), name.to_uppercase()),
    }
}

fn convert(ty: &RetType) -> (String, String) {
    let plain = |s: &str| (s.to_owned(), String::new());
    match ty {
        RetType::Unit => plain("gfs_from_none ()"),
        // Upstream returns 0 and 1 here, and programs print them.
        RetType::Bool | RetType::Int => plain("PyLong_FromLong (gfs_r)"),
        RetType::Int64 => plain("PyLong_FromLongLong (gfs_r)"),
        RetType::ConstStr | RetType::ConstOptStr => plain("gfs_from_const_str (gfs_r)"),
        RetType::Str(_) => plain("gfs_from_str (gfs_r)"),
        RetType::StrList(_) => plain("gfs_from_list (gfs_r)"),
        RetType::Hash(..) => plain("gfs_from_hash (gfs_r)"),
        RetType::Buffer => plain("gfs_from_buffer (gfs_r, gfs_size)"),
        RetType::Struct(s) => {
            (format!("gfs_from_struct (gfs_fields_{s}, gfs_r)"), format!("guestfs_free_{s} (gfs_r);"))
        }
        RetType::StructList(s) => (
            format!("gfs_from_structs (gfs_fields_{s}, sizeof *gfs_r->val, gfs_r->val, gfs_r->len)"),
            format!("guestfs_free_{s}_list (gfs_r);"),
        ),
    }
}
