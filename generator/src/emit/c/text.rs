//! Templates of the bindings, embedded in the generator.
//!
//! In: a view record. Out: text. A template that does not fit its record is a defect of the generator,
//! found by every run, and ends it with the template's own message.

use serde::Serialize;
use std::sync::LazyLock;
use tera::{Context, Tera};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../templates/", $name, ".tera")))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "c/guestfs.h",
    "c/prototypes.h",
    "c/structs.h",
    "c/varargs.c",
    "c/libguestfs.syms",
    "glue/calls.c",
    "lua/guestfs.lua",
    "lua/method.lua",
    "python/__init__.py",
    "python/__init__.pyi",
    "python/method.py",
    "ocaml/guestfs.ml",
    "ocaml/guestfs.mli",
    "ocaml/value.mli",
    "ocaml/stub.c",
    "ocaml/stubs.c",
    "ruby/calls.rb",
    "ruby/guestfs.rbs",
    "perl/Guestfs.pm",
    "php/function.php",
    "php/guestfs.stub.php",
    "java/GuestFS.java",
    "java/Struct.java",
    "java/methods.java",
    "haskell/Guestfs.hs",
    "haskell/Events.hs",
    "haskell/Structs.hs",
    "haskell/Calls.hs",
    "haskell/call.hs",
    "gobject/guestfs-gobject/session.h",
    "gobject/guestfs-gobject/optargs.h",
    "gobject/guestfs-gobject/structs.h",
    "gobject/functions.h",
    "gobject/calls.c",
    "csharp/Calls.cs",
    "csharp/Structs.cs",
    "csharp/methods.cs",
    "erlang/guestfs.erl",
    "erlang/functions.erl",
    "go/guestfs.go",
    "go/method.go",
    "go/structs.go",
];

static TERA: LazyLock<Result<Tera, tera::Error>> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.autoescape_on(Vec::new());
    tera.add_raw_templates(TEMPLATES.iter().copied())?;
    Ok(tera)
});

/// Fill template `name` with `view`.
pub fn render(name: &str, view: &impl Serialize) -> String {
    let rendered = match &*TERA {
        Ok(tera) => {
            Context::from_serialize(view).and_then(|context| tera.render(name, &context)).map_err(|e| chain(&e))
        }
        Err(e) => Err(chain(e)),
    };
    match rendered {
        Ok(text) => text,
        Err(e) => panic!("template {name}: {e}"),
    }
}

fn chain(e: &tera::Error) -> String {
    let mut text = e.to_string();
    let mut source = std::error::Error::source(e);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
