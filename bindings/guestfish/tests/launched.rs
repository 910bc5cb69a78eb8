//! guestfish with a running appliance: the same output and status as Debian's.
//!
//! `UPDATE=1` records `launched.txt` anew from Debian's guestfish, which must be able to launch.

#[path = "support/corpus.rs"]
mod cases;
#[path = "support/environment.rs"]
mod environment;
#[path = "support/terminal.rs"]
#[allow(dead_code)] // `interactive` uses all of it
mod terminal;

use cases::{compare, run, Case, Corpus};
use rustix::process::{kill_process_group, Signal};
use rustix::termios::{tcgetattr, tcgetpgrp, LocalModes};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use terminal::{Terminal, PROMPT};

#[test]
fn launched() {
    let mut corpus = Corpus::read("launched.txt");
    if std::env::var_os("UPDATE").is_none() {
        return compare(&corpus, Path::new(env!("CARGO_BIN_EXE_guestfish")));
    }
    for case in &mut corpus.cases {
        case.answer(run(Path::new("/usr/bin/guestfish"), case));
    }
    corpus.write();
}

/// A shell with a mounted file system.
fn mounted() -> Terminal {
    let mut t = Terminal::open(&["-N", "fs:ext4:1G", "-m", "/dev/sda1"], &[]);
    t.wait(PROMPT);
    t
}

