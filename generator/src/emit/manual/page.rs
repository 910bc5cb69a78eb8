//! A manual page before it has a markup: nodes in reading order.
//!
//! In: hand-written templates (doc markup with `# SECTION`, `## Sub` and `@@name@@` lines) and parts
//! made from the model. Out: a [`Page`] that `pod.rs` and `man.rs` write out.

use crate::model::doc::{Block, Doc, Span};
use crate::source::doc;

/// Head data and content of one page.
pub struct Page {
    pub name: &'static str,
    pub section: &'static str,
    /// `Virtualisation Support` and the like, for the page's foot.
    pub manual: &'static str,
    pub nodes: Vec<Node>,
    /// How a link to a call is spelt on this page.
    pub spell_call: fn(&str) -> String,
}

impl Page {
    /// Whether the page has a subsection of this title, which links may lead to.
    pub fn has_sub(&self, title: &str) -> bool {
        self.nodes.iter().any(|n| matches!(n, Node::Sub(t) if t == title))
    }
}

/// A piece of a page.
pub enum Node {
    Section(String),
    Sub(String),
    Blocks(Vec<Block>),
}

impl Node {
    /// A paragraph of plain text.
    pub fn para(text: impl Into<String>) -> Node {
        Node::Blocks(vec![Block::Para(vec![Span::Text(text.into())])])
    }

    /// Verbatim lines.
    pub fn code(text: impl Into<String>) -> Node {
        Node::Blocks(vec![Block::Code(text.into())])
    }

    /// Parsed documentation.
    pub fn doc(doc: &Doc) -> Node {
        Node::Blocks(doc.blocks.clone())
    }
}

/// Build nodes from a template; `fill` gives what stands for an `@@name@@` line.
///
/// Templates are part of the generator and tested with it; a mistake in one shows as text in the page
/// rather than as a failure of an emitter.
pub fn template(text: &str, mut fill: impl FnMut(&str) -> Vec<Node>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        let marker = line.strip_prefix("@@").and_then(|l| l.strip_suffix("@@"));
        let heading = line.strip_prefix("# ").map(|t| Node::Section(t.to_owned()));
        let heading = heading.or_else(|| line.strip_prefix("## ").map(|t| Node::Sub(t.to_owned())));
        if marker.is_none() && heading.is_none() {
            pending += line;
            pending.push('\n');
            continue;
        }
        flush(&mut pending, &mut nodes);
        nodes.extend(heading);
        nodes.extend(marker.into_iter().flat_map(&mut fill));
    }
    flush(&mut pending, &mut nodes);
    nodes
}

fn flush(pending: &mut String, nodes: &mut Vec<Node>) {
    let text = std::mem::take(pending);
    if !text.trim().is_empty() {
        nodes.push(match doc::parse(&text) {
            Ok(doc) => Node::Blocks(doc.blocks),
            Err(e) => Node::para(format!("(template mistake: {})", e.message)),
        });
    }
}
