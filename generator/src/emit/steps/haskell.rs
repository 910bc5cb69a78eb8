//! The steps that languages run as Haskell, which cannot call by name: one line each, over module `Guestfs`.
//!
//! Out: module `Steps` for the runner `bindings/haskell/tests/Run.hs`. Texts that are expected are bytes.

use super::scenario;
use crate::emit::haskell::ident;
use crate::emit::HEADER;
use crate::model::step::{Action, Expect, Step, Test, Value};
use crate::model::{Api, Call, Shape, Struct};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The whole module.
pub fn program(api: &Api, tests: &[(String, &Test)]) -> String {
    let mut out = format!("{{-# LANGUAGE OverloadedLabels #-}}\n-- {HEADER}\n\n");
    out += "module Steps (tests) where\n\nimport qualified Guestfs as G\nimport qualified Guestfs.Structs as S\nimport Harness\n\n";
    let list: Vec<String> = tests.iter().map(|(n, t)| format!("Test {n:?} {:?} {n}", scenario(t.scenario))).collect();
    let _ = writeln!(out, "tests :: [Test]\ntests =\n  [ {}\n  ]", list.join("\n  , "));
    for (name, test) in tests {
        let _ = writeln!(out, "\n{name} :: Run -> IO ()\n{name} t = do");
        for (i, s) in test.steps.iter().enumerate() {
            let _ = writeln!(out, "  step {i} {} ({})", action(api, s), expect(&s.expect));
        }
    }
    let steps = tests.iter().flat_map(|(_, t)| &t.steps);
    let used: BTreeSet<&str> = steps
        .filter_map(|s| match &s.action {
            Action::Call { call, .. } => api.call(call)?.ret.ty.structure(),
            _ => None,
        })
        .collect();
    used.into_iter().filter_map(|name| api.structure(name)).map(structure).fold(out, |out, s| out + &s)
}

fn action(api: &Api, step: &Step) -> String {
    match &step.action {
        Action::LocalWrite { path, content } => {
            format!("(localWrite ({}) (bytes {}))", text(path), quote(content.iter().map(|b| char::from(*b))))
        }
        Action::LocalRead { path } => format!("(localRead ({}))", text(path)),
        Action::Call { call, args, opts } => api.call(call).map(|c| invocation(c, args, opts)).unwrap_or_default(),
    }
}

fn invocation(call: &Call, args: &[Value], opts: &[(String, Value)]) -> String {
    let mut words = vec![format!("G.{}", ident(&call.name)), "(handle t)".to_owned()];
    words.extend(call.args.iter().zip(args).map(|(a, v)| argument(a.ty.shape(), v)));
    if !call.opts.is_empty() {
        let given = call.opts.iter().filter_map(|o| {
            let (_, v) = opts.iter().find(|(name, _)| *name == o.name)?;
            Some(format!("#{} {}", ident(&o.name), argument(o.ty.shape(), v)))
        });
        words.push(format!("[{}]", given.collect::<Vec<_>>().join(", ")));
    }
    format!("({})", words.join(" "))
}

fn argument(shape: Shape, v: &Value) -> String {
    match (shape, v) {
        (Shape::OptStr, Value::Str(s)) => format!("(Just ({}))", text(s)),
        (_, Value::Null) => "Nothing".to_owned(),
        (_, Value::Bool(true)) => "True".to_owned(),
        (_, Value::Bool(false)) => "False".to_owned(),
        (_, Value::Int(i)) => format!("({i})"),
        (_, Value::Str(s)) => format!("({})", text(s)),
        (_, Value::Bytes(b)) => format!("(bytes {})", quote(b.iter().map(|b| char::from(*b)))),
        (_, Value::List(items)) => {
            format!("[{}]", items.iter().map(|i| argument(Shape::Str, i)).collect::<Vec<_>>().join(", "))
        }
        (_, Value::Float(_) | Value::Table(_)) => String::new(),
    }
}

/// `%tmp` is the test's own directory.
fn text(s: &str) -> String {
    match s.contains("%tmp") {
        true => format!("path t {}", quote(s.chars())),
        false => quote(s.chars()),
    }
}

fn expect(e: &Expect) -> String {
    match e {
        Expect::Ok => "Ok".to_owned(),
        Expect::Equals(v) => format!("Equals {}", value(v)),
        Expect::Unordered(items) => format!("Unordered [{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        Expect::Contains(s) => format!("Contains {}", quote(s.bytes().map(char::from))),
        Expect::Error(Some(errno)) => format!("Error (Just {errno:?})"),
        Expect::Error(None) => "Error Nothing".to_owned(),
    }
}

fn value(v: &Value) -> String {
    match v {
        Value::Null => "N".to_owned(),
        Value::Bool(b) => if *b { "(I 1)" } else { "(I 0)" }.to_owned(),
        Value::Int(i) => format!("(I ({i}))"),
        Value::Float(f) => format!("(F ({f:?}))"),
        Value::Str(s) if s.contains("%tmp") => format!("(S ({}))", text(s)),
        Value::Str(s) => format!("(S {})", quote(s.bytes().map(char::from))),
        Value::Bytes(b) => format!("(S {})", quote(b.iter().map(|b| char::from(*b)))),
        Value::List(items) => format!("(L [{}])", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => {
            let entries: Vec<String> = entries.iter().map(|(k, v)| format!("({k:?}, {})", value(v))).collect();
            format!("(T [{}])", entries.join(", "))
        }
    }
}

/// A literal. What follows a number must not join it.
fn quote(chars: impl Iterator<Item = char>) -> String {
    let (mut out, mut number) = (String::from("\""), false);
    for c in chars {
        if number && c.is_ascii_digit() {
            out += "\\&";
        }
        number = !matches!(c, ' '..='~');
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                let _ = write!(out, "\\{}", u32::from(c));
            }
        }
    }
    out + "\""
}

fn structure(s: &Struct) -> String {
    let names: Vec<String> = (1..=s.fields.len()).map(|n| format!("a{n}")).collect();
    let fields: Vec<String> = s.fields.iter().zip(&names).map(|(f, n)| format!("({:?}, value {n})", f.name)).collect();
    format!(
        "\ninstance Result S.{} where\n  value (S.{} {}) = T [{}]\n",
        s.camel,
        s.camel,
        names.join(" "),
        fields.join(", ")
    )
}
