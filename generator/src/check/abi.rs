//! The rule that the ABI only grows.
//!
//! In: `abi.txt` as an earlier version wrote it, and the model. Out: what was removed, renamed, re-typed or
//! re-ordered since. The lines themselves are written by `emit/abi.rs`; both speak through [`Facts`].

use super::{Findings, Subject};
use crate::diag::{Code, Diagnostic};
use crate::emit::abi::{lines, Facts};
use std::collections::BTreeMap;
use std::ops::Range;

/// Everything that was there is there still.
pub fn drift(s: &Subject<'_>, out: &mut Findings) {
    let Some(old) = s.abi else { return };
    let now: BTreeMap<String, Facts> = lines(s.api).into_iter().collect();
    for (number, line) in old.lines().enumerate().filter(|(_, l)| !l.starts_with('#') && !l.is_empty()) {
        let Some((key, facts)) = Facts::parse(line) else {
            let message = format!("line {} of abi.txt is not understood: {line}", number + 1);
            out.push(Diagnostic::new(Code::AbiDrift, &(0..0), message).help("restore the file from version control"));
            continue;
        };
        match now.get(&key) {
            None => out.push(broken(&(0..0), format!("{key} is gone"))),
            Some(new) => {
                let place = place(s, &key);
                out.extend(facts.changes(new).into_iter().map(|c| broken(&place, format!("{key}: {c}"))));
            }
        }
    }
}

fn broken(span: &Range<usize>, message: String) -> Diagnostic {
    let help = "programs rely on it: undo the change, or accept it with `cargo gen --accept-abi`";
    Diagnostic::new(Code::AbiDrift, span, message).help(help)
}

/// Header of the thing a line is about.
fn place(s: &Subject<'_>, key: &str) -> Range<usize> {
    let (kind, name) = key.split_once(' ').unwrap_or((key, ""));
    let mut names: Box<dyn Iterator<Item = _>> = match kind {
        "call" => Box::new(s.raw.calls.iter().map(|c| &c.name)),
        "struct" => Box::new(s.raw.structs.iter().map(|c| &c.name)),
        "event" => Box::new(s.raw.events.iter().map(|c| &c.name)),
        _ => Box::new(s.raw.groups.iter().map(|c| &c.name)),
    };
    names.find(|n| n.value == name).map_or(0..0, |n| n.span.clone())
}
