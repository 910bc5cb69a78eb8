//! The tests that a language runs: the fewest that show every way in which a value crosses into it and out of it.
//!
//! In: the tests that the language could run. Out: those that it does. All of them run through Rust and C; what a call
//! *does* is not a language's to show, so that adding one adds little time.

use super::scenario;
use crate::emit::bind;
use crate::model::step::{Action, Expect, Scenario, Step, Test};
use crate::model::{Api, RetType, Role};
use std::collections::BTreeSet;

/// Something that a language can get wrong, in words.
type Trait = String;

/// Choose, greedily: each time the test that shows the most that is new for its time.
pub fn choose<'a>(api: &Api, tests: Vec<(String, &'a Test)>) -> Vec<(String, &'a Test)> {
    let shown: Vec<BTreeSet<Trait>> = tests.iter().map(|(_, test)| traits(api, test)).collect();
    let mut missing: BTreeSet<&Trait> = shown.iter().flatten().collect();
    let mut chosen = BTreeSet::new();
    while !missing.is_empty() {
        let new = |i: usize| shown[i].iter().filter(|t| missing.contains(t)).count();
        // Of equals the first, so that the choice is the same everywhere.
        let best = (0..tests.len())
            .rev()
            .max_by(|&a, &b| (new(a) * cost(api, tests[b].1)).cmp(&(new(b) * cost(api, tests[a].1))));
        let Some(best) = best.filter(|&i| new(i) > 0) else { break };
        missing.retain(|t| !shown[best].contains(*t));
        chosen.insert(best);
    }
    tests.into_iter().enumerate().filter(|(i, _)| chosen.contains(i)).map(|(_, test)| test).collect()
}

/// About how long it takes, in tenths of a second: blank disks are wiped first, tools start slowly, and a key is derived
/// for seconds on an emulated processor.
fn cost(api: &Api, test: &Test) -> usize {
    let (begin, step) = match test.scenario {
        Scenario::None => (1, 1),
        Scenario::ScratchFs => (3, 1),
        Scenario::Disks => (5, 3),
    };
    let has_key = |step: &Step| match &step.action {
        Action::Call { call, .. } => api.call(call).is_some_and(|c| c.args.iter().any(|a| a.ty.role() == Role::Key)),
        _ => false,
    };
    begin + step * test.steps.len() + 30 * test.steps.iter().filter(|s| has_key(s)).count()
}

fn traits(api: &Api, test: &Test) -> BTreeSet<Trait> {
    let mut all: BTreeSet<Trait> = test.steps.iter().flat_map(|step| of_step(api, step)).collect();
    all.insert(format!("the scenario {}", scenario(test.scenario)));
    all
}

fn of_step(api: &Api, step: &Step) -> Vec<Trait> {
    let Action::Call { call, opts, .. } = &step.action else { return Vec::new() };
    let Some(call) = api.call(call) else { return Vec::new() };
    let mut all = Vec::new();
    let flags = [
        (call.flags.progress, "progress"),
        (call.flags.cancellable, "cancellable"),
        (call.flags.config_only, "config-only"),
        (call.flags.nonblocking, "nonblocking"),
        (call.flags.no_wrapper, "no-wrapper"),
        (call.flags.signed, "signed"),
        (call.deprecated.is_some(), "deprecated"),
    ];
    all.extend(flags.iter().filter(|(set, _)| *set).map(|(_, name)| format!("a call that is {name}")));
    for (place, arg) in call.args.iter().enumerate() {
        all.push(format!("an argument {:?} at {place}", arg.ty.shape()));
        all.push(format!("an argument {:?}", arg.ty));
    }
    for opt in &call.opts {
        if opts.iter().any(|(name, _)| *name == opt.name) {
            all.push(format!("an option {:?} behind {} arguments", opt.ty.shape(), call.args.len()));
            all.push(format!("an option {:?}, a path: {}", opt.ty, opt.path));
        }
    }
    all.push(format!("options given: {}, not given: {}", opts.len().min(3), opts.len() < call.opts.len()));
    let kind = kind(&call.ret.ty);
    all.push(match &step.expect {
        Expect::Error(errno) => format!("an error instead of {kind}, errno: {}", errno.is_some()),
        _ => format!("a result {kind}"),
    });
    if let (Some(s), false) = (call.ret.ty.structure().and_then(|s| api.structure(s)), is_error(step)) {
        all.extend(s.fields.iter().map(|f| format!("a field {:?} of {kind}", f.ty)));
    }
    all
}

fn is_error(step: &Step) -> bool {
    matches!(step.expect, Expect::Error(_))
}

/// A result by what it is made of, whatever it means and whatever struct it is.
fn kind(ty: &RetType) -> &'static str {
    bind::ret(ty).kind
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn everything_is_shown() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../api.toml")).unwrap();
        let api = crate::check::load(&text, None).unwrap();
        let all: Vec<_> = super::super::all(&api).collect();
        let traits_of = |tests: &[(String, &Test)]| -> BTreeSet<Trait> {
            tests.iter().flat_map(|(_, test)| traits(&api, test)).collect()
        };
        let wanted = traits_of(&all);
        let chosen = choose(&api, all.clone());
        assert_eq!(traits_of(&chosen), wanted);
        assert!(chosen.len() * 3 < all.len(), "{} of {}", chosen.len(), all.len());
    }
}
