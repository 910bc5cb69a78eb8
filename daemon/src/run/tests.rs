//! What a tool can do to its caller.

use super::{find_tool, Tool};
use crate::error::Errno;
use crate::testing::Guest;
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
