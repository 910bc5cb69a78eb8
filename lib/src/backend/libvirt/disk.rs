//! Drives as disks of a libvirt domain.
//!
//! In: a checked drive and its number. Out: its `<disk>` element: target = index on the one SCSI controller.
//! What is temporary is made in the private directory, where libvirt opens it by its name. Format:
//! libvirt's documentation, "Domain XML format", "Hard drives, floppy disks, CDROMs".

use super::xml::{quoted, unusable_text};
use crate::backend::{faults, nodes, overlay, qemu_img};
use crate::drive::{self, CacheMode, Drive, Protocol, Remote, Server, Source, Trust};
use crate::error::LaunchFailure;
use crate::machine::{LaunchError, Reporter};
use bstr::ByteSlice;
use std::fs::File;
use std::path::Path;

/// A null disk's size in bytes, as with a qemu of our own.
const NULL_SIZE: u64 = 4096;

/// Where the bytes of an image are: the type of a `<disk>` or `<backingStore>`, and its `<source>`.
struct Place {
    kind: &'static str,
    source: String,
}

impl Place {
    fn file(path: &str) -> Place {
        Place { kind: "file", source: format!("<source file={}/>", quoted(path)) }
    }
}

/// The disk of drive `index`; files that it needs are made in `tmpdir`.
pub fn element(index: usize, drive: &Drive, tmpdir: &Path, reporter: &dyn Reporter) -> Result<String, LaunchError> {
    let temporary = |name: &str| -> Result<String, LaunchError> {
        let path = tmpdir.join(format!("{name}{index}"));
        let utf8 = path.to_str().map(str::to_owned);
        utf8.ok_or_else(|| LaunchError::new(LaunchFailure::Host, "launch: the temporary directory's name is not UTF-8"))
    };
    let failed = |path: &str, e: &std::io::Error| {
        LaunchError::io(format!("launch: {path}"), e).help("set LIBGUESTFS_TMPDIR to a directory with room")
    };
    let zeroes = |size: u64| -> Result<Place, LaunchError> {
        let path = temporary("scratch")?;
        File::create(&path).and_then(|f| f.set_len(size)).map_err(|e| failed(&path, &e))?;
        Ok(Place::file(&path))
    };
    let discard = nodes::discard(drive)?;
    let (place, format, readonly) = match &drive.source {
        Source::Scratch { size } => (zeroes(*size)?, "raw".to_owned(), false),
        Source::Null => (zeroes(NULL_SIZE)?, "raw".to_owned(), drive.readonly),
        Source::File(_) | Source::Remote(_) => {
            if drive.trust != Trust::Trusted {
                // libvirt opens what it is told by its name, and what that names in turn.
                return Err(unusable(drive, "images are not contained with this backend"));
            }
            let image = image(index, drive, tmpdir)?;
            let (node, _) = nodes::protocol_node(drive, index, tmpdir)?;
            let format = nodes::format(drive, &node, reporter)?;
            nodes::tell_reach(drive, &format, reporter);
            if !drive.readonly {
                (image, format, false)
            } else {
                let unusable = |why: String| faults::refused(drive, &why, 0);
                let size = match drive.source.file().and_then(|path| path.metadata().ok()) {
                    Some(meta) if format == "raw" && meta.is_file() => meta.len(),
                    _ => qemu_img::info(&node, Some(&format), reporter).map_err(unusable)?.size,
                };
                let path = temporary("overlay")?;
                overlay::qcow2_at(Path::new(&path), size).map_err(|e| failed(&path, &e))?;
                let top = Place::file(&path);
                let base = format!(
                    "<backingStore type='{}'><format type={}/>{}</backingStore>",
                    image.kind,
                    quoted(&format),
                    image.source
                );
                (Place { kind: top.kind, source: format!("{}{base}", top.source) }, "qcow2".to_owned(), false)
            }
        }
    };
    let throwaway = drive.readonly || drive.cachemode == CacheMode::Unsafe;
    // What is thrown away need not keep what is discarded; the image below an overlay sees none of it.
    let discard = if drive.readonly { "unmap" } else { discard };
    let mut xml = format!(
        "<disk type='{}' device='disk'><driver name='qemu' type={} cache='{}' discard='{discard}' error_policy='report' \
         rerror_policy='report'{}/>{}{}\
         <address type='drive' controller='0' bus='0' target='{index}' unit='0'/>",
        place.kind,
        quoted(&format),
        if throwaway { "unsafe" } else { "writeback" },
        if drive.copyonread { " copy_on_read='on'" } else { "" },
        place.source,
        target(index),
    );
    if readonly {
        xml.push_str("<readonly/>");
    }
    // Our daemon learns labels with the hello; upstream's reads them as serial numbers. They are letters.
    if let Some(label) = &drive.label {
        xml.push_str(&format!("<serial>{label}</serial>"));
    }
    if let Some(size) = drive.blocksize {
        xml.push_str(&format!("<blockio logical_block_size='{size}' physical_block_size='{size}'/>"));
    }
    xml.push_str("</disk>");
    Ok(xml)
}

