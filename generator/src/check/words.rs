//! Rules about words from closed lists, and about versions.

use super::{Findings, Subject};
use crate::diag::{nearest, Code, Diagnostic};
use crate::model::step::Scenario;
use crate::model::types::{Spelt, FLAGS};
use crate::model::{ShellOutput, Version, Visibility};
use crate::source::At;

/// Flags, visibility, shell output and scenarios are known words.
pub fn words(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        for flag in &call.flags {
            word(Some(flag), "a flag", &FLAGS, out);
        }
        word(call.visibility.as_ref(), "a visibility", &Visibility::all(), out);
        word(call.shell_output.as_ref(), "a kind of output", &ShellOutput::all(), out);
        for test in &call.tests {
            word(test.on.as_ref(), "a test scenario", &Scenario::all(), out);
        }
    }
}

fn word(at: Option<&At<String>>, what: &str, known: &[&str], out: &mut Findings) {
    let Some(at) = at else { return };
    if !known.contains(&at.as_str()) {
        let help =
            nearest(at.as_str(), known.iter().copied()).unwrap_or_else(|| format!("there are: {}", known.join(", ")));
        out.push(Diagnostic::new(Code::UnknownWord, &at.span, format!("`{}` is not {what}", at.value)).help(help));
    }
}

/// Versions have three numbers.
pub fn versions(s: &Subject<'_>, out: &mut Findings) {
    let calls = s.raw.calls.iter().flat_map(|c| {
        let deprecated = c.deprecated.as_ref().and_then(|d| d.since.as_ref());
        c.since.as_ref().into_iter().chain(deprecated)
    });
    for at in calls.chain(s.raw.meta.version.as_ref()) {
        if Version::parse(at.as_str()).is_none() {
            let d = Diagnostic::new(Code::Version, &at.span, format!("`{}` is not a version", at.value));
            out.push(d.help("a version has three numbers: 1.2.3"));
        }
    }
}

/// Every call that programs may rely on says since when it is there.
pub fn since(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        let test =
            call.visibility.as_ref().is_some_and(|v| Visibility::parse(v.as_str()) == Some(Visibility::BindTest));
        if call.since.is_none() && !call.is_broken("since") && !test {
            let message = format!("`since` is missing in [call.{}]", call.name.value);
            let version = s.raw.meta.version.as_ref().map_or("1.2.3", |v| v.as_str());
            out.push(
                Diagnostic::new(Code::MissingKey, &call.name.span, message)
                    .help(format!("for a new call, since = \"{version}\"")),
            );
        }
    }
}
