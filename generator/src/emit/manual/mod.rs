//! Target `manual`: guestfs(3) and guestfish(1), as man pages, and as POD for `gen pod`.
//!
//! In: docs, prototypes and notices of the model, and the hand-written templates. Out: `man/guestfs.3`,
//! `man/guestfish.1`.

mod man;
pub mod page;
pub mod pod;
mod prototype;

use super::c::types;
use super::shell::builtins::{builtins, Builtin};
use super::{Files, Target};
use crate::model::doc::{Block, Span};
use crate::model::name::{dashed, shouty};
use crate::model::notice::full_doc;
use crate::model::{Api, Call, Role, Shape, Struct, Visibility};
use page::{template, Node, Page};

/// The target.
pub struct Manual;

impl Target for Manual {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        match call.visibility {
            Visibility::Internal | Visibility::BindTest => Some("not for users: internal and binding-test calls"),
            _ => None,
        }
    }

    fn emit(&self, api: &Api) -> Files {
        let version = env!("CARGO_PKG_VERSION");
        Files::from([
            ("man/guestfs.3".to_owned(), man::write(&guestfs_page(api), version)),
            ("man/guestfish.1".to_owned(), man::write(&guestfish_page(api), version)),
        ])
    }

    fn emit_call(&self, _: &Api, call: &Call) -> String {
        pod::write(&library_page(call_nodes(call)))
    }
}

/// One page as POD, for those who make something else of it; `None` when there is no such page.
pub fn pod(api: &Api, page: &str) -> Option<String> {
    match page {
        "guestfs" => Some(pod::write(&guestfs_page(api))),
        "guestfish" => Some(pod::write(&guestfish_page(api))),
        _ => None,
    }
}

fn library_page(nodes: Vec<Node>) -> Page {
    Page { name: "guestfs", section: "3", manual: "Library functions", nodes, spell_call: |c| format!("guestfs_{c}") }
}

fn guestfs_page(api: &Api) -> Page {
    library_page(template(include_str!("../../../templates/manual/guestfs.md"), |part| match part {
        "events" => vec![definitions(
            api.events.iter().map(|e| (format!("GUESTFS_EVENT_{}", shouty(&e.name)), e.doc.blocks.clone())),
        )],
        "groups" => vec![definitions(api.groups.iter().map(|g| (g.name.clone(), g.doc.blocks.clone())))],
        "structs" => api.structs.iter().filter(|s| !s.internal).flat_map(struct_nodes).collect(),
        "calls" => api.calls.iter().filter(|c| Manual.unsupported(c).is_none()).flat_map(call_nodes).collect(),
        _ => Vec::new(),
    }))
}

fn guestfish_page(api: &Api) -> Page {
    let nodes = template(include_str!("../../../templates/manual/guestfish.md"), |part| match part {
        "commands" => api.calls.iter().filter(|c| c.in_shell()).flat_map(command_nodes).collect(),
        "builtins" => builtins().into_iter().flat_map(builtin_nodes).collect(),
        _ => Vec::new(),
    });
    Page { name: "guestfish", section: "1", manual: "Virtualisation tools", nodes, spell_call: dashed }
}

/// A definition list of code and its meaning.
pub fn definitions(entries: impl Iterator<Item = (String, Vec<Block>)>) -> Node {
    Node::Blocks(vec![Block::Definitions(entries.map(|(term, body)| (vec![Span::Code(term)], body)).collect())])
}

fn struct_nodes(s: &Struct) -> Vec<Node> {
    let members = s.fields.iter().flat_map(|f| types::members(f.ty, &f.name));
    let fields: Vec<String> = members.map(|m| format!("  {m}")).collect();
    let c = format!(
        "struct guestfs_{0} {{\n{1}\n}};\n\nstruct guestfs_{0}_list {{\n  uint32_t len;\n  struct guestfs_{0} *val;\n}};",
        s.name,
        fields.join("\n")
    );
    vec![Node::Sub(format!("guestfs_{}", s.name)), Node::doc(&s.doc), Node::code(c)]
}

fn call_nodes(call: &Call) -> Vec<Node> {
    let mut nodes = vec![
        Node::Sub(format!("guestfs_{}", call.name)),
        Node::code(prototype::prototype(call)),
        Node::doc(&full_doc(call)),
    ];
    if !call.opts.is_empty() {
        nodes.push(Node::para("Optional arguments, as pairs ended by -1:"));
        nodes.push(Node::code(prototype::options(call)));
        nodes.push(option_docs(call));
    }
    nodes.push(Node::para(prototype::returns(&call.ret.ty)));
    nodes
}

/// What the options of a call mean.
pub fn option_docs(call: &Call) -> Node {
    definitions(call.opts.iter().map(|o| (o.name.clone(), o.doc.blocks.clone())))
}

fn builtin_nodes(builtin: Builtin) -> Vec<Node> {
    let mut nodes = vec![Node::Sub(builtin.name), Node::code(builtin.usage)];
    if !builtin.aliases.is_empty() {
        nodes.push(Node::para(format!("Also known as {}.", builtin.aliases.join(", "))));
    }
    nodes.push(Node::doc(&builtin.doc));
    nodes
}

fn command_nodes(call: &Call) -> Vec<Node> {
    let mut usage = call.shell_name();
    for arg in &call.args {
        usage.push(' ');
        usage += &match (arg.ty.role(), arg.ty.shape()) {
            // Keys are asked for, never typed on the command line.
            (Role::Key, _) => continue,
            (Role::FileIn | Role::FileOut, _) => format!("({}|-)", arg.name),
            (_, Shape::Bool) => format!("{}=true|false", arg.name),
            (_, Shape::StrList) => format!("'{} ...'", arg.name),
            _ => arg.name.clone(),
        };
    }
    for opt in &call.opts {
        usage += &format!(" [{}:..]", opt.name);
    }
    let mut nodes = vec![Node::Sub(call.shell_name()), Node::code(usage)];
    if !call.shell.aliases.is_empty() {
        nodes.push(Node::para(format!("Also known as {}.", call.shell.aliases.join(", "))));
    }
    nodes.push(Node::doc(&full_doc(call)));
    if !call.opts.is_empty() {
        nodes.push(option_docs(call));
    }
    nodes
}
