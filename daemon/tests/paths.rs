//! No path leads out of the guest, whatever lies in it.

mod common;

use common::{Daemon, Finish};
use guestfs_protocol::args::{DownloadArgs, MkdirArgs, UploadArgs};
use guestfs_protocol::procs;
use std::os::unix::fs::symlink;

/// A guest full of traps, beside a secret that must not be reached.
fn trapped() -> Daemon {
    let d = Daemon::start();
    let out = d.dir.path().to_owned();
    common::write(&out.join("secret"), b"secret");
    std::fs::create_dir(out.join("outside")).unwrap();
    symlink(out.join("secret"), d.file("absolute")).unwrap();
    symlink("../secret", d.file("relative")).unwrap();
    symlink("../../../../../../../../../etc", d.file("climbing")).unwrap();
    symlink("/etc", d.file("etc-link")).unwrap();
    symlink(out.join("outside"), d.file("dir")).unwrap();
    symlink("/proc/self/root", d.file("magic")).unwrap();
    symlink("loop-b", d.file("loop-a")).unwrap();
    symlink("loop-a", d.file("loop-b")).unwrap();
    std::fs::create_dir(d.file("real")).unwrap();
    symlink("..", d.file("real/up")).unwrap();
    d
}

fn download(d: &mut Daemon, path: &str) -> Result<Vec<u8>, String> {
    let header = d.header(procs::DOWNLOAD);
    d.send(&header, &DownloadArgs { remotefilename: path.into() });
    let answer = d.answer(&header);
    if answer.header.status == guestfs_protocol::message::Status::Error {
        return Err(answer.error().0);
    }
    let (data, finish) = d.file_out();
    assert_eq!(finish, Finish::End);
    Ok(data)
}

#[test]
fn nothing_outside_is_read() {
    let mut d = trapped();
    for path in [
        "/absolute",
        "/relative",
        "/climbing/passwd",
        "/etc-link/passwd",
        "/../secret",
        "/../../../../../../etc/passwd",
        "/real/../../secret",
        "/real/up/real/up/../../secret",
        "/magic/etc/passwd",
        "/dir/../secret",
        "/./../secret",
    ] {
        assert_eq!(download(&mut d, path), Err("ENOENT".into()), "{path}");
    }
    assert_eq!(download(&mut d, "/loop-a"), Err("ELOOP".into()));
    // Inside, the same links work.
    common::write(&d.file("secret"), b"inside");
    for path in ["/relative", "/../secret", "/real/up/secret", "/real/up/real/up/../secret"] {
        assert_eq!(download(&mut d, path).as_deref(), Ok(&b"inside"[..]), "{path}");
    }
}

#[test]
fn nothing_outside_is_written() {
    let mut d = trapped();
    for path in ["/dir/x", "/absolute", "/../outside/x", "/real/../../outside/x", "/magic/tmp/x"] {
        let header = d.header(procs::UPLOAD);
        d.send(&header, &UploadArgs { remotefilename: path.into() });
        d.file_in(b"changed");
        d.answer(&header).error();
        d.call(procs::MKDIR, &MkdirArgs { path: path.into() }).error();
    }
    assert_eq!(std::fs::read(d.dir.path().join("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(d.dir.path().join("outside")).unwrap().count(), 0);
    // `..` at the root is the root.
    let () = d.ok(procs::MKDIR, &MkdirArgs { path: "/../../here".into() });
    assert!(d.file("here").is_dir());
}

#[test]
fn relative_paths_are_refused() {
    let mut d = Daemon::start();
    for path in ["", "a", "./a", "sda"] {
        let (errno, message) = d.call(procs::MKDIR, &MkdirArgs { path: path.into() }).error();
        assert_eq!(errno, "EINVAL");
        assert!(message.contains('/'), "{message}");
    }
}
