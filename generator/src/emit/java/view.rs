//! What the Java templates see of the model.
//!
//! In: the resolved API and its binding model. Out: methods and fields with their types and comments spelt out.

use super::doc::{self, Known};
use super::{ident, method};
use crate::emit::bind::{Call as Bound, Event, Library};
use crate::model::{self, notice, Api, Call, Version};
use serde::Serialize;

/// Everything of class `GuestFS`.
#[derive(Serialize)]
pub struct ModuleView {
    pub events: Vec<Event>,
    pub all_events: u64,
    /// What the native table of calls must come to, in hexadecimal.
    pub table: String,
    pub methods: Vec<MethodView>,
    pub structs: Vec<StructView>,
}

/// A method.
#[derive(Serialize)]
pub struct MethodView {
    pub doc: Vec<String>,
    pub deprecated: bool,
    /// Type of its result.
    pub ret: String,
    pub name: String,
    /// With types.
    pub params: String,
    /// Its one statement.
    pub body: String,
}

/// The methods of one call.
#[derive(Serialize)]
pub struct MethodsView {
    pub methods: Vec<MethodView>,
}

/// A struct.
#[derive(Serialize)]
pub struct StructView {
    pub class: String,
    pub doc: Vec<String>,
    pub fields: Vec<FieldView>,
}

/// A field.
#[derive(Serialize)]
pub struct FieldView {
    pub name: String,
    pub ty: &'static str,
    /// Its value, from `v`.
    pub value: &'static str,
    /// It has its bytes beside the text.
    pub bytes: bool,
}

/// View of the whole.
pub fn module(api: &Api, library: &Library) -> ModuleView {
    ModuleView {
        events: library.events.iter().map(|e| Event { name: e.name.clone(), upper: e.upper.clone(), ..*e }).collect(),
        all_events: library.all_events,
        table: format!("{:#018x}", table(library)),
        methods: api.calls.iter().flat_map(|c| one(api, library, c).methods).collect(),
        structs: api.structs.iter().filter(|s| !s.internal).map(|s| structure(library, s)).collect(),
    }
}

/// View of one call; nothing for those that no language has.
pub fn one(api: &Api, library: &Library, call: &Call) -> MethodsView {
    let index = library.calls.iter().position(|c| c.name == call.name);
    let bound = index.and_then(|i| Some((i, library.calls.get(i)?)));
    MethodsView { methods: bound.map(|(i, b)| methods(api, call, b, i, &known(library))).unwrap_or_default() }
}

fn known(library: &Library) -> impl Fn(&str) -> bool + '_ {
    |name| library.calls.iter().any(|c| c.name == name)
}

/// FNV-1a over what the methods rely on: `bindings/java/src/library.c` does the same over the table it has.
fn table(library: &Library) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for call in &library.calls {
        let params = call.params.iter().map(|p| (p.shape, &p.name));
        let params = params.chain(call.opts.iter().map(|o| (o.shape, &o.name)));
        let params: String = params.map(|(shape, name)| format!(" {}{name}", place(&SHAPES, shape))).collect();
        let line = format!("{} {} {}{params}\n", call.name, call.params.len(), place(&KINDS, call.ret.kind));
        for byte in line.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// In the order of `enum glue_shape`, with their types in Java, alone and as options.
const SHAPES: [(&str, &str, &str); 8] = [
    ("bool", "boolean", "Boolean"),
    ("int", "int", "Integer"),
    ("int64", "long", "Long"),
    ("str", "String", "String"),
    ("opt_str", "String", "String"),
    ("str_list", "String[]", "String[]"),
    ("buffer", "byte[]", "byte[]"),
    ("pointer", "long", "Long"),
];

/// In the order of `enum glue_kind`, with their types in Java and what makes them of a call's number and values.
const KINDS: [(&str, &str, &str); 12] = [
    ("none", "void", "run (@)"),
    ("bool", "boolean", "return runNumber (@) != 0"),
    ("int", "int", "return (int) runNumber (@)"),
    ("int64", "long", "return runNumber (@)"),
    ("const_str", "String", "return runText (@)"),
    ("const_opt_str", "String", "return runText (@)"),
    ("str", "String", "return runText (@)"),
    ("str_list", "String[]", "return runTexts (@)"),
    ("struct", "%", "return %.of (runRecords (@))"),
    ("struct_list", "%[]", "return runRecords (@).all (%[]::new, %::of)"),
    ("hash", "Map<String, String>", "return runTable (@)"),
    ("buffer", "String", "return runText (@)"),
];

fn place(rows: &[(&str, &str, &str)], name: &str) -> usize {
    rows.iter().position(|r| r.0 == name).unwrap_or(rows.len())
}

fn row<'a>(rows: &[(&str, &'a str, &'a str)], name: &str) -> (&'a str, &'a str) {
    rows.get(place(rows, name)).map_or(("", ""), |r| (r.1, r.2))
}

