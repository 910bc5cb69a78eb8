//! guestfish with somebody at a terminal: prompt, history, completion, errors, Ctrl-C.

#[path = "support/environment.rs"]
mod environment;
#[path = "support/terminal.rs"]
mod terminal;

use rustix::process::{kill_process, Pid, Signal};
use rustix::termios::{tcgetattr, LocalModes};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use terminal::{Terminal, PROMPT};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn errors_do_not_end_it_and_history_is_kept() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys("echo first | cat -n\r");
    t.wait("1\tfirst");
    t.wait(PROMPT);
    t.keys("nosuch\r");
    t.wait("error: nosuch: unknown command");
    t.wait(PROMPT);
    t.keys("!echo local\r");
    t.wait("\r\nlocal\r\n");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
    let history = read(&t.file("home/.guestfish"));
    for line in ["echo first | cat -n", "nosuch", "quit"] {
        assert!(history.lines().any(|l| l == line), "{history}");
    }
}

#[test]
fn history_is_only_added_to() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys("echo one\r");
    t.wait("\r\none\r\n");
    // What another shell adds meanwhile, in another encoding and more than a few lines.
    let path = t.file("home/.guestfish");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut theirs = b"caf\xe9\n".to_vec();
    (0..300).for_each(|i| theirs.extend(format!("line {i}\n").into_bytes()));
    std::fs::File::options().append(true).open(&path).unwrap().write_all(&theirs).unwrap();
    let before = std::fs::read(&path).unwrap();
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
    let mut t = Terminal::open(&[], &[("HOME", path.parent().unwrap().to_str().unwrap())]);
    t.wait(PROMPT);
    t.keys("\x1b[A\x1b[A");
    t.wait("line 299");
    t.keys("\x03");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
    assert_eq!(std::fs::read(&path).unwrap(), [before, b"quit\n".to_vec()].concat());
}

#[test]
fn end_of_input_ends_it() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys("\x04");
    assert_eq!(t.end(), 0);
}

