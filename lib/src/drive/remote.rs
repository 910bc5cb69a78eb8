//! Drives that are not on this host.
//!
//! In: `protocol`, `server`, `username`, `secret` and the name there. Out: a checked [`Remote`]. Which
//! protocol wants what is in one table, taken from guestfs(3), "REMOTE STORAGE".

use crate::error::{Error, Result};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::AddDriveOpts;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// How a remote image is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Each is called what the API calls it.
pub enum Protocol {
    Ftp,
    Ftps,
    Http,
    Https,
    Tftp,
    Gluster,
    Iscsi,
    Nbd,
    Rbd,
    Sheepdog,
    Ssh,
}

/// An image on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// How it is reached.
    pub protocol: Protocol,
    /// As many as the protocol wants.
    pub servers: Vec<Server>,
    /// Path, export name, target, pool/image, volume/image: as the protocol has it.
    pub name: BString,
    /// Who logs in there.
    pub username: Option<BString>,
    /// The password or key.
    pub secret: Option<BString>,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// Over TCP.
    Tcp {
        /// Name or address; an IPv6 address without brackets.
        host: BString,
        /// 0: the protocol's usual one.
        port: u16,
    },
    /// A local socket.
    Unix(PathBuf),
}

/// What a protocol wants of its parameters.
struct Rules {
    protocol: Protocol,
    name: &'static str,
    /// Exactly one server; else none or more.
    one_server: bool,
    unix: bool,
    port_required: bool,
    username: bool,
    secret: bool,
    /// How the name must look.
    path: NameRule,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NameRule {
    /// Not empty, from the root: `/disk.img`.
    Absolute,
    /// Not empty, no leading slash: `pool/image`.
    Relative,
    Any,
}

const fn rules(protocol: Protocol, name: &'static str, path: NameRule) -> Rules {
    Rules { protocol, name, one_server: true, unix: false, port_required: false, username: false, secret: false, path }
}

const PROTOCOLS: [Rules; 11] = [
    Rules { username: true, secret: true, ..rules(Protocol::Ftp, "ftp", NameRule::Absolute) },
    Rules { username: true, secret: true, ..rules(Protocol::Ftps, "ftps", NameRule::Absolute) },
    Rules { username: true, secret: true, ..rules(Protocol::Http, "http", NameRule::Absolute) },
    Rules { username: true, secret: true, ..rules(Protocol::Https, "https", NameRule::Absolute) },
    Rules { username: true, secret: true, ..rules(Protocol::Tftp, "tftp", NameRule::Absolute) },
    Rules { unix: true, ..rules(Protocol::Gluster, "gluster", NameRule::Relative) },
    Rules { username: true, secret: true, ..rules(Protocol::Iscsi, "iscsi", NameRule::Relative) },
    Rules { unix: true, ..rules(Protocol::Nbd, "nbd", NameRule::Any) },
    Rules {
        one_server: false,
        port_required: true,
        username: true,
        secret: true,
        ..rules(Protocol::Rbd, "rbd", NameRule::Relative)
    },
    Rules { one_server: false, port_required: true, ..rules(Protocol::Sheepdog, "sheepdog", NameRule::Relative) },
    Rules { username: true, secret: true, ..rules(Protocol::Ssh, "ssh", NameRule::Absolute) },
];

/// A file of this host has no server, user or secret.
pub(super) fn refuse_for_files(opts: &AddDriveOpts) -> Result<()> {
    let given = [
        ("server", opts.server.as_ref().is_some_and(|s| !s.is_empty())),
        ("username", opts.username.is_some()),
        ("secret", opts.secret.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Error::usage(format!("{option}: not possible with a file of this host"))
            .with_help("say which protocol to use")),
        None => Ok(()),
    }
}

impl Protocol {
    /// Its name in the API, which is qemu's too.
    pub fn name(self) -> &'static str {
        PROTOCOLS.iter().find(|r| r.protocol == self).map_or("?", |r| r.name)
    }
}

impl Remote {
    pub(super) fn new(protocol: &BStr, name: &BStr, opts: &AddDriveOpts) -> Result<Remote> {
        let Some(rules) = PROTOCOLS.iter().find(|r| protocol == r.name) else {
            return Err(Error::usage(format!("unknown protocol '{protocol}'")));
        };
        let wrong = |why: &str| Err(Error::usage(format!("{}: {why}", rules.name)));
        let mut servers = Vec::new();
        for text in opts.server.as_deref().unwrap_or_default() {
            servers.push(Server::parse(text.as_bstr())?);
        }
        if rules.one_server && servers.len() != 1 {
            return wrong("exactly one server must be given");
        }
        for server in &servers {
            match server {
                Server::Unix(_) if !rules.unix => return wrong("only TCP servers are possible, no unix: socket"),
                Server::Tcp { port: 0, .. } if rules.port_required => return wrong("the server's port must be given"),
                _ => {}
            }
        }
        match (rules.path, name.first()) {
            (NameRule::Absolute | NameRule::Relative, None) => return wrong("the name of the image must not be empty"),
            (NameRule::Absolute, Some(b)) if *b != b'/' => return wrong("the path must begin with '/'"),
            (NameRule::Relative, Some(b'/')) => return wrong("the name must not begin with '/'"),
            _ => {}
        }
        if opts.username.is_some() && !rules.username {
            return wrong("a username is not possible with this protocol");
        }
        if opts.secret.is_some() && !rules.secret {
            return wrong("a secret is not possible with this protocol");
        }
        if rules.protocol == Protocol::Ssh && opts.username.as_ref().is_some_and(|u| u.is_empty()) {
            return wrong("the username must not be empty");
        }
        Ok(Remote {
            protocol: rules.protocol,
            servers,
            name: name.into(),
            username: opts.username.clone(),
            secret: opts.secret.clone(),
        })
    }

