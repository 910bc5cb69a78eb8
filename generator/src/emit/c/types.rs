//! C spellings of the model's types.
//!
//! In: types of the model. Out: declarations as upstream's header has them, so that programs compiled
//! against one header run with the other's library.

use crate::model::name::c_ident;
use crate::model::{Call, FieldType, RetType, Shape};

/// Type of an argument, required or not, to stand directly before its name.
pub fn argument(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool | Shape::Int => "int ",
        Shape::Int64 => "int64_t ",
        Shape::Str | Shape::OptStr | Shape::Buffer => "const char *",
        Shape::StrList => "char *const *",
        Shape::Pointer => "void *",
    }
}

/// What a C function takes for one required argument: one declaration, or two for a buffer.
pub fn params(shape: Shape, name: &str) -> Vec<String> {
    let mut all = vec![format!("{}{name}", argument(shape))];
    if shape == Shape::Buffer {
        all.push(format!("size_t {name}_size"));
    }
    all
}

/// Type of a result, to stand directly before the function's name.
pub fn ret(ty: &RetType) -> String {
    match ty {
        RetType::Unit | RetType::Bool | RetType::Int => "int ".to_owned(),
        RetType::Int64 => "int64_t ".to_owned(),
        RetType::ConstStr | RetType::ConstOptStr => "const char *".to_owned(),
        RetType::Str(_) | RetType::Buffer => "char *".to_owned(),
        RetType::StrList(_) | RetType::Hash(..) => "char **".to_owned(),
        RetType::Struct(s) => format!("struct guestfs_{s} *"),
        RetType::StructList(s) => format!("struct guestfs_{s}_list *"),
    }
}

/// The value that says "failed".
pub fn error_value(ty: &RetType) -> &'static str {
    match ty {
        RetType::Unit | RetType::Bool | RetType::Int | RetType::Int64 => "-1",
        _ => "NULL",
    }
}

/// Members that one field of a struct has in C.
pub fn members(ty: FieldType, name: &str) -> Vec<String> {
    let length = format!("uint32_t {name}_len;");
    let name = c_ident(name);
    match ty {
        FieldType::Char => vec![format!("char {name};")],
        FieldType::Str | FieldType::Device => vec![format!("char *{name};")],
        FieldType::Buffer => vec![length, format!("char *{name};")],
        FieldType::I32 => vec![format!("int32_t {name};")],
        FieldType::U32 => vec![format!("uint32_t {name};")],
        FieldType::I64 => vec![format!("int64_t {name};")],
        FieldType::U64 | FieldType::Size => vec![format!("uint64_t {name};")],
        FieldType::Uuid => vec![format!("char {name}[32]; /* not NUL-terminated */")],
        FieldType::Percent => vec![format!("float {name}; /* 0 to 100, or -1 when not present */")],
    }
}

/// The function that the other bindings call, and whether it takes an `_argv` struct.
pub fn entry(call: &Call) -> String {
    let name = call.c_name();
    if call.opts.is_empty() {
        format!("guestfs_{name}")
    } else {
        format!("guestfs_{name}_argv")
    }
}

/// Every symbol that one call exports, in the order of the header.
pub fn symbols(call: &Call) -> Vec<String> {
    let name = call.c_name();
    let mut all = Vec::new();
    if call.plain_name_without_options {
        all.push(format!("guestfs_{}", call.name));
    }
    all.push(format!("guestfs_{name}"));
    if !call.opts.is_empty() {
        all.push(format!("guestfs_{name}_va"));
        all.push(format!("guestfs_{name}_argv"));
    }
    all
}