#[test]
fn ctrl_c_throws_the_line_away() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys("echo not this");
    t.wait("not this");
    t.keys("\x03");
    t.wait(PROMPT);
    t.keys("echo but \"that\"\r");
    t.wait("but that");
    t.wait(PROMPT);
    // The terminal is the shell's no more when this is seen.
    t.keys("!echo begun; exec sleep 30\r");
    t.wait("\r\nbegun\r\n");
    t.keys("\x03");
    t.wait("error: echo begun; exec sleep 30: killed by signal 2");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn bytes_that_are_no_text_do_not_end_it() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys(b"ech\xff");
    t.wait("error: terminal: ");
    t.wait(PROMPT);
    t.keys("upload -<<END /x\r");
    t.wait("> ");
    t.keys(b"\xff");
    t.wait("error: terminal: ");
    t.wait("without finding 'END'");
    t.wait(PROMPT);
    t.keys("echo \"still\" here\r");
    t.wait("still here");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn completion() {
    let mut t = Terminal::open(&[], &[]);
    std::fs::write(t.file("local-file.img"), "").unwrap();
    std::fs::write(t.file("my \x1b[2Jfile"), "").unwrap();
    t.wait(PROMPT);
    t.keys("add my\t");
    let shown = t.wait(r#"add "my \x1b[2Jfile" "#);
    assert!(!shown.contains("\x1b[2J"), "{shown:?}");
    t.keys("\r");
    assert!(!t.wait(PROMPT).contains("error"));
    t.keys("get-mems\t");
    t.wait("get-memsize ");
    t.keys("\r");
    t.wait("1280");
    t.wait(PROMPT);
    t.keys("add local-f\t");
    t.wait("local-file.img");
    t.keys(" reado\t");
    t.wait("readonly:");
    t.keys("true form\t");
    t.wait("format:");
    t.keys("raw\r");
    t.wait(PROMPT);
    t.keys("set-trace tr\t");
    t.wait("set-trace true ");
    t.keys("\r");
    t.wait(PROMPT);
    t.keys("get-smp\r");
    t.wait("libguestfs: trace: get_smp = 1");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn prompt_variables() {
    let env = [
        ("GUESTFISH_PS1", r"\[\e[1m\]ready\[\e[0m\]> "),
        ("GUESTFISH_INIT", r"begin\n"),
        ("GUESTFISH_OUTPUT", r"<out>"),
        ("GUESTFISH_RESTORE", r"restored\n"),
    ];
    let mut t = Terminal::open(&[], &env);
    t.wait("begin\r\n");
    t.wait("\x1b[1mready\x1b[0m> ");
    t.keys("echo x\r");
    t.wait("<out>x\r\n");
    t.keys("quit\r");
    t.wait("restored\r\n");
    assert_eq!(t.end(), 0);
}

#[test]
fn heredoc_at_the_prompt() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys("upload -<<END /x\r");
    t.wait("> ");
    t.keys("data\r");
    t.wait("> ");
    t.keys("END\r");
    t.wait("error: upload: call launch before using this function");
    t.wait(PROMPT);
    t.keys("upload -<<END /x\r");
    t.wait("> ");
    t.keys("\x03");
    t.wait("without finding 'END'");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn pasted_lines_all_run() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    // More than the line editor reads at once, and than a terminal takes.
    let long = "x".repeat(200);
    let pasted: String = (0..40).map(|n| format!("echo \"line\" {n} {long}\r")).collect();
    t.keys(pasted);
    for n in 0..40 {
        t.wait(&format!("line {n} {long}"));
    }
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
    assert_eq!(read(&t.file("home/.guestfish")).lines().count(), 41);
}

#[test]
fn marked_pastes_are_lines() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    t.keys("\x1b[200~echo \"one\" line\recho \"two\" lines\r\recho \"three\"\x1b[201~ lines\r");
    for line in ["one line", "two lines", "three lines"] {
        t.wait(&format!("{line}\r\n"));
    }
    t.wait(PROMPT);
    t.keys("\x1b[200~upload -<<END /x\r\tall: of\rit\rEND\recho \"after\" it\x1b[201~\r");
    t.wait("error: upload: call launch");
    t.wait("after it\r\n");
    t.wait(PROMPT);
    // Now without the marks: the tab is no key.
    t.keys("upload -<<END /x\r\t\tall: of\rit\rEND\r\techo \"after\" it\r");
    t.wait("error: upload: call launch");
    t.wait("after it\r\n");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
    let history = read(&t.file("home/.guestfish"));
    let kept = [
        "echo \"one\" line",
        "echo \"two\" lines",
        "echo \"three\" lines",
        "upload -<<END /x",
        "echo \"after\" it",
        "upload -<<END /x",
        "\techo \"after\" it",
        "quit",
    ];
    assert_eq!(history.lines().collect::<Vec<_>>(), kept);
}

/// Have the shell run a command that ends when `go` is there.
fn busy(t: &mut Terminal, and: &str) {
    t.keys(format!("!echo be\"gun\"; while [ ! -e go ]; do sleep 0.02; done; rm go\r{and}"));
    t.wait("begun\r\n");
}

#[test]
fn what_is_typed_while_a_command_runs() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    busy(&mut t, "");
    t.keys("echo \"typed\" meanwhile\recho \"half\" a l");
    t.wait("half");
    std::fs::write(t.file("go"), "").unwrap();
    t.wait("typed meanwhile\r\n");
    t.keys("ine\r");
    t.wait("half a line\r\n");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

