//! Rules about the tests beside each call.

use super::{steps, Findings, Subject};
use crate::diag::{Code, Diagnostic};
use crate::model::step::{Scenario, Step, Test};
use crate::model::types::Spelt;
use crate::source::raw::{RawCall, RawTest};

/// A call has tests, or says why not.
pub fn present(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        let excused = call.is_broken("test") || call.is_broken("untested");
        let reason = call.untested.as_ref().is_some_and(|u| !u.value.trim().is_empty());
        if call.tests.is_empty() && !reason && !excused {
            let message = format!("[call.{}] has no tests", call.name.value);
            let d = Diagnostic::new(Code::Untested, &call.name.span, message);
            out.push(d.help(format!("add [[call.{}.test]], or say untested = \"why\"", call.name.value)));
        }
    }
}

/// Tests of every call in the order of the model, their steps parsed and type-checked.
pub fn steps(s: &Subject<'_>, out: &mut Findings) -> Vec<Vec<Test>> {
    let raw = |name: &str| s.raw.calls.iter().find(|c| c.name.value == name);
    s.api.calls.iter().map(|c| raw(&c.name).map(|r| of_call(s, r, out)).unwrap_or_default()).collect()
}

fn of_call(s: &Subject<'_>, call: &RawCall, out: &mut Findings) -> Vec<Test> {
    call.tests
        .iter()
        .map(|t| Test {
            scenario: t.on.as_ref().and_then(|on| Scenario::parse(on.as_str())).unwrap_or(Scenario::None),
            steps: of_test(s, t, out),
        })
        .collect()
}

fn of_test(s: &Subject<'_>, test: &RawTest, out: &mut Findings) -> Vec<Step> {
    let mut good = Vec::new();
    for line in &test.steps {
        match steps::check(s.api, line.as_str()) {
            Ok(step) => good.push(step),
            Err(e) => {
                let rest = line.value.get(e.offset..).unwrap_or("");
                let word = rest.find(' ').unwrap_or(rest.len()).max(1);
                let span = line.part(s.text, e.offset..(e.offset + word).min(line.value.len()));
                let help = "a step is a shell command line, then => EXPECT";
                out.push(Diagnostic::new(Code::Step, &span, e.message).help(help));
            }
        }
    }
    good
}
