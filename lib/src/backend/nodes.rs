//! Drives as qemu's block nodes.
//!
//! In: a checked drive. Out: the arguments of `blockdev-add` for the image itself, as JSON. Everything
//! is said explicitly, above all the format: nothing is left to qemu's guessing.

use super::{faults, qemu_img};
use crate::drive::{self, CacheMode, Discard, Drive, Protocol, Remote, Server, Source};
use crate::error::LaunchFailure;
use crate::image;
use crate::machine::{LaunchError, Reporter};
use bstr::{BStr, BString, ByteSlice};
use serde_json::{json, Map, Value};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// An object that a node refers to (a password), or `None`.
pub type Secret = Option<(String, Value)>;

fn unusable(drive: &Drive, why: &str) -> LaunchError {
    let mut message = b"launch: ".to_vec();
    message.extend_from_slice(&drive.describe());
    message.extend_from_slice(b": ");
    message.extend_from_slice(why.as_bytes());
    LaunchError::new(LaunchFailure::ImageUnusable, message).errno(libc::EINVAL)
}

fn text(drive: &Drive, what: &BString) -> Result<String, LaunchError> {
    what.to_str().map(str::to_owned).map_err(|_| unusable(drive, "only UTF-8 is possible here"))
}

/// A path that JSON and XML can hold. Others are reached through a link in `links`, a private directory; the
/// directory is linked rather than the file, so that relative backing files are still found.
pub fn utf8_path(path: &Path, links: &Path, index: usize) -> Result<String, LaunchError> {
    if let Some(path) = path.to_str() {
        return Ok(path.to_owned());
    }
    let linked = |target: &Path, name: String| -> Result<PathBuf, LaunchError> {
        let link = links.join(name);
        // Of a drive that had this number before; failing that, making the link says why.
        let _ = std::fs::remove_file(&link);
        let made = std::os::unix::fs::symlink(target, &link);
        made.map_err(|e| LaunchError::io(link.as_os_str().as_bytes().to_vec(), &e))?;
        Ok(link)
    };
    let place = match (path.parent(), path.file_name().and_then(OsStr::to_str)) {
        (Some(dir), Some(name)) => linked(dir, format!("dir{index}"))?.join(name),
        _ => linked(path, format!("disk{index}"))?,
    };
    let place = place.to_str().map(str::to_owned);
    place.ok_or_else(|| LaunchError::new(LaunchFailure::Host, "launch: the temporary directory's name is not UTF-8"))
}

/// The node that reads the drive's bytes (`file` of the format's node), and a secret it needs first.
pub fn protocol_node(drive: &Drive, index: usize, links: &Path) -> Result<(Map<String, Value>, Secret), LaunchError> {
    let mut secret = None;
    let node = match &drive.source {
        Source::File(path) => {
            let driver = if is_device(path) { "host_device" } else { "file" };
            json!({ "driver": driver, "filename": utf8_path(&real(path), links, index)? })
        }
        // The descriptor is sent ahead under this number.
        Source::Scratch { .. } => json!({ "driver": "file", "filename": fdset_path(index) }),
        Source::Null => json!({ "driver": "null-co", "size": 4096, "read-zeroes": true }),
        Source::Remote(remote) => {
            let (node, needed) = remote_node(drive, remote, index)?;
            secret = needed;
            node
        }
    };
    let Value::Object(node) = node else { return Err(unusable(drive, "cannot be described to qemu")) };
    Ok((with_options(drive, node)?, secret))
}

/// Add what the drive's options say of a protocol node.
pub fn with_options(drive: &Drive, mut node: Map<String, Value>) -> Result<Map<String, Value>, LaunchError> {
    if drive.cachemode == CacheMode::Unsafe {
        node.insert("cache".into(), json!({ "no-flush": true }));
    }
    node.insert("discard".into(), discard(drive)?.into());
    Ok(node)
}

/// A block device, or a character device such as /dev/zero.
pub fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.file_type().is_block_device() || m.file_type().is_char_device())
}

/// The image's own name if `path` leads to it through links: what it names is looked for beside itself.
pub fn real(path: &Path) -> PathBuf {
    let file = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    // Links of /proc can lead where their text does not.
    let same = |real: &PathBuf| file(real).is_some() && file(real) == file(path);
    path.canonicalize().ok().filter(same).unwrap_or_else(|| path.to_owned())
}

