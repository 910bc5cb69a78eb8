//! The steps that show how values cross, through the crate with upstream's API.

use guestfs_tests::upstream::run_scenario;

#[test]
fn steps_on_a_handle_that_is_not_launched() {
    run_scenario("none").unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn steps_on_blank_disks() {
    run_scenario("disks").unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn steps_on_a_scratch_file_system() {
    run_scenario("scratch-fs").unwrap_or_else(|e| panic!("{e}"));
}
