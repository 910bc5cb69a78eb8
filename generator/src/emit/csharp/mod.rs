//! Target `csharp`: namespace `Guestfs`.
//!
//! In: the model. Out: the half of class `Guestfs` that has a typed method for each call, which hands name and values
//! on, and a class for each struct. Hand-written: `bindings/csharp/src`.

mod doc;
mod view;

use super::bind::{library, unsupported};
use super::c::text;
use super::{Files, Target};
use crate::model::{Api, Call};

/// Words that are no names in C#.
const KEYWORDS: &str = "abstract as base bool break byte case catch char checked class const continue decimal \
    default delegate do double else enum event explicit extern false finally fixed float for foreach goto if implicit \
    in int interface internal is lock long namespace new null object operator out override params private protected \
    public readonly ref return sbyte sealed short sizeof stackalloc static string struct switch this throw true try \
    typeof uint ulong unchecked unsafe ushort using virtual void volatile while";

/// The target.
pub struct Csharp;

impl Target for Csharp {
    fn name(&self) -> &'static str {
        "csharp"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let module = view::module(api, &library(api));
        Files::from([
            ("csharp/Calls.cs".to_owned(), text::render("csharp/Calls.cs", &module)),
            ("csharp/Structs.cs".to_owned(), text::render("csharp/Structs.cs", &module)),
        ])
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        match unsupported(call) {
            Some(_) => String::new(),
            None => text::render("csharp/methods.cs", &view::one(api, &library(api), call)),
        }
    }
}

/// A name of a method, argument or field: keywords get an underscore.
fn ident(name: &str) -> String {
    match KEYWORDS.split_whitespace().any(|word| word == name) {
        true => format!("{name}_"),
        false => name.to_owned(),
    }
}