/// Tell what a trusted image reaches outside its folder.
pub fn tell_reach(drive: &Drive, format: &str, reporter: &dyn Reporter) {
    let outside = drive.source.file().map(|path| image::reach(path, format)).unwrap_or_default();
    if !outside.is_empty() {
        reporter.notice(&format!("{} reaches outside its folder: {}", drive.describe(), outside.join(", ")));
    }
}

/// Wrap a protocol node in the format's node, called `name`.
pub fn format_node(drive: &Drive, format: &str, name: &str, file: Map<String, Value>) -> Result<Value, LaunchError> {
    let mut node = json!({ "driver": format, "node-name": name, "file": file, "discard": discard(drive)? });
    if let Some(map) = node.as_object_mut() {
        if drive.readonly {
            map.insert("read-only".into(), true.into());
            // A running virtual machine may have it open for writing: reading such an image may show
            // it half changed, as upstream documents, but must not fail.
            map.insert("force-share".into(), true.into());
        }
        if drive.cachemode == CacheMode::Unsafe {
            map.insert("cache".into(), json!({ "no-flush": true }));
        }
    }
    Ok(node)
}

/// The format given, else a guess.
pub fn format(drive: &Drive, file: &Map<String, Value>, reporter: &dyn Reporter) -> Result<String, LaunchError> {
    if let Some(format) = &drive.format {
        return Ok(format.to_str_lossy().into_owned());
    }
    let format = match &drive.source {
        // Reading from one may wait for ever, or change what comes next.
        Source::File(path) if path.metadata().is_ok_and(|m| m.file_type().is_char_device()) => "raw".to_owned(),
        Source::File(path) => drive::probe(path).map_err(|e| faults::unreadable(drive, &e))?.to_owned(),
        Source::Remote(_) => qemu_img::info(file, None, reporter).map(|info| info.format).map_err(|why| {
            faults::failed(drive, LaunchFailure::ImageUnusable, &why).help("say the format of the image")
        })?,
        _ => "raw".to_owned(),
    };
    if format == "raw" && matches!(drive.source, Source::File(_) | Source::Remote(_)) {
        // guestfs(3), CVE-2010-3851: only whoever adds the drive can know better.
        reporter.library(&format!(
            "{}: format not given, guessed raw: whoever can write to this disk can make the next guess come \
             out differently; say format:raw",
            drive.describe()
        ));
    }
    Ok(format)
}

/// Name under which qemu opens a descriptor that was sent to it.
pub fn fdset_path(index: usize) -> String {
    format!("/dev/fdset/{}", fdset(index))
}

/// Number of the descriptor set of drive `index`; the root's is 1.
pub fn fdset(index: usize) -> usize {
    index + 100
}

/// Name of the secret of drive `index`.
pub fn secret(index: usize) -> String {
    format!("secret{index}")
}

/// The value of `discard` for a drive's nodes.
pub fn discard(drive: &Drive) -> Result<&'static str, LaunchError> {
    // Nothing is gained by keeping what a discarded overlay or scratch disk no longer needs.
    if matches!(drive.source, Source::Scratch { .. }) {
        return Ok("unmap");
    }
    let possible = match &drive.source {
        Source::File(_) | Source::Null => {
            matches!(drive.format.as_ref().map(|f| f.as_slice()), None | Some(b"raw" | b"qcow2"))
        }
        Source::Remote(remote) => {
            matches!(remote.protocol, Protocol::Gluster | Protocol::Rbd | Protocol::Nbd | Protocol::Iscsi)
        }
        Source::Scratch { .. } => true,
    };
    match drive.discard {
        Discard::Disable => Ok("ignore"),
        Discard::BestEffort => Ok("unmap"),
        Discard::Enable if possible => Ok("unmap"),
        Discard::Enable => Err(unusable(drive, "discard is not possible with this format or protocol")
            .help("use a raw or qcow2 image, or discard:besteffort")),
    }
}

fn inet(host: &BString, port: u16, usual: u16) -> Value {
    let port = if port == 0 { usual } else { port };
    json!({ "host": host.to_str_lossy(), "port": port.to_string() })
}

fn typed(server: &Server, usual: u16) -> Value {
    match server {
        Server::Tcp { host, port } => {
            let mut address = inet(host, *port, usual);
            if let Some(map) = address.as_object_mut() {
                map.insert("type".into(), "inet".into());
            }
            address
        }
        Server::Unix(path) => json!({ "type": "unix", "path": path.to_string_lossy() }),
    }
}

