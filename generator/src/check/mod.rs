//! The rules. Emitters trust what passed here.
//!
//! In: the text of `api.toml` and of the ABI it must keep. Out: the resolved [`Api`], or every diagnostic
//! at once. Each rule is a small function from [`Subject`] to findings; `RULES` is the list of them all.

pub mod abi;
pub mod codes;
mod docs;
mod names;
mod order;
mod procs;
mod refs;
mod sense;
pub mod steps;
mod tests;
mod types;
mod words;

pub use procs::next_proc;

use crate::diag::Diagnostic;
use crate::model::{resolve, Api};
use crate::source::raw::RawApi;

/// What the rules look at.
pub struct Subject<'a> {
    /// The file, for places inside strings.
    pub text: &'a str,
    pub raw: &'a RawApi,
    /// The model; parts with mistakes are left out of it.
    pub api: &'a Api,
    /// `abi.txt` as it was, unless changes to it are being accepted.
    pub abi: Option<&'a str>,
}

/// Findings of all rules.
pub type Findings = Vec<Diagnostic>;

type Rule = fn(&Subject<'_>, &mut Findings);

const RULES: &[Rule] = &[
    types::args,
    types::opts,
    types::fields,
    types::results,
    types::files,
    types::opt_count,
    procs::sides,
    procs::numbers,
    procs::duplicates,
    procs::events,
    names::duplicates,
    names::reserved,
    names::keywords,
    names::spellings,
    names::shell,
    words::words,
    words::versions,
    words::since,
    refs::groups,
    refs::replacements,
    order::sections,
    order::calls,
    order::groups,
    order::errnos,
    docs::summaries,
    docs::present,
    docs::markup,
    sense::contradictions,
    tests::present,
    abi::drift,
];

/// Read, check and resolve the description. `abi`: the text of `abi.txt`, which must be kept.
pub fn load(text: &str, abi: Option<&str>) -> Result<Api, Findings> {
    let (raw, mut findings) = crate::source::parse(text);
    // What follows from broken TOML would only repeat it in other words.
    if findings.iter().any(|d| d.code == codes::Code::Syntax) {
        findings.retain(|d| d.code == codes::Code::Syntax);
        return Err(findings);
    }
    let mut api = resolve(&raw);
    let subject = Subject { text, raw: &raw, api: &api, abi };
    for rule in RULES {
        rule(&subject, &mut findings);
    }
    let tests = tests::steps(&subject, &mut findings);
    for (call, tests) in api.calls.iter_mut().zip(tests) {
        call.tests = tests;
    }
    if findings.is_empty() {
        Ok(api)
    } else {
        Err(findings)
    }
}

/// Only the rules that signatures of calls must pass before anything can be made of them.
pub fn signatures(text: &str, raw: &RawApi, api: &Api) -> Findings {
    let subject = Subject { text, raw, api, abi: None };
    let mut findings = Findings::new();
    for rule in [types::args, types::opts, types::results, types::files, names::duplicates, names::reserved] {
        rule(&subject, &mut findings);
    }
    findings
}
