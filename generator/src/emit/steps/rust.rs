//! Steps as Rust functions over the client's methods, one line each.

use super::{all, scenario};
use crate::emit::rust::ident;
use crate::emit::HEADER;
use crate::model::step::{Action, Expect, Step, Test, Value};
use crate::model::{Api, Call, Shape, Struct};
use proc_macro2::Literal;
use std::fmt::Write;

/// The whole module; the harness gives it `Test`, `Run`, `Value`, `Expect`, `ToValue` and `table` by
/// `use super::*`.
pub fn program(api: &Api) -> String {
    let mut out = format!("// {HEADER}\n\nuse super::*;\n");
    for (name, test) in all(api) {
        out += &function(api, &name, test);
    }
    out += "\n/// Every test, in the order of the API.\npub static TESTS: &[Test] = &[\n";
    for (name, test) in all(api) {
        let _ = writeln!(out, "    Test {{ name: {name:?}, scenario: {:?}, run: {name} }},", scenario(test.scenario));
    }
    out += "];\n\n";
    for s in api.structs.iter().filter(|s| s.returned_single || s.returned_list) {
        out += &struct_value(s);
    }
    out
}

fn function(api: &Api, name: &str, test: &Test) -> String {
    let mut out = format!("\nfn {name}(t: &Run<'_>) -> Outcome {{\n");
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
    let mut words: Vec<String> = call.args.iter().zip(args).map(|(a, v)| argument(a.ty.shape(), v)).collect();
    if !call.opts.is_empty() {
        let mut given = format!("opts::{}::new()", call.opts_type());
        for o in &call.opts {
            if let Some((_, v)) = opts.iter().find(|(n, _)| *n == o.name) {
                let _ = write!(given, ".{}({})", ident(&o.name), argument(o.ty.shape(), v));
            }
        }
        words.push(given);
    }
    format!("t.g.{}({})", ident(&call.name), words.join(", "))
}

fn string(s: &str) -> String {
    if s.contains("%tmp") {
        format!("t.path({s:?})")
    } else {
        format!("{s:?}")
    }
}

fn strings(v: &Value) -> String {
    let items: Vec<String> = match v {
        Value::List(items) => items.iter().map(|i| argument(Shape::Str, i)).collect(),
        _ => Vec::new(),
    };
    if items.is_empty() {
        "NO_STRINGS".to_owned()
    } else {
        format!("&[{}]", items.join(", "))
    }
}

/// A value as an argument or option takes it.
pub fn argument(shape: Shape, v: &Value) -> String {
    match (shape, v) {
        (_, Value::Bool(b)) => b.to_string(),
        (_, Value::Int(i)) => i.to_string(),
        (_, Value::Bytes(b)) => Literal::byte_string(b).to_string(),
        (Shape::OptStr, Value::Str(s)) => format!("Some(BStr::new(&{}))", string(s)),
        (_, Value::Null) => "None".to_owned(),
        (_, Value::Str(s)) => string(s),
        (_, list) => strings(list),
    }
}

/// What a step must give.
pub fn expect(e: &Expect) -> String {
    match e {
        Expect::Ok => "Expect::Ok".to_owned(),
        Expect::Equals(v) => format!("Expect::Equals({})", value(v)),
        Expect::Unordered(items) => format!("Expect::Unordered({})", value(&Value::List(items.clone()))),
        Expect::Contains(s) => format!("Expect::Contains({s:?})"),
        Expect::Error(errno) => format!("Expect::Error({errno:?})"),
    }
}

fn value(v: &Value) -> String {
    match v {
        Value::Null => "Value::Null".to_owned(),
        Value::Bool(b) => format!("Value::Bool({b})"),
        Value::Int(i) => format!("Value::Int({i})"),
        Value::Float(f) => format!("Value::Float({f:?})"),
        Value::Str(s) => format!("Value::Str({}.into())", string(s)),
        Value::Bytes(b) => format!("Value::Str({}.to_vec())", Literal::byte_string(b)),
        Value::List(items) => format!("Value::List(vec![{}])", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => {
            let entries: Vec<String> = entries.iter().map(|(k, v)| format!("({k:?}.into(), {})", value(v))).collect();
            format!("Value::Table(vec![{}])", entries.join(", "))
        }
    }
}

fn struct_value(s: &Struct) -> String {
    let fields: Vec<String> = s.fields.iter().map(|f| format!("{:?} {}", f.name, ident(&f.name))).collect();
    format!("table!({} {{ {} }});\n", s.rust_name(), fields.join(", "))
}
