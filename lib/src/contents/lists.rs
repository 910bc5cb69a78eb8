//! Facts about many files of one directory.
//!
//! In: a directory and names in it, any number of them. Out: one answer a name. The daemon is asked
//! for a batch at a time; a batch whose answer is too long for a message is asked for in halves.

use super::without_nanoseconds;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::{Stat, Statns, Xattr};

/// Most names in a batch: the longest links that there are then fit a reply, as structs do by far.
const BATCH: usize = 1000;
/// Most bytes of names in a batch, so that a request fits a message.
const BATCH_BYTES: usize = 1 << 20;

/// A call that answers for one batch.
type Ask<'a, T> = dyn Fn(&[BString]) -> Result<Vec<T>> + 'a;
/// How many names an answer is for, or what is wrong with it.
type Count<T> = fn(&[T]) -> Result<usize, &'static str>;

/// How many of `names` make the next batch; at least one, if there are any.
fn batch(names: &[BString]) -> usize {
    let mut bytes = 0usize;
    let fits = |name: &&BString| {
        bytes = bytes.saturating_add(name.len()).saturating_add(8);
        bytes <= BATCH_BYTES
    };
    names.iter().take(BATCH).take_while(fits).count().max(1).min(names.len())
}

/// Ask for all names, and check that there is an answer for each.
fn all<T>(g: &Handle, call: &str, names: &[BString], ask: &Ask<'_, T>, count: Count<T>) -> Result<Vec<T>> {
    let mut answers = Vec::new();
    let mut rest = names;
    // Once at least: the directory may not be one.
    loop {
        let (now, later) = rest.split_at_checked(batch(rest)).unwrap_or_default();
        answers.extend(some(g, call, now, ask, count)?);
        rest = later;
        if rest.is_empty() {
            return Ok(answers);
        }
    }
}

