//! Reading libvirt's XML.
//!
//! In: the definition of a domain or of a storage volume. Out: the few facts of it that matter here. The
//! text comes from whoever may define domains: its size is bounded, document types and with them entities
//! of its own are refused, and only elements at their proper place count (a domain's `<metadata>` may hold
//! anything at all).

use crate::error::{Error, ErrorKind, Result};
use bstr::BString;
use roxmltree::{Document, Node, ParsingOptions};

/// Largest text: libvirt itself carries no longer string over a connection.
const TEXT_MAX: usize = 4 << 20;
/// Most elements, texts and comments: a domain with 255 disks has less than a tenth.
const NODES_MAX: u32 = 200_000;
/// Most attributes that one element may have: the parser compares each with each.
const ATTRIBUTES_MAX: usize = 2_000;
/// What a channel to a daemon inside a running domain is called.
const LIVE_CHANNEL: &str = "org.libguestfs.channel.0";

/// What a domain is made of, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// Disks with a source, in their order.
    pub disks: Vec<Disk>,
    /// Types of disks that cannot be added and were left out.
    pub left_out: Vec<String>,
    /// Socket of a daemon inside the domain.
    pub live_channel: Option<String>,
}

/// One disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Disk {
    pub source: Source,
    pub format: Option<String>,
    pub readonly: bool,
    pub blocksize: Option<i32>,
    pub auth: Option<Auth>,
}

/// Where a disk's content is.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// A file or block device of the host.
    Host(String),
    /// A volume of a storage pool.
    Volume { pool: String, name: String },
    /// Parameters of `add_drive`.
    Network { protocol: String, name: String, servers: Vec<BString> },
}

/// Who logs in at a server.
#[derive(Debug, PartialEq, Eq)]
pub struct Auth {
    pub username: Option<String>,
    pub secret: Option<SecretName>,
}

/// What a secret of libvirt is known by.
#[derive(Debug, PartialEq, Eq)]
pub enum SecretName {
    Uuid(String),
    Usage(String),
}

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::NotSupported, format!("libvirt's XML: {why}")).with_errno(libc::EINVAL)
}

/// Check the text's bounds and take it apart.
fn document(text: &[u8]) -> Result<Document<'_>> {
    if text.len() > TEXT_MAX {
        return Err(wrong(format!("{} bytes are too many, the limit is {TEXT_MAX}", text.len())));
    }
    if text.split(|b| *b == b'<').any(|tag| attributes(tag) > ATTRIBUTES_MAX) {
        return Err(wrong(format!("an element has more than {ATTRIBUTES_MAX} attributes")));
    }
    let text = std::str::from_utf8(text).map_err(|e| wrong("it is not UTF-8").with_cause(e))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| wrong(&e).with_cause(e))
}

/// At least as many as the element has that `tag` begins, which `<` cannot be inside of.
fn attributes(tag: &[u8]) -> usize {
    let values = tag.split(|b| *b == b'=').skip(1);
    values.filter(|v| matches!(v.trim_ascii_start().first(), Some(b'\'' | b'"'))).count()
}

fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |c| c.is_element() && c.tag_name().name() == name && c.tag_name().namespace().is_none())
}

fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

fn text(node: Node<'_, '_>, attribute: &str) -> Option<String> {
    node.attribute(attribute).filter(|v| !v.is_empty()).map(str::to_owned)
}

/// Read `<domain>`.
pub fn domain(xml: &[u8]) -> Result<Definition> {
    let document = document(xml)?;
    let root = document.root_element();
    if root.tag_name().name() != "domain" {
        return Err(wrong(format!("<domain> was expected, not <{}>", root.tag_name().name())));
    }
    let mut found = Definition::default();
    for devices in children(root, "devices") {
        for node in children(devices, "disk") {
            match disk(node)? {
                Found::Disk(disk) => found.disks.push(disk),
                Found::Empty => {}
                Found::Other(kind) => found.left_out.push(kind),
            }
        }
        let live = children(devices, "channel").find_map(live_socket);
        found.live_channel = found.live_channel.or(live);
    }
    Ok(found)
}

