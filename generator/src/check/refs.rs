//! Rules about references from one thing to another.

use super::{Findings, Subject};
use crate::diag::{nearest, Code, Diagnostic};

/// `group` names a group.
pub fn groups(s: &Subject<'_>, out: &mut Findings) {
    let known = || s.raw.groups.iter().map(|g| g.name.as_str());
    for group in s.raw.calls.iter().filter_map(|c| c.group.as_ref()) {
        if !known().any(|g| g == group.as_str()) {
            let d = Diagnostic::new(Code::UnknownGroup, &group.span, format!("there is no group `{}`", group.value));
            out.push(d.maybe_help(nearest(group.as_str(), known())));
        }
    }
}

/// `deprecated.use` names another call.
pub fn replacements(s: &Subject<'_>, out: &mut Findings) {
    let known = || s.raw.calls.iter().map(|c| c.name.as_str());
    for call in &s.raw.calls {
        let Some(instead) = call.deprecated.as_ref().and_then(|d| d.use_instead.as_ref()) else { continue };
        if *instead.as_str() == call.name.value {
            let message = "a call cannot replace itself";
            out.push(Diagnostic::new(Code::UnknownCall, &instead.span, message));
        } else if !known().any(|c| c == instead.as_str()) {
            let d = Diagnostic::new(Code::UnknownCall, &instead.span, format!("there is no call `{}`", instead.value));
            out.push(d.maybe_help(nearest(instead.as_str(), known())));
        }
    }
}
