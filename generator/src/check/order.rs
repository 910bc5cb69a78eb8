//! Rules about the order of the file, so that everything is found where it is looked for.

use super::{Findings, Subject};
use crate::diag::{Code, Diagnostic};
use crate::source::raw::{Banner, RawCall};
use crate::source::step::is_errno;

/// Section of a call: `daemon: files`.
fn section(call: &RawCall) -> Option<String> {
    call.module().map(|(side, module)| format!("{side}: {}", module.value))
}

/// Sections of calls come once each, in alphabetical order.
pub fn sections(s: &Subject<'_>, out: &mut Findings) {
    let calls: Vec<&Banner> = s.raw.banners.iter().filter(|b| b.title.contains(": ")).collect();
    for pair in calls.windows(2) {
        let [before, after] = pair else { continue };
        if after.title <= before.title {
            let message = format!("the section `{}` belongs before `{}`", after.title, before.title);
            out.push(Diagnostic::new(Code::Order, &after.span, message).help("`cargo gen fmt` puts it there"));
        }
    }
}

/// A call stands in its module's section, in alphabetical order.
pub fn calls(s: &Subject<'_>, out: &mut Findings) {
    let mut previous: Option<&RawCall> = None;
    for call in &s.raw.calls {
        let Some(section) = section(call) else { continue };
        let banner = s.raw.banners.iter().rev().find(|b| b.span.start < call.name.span.start);
        if banner.is_none_or(|b| b.title != section) {
            let found = banner.map_or("no banner".to_owned(), |b| format!("the banner `{}`", b.title));
            let message = format!("`{}` stands below {found}", call.name.value);
            let d = Diagnostic::new(Code::Banner, &call.name.span, message);
            out.push(d.help(format!("move it below `# ── {section} ──`, or run `cargo gen fmt`")));
        }
        if let Some(before) = previous.filter(|p| self::section(p).as_ref() == Some(&section)) {
            if call.name.value < before.name.value {
                let message = format!("`{}` belongs before `{}`", call.name.value, before.name.value);
                out.push(Diagnostic::new(Code::Order, &call.name.span, message).help("`cargo gen fmt` puts it there"));
            }
        }
        previous = Some(call);
    }
}

/// Groups are in alphabetical order.
pub fn groups(s: &Subject<'_>, out: &mut Findings) {
    for pair in s.raw.groups.windows(2) {
        let [before, after] = pair else { continue };
        if after.name.value < before.name.value {
            let message = format!("group `{}` belongs before `{}`", after.name.value, before.name.value);
            out.push(Diagnostic::new(Code::Order, &after.name.span, message).help("groups are in alphabetical order"));
        }
    }
}

/// Names of errno values are in alphabetical order, each once: they are searched by halves.
pub fn errnos(s: &Subject<'_>, out: &mut Findings) {
    for name in &s.raw.meta.errnos {
        if !is_errno(name.as_str()) {
            let d = Diagnostic::new(Code::BadName, &name.span, format!("`{}` is no name of an errno", name.value));
            out.push(d.help("it is E and capital letters or digits"));
        }
    }
    for pair in s.raw.meta.errnos.windows(2) {
        let [before, after] = pair else { continue };
        if after.value <= before.value {
            let message = format!("`{}` belongs before `{}`", after.value, before.value);
            out.push(Diagnostic::new(Code::Order, &after.span, message).help("errnos are in alphabetical order"));
        }
    }
}
