//! Target `java`: package `com.redhat.et.libguestfs`.
//!
//! In: the model. Out: class `GuestFS` with a typed method for each call, which says the number of the call in the
//! table of the glue and hands its values on, and a class for each struct. Hand-written: `bindings/java/src`.

mod doc;
mod view;

use super::bind::{library, unsupported};
use super::c::text;
use super::{Files, Target};
use crate::model::{Api, Call};

/// Directory of the package.
const PACKAGE: &str = "java/com/redhat/et/libguestfs";

/// Words that are no names in Java.
const KEYWORDS: [&str; 54] = [
    "_",
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "false",
    "final",
    "finally",
    "float",
    "for",
    "goto",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "while",
];

/// Methods without arguments that every object has, and may not be given another meaning.
const METHODS: [&str; 6] = ["clone", "close", "finalize", "notify", "notifyAll", "wait"];

/// The target.
pub struct Java;

impl Target for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let module = view::module(api, &library(api));
        let structs = module.structs.iter().map(|s| {
            let path = format!("{PACKAGE}/{}.java", s.class);
            (path, text::render("java/Struct.java", s))
        });
        let mut files: Files = structs.collect();
        files.insert(format!("{PACKAGE}/GuestFS.java"), text::render("java/GuestFS.java", &module));
        files
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        match unsupported(call) {
            Some(_) => String::new(),
            None => text::render("java/methods.java", &view::one(api, &library(api), call)),
        }
    }
}

/// A name of an argument or field: keywords get an underscore.
fn ident(name: &str) -> String {
    match KEYWORDS.contains(&name) {
        true => format!("{name}_"),
        false => name.to_owned(),
    }
}

/// A name of a method.
fn method(name: &str) -> String {
    match METHODS.contains(&name) {
        true => format!("{name}_"),
        false => ident(name),
    }
}
