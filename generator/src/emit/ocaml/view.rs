//! What the OCaml templates see of the model.
//!
//! In: the resolved API. Out: records with types, stub names and C statements spelt out.

use super::{doc, Ocaml};
use crate::emit::c::types;
use crate::emit::Target;
use crate::model::name::{c_ident, ocaml_ident};
use crate::model::{notice, Api, Call, FieldType, Opt, RetType, Shape, Struct};
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
    pub value: String,
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
    /// In C.
    pub member: String,
    pub ty: &'static str,
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
    /// Names of the stub's C parameters after the handle.
    pub params: Vec<String>,
    /// More than five parameters: bytecode calls with an array.
    pub many: bool,
    pub count: usize,
    pub locals: Vec<String>,
    pub reads: Vec<String>,
    pub opts: Vec<OptView>,
    pub argv: String,
    pub entry: String,
    pub passed: String,
    pub ret: String,
    pub error: &'static str,
    pub infallible: bool,
    pub convert: String,
    pub release: String,
    pub is_buffer: bool,
}

/// An optional argument in the stub.
#[derive(Serialize)]
pub struct OptView {
    pub param: String,
    pub mask: String,
    pub assign: String,
}

/// View of the module.
pub fn module(api: &Api) -> ModuleView {
    let mut events: Vec<_> = api.events.iter().collect();
    events.sort_by_key(|e| e.bit);
    let mut structs: Vec<&Struct> = api.structs.iter().filter(|s| !s.internal).collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    ModuleView {
        errnos: api.meta.errnos.clone(),
        events: events
            .iter()
            .map(|e| EventView { name: e.name.to_uppercase(), value: format!("UINT64_C (1) << {}", e.bit) })
            .collect(),
        structs: structs.into_iter().map(structure).collect(),
        calls: api.calls.iter().filter(|c| Ocaml.unsupported(c).is_none()).map(call).collect(),
    }
}

/// View of the calls of one module.
pub fn calls(module: &str, list: &[&Call]) -> CallsView {
    CallsView { module: module.to_owned(), calls: list.iter().map(|c| call(c)).collect() }
}

fn structure(s: &Struct) -> StructView {
    let fields = s.fields.iter().map(|f| FieldView {
        name: ocaml_ident(&f.name),
        member: c_ident(&f.name),
        ty: match f.ty {
            FieldType::Char => "char",
            FieldType::Str | FieldType::Device | FieldType::Buffer | FieldType::Uuid => "string",
            FieldType::I32 | FieldType::U32 => "int32",
            FieldType::I64 | FieldType::U64 | FieldType::Size => "int64",
            FieldType::Percent => "float option",
        },
        c_type: types::field_tag(f.ty),
        len: if f.ty == FieldType::Buffer { format!("{}_len", f.name) } else { String::new() },
    });
    let attribute = if s.fields.len() == 1 { " [@@boxed]" } else { "" };
    StructView { name: s.name.clone(), attribute, fields: fields.collect() }
}

