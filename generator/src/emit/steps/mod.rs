//! Target `tests`: the steps of `api.toml` as one program per language.
//!
//! In: checked [`Test`]s. Out: `tests/steps.rs` and `tests/steps.c`, each a table of test functions that a hand-written
//! harness below `tests/conformance/` runs against a real appliance; `tests/steps.json`, those that [`cover`] chooses
//! for the other languages, each of which has a runner of its own beside its binding; `tests/Steps.hs`, the same in
//! Haskell;
//! and `tests/records.rs`, samples of every wire record for `lib/protocol/tests`.

mod c;
pub(super) mod cover;
mod haskell;
mod json;
mod records;
pub(super) mod rust;

use super::{Files, Target};
use crate::model::step::{Scenario, Test};
use crate::model::{Api, Call, Shape};

/// The target.
pub struct Steps;

impl Target for Steps {
    fn name(&self) -> &'static str {
        "tests"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        call.args.iter().any(|a| a.ty.shape() == Shape::Pointer).then_some("tests cannot pass pointers")
    }

    fn emit(&self, api: &Api) -> Files {
        Files::from([
            ("tests/records.rs".to_owned(), records::table(api)),
            ("tests/steps.rs".to_owned(), rust::program(api)),
            ("tests/steps.c".to_owned(), c::program(api)),
            ("tests/steps.json".to_owned(), json::table(api)),
            ("tests/Steps.hs".to_owned(), haskell::program(api, &json::chosen(api))),
        ])
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        named(call).map(|(name, test)| json::test(&name, test) + "\n").collect()
    }
}

/// The tests of a call with the name that reports use.
fn named(call: &Call) -> impl Iterator<Item = (String, &Test)> {
    call.tests.iter().enumerate().map(|(i, t)| (format!("{}_{i}", call.name), t))
}

/// All tests in order.
pub(super) fn all(api: &Api) -> impl Iterator<Item = (String, &Test)> {
    api.calls.iter().flat_map(named)
}

/// The name of a scenario in every harness.
pub(super) fn scenario(s: Scenario) -> &'static str {
    match s {
        Scenario::None => "none",
        Scenario::Disks => "disks",
        Scenario::ScratchFs => "scratch-fs",
    }
}
