//! What the GObject templates see of the model.
//!
//! In: the resolved API and its binding model. Out: prototypes, bodies and comments spelt out.

use super::ident;
use crate::emit::bind::text::{lines, Style};
use crate::emit::bind::{Call as Bound, Library};
use crate::model::doc::{Block, Doc, Span};
use crate::model::{self, notice, Api, Call, Version};
use serde::Serialize;

/// Columns of a comment's text.
const WIDTH: usize = 110;

/// Everything.
#[derive(Serialize)]
pub struct ModuleView {
    pub events: Vec<EventView>,
    pub functions: Vec<FunctionView>,
    pub classes: Vec<ClassView>,
    pub structs: Vec<StructView>,
}

/// An event: a value and a signal.
#[derive(Serialize)]
pub struct EventView {
    pub name: String,
    pub upper: String,
    /// As signals are spelt.
    pub signal: String,
    pub doc: Vec<String>,
}

/// The functions of one call.
#[derive(Serialize)]
pub struct FunctionsView {
    pub functions: Vec<FunctionView>,
}

/// A function.
#[derive(Serialize)]
pub struct FunctionView {
    pub name: String,
    pub doc: Vec<String>,
    /// Without the semicolon.
    pub prototype: String,
    /// Its one statement.
    pub body: String,
}

/// A class of options.
#[derive(Serialize)]
pub struct ClassView {
    pub name: String,
    pub upper: String,
    pub class: String,
    /// Number of its call.
    pub index: usize,
    pub properties: Vec<PropertyView>,
}

/// A property.
#[derive(Serialize)]
pub struct PropertyView {
    pub name: String,
    pub doc: Vec<String>,
}

/// A struct.
#[derive(Serialize)]
pub struct StructView {
    pub name: String,
    pub class: String,
    pub doc: Vec<String>,
    pub fields: Vec<FieldView>,
}

/// A member.
#[derive(Serialize)]
pub struct FieldView {
    pub name: String,
    /// As `enum glue_field_type` spells it.
    pub ty: String,
    /// Its declaration.
    pub member: String,
    /// What introspection is told of it, and what it is.
    pub doc: String,
}

/// Shapes: what stands before a parameter's name, and what introspection is told of it.
const SHAPES: [(&str, &str, &str); 8] = [
    ("bool", "gboolean ", ""),
    ("int", "gint32 ", ""),
    ("int64", "gint64 ", ""),
    ("str", "const gchar *", ""),
    ("opt_str", "const gchar *", "(nullable): "),
    ("str_list", "gchar *const *", "(array zero-terminated=1) (element-type utf8): "),
    ("buffer", "const guint8 *", "(array length=@_size) (element-type guint8): "),
    ("pointer", "gpointer ", ""),
];

/// Kinds of result: its type, and what is said of it.
const KINDS: [(&str, &str, &str); 12] = [
    ("none", "gboolean ", "%TRUE, or %FALSE when the call failed"),
    ("bool", "gint8 ", "1 or 0, or -1 when the call failed"),
    ("int", "gint32 ", "the number, or -1 when the call failed"),
    ("int64", "gint64 ", "the number, or -1 when the call failed"),
    ("const_str", "const gchar *", "(transfer none): the text"),
    ("const_opt_str", "const gchar *", "(transfer none) (nullable): the text, or %NULL when there is none"),
    ("str", "gchar *", "(transfer full): the text"),
    ("str_list", "gchar **", "(transfer full) (array zero-terminated=1) (element-type utf8): the list"),
    ("struct", "@ *", "(transfer full): the struct"),
    ("struct_list", "@ **", "(transfer full) (array zero-terminated=1) (element-type @): the structs"),
    ("hash", "GHashTable *", "(transfer full) (element-type utf8 utf8): the table"),
    ("buffer", "guint8 *", "(transfer full) (array length=size_r) (element-type guint8): the bytes"),
];

fn row(rows: &[(&str, &'static str, &'static str)], name: &str) -> (&'static str, &'static str) {
    rows.iter().find(|r| r.0 == name).map_or(("", ""), |r| (r.1, r.2))
}

/// View of the whole.
pub fn module(api: &Api, library: &Library) -> ModuleView {
    let event = |bound: &crate::emit::bind::Event| EventView {
        name: bound.name.clone(),
        upper: bound.upper.clone(),
        signal: bound.name.replace('_', "-"),
        doc: api.events.iter().find(|e| e.name == bound.name).map(|e| text(&e.doc)).unwrap_or_default(),
    };
    ModuleView {
        events: library.events.iter().map(event).collect(),
        functions: api.calls.iter().flat_map(|c| one(library, c).functions).collect(),
        classes: api.calls.iter().filter_map(|c| options(library, c)).collect(),
        structs: library.structs.iter().map(|s| structure(api, s)).collect(),
    }
}

/// View of one call; nothing for those that no language has.
pub fn one(library: &Library, call: &Call) -> FunctionsView {
    let index = library.calls.iter().position(|c| c.name == call.name);
    let bound = index.and_then(|i| Some((i, library.calls.get(i)?)));
    FunctionsView { functions: bound.map(|(i, b)| function(library, call, b, i)).into_iter().collect() }
}

