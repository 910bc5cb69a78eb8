//! Runs the steps that show how values cross through the crate with upstream's API.
//!
//! In: the generated table of them. Out: as [`conformance`](crate::conformance).

use crate::conformance::{run, Expect, Outcome, Run, Test, Through, ToValue, Value};
use guestfs_upstream::*;

/// A struct of the API as a table of its fields.
macro_rules! table {
    ($ty:ident { $($name:literal $field:ident),* }) => {
        impl ToValue for $ty {
            fn to_value(&self) -> Value {
                Value::Table(vec![$(($name.into(), self.$field.to_value())),*])
            }
        }
    };
}

#[rustfmt::skip]
#[path = "../../generated/tests/upstream_steps.rs"]
mod steps;

impl ToValue for UUID {
    fn to_value(&self) -> Value {
        Value::Str(self.to_bytes().to_vec())
    }
}

impl Through for Handle<'static> {
    type Error = Error;
    const NAME: &'static str = "upstream's API:";

    fn create() -> Result<Self, Error> {
        Handle::create()
    }

    fn own(&self) -> &native::Handle {
        self.native()
    }

    fn errno(error: &Error) -> i32 {
        error.errno()
    }
}

/// Run all tests of one scenario on one handle; the error lists every failed test.
pub fn run_scenario(scenario: &str) -> Result<(), String> {
    run(scenario, steps::TESTS)
}