fn call(call: &Call) -> CallView {
    let opts: Vec<String> =
        call.opts.iter().map(|o| format!("?{}:{} -> ", ocaml_ident(&o.name), argument(o.ty.shape()))).collect();
    let args: Vec<String> = call.args.iter().map(|a| format!("{} -> ", argument(a.ty.shape()))).collect();
    let ret = ret_type(&call.ret.ty);
    let bare = call.args.is_empty();
    let labels: String = call.opts.iter().map(|o| format!(" ?{}", ocaml_ident(&o.name))).collect();
    let params: Vec<String> = call
        .opts
        .iter()
        .map(|o| &o.name)
        .chain(call.args.iter().map(|a| &a.name))
        .map(|n| format!("gfs_v_{n}"))
        .collect();
    let (locals, reads, mut passed) = arguments(call);
    let is_buffer = call.ret.ty == RetType::Buffer;
    if is_buffer {
        passed += ", &gfs_size";
    }
    if !call.opts.is_empty() {
        passed += ", &gfs_opts";
    }
    let (convert, release) = convert(&call.ret.ty);
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
        many: params.len() + 1 > 5,
        count: params.len() + 1,
        params,
        locals,
        reads,
        opts: call.opts.iter().map(|o| option(call, o)).collect(),
        argv: if call.opts.is_empty() { String::new() } else { format!("struct guestfs_{}_argv", call.c_name()) },
        entry: types::entry(call),
        passed,
        ret: types::ret(&call.ret.ty),
        error: types::error_value(&call.ret.ty),
        infallible: call.ret.ty == RetType::ConstOptStr,
        convert,
        release,
        is_buffer,
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

/// What turns the value `v` of an argument into C's.
fn read(shape: Shape, name: &str, v: &str) -> String {
    match shape {
        Shape::Bool => format!("Bool_val ({v})"),
        Shape::Int => format!("gfs_ml_int (&gfs_c, {v})"),
        Shape::Int64 => format!("Int64_val ({v})"),
        Shape::Str => format!("gfs_ml_str (&gfs_c, {v})"),
        Shape::OptStr => format!("gfs_ml_opt_str (&gfs_c, {v})"),
        Shape::StrList => format!("gfs_ml_list (&gfs_c, {v})"),
        Shape::Buffer => format!("gfs_ml_buffer (&gfs_c, {v}, &gfs_size_{name})"),
        Shape::Pointer => "NULL".to_owned(),
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

/// Declarations, conversions, and what the C function is passed.
fn arguments(call: &Call) -> (Vec<String>, Vec<String>, String) {
    let (mut locals, mut reads, mut passed) = (Vec::new(), Vec::new(), String::new());
    for a in &call.args {
        let (name, v) = (crate::emit::c::view::ident(&a.name), format!("gfs_v_{}", a.name));
        let shape = a.ty.shape();
        locals.push(format!("{}{name};", types::argument(shape)));
        reads.push(format!("{name} = {};", read(shape, &a.name, &v)));
        passed += &format!(", {name}");
        if shape == Shape::Buffer {
            locals.push(format!("size_t gfs_size_{};", a.name));
            passed += &format!(", gfs_size_{}", a.name);
        }
    }
    (locals, reads, passed)
}

fn option(call: &Call, opt: &Opt) -> OptView {
    let (name, member) = (&opt.name, crate::emit::c::view::ident(&opt.name));
    let value = read(opt.ty.shape(), name, &format!("Field (gfs_v_{name}, 0)"));
    OptView {
        param: format!("gfs_v_{name}"),
        mask: format!("GUESTFS_{}_{}_BITMASK", call.c_name().to_uppercase(), name.to_uppercase()),
        assign: format!("gfs_opts.{member} = {value};"),
    }
}

fn convert(ty: &RetType) -> (String, String) {
    let plain = |s: &str| (s.to_owned(), String::new());
    match ty {
        RetType::Unit => plain("Val_unit"),
        RetType::Bool => plain("Val_bool (gfs_r)"),
        RetType::Int => plain("Val_int (gfs_r)"),
        RetType::Int64 => plain("caml_copy_int64 (gfs_r)"),
        RetType::ConstStr => plain("caml_copy_string (gfs_r)"),
        RetType::ConstOptStr => plain("gfs_ml_from_opt_str (gfs_r)"),
        RetType::Str(_) => plain("gfs_ml_from_str (gfs_r)"),
        RetType::StrList(_) => plain("gfs_ml_from_list (gfs_r)"),
        RetType::Hash(..) => plain("gfs_ml_from_hash (gfs_r)"),
        RetType::Buffer => plain("gfs_ml_from_buffer (gfs_r, gfs_size)"),
        RetType::Struct(s) => {
            (format!("gfs_ml_from_struct (gfs_ml_fields_{s}, gfs_r)"), format!("guestfs_free_{s} (gfs_r);"))
        }
        RetType::StructList(s) => (
            format!("gfs_ml_from_structs (gfs_ml_fields_{s}, sizeof *gfs_r->val, gfs_r->val, gfs_r->len)"),
            format!("guestfs_free_{s}_list (gfs_r);"),
        ),
    }
}