fn function(library: &Library, call: &Call, bound: &Bound, index: usize) -> FunctionView {
    let structure = library.structs.iter().find(|s| s.name == bound.ret.structure);
    let structure = structure.map_or_else(String::new, |s| format!("Guestfs{}", s.camel));
    let cancellable = call.flags.cancellable && !call.no_cancellable_parameter;
    let mut params = vec!["GuestfsSession *session".to_owned()];
    let mut about = vec!["@session: a session".to_owned()];
    let mut values = String::new();
    for p in &bound.params {
        let name = ident(&p.ident);
        let (ty, note) = row(&SHAPES, p.shape);
        let note = note.replace("@_", &format!("{name}_"));
        let note = if p.path && note.is_empty() { "(type filename): ".to_owned() } else { note };
        params.push(format!("{ty}{name}"));
        about.push(format!("@{name}: {note}{}", words(&p.name)));
        values += &format!(", {name}");
        if p.shape == "buffer" {
            params.push(format!("gsize {name}_size"));
            about.push(format!("@{name}_size: bytes in @{name}"));
            values += &format!(", {name}_size");
        }
    }
    if !bound.opts.is_empty() {
        params.push(format!("Guestfs{} *optargs", call.options_class));
        about.push("@optargs: (nullable): options, or %NULL for none".to_owned());
    }
    if bound.ret.kind == "buffer" {
        params.push("gsize *size_r".to_owned());
        about.push("@size_r: (out): bytes in the result".to_owned());
    }
    if cancellable {
        params.push("GCancellable *cancellable".to_owned());
        about.push("@cancellable: (nullable): what ends the call early, or %NULL".to_owned());
    }
    params.push("GError **err".to_owned());
    about.push("@err: where an error is put, or %NULL".to_owned());
    let (ret, said) = row(&KINDS, bound.ret.kind);
    let given = if bound.opts.is_empty() { "NULL" } else { "optargs" };
    let cancel = if cancellable { "cancellable" } else { "NULL" };
    let extra = match bound.ret.kind {
        "buffer" => ", size_r".to_owned(),
        "struct" | "struct_list" => format!(", &boxed_{}", bound.ret.structure),
        _ => String::new(),
    };
    FunctionView {
        name: call.name.clone(),
        doc: doc(call, about, &said.replace('@', &structure)),
        prototype: format!("{}guestfs_session_{} ({})", ret.replace('@', &structure), call.name, params.join(", ")),
        body: format!("return run_{} (session, {index}, {given}, {cancel}, err{extra}{values})", bound.ret.kind),
    }
}

/// Parameters, text, result and tags: in this order, as the scanner wants it.
fn doc(call: &Call, about: Vec<String>, said: &str) -> Vec<String> {
    let mut text = call.doc.clone();
    text.blocks.extend(notice::notices(call).into_iter().map(Block::Para));
    let mut out = about;
    out.push(String::new());
    out.extend(lines(&call.summary, &text, &style()));
    out.push(String::new());
    out.push(format!("Returns: {said}"));
    if call.since != Version::NONE {
        out.push(String::new());
        out.push(format!("Since: {}", call.since));
    }
    if let Some(deprecated) = &call.deprecated {
        let since = deprecated.since.map_or_else(String::new, |v| format!("{v}: "));
        let instead = match &deprecated.use_instead {
            Some(name) => format!("Use guestfs_session_{name}() instead."),
            None => "There is nothing to use instead.".to_owned(),
        };
        out.push(String::new());
        out.push(format!("Deprecated: {since}{instead}"));
    }
    out.iter().map(|line| safe(line)).collect()
}

fn options(library: &Library, call: &Call) -> Option<ClassView> {
    let index = library.calls.iter().position(|c| c.name == call.name)?;
    let property = |o: &model::Opt| PropertyView { name: o.name.replace('_', "-"), doc: text(&o.doc) };
    (!call.opts.is_empty()).then(|| ClassView {
        name: call.name.clone(),
        upper: call.name.to_uppercase(),
        class: call.options_class.clone(),
        index,
        properties: call.opts.iter().map(property).collect(),
    })
}

fn structure(api: &Api, s: &crate::emit::bind::Struct) -> StructView {
    let field = |f: &crate::emit::bind::Field| {
        let name = &f.member;
        let (member, doc) = match f.ty {
            "char" => (format!("gchar {name}"), "a character"),
            "str" => (format!("gchar *{name}"), "a text"),
            "buffer" => (format!("GByteArray *{name}"), "(element-type guint8): bytes"),
            "i32" => (format!("gint32 {name}"), "a number"),
            "u32" => (format!("guint32 {name}"), "a number"),
            "i64" => (format!("gint64 {name}"), "a number"),
            "u64" => (format!("guint64 {name}"), "a number"),
            "uuid" => (format!("gchar {name}[32]"), "32 characters, without a NUL"),
            _ => (format!("gfloat {name}"), "0 to 100, or -1 when there is none"),
        };
        FieldView { name: name.clone(), ty: f.ty.to_uppercase(), member, doc: format!("@{name}: {doc}") }
    };
    let doc = api.structs.iter().find(|a| a.name == s.name).map(|a| text(&a.doc)).unwrap_or_default();
    StructView { name: s.name.clone(), class: s.camel.clone(), doc, fields: s.fields.iter().map(field).collect() }
}

fn words(name: &str) -> String {
    format!("the {}", name.replace('_', " "))
}

fn text(doc: &Doc) -> Vec<String> {
    // A summary is what the first paragraph is here.
    let all = lines("", doc, &style());
    all.iter().skip(2).map(|line| safe(line)).collect()
}

fn style() -> Style<'static> {
    Style { width: WIDTH, span: &span }
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(t) => t.clone(),
        Span::Code(t) => format!("`{t}`"),
        Span::Emph(t) => format!("*{t}*"),
        Span::Strong(t) => format!("**{t}**"),
        Span::Call(name) => format!("guestfs_session_{name}()"),
        Span::Page { name, section } => format!("{name}({section})"),
        Span::Link { text, url } => format!("[{text}]({url})"),
    }
}

/// Nothing that ends the comment or begins another.
fn safe(line: &str) -> String {
    line.replace("*/", "*&#47;").replace("/*", "&#47;*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_comments() {
        assert_eq!(safe("/* a */"), "&#47;* a *&#47;");
    }
}