fn remote_node(drive: &Drive, remote: &Remote, index: usize) -> Result<(Value, Secret), LaunchError> {
    let name = text(drive, &remote.name)?;
    let user = remote.username.as_ref().map(|u| text(drive, u)).transpose()?;
    let secret_id = secret(index);
    let secret = match &remote.secret {
        Some(secret) => {
            let format = if remote.protocol == Protocol::Rbd { "base64" } else { "raw" };
            let object =
                json!({ "qom-type": "secret", "id": secret_id, "data": text(drive, secret)?, "format": format });
            Some((secret_id.clone(), object))
        }
        None => None,
    };
    let one = || remote.servers.first().ok_or_else(|| unusable(drive, "has no server"));
    let tcp = || match one()? {
        Server::Tcp { host, port } => Ok((host, *port)),
        Server::Unix(_) => Err(unusable(drive, "only TCP servers are possible")),
    };
    let split = || name.split_once('/').ok_or_else(|| unusable(drive, "its name must have two parts, A/B"));
    let mut node = match remote.protocol {
        Protocol::Nbd => json!({ "driver": "nbd", "server": typed(one()?, 10809), "export": name }),
        Protocol::Ftp | Protocol::Ftps | Protocol::Http | Protocol::Https => {
            let driver = remote.protocol.name();
            let (host, port) = tcp()?;
            json!({ "driver": driver, "url": url(driver, host.as_bstr(), port, name.as_bytes()) })
        }
        Protocol::Ssh => {
            let (host, port) = tcp()?;
            json!({ "driver": "ssh", "server": inet(host, port, 22), "path": name })
        }
        Protocol::Iscsi => {
            let (host, port) = tcp()?;
            let portal = format!("{}:{}", bracketed(host.as_bstr()), if port == 0 { 3260 } else { port });
            let (target, lun) = name.rsplit_once('/').unwrap_or((name.as_str(), "0"));
            let lun: u32 = lun.parse().map_err(|_| unusable(drive, "the LUN after '/' is not a number"))?;
            json!({ "driver": "iscsi", "transport": "tcp", "portal": portal, "target": target, "lun": lun })
        }
        Protocol::Rbd => {
            let (pool, image) = split()?;
            let mut servers = Vec::new();
            for server in &remote.servers {
                if let Server::Tcp { host, port } = server {
                    servers.push(inet(host, *port, 6789));
                }
            }
            let mut node = json!({ "driver": "rbd", "pool": pool, "image": image });
            if let (Some(map), false) = (node.as_object_mut(), servers.is_empty()) {
                map.insert("server".into(), servers.into());
            }
            node
        }
        Protocol::Gluster => {
            let (volume, path) = split()?;
            json!({ "driver": "gluster", "volume": volume, "path": path, "server": [typed(one()?, 24007)] })
        }
        Protocol::Tftp | Protocol::Sheepdog => {
            return Err(unusable(drive, "qemu no longer knows this protocol").errno(libc::ENOTSUP));
        }
    };
    let (user_key, secret_key) = match remote.protocol {
        Protocol::Rbd => ("user", "key-secret"),
        Protocol::Ssh | Protocol::Iscsi => ("user", "password-secret"),
        _ => ("username", "password-secret"),
    };
    if let Some(map) = node.as_object_mut() {
        if let Some(user) = user {
            map.insert(user_key.into(), user.into());
        }
        if secret.is_some() {
            if remote.protocol == Protocol::Ssh {
                return Err(
                    unusable(drive, "qemu logs in by ssh with keys only").help("use an ssh agent, and no secret")
                );
            }
            map.insert(secret_key.into(), secret_id.into());
        }
    }
    Ok((node, secret))
}

fn bracketed(host: &BStr) -> String {
    if host.contains(&b':') {
        format!("[{host}]")
    } else {
        host.to_string()
    }
}

/// A URL, its path percent-encoded where RFC 3986 wants it.
fn url(scheme: &str, host: &BStr, port: u16, path: &[u8]) -> String {
    let mut url = format!("{scheme}://{}", bracketed(host));
    if port != 0 {
        url.push_str(&format!(":{port}"));
    }
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'?' | b'&' | b'=' | b'%' => {
                url.push(char::from(*byte));
            }
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
