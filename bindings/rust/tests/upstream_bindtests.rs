//! Every type of argument, option and result, and every error, through the calls that are for that.

use guestfs_upstream as guestfs;

use guestfs::{Error, Handle, InternalTest63OptargsOptArgs, InternalTestOnlyOptargsOptArgs, InternalTestOptArgs};
use std::collections::HashMap;

#[test]
fn arguments_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let g = Handle::create().unwrap();
    let none: &[&str] = &[];
    let two: &[&str] = &["a b", "é"];
    g.internal_test_set_output(out.to_str().unwrap()).unwrap();
    g.internal_test("abc", Some("def"), none, false, 0, 0, "123", "456", b"abc\0abc", Default::default()).unwrap();
    g.internal_test("abc", None, none, false, 0, 0, "123", "456", b"abc\0abc", InternalTestOptArgs::default()).unwrap();
    let options = InternalTestOptArgs { obool: Some(true), ..Default::default() };
    g.internal_test("", Some(""), &["1"], true, -1, -1, "", "", b"", options).unwrap();
    let options = InternalTestOptArgs { oint: Some(-i32::MAX), oint64: Some(-i64::MAX), ..Default::default() };
    g.internal_test("xÿy", Some("def"), two, true, i32::MAX, i64::MAX, "i", "o", &[1, 0o177], options).unwrap();
    let options = InternalTestOptArgs {
        obool: Some(false),
        ostring: Some("string"),
        ostringlist: Some(two),
        ..Default::default()
    };
    g.internal_test("abc", Some("def"), two, false, 5, 6, "i", "o", b"z", options).unwrap();
    let options = InternalTestOptArgs { ostring: Some(""), ostringlist: Some(&[]), ..Default::default() };
    g.internal_test("abc", Some("def"), none, false, 5, 6, "i", "o", b"z", options).unwrap();
    g.internal_test_only_optargs(Default::default()).unwrap();
    g.internal_test_only_optargs(InternalTestOnlyOptargsOptArgs { test: Some(7) }).unwrap();
    let options =
        InternalTest63OptargsOptArgs { opt1: Some(1), opt32: Some(32), opt63: Some(-63), ..Default::default() };
    g.internal_test_63_optargs(options).unwrap();
    g.internal_test_close_output().unwrap();

    // A name in it is not UTF-8, which `str` cannot be.
    let expected = include_bytes!("../../c/tests/bindtests.expected");
    let at = expected.windows(3).position(|w| w == b"x\xffy").unwrap();
    let expected = [&expected[..at], "xÿy".as_bytes(), &expected[at + 3..]].concat();
    assert_eq!(String::from_utf8_lossy(&std::fs::read(out).unwrap()), String::from_utf8_lossy(&expected));
}

#[test]
fn results_arrive() {
    let g = Handle::create().unwrap();
    assert_eq!(g.internal_test_rint("-2147483648").unwrap(), i32::MIN);
    assert_eq!(g.internal_test_rint64("9223372036854775807").unwrap(), i64::MAX);
    assert_eq!(g.internal_test_rint64("-5").unwrap(), -5);
    assert!(g.internal_test_rbool("true").unwrap());
    assert!(!g.internal_test_rbool("false").unwrap());
    let (text, maybe): (&'static str, Option<&'static str>) =
        (g.internal_test_rconststring("x").unwrap(), g.internal_test_rconstoptstring("x").unwrap());
    assert_eq!((text, maybe), ("static string", Some("static string")));
    assert_eq!(g.internal_test_rconstoptstringerr().unwrap(), None);
    assert_eq!(g.internal_test_rstring("é").unwrap(), "é");
    assert_eq!(g.internal_test_rstringlist("0").unwrap(), Vec::<String>::new());
    assert_eq!(g.internal_test_rstringlist("3").unwrap(), ["0", "1", "2"]);
    let table: HashMap<String, String> = g.internal_test_rhashtable("2").unwrap();
    assert_eq!(table, HashMap::from([("0".into(), "0".into()), ("1".into(), "1".into())]));
    let bytes: Vec<u8> = g.internal_test_rbufferout("01234").unwrap();
    assert_eq!(bytes, b"01234");

    let pv: guestfs::PV = g.internal_test_rstruct("x").unwrap();
    assert_eq!((pv.pv_name.as_str(), pv.pv_size, pv.pv_pe_count), ("pv0", 0u64, 0i64));
    let pvs: Vec<guestfs::PV> = g.internal_test_rstructlist("5").unwrap();
    for (i, pv) in pvs.iter().enumerate() {
        let uuid: guestfs::UUID = pv.pv_uuid;
        assert_eq!(uuid.to_bytes(), *b"12345678901234567890123456789012");
        assert_eq!((pv.pv_attr.clone(), pv.pv_mda_free), (format!("attr{i}"), i as u64));
    }
    assert_eq!(pvs.len(), 5);
}

fn fails<T>(result: Result<T, Error>, operation: &str) {
    match result {
        Err(Error::API(e)) => assert_eq!((e.operation, e.message.as_str(), e.errno), (operation, "error", 0)),
        Err(e) => panic!("{operation}: {e:?}"),
        Ok(_) => panic!("{operation} did not fail"),
    }
}

#[test]
fn errors_arrive() {
    let g = Handle::create().unwrap();
    fails(g.internal_test_rinterr(), "internal_test_rinterr");
    fails(g.internal_test_rint64err(), "internal_test_rint64err");
    fails(g.internal_test_rboolerr(), "internal_test_rboolerr");
    fails(g.internal_test_rconststringerr(), "internal_test_rconststringerr");
    fails(g.internal_test_rstringerr(), "internal_test_rstringerr");
    fails(g.internal_test_rstringlisterr(), "internal_test_rstringlisterr");
    fails(g.internal_test_rstructerr(), "internal_test_rstructerr");
    fails(g.internal_test_rstructlisterr(), "internal_test_rstructlisterr");
    fails(g.internal_test_rhashtableerr(), "internal_test_rhashtableerr");
    fails(g.internal_test_rbufferouterr(), "internal_test_rbufferouterr");
}
