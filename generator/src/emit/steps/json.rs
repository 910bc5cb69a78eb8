//! Steps as data, for the runners of languages that can call by name.
//!
//! Out: `{"tests": [{"name", "scenario", "steps": [{"call", "args", "opts", "expect"}]}]}`. Values are null, booleans,
//! numbers, strings, lists and objects; bytes are `{"bytes": "68656c6c6f"}`. A step that is no call has `local_write`
//! with `path` and `content`, or `local_read` with `path`. `expect` is one of `{"ok": null}`, `{"equals": value}`,
//! `{"unordered": [values]}`, `{"contains": text}` and `{"error": errno or null}`. `%tmp` in a string of an argument, an
//! option, a path or an expected value stands for the test's own directory of the host.

use super::{all, cover, scenario};
use crate::emit::bind;
use crate::model::step::{Action, Expect, Step, Test, Value};
use crate::model::Api;
use serde_json::{json, Map, Value as Json};

/// The whole file: one step a line.
pub fn table(api: &Api) -> String {
    let mut out = String::from("{\"tests\": [\n");
    let chosen = chosen(api);
    for (i, (name, test)) in chosen.iter().enumerate() {
        out += &self::test(name, test);
        out += if i + 1 < chosen.len() { ",\n" } else { "\n" };
    }
    out + "]}\n"
}

/// The tests that languages run.
pub fn chosen(api: &Api) -> Vec<(String, &Test)> {
    let possible = all(api).filter(|(_, test)| test.steps.iter().all(|s| in_languages(api, s))).collect();
    cover::choose(api, possible)
}

/// Languages have no internal calls; C and Rust run their steps.
fn in_languages(api: &Api, step: &Step) -> bool {
    match &step.action {
        Action::Call { call, .. } => api.call(call).is_some_and(|c| bind::unsupported(c).is_none()),
        Action::LocalWrite { .. } | Action::LocalRead { .. } => true,
    }
}

/// One test.
pub fn test(name: &str, test: &Test) -> String {
    let steps: Vec<String> = test.steps.iter().map(|s| format!("    {}", step(s))).collect();
    let head = format!("\"name\": {}, \"scenario\": {}", json!(name), json!(scenario(test.scenario)));
    format!("  {{{head}, \"steps\": [\n{}\n  ]}}", steps.join(",\n"))
}

fn step(step: &Step) -> Json {
    let mut out = match &step.action {
        Action::Call { call, args, opts } => {
            let opts: Map<String, Json> = opts.iter().map(|(name, v)| (name.clone(), value(v))).collect();
            json!({ "call": call, "args": args.iter().map(value).collect::<Vec<_>>(), "opts": opts })
        }
        Action::LocalWrite { path, content } => json!({ "local_write": { "path": path, "content": bytes(content) } }),
        Action::LocalRead { path } => json!({ "local_read": { "path": path } }),
    };
    out["expect"] = match &step.expect {
        Expect::Ok => json!({ "ok": null }),
        Expect::Equals(v) => json!({ "equals": value(v) }),
        Expect::Unordered(items) => json!({ "unordered": items.iter().map(value).collect::<Vec<_>>() }),
        Expect::Contains(text) => json!({ "contains": text }),
        Expect::Error(errno) => json!({ "error": errno }),
    };
    out
}

fn value(v: &Value) -> Json {
    match v {
        Value::Null => Json::Null,
        Value::Bool(b) => json!(b),
        Value::Int(i) => json!(i),
        Value::Float(f) => json!(f),
        Value::Str(s) => json!(s),
        Value::Bytes(b) => bytes(b),
        Value::List(items) => Json::Array(items.iter().map(value).collect()),
        Value::Table(entries) => Json::Object(entries.iter().map(|(k, v)| (k.clone(), value(v))).collect()),
    }
}

fn bytes(b: &[u8]) -> Json {
    json!({ "bytes": b.iter().map(|b| format!("{b:02x}")).collect::<String>() })
}
