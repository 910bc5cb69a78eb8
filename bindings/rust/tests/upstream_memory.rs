//! No growth: 10,000 calls of each shape, and 200 handles. One test, since it measures the process.

use guestfs_upstream as guestfs;

use guestfs::{Event, Handle, InternalTestOptArgs};

/// Resident memory in KiB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn does_not_grow(what: &str, times: usize, mut action: impl FnMut()) {
    (0..times).for_each(|_| action());
    let before = resident();
    (0..times).for_each(|_| action());
    let growth = resident() - before;
    assert!(growth < 1024, "{what} grew by {growth} KiB");
}

#[test]
fn nothing_grows() {
    let mut g = Handle::create().unwrap();
    g.internal_test_set_output("/dev/null").unwrap();
    let list: &[&str] = &["a", "b"];
    let buffer = [0; 1000];
    let options = InternalTestOptArgs {
        obool: Some(true),
        oint: Some(1),
        oint64: Some(1),
        ostring: Some("s"),
        ostringlist: Some(list),
    };
    does_not_grow("arguments", 10_000, || {
        g.internal_test("abc", Some("def"), list, false, 0, 0, "123", "456", &buffer, options).unwrap();
        g.internal_test("a\0b", None, list, false, 0, 0, "", "", &buffer, options).unwrap_err();
    });
    does_not_grow("numbers and text", 10_000, || {
        g.internal_test_rint("1").unwrap();
        g.internal_test_rint64("1").unwrap();
        g.internal_test_rbool("true").unwrap();
        g.internal_test_rconststring("x").unwrap();
        g.internal_test_rconstoptstring("x").unwrap();
        g.internal_test_rstring("x").unwrap();
        g.internal_test_rbufferout("01234567").unwrap();
    });
    does_not_grow("lists and structs", 10_000, || {
        g.internal_test_rstringlist("20").unwrap();
        g.internal_test_rhashtable("20").unwrap();
        g.internal_test_rstruct("x").unwrap();
        g.internal_test_rstructlist("20").unwrap();
    });
    does_not_grow("errors", 10_000, || {
        g.internal_test_rstructerr().unwrap_err();
        g.internal_test_rstringlisterr().unwrap_err();
    });
    does_not_grow("callbacks", 10_000, || {
        let held = vec![0; 100];
        let eh = g.set_event_callback(move |_, _, _, _| assert_eq!(held.len(), 100), &[Event::Enter]).unwrap();
        g.get_smp().unwrap();
        g.delete_event_callback(eh).unwrap();
    });
    does_not_grow("handles", 200, || {
        let mut g = Handle::create().unwrap();
        g.set_event_callback(|_, _, _, _| {}, &guestfs::EVENT_ALL).unwrap();
    });
}
