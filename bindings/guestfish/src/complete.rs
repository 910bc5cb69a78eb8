//! Completion at the prompt: commands, optional arguments, devices and files of the guest, files of the host.
//!
//! In: the line up to the cursor. Out: what could stand there. Looking into the guest makes API calls,
//! whose errors are ignored; `--no-dest-paths` forbids that.

use crate::command::{find, listing, Command, Found, Kind};
use crate::words::is_host_file;
use bstr::{BString, ByteSlice};
use guestfs::{Handle, State};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper, Result};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// The handle of the moment: `reopen` replaces it.
pub type Current = Rc<RefCell<Arc<Handle>>>;

/// Most names offered from one directory of the guest.
const MAX_NAMES: usize = 10_000;

/// See the module.
pub struct Completion {
    handle: Current,
    guest: bool,
    files: FilenameCompleter,
}

impl Completion {
    /// `guest`: look into the guest.
    pub fn new(handle: Current, guest: bool) -> Self {
        Completion { handle, guest, files: FilenameCompleter::new() }
    }

    fn guest_names(&self, word: &str) -> Vec<String> {
        let handle = Arc::clone(&self.handle.borrow());
        if !self.guest || handle.state() != State::Ready {
            return Vec::new();
        }
        let names = if word.starts_with("/dev/") || "/dev/".starts_with(word) {
            devices(&handle)
        } else {
            Vec::new()
        };
        let mut out: Vec<String> = names.iter().filter_map(|n| n.to_str().ok().map(str::to_owned)).collect();
        if !word.starts_with("/dev/") {
            out.extend(entries(&handle, word));
        }
        out.retain(|name| name.len() >= word.len() && name.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word)));
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
fn entries(handle: &Handle, word: &str) -> Vec<String> {
    let Some((dir, _)) = word.rsplit_once('/') else { return Vec::new() };
    let listed = handle.readdir(if dir.is_empty() { "/" } else { dir }).unwrap_or_default();
    let names = listed.iter().take(MAX_NAMES).filter(|e| e.name != "." && e.name != "..");
    names
        .filter_map(|e| {
            let slash = if e.ftyp.0 == b'd' { "/" } else { "" };
            Some(format!("{dir}/{}{slash}", e.name.to_str().ok()?))
        })
        .collect()
}

/// What may stand at a place.
#[derive(Debug)]
enum Place {
    Command,
    Option(&'static Command),
    HostFile,
    Guest,
    Boolean,
    Unknown,
}

/// The place at the end of `line`, whose last word is `word`.
fn place(line: &str, word: &str) -> Place {
    let before = line.strip_suffix(word).unwrap_or(line).trim_start_matches([' ', '\t', '-']);
    let mut words: Vec<&str> = before.split_ascii_whitespace().collect();
    while matches!(words.first(), Some(&"glob" | &"time" | &"not")) {
        words.remove(0);
    }
    let Some((name, args)) = words.split_first() else { return Place::Command };
    match find(name.as_bytes()) {
        Some(Found::Api(command)) => match command.typed_params().nth(args.len()) {
            Some(p) if is_host_file(p.kind) => Place::HostFile,
            Some(p) if p.kind == Kind::Bool => Place::Boolean,
            Some(p) if matches!(p.kind, Kind::Int | Kind::Int64) => Place::Unknown,
            // A plain string may be a mount point or a file to be added: what it begins with tells.
            Some(p) if p.kind == Kind::Str && !word.starts_with('/') => Place::HostFile,
            Some(_) => Place::Guest,
            None => Place::Option(command),
        },
        Some(Found::Own(own)) => match own.about.name {
            "help" => Place::Command,
            "lcd" | "alloc" | "sparse" | "copy-in" => Place::HostFile,
            _ if word.starts_with('/') => Place::Guest,
            _ => Place::HostFile,
        },
        None => Place::HostFile,
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, cx: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let line = line.get(..pos).unwrap_or(line);
        let start = line.rfind([' ', '\t']).map_or(0, |at| at + 1);
        let word = line.get(start..).unwrap_or_default();
        let names: Vec<String> = match place(line, word) {
            Place::Command => listing().iter().map(|(name, _)| (*name).to_owned()).collect(),
            Place::Option(command) => command.opts.iter().map(|o| format!("{}:", o.name)).collect(),
            Place::Boolean => vec!["true".into(), "false".into()],
            Place::Guest => self.guest_names(word),
            Place::HostFile => return self.files.complete(line, pos, cx),
            Place::Unknown => Vec::new(),
        };
        let word = word.trim_start_matches('-').to_ascii_lowercase();
        let start = pos - word.len().min(pos);
        let matching = names.into_iter().filter(|n| n.to_ascii_lowercase().starts_with(&word));
        Ok((start, matching.map(candidate).collect()))
    }
}

/// A name as it is shown and as it is put into the line: done, unless more must follow.
fn candidate(name: String) -> Pair {
    let open = name.ends_with('/') || name.ends_with(':');
    let quoted = if name.contains([' ', '\t', '\'', '"']) { quote(&name) } else { name.clone() };
    Pair { display: name, replacement: if open { quoted } else { quoted + " " } }
}

fn quote(name: &str) -> String {
    if name.contains('\'') {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{name}'")
    }
}

impl Helper for Completion {}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Hinter for Completion {
    type Hint = String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert!(matches!(place("mk", "mk"), Place::Command));
        assert!(matches!(place("-mk", "-mk"), Place::Command));
        assert!(matches!(place("time mk", "mk"), Place::Command));
        assert!(matches!(place("help mk", "mk"), Place::Command));
        assert!(matches!(place("cat /e", "/e"), Place::Guest));
        assert!(matches!(place("glob cat ", ""), Place::Guest));
        assert!(matches!(place("upload x", "x"), Place::HostFile));
        assert!(matches!(place("upload x /", "/"), Place::Guest));
        assert!(matches!(place("add x", "x"), Place::HostFile));
        assert!(matches!(place("set-trace t", "t"), Place::Boolean));
        assert!(matches!(place("mkfs ext4 /dev/sda1 la", "la"), Place::Option(c) if c.name == "mkfs"));
    }

    #[test]
    fn candidates() {
        assert_eq!(candidate("a b".into()).replacement, "'a b' ");
        assert_eq!(candidate("/dir/".into()).replacement, "/dir/");
        assert_eq!(candidate("it's".into()).replacement, "\"it's\" ");
    }
}