/// What was typed before a key is asked for is no key, and is not lost.
#[test]
fn what_is_typed_before_a_key() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    busy(&mut t, "cryptsetup-open /dev/sda name\recho \"pasted\" behind it\recho \"beg");
    t.keys("un\" before\recho \"half\" of i");
    t.wait("half");
    std::fs::write(t.file("go"), "").unwrap();
    t.wait("Enter key or passphrase (\"key\"): ");
    becomes_silent(&t);
    t.keys("key\r");
    let said = t.wait("pasted behind it\r\n");
    assert!(said.contains("call launch before"), "{said}");
    t.wait("begun before\r\n");
    t.keys("t\r");
    t.wait("half of it\r\n");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn keys_from_pasted_lines() {
    let mut t = Terminal::open(&["--keys-from-stdin"], &[]);
    t.wait(PROMPT);
    t.keys("cryptsetup-open /dev/sda name\rkey\recho \"after\" it\r");
    let said = t.wait("after it\r\n");
    assert!(said.contains("call launch before") && !said.contains("unknown command"), "{said}");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn script_ends_with_ctrl_c() {
    let mut t = Terminal::open(&["-f", "/dev/stdin"], &[]);
    t.keys("!echo be\"gun\"; exec sleep 30\r");
    t.wait("begun\r\n");
    t.keys("\x03");
    assert_eq!(t.status().signal(), Some(2));
}

#[test]
fn ctrl_c_ends_a_script_that_waits() {
    let mut t = Terminal::open(&["-f", "/dev/stdin"], &[]);
    t.keys("echo a'b'\r");
    t.wait("\na'b'");
    t.keys("\x03");
    assert_eq!(t.status().signal(), Some(2));
}

#[test]
fn an_interrupted_script_runs_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    // What a shell runs in the background, as the tests may be, has SIGINT ignored.
    let mut command = Command::new("env");
    environment::clean(&mut command, dir.path());
    command.args(["--default-signal", "/bin/sh"]);
    let script = "(echo '!kill -INT $PPID; sleep 0.3'; echo 'echo not this') | \"$G\"; echo $?";
    let output =
        command.arg("-c").arg(script).env("G", env!("CARGO_BIN_EXE_guestfish")).stdin(Stdio::null()).output().unwrap();
    // 128 and the number of the signal.
    assert_eq!(output.stdout.as_slice(), b"130\n");
}

#[test]
fn a_script_that_is_not_to_be_interrupted_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    environment::clean(&mut command, dir.path());
    let script = "trap '' INT; (echo '!kill -INT $PPID; sleep 0.3'; echo 'echo goes on') | \"$G\"; echo $?";
    let output =
        command.arg("-c").arg(script).env("G", env!("CARGO_BIN_EXE_guestfish")).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.stdout.as_slice(), b"goes on\n0\n");
}

/// An empty key is a key, and what it is for may begin with wiping the device.
#[test]
fn giving_up_at_a_key_gives_no_key() {
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    for (key, said) in
        [("\x03", "interrupted: no key was given"), ("\x04", "no key \"key\" was given"), ("\r", "call launch before")]
    {
        t.keys("cryptsetup-open /dev/sda name\r");
        t.wait("Enter key or passphrase (\"key\"): ");
        becomes_silent(&t);
        t.keys(key);
        t.wait(said);
        t.wait(PROMPT);
    }
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

fn echoes(t: &Terminal) -> bool {
    tcgetattr(&t.keys).unwrap().local_modes.contains(LocalModes::ECHO)
}

#[track_caller]
fn becomes_silent(t: &Terminal) {
    let patience = Instant::now() + Duration::from_secs(10);
    while echoes(t) {
        assert!(Instant::now() < patience, "the terminal echoes");
    }
}

#[test]
fn signals_at_the_prompt() {
    let kill = |t: &Terminal, signal| kill_process(Pid::from_child(&t.child), signal).unwrap();
    for signal in [Signal::TERM, Signal::HUP] {
        let mut t = Terminal::open(&[], &[]);
        t.wait(PROMPT);
        becomes_silent(&t);
        kill(&t, signal);
        assert_eq!(t.status().signal(), Some(signal.as_raw()));
        assert!(echoes(&t));
        // Pastes are no longer marked.
        t.wait("\x1b[?2004l");
    }
    let mut t = Terminal::open(&[], &[]);
    t.wait(PROMPT);
    kill(&t, Signal::QUIT);
    t.keys("echo \"still\" here\r");
    t.wait("still here");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn ctrl_c_at_a_key_leaves_the_echo() {
    let mut t = Terminal::open(&["cryptsetup-open", "/dev/sda", "name"], &[]);
    t.wait("Enter key or passphrase (\"key\"): ");
    becomes_silent(&t);
    t.keys("\x03");
    assert_eq!(t.status().signal(), Some(2));
    assert!(echoes(&t));
}