    pub(super) fn describe(&self) -> BString {
        let mut text = format!("{}:", self.protocol.name());
        for server in &self.servers {
            match server {
                Server::Tcp { host, port: 0 } => text.push_str(&format!("//{host}")),
                Server::Tcp { host, port } => text.push_str(&format!("//{host}:{port}")),
                Server::Unix(path) => text.push_str(&format!("//unix:{}", path.display())),
            }
        }
        if !self.name.starts_with(b"/") {
            text.push('/');
        }
        let mut text = text.into_bytes();
        text.extend_from_slice(&self.name);
        text.into()
    }
}

impl Server {
    /// `host`, `host:port`, `tcp:host[:port]`, `[v6]:port` or `unix:/path`.
    fn parse(text: &BStr) -> Result<Server> {
        if let Some(path) = text.strip_prefix(b"unix:") {
            if path.is_empty() {
                return Err(Error::usage("server 'unix:': the socket's path is missing"));
            }
            return Ok(Server::Unix(PathBuf::from(OsStr::from_bytes(path))));
        }
        let text = text.strip_prefix(b"tcp:").map_or(text, ByteSlice::as_bstr);
        let (host, port) = match text.rfind_byte(b':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some(at) if !text.get(at..).unwrap_or_default().contains(&b']') => {
                let (host, port) = text.split_at_checked(at).unwrap_or((text, b""));
                let digits = port.get(1..).unwrap_or_default();
                let port = digits.to_str().ok().and_then(|p| p.parse::<u16>().ok()).filter(|p| *p != 0);
                let port = port.ok_or_else(|| Error::usage(format!("server '{text}': not a port number")))?;
                (host, port)
            }
            _ => (text.as_bytes(), 0),
        };
        let inner = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host);
        let sound = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
        if inner.is_empty() || !inner.iter().all(sound) {
            return Err(Error::usage(format!("server '{text}': not a host name")));
        }
        Ok(Server::Tcp { host: inner.into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(protocol: &str, name: &str, servers: &[&str]) -> Result<Remote> {
        Remote::new(protocol.into(), name.into(), &AddDriveOpts::new().protocol(protocol).server(servers))
    }

    #[test]
    fn servers() {
        let tcp = |host: &str, port| Server::Tcp { host: host.into(), port };
        for (text, want) in [
            ("h", tcp("h", 0)),
            ("h.example:80", tcp("h.example", 80)),
            ("tcp:h", tcp("h", 0)),
            ("tcp:h:22", tcp("h", 22)),
            ("[::1]", tcp("::1", 0)),
            ("tcp:[fe80::1%eth0]:5", tcp("fe80::1%eth0", 5)),
            ("unix:/a b", Server::Unix("/a b".into())),
        ] {
            assert_eq!(Server::parse(text.into()).unwrap(), want, "{text}");
        }
        for text in ["", "h:0", "h:99999", "h:x", ":5", "a b", "h/b:5", "unix:", "tcp:"] {
            assert!(Server::parse(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn rules_of_protocols() {
        assert_eq!(remote("nbd", "", &["unix:/s"]).unwrap().describe(), "nbd://unix:/s/");
        assert_eq!(remote("http", "/a", &["h:8080"]).unwrap().describe(), "http://h:8080/a");
        assert_eq!(remote("rbd", "pool/image", &["h:1", "i:2"]).unwrap().servers.len(), 2);
        for (protocol, name, servers, why) in [
            ("nbd", "", &[][..], "exactly one server"),
            ("nbd", "", &["a", "b"], "exactly one server"),
            ("http", "/a", &["unix:/s"], "only TCP"),
            ("http", "a", &["h"], "begin with '/'"),
            ("ssh", "", &["h"], "empty"),
            ("iscsi", "/t", &["h"], "must not begin"),
            ("rbd", "a", &["h"], "port"),
            ("sheepdog", "a", &["unix:/s"], "only TCP"),
            ("gluster", "/v", &["h"], "must not begin"),
        ] {
            let e = remote(protocol, name, servers).unwrap_err();
            assert!(e.message().to_string().contains(why), "{protocol} {name}: {e}");
        }
        let opts = AddDriveOpts::new().server(["h"]).username("u");
        assert!(Remote::new("nbd".into(), "".into(), &opts).is_err());
        assert!(Remote::new("https".into(), "/a".into(), &opts).is_ok());
    }
}
