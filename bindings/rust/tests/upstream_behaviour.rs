//! What a program written for upstream's crate relies on, and what is better here; without an appliance.

// As a program has it whose Cargo.toml renames the package.
extern crate guestfs_upstream as guestfs;

use guestfs::{Error, Event, EventHandle, Handle, EVENT_ALL};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

fn handle<'a>() -> Handle<'a> {
    Handle::create().unwrap()
}

#[test]
fn handles_are_made() {
    let flags = guestfs::CreateFlags::new().create_no_environment(true).create_no_close_on_exit_flag(true);
    let g = Handle::create_flags(flags).unwrap();
    assert!(Handle::create_flags(guestfs::CreateFlags::none()).is_ok());
    g.set_verbose(false).unwrap();
    g.set_path(Some(".")).unwrap();
    assert_eq!(g.get_path().unwrap(), ".");
    g.add_drive("/dev/null", Default::default()).unwrap();
    let options = guestfs::AddDriveOptArgs { readonly: Some(true), format: Some("raw"), ..Default::default() };
    g.add_drive("/dev/null", options).unwrap();
    let version: guestfs::Version = g.version().unwrap();
    assert!(version.major >= 1);
    let _ = guestfs::HivexOpenOptArgs { unsafe_: Some(true), ..Default::default() };
    fn moves_and_is_shared<T: Send + Sync>(_: &T) {}
    moves_and_is_shared(&g);
}

#[test]
fn errors_can_be_read() {
    let g = handle();
    let Err(Error::API(e)) = g.add_drive("/nonexistent", Default::default()) else { panic!("no error of the API") };
    assert_eq!((e.operation, e.errno), ("add_drive", libc::ENOENT));
    assert!(e.message.contains("/nonexistent"), "{e:?}");
    assert!(format!("{e:?}").starts_with("APIError { operation: \"add_drive\", message: \""), "{e:?}");
    let e = Error::API(e);
    assert_eq!(e.errno(), libc::ENOENT);
    let shown: Box<dyn std::error::Error> = Box::new(e);
    assert!(shown.to_string().contains("/nonexistent"));

    // What cannot be passed, in every place.
    let nul = |result: Result<(), Error>| match result {
        Err(Error::IllegalString(e)) => assert_eq!(e.nul_position(), 1),
        other => panic!("{other:?}"),
    };
    nul(g.add_drive("a\0b", Default::default()));
    nul(g.set_path(Some("a\0b")));
    nul(g.internal_test("", None, &["x", "a\0"], true, 0, 0, "", "", b"", Default::default()));
    nul(g.add_drive("x", guestfs::AddDriveOptArgs { label: Some("a\0b"), ..Default::default() }));
    nul(g.add_drive("x", guestfs::AddDriveOptArgs { server: Some(&["a\0b"]), ..Default::default() }));

    // They pass through `?`, as do the program's own.
    fn text(bytes: &[u8]) -> Result<&str, Error> {
        Ok(std::str::from_utf8(bytes)?)
    }
    assert!(matches!(text(b"\xff"), Err(Error::Utf8Error(_))));
}

#[test]
fn what_is_not_utf8_loses_nothing_else() {
    let g = handle();
    g.native().set_program(b"a\xffb").unwrap();
    assert_eq!(g.get_program().unwrap(), "a\u{fffd}b");
    assert_eq!(g.native().get_program().unwrap(), b"a\xffb".as_slice());
}

