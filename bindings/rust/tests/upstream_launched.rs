//! With the appliance: cancelling, threads beside a call that takes long, events of a launch, and the examples.

use guestfs_upstream as guestfs;

use guestfs::{AddDriveScratchOptArgs, Error, Event, Handle};
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_machine_is_used_and_a_call_is_cancelled() {
    let seen: RefCell<HashSet<Event>> = RefCell::default();
    let mut g = Handle::create().unwrap();
    g.set_event_callback(
        |event, _, _, array| {
            assert!(event != Event::Progress || array.len() == 4);
            seen.borrow_mut().insert(event);
        },
        &guestfs::EVENT_ALL,
    )
    .unwrap();
    // Of text it cannot know what it is: as upstream's it is only called.
    g.set_verbose(true).unwrap();
    let label = AddDriveScratchOptArgs { label: Some("big"), ..Default::default() };
    g.add_drive_scratch(100 << 30, label).unwrap();
    g.add_drive_scratch(64 << 20, Default::default()).unwrap();
    g.launch().unwrap();
    g.set_verbose(false).unwrap();

    g.mkfs("ext4", "/dev/sdb", Default::default()).unwrap();
    g.mount("/dev/sdb", "/").unwrap();
    g.write("/x", b"a\0b").unwrap();
    assert_eq!(g.read_file("/x").unwrap(), b"a\0b");
    // One bad name, and the others are there.
    g.native().touch(b"/bad\xff").unwrap();
    g.touch("/göod").unwrap();
    let mut names = g.ls("/").unwrap();
    names.retain(|n| n != "lost+found");
    assert_eq!(names, ["bad\u{fffd}", "göod", "x"]);
    match g.mount("/dev/nonexistent", "/") {
        Err(Error::API(e)) => assert_eq!((e.operation, e.errno), ("mount", libc::ENOENT)),
        other => panic!("{other:?}"),
    }

    // By another thread that shares the handle, and by what does not borrow it.
    for shared in [true, false] {
        let canceller = g.canceller();
        let begun = Instant::now();
        let result = std::thread::scope(|scope| {
            let g = &g;
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                // What only looks does not wait.
                assert!(g.get_pid().is_ok());
                match shared {
                    true => g.user_cancel().unwrap(),
                    false => canceller.clone().cancel(),
                }
            });
            g.checksum_device("sha512", "/dev/sda")
        });
        match result {
            Err(Error::API(e)) => assert_eq!((e.operation, e.errno), ("checksum_device", libc::EINTR)),
            other => panic!("{other:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    assert_eq!(g.read_file("/x").unwrap(), b"a\0b");
    // The machine dies, and the handle is as before the launch.
    assert!(Command::new("kill").args(["-9", &g.get_pid().unwrap().to_string()]).status().unwrap().success());
    assert!(g.ping_daemon().is_err() && g.is_config().unwrap());
    let late = g.canceller();
    drop(g);
    late.cancel();

    let seen = seen.into_inner();
    for event in [Event::Close, Event::SubprocessQuit, Event::LaunchDone, Event::Library, Event::Enter] {
        assert!(seen.contains(&event), "{event:?}: {seen:?}");
    }
}

/// An example that cargo built for this test run, beside the tests.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.is_file(), "{} is not built: cargo test builds it when no single test is named", path.display());
    Command::new(path)
}

#[test]
fn the_examples_make_a_disk_and_look_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("disk.img");
    let output = example("create_disk").arg(&disk).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::metadata(&disk).unwrap().len(), 512 << 20);
    let output = example("inspect_disk").arg(&disk).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "no operating system found; file systems:\n  /dev/sda1: ext4\n");
}
