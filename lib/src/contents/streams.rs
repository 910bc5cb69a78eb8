//! Lists that may be longer than a message: the daemon streams their entries.
//!
//! In: a call with a FileOut and its stream. Out: structs. Most streams are XDR structs one after the
//! other; the journal's are fields of its own form. All of it is from the guest or through the daemon,
//! so nothing is taken for granted.

use super::{collect, Budget, IN_MEMORY};
use crate::call::CallInfo;
use crate::client::info;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::trace::Trace;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::args;
use guestfs_protocol::structs::{TskDirent, Xattr, YaraDetection};
use guestfs_protocol::xdr::{self, Decoder, Opaque, Xdr, XdrError};

/// Bytes of a field's length.
const LENGTH: usize = 8;

fn broken(call: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Protocol, format!("{call}: the daemon sent a broken entry: {why}")).with_errno(libc::EPROTO)
}

/// Entries one after the other, without a count: the stream's end is the list's end.
pub(super) fn entries<T: Xdr>(mut budget: Budget, bytes: &[u8]) -> Result<Vec<T>> {
    let mut d = Decoder::new(bytes);
    let mut entries = Vec::new();
    while d.remaining() > 0 {
        let before = d.remaining();
        let entry = d.get::<T>().map_err(|e| match e {
            XdrError::Memory(bytes) => Error::no_memory(budget.call, bytes),
            e => broken(budget.call, &e).with_cause(e),
        })?;
        budget.charge::<T>(before.saturating_sub(d.remaining()))?;
        xdr::push(&mut entries, entry).map_err(|_| Error::no_memory(budget.call, size_of::<T>()))?;
    }
    Ok(entries)
}

/// What an internal call streams.
fn stream(
    g: &Handle,
    info: &'static CallInfo,
    args: &(impl Xdr + Sync),
    trace: impl FnOnce(&mut Trace),
) -> Result<Vec<u8>> {
    collect(|sink| {
        let trace = |t: &mut Trace| {
            trace(t);
            t.str("filename", IN_MEMORY);
        };
        g.wrapped(info, trace, |g| g.rpc_stream(info, 0, args, None, Some(sink)))
    })
}

pub(crate) fn filesystem_walk(g: &Handle, device: &BStr) -> Result<Vec<TskDirent>> {
    let args = args::InternalFilesystemWalkArgs { device: device.into() };
    let bytes = stream(g, &info::INTERNAL_FILESYSTEM_WALK, &args, |t| t.str("device", device))?;
    entries(Budget::new("filesystem_walk"), &bytes)
}

pub(crate) fn find_inode(g: &Handle, device: &BStr, inode: i64) -> Result<Vec<TskDirent>> {
    let args = args::InternalFindInodeArgs { device: device.into(), inode };
    let bytes = stream(g, &info::INTERNAL_FIND_INODE, &args, |t| {
        t.str("device", device);
        t.int("inode", inode);
    })?;
    entries(Budget::new("find_inode"), &bytes)
}

pub(crate) fn yara_scan(g: &Handle, path: &BStr) -> Result<Vec<YaraDetection>> {
    let args = args::InternalYaraScanArgs { path: path.into() };
    let bytes = stream(g, &info::INTERNAL_YARA_SCAN, &args, |t| t.str("path", path))?;
    entries(Budget::new("yara_scan"), &bytes)
}

pub(crate) fn journal_get(g: &Handle) -> Result<Vec<Xattr>> {
    fields(&stream(g, &info::INTERNAL_JOURNAL_GET, &(), |_| {})?)
}