/// Read the format of a `<volume>`.
pub fn volume_format(xml: &[u8]) -> Result<Option<String>> {
    let document = document(xml)?;
    let target = child(document.root_element(), "target");
    Ok(target.and_then(|t| child(t, "format")).and_then(|f| text(f, "type")))
}

enum Found {
    Disk(Disk),
    /// A drive without a medium.
    Empty,
    /// Of a type that cannot be added.
    Other(String),
}

fn disk(node: Node<'_, '_>) -> Result<Found> {
    let Some(from) = child(node, "source") else { return Ok(Found::Empty) };
    let kind = text(node, "type").unwrap_or_else(|| "file".to_owned());
    let source = match kind.as_str() {
        "file" => text(from, "file").map(Source::Host),
        "block" => text(from, "dev").map(Source::Host),
        "volume" => text(from, "pool").zip(text(from, "volume")).map(|(pool, name)| Source::Volume { pool, name }),
        "network" => text(from, "protocol").map(|protocol| network(from, protocol)).transpose()?,
        _ => return Ok(Found::Other(kind)),
    };
    let Some(source) = source else { return Ok(Found::Empty) };
    let blocksize = match child(node, "blockio").and_then(|b| text(b, "logical_block_size")) {
        Some(size) => Some(size.parse().map_err(|_| wrong(format!("'{size}' is not a logical_block_size")))?),
        None => None,
    };
    Ok(Found::Disk(Disk {
        source,
        format: child(node, "driver").and_then(|d| text(d, "type")),
        readonly: child(node, "readonly").is_some(),
        blocksize,
        // Newer versions of libvirt write it below the source.
        auth: child(node, "auth").or_else(|| child(from, "auth")).map(auth),
    }))
}

fn auth(node: Node<'_, '_>) -> Auth {
    let secret = child(node, "secret");
    let uuid = secret.and_then(|s| text(s, "uuid")).map(SecretName::Uuid);
    let usage = || secret.and_then(|s| text(s, "usage")).map(SecretName::Usage);
    Auth { username: text(node, "username"), secret: uuid.or_else(usage) }
}

/// What a network disk is for `add_drive`.
fn network(from: Node<'_, '_>, protocol: String) -> Result<Source> {
    let mut name = text(from, "name").unwrap_or_default();
    let refuse = |what: &str| Err(wrong(format!("the {protocol} disk '{name}' {what}, which cannot be added")));
    // Without these it would be another disk, or none.
    if child(from, "snapshot").is_some() {
        return refuse("is a snapshot");
    }
    if from.attribute("query").is_some() {
        return refuse("has a query");
    }
    if from.attribute("tls") == Some("yes") {
        return refuse("needs TLS");
    }
    // libvirt says how to reach the root in its own way.
    if matches!(protocol.as_str(), "http" | "https" | "ftp" | "ftps" | "tftp") && !name.starts_with('/') {
        name.insert(0, '/');
    }
    let servers = children(from, "host").map(|host| server(host, &protocol)).collect::<Result<_>>()?;
    Ok(Source::Network { protocol, name, servers })
}

/// `HOST[:PORT]` or `unix:PATH`.
fn server(host: Node<'_, '_>, protocol: &str) -> Result<BString> {
    match host.attribute("transport").unwrap_or("tcp") {
        "tcp" => {}
        "unix" => {
            let socket = text(host, "socket").ok_or_else(|| wrong("a host has no name of its socket"))?;
            return Ok(format!("unix:{socket}").into());
        }
        other => return Err(wrong(format!("a host is reached by {other}, which cannot be added"))),
    }
    let name = text(host, "name").ok_or_else(|| wrong("a host has no name"))?;
    let name = if name.contains(':') { format!("[{name}]") } else { name };
    // librados would find it out by itself; add_drive wants to have it.
    let usual = (protocol == "rbd").then(|| "6789".to_owned());
    Ok(match text(host, "port").or(usual) {
        Some(port) => format!("{name}:{port}").into(),
        None => name.into(),
    })
}

fn live_socket(channel: Node<'_, '_>) -> Option<String> {
    child(channel, "target").filter(|t| t.attribute("name") == Some(LIVE_CHANNEL))?;
    let source = child(channel, "source").filter(|s| s.attribute("mode") == Some("bind"))?;
    text(source, "path")
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
