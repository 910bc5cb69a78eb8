//! Rules about statements that contradict each other.

use super::{Findings, Subject};
use crate::diag::{Code, Diagnostic};
use crate::model::types::Spelt;
use crate::model::{RetType, ShellOutput};
use crate::source::raw::RawCall;
use std::ops::Range;

/// What is said about one call fits together.
pub fn contradictions(s: &Subject<'_>, out: &mut Findings) {
    for group in &s.raw.groups {
        if let (Some(_), Some(builtin)) = (&group.retired, &group.builtin) {
            let message = "a retired group is available without being builtin";
            out.push(Diagnostic::new(Code::Contradiction, &builtin.span, message).help("remove one or the other"));
        }
    }
    for call in &s.raw.calls {
        for (span, message, help) in mistakes(call) {
            out.push(Diagnostic::new(Code::Contradiction, &span, message).help(help));
        }
    }
}

fn mistakes(call: &RawCall) -> Vec<(Range<usize>, String, &'static str)> {
    let mut out = Vec::new();
    let flag = |name: &str| call.flags.iter().find(|f| f.as_str() == name);
    if let Some(plain) = call.plain_name_without_options.as_ref().filter(|_| call.opts.is_empty()) {
        let message = "plain-name-without-options on a call that has no options".into();
        out.push((plain.span.clone(), message, "it is for calls that got options later"));
    }
    if let Some(untested) = call.untested.as_ref().filter(|_| !call.tests.is_empty()) {
        out.push((untested.span.clone(), "`untested` on a call that has tests".into(), "remove one or the other"));
    }
    if let (Some(f), Some(_)) = (flag("nonblocking"), &call.daemon) {
        out.push((f.span.clone(), "a daemon call always waits for the daemon".into(), "remove nonblocking"));
    }
    if let (Some(f), Some(_)) = (flag("no-wrapper"), &call.daemon) {
        out.push((f.span.clone(), "a daemon call cannot do without the lock".into(), "remove no-wrapper"));
    }
    if let (Some(f), Some(_)) = (flag("config-only"), &call.daemon) {
        out.push((f.span.clone(), "before launch there is no daemon to call".into(), "remove config-only"));
    }
    for (i, f) in call.flags.iter().enumerate() {
        if call.flags.iter().take(i).any(|g| g.value == f.value) {
            out.push((f.span.clone(), format!("the flag `{}` is given twice", f.value), "remove one"));
        }
    }
    let int =
        matches!(call.ret.as_ref().and_then(|r| RetType::parse(r.ty.as_str())), Some(RetType::Int | RetType::Int64));
    if let Some(o) = call.shell_output.as_ref().filter(|o| ShellOutput::parse(o.as_str()).is_some() && !int) {
        out.push((o.span.clone(), format!("{} output of a result that is no integer", o.value), "remove shell.output"));
    }
    if let Some(f) = flag("signed").filter(|_| !int || call.library.is_some()) {
        out.push((f.span.clone(), "only a number that the daemon sends can be signed or not".into(), "remove signed"));
    }
    out
}
