//! Target `perl`: the module `Sys::Guestfs` with its documentation.
//!
//! In: the model. Out: `perl/Sys/Guestfs.pm`: the little that is written in Perl, and POD for every call. The calls
//! themselves are in the table of [`Glue`](super::bind::glue::Glue). Hand-written: `bindings/perl`.

use super::bind::{library, unsupported};
use super::c::text;
use super::manual::page::{template, Node, Page};
use super::manual::{definitions, option_docs, pod};
use super::{Files, Target};
use crate::model::name::shouty;
use crate::model::notice::full_doc;
use crate::model::{Api, Call, RetType, Shape, Struct, Visibility};

/// The target.
pub struct Perl;

impl Target for Perl {
    fn name(&self) -> &'static str {
        "perl"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let code = text::render("perl/Guestfs.pm", &library(api));
        Files::from([("perl/Sys/Guestfs.pm".to_owned(), code + &pod::write(&manual(api)))])
    }

    fn emit_call(&self, _: &Api, call: &Call) -> String {
        pod::write(&page(if unsupported(call).is_none() { call_nodes(call) } else { Vec::new() }))
    }
}

fn page(nodes: Vec<Node>) -> Page {
    Page { name: "Sys::Guestfs", section: "3pm", manual: "Perl", nodes, spell_call: str::to_owned }
}

fn manual(api: &Api) -> Page {
    // Binding tests can be called, but are nothing for users to read about.
    let shown = |c: &&Call| unsupported(c).is_none() && c.visibility != Visibility::BindTest;
    page(template(include_str!("../../../templates/perl/Guestfs.md"), |part| match part {
        "events" => vec![definitions(
            api.events.iter().map(|e| (format!("$Sys::Guestfs::EVENT_{}", shouty(&e.name)), e.doc.blocks.clone())),
        )],
        "structs" => api.structs.iter().filter(|s| !s.internal).flat_map(struct_nodes).collect(),
        "calls" => api.calls.iter().filter(shown).flat_map(call_nodes).collect(),
        _ => Vec::new(),
    }))
}

fn struct_nodes(s: &Struct) -> Vec<Node> {
    let names: Vec<&str> = s.fields.iter().map(|f| f.name.as_str()).collect();
    // Some calls have the name of a structure, and are what links lead to.
    vec![Node::Sub(format!("structure {}", s.name)), Node::doc(&s.doc), Node::code(names.join("\n"))]
}

fn call_nodes(call: &Call) -> Vec<Node> {
    let mut nodes = vec![Node::Sub(call.name.clone())];
    // Two headings in a row: one text for both names.
    if call.plain_name_without_options {
        nodes.push(Node::Sub(call.c_name()));
    }
    nodes.extend([Node::code(usage(call)), Node::doc(&full_doc(call))]);
    if !call.opts.is_empty() {
        nodes.push(option_docs(call));
    }
    nodes
}

/// `@names = $g->ls ($directory);`
fn usage(call: &Call) -> String {
    let mut params: Vec<String> = call.args.iter().map(|a| param(a.ty.shape(), &a.name)).collect();
    params.extend(call.opts.iter().map(|o| format!("{} => {}", o.name, param(o.ty.shape(), &o.name))));
    let head = format!("{}$g->{}", result(&call.ret.ty), call.name);
    if params.is_empty() {
        return format!("{head};");
    }
    let one_line = format!("{head} ({});", params.join(", "));
    if one_line.len() <= 75 {
        return one_line;
    }
    let head = head + " (";
    let separator = format!(",\n{}", " ".repeat(head.len()));
    format!("{head}{});", params.join(&separator))
}

fn param(shape: Shape, name: &str) -> String {
    match shape {
        Shape::StrList => format!("\\@{name}"),
        _ => format!("${name}"),
    }
}

fn result(ty: &RetType) -> String {
    match ty {
        RetType::Unit => String::new(),
        RetType::Bool => "$truth = ".to_owned(),
        RetType::Int | RetType::Int64 => "$number = ".to_owned(),
        RetType::ConstStr | RetType::ConstOptStr | RetType::Str(_) => "$string = ".to_owned(),
        RetType::Buffer => "$bytes = ".to_owned(),
        RetType::StrList(_) => "@strings = ".to_owned(),
        RetType::Hash(..) => "%strings = ".to_owned(),
        RetType::Struct(s) => format!("%{s} = "),
        RetType::StructList(s) => format!("@{s}_list = "),
    }
}
