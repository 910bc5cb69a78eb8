//! Target `schema`: `api.schema.json`, which editors use to complete and check `api.toml` while typing.
//!
//! In: nothing but the spellings in `model/types.rs`, the groups and the structs. Out: a JSON schema
//! (draft 7, which every editor knows). `check/` knows more; the schema only helps.

use super::{Files, Target};
use crate::model::types::{Spelt, FLAGS};
use crate::model::{step::Scenario, Api, ArgType, Call, FieldType, OptType, RetType, ShellOutput, Visibility};
use serde_json::{json, Value};

/// See the module.
pub struct Schema;

const NAME: &str = "[a-z][a-z0-9_]*";

impl Target for Schema {
    fn name(&self) -> &'static str {
        "schema"
    }

    fn unsupported(&self, _call: &Call) -> Option<&'static str> {
        None
    }

    fn emit(&self, api: &Api) -> Files {
        let text = serde_json::to_string_pretty(&schema(api)).unwrap_or_default();
        Files::from([("api.schema.json".to_owned(), text + "\n")])
    }

    fn emit_call(&self, _api: &Api, _call: &Call) -> String {
        "the schema is the same for every call\n".to_owned()
    }
}

fn schema(api: &Api) -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": super::HEADER,
        "title": "api.toml of guestfs-rs",
        "type": "object",
        "additionalProperties": false,
        "required": ["meta"],
        "properties": {
            "meta": table(
                json!({
                    "version": version(),
                    "version_extra": { "type": "string" },
                    "program": { "type": "integer" },
                    "protocol": { "type": "integer" },
                    "errnos": { "type": "array", "items": { "type": "string" } },
                }),
                &["version", "program", "protocol"],
            ),
            "event": named(table(json!({ "bit": { "type": "integer", "minimum": 0 }, "doc": doc() }), &["bit", "doc"])),
            "group": named(table(
                json!({ "retired": { "type": "boolean" }, "builtin": { "type": "boolean" }, "doc": doc() }),
                &["doc"],
            )),
            "struct": named(structure()),
            "call": named(call(api)),
        },
    })
}

/// A table with exactly these keys.
fn table(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// Tables below names.
fn named(entry: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": format!("^{NAME}$") }, "additionalProperties": entry })
}

fn doc() -> Value {
    json!({ "type": "string", "minLength": 1, "description": "cut-down Markdown; [call], [page(8)], `code`" })
}

fn version() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$" })
}

fn word(words: &[&str]) -> Value {
    json!({ "enum": words })
}

/// `name: Type` with one of these types.
fn signature(types: impl Iterator<Item = String>) -> Value {
    let types: Vec<String> = types.map(|t| escape(&t)).collect();
    json!({ "type": "string", "pattern": format!("^{NAME}: *({})$", types.join("|")) })
}

fn spelt<T: Spelt>() -> impl Iterator<Item = String> {
    T::all().into_iter().map(str::to_owned)
}

fn escape(text: &str) -> String {
    text.chars().flat_map(|c| "[]{}?".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

fn structure() -> Value {
    let fields = json!({ "type": "array", "minItems": 1, "items": signature(spelt::<FieldType>()) });
    table(
        json!({ "camel": { "type": "string" }, "internal": { "type": "boolean" }, "fields": fields, "doc": doc() }),
        &["fields", "doc"],
    )
}

fn call(api: &Api) -> Value {
    let structs = api.structs.iter().flat_map(|s| [s.name.clone(), format!("[{}]", s.name)]);
    let hashes = ["{Str: Str}", "{Str: Device}", "{Str: Mountable}", "{Device: Str}", "{Mountable: Str}"];
    let results = RetType::PLAIN.into_iter().chain(hashes).map(str::to_owned).chain(structs);
    let groups: Vec<&str> = api.groups.iter().map(|g| g.name.as_str()).collect();
    let strings = json!({ "type": "array", "items": { "type": "string" } });
    let module = json!({ "type": "string", "pattern": format!("^{NAME}$") });
    let properties = json!({
        "daemon": module,
        "library": module,
        "proc": { "type": "integer", "minimum": 1 },
        "since": version(),
        "args": { "type": "array", "items": signature(spelt::<ArgType>()) },
        "ret": signature(results),
        "flags": { "type": "array", "uniqueItems": true, "items": word(&FLAGS) },
        "visibility": word(&Visibility::all()),
        "group": word(&groups),
        "deprecated": table(json!({ "since": version(), "use": { "type": "string" } }), &[]),
        "shell": table(json!({ "alias": strings, "output": word(&ShellOutput::all()) }), &[]),
        "compat": table(json!({
            "plain-name-without-options": { "type": "boolean" },
            "options-class": { "type": "string" },
            "no-cancellable-parameter": { "type": "boolean" },
        }), &[]),
        "summary": { "type": "string", "pattern": "^[^\\n]*[^.\\n]$" },
        "doc": doc(),
        "untested": { "type": "string", "minLength": 1 },
        "opt": {
            "type": "array",
            "items": table(json!({ "arg": signature(spelt::<OptType>()), "doc": doc() }), &["arg", "doc"]),
        },
        "test": {
            "type": "array",
            "items": table(json!({ "on": word(&Scenario::all()), "steps": strings }), &["on", "steps"]),
        },
    });
    let mut call = table(properties, &["summary", "doc"]);
    if let Some(call) = call.as_object_mut() {
        call.insert("oneOf".into(), json!([{ "required": ["daemon", "proc"] }, { "required": ["library"] }]));
    }
    call
}
