//! What a confined child can write to: needs root, and is not run without.

use crate::sys::confine::confine;
use std::fs;
use std::os::fd::OwnedFd;
use std::process::Command;

fn root_is_a_mount() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().any(|line| line.split(' ').nth(4) == Some("/"))
}

#[test]
fn a_confined_child_writes_below_its_directory_only() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("target/sub")).unwrap();
    fs::create_dir(root.join("beside")).unwrap();
    let target: OwnedFd = fs::File::open(root.join("target")).unwrap().into();
    let run = |script: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-c", script]).env("ROOT", &root).env("DAEMON", std::process::id().to_string());
        confine(&mut sh, &target).unwrap();
        sh.output()
    };
    match run("true") {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            println!("not run: confinement needs root: run the tests as root");
            return;
        }
        // Mounts below a directory that only was made the root (chroot) cannot be changed.
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) && !root_is_a_mount() => {
            println!("not run: confinement needs a mount at /: run the tests outside of a chroot");
            return;
        }
        output => assert!(output.unwrap().status.success()),
    }
    let written = "here sub/here ../target/here2 $ROOT/target/here3 /proc/self/cwd/here4";
    for path in written.split(' ') {
        let output = run(&format!("echo x > {path}")).unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let kept = "../x ../beside/x sub/../../beside/x $ROOT/x $ROOT/beside/x /x /tmp/x /proc/self/cwd/../beside/x \
        /proc/$DAEMON/root$ROOT/beside/x /proc/$DAEMON/root$ROOT/target/x /proc/1/root$ROOT/beside/x \
        /proc/$DAEMON/cwd/x /proc/$PPID/root$ROOT/x";
    for path in kept.split_whitespace() {
        let output = run(&format!("echo x > {path}")).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let why = ["Read-only file system", "Permission denied"];
        assert!(!output.status.success() && why.iter().any(|w| said.contains(w)), "{path}: {said}");
    }
    for command in
        ["chmod 777 ..", "chown 1 ../beside", "touch -d @1 ../beside", "ln sub/here ../beside/l", "mkdir ../d"]
    {
        assert!(!run(&format!("echo x > sub/here; {command}")).unwrap().status.success(), "{command}");
    }
    // And for us all is as it was.
    fs::write(root.join("beside/ours"), "x").unwrap();
    let names = |dir: &str| {
        let mut all: Vec<_> = fs::read_dir(root.join(dir)).unwrap().map(|e| e.unwrap().file_name()).collect();
        all.sort();
        all
    };
    assert_eq!(names("target"), ["here", "here2", "here3", "here4", "sub"]);
    assert_eq!(names("beside"), ["ours"]);
    assert_eq!(names("."), ["beside", "target"]);
}
