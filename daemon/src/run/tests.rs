//! What a tool can do to its caller.

use super::{apart, find_tool, Tool};
use crate::error::Errno;
use crate::testing::Guest;
use guestfs_protocol::message::CANCEL_FLAG;
use std::io::Write;
use std::time::{Duration, Instant};

fn sh(script: &str) -> Tool {
    Tool::new("sh").arg("-c").arg(script)
}

#[test]
fn output_status_and_stdin() {
    let g = Guest::new();
    let out = sh("cat; echo err >&2").stdin("in").run(&g.ctx).unwrap();
    assert_eq!((out.stdout.as_slice(), out.stderr.as_slice(), out.status), (&b"in"[..], &b"err\n"[..], 0));
    assert_eq!(sh("exit 3").run_status(&g.ctx).unwrap().status, 3);
    // Without input there is none, not ours.
    assert_eq!(sh("cat").run(&g.ctx).unwrap().stdout, b"");
    // It need not read what it is given.
    assert_eq!(sh("echo no").stdin(vec![b'x'; 1 << 20]).run(&g.ctx).unwrap().stdout, b"no\n");
}

#[test]
fn failures_say_what_the_tool_said() {
    let g = Guest::new();
    let check = |script: &str, want: &str, errno: Option<Errno>| {
        let e = sh(script).run(&g.ctx).unwrap_err();
        assert_eq!((e.to_string().as_str(), e.errno()), (want, errno), "{script}");
    };
    check("echo broken >&2; exit 1", "sh: broken", None);
    check("echo sh: broken >&2; exit 1", "sh: broken", None);
    check("echo the reason; exit 1", "sh: the reason", None);
    check("exit 7", "sh failed with exit status 7 and said nothing", None);
    check("echo half >&2; kill -9 $$", "sh was killed by signal 9: half", Some(Errno::IO));
    let e = Tool::new("no-such-tool").run(&g.ctx).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::OPNOTSUPP));
    assert!(e.to_string().starts_with("no-such-tool: "), "{e}");
    assert_eq!(find_tool("no-such-tool"), None);
    assert!(find_tool("sh").is_some());
}

#[test]
fn the_environment_is_fixed() {
    let g = Guest::new();
    let out = Tool::new("env").env("EXTRA", "1").run(&g.ctx).unwrap().stdout;
    let mut names: Vec<_> = out.split(|b| *b == b'\n').filter_map(|l| l.split(|b| *b == b'=').next()).collect();
    names.retain(|n| !n.is_empty());
    names.sort_unstable();
    let want: [&[u8]; 6] = [b"DM_DISABLE_UDEV", b"EXTRA", b"HOME", b"LC_ALL", b"PATH", b"TERM"];
    assert_eq!(names, want);
    assert_eq!(sh("pwd").run(&g.ctx).unwrap().stdout, b"/\n");
}

#[test]
fn output_without_end_is_stopped() {
    let g = Guest::new();
    let start = Instant::now();
    let e = sh("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxx; done").limit(100_000).run(&g.ctx).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::MSGSIZE));
    // Exactly the limit is fine.
    assert_eq!(sh("printf 12345").limit(5).run(&g.ctx).unwrap().stdout, b"12345");
    sh("printf 12345").limit(4).run(&g.ctx).unwrap_err();
    // Of complaints the first 64 KiB are kept, and the tool is not kept waiting.
    let out = sh("i=0; while [ $i -lt 5000 ]; do echo complaint-complaint-complaint >&2; i=$((i+1)); done").run(&g.ctx);
    assert_eq!(out.unwrap().stderr.len(), 64 * 1024);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_it_leaves_running_is_not_waited_for() {
    let g = Guest::new();
    let start = Instant::now();
    let out = sh("sleep 60 & echo done").run(&g.ctx).unwrap();
    assert_eq!(out.stdout, b"done\n");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn pipes_that_the_caller_serves() {
    let g = Guest::new();
    let mut running = sh("tr a-z A-Z; echo noise >&2").spawn_piped(&g.ctx, true, true).unwrap();
    running.stdin.take().unwrap().write_all(b"text").unwrap();
    let mut out = Vec::new();
    std::io::Read::read_to_end(running.stdout.as_mut().unwrap(), &mut out).unwrap();
    assert_eq!(out, b"TEXT");
    running.finish().unwrap();
    let running = sh("echo no >&2; exit 2").spawn_piped(&g.ctx, true, false).unwrap();
    assert_eq!(running.finish().unwrap_err().to_string(), "sh: no");
    // Given up: it is gone at once, though it would have gone on.
    let start = Instant::now();
    drop(sh("exec sleep 60").spawn_piped(&g.ctx, false, true).unwrap());
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// The library's end of a guest whose calls it may cancel: says so when `seen` is there.
fn cancel_when(g: &Guest, seen: std::path::PathBuf) -> std::thread::JoinHandle<Instant> {
    g.ctx.channel().set_heeding();
    g.ctx.channel().begin(1, 1);
    let mut library = g.library();
    std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(20);
        while !seen.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        library.write_all(&CANCEL_FLAG.to_be_bytes()).unwrap();
        let mut heard = [0; 4];
        std::io::Read::read_exact(&mut library, &mut heard).unwrap();
        assert_eq!(u32::from_be_bytes(heard), CANCEL_FLAG);
        Instant::now()
    })
}

