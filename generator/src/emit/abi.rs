//! Target `abi`: `abi.txt`, one sorted line a thing that programs or the other half of the wire rely on.
//!
//! In: the model. Out: lines such as
//! `call mkdir_mode = proc: 202 | args: path: Path, mode: Int | opts: | ret: | c: mkdir_mode`.
//! [`Facts`] also reads them back, for the rule that nothing in them may change.

use super::{Files, Target, HEADER};
use crate::model::types::Spelt;
use crate::model::{Api, Call, Struct};
use std::fmt;

/// See the module.
pub struct Abi;

impl Target for Abi {
    fn name(&self) -> &'static str {
        "abi"
    }

    fn unsupported(&self, _call: &Call) -> Option<&'static str> {
        None
    }

    fn emit(&self, api: &Api) -> Files {
        let mut text = format!("# {HEADER}\n");
        for (key, facts) in lines(api) {
            text.push_str(&format!("{key} = {facts}\n"));
        }
        Files::from([("abi.txt".to_owned(), text)])
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        format!("call {} = {}\n", call.name, call_facts(call))
    }
}

/// All lines, sorted: what they are about and what they say.
pub fn lines(api: &Api) -> Vec<(String, Facts)> {
    let mut out: Vec<(String, Facts)> = Vec::new();
    out.extend(api.calls.iter().map(|c| (format!("call {}", c.name), call_facts(c))));
    out.extend(api.structs.iter().map(|s| (format!("struct {}", s.name), struct_facts(s))));
    out.extend(api.events.iter().map(|e| (format!("event {}", e.name), Facts::of([("bit", e.bit.to_string())]))));
    out.extend(api.groups.iter().map(|g| (format!("group {}", g.name), Facts::of([("name", g.name.clone())]))));
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn call_facts(c: &Call) -> Facts {
    let list = |items: Vec<String>| items.join(", ");
    Facts::of([
        ("proc", c.proc().map_or("none".into(), |p| p.to_string())),
        ("args", list(c.args.iter().map(|a| format!("{}: {}", a.name, a.ty.spelling())).collect())),
        ("opts", list(c.opts.iter().map(|o| format!("{}: {}", o.name, o.ty.spelling())).collect())),
        ("ret", c.ret.ty.spelling()),
        ("c", if c.plain_name_without_options { format!("{}, {}", c.name, c.c_name()) } else { c.name.clone() }),
    ])
}

fn struct_facts(s: &Struct) -> Facts {
    let fields: Vec<String> = s.fields.iter().map(|f| format!("{}: {}", f.name, f.ty.spelling())).collect();
    Facts::of([("fields", fields.join(", "))])
}

/// What one line says: names and values in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts(Vec<(String, String)>);

impl Facts {
    fn of<const N: usize>(facts: [(&str, String); N]) -> Facts {
        Facts(facts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }

    /// Read a line back.
    pub fn parse(line: &str) -> Option<(String, Facts)> {
        let (key, rest) = line.split_once(" = ")?;
        let facts = rest.split(" | ").map(|f| {
            let (k, v) = f.split_once(':')?;
            Some((k.trim().to_owned(), v.trim().to_owned()))
        });
        Some((key.to_owned(), Facts(facts.collect::<Option<_>>()?)))
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }

    /// How `new` breaks what these facts promised; growth is no break.
    pub fn changes(&self, new: &Facts) -> Vec<String> {
        let mut out = Vec::new();
        for (name, old) in &self.0 {
            let now = new.get(name);
            let kept = match name.as_str() {
                "opts" => old.is_empty() || now == old || now.starts_with(&format!("{old}, ")),
                // A call that gets its first options keeps its plain C name and gains NAME_opts.
                "c" => now == old || (self.get("opts").is_empty() && now.starts_with(&format!("{old}, "))),
                _ => now == old,
            };
            if !kept {
                out.push(format!("{name} was `{old}`, is `{now}`"));
            }
        }
        if self.get("opts").is_empty() && !new.get("opts").is_empty() && self.get("c") == new.get("c") {
            out.push("it gets options, so it needs compat = { plain-name-without-options = true }".into());
        }
        out
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (k, v)) in self.0.iter().enumerate() {
            let bar = if i > 0 { " | " } else { "" };
            let blank = if v.is_empty() { "" } else { " " };
            write!(f, "{bar}{k}:{blank}{v}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(opts: &str, c: &str) -> Facts {
        Facts::of([("proc", "5".into()), ("opts", opts.into()), ("c", c.into())])
    }

    #[test]
    fn lines_survive_a_round_trip() {
        let f = facts("a: {Str: Str}, b: [Str]", "x, x_opts");
        assert_eq!(Facts::parse(&format!("call x = {f}")), Some(("call x".into(), f)));
        assert_eq!(Facts::parse("nonsense"), None);
    }

    #[test]
    fn growth_is_no_change() {
        assert_eq!(facts("a: Int", "x").changes(&facts("a: Int, b: Int", "x")), [""; 0]);
        assert_eq!(facts("", "x").changes(&facts("a: Int", "x, x_opts")), [""; 0]);
    }

    #[test]
    fn breaks_are_changes() {
        assert_eq!(facts("a: Int", "x").changes(&facts("b: Int, a: Int", "x")).len(), 1);
        assert_eq!(facts("a: Int", "x").changes(&facts("a: Int64", "x")).len(), 1);
        assert_eq!(facts("", "x").changes(&facts("a: Int", "x")).len(), 1);
        assert_eq!(facts("a: Int", "x, x_opts").changes(&facts("a: Int", "x")).len(), 1);
        assert_eq!(facts("ab: Int", "x").changes(&facts("ab: Int64", "x")).len(), 1);
    }
}
