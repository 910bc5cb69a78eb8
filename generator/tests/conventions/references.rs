//! Which modules a crate's sources name.
//!
//! In: the sources of a crate. Out: a [`Reference`] for each `crate::…`, `super::…` and each path through a
//! module's own child. Read from the text, not from a syntax tree, because much is named within macros.

use super::{sources, Source};

/// `from` names `to`: paths of modules, of which the latter may end in an item.
pub struct Reference {
    /// `FILE:LINE`.
    pub at: String,
    pub from: String,
    pub to: String,
}

/// The modules of the crate with this `src` directory, but for those of tests.
pub fn modules(src: &str) -> Vec<String> {
    sources().iter().filter_map(|s| module_of(src, &s.path)).collect()
}

/// What they name of their crate.
pub fn of_crate(src: &str) -> Vec<Reference> {
    let mut out = Vec::new();
    for source in sources() {
        let Some(from) = module_of(src, &source.path) else { continue };
        for (line, to) in named(&source, &from) {
            out.push(Reference { at: format!("{}:{line}", source.path), from: from.clone(), to });
        }
    }
    out
}

/// The path of a source's module, without `crate::`; the root is called `crate`.
fn module_of(src: &str, path: &str) -> Option<String> {
    let rest = path.strip_prefix(src)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let rest = rest.strip_suffix("/mod").unwrap_or(rest);
    match rest {
        "lib" | "main" => Some("crate".into()),
        // A program of its own: it sees the crate from outside.
        _ if rest.starts_with("bin/") => None,
        _ => Some(rest.replace('/', "::")),
    }
}

fn named(source: &Source, from: &str) -> Vec<(usize, String)> {
    let parent = from.rsplit_once("::").map_or("", |(parent, _)| parent);
    let grandparent = parent.rsplit_once("::").map_or("", |(parent, _)| parent);
    let children: Vec<String> = children(&source.text);
    let mut out = Vec::new();
    for (n, line) in lines(&source.text) {
        let mut found = |base: &str, at: &str| {
            for path in paths(at) {
                let full = [base, &path].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join("::");
                out.push((n, full));
            }
        };
        for (i, _) in line.match_indices("crate::") {
            if starts_word(&line, i) {
                found("", &line[i + 7..]);
            }
        }
        for (i, _) in line.match_indices("super::") {
            let rest = &line[i + 7..];
            match rest.strip_prefix("super::") {
                Some(rest) => found(grandparent, rest),
                None if starts_word(&line, i) => found(parent, rest),
                // The second word of a pair, which was seen with the first.
                None => {}
            }
        }
        for child in &children {
            for (i, _) in line.match_indices(&format!("{child}::")) {
                if starts_word(&line, i) {
                    found(if from == "crate" { "" } else { from }, &line[i..]);
                }
            }
        }
    }
    out
}

/// Statements as lines: what a `use` names in braces may go over several.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (n, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        if open {
            out.last_mut().expect("a line that was open").1.push_str(code);
        } else {
            out.push((n + 1, code.to_owned()));
        }
        let begins = ["use ", "pub use ", "pub(crate) use "].iter().any(|w| code.starts_with(w));
        open = (open || begins) && !code.ends_with(';');
    }
    out
}

fn starts_word(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The names of `mod NAME;`.
fn children(text: &str) -> Vec<String> {
    let declared = text.lines().filter_map(|l| l.trim().strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name));
    declared.filter(|n| n.chars().all(|c| c.is_alphanumeric() || c == '_')).map(str::to_owned).collect()
}

/// All paths of what follows, `a::{b, c::d}` being two.
fn paths(text: &str) -> Vec<String> {
    let (name, rest) = text.split_at(text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()));
    if name.is_empty() {
        return match text.strip_prefix('{') {
            Some(inside) => group(inside).iter().flat_map(|part| paths(part)).collect(),
            None => Vec::new(),
        };
    }
    let below = rest.strip_prefix("::").map(paths).unwrap_or_default();
    if below.is_empty() || name == "self" {
        vec![name.to_owned()]
    } else {
        below.iter().map(|b| if b == "self" { name.to_owned() } else { format!("{name}::{b}") }).collect()
    }
}

/// The parts of a group, up to its closing brace.
fn group(inside: &str) -> Vec<&str> {
    let (mut depth, mut from, mut out) = (0, 0, Vec::new());
    for (i, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                out.push(inside[from..i].trim());
                from = i + 1;
            }
            '}' => {
                out.push(inside[from..i].trim());
                break;
            }
            _ => {}
        }
    }
    out
}

#[test]
fn groups_are_taken_apart() {
    assert_eq!(paths("a::{self, b::{C, d}, e::*};"), ["a", "a::b::C", "a::b::d", "a::e"]);
    assert_eq!(paths("{x, y::z};"), ["x", "y::z"]);
    assert_eq!(paths("run::Tool::new(x)"), ["run::Tool::new"]);
}

#[test]
fn references_are_resolved() {
    let text = "//! x\nmod child;\nuse crate::low::{A,\n  b::B};\nuse super::other::X;\nfn f() { child::g(crate::h::i()); } // crate::no\n";
    let source = Source { path: "s/a/b.rs".into(), text: text.into(), lines: 6 };
    let named: Vec<String> = named(&source, "a::b").into_iter().map(|(n, to)| format!("{n} {to}")).collect();
    assert_eq!(named, ["3 low::A", "3 low::b::B", "5 a::other::X", "6 h::i", "6 a::b::child::g"]);
}