/// Nothing is printed for an error that is returned: seen from outside, in a process that runs this test alone.
#[test]
fn errors_are_not_printed() {
    if std::env::var_os("UPSTREAM_CHILD").is_some() {
        handle().add_drive("/nonexistent", Default::default()).unwrap_err();
        handle().internal_test_rinterr().unwrap_err();
        return;
    }
    let me = std::env::current_exe().unwrap();
    let arguments = ["--exact", "errors_are_not_printed", "--nocapture"];
    let output = Command::new(me).args(arguments).env("UPSTREAM_CHILD", "1").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn events_have_names_and_bits() {
    for (bit, event) in EVENT_ALL.iter().enumerate() {
        assert_eq!(event.to_u64(), 1 << bit);
        assert!(Event::from_bitmask(event.to_u64()) == Some(*event));
    }
    assert!(Event::from_bitmask(3).is_none() && Event::from_bitmask(0).is_none());
    assert_eq!(guestfs::event_to_string(&[Event::Progress, Event::Close]).unwrap(), "close,progress");
    assert_eq!(guestfs::event_to_string(&[]).unwrap(), "");
}

#[test]
fn callbacks_are_called() {
    let seen: Rc<RefCell<Vec<String>>> = Rc::default();
    let ids: RefCell<HashSet<EventHandle>> = RefCell::default();
    let eh;
    {
        let mut g = handle();
        // Borrows, and is for this thread only.
        eh = g
            .set_event_callback(
                |event, eh, buf, array| {
                    ids.borrow_mut().insert(eh);
                    let name = guestfs::event_to_string(&[event]).unwrap();
                    seen.borrow_mut().push(format!("{name} {} {array:?}", String::from_utf8_lossy(buf)));
                },
                &[Event::Enter, Event::Trace, Event::Close],
            )
            .unwrap();
        let other = g.set_event_callback(|_, _, _, _| panic!("it is deleted"), &EVENT_ALL).unwrap();
        assert!(other != eh);
        g.delete_event_callback(other).unwrap();
        g.set_trace(true).unwrap();
        g.get_smp().unwrap();
    }
    let mut seen = seen.borrow().clone();
    seen.retain(|line| !line.contains("set_trace"));
    let wanted = ["enter get_smp []", "trace get_smp []", "trace get_smp = 1 []", "trace close []", "close  []"];
    assert_eq!(seen, wanted);
    assert_eq!(ids.into_inner(), HashSet::from([eh]));
    // As programs keep them.
    HashMap::from([(eh, "mine")]).remove(&eh).unwrap();
}

#[test]
fn a_panic_in_a_callback_comes_out_of_its_call() {
    let mut g = handle();
    let calls = Cell::new(0);
    let eh = g
        .set_event_callback(
            |_, _, _, _| {
                calls.set(calls.get() + 1);
                panic!("from the callback {}", calls.get());
            },
            &[Event::Enter, Event::Close],
        )
        .unwrap();
    for n in 1..=2 {
        let panic = catch_unwind(AssertUnwindSafe(|| g.get_smp())).unwrap_err();
        assert_eq!(*panic.downcast::<String>().unwrap(), format!("from the callback {n}"));
    }
    g.delete_event_callback(eh).unwrap();
    assert_eq!(g.get_smp().unwrap(), 1);
    // Closing does not panic.
    g.set_event_callback(|_, _, _, _| panic!("while closing"), &[Event::Close]).unwrap();
    drop(g);
    assert_eq!(handle().get_smp().unwrap(), 1);
}

#[test]
fn a_callback_calls_back() {
    static G: OnceLock<Handle<'static>> = OnceLock::new();
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let mut g = handle();
    g.set_event_callback(
        |_, _, buf, _| {
            if buf == b"get_smp" {
                SEEN.fetch_add(G.get().unwrap().get_memsize().unwrap() as usize, Ordering::SeqCst);
            }
        },
        &[Event::Enter],
    )
    .unwrap();
    let g = G.get_or_init(|| g);
    g.get_smp().unwrap();
    assert_eq!(SEEN.load(Ordering::SeqCst), g.get_memsize().unwrap() as usize);
}

/// Counts how often it is dropped.
struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn callbacks_are_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut g = handle();
    for _ in 0..2 {
        let held = Held(dropped.clone());
        let eh = g.set_event_callback(move |_, _, _, _| drop(held.0.clone()), &EVENT_ALL).unwrap();
        g.delete_event_callback(eh).unwrap();
        g.delete_event_callback(eh).unwrap();
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    let held = Held(dropped.clone());
    g.set_event_callback(move |_, _, _, _| drop(held.0.clone()), &EVENT_ALL).unwrap();
    drop(g);
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
}

#[test]
fn a_handle_goes_to_another_thread() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let here: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let everywhere: Mutex<Vec<Vec<u8>>> = Mutex::default();
    let mut g = handle();
    let (held, log) = (Held(dropped.clone()), here.clone());
    let bound = move |_, _, buf: &[u8], _: &[u64]| {
        assert_eq!(held.0.load(Ordering::SeqCst), 0);
        log.borrow_mut().push(buf.to_vec());
    };
    g.set_event_callback(bound, &[Event::Enter]).unwrap();
    g.set_event_callback_for_all_threads(|_, _, buf, _| everywhere.lock().unwrap().push(buf.to_vec()), &[Event::Enter])
        .unwrap();
    g.get_smp().unwrap();
    // Two at once, then closed over there.
    std::thread::scope(|scope| {
        scope.spawn(|| g.get_memsize().unwrap());
        scope.spawn(|| g.get_memsize().unwrap());
    });
    std::thread::scope(|scope| scope.spawn(move || drop(g)).join().unwrap());
    assert_eq!(*here.borrow(), [b"get_smp".to_vec()]);
    let names = everywhere.into_inner().unwrap();
    assert_eq!(names, [b"get_smp".to_vec(), b"get_memsize".to_vec(), b"get_memsize".to_vec()]);
    // What is of one thread was not touched by the other, not even to free it.
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    assert_eq!(Rc::strong_count(&here), 2);
}
