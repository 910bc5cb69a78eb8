//! Callbacks that call back, panic or delete; threads that look on.

use super::{assert_sound, count_quits};
use crate::error::ErrorKind;
use crate::event::EventClass;
use crate::fake::{bounded, handle, ready};
use crate::handle::{Handle, State};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

fn with_progress() -> Handle {
    ready(|mut peer| {
        let (h, _) = peer.request().unwrap();
        peer.progress(&h, 1, 2);
        peer.ok(&h, &());
        peer.serve();
    })
}

#[test]
fn a_call_from_a_callback_gets_an_error() {
    bounded(|| {
        let g = with_progress();
        let inner = Arc::new(OnceLock::new());
        let seen = Arc::clone(&inner);
        g.add_event_callback(EventClass::Progress.bit(), move |g, _| {
            // Library calls work, daemon calls cannot.
            assert_eq!(g.get_state().unwrap(), 2);
            g.set_program("from a callback").unwrap();
            let e = g.ping_daemon().unwrap_err();
            assert_eq!(g.shutdown().unwrap_err().errno(), libc::EDEADLK);
            let _ = seen.set(e);
        });
        g.ping_daemon().unwrap();
        let e = inner.get().unwrap().clone();
        assert_eq!(*e.kind(), ErrorKind::Usage);
        assert_eq!(e.errno(), libc::EDEADLK);
        assert!(e.message().to_string().contains("ping_daemon is running"), "{e}");
        assert_sound(&g, &e);
    });
}

#[test]
fn a_panicking_callback_takes_the_connection_down() {
    bounded(|| {
        let g = with_progress();
        let quits = count_quits(&g);
        g.add_event_callback(EventClass::Progress.bit(), |_, _| panic!("in a callback (this is a test)"));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| g.ping_daemon()));
        assert!(result.is_err());
        assert_eq!(g.state(), State::Config);
        assert_eq!(quits.load(Ordering::SeqCst), 1);
        // The lock was released: other threads can go on.
        std::thread::scope(|s| {
            s.spawn(|| assert_eq!(*g.ping_daemon().unwrap_err().kind(), ErrorKind::NotLaunched));
        });
    });
}

#[test]
fn getters_do_not_wait_for_a_call() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            std::thread::sleep(Duration::from_millis(500));
            peer.ok(&h, &());
        });
        std::thread::scope(|s| {
            s.spawn(|| g.ping_daemon().unwrap());
            std::thread::sleep(Duration::from_millis(100));
            let started = std::time::Instant::now();
            assert!(g.is_ready().unwrap());
            assert_eq!(g.state(), State::Ready);
            g.get_pid().unwrap_err();
            assert!(started.elapsed() < Duration::from_millis(200));
        });
    });
}

#[test]
fn calls_of_two_threads_take_turns() {
    bounded(|| {
        let g = ready(|mut peer| peer.serve());
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..500 {
                        g.ping_daemon().unwrap();
                    }
                });
            }
        });
    });
}

#[test]
fn callbacks_come_in_order_and_can_delete() {
    let g = handle();
    let log = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let second = Arc::new(OnceLock::new());
    let (l, s) = (Arc::clone(&log), Arc::clone(&second));
    let first = g.add_event_callback(EventClass::Enter.bit(), move |g, e| {
        l.lock().push(("first", e.data.to_vec()));
        if let Some(id) = s.get() {
            g.delete_event_callback(*id);
        }
    });
    let l = Arc::clone(&log);
    let id = g.add_event_callback(EventClass::Enter.bit() | EventClass::Close.bit(), move |_, e| {
        l.lock().push(("second", e.data.to_vec()));
    });
    assert_ne!(first, id);
    g.get_path().unwrap();
    assert_eq!(*log.lock(), [("first", b"get_path".to_vec()), ("second", b"get_path".to_vec())]);
    log.lock().clear();
    second.set(id).unwrap();
    g.get_path().unwrap();
    assert_eq!(*log.lock(), [("first", b"get_path".to_vec())], "deleted by the first while it ran");
    g.delete_event_callback(first);
    g.delete_event_callback(first);
    log.lock().clear();
    g.get_path().unwrap();
    assert!(log.lock().is_empty());
}

#[test]
fn a_callback_deletes_itself() {
    let g = handle();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    g.add_event_callback(EventClass::Enter.bit(), move |g, e| {
        counter.fetch_add(1, Ordering::SeqCst);
        g.delete_event_callback(e.id);
    });
    g.get_path().unwrap();
    g.get_path().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn close_tells_and_trace_shows() {
    let log = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let g = handle();
    let l = Arc::clone(&log);
    g.add_event_callback(crate::EVENT_ALL, move |_, e| {
        l.lock().push(format!("{} {}", e.class.name(), String::from_utf8_lossy(e.data)));
    });
    g.set_trace(true).unwrap();
    g.set_append(Some("a\n\"b\u{e9}".into())).unwrap();
    g.set_memsize(3).unwrap_err();
    g.version().unwrap();
    drop(g);
    let version = crate::client::info::API_VERSION;
    let expected = [
        "enter set_trace".to_owned(),
        "enter set_append".into(),
        "trace set_append \"a\\n\"b\\xc3\\xa9\"".into(),
        "trace set_append = 0".into(),
        "enter set_memsize".into(),
        "trace set_memsize 3".into(),
        "trace set_memsize = -1 (error)".into(),
        "enter version".into(),
        "trace version".into(),
        format!(
            "trace version = <struct guestfs_version = major: {}, minor: {}, release: {}, extra: {}, >",
            version[0],
            version[1],
            version[2],
            crate::client::info::API_VERSION_EXTRA
        ),
        "trace close".into(),
        "close ".into(),
    ];
    assert_eq!(*log.lock(), expected);
}

#[test]
fn errors_are_per_thread_and_reported_once() {
    let g = handle();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    g.set_error_hook(Some(Arc::new(move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
    })));
    // `write` fails in a nested call: one report.
    g.write("/x", b"y").unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(
        g.last_error().unwrap().message(),
        "internal_write: call launch before using this function\n(in guestfish, don't forget to use the 'run' command)"
    );
    std::thread::scope(|s| {
        s.spawn(|| assert!(g.last_error().is_none()));
    });
    g.quietly(|g| g.ping_daemon()).unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
