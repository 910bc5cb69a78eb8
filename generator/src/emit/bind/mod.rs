//! The binding model: every call and struct as a language above the C ABI meets it.
//!
//! In: the resolved API. Out: records in which every choice of C is made (entry, what each argument becomes, the
//! member and bit of each option, who frees a result), so that a language says only how each of the few shapes is
//! spelt there. [`Glue`](glue::Glue) makes of it what the dynamic languages share.

pub mod glue;
pub mod text;

use super::c::types;
use crate::model::name::c_ident;
use crate::model::{self, Api, FieldType, RetType, Shape, Visibility};
use serde::Serialize;

/// Why no language has the call.
pub fn unsupported(call: &model::Call) -> Option<&'static str> {
    (call.visibility == Visibility::Internal).then_some("internal: not for language bindings")
}

/// The whole API.
#[derive(Serialize)]
pub struct Library {
    /// In bit order.
    pub events: Vec<Event>,
    /// Value of all event classes together.
    pub all_events: u64,
    /// Those that some call returns, by name.
    pub structs: Vec<Struct>,
    /// By name.
    pub calls: Vec<Call>,
}

/// An event class.
#[derive(Serialize)]
pub struct Event {
    /// As in `api.toml`: `launch_done`.
    pub name: String,
    /// In capitals.
    pub upper: String,
    pub bit: u32,
    pub value: u64,
}

/// A struct, and what frees it.
#[derive(Serialize)]
pub struct Struct {
    pub name: String,
    /// Upstream's capitalised name.
    pub camel: String,
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Serialize)]
pub struct Field {
    pub name: String,
    /// Member of the C struct.
    pub member: String,
    /// `char`, `str`, `buffer`, `i32`, `u32`, `i64`, `u64`, `uuid` or `percent`.
    pub ty: &'static str,
    /// Member with the length, of buffers; else empty.
    pub len: String,
}

/// A call.
#[derive(Serialize)]
pub struct Call {
    pub name: String,
    /// `NAME_opts`, where C has that name, too; else empty.
    pub alias: String,
    /// The C function, in its form without a variable list.
    pub entry: String,
    /// The struct that takes the options (without `struct`), or empty.
    pub argv: String,
    pub params: Vec<Param>,
    /// In the order of their bits.
    pub opts: Vec<Opt>,
    pub ret: Ret,
    /// Not for new programs.
    pub deprecated: bool,
    /// What to use instead, or empty.
    pub use_instead: String,
    /// May wait for the disk: the language's other threads are let run meanwhile.
    pub blocks: bool,
    /// The handle's lock is not taken (`user_cancel`).
    pub any_time: bool,
}

/// A required argument.
#[derive(Serialize)]
pub struct Param {
    pub name: String,
    /// Identifier in C.
    pub ident: String,
    /// `bool`, `int`, `int64`, `str`, `opt_str`, `str_list`, `buffer` or `pointer`.
    pub shape: &'static str,
    /// Names a file, directory or device.
    pub path: bool,
    /// In C, to stand before its name; a buffer's size comes behind it as `size_t`.
    pub c_type: &'static str,
}

/// An optional argument.
#[derive(Serialize)]
pub struct Opt {
    pub name: String,
    /// Member of the struct of options.
    pub member: String,
    /// As in [`Param`]: one of the first four or `str_list`.
    pub shape: &'static str,
    pub path: bool,
    pub c_type: &'static str,
    pub bit: usize,
}

/// A result.
#[derive(Serialize)]
pub struct Ret {
    /// `none`, `bool`, `int`, `int64`, `const_str`, `const_opt_str`, `str`, `str_list`, `struct`, `struct_list`,
    /// `hash` or `buffer`.
    pub kind: &'static str,
    /// In C, to stand before a name.
    pub c_type: String,
    /// What says that the call failed; `const_opt_str` cannot fail.
    pub error: &'static str,
    /// How the caller frees it: ``, `free`, `strings`, `guestfs_free_…`.
    pub owner: String,
    /// The struct it is or lists, or empty.
    pub structure: String,
}