#[test]
fn a_cancelled_tool_ends_with_all_it_started() {
    let g = Guest::new();
    let wait = "echo $$ > {dir}/leader; sleep 1000 & echo $! > {dir}/child; touch {dir}/begun; wait";
    let silent = "exec >/dev/null 2>&1; echo $$ > {dir}/leader; touch {dir}/begun; sleep 1000; true";
    let stubborn = "trap '' TERM; echo $$ > {dir}/leader; touch {dir}/begun; while :; do sleep 1; done";
    let scripts =
        [(false, wait), (true, wait), (false, silent), (false, stubborn), (false, "touch {dir}/begun; yes >&2")];
    for (piped, script) in scripts {
        let dir = tempfile::tempdir().unwrap();
        let script = script.replace("{dir}", dir.path().to_str().unwrap());
        let library = cancel_when(&g, dir.path().join("begun"));
        let e = match piped {
            false => sh(&script).run_status(&g.ctx).unwrap_err(),
            true => sh(&script).spawn_piped(&g.ctx, false, false).unwrap().finish_status().unwrap_err(),
        };
        assert_eq!(e.errno(), Some(Errno::INTR), "{script}: {e}");
        assert!(library.join().unwrap().elapsed() < Duration::from_secs(5), "{script}");
        for name in ["leader", "child"] {
            let Ok(pid) = std::fs::read_to_string(dir.path().join(name)) else { continue };
            let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            let until = Instant::now() + Duration::from_secs(10);
            // What has no parent any more may wait a moment to be reaped.
            while !(state().is_empty() || state().contains(") Z")) {
                assert!(Instant::now() < until, "{script}: the {name} still runs");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        // Nothing more is begun in a cancelled call; the next one is another.
        assert_eq!(sh("true").run(&g.ctx).unwrap_err().errno(), Some(Errno::INTR));
        g.ctx.channel().begin(1, 2);
        sh("true").run(&g.ctx).unwrap();
    }
}

#[test]
fn complaints_without_end_are_stopped() {
    let g = Guest::new();
    let e = sh("yes complaint-complaint-complaint >&2").run(&g.ctx).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::MSGSIZE), "{e}");
    for script in ["sleep 1000", "exec >/dev/null 2>&1; sleep 1000"] {
        let e = sh(script).time_limit(Duration::from_millis(300)).run(&g.ctx).unwrap_err();
        assert_eq!(e.errno(), Some(Errno::TIMEDOUT), "{e}");
    }
}

#[test]
fn work_that_nobody_waits_for_any_more() {
    let g = Guest::new();
    assert_eq!(apart(g.ctx.channel(), || {}, || 7).unwrap(), 7);
    let dir = tempfile::tempdir().unwrap();
    let begun = dir.path().join("begun");
    let library = cancel_when(&g, begun.clone());
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let work = move || {
        std::fs::write(begun, "").unwrap();
        // As a system call that waits for a disk.
        let _ = ends.recv();
    };
    assert_eq!(apart(g.ctx.channel(), || {}, work).unwrap_err().errno(), Some(Errno::INTR));
    library.join().unwrap();
    drop(end);
}