/// Fields `NAME=value`, each after its length in eight bytes, most significant first.
fn fields(mut bytes: &[u8]) -> Result<Vec<Xattr>> {
    let broken = |why: &str| broken("journal_get", why);
    let mut fields = Vec::new();
    let mut budget = Budget::new("journal_get");
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<LENGTH>().ok_or_else(|| broken("half a length"))?;
        let length = usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (field, rest) =
            rest.split_at_checked(length).ok_or_else(|| broken("it is shorter than its length says"))?;
        let (name, value) = field.split_once_str("=").ok_or_else(|| broken("a field without '='"))?;
        if name.is_empty() || name.contains(&0) {
            return Err(broken("a field whose name is no name"));
        }
        budget.charge::<Xattr>(length)?;
        let copies = xdr::copy(name).and_then(|n| Ok((n, xdr::copy(value)?)));
        let (name, value) = copies.map_err(|_| Error::no_memory("journal_get", length))?;
        xdr::push(&mut fields, Xattr { attrname: BString::from(name), attrval: Opaque(value) })
            .map_err(|_| Error::no_memory("journal_get", length))?;
        bytes = rest;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{bounded, largest_allocation, ready};
    use guestfs_protocol::args::{InternalFindInodeArgs, InternalYaraScanArgs};
    use guestfs_protocol::message::Header;
    use guestfs_protocol::procs;
    use guestfs_protocol::xdr::{from_slice, to_vec, Char};

    fn field(text: &[u8]) -> Vec<u8> {
        [&(text.len() as u64).to_be_bytes()[..], text].concat()
    }

    fn attribute(name: &str, value: &[u8]) -> Xattr {
        Xattr { attrname: name.into(), attrval: Opaque(value.to_vec()) }
    }

    /// A handle whose daemon streams these bytes, in small chunks, to every call.
    fn streaming(bytes: Vec<u8>, check: impl Fn(&Header, &[u8]) + Send + 'static) -> Handle {
        ready(move |mut peer| {
            while let Some((header, body)) = peer.request() {
                check(&header, &body);
                peer.ok(&header, &());
                bytes.chunks(7).for_each(|chunk| {
                    peer.send_chunk(false, chunk);
                });
                peer.send_chunk(false, &[]);
            }
        })
    }

    #[test]
    fn the_journals_fields() {
        bounded(|| {
            let long = [b"MESSAGE=".to_vec(), vec![0xff; 100_000]].concat();
            let bytes = [field(b"_PID=1"), field(b"EMPTY="), field(b"A=b=c\0\n"), field(&long)].concat();
            let want = [
                attribute("_PID", b"1"),
                attribute("EMPTY", b""),
                attribute("A", b"b=c\0\n"),
                attribute("MESSAGE", &vec![0xff; 100_000]),
            ];
            let g = streaming(bytes, |header, _| assert_eq!(header.proc, procs::INTERNAL_JOURNAL_GET));
            assert_eq!(g.journal_get().unwrap(), want);
            assert_eq!(g.journal_get().unwrap().len(), 4);
            assert!(streaming(Vec::new(), |_, _| {}).journal_get().unwrap().is_empty());
        });
    }

    #[test]
    fn hostile_fields() {
        let whole = [field(b"A=1"), field(b"B=2")].concat();
        for cut in 1..whole.len() {
            // Between the fields it is a shorter list.
            assert_eq!(fields(&whole[..cut]).is_ok(), cut == LENGTH + 3, "{cut}");
        }
        for bad in [&b""[..], b"no equals sign", b"=value", b"A\0B=c"] {
            assert_eq!(fields(&field(bad)).unwrap_err().errno(), libc::EPROTO, "{bad:?}");
        }
        let largest = largest_allocation(|| {
            for length in [u64::MAX, 1 << 63, 1 << 40, 4] {
                assert!(fields(&[&length.to_be_bytes()[..], b"A=1"].concat()).is_err());
            }
        });
        assert!(largest < 4096, "{largest}");
    }

    fn dirent(name: &str) -> TskDirent {
        let (tsk_inode, tsk_size, tsk_flags) = (u64::MAX, -1, 1);
        TskDirent {
            tsk_inode,
            tsk_size,
            tsk_flags,
            tsk_type: Char(b'r'),
            tsk_name: name.into(),
            ..TskDirent::default()
        }
    }

    #[test]
    fn entries_of_a_file_system() {
        bounded(|| {
            let want = [dirent("a"), dirent("lost and found"), dirent("")];
            let bytes: Vec<u8> = want.iter().flat_map(|d| to_vec(d).unwrap()).collect();
            let g = streaming(bytes.clone(), |header, body| {
                if header.proc == procs::INTERNAL_FIND_INODE {
                    let args: InternalFindInodeArgs = from_slice(body).unwrap();
                    assert_eq!((args.device, args.inode), ("/dev/sda1".into(), 77));
                }
            });
            assert_eq!(g.filesystem_walk("/dev/sda1").unwrap(), want);
            assert_eq!(g.find_inode("/dev/sda1", 77).unwrap(), want);
            let mut ends = Vec::new();
            for cut in 0..=bytes.len() {
                match entries::<TskDirent>(Budget::new("x"), &bytes[..cut]) {
                    Ok(list) => ends.push(list.len()),
                    Err(e) => assert_eq!(e.errno(), libc::EPROTO),
                }
            }
            assert_eq!(ends, [0, 1, 2, 3]);
            let g = streaming(bytes[..bytes.len() - 4].to_vec(), |_, _| {});
            let e = g.filesystem_walk("/dev/sda1").unwrap_err();
            assert!(e.message().starts_with(b"filesystem_walk: the daemon sent a broken entry: "), "{e}");
        });
    }

    #[test]
    fn matches_of_rules() {
        bounded(|| {
            let want = [
                YaraDetection { yara_name: "/f".into(), yara_rule: "first".into() },
                YaraDetection { yara_name: "/f".into(), yara_rule: "second".into() },
            ];
            let bytes: Vec<u8> = want.iter().flat_map(|d| to_vec(d).unwrap()).collect();
            let g = streaming(bytes, |_, body| {
                assert_eq!(from_slice::<InternalYaraScanArgs>(body).unwrap().path, "/f");
            });
            assert_eq!(g.yara_scan("/f").unwrap(), want);
        });
    }

    #[test]
    fn what_is_not_there_is_said() {
        bounded(|| {
            let g = ready(|mut peer| {
                while let Some((header, _)) = peer.request() {
                    peer.error(&header, "ENOTSUP", "group not available");
                }
            });
            assert_eq!(g.journal_get().unwrap_err().errno(), libc::ENOTSUP);
            assert_eq!(g.filesystem_walk("/dev/sda").unwrap_err().errno(), libc::ENOTSUP);
            assert_eq!(g.yara_scan("/f").unwrap_err().errno(), libc::ENOTSUP);
        });
    }
}