fn methods(api: &Api, call: &Call, bound: &Bound, index: usize, known: Known) -> Vec<MethodView> {
    let camel = api.structs.iter().find(|s| s.name == bound.ret.structure).map_or("", |s| s.camel.as_str());
    let (ret, body) = row(&KINDS, bound.ret.kind);
    let mut forms = vec![(method(&call.name), ret.replace('%', camel), body.replace('%', camel))];
    if !bound.alias.is_empty() {
        forms.push((method(&bound.alias), ret.replace('%', camel), body.replace('%', camel)));
    }
    if bound.ret.kind == "buffer" {
        forms.push((format!("{}_bytes", call.name), "byte[]".to_owned(), "return runBytes (@)".to_owned()));
    }
    let params: Vec<(&str, String)> = bound.params.iter().map(|p| (row(&SHAPES, p.shape).0, ident(&p.name))).collect();
    let with_options = if bound.opts.is_empty() { vec![false] } else { vec![true, false] };
    let types = |options: bool| -> Vec<&str> { params.iter().map(|p| p.0).chain(options.then_some("Map")).collect() };
    let full = format!("#{}({})", method(&call.name), types(!bound.opts.is_empty()).join(", "));
    let mut out: Vec<MethodView> = Vec::new();
    for (name, ret, body) in forms {
        for &options in &with_options {
            let mut signature: Vec<String> = params.iter().map(|(ty, name)| format!("{ty} {name}")).collect();
            signature.extend(options.then(|| "Map<String, Object> optargs".to_owned()));
            let values: Vec<&str> = params.iter().map(|p| p.1.as_str()).collect();
            let values = match values.is_empty() {
                true => String::new(),
                false => format!(", new Object[] {{ {} }}", values.join(", ")),
            };
            let given = if options { "optargs" } else { "null" };
            let how = match (name.ends_with("_bytes"), options || bound.opts.is_empty()) {
                (true, _) => "its result as the bytes that it is",
                (_, true) => "the name that it has in C",
                _ => "no options",
            };
            let mut lines = match out.is_empty() {
                true => full_doc(call, known),
                false => vec![format!("{{@link {full}}} with {how}.")],
            };
            if let Some(deprecated) = &call.deprecated {
                let instead = deprecated.use_instead.as_ref().map_or_else(
                    || "There is nothing to use instead.".to_owned(),
                    |name| format!("Use {} instead.", doc::link(name, known)),
                );
                lines.push(format!("@deprecated {instead}"));
            }
            out.push(MethodView {
                doc: lines,
                deprecated: call.deprecated.is_some(),
                ret: ret.clone(),
                name: name.clone(),
                params: signature.join(", "),
                body: body.replace('@', &format!("{index}, {given}{values}")),
            });
        }
    }
    out
}

fn full_doc(call: &Call, known: Known) -> Vec<String> {
    let mut text = call.doc.clone();
    text.blocks.extend(notice::notices(call).into_iter().map(model::doc::Block::Para));
    let mut lines = doc::comment(&call.summary, &text, known);
    if !call.opts.is_empty() {
        let option = |o: &model::Opt| {
            let ty = row(&SHAPES, crate::emit::bind::shape(o.ty.shape())).1;
            let mut lines = vec![format!("<dt>{} ({ty})", doc::code(&o.name))];
            lines.extend(doc::tagged("<dd>", doc::blocks(&o.doc.blocks, known)));
            lines
        };
        lines.push("@param optargs options by their names; null is none:".to_owned());
        lines.extend(doc::framed("<dl>", call.opts.iter().flat_map(option).collect(), "</dl>"));
    }
    if call.since != Version::NONE {
        lines.push(format!("@since {}", call.since));
    }
    lines
}

fn structure(library: &Library, s: &model::Struct) -> StructView {
    let bound = library.structs.iter().find(|b| b.name == s.name);
    let field = |f: &crate::emit::bind::Field| {
        let (ty, value) = match f.ty {
            "char" => ("char", "(char) v.number ()"),
            "i32" | "u32" => ("int", "(int) v.number ()"),
            "i64" | "u64" => ("long", "v.number ()"),
            "percent" => ("float", "v.percent ()"),
            _ => ("String", "v.text ()"),
        };
        FieldView { name: ident(&f.name), ty, value, bytes: f.ty == "buffer" }
    };
    StructView {
        class: s.camel.clone(),
        doc: doc::comment(&format!("struct {}", s.name), &s.doc, &known(library)),
        fields: bound.map(|b| b.fields.iter().map(field).collect()).unwrap_or_default(),
    }
}
