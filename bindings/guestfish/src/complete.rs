//! Completion at the prompt: commands, optional arguments, devices and files of the guest, files of the host.
//!
//! In: the line up to the cursor. Out: what could stand there. Looking into the guest makes API calls,
//! whose errors are ignored; `--no-dest-paths` forbids that. Names are somebody else's: what could move the
//! cursor, or would not be read back as one word, is escaped.

use crate::catalogue::{find, listing, Found};
use crate::current::Current;
use crate::parse;
use crate::signature::{Kind, Signature};
use crate::words::is_host_file;
use bstr::{BStr, BString, ByteSlice};
use guestfs::{Handle, State};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper, Result};
use std::cell::RefCell;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// Most names offered from one directory.
const MAX_NAMES: usize = 10_000;

/// See the module.
pub struct Completion {
    handle: Current,
    guest: bool,
    /// The lines are those of a `-<<END` upload.
    pub uploading: bool,
    /// The line as far as it was typed.
    begun: RefCell<String>,
}

impl Completion {
    /// `guest`: look into the guest.
    pub fn new(handle: Current, guest: bool) -> Self {
        Completion { handle, guest, uploading: false, begun: RefCell::default() }
    }

    /// The line as far as it was typed since the last call.
    pub fn take_begun(&self) -> String {
        self.begun.take()
    }

    fn guest_names(&self, word: &BStr) -> Vec<BString> {
        let handle = Arc::clone(&self.handle.borrow());
        if !self.guest || handle.state() != State::Ready {
            return Vec::new();
        }
        let mut out =
            if word.starts_with(b"/dev/") || b"/dev/".starts_with(word) { devices(&handle) } else { Vec::new() };
        if !word.starts_with(b"/dev/") {
            out.extend(entries(&handle, word));
        }
        out
    }
}

/// Devices, partitions and volumes of the guest.
fn devices(handle: &Handle) -> Vec<BString> {
    let mut names = handle.list_devices().unwrap_or_default();
    names.extend(handle.list_partitions().unwrap_or_default());
    names.extend(handle.lvs().unwrap_or_default());
    names
}

/// Paths in the directory that `word` is in; directories end in a slash.
fn entries(handle: &Handle, word: &BStr) -> Vec<BString> {
    let directory = directory(word);
    if directory.is_empty() {
        return Vec::new();
    }
    let begun = word.get(directory.len()..).unwrap_or_default();
    let listed = handle.readdir(directory).unwrap_or_default();
    let names = listed.iter().filter(|e| e.name != "." && e.name != ".." && begins(&e.name, begun));
    names.take(MAX_NAMES).map(|e| path(directory, &e.name, e.ftyp.0 == b'd')).collect()
}

/// The same for files of the host, but no more than `most`.
fn host_files(word: &BStr, most: usize) -> Vec<BString> {
    let directory = directory(word);
    let place = if directory.is_empty() { b"." } else { directory };
    let listed = place.to_path().ok().and_then(|p| p.read_dir().ok());
    let begun = word.get(directory.len()..).unwrap_or_default();
    let found = listed.into_iter().flatten().flatten().filter(|e| e.file_name().as_bytes().starts_with(begun));
    // Through a link.
    let named = found.take(most).map(|e| path(directory, e.file_name().as_bytes(), e.path().is_dir()));
    let mut names: Vec<BString> = named.collect();
    names.sort();
    names
}

/// Whether `name` begins as it was typed; case does not matter.
fn begins(name: &[u8], typed: &[u8]) -> bool {
    name.get(..typed.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(typed))
}

/// `word` up to its last slash.
fn directory(word: &BStr) -> &[u8] {
    word.get(..word.rfind_byte(b'/').map_or(0, |at| at + 1)).unwrap_or_default()
}

fn path(directory: &[u8], name: &[u8], is_directory: bool) -> BString {
    let slash: &[u8] = if is_directory { b"/" } else { b"" };
    [directory, name, slash].concat().into()
}

/// What may stand at a place.
#[derive(Debug)]
enum Place {
    Command,
    Option(Signature),
    HostFile,
    Guest,
    Boolean,
    Unknown,
}

