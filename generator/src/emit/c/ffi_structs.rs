//! `c/ffi/c_structs.rs`: the structs of the C ABI with their free, copy and compare functions.
//!
//! In: the structs of the model. Out: one `c_struct!` each (`bindings/c/src/members.rs`), a member a line.

use crate::emit::HEADER;
use crate::model::name::{camel, rust_ident};
use crate::model::{Api, Field, FieldType, Struct};

/// The whole file.
pub fn file(api: &Api) -> String {
    let mut structs: Vec<&Struct> = api.structs.iter().collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = format!(
        "// {HEADER}\n\n\
         //! The structs of the C ABI: type in Rust, name in C, members by their kind.\n\n\
         use crate::members::{{self, c_struct, Buffer, Char, Kind, Percent, Size, Str, Uuid}};\n\
         use crate::memory::Memory;\n\
         use crate::structs::{{self, CList, CStruct}};\n\
         use guestfs::protocol::structs as safe;\n\
         use libc::c_int;\n\
         use std::cmp::Ordering;\n"
    );
    for s in structs {
        out += &format!("\nc_struct!({} {} {{\n", camel(&s.name), s.name);
        for f in &s.fields {
            out += &format!("    {},\n", member(f));
        }
        out += "});\n";
    }
    out
}

fn member(f: &Field) -> String {
    let name = rust_ident(&f.name);
    let kind = match f.ty {
        FieldType::Str | FieldType::Device => "Str",
        FieldType::Buffer => return format!("/ {}_len {name}: Buffer", f.name),
        FieldType::Char => "Char",
        FieldType::I32 => "i32",
        FieldType::U32 => "u32",
        FieldType::I64 => "i64",
        FieldType::U64 => "u64",
        FieldType::Size => "Size",
        FieldType::Uuid => "Uuid",
        FieldType::Percent => "Percent",
    };
    format!("{name}: {kind}")
}
