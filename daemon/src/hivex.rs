//! Family `hivex`: hives of the Windows Registry.
//!
//! In: the path of a hive, then handles of nodes and values in it. Out: what they are, and changed hives.
//! libhivex works in a process of its own (`worker`): a hive that crashes it closes that hive and no more.

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::worker::{Library, Worker};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts;
use guestfs_protocol::structs::{HivexNode, HivexValue};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags};

static HIVEX: Library = Library { name: "hivex", thing: "hive", opener: "hivex_open" };

// hivex(3), `hivex_open`.
const VERBOSE: i32 = 1;
const DEBUG: i32 = 2;
const WRITE: i32 = 4;
const UNSAFE: i32 = 8;

/// Open a hive in place of the one that is open, if one is.
pub fn hivex_open(ctx: &mut Ctx, filename: &GuestPath, opts: &opts::HivexOpenOpts) -> Result<()> {
    HIVEX.forget(ctx);
    let words = [(opts.verbose, VERBOSE), (opts.debug, DEBUG), (opts.write, WRITE), (opts.r#unsafe, UNSAFE)];
    let flags = words.iter().filter(|(given, _)| *given == Some(true)).fold(0, |all, (_, flag)| all | flag);
    let worker = open(ctx, filename, flags)?;
    HIVEX.keep(ctx, worker);
    Ok(())
}

/// A hive to look at, beside the one that is open: also when it is damaged, as far as it can be read.
pub(crate) fn open_to_look(ctx: &Ctx, path: &GuestPath) -> Result<Worker> {
    open(ctx, path, UNSAFE)
}

/// A worker with a hive open.
fn open(ctx: &Ctx, path: &GuestPath, flags: i32) -> Result<Worker> {
    let file = path.open(ctx, OFlags::RDONLY, Mode::empty())?;
    let size = regular(&file).context(path)?;
    let mut worker = Worker::start(ctx, &HIVEX, path.as_bstr())?;
    worker.grant(size);
    // One that is to be changed is read as a whole, and its file closed.
    if flags & WRITE == 0 {
        worker.reads(&file).context(path)?;
    }
    worker.call::<()>(ctx, "open", (file.as_fd(), flags)).map_err(|e| match e.errno() {
        Some(errno @ (Errno::OPNOTSUPP | Errno::INVAL)) => {
            let text = "is not a hive of the Windows Registry, or is damaged at its head";
            Error::new(errno, text).context(path)
        }
        _ => e.context(path),
    })?;
    Ok(worker)
}

/// The size of a file that must be a regular one.
fn regular(file: &OwnedFd) -> Result<u64> {
    let stat = rustix::fs::fstat(file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(u64::try_from(stat.st_size).unwrap_or_default()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        _ => Err(Error::invalid("is not a regular file")),
    }
}

/// Close the hive.
pub fn hivex_close(ctx: &mut Ctx) -> Result<()> {
    HIVEX.close(ctx)
}

/// Write the hive to a file of the guest, or to the one that it came from.
pub fn hivex_commit(ctx: &mut Ctx, filename: Option<&BStr>) -> Result<()> {
    let from = HIVEX.subject(ctx)?;
    let path = GuestPath::parse(ctx, filename.unwrap_or(from.as_bstr()))?;
    let file = path.open(ctx, OFlags::WRONLY | OFlags::CREATE, Mode::from_raw_mode(0o666))?;
    regular(&file).context(&path)?;
    HIVEX.call(ctx, "commit", (file.as_fd(),)).context(&path)
}

/// The handle of the hive's root.
pub fn hivex_root(ctx: &mut Ctx) -> Result<i64> {
    HIVEX.call(ctx, "root", ())
}

/// The name of a node.
pub fn hivex_node_name(ctx: &mut Ctx, nodeh: i64) -> Result<BString> {
    HIVEX.call(ctx, "node_name", (nodeh,)).with_context(|| node(nodeh))
}

/// The nodes right below a node.
pub fn hivex_node_children(ctx: &mut Ctx, nodeh: i64) -> Result<Vec<HivexNode>> {
    let handles: Vec<i64> = HIVEX.call(ctx, "node_children", (nodeh,)).with_context(|| node(nodeh))?;
    Ok(handles.into_iter().map(|hivex_node_h| HivexNode { hivex_node_h }).collect())
}

/// The node of this name right below a node, or 0.
pub fn hivex_node_get_child(ctx: &mut Ctx, nodeh: i64, name: &BStr) -> Result<i64> {
    HIVEX.call(ctx, "node_get_child", (nodeh, name)).with_context(|| node(nodeh))
}

/// The node that a node is right below.
pub fn hivex_node_parent(ctx: &mut Ctx, nodeh: i64) -> Result<i64> {
    HIVEX.call(ctx, "node_parent", (nodeh,)).with_context(|| node(nodeh))
}

/// The values of a node.
pub fn hivex_node_values(ctx: &mut Ctx, nodeh: i64) -> Result<Vec<HivexValue>> {
    let handles: Vec<i64> = HIVEX.call(ctx, "node_values", (nodeh,)).with_context(|| node(nodeh))?;
    Ok(handles.into_iter().map(|hivex_value_h| HivexValue { hivex_value_h }).collect())
}

/// The value of this name of a node, or 0.
pub fn hivex_node_get_value(ctx: &mut Ctx, nodeh: i64, key: &BStr) -> Result<i64> {
    HIVEX.call(ctx, "node_get_value", (nodeh, key)).with_context(|| node(nodeh))
}

/// The name of a value.
pub fn hivex_value_key(ctx: &mut Ctx, valueh: i64) -> Result<BString> {
    HIVEX.call(ctx, "value_key", (valueh,)).with_context(|| value(valueh))
}

/// The type of a value.
pub fn hivex_value_type(ctx: &mut Ctx, valueh: i64) -> Result<i64> {
    HIVEX.call(ctx, "value_type", (valueh,)).with_context(|| value(valueh))
}

/// The data of a value.
pub fn hivex_value_value(ctx: &mut Ctx, valueh: i64) -> Result<Vec<u8>> {
    let data: BString = HIVEX.call(ctx, "value_value", (valueh,)).with_context(|| value(valueh))?;
    Ok(data.into())
}

/// The data of a value as text.
pub fn hivex_value_string(ctx: &mut Ctx, valueh: i64) -> Result<BString> {
    utf8(&hivex_value_value(ctx, valueh)?).with_context(|| value(valueh))
}

/// The same.
pub fn hivex_value_utf8(ctx: &mut Ctx, valueh: i64) -> Result<BString> {
    hivex_value_string(ctx, valueh)
}

/// Make a node below another.
pub fn hivex_node_add_child(ctx: &mut Ctx, parent: i64, name: &BStr) -> Result<i64> {
    HIVEX.call(ctx, "node_add_child", (parent, name)).with_context(|| node(parent))
}

/// Delete a node and all below it.
pub fn hivex_node_delete_child(ctx: &mut Ctx, nodeh: i64) -> Result<()> {
    HIVEX.call(ctx, "node_delete_child", (nodeh,)).with_context(|| node(nodeh))
}

/// Set a value of a node.
pub fn hivex_node_set_value(ctx: &mut Ctx, nodeh: i64, key: &BStr, t: i64, val: &[u8]) -> Result<()> {
    let kind = i32::try_from(t).map_err(|_| Error::invalid(format!("{t} is no type of a value")))?;
    HIVEX.call(ctx, "node_set_value", (nodeh, key, kind, val.as_bstr())).with_context(|| node(nodeh))
}

fn node(handle: i64) -> String {
    format!("node {handle}")
}

fn value(handle: i64) -> String {
    format!("value {handle}")
}

/// The characters of UTF-16LE up to the first zero character.
pub fn characters(data: &[u8]) -> impl Iterator<Item = std::result::Result<char, std::char::DecodeUtf16Error>> + '_ {
    char::decode_utf16(units(data).take_while(|unit| *unit != 0))
}

fn units(data: &[u8]) -> impl Iterator<Item = u16> + '_ {
    data.chunks_exact(2).map(|pair| pair.iter().rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
}

/// UTF-16LE as UTF-8, up to the first zero character.
fn utf8(data: &[u8]) -> Result<BString> {
    let invalid = |what: &str| Error::new(Errno::ILSEQ, format!("the data are not UTF-16LE: {what}"));
    if units(data).all(|unit| unit != 0) && data.len() % 2 != 0 {
        return Err(invalid("they end in the middle of a character"));
    }
    let mut text = String::new();
    for c in characters(data) {
        text.push(c.map_err(|e| invalid(&format!("{:#06x} is half of a character", e.unpaired_surrogate())))?);
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_values() {
        let le = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(utf8(&le("Windows \u{e4}\u{1f600}")).unwrap(), "Windows \u{e4}\u{1f600}");
        assert_eq!(utf8(&le("one\0two\0\0")).unwrap(), "one");
        assert_eq!(utf8(b"").unwrap(), "");
        assert_eq!(utf8(b"\0\0x").unwrap(), "");
        for (bytes, part) in [
            (&b"a\0b"[..], "in the middle"),
            (b"a\0\x00\xd8b\0", "0xd800 is half"),
            (b"\x00\xdc", "0xdc00 is half"),
            (b"\x00\xd8", "0xd800 is half"),
        ] {
            let e = utf8(bytes).unwrap_err();
            assert!(e.errno() == Some(Errno::ILSEQ) && e.to_string().contains(part), "{e}");
        }
    }
}