/// The words of a line and where each begins. The last is the one at the cursor, which may be empty, or in
/// quotes that are not closed yet.
fn words(line: &str) -> Vec<(usize, BString)> {
    let mut out = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        rest = rest.trim_start_with(|c| c == ' ' || c == '\t');
        let (word, tail): (BString, &[u8]) = match rest {
            [b'"', inside @ ..] => match parse::double_quoted(inside) {
                Ok((word, tail)) => (word.text, tail),
                Err(_) => {
                    let closed = [inside, b"\""].concat();
                    (parse::double_quoted(&closed).map_or_else(|_| inside.into(), |(word, _)| word.text), b"")
                }
            },
            [b'\'', inside @ ..] => match inside.split_once_str(b"'") {
                Some((word, tail)) => (word.into(), tail),
                None => (inside.into(), b""),
            },
            _ => {
                let (word, tail) = rest.split_at(rest.find_byteset(b" \t").unwrap_or(rest.len()));
                (word.into(), tail)
            }
        };
        out.push((line.len() - rest.len(), word));
        rest = tail;
        if rest.is_empty() {
            return out;
        }
    }
}

/// The place of `word`, which follows `before`.
fn place(before: &[(usize, BString)], word: &BStr) -> Place {
    let mut words: Vec<&[u8]> = before.iter().map(|(_, w)| w.trim_start_with(|c| c == '-')).collect();
    // A lone dash is a mark for what follows.
    while matches!(words.first(), Some(&b"" | &b"glob" | &b"time" | &b"not")) {
        words.remove(0);
    }
    let Some((name, args)) = words.split_first() else { return Place::Command };
    match find(name) {
        Some(Found::Api(command)) => match command.signature().typed_params().nth(args.len()) {
            Some(p) if is_host_file(p.kind) => Place::HostFile,
            Some(p) if p.kind == Kind::Bool => Place::Boolean,
            Some(p) if matches!(p.kind, Kind::Int | Kind::Int64) => Place::Unknown,
            // A plain string may be a mount point or a file to be added: what it begins with tells.
            Some(p) if p.kind == Kind::Str && !word.starts_with(b"/") => Place::HostFile,
            Some(_) => Place::Guest,
            None => Place::Option(command.signature()),
        },
        Some(Found::Own(own)) => match own.name {
            "help" => Place::Command,
            "lcd" | "alloc" | "sparse" | "copy-in" => Place::HostFile,
            _ if word.starts_with(b"/") => Place::Guest,
            _ => Place::HostFile,
        },
        None => Place::HostFile,
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let typed = line.get(..pos).unwrap_or(line);
        // A tab of something that is pasted.
        if self.uploading || typed.trim().is_empty() {
            return Ok((pos, vec![Pair { display: String::new(), replacement: "\t".into() }]));
        }
        let words = words(typed);
        let Some(((start, word), before)) = words.split_last() else { return Ok((pos, Vec::new())) };
        let (mut start, mut word) = (*start, word.as_bstr());
        let names: Vec<BString> = match place(before, word) {
            Place::Command => {
                let name = word.trim_start_with(|c| c == '-').as_bstr();
                start += word.len() - name.len();
                word = name;
                listing().iter().map(|(name, _)| BString::from(*name)).collect()
            }
            Place::Option(command) => command.opts.iter().map(|o| format!("{}:", o.name).into()).collect(),
            Place::Boolean => vec!["true".into(), "false".into()],
            Place::Guest => self.guest_names(word),
            Place::HostFile => host_files(word, MAX_NAMES),
            Place::Unknown => Vec::new(),
        };
        Ok((start, names.iter().filter(|n| begins(n, word)).map(candidate).collect()))
    }
}

/// A name as it is shown and as it is put into the line: done, unless more must follow, in the same quotes.
fn candidate(name: &BString) -> Pair {
    let mut replacement = quote(name);
    if !name.ends_with(b"/") && !name.ends_with(b":") {
        replacement.push(' ');
    } else if replacement.starts_with(['\'', '"']) {
        replacement.pop();
    }
    Pair { display: escape(name, &[]), replacement }
}