/// What names the disk, as libvirt writes it, too.
pub fn target(index: usize) -> String {
    let name = drive::name(index);
    format!("<target dev='{}' bus='scsi'/>", name.strip_prefix(b"/dev/").unwrap_or_default().to_str_lossy())
}

/// Remove the names of what was made for a disk: the hypervisor has it open, or will never open it.
pub fn forget(index: usize, tmpdir: &Path) {
    for name in ["scratch", "overlay"] {
        // Most have neither; and all goes with the directory.
        let _ = std::fs::remove_file(tmpdir.join(format!("{name}{index}")));
    }
}

fn unusable(drive: &Drive, why: &str) -> LaunchError {
    faults::failed(drive, LaunchFailure::ImageUnusable, why)
        .errno(libc::ENOTSUP)
        .help("with LIBGUESTFS_BACKEND=direct this is possible")
}

/// Where the image itself is.
fn image(index: usize, drive: &Drive, tmpdir: &Path) -> Result<Place, LaunchError> {
    let place = match &drive.source {
        Source::File(path) => {
            let name = nodes::utf8_path(&nodes::real(path), tmpdir, index)?;
            if unusable_text(&name) {
                return Err(unusable(drive, "XML cannot hold this name"));
            }
            match nodes::is_device(path) {
                true => Place { kind: "block", source: format!("<source dev={}/>", quoted(&name)) },
                false => Place::file(&name),
            }
        }
        Source::Remote(remote) => Place { kind: "network", source: network(drive, remote)? },
        Source::Scratch { .. } | Source::Null => return Err(unusable(drive, "has no image")),
    };
    Ok(place)
}

fn network(drive: &Drive, remote: &Remote) -> Result<String, LaunchError> {
    if remote.username.is_some() || remote.secret.is_some() {
        return Err(unusable(drive, "users and secrets are not given to libvirt"));
    }
    let by_url = matches!(remote.protocol, Protocol::Http | Protocol::Https | Protocol::Ftp | Protocol::Ftps);
    if by_url && remote.name.find_byteset(b"?%#").is_some() {
        return Err(unusable(drive, "libvirt would escape '?', '%' and '#' in this name"));
    }
    let text = |bytes: &[u8]| match bytes.to_str() {
        Ok(text) if !unusable_text(text) => Ok(quoted(text)),
        _ => Err(unusable(drive, "XML cannot hold this name")),
    };
    let mut xml = format!("<source protocol='{}' name={}>", remote.protocol.name(), text(&remote.name)?);
    for server in &remote.servers {
        xml.push_str(&match server {
            Server::Tcp { host, port: 0 } => format!("<host name={}/>", text(host)?),
            Server::Tcp { host, port } => format!("<host name={} port='{port}'/>", text(host)?),
            Server::Unix(path) => {
                format!("<host transport='unix' socket={}/>", text(path.as_os_str().as_encoded_bytes())?)
            }
        });
    }
    xml.push_str("</source>");
    Ok(xml)
}