/// The binding model of everything that languages have.
pub fn library(api: &Api) -> Library {
    let mut events: Vec<Event> = api
        .events
        .iter()
        .map(|e| Event { name: e.name.clone(), upper: e.name.to_uppercase(), bit: e.bit, value: 1 << e.bit })
        .collect();
    events.sort_by_key(|e| e.bit);
    let mut structs: Vec<Struct> = api.structs.iter().filter(|s| !s.internal).map(structure).collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    Library {
        all_events: events.iter().fold(0, |all, e| all | e.value),
        events,
        structs,
        calls: api.calls.iter().filter(|c| unsupported(c).is_none()).map(call).collect(),
    }
}

fn structure(s: &model::Struct) -> Struct {
    let field = |f: &model::Field| Field {
        name: f.name.clone(),
        member: c_ident(&f.name),
        ty: field_type(f.ty),
        len: if f.ty == FieldType::Buffer { format!("{}_len", f.name) } else { String::new() },
    };
    Struct { name: s.name.clone(), camel: s.camel.clone(), fields: s.fields.iter().map(field).collect() }
}

/// The binding model of one call.
pub fn call(call: &model::Call) -> Call {
    let ident = crate::emit::c::view::ident;
    let param = |a: &model::Arg| Param {
        name: a.name.clone(),
        ident: ident(&a.name),
        shape: shape(a.ty.shape()),
        path: a.path,
        c_type: types::argument(a.ty.shape()),
    };
    let opt = |(bit, o): (usize, &model::Opt)| Opt {
        name: o.name.clone(),
        member: ident(&o.name),
        shape: shape(o.ty.shape()),
        path: o.path,
        c_type: types::argument(o.ty.shape()),
        bit,
    };
    let instead = call.deprecated.as_ref().and_then(|d| d.use_instead.clone());
    Call {
        name: call.name.clone(),
        alias: if call.plain_name_without_options { call.c_name() } else { String::new() },
        entry: types::entry(call),
        argv: if call.opts.is_empty() { String::new() } else { format!("guestfs_{}_argv", call.c_name()) },
        params: call.args.iter().map(param).collect(),
        opts: call.opts.iter().enumerate().map(opt).collect(),
        ret: ret(&call.ret.ty),
        deprecated: call.deprecated.is_some(),
        use_instead: instead.unwrap_or_default(),
        blocks: !call.flags.nonblocking,
        any_time: call.flags.no_wrapper,
    }
}

/// How a result comes back.
pub fn ret(ty: &RetType) -> Ret {
    let (kind, owner) = match ty {
        RetType::Unit => ("none", String::new()),
        RetType::Bool => ("bool", String::new()),
        RetType::Int => ("int", String::new()),
        RetType::Int64 => ("int64", String::new()),
        RetType::ConstStr => ("const_str", String::new()),
        RetType::ConstOptStr => ("const_opt_str", String::new()),
        RetType::Str(_) => ("str", "free".to_owned()),
        RetType::StrList(_) => ("str_list", "strings".to_owned()),
        RetType::Hash(..) => ("hash", "strings".to_owned()),
        RetType::Buffer => ("buffer", "free".to_owned()),
        RetType::Struct(s) => ("struct", format!("guestfs_free_{s}")),
        RetType::StructList(s) => ("struct_list", format!("guestfs_free_{s}_list")),
    };
    Ret {
        kind,
        c_type: types::ret(ty),
        error: types::error_value(ty),
        owner,
        structure: ty.structure().unwrap_or_default().to_owned(),
    }
}

/// The name of a shape in the records.
pub fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool => "bool",
        Shape::Int => "int",
        Shape::Int64 => "int64",
        Shape::Str => "str",
        Shape::OptStr => "opt_str",
        Shape::StrList => "str_list",
        Shape::Buffer => "buffer",
        Shape::Pointer => "pointer",
    }
}

fn field_type(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Char => "char",
        FieldType::Str | FieldType::Device => "str",
        FieldType::Buffer => "buffer",
        FieldType::I32 => "i32",
        FieldType::U32 => "u32",
        FieldType::I64 => "i64",
        FieldType::U64 | FieldType::Size => "u64",
        FieldType::Uuid => "uuid",
        FieldType::Percent => "percent",
    }
}
