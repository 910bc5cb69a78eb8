//! The steps that show how values cross, as functions over upstream's methods: the harness of
//! `tests/src/conformance.rs` runs them, as it does those of our own crate.

use super::rows::{field, options_type};
use crate::emit::bind::{library, unsupported};
use crate::emit::rust::ident;
use crate::emit::steps::rust::{argument, expect};
use crate::emit::steps::{all, cover, scenario};
use crate::emit::HEADER;
use crate::model::step::{Action, Step, Test, Value};
use crate::model::{Api, Call, Shape};
use proc_macro2::Literal;
use std::fmt::Write;

/// The whole module; who includes it gives it `Test`, `Run`, `Value`, `Expect`, `Outcome` and `table`.
pub fn program(api: &Api) -> String {
    let possible = all(api).filter(|(_, test)| test.steps.iter().all(|s| can_be_said(api, s))).collect();
    let chosen = cover::choose(api, possible);
    let mut out = format!("// {HEADER}\n\n#![allow(non_snake_case)] // sfdisk_N\n\nuse super::*;\n");
    for (name, test) in &chosen {
        out += &function(api, name, test);
    }
    out +=
        "\n/// Those that show every way in which a value crosses.\npub static TESTS: &[Test<Handle<'static>>] = &[\n";
    for (name, test) in &chosen {
        let _ = writeln!(out, "    Test {{ name: {name:?}, scenario: {:?}, run: {name} }},", scenario(test.scenario));
    }
    out += "];\n\n";
    for s in &library(api).structs {
        let fields: Vec<String> = s.fields.iter().map(|f| format!("{:?} {}", f.name, field(&f.name))).collect();
        let _ = writeln!(out, "table!({} {{ {} }});", s.camel, fields.join(", "));
    }
    out
}

/// Languages have no internal calls, and text is UTF-8 here.
fn can_be_said(api: &Api, step: &Step) -> bool {
    let Action::Call { call, args, opts } = &step.action else { return true };
    let Some(call) = api.call(call) else { return false };
    let shapes = call.args.iter().map(|a| a.ty.shape());
    let bytes = shapes.zip(args).any(|(shape, v)| shape != Shape::Buffer && has_bytes(v));
    unsupported(call).is_none() && !bytes && !opts.iter().any(|(_, v)| has_bytes(v))
}

fn has_bytes(v: &Value) -> bool {
    match v {
        Value::Bytes(_) => true,
        Value::List(items) => items.iter().any(has_bytes),
        _ => false,
    }
}

fn function(api: &Api, name: &str, test: &Test) -> String {
    let mut out = format!("\nfn {name}(t: &Run<'_, Handle<'static>>) -> Outcome {{\n");
    for (i, s) in test.steps.iter().enumerate() {
        let _ = writeln!(out, "    t.step({i}, {}, {})?;", action(api, s), expect(&s.expect));
    }
    out + "    Ok(())\n}\n"
}

fn action(api: &Api, step: &Step) -> String {
    match &step.action {
        Action::LocalWrite { path, content } => {
            format!("t.local_write({path:?}, {})", Literal::byte_string(content))
        }
        Action::LocalRead { path } => format!("t.local_read({path:?})"),
        Action::Call { call, args, opts } => api.call(call).map(|c| invocation(c, args, opts)).unwrap_or_default(),
    }
}

fn invocation(call: &Call, args: &[Value], opts: &[(String, Value)]) -> String {
    let mut words: Vec<String> = call.args.iter().zip(args).map(|(a, v)| value(a.ty.shape(), v)).collect();
    if !call.opts.is_empty() {
        let given = call.opts.iter().filter_map(|o| {
            let (_, v) = opts.iter().find(|(n, _)| *n == o.name)?;
            Some(format!("{}: Some({})", field(&o.name), value(o.ty.shape(), v)))
        });
        let mut given: Vec<String> = given.collect();
        words.push(match given.is_empty() {
            true => "Default::default()".to_owned(),
            false => {
                if given.len() < call.opts.len() {
                    given.push("..Default::default()".to_owned());
                }
                format!("{} {{ {} }}", options_type(call), given.join(", "))
            }
        });
    }
    format!("t.g.{}({})", ident(&call.name), words.join(", "))
}

/// As our own crate takes it, but that text is borrowed.
fn value(shape: Shape, v: &Value) -> String {
    let borrowed = |text: String| if text.starts_with("t.path(") { format!("&{text}") } else { text };
    match (shape, v) {
        (Shape::OptStr, Value::Str(_)) => format!("Some({})", value(Shape::Str, v)),
        (_, Value::List(items)) => {
            format!("&[{}]", items.iter().map(|i| value(Shape::Str, i)).collect::<Vec<_>>().join(", "))
        }
        _ => borrowed(argument(shape, v)),
    }
}