fn quote(name: &BString) -> String {
    let escaped = escape(name, &['\\', '"']);
    match name.to_str() {
        Ok(text) if !text.contains(char::is_control) && !text.contains('\'') => {
            if text.contains([' ', '"']) || text.starts_with(['|', '~']) {
                format!("'{text}'")
            } else {
                text.to_owned()
            }
        }
        _ => format!("\"{escaped}\""),
    }
}

/// Control characters and bytes that are no text as `\xHH`, and `marked` characters after a backslash.
fn escape(name: &BString, marked: &[char]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                hexadecimal(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            if marked.contains(&c) {
                out.push('\\');
            }
            out.push(c);
        }
        hexadecimal(&mut out, chunk.invalid());
    }
    out
}

fn hexadecimal(out: &mut String, bytes: &[u8]) {
    bytes.iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
}

impl Helper for Completion {}
impl Highlighter for Completion {}
impl Validator for Completion {}

/// Called whenever the line has changed.
impl Hinter for Completion {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        line.clone_into(&mut self.begun.borrow_mut());
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> Place {
        let words = words(line);
        let ((_, word), before) = words.split_last().unwrap();
        place(before, word.as_bstr())
    }

    #[test]
    fn places() {
        for line in ["mk", "-mk", "- mk", "time mk", "help mk", ""] {
            assert!(matches!(at(line), Place::Command), "{line}");
        }
        for line in ["cat /e", "glob cat ", "upload x /", "upload 'x y' /", "cat \"/a b", "cat '/a b/'"] {
            assert!(matches!(at(line), Place::Guest), "{line}");
        }
        for line in ["upload x", "add x", "upload 'x y"] {
            assert!(matches!(at(line), Place::HostFile), "{line}");
        }
        assert!(matches!(at("set-trace t"), Place::Boolean));
        assert!(matches!(at("mkfs ext4 /dev/sda1 la"), Place::Option(c) if c.name == "mkfs"));
    }

    #[test]
    fn names_in_a_large_directory() {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str| drop(std::fs::File::create(directory.path().join(name)).unwrap());
        // Whichever end the directory is read from.
        make("wanted-1");
        (0..20).for_each(|n| make(&n.to_string()));
        make("wanted-2");
        let begun = directory.path().join("wanted-").to_str().unwrap().to_owned();
        assert_eq!(host_files(begun.as_bytes().as_bstr(), 10), [format!("{begun}1"), format!("{begun}2")]);
    }

    #[test]
    fn words_so_far() {
        let cases: &[(&str, &[(usize, &str)])] = &[
            ("", &[(0, "")]),
            ("a b", &[(0, "a"), (2, "b")]),
            (" a ", &[(1, "a"), (3, "")]),
            ("a 'b c' \"d\\x20e\"", &[(0, "a"), (2, "b c"), (8, "d e")]),
            ("a 'b c", &[(0, "a"), (2, "b c")]),
            ("a \"b\\x20c", &[(0, "a"), (2, "b c")]),
            ("a \"b\\", &[(0, "a"), (2, "b\\")]),
            ("\"", &[(0, "")]),
        ];
        for (line, expected) in cases {
            let expected: Vec<(usize, BString)> = expected.iter().map(|(at, w)| (*at, BString::from(*w))).collect();
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn candidates() {
        let cases: &[(&[u8], &str, &str)] = &[
            (b"a b", "a b", "'a b' "),
            (b"/dir/", "/dir/", "/dir/"),
            (b"/a dir/", "/a dir/", "'/a dir/"),
            (b"/it's/", "/it's/", "\"/it's/"),
            (b"it's", "it's", "\"it's\" "),
            (b"\x1b[2Jx", "\\x1b[2Jx", "\"\\x1b[2Jx\" "),
            ("\u{9b}é".as_bytes(), "\\xc2\\x9bé", "\"\\xc2\\x9bé\" "),
            (b"\xff\\", "\\xff\\", "\"\\xff\\\\\" "),
            (b"a\\b", "a\\b", "a\\b "),
            (b"|x", "|x", "'|x' "),
        ];
        for (name, display, replacement) in cases {
            let pair = candidate(&BString::from(*name));
            assert_eq!((pair.display.as_str(), pair.replacement.as_str()), (*display, *replacement));
            // What is put into the line is read back as the name.
            let (_, word) = words(&pair.replacement).swap_remove(0);
            assert_eq!(word, *name);
        }
    }
}
