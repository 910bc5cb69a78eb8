//! What the C# templates see of the model.
//!
//! In: the resolved API and its binding model. Out: methods and fields with their types and comments spelt out.

use super::doc::{self, Known};
use super::ident;
use crate::emit::bind::{self, Call as Bound, Event, Library};
use crate::model::{self, notice, Api, Call, Version};
use serde::Serialize;

/// Columns of a list of parameters or values.
const WIDTH: usize = 104;

/// Everything.
#[derive(Serialize)]
pub struct ModuleView {
    pub events: Vec<Event>,
    pub all_events: u64,
    pub methods: Vec<MethodView>,
    pub structs: Vec<StructView>,
}

/// A method.
#[derive(Serialize)]
pub struct MethodView {
    pub doc: Vec<String>,
    /// What the compiler says of one that is not for new programs, or empty.
    pub obsolete: String,
    /// Type of its result.
    pub ret: String,
    pub name: String,
    /// With types, in lines.
    pub params: Vec<String>,
    /// Its one statement, before and behind its values.
    pub before: String,
    /// In lines.
    pub values: Vec<String>,
    pub behind: String,
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
    /// Its value, from `r`.
    pub value: &'static str,
}

/// View of the whole.
pub fn module(api: &Api, library: &Library) -> ModuleView {
    ModuleView {
        events: library.events.iter().map(|e| Event { name: e.name.clone(), upper: e.upper.clone(), ..*e }).collect(),
        all_events: library.all_events,
        methods: api.calls.iter().flat_map(|c| one(api, library, c).methods).collect(),
        structs: api.structs.iter().filter(|s| !s.internal).map(|s| structure(library, s)).collect(),
    }
}

/// View of one call; nothing for those that no language has.
pub fn one(api: &Api, library: &Library, call: &Call) -> MethodsView {
    let bound = library.calls.iter().find(|c| c.name == call.name);
    MethodsView { methods: bound.map(|b| methods(api, call, b, &known(library))).unwrap_or_default() }
}

fn known(library: &Library) -> impl Fn(&str) -> bool + '_ {
    |name| library.calls.iter().any(|c| c.name == name)
}

/// A shape with its type, alone and as an option.
const SHAPES: [(&str, &str, &str); 8] = [
    ("bool", "bool", "bool?"),
    ("int", "int", "int?"),
    ("int64", "long", "long?"),
    ("str", "string", "string"),
    ("opt_str", "string", "string"),
    ("str_list", "string[]", "string[]"),
    ("buffer", "byte[]", "byte[]"),
    ("pointer", "IntPtr", "IntPtr?"),
];

/// A result with its type and what makes it of a call's name and values.
const KINDS: [(&str, &str, &str); 12] = [
    ("none", "void", "Run(@)"),
    ("bool", "bool", "return RunNumber(@) != 0"),
    ("int", "int", "return (int)RunNumber(@)"),
    ("int64", "long", "return RunNumber(@)"),
    ("const_str", "string", "return RunText(@)"),
    ("const_opt_str", "string", "return RunText(@)"),
    ("str", "string", "return RunText(@)"),
    ("str_list", "string[]", "return Read(@).Strings()"),
    ("struct", "%", "return Read(@).One(%.Of)"),
    ("struct_list", "%[]", "return Read(@).All(%.Of)"),
    ("hash", "Dictionary<string, string>", "return Read(@).Table()"),
    ("buffer", "byte[]", "return RunBytes(@)"),
];

fn row<'a>(rows: &[(&str, &'a str, &'a str)], name: &str) -> (&'a str, &'a str) {
    rows.iter().find(|r| r.0 == name).map_or(("", ""), |r| (r.1, r.2))
}

