//! The steps of `api.toml` through the Rust client, one appliance a scenario.

use guestfs_tests::conformance::run_scenario;

#[test]
fn handle_that_is_not_launched() {
    run_scenario("none").unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn blank_disks() {
    run_scenario("disks").unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn scratch_file_system() {
    run_scenario("scratch-fs").unwrap_or_else(|e| panic!("{e}"));
}
