//! What images of the QCOW family name: qcow2, its forerunner qcow, and QED.
//!
//! In: an open image. Out: its backing file and its data file, as its header has them. Formats: qemu's
//! docs/interop/qcow2.txt and docs/interop/qed_spec.txt; what is said there loosely is read as qemu 7.2 does.

use super::head::{be32, be64, le32, le64, Head};
use super::{Backing, Fault, References};

const MAGIC: &[u8] = b"QFI\xfb";
/// Longest name of a backing file (qcow2.txt).
const NAME_MAX: usize = 1023;
/// Incompatible feature: guest data are in a file of their own.
const DATA_FILE: u64 = 1 << 2;
/// Header extensions.
const EXT_BACKING_FORMAT: u32 = 0xe279_2aca;
const EXT_DATA_FILE: u32 = 0x4441_5441;
/// More than the specification has kinds of.
const EXTENSIONS_MAX: usize = 64;

fn length(len: u32) -> Result<usize, Fault> {
    let len = usize::try_from(len).ok().filter(|len| *len <= NAME_MAX);
    len.ok_or_else(|| Fault::damaged("the name of its backing file is too long"))
}

pub(super) fn qcow2(image: &Head<'_>) -> Result<References, Fault> {
    let header = image.all(0, 72)?;
    if !header.starts_with(MAGIC) {
        return Err(Fault::damaged("it is not in the format qcow2"));
    }
    let (version, cluster_bits) = (be32(&header, 4), be32(&header, 20));
    if !(9..=21).contains(&cluster_bits) {
        return Err(Fault::damaged("its cluster size is impossible"));
    }
    let cluster = 1u64 << cluster_bits;
    let (incompatible, extensions) = match version {
        2 => (0, 72),
        3 => {
            let more = image.all(72, 32)?;
            (be64(&more, 0), u64::from(be32(&more, 28)))
        }
        _ => return Err(Fault::damaged("its version of qcow2 is not known")),
    };
    if !(72..=cluster).contains(&extensions) {
        return Err(Fault::damaged("the length of its header is impossible"));
    }
    let (name_at, name_len) = (be64(&header, 8), length(be32(&header, 16))?);
    let end = if name_at == 0 { cluster } else { name_at };
    if end > cluster {
        return Err(Fault::damaged("the name of its backing file lies outside the header"));
    }
    let mut found = References::default();
    let mut format = None;
    let mut data = None;
    let mut at = extensions;
    for n in 0.. {
        if at >= end {
            break;
        }
        if n == EXTENSIONS_MAX {
            return Err(Fault::damaged("it has too many header extensions"));
        }
        let extension = image.all(at, 8)?;
        let (kind, len) = (be32(&extension, 0), be32(&extension, 4));
        at = at.saturating_add(8);
        if u64::from(len) > end.saturating_sub(at) {
            return Err(Fault::damaged("a header extension is longer than the header"));
        }
        match kind {
            0 => break,
            EXT_BACKING_FORMAT => format = Some(image.text(at, length(len)?)?),
            EXT_DATA_FILE => data = Some(image.text(at, length(len)?)?),
            _ => {}
        }
        at = at.saturating_add(u64::from(len).next_multiple_of(8));
    }
    if incompatible & DATA_FILE != 0 {
        // qemu wants to be told then.
        found.data = Some(data.ok_or_else(|| Fault::damaged("it does not name its data file"))?);
    }
    if name_at != 0 && name_len > 0 {
        let name = image.text(name_at, name_len)?;
        found.backing = Some(Backing { name, format: format.filter(|f| !f.is_empty()) });
    }
    Ok(found)
}

pub(super) fn qcow(image: &Head<'_>) -> Result<References, Fault> {
    let header = image.all(0, 48)?;
    if !header.starts_with(MAGIC) || be32(&header, 4) != 1 {
        return Err(Fault::damaged("it is not in the format qcow"));
    }
    let (name_at, name_len) = (be64(&header, 8), length(be32(&header, 16))?);
    let mut found = References::default();
    if name_at != 0 {
        // The format has no place to say in which format the backing file is.
        found.backing = Some(Backing { name: image.text(name_at, name_len)?, format: None });
    }
    Ok(found)
}

pub(super) fn qed(image: &Head<'_>) -> Result<References, Fault> {
    const BACKING_FILE: u64 = 1;
    const BACKING_IS_RAW: u64 = 1 << 2;
    let header = image.all(0, 64)?;
    if !header.starts_with(b"QED\0") {
        return Err(Fault::damaged("it is not in the format qed"));
    }
    let features = le64(&header, 16);
    let mut found = References::default();
    if features & BACKING_FILE != 0 {
        let name = image.text(le32(&header, 56).into(), length(le32(&header, 60))?)?;
        let format = (features & BACKING_IS_RAW != 0).then(|| "raw".into());
        found.backing = Some(Backing { name, format });
    }
    Ok(found)
}