fn methods(api: &Api, call: &Call, bound: &Bound, known: Known) -> Vec<MethodView> {
    let camel = api.structs.iter().find(|s| s.name == bound.ret.structure).map_or("", |s| s.camel.as_str());
    let (ret, body) = row(&KINDS, bound.ret.kind);
    let params = bound.params.iter().map(|p| format!("{} {}", row(&SHAPES, p.shape).0, ident(&p.name)));
    let opts = bound.opts.iter().map(|o| format!("{} {} = null", row(&SHAPES, o.shape).1, ident(&o.name)));
    let params: Vec<String> = params.chain(opts).collect();
    let names = bound.params.iter().map(|p| &p.name).chain(bound.opts.iter().map(|o| &o.name));
    let values: Vec<String> = names.map(|name| ident(name)).collect();
    let (before, behind) = body.split_once('@').unwrap_or((body, ""));
    let (open, close) = if values.is_empty() { ("None", "") } else { ("new object[] { ", " }") };
    let obsolete = call.deprecated.as_ref().map(|d| match &d.use_instead {
        Some(name) => format!("Use {} instead.", ident(name)),
        None => "There is nothing to use instead.".to_owned(),
    });
    let method = |name: &str, doc: Vec<String>| {
        let (ret, name) = (ret.replace('%', camel), ident(name));
        let before = format!("{before}\"{}\", {open}", call.name);
        MethodView {
            doc,
            obsolete: obsolete.clone().unwrap_or_default(),
            params: lines(&params, format!("public {ret} {name}(").len()),
            values: lines(&values, before.len()),
            ret,
            name,
            before,
            behind: format!("{close}{}", behind.replace('%', camel)),
        }
    };
    let mut out = vec![method(&call.name, full_doc(call, known))];
    if !bound.alias.is_empty() {
        let as_what = format!("As {}, by the name that it has in C.", doc::reference(&call.name, known));
        out.push(method(&bound.alias, doc::element("summary", "", vec![as_what])));
    }
    out
}

/// As many a line as fit, the first behind `start` columns; the others are indented by four.
fn lines(items: &[String], start: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        let room = if lines.len() == 1 { (WIDTH + 4).saturating_sub(start) } else { WIDTH };
        match lines.last_mut() {
            Some(line) if line.len() + item.len() + 2 < room => *line += &format!(", {item}"),
            Some(line) => {
                line.push(',');
                lines.push(item.clone());
            }
            None => lines.push(item.clone()),
        }
    }
    lines
}

fn full_doc(call: &Call, known: Known) -> Vec<String> {
    let mut text = call.doc.clone();
    text.blocks.extend(notice::notices(call).into_iter().map(model::doc::Block::Para));
    if call.since != Version::NONE {
        let since = model::doc::Span::Text(format!("Since {}.", call.since));
        text.blocks.push(model::doc::Block::Para(vec![since]));
    }
    let mut lines = doc::comment(&call.summary, &text, known);
    for o in &call.opts {
        let name = format!(" name=\"{}\"", ident(&o.name));
        lines.extend(doc::element("param", &name, doc::blocks(&o.doc.blocks, known)));
    }
    lines
}

fn structure(library: &Library, s: &model::Struct) -> StructView {
    let bound = library.structs.iter().find(|b| b.name == s.name);
    let field = |f: &bind::Field| {
        let (ty, value) = match f.ty {
            "char" => ("char", "(char)r.Number()"),
            "i32" => ("int", "(int)r.Number()"),
            "u32" => ("uint", "(uint)r.Number()"),
            "i64" => ("long", "r.Number()"),
            "u64" => ("ulong", "(ulong)r.Number()"),
            "percent" => ("float?", "r.Percent()"),
            "buffer" => ("byte[]", "r.Bytes()"),
            _ => ("string", "r.String()"),
        };
        FieldView { name: ident(&f.name), ty, value }
    };
    StructView {
        class: s.camel.clone(),
        doc: doc::comment(&format!("struct {}", s.name), &s.doc, &known(library)),
        fields: bound.map(|b| b.fields.iter().map(field).collect()).unwrap_or_default(),
    }
}
