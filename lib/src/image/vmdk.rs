//! What a VMDK names: its extents and its parent.
//!
//! In: an open image. Out: the files of a descriptor, taken apart so far that the descriptor can be written
//! anew with other names, and the parent. Format: VMware's "Virtual Disk Format 5.0"; read as qemu 7.2 does.

use super::head::{le64, Head};
use super::{Backing, Fault, References};
use bstr::{BStr, BString, ByteSlice};

/// qemu reads no more of a descriptor that is within an image.
const EMBEDDED_AT: u64 = 0x200;
const EMBEDDED_MAX: usize = 20 * 512;
/// Descriptors of their own that are longer are no sane ones.
const DESCRIPTOR_MAX: usize = 256 << 10;
/// More files than qemu is given descriptors for.
const EXTENTS_MAX: usize = 256;
/// Kinds of images in several files that qemu knows.
const KINDS: [&str; 6] =
    ["monolithicFlat", "vmfs", "vmfsSparse", "seSparse", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"];

/// A descriptor in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    content_id: BString,
    parent_id: BString,
    kind: &'static str,
    pub extents: Vec<Extent>,
}

/// A part of the disk, in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    sectors: u64,
    kind: &'static str,
    /// As the descriptor has it.
    pub name: BString,
    /// Sector in the file where a flat extent begins.
    offset: u64,
}

impl Extent {
    /// It has no header of its own.
    pub fn is_flat(&self) -> bool {
        matches!(self.kind, "FLAT" | "VMFS")
    }
}

impl Descriptor {
    /// The same with other names for the files, in their order.
    pub fn text(&self, names: &[String]) -> Vec<u8> {
        let mut text = format!(
            "# Disk DescriptorFile\nversion=1\nCID={}\nparentCID={}\ncreateType=\"{}\"\n\n# Extent description\n",
            self.content_id, self.parent_id, self.kind
        );
        for (extent, name) in self.extents.iter().zip(names) {
            text.push_str(&format!("RW {} {} \"{name}\"", extent.sectors, extent.kind));
            if extent.is_flat() {
                text.push_str(&format!(" {}", extent.offset));
            }
            text.push('\n');
        }
        text.push_str("\n# The Disk Data Base\n#DDB\n");
        text.into_bytes()
    }
}

pub(super) fn vmdk(image: &Head<'_>) -> Result<References, Fault> {
    let head = image.some(0, 512)?;
    match head.get(..4) {
        Some(b"KDMV" | b"COWD") => {
            sparse(image)?;
            let mut text = image.some(EMBEDDED_AT, EMBEDDED_MAX)?;
            text.truncate(text.find_byte(0).unwrap_or(text.len()));
            Ok(References { backing: backing(&text)?, ..References::default() })
        }
        _ => {
            let mut text = image.some(0, DESCRIPTOR_MAX)?;
            if text.len() == DESCRIPTOR_MAX {
                return Err(Fault::damaged("its descriptor is too long"));
            }
            text.truncate(text.find_byte(0).unwrap_or(text.len()));
            if !text.starts_with(b"# Disk DescriptorFile") {
                return Err(Fault::damaged("it is not in the format vmdk"));
            }
            Ok(References { backing: backing(&text)?, extents: Some(descriptor(&text)?), ..References::default() })
        }
    }
}

/// An image or extent with a header: one of no size has qemu read names out of it.
pub(super) fn sparse(image: &Head<'_>) -> Result<(), Fault> {
    let head = image.some(0, 512)?;
    match head.get(..4) {
        Some(b"KDMV") if le64(&head, 12) == 0 => Err(Fault::damaged("its header says that it is a descriptor")),
        Some(b"KDMV" | b"COWD") => Ok(()),
        // The header of seSparse.
        _ if le64(&head, 0) == 0xcafe_babe => Ok(()),
        _ => Err(Fault::damaged("an extent has no header of a VMDK")),
    }
}

/// What follows `key=` in a descriptor, wherever that stands: qemu searches the text for it.
fn value<'t>(text: &'t [u8], key: &str) -> Option<&'t BStr> {
    let rest = text.get(text.find(key)?.checked_add(key.len())?..)?;
    Some(rest.lines().next().unwrap_or_default().as_bstr())
}

fn backing(text: &[u8]) -> Result<Option<Backing>, Fault> {
    let Some(rest) = value(text, "parentFileNameHint") else { return Ok(None) };
    let name = rest.strip_prefix(b"=\"").and_then(|name| name.split_once_str("\"")).map(|(name, _)| name);
    match name {
        // A parent is of the same format.
        Some(name) => Ok(Some(Backing { name: name.into(), format: Some("vmdk".into()) })),
        None => Err(Fault::damaged("the name of its parent is not understood")),
    }
}

fn content_id(text: &[u8], key: &str) -> Result<BString, Fault> {
    let line = text.lines().find_map(|l| l.strip_prefix(key.as_bytes())).unwrap_or_default().trim();
    if line.is_empty() || line.len() > 8 || !line.iter().all(u8::is_ascii_hexdigit) {
        return Err(Fault::damaged("a content ID of its descriptor is not understood"));
    }
    Ok(line.into())
}

fn descriptor(text: &[u8]) -> Result<Descriptor, Fault> {
    let wanted = value(text, "createType=").map(|v| v.trim_with(|c| c == '"' || c.is_whitespace()).as_bstr());
    let kind = KINDS.iter().find(|k| wanted.is_some_and(|w| w == **k));
    let kind = kind.ok_or_else(|| Fault::damaged("its kind of VMDK is not known"))?;
    let mut extents = Vec::new();
    for line in text.lines() {
        let first = line.trim_start().split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if matches!(first, b"RW" | b"RDONLY" | b"NOACCESS") {
            extents.push(extent(line).ok_or_else(|| Fault::damaged("an extent of its descriptor is not understood"))?);
        }
        if extents.len() > EXTENTS_MAX {
            return Err(Fault::damaged("its descriptor has too many extents"));
        }
    }
    let (content, parent) = (content_id(text, "CID=")?, content_id(text, "parentCID=")?);
    Ok(Descriptor { content_id: content, parent_id: parent, kind, extents })
}

/// `RW SECTORS KIND "NAME" [OFFSET]`; the other kinds of access and extents qemu would skip.
fn extent(line: &[u8]) -> Option<Extent> {
    const FLAT: [&str; 2] = ["FLAT", "VMFS"];
    const SPARSE: [&str; 3] = ["SPARSE", "VMFSSPARSE", "SESPARSE"];
    let (before, rest) = line.split_once_str("\"")?;
    let (name, after) = rest.split_once_str("\"")?;
    let mut words = before.fields();
    let (access, sectors, kind) = (words.next()?, words.next()?, words.next()?);
    if access != b"RW" || words.next().is_some() || name.is_empty() || name.len() > 511 {
        return None;
    }
    let kind = FLAT.iter().chain(&SPARSE).find(|k| k.as_bytes() == kind)?;
    let number = |word: &[u8]| word.to_str().ok()?.parse::<u64>().ok().filter(|n| i64::try_from(*n).is_ok());
    let offset = match after.trim() {
        b"" => 0,
        word => number(word)?,
    };
    Some(Extent { sectors: number(sectors).filter(|n| *n > 0)?, kind, name: name.into(), offset })
}
