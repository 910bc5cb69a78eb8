//! Rules about sides, wire numbers and event bits.

use super::{Findings, Subject};
use crate::diag::{Code, Diagnostic};
use std::collections::BTreeMap;

/// Highest wire number we hand out; the wire itself has 31 bits.
const MAX_PROC: i64 = 65535;

/// A call is in the daemon or in the library, in one module.
pub fn sides(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        let message = match (&call.daemon, &call.library) {
            _ if call.is_broken("daemon") || call.is_broken("library") => continue,
            (None, None) => "is neither in the daemon nor in the library",
            (Some(_), Some(_)) => "is both in the daemon and in the library",
            _ => continue,
        };
        let d = Diagnostic::new(Code::Side, &call.name.span, format!("`{}` {message}", call.name.value));
        out.push(d.help("say daemon = \"MODULE\" or library = \"MODULE\""));
    }
    for (_, module) in s.raw.calls.iter().filter_map(|c| c.module()) {
        if !crate::source::signature::is_name(module.as_str()) {
            let message = format!("`{}` is not the name of a Rust module", module.value);
            out.push(Diagnostic::new(Code::BadName, &module.span, message));
        }
    }
}

/// Daemon calls have a wire number in range, library calls have none.
pub fn numbers(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        match (&call.daemon, &call.proc) {
            (Some(_), None) if !call.is_broken("proc") => {
                let d = Diagnostic::new(
                    Code::ProcPresence,
                    &call.name.span,
                    format!("`{}` has no wire number", call.name.value),
                );
                out.push(d.help(format!("the next free one is proc = {}", next_free(s))));
            }
            (None, Some(proc)) if call.library.is_some() => {
                let d = Diagnostic::new(Code::ProcPresence, &proc.span, "a library call has no wire number");
                out.push(d.help("remove proc"));
            }
            (_, Some(proc)) if !(1..=MAX_PROC).contains(&proc.value) => {
                let message = format!("wire number {} is not between 1 and {MAX_PROC}", proc.value);
                out.push(Diagnostic::new(Code::ProcRange, &proc.span, message));
            }
            _ => {}
        }
    }
}

/// No two calls share a wire number.
pub fn duplicates(s: &Subject<'_>, out: &mut Findings) {
    let mut seen: BTreeMap<i64, &str> = BTreeMap::new();
    for call in &s.raw.calls {
        let Some(proc) = &call.proc else { continue };
        match seen.get(&proc.value) {
            Some(first) => {
                let message = format!("wire number {} already belongs to `{first}`", proc.value);
                let d = Diagnostic::new(Code::DuplicateProc, &proc.span, message);
                out.push(d.help(format!("the next free one is {}", next_free(s))));
            }
            None => {
                seen.insert(proc.value, call.name.as_str());
            }
        }
    }
}

fn next_free(s: &Subject<'_>) -> i64 {
    next_proc(s.raw.calls.iter().filter_map(|c| c.proc.as_ref()).map(|p| p.value))
}

/// The number after the highest one in use, and after upstream's highest (522 in 1.61), whose numbers
/// stay reserved for upstream's calls.
pub fn next_proc(used: impl Iterator<Item = i64>) -> i64 {
    const UPSTREAM: i64 = 522;
    used.filter(|p| *p <= MAX_PROC).max().unwrap_or(0).max(UPSTREAM) + 1
}

/// Event bits count up from 0 without gaps.
pub fn events(s: &Subject<'_>, out: &mut Findings) {
    for (expected, event) in s.raw.events.iter().enumerate() {
        let Some(bit) = &event.bit else { continue };
        if usize::try_from(bit.value) != Ok(expected) {
            let message = format!("event `{}` has bit {}, {expected} is next", event.name.value, bit.value);
            out.push(
                Diagnostic::new(Code::EventBits, &bit.span, message).help("bits are part of the ABI: only append"),
            );
        }
    }
}
