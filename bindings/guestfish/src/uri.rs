//! The argument of `-a`: a file, or a URI of a disk on the network.
//!
//! In: one argument. Out: the parameters of `add_drive`. A URI begins with lower-case letters and `://`;
//! anything else is the name of a file. guestfish(1), "ADDING REMOTE STORAGE".

use crate::error::{Error, Result};
use bstr::{BString, ByteSlice, ByteVec};

/// Protocols whose path is a name and not a path: it loses its first slash.
const NAMED: &[&[u8]] = &[b"nbd", b"gluster", b"iscsi", b"rbd", b"sheepdog"];

/// Where a disk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file or device of the host.
    File(BString),
    Remote(Remote),
}

/// A disk on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub path: BString,
    pub protocol: BString,
    /// `tcp:HOST[:PORT]` or `unix:PATH`.
    pub server: Option<BString>,
    pub username: Option<BString>,
    pub secret: Option<BString>,
}

/// Take the argument apart.
pub fn parse(text: &BString) -> Result<Location> {
    let scheme = text.find("://").and_then(|at| text.get(..at)).unwrap_or_default();
    if scheme.is_empty() || !scheme.iter().all(u8::is_ascii_lowercase) {
        return Ok(Location::File(text.clone()));
    }
    let bad = || Error::new(format!("--add: could not parse URI '{text}'"));
    let rest = text.get(scheme.len() + 3..).unwrap_or_default();
    let (rest, _fragment) = cut(rest, b"#");
    let (rest, query) = cut(rest, b"?");
    let (authority, path) = rest.split_at(rest.find_byte(b'/').unwrap_or(rest.len()));
    let path = decode(path).ok_or_else(bad)?;
    if scheme == b"file" {
        return Ok(Location::File(path));
    }
    let (user, host) = match authority.rsplit_once_str("@") {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (username, secret) = match user.map(|u| cut(u, b":")) {
        Some((name, secret)) => (Some(decode(name).ok_or_else(bad)?), secret.map(decode)),
        None => (None, None),
    };
    let secret = secret.map(|s| s.ok_or_else(bad)).transpose()?;
    let path = match path.strip_prefix(b"/") {
        Some(name) if NAMED.contains(&scheme) => name.into(),
        _ => path,
    };
    let server = match socket(query.unwrap_or_default()) {
        Some(socket) => Some(prefixed("unix:", &decode(socket).ok_or_else(bad)?)),
        None => server(host).ok_or_else(bad)?,
    };
    Ok(Location::Remote(Remote { path, protocol: scheme.into(), server, username, secret }))
}

/// `HOST[:PORT]`; an IPv6 address is in brackets. `Some(None)` when there is none.
fn server(host: &[u8]) -> Option<Option<BString>> {
    if host.is_empty() {
        return Some(None);
    }
    let after_address = if host.starts_with(b"[") { host.find_byte(b']')? + 1 } else { 0 };
    let (name, port) = match host.get(after_address..)?.rsplit_once_str(":") {
        Some((_, port)) => (host.get(..host.len() - port.len() - 1)?, Some(port)),
        None => (host, None),
    };
    if port.is_some_and(|p| p.is_empty() || !p.iter().all(u8::is_ascii_digit)) {
        return None;
    }
    let mut server = prefixed("tcp:", &decode(name)?);
    if let Some(port) = port {
        server.push(b':');
        server.extend_from_slice(port);
    }
    Some(Some(server))
}

/// Value of `socket=` in a query.
fn socket(query: &[u8]) -> Option<&[u8]> {
    query.split_str("&").find_map(|part| part.strip_prefix(b"socket="))
}

fn prefixed(prefix: &str, text: &[u8]) -> BString {
    let mut out = BString::from(prefix);
    out.push_str(text);
    out
}

fn cut<'a>(text: &'a [u8], at: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    match text.split_once_str(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Replace `%HH`. `None` for a stray `%` and for NUL.
fn decode(text: &[u8]) -> Option<BString> {
    let mut out = BString::default();
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(*b).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok().filter(|b| *b != 0)?
            }
            b => *b,
        };
        out.push(byte);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path protocol server username secret`, `-` for none.
    fn check(uri: &str, expected: &str) {
        let shown = match parse(&uri.into()) {
            Ok(Location::File(path)) => format!("file {path}"),
            Ok(Location::Remote(r)) => {
                let or = |s: Option<BString>| s.unwrap_or_else(|| "-".into());
                format!("'{}' {} {} {} {}", r.path, r.protocol, or(r.server), or(r.username), or(r.secret))
            }
            Err(e) => e.message().to_string(),
        };
        assert_eq!(shown, expected, "{uri}");
    }

    #[test]
    fn uris() {
        check("disk.img", "file disk.img");
        check("/a:b", "file /a:b");
        check("a b://c", "file a b://c");
        check("SSH://h/d", "file SSH://h/d");
        check("nbd+unix:///x", "file nbd+unix:///x");
        check("file:///tmp/a%20b", "file /tmp/a b");
        check("file://localhost/tmp/x", "file /tmp/x");
        check("ssh://u:p%40w@h/d", "'/d' ssh tcp:h u p@w");
        check("ssh://user@example.com:22/disk.img", "'/disk.img' ssh tcp:example.com:22 user -");
        check("ssh://[::1]:22/d", "'/d' ssh tcp:[::1]:22 - -");
        check("ssh://[::1]/d", "'/d' ssh tcp:[::1] - -");
        check("ssh:///d", "'/d' ssh - - -");
        check("http://h/d?x=y", "'/d' http tcp:h - -");
        check("nbd://h", "'' nbd tcp:h - -");
        check("nbd://?socket=/s", "'' nbd unix:/s - -");
        check("nbd:///exp?x=y&socket=/s%20t", "'exp' nbd unix:/s t - -");
        check("iscsi://h:99/tgt/1", "'tgt/1' iscsi tcp:h:99 - -");
        check("rbd:///pool/disk", "'pool/disk' rbd - - -");
        check("ssh://h:x/d", "--add: could not parse URI 'ssh://h:x/d'");
        check("ssh://h/%zz", "--add: could not parse URI 'ssh://h/%zz'");
        check("ssh://h/%00", "--add: could not parse URI 'ssh://h/%00'");
    }
}