fn some<T>(g: &Handle, call: &str, names: &[BString], ask: &Ask<'_, T>, count: Count<T>) -> Result<Vec<T>> {
    let wrong = |why: &str| {
        Error::new(ErrorKind::Protocol, format!("{call}: the daemon sent a wrong answer: {why}"))
            .with_errno(libc::EPROTO)
    };
    match g.quietly(|_| ask(names)) {
        Ok(answers) => match count(&answers) {
            Ok(n) if n == names.len() => Ok(answers),
            Ok(n) => Err(wrong(&format!("{n} entries for {} names", names.len()))),
            Err(why) => Err(wrong(why)),
        },
        Err(e) if names.len() > 1 && matches!(e.errno(), libc::EMSGSIZE | libc::E2BIG) => {
            let (first, second) = names.split_at_checked(names.len() / 2).unwrap_or_default();
            let mut answers = some(g, call, first, ask, count)?;
            answers.extend(some(g, call, second, ask, count)?);
            Ok(answers)
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn lstatnslist(g: &Handle, path: &BStr, names: &[BString]) -> Result<Vec<Statns>> {
    all(g, "lstatnslist", names, &|names| g.internal_lstatnslist(path, names), |a| Ok(a.len()))
}

pub(crate) fn lstatlist(g: &Handle, path: &BStr, names: &[BString]) -> Result<Vec<Stat>> {
    Ok(g.lstatnslist(path, names)?.iter().map(without_nanoseconds).collect())
}

pub(crate) fn readlinklist(g: &Handle, path: &BStr, names: &[BString]) -> Result<Vec<BString>> {
    all(g, "readlinklist", names, &|names| g.internal_readlinklist(path, names), |a| Ok(a.len()))
}

pub(crate) fn lxattrlist(g: &Handle, path: &BStr, names: &[BString]) -> Result<Vec<Xattr>> {
    all(g, "lxattrlist", names, &|names| g.internal_lxattrlist(path, names), |list| Ok(by_file(list)?.len()))
}

/// A list of attributes cut into files: each begins with an entry without a name, whose value is the number
/// of its attributes, or nothing if they could not be read.
pub(crate) fn by_file(list: &[Xattr]) -> Result<Vec<Option<&[Xattr]>>, &'static str> {
    let mut rest = list;
    let mut files = Vec::new();
    while let Some((head, more)) = rest.split_first() {
        if !head.attrname.is_empty() {
            return Err("an attribute that belongs to no file");
        }
        // Upstream's daemon counts the end of its string in.
        let digits = head.attrval.0.strip_suffix(b"\0").unwrap_or(&head.attrval.0);
        let attributes = match digits {
            [] => 0,
            digits => digits.to_str().ok().and_then(|d| d.parse().ok()).ok_or("a number of attributes that is none")?,
        };
        let known = !digits.is_empty();
        let (own, later) = more.split_at_checked(attributes).ok_or("fewer attributes than it says")?;
        if own.iter().any(|a| a.attrname.is_empty()) {
            return Err("an attribute without a name");
        }
        files.push(known.then_some(own));
        rest = later;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{bounded, ready};
    use guestfs_protocol::args::{InternalLstatnslistArgs, InternalReadlinklistArgs};
    use guestfs_protocol::xdr::{from_slice, Opaque};
    use std::sync::mpsc::channel;

    fn numbered(n: usize) -> Vec<BString> {
        (0..n).map(|i| i.to_string().into()).collect()
    }

    #[test]
    fn long_lists_come_in_batches() {
        bounded(|| {
            let (seen, sizes) = channel();
            let g = ready(move |mut peer| {
                while let Some((header, body)) = peer.request() {
                    let args: InternalLstatnslistArgs = from_slice(&body).unwrap();
                    seen.send(args.names.len()).unwrap();
                    let one =
                        |n: &BString| Statns { st_ino: n.to_str().unwrap().parse().unwrap(), ..Statns::default() };
                    peer.ok(&header, &args.names.iter().map(one).collect::<Vec<_>>());
                }
            });
            let stats = g.lstatlist("/d", &numbered(2500)).unwrap();
            assert!(stats.iter().map(|s| s.ino).eq(0..2500));
            assert!(g.lstatnslist("/d", &numbered(0)).unwrap().is_empty());
            g.lstatnslist("/d", &numbered(1000)).unwrap();
            drop(g);
            assert_eq!(sizes.iter().collect::<Vec<_>>(), [1000, 1000, 500, 0, 1000]);
        });
    }

    #[test]
    fn long_names_make_smaller_batches() {
        let names: Vec<BString> = vec![BString::from(vec![b'x'; 400 << 10]); 5];
        assert_eq!((batch(&names), batch(&[]), batch(&numbered(3))), (2, 0, 3));
        assert_eq!(batch(&[vec![b'x'; 9 << 20].into(), "y".into()]), 1);
    }

    #[test]
    fn an_answer_that_is_too_long_comes_in_halves() {
        bounded(|| {
            let g = ready(|mut peer| {
                while let Some((header, body)) = peer.request() {
                    let args: InternalReadlinklistArgs = from_slice(&body).unwrap();
                    if args.names.len() > 3 {
                        peer.error(&header, "EMSGSIZE", "result is larger than a protocol message can be");
                    } else {
                        peer.ok(&header, &args.names);
                    }
                }
            });
            assert_eq!(g.readlinklist("/", &numbered(20)).unwrap(), numbered(20));
            assert!(g.last_error().is_none(), "nobody need know");
            let g = ready(|mut peer| {
                while let Some((header, _)) = peer.request() {
                    peer.error(&header, "EMSGSIZE", "too long");
                }
            });
            let e = g.readlinklist("/", &numbered(20)).unwrap_err();
            assert_eq!((e.errno(), g.last_error().unwrap().errno()), (libc::EMSGSIZE, libc::EMSGSIZE));
        });
    }

    #[test]
    fn wrong_answers_are_told() {
        bounded(|| {
            let g = ready(|mut peer| {
                while let Some((header, _)) = peer.request() {
                    peer.ok(&header, &vec![BString::from("only one")]);
                }
            });
            let e = g.readlinklist("/", &["a", "b"]).unwrap_err();
            assert_eq!(e.message(), "readlinklist: the daemon sent a wrong answer: 1 entries for 2 names");
            assert_eq!(e.errno(), libc::EPROTO);
            g.readlinklist("/", &["a"]).unwrap();
        });
    }

    fn list(entries: &[(&str, &[u8])]) -> Vec<Xattr> {
        entries.iter().map(|(n, v)| Xattr { attrname: (*n).into(), attrval: Opaque(v.to_vec()) }).collect()
    }

    #[test]
    fn attributes_belong_to_files() {
        let good =
            [("", &b"2"[..]), ("user.a", b"x"), ("user.b", b""), ("", b""), ("", b"0"), ("", b"1\0"), ("c", b"2")];
        let good = list(&good);
        let cut = by_file(&good).unwrap();
        assert_eq!(cut, [good.get(1..3), None, Some(&[]), good.get(6..7)]);
        assert!(by_file(&[]).unwrap().is_empty());
        let bad: [&[(&str, &[u8])]; 7] = [
            &[("a", b"")],
            &[("", b"1")],
            &[("", b"1"), ("", b"0")],
            &[("", b"x")],
            &[("", b"-1")],
            &[("", b"99999999999999999999999"), ("a", b"")],
            &[("", b"0"), ("a", b"")],
        ];
        for entries in bad {
            assert!(by_file(&list(entries)).is_err(), "{entries:?}");
        }
    }
}