#[test]
fn ctrl_c_cancels_the_call_and_not_the_shell() {
    let mut t = mounted();
    t.keys("upload /dev/zero /endless\r");
    t.wait("/endless");
    // Before the disk is full: that takes two seconds.
    std::thread::sleep(Duration::from_millis(300));
    t.keys("\x03");
    t.wait("error: ");
    t.wait("cancel");
    t.wait(PROMPT);
    t.keys("rm-f /endless\r");
    t.wait(PROMPT);
    t.keys("write /f still-there\r");
    t.wait(PROMPT);
    t.keys("cat /f | tr a-z A-Z\r");
    t.wait("STILL-THERE");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn ctrl_c_ends_a_launch_and_not_the_shell() {
    // A boot takes long enough to be interrupted.
    let mut t = Terminal::open(&[], &[("LIBGUESTFS_BACKEND_SETTINGS", "no_snapshot")]);
    t.wait(PROMPT);
    t.keys("sparse disk.img 100M\r");
    t.wait(PROMPT);
    t.keys("run\r");
    std::thread::sleep(Duration::from_millis(400));
    let interrupted = Instant::now();
    t.keys("\x03");
    t.wait("cancelled");
    t.wait(PROMPT);
    assert!(interrupted.elapsed() < Duration::from_secs(2), "{:?}", interrupted.elapsed());
    t.keys("run\r");
    t.wait(PROMPT);
    t.keys("list-devices\r");
    t.wait("/dev/sda");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn ctrl_c_stops_a_call_wherever_it_is() {
    let mut t = mounted();
    t.keys("touch /huge\r");
    t.wait(PROMPT);
    t.keys("truncate-size /huge 64G\r");
    t.wait(PROMPT);
    let download = ("download /huge /dev/null\r", "/dev/null");
    // One that streams nothing.
    let checksum = ("checksum md5 /huge\r", "md5 /huge");
    for ((line, typed), after) in [(download, 0), (download, 30), (download, 300), (checksum, 0), (checksum, 300)] {
        t.keys(line);
        t.wait(typed);
        std::thread::sleep(Duration::from_millis(50 + after));
        let interrupted = Instant::now();
        t.keys("\x03");
        t.wait("cancel");
        t.wait(PROMPT);
        assert!(interrupted.elapsed() < Duration::from_secs(2), "{:?}", interrupted.elapsed());
    }
    t.keys("write /f still-there\r");
    t.wait(PROMPT);
    t.keys("cat /f | tr a-z A-Z\r");
    t.wait("STILL-THERE");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

/// Without a prompt there is nothing to come back to.
#[test]
fn ctrl_c_ends_a_command_line() {
    let mut t = Terminal::open(&["-N", "fs:ext4:1G", "-m", "/dev/sda1", "upload", "/dev/zero", "/endless"], &[]);
    // Nothing says how far it is: before, during or after the launch.
    std::thread::sleep(Duration::from_secs(1));
    let interrupted = Instant::now();
    t.keys("\x03");
    assert_eq!(t.status().signal(), Some(2));
    assert!(interrupted.elapsed() < Duration::from_secs(10), "{:?}", interrupted.elapsed());
}

#[test]
fn completion_looks_into_the_guest() {
    let mut t = mounted();
    t.keys("mkdir '/dir with blanks'\r");
    t.wait(PROMPT);
    t.keys("touch /Unique-name\r");
    t.wait(PROMPT);
    t.keys("is-file /uni\t");
    t.wait("/Unique-name ");
    t.keys("\r");
    t.wait("true");
    t.wait(PROMPT);
    t.keys("is-dir /dir\t");
    t.wait("'/dir with blanks/");
    t.keys("'\r");
    t.wait("true");
    t.wait(PROMPT);
    t.keys("blockdev-getsize64 /dev/sda1\t");
    t.wait("/dev/sda1 ");
    t.keys("\r");
    t.wait("107361");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn long_calls_show_how_far_they_are() {
    let mut t = mounted();
    // Bars come after two seconds, which no transfer takes for certain.
    t.keys("debug progress 5\r");
    t.wait("% [#");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

/// A guest whose disk is encrypted as a whole, under a name that only its own crypttab knows. Keys that
/// are derived in no time, since a guess must not take long here.
const ENCRYPTED: &str = r#"
$G --keys-from-stdin -N guest.img=disk:64M <<'END'
debug sh "printf pass-word | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --uuid 01234567-89ab-cdef-0123-456789abcdef /dev/sd* -"
cryptsetup-open /dev/sda opened
pass-word
mkfs ext4 /dev/mapper/opened
mount /dev/mapper/opened /
mkdir /etc
mkdir /bin
mkdir /boot
mkdir /usr
mkdir /var
write /etc/fstab "/dev/mapper/own-name / ext4 defaults 0 1\n"
write /etc/crypttab "own-name UUID=01234567-89ab-cdef-0123-456789abcdef none luks\n"
write /etc/debian_version "12.7\n"
END
"#;

/// What `script` does with that guest; everything that is printed, errors too.
#[track_caller]
fn on_encrypted(script: &str) -> (String, String) {
    let case = Case { kind: "shell".into(), text: format!("{ENCRYPTED}\n{script}"), ..Case::default() };
    let out = run(Path::new(env!("CARGO_BIN_EXE_guestfish")), &case);
    (out.status, out.output + &out.errors)
}

#[test]
fn keys_are_asked_for_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("guest.img").into_os_string().into_string().unwrap();
    let (status, log) = on_encrypted(&format!("mv guest.img '{image}'"));
    assert_eq!(status, "0", "{log}");
    let args = ["--ro", "--format=raw", "-a", &image, "-i"];
    let mut t = Terminal::open(&args, &[]);
    t.wait("Enter key or passphrase (\"/dev/sda\"): ");
    t.keys("pass-word\r");
    let seen = t.wait("/dev/mapper/luks-01234567-89ab-cdef-0123-456789abcdef mounted on /");
    assert!(!seen.contains("pass-word"), "{seen}");
    t.wait(PROMPT);
    t.keys("cat /etc/debian_version\r");
    t.wait("12.7");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
    let mut t = Terminal::open(&args, &[]);
    t.wait("Enter key or passphrase (\"/dev/sda\"): ");
    t.keys("guess\r");
    t.wait("error: -i: /dev/sda is encrypted, and no key was found that opens it");
    assert_eq!(t.end(), 1);
    // A listener that is ended while it asks leaves the terminal as it was.
    let mut t = Terminal::open(&[&["--listen"][..], &args].concat(), &[]);
    t.wait("Enter key or passphrase (\"/dev/sda\"): ");
    let echoes = |t: &Terminal| tcgetattr(&t.keys).unwrap().local_modes.contains(LocalModes::ECHO);
    assert!(!echoes(&t));
    kill_process_group(tcgetpgrp(&t.keys).unwrap(), Signal::TERM).unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    while !echoes(&t) {
        assert!(Instant::now() < patience, "the terminal does not echo");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn key_files_hold_any_bytes() {
    let script = r#"
printf 'pass-word\nbase64:AAECCgr/Cg==\n' | $G --format=raw -a guest.img --keys-from-stdin run : luks-add-key /dev/sda 1
open() { $G --ro --format=raw -a guest.img --key all:file:key -i cat /etc/debian_version; }
printf '\000\001\002\n\n\377\n' > key; open
printf 'pass-word\nnot this line\n' > key; open
printf '\000\001\002' > key; open && echo opened
"#;
    let (status, log) = on_encrypted(script);
    assert_eq!((status.as_str(), log.matches("12.7").count()), ("1", 2), "{log}");
}

#[test]
fn keys_are_in_no_log() {
    let (status, log) =
        on_encrypted("$G -v -x --ro --format=raw -a guest.img --key all:key:pass-word -i cat /etc/debian_version");
    assert_eq!(status, "0", "{log}");
    assert!(log.contains("cryptsetup_open \"/dev/sda\" \"***\""), "{log}");
    assert!(log.contains("guestfsd: running") && log.contains("12.7"), "{log}");
    assert!(!log.contains("pass-word"), "{log}");
}

#[test]
fn what_an_image_reaches_elsewhere_is_told_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let make = |script: &str| {
        let made = Command::new("/bin/sh").arg("-ec").arg(script).current_dir(dir.path()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    make("mkdir in out; printf secret > out/base; truncate -s 1M out/base");
    make("cd in; qemu-img create -q -f qcow2 -b ../out/base -F raw top.qcow2");
    let shell = |words: &[&str]| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_guestfish"));
        shell.args(words).args(["--ro", "-a", "in/top.qcow2", "run", ":", "pread-device", "/dev/sda", "6", "0"]);
        let out = shell.current_dir(dir.path()).stdin(Stdio::null()).output().unwrap();
        (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let place = dir.path().canonicalize().unwrap();
    let (out, said) = shell(&[]);
    assert_eq!(out, "secret");
    let reaches = format!("in/top.qcow2 reaches outside its folder: {}/out/base", place.display());
    assert!(said.lines().any(|line| line.starts_with("libguestfs: ") && line.ends_with(&reaches)), "{said}");
    let (out, said) = shell(&["--trust", "contained"]);
    assert_eq!(out, "");
    assert!(said.contains(&format!("names {}/out/base, which lies outside its folder", place.display())), "{said}");
    let (out, said) = shell(&["--trust", "contained", "--trust-folder", "out"]);
    assert_eq!((out.as_str(), said.as_str()), ("secret", ""));
}
