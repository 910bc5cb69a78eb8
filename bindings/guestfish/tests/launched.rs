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
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
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
fn ctrl_c_stops_a_download_wherever_it_is() {
    let mut t = mounted();
    t.keys("touch /huge\r");
    t.wait(PROMPT);
    t.keys("truncate-size /huge 64G\r");
    t.wait(PROMPT);
    for after in [0, 30, 300] {
        t.keys("download /huge /dev/null\r");
        t.wait("/dev/null");
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
    assert!(interrupted.elapsed() < Duration::from_secs(2), "{:?}", interrupted.elapsed());
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
    t.wait("'/dir with blanks/'");
    t.keys("\r");
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
}

#[test]
fn keys_are_in_no_log() {
    let (status, log) = on_encrypted("$G -v -x --ro --format=raw -a guest.img --key all:key:pass-word -i cat /etc/debian_version");
    assert_eq!(status, "0", "{log}");
    assert!(log.contains("cryptsetup_open \"/dev/sda\" \"***\""), "{log}");
    assert!(log.contains("guestfsd: running") && log.contains("12.7"), "{log}");
    assert!(!log.contains("pass-word"), "{log}");
}
