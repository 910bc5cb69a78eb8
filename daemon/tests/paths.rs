//! No path leads out of the guest, whatever lies in it.

mod common;

use common::{Daemon, Finish};
use guestfs_protocol::args::{
    DownloadArgs, InternalLstatnslistArgs, InternalLxattrlistArgs, InternalReadlinklistArgs, MkdirArgs, UploadArgs,
};
use guestfs_protocol::procs;
use guestfs_protocol::rets::InternalLstatnslistRet;
use guestfs_protocol::xdr::Xdr;
use std::os::unix::fs::symlink;
use std::os::unix::fs::MetadataExt;

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

/// What the daemon says to a request that it must refuse.
fn refusal(d: &mut Daemon, proc: i32, args: &impl Xdr) -> (String, String) {
    let header = d.header(proc);
    d.send(&header, args);
    d.answer(&header).error()
}

#[test]
fn words_that_name_nothing_are_refused_by_the_dispatcher() {
    let mut d = trapped();
    for (name, why) in [("", "empty"), ("real/up", "slash"), ("../secret", "slash")] {
        let (path, names) = ("/".into(), vec!["real".into(), name.into()]);
        let stat = refusal(&mut d, procs::INTERNAL_LSTATNSLIST, &InternalLstatnslistArgs { path, names });
        let (path, names) = ("/".into(), vec![name.into()]);
        let link = refusal(&mut d, procs::INTERNAL_READLINKLIST, &InternalReadlinklistArgs { path, names });
        let (path, names) = ("/".into(), vec![name.into()]);
        let xattr = refusal(&mut d, procs::INTERNAL_LXATTRLIST, &InternalLxattrlistArgs { path, names });
        for (errno, message) in [stat, link, xattr] {
            assert_eq!(errno, "EINVAL", "{name:?}: {message}");
            assert!(message.contains("is not a name in a directory") && message.contains(why), "{message}");
        }
    }
}

#[test]
fn the_directory_above_the_root_is_the_root() {
    let mut d = trapped();
    let root = d.guest().metadata().unwrap().ino() as i64;
    let real = d.file("real").metadata().unwrap().ino() as i64;
    for (path, want) in [("/", [root, root]), ("/real", [real, root])] {
        let header = d.header(procs::INTERNAL_LSTATNSLIST);
        let names = vec![".".into(), "..".into()];
        d.send(&header, &InternalLstatnslistArgs { path: path.into(), names });
        let found: InternalLstatnslistRet = d.answer(&header).ok();
        let found: Vec<i64> = found.statbufs.iter().map(|s| s.st_ino).collect();
        assert_eq!(found, want, "{path}");
    }
}
