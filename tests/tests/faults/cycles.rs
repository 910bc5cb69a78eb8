//! Many handles, one after the other: nothing grows.
//!
//! `CYCLES` sets how often a machine is launched; without it so often that it takes a quarter of a minute.

use super::help::{children, entries, names, Scene};
use guestfs::Handle;
use std::time::Instant;

/// Without `CYCLES`.
const USUAL: usize = 60;
/// The first rounds fill caches of the allocator.
const SETTLE: usize = 20;
/// What may come with all rounds after them.
const GROWTH: i64 = 1024;

/// KiB of this process in memory.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn cycles(scene: &Scene, what: &str, count: usize, cycle: impl Fn(&Scene)) {
    let begun = Instant::now();
    let mut settled = None;
    for round in 0..count + SETTLE {
        cycle(scene);
        let now = (entries("/proc/self/fd"), entries("/proc/self/task"), names(scene.tmp.path()).len());
        assert_eq!(children(), Vec::<i32>::new(), "{what}: round {round}");
        if round + 1 == SETTLE {
            settled = Some((now, resident()));
        } else if let Some((then, _)) = settled {
            assert_eq!(now, then, "{what}: descriptors, threads, temporary files grow in round {round}");
        }
    }
    let grown = resident() - settled.unwrap().1;
    println!("{what}: {count} cycles in {:.1} s; memory grew by {grown} KiB", begun.elapsed().as_secs_f64());
    assert!(grown < GROWTH, "{what}: memory grew by {grown} KiB in {count} cycles");
}

#[test]
fn created_and_closed() {
    let scene = Scene::new("create and close");
    cycles(&scene, "create, close", 1000, |scene| {
        let g = scene.handle();
        g.set_trace(true).unwrap();
        g.add_event_callback(guestfs::EVENT_ALL, |_, _| {});
        g.close();
    });
    scene.end(None);
}

/// The daemon looks for what such a program left running before it unmounts, and finds the kernel's threads.
#[test]
fn closed_after_a_program_of_the_guest() {
    let scene = Scene::new("a program of the guest, close");
    let g = scene.mounted();
    // One that is not there counts: the daemon cannot know what it did.
    g.command(&["/no/such/program"]).unwrap_err();
    scene.end(g);
}

#[test]
fn created_launched_and_closed() {
    let count = std::env::var("CYCLES").map_or(USUAL, |n| n.parse().expect("CYCLES is a number"));
    let scene = Scene::new("create, launch, close");
    cycles(&scene, "create, launch, close", count, |scene| {
        let g = scene.handle();
        g.launch().unwrap();
        g.ping_daemon().unwrap();
        g.close();
    });
    scene.end(None);
}

/// Failing is no excuse.
#[test]
fn failed_launches() {
    let scene = Scene::new("failed launches");
    cycles(&scene, "failed launches", 50, |scene| {
        let g: Handle = scene.handle();
        g.set_hv("/bin/false").unwrap();
        g.launch().unwrap_err();
        g.add_drive("/nonexistent/image", Default::default()).unwrap_err();
        g.close();
    });
    scene.end(None);
}
