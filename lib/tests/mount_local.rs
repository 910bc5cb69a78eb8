//! A guest's files through the host's kernel: ordinary programs work on a local mount.
//!
//! Needs what real launches need, and `/dev/fuse`. Programs that could hang on a mount are run with a limit.

#[path = "launch/help.rs"]
#[allow(dead_code)]
mod help;

use guestfs::opts::{MkfsOpts, MountLocalOpts, UmountLocalOpts};
use guestfs::Handle;
use help::{launch, scratch, serial};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Can anything be mounted here?
fn possible() -> bool {
    let open = std::fs::File::options().read(true).write(true).open("/dev/fuse");
    let helper = Command::new("fusermount3").arg("-V").output();
    match (open, helper) {
        (Err(e), _) => println!("not run: local mounts (/dev/fuse: {e})"),
        (_, Err(e)) => println!("not run: local mounts (fusermount3: {e})"),
        _ => return true,
    }
    false
}

/// A launched handle with an empty ext4 of so many MiB on `/`.
fn guest(mib: i64) -> Handle {
    let g = launch("a file system", |g| scratch(g, mib));
    g.mkfs("ext4", "/dev/sda", MkfsOpts::new()).unwrap();
    g.mount("/dev/sda", "/").unwrap();
    g.rmdir("/lost+found").unwrap();
    g
}

/// Run a script on a mount, called `m` there, beside a private directory, `t`.
fn run(mount: &Path, private: &Path, script: &str) -> Output {
    Command::new("timeout")
        .args(["-s", "KILL", "30", "sh", "-eu", "-c", script])
        .env("LC_ALL", "C")
        .env("m", mount)
        .env("t", private)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn works(mount: &Path, private: &Path, script: &str) -> String {
    let output = run(mount, private, script);
    assert!(output.status.success(), "{script}\n{}: {}", output.status, text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn fails(mount: &Path, private: &Path, script: &str, with: &str) {
    let output = run(mount, private, script);
    assert!(!output.status.success() && text(&output).contains(with), "{script}\n{}: {}", output.status, text(&output));
}

fn is_mounted(dir: &Path) -> bool {
    std::fs::read_to_string("/proc/self/mounts").unwrap().contains(&format!(" {} ", dir.display()))
}

/// Unmounts whatever happens, so that a failed test ends.
struct Unmount<'g>(&'g Handle);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close_in_place();
        }
    }
}

/// Serve a mount in another thread while `body` works on it: mountpoint, private directory.
fn mounted(g: &Handle, opts: MountLocalOpts, body: impl FnOnce(&Path, &Path)) {
    let (m, t) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    g.mount_local(m.path().to_str().unwrap(), opts).unwrap();
    assert!(is_mounted(m.path()));
    std::thread::scope(|scope| {
        let served = scope.spawn(|| g.mount_local_run());
        let guard = Unmount(g);
        let start = Instant::now();
        body(m.path(), t.path());
        println!("  took {:.2} s", start.elapsed().as_secs_f64());
        g.umount_local(UmountLocalOpts::new().retry(true)).unwrap();
        assert!(!is_mounted(m.path()));
        served.join().unwrap().unwrap();
        drop(guard);
    });
}

#[test]
fn programs_work_on_a_mount() {
    let _serial = serial();
    if !possible() {
        return;
    }
    let g = guest(128);
    println!("names, links, modes, times");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        let work = |script| works(m, t, script);
        work("cd $m; mkdir -m 2775 d; echo hello > d/f; chown 12:34 d/f; chmod 4711 d/f; touch -d @1234567890 d/f");
        assert_eq!(work("cd $m; stat -c '%a %u:%g %Y %s %h' d/f; stat -c %a d"), "4711 12:34 1234567890 6 1\n2775\n");
        assert_eq!(g.cat("/d/f").unwrap(), "hello\n");
        work("cd $m; ln d/f d/hard; ln -s ../d/f d/soft; test $(readlink d/soft) = ../d/f; cmp d/soft d/hard");
        assert_eq!(work("stat -c %h $m/d/hard"), "2\n");
        work("cd $m; echo over > d/g; mv d/g d/f; test $(cat d/f) = over; test $(cat d/hard) = hello");
        work("cd $m; mv d e; test $(cat e/f) = over; test ! -e d; mkfifo e/p; test -p e/p; (umask 0; mkdir e/open)");
        assert_eq!(
            work("cd $m; stat -c %a e/open; truncate -s 3 e/f; cat e/f; printf '%s' XX >> e/f; cat e/f"),
            "2777\noveoveXX",
            "as the directory it is in"
        );
        work("cd $m; exec 3<>e/f; rm e/f; test ! -e e/f; echo more >&3; ls -A e | grep -q '^.fuse_hidden'; exec 3>&-; sync $m");
        work("cd $m; ! ls -A e | grep '^.fuse_hidden'; rm -r e; test -z \"$(ls -A)\"; mknod n c 1 3; test $(stat -c %t:%T n) = 1:3; rm n");
        fails(m, t, "rmdir $m/nothing", "No such file or directory");
        fails(m, t, "mkdir -p $m/x/y; rmdir $m/x", "Directory not empty");
        assert_eq!(g.find("/").unwrap(), ["x", "x/y"]);
        work("rmdir $m/x/y $m/x; test $(stat -f -c %S $m) -ge 1024; test $(stat -f -c %a $m) -gt 1000");
    });

    println!("what fails leaves everything as it was");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        works(m, t, "cd $m; echo kept > open; echo gone > source");
        let open = std::fs::File::open(m.join("open")).unwrap();
        g.rm("/source").unwrap();
        assert_eq!(std::fs::rename(m.join("source"), m.join("open")).unwrap_err().raw_os_error(), Some(libc::ENOENT));
        drop(open);
        assert_eq!(works(m, t, "cd $m; cat open; ls -A"), "kept\nopen\n");
        let mut open = std::fs::File::open(m.join("open")).unwrap();
        works(m, t, "cd $m; echo new > source; mv source open; ls -A | grep -q '^.fuse_hidden'");
        assert_eq!(std::io::read_to_string(&mut open).unwrap(), "kept\n");
        drop(open);
        assert_eq!(works(m, t, "sync $m; cd $m; cat open; ls -A; rm open"), "new\nopen\n");
    });

    println!("directories with a group, and another umask meanwhile");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        assert_eq!(
            works(m, t, "cd $m; umask 0; mkdir d; chgrp 12 d; chmod 2777 d; mkdir d/e; stat -c '%a %g' d/e"),
            "2777 12\n"
        );
        g.umask(0o77).unwrap();
        assert_eq!(works(m, t, "cd $m; umask 2; mkdir d/f; > d/g; stat -c '%a %g' d/f d/g"), "2775 12\n664 12\n");
        g.umask(0o22).unwrap();
        works(m, t, "rm -r $m/d");
    });

    println!("extended attributes");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        use rustix::fs::XattrFlags;
        works(m, t, "touch $m/f");
        let f = m.join("f");
        let (set, get) = (
            |v: &[u8], flags| rustix::fs::setxattr(&f, "user.x", v, flags),
            || {
                let mut value = vec![0; 100];
                rustix::fs::getxattr(&f, "user.x", &mut value).map(|n| value[..n].to_vec())
            },
        );
        assert_eq!(get(), Err(rustix::io::Errno::NODATA));
        set(b"one \xff", XattrFlags::empty()).unwrap();
        assert_eq!(get().unwrap(), b"one \xff");
        assert_eq!(set(b"NUL\0", XattrFlags::empty()), Err(rustix::io::Errno::OPNOTSUPP));
        assert_eq!(set(b"", XattrFlags::CREATE), Err(rustix::io::Errno::EXIST));
        let mut list = vec![0; 100];
        let n = rustix::fs::listxattr(&f, &mut list).unwrap();
        assert_eq!(&list[..n], b"user.x\0");
        rustix::fs::removexattr(&f, "user.x").unwrap();
        assert_eq!(set(b"", XattrFlags::REPLACE), Err(rustix::io::Errno::NODATA));
        works(m, t, "rm $m/f");
    });

    println!("a tree, there and back, and a large file");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        let script = "cd $t; mkdir -p s/a/b s/c; for i in $(seq 300); do echo $i > s/a/$i; done; ln -s ../a s/c/link;
            head -c 20000000 /dev/urandom > s/big; cp -a s $m/; diff -r s $m/s; find $m/s | wc -l; cp -a $m/s back; diff -r s back";
        assert_eq!(works(m, t, script), "306\n");
        let sum = works(m, t, "md5sum < $t/s/big");
        assert!(sum.starts_with(&g.checksum("md5", "/s/big").unwrap().to_string()), "{sum}");
    });

    println!("readers and writers at the same time, and other calls");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        works(m, t, "rm -r $m/s/a");
        std::thread::scope(|scope| {
            for n in 0..4 {
                let script = format!("for i in 1 2 3 4 5; do dd if=$m/s/big of=$m/copy{n} bs=256k count=8 status=none; cmp -n 2097152 $m/s/big $m/copy{n}; done");
                scope.spawn(move || works(m, t, &script));
            }
            for _ in 0..50 {
                assert!(g.is_file("/s/big", guestfs::opts::IsFileOpts::new()).unwrap());
            }
        });
        works(m, t, "rm -r $m/*");
    });
}

#[test]
fn limits_of_a_mount() {
    let _serial = serial();
    if !possible() {
        return;
    }
    let g = guest(24);
    println!("a full disk");
    mounted(&g, MountLocalOpts::new(), |m, t| {
        fails(m, t, "dd if=/dev/zero of=$m/large bs=1M count=64", "No space left on device");
        works(m, t, "rm $m/large; mkdir $m/d; echo text > $m/d/f; ln -s f $m/d/l");
    });

    println!("read-only");
    mounted(&g, MountLocalOpts::new().readonly(true), |m, t| {
        assert_eq!(works(m, t, "cat $m/d/l; ls $m/d"), "text\nf\nl\n");
        for script in [
            "echo > $m/new",
            "echo > $m/d/f",
            "rm $m/d/f",
            "chmod 600 $m/d/f",
            "mkdir $m/x",
            "mv $m/d $m/e",
            "touch $m/d/f",
        ] {
            fails(m, t, script, "Read-only file system");
        }
    });

    println!("options and caches");
    mounted(
        &g,
        MountLocalOpts::new().cachetimeout(0).options("uid=77,umask=077,attr_timeout=0,entry_timeout=0,use_ino"),
        |m, t| {
            assert_eq!(works(m, t, "stat -c '%u %a' $m/d/f"), "77 700\n");
            let ino = g.lstatns("/d/f").unwrap().st_ino;
            assert_eq!(works(m, t, "stat -c %i $m/d/f"), format!("{ino}\n"));
            g.write("/d/f", b"written by another call").unwrap();
            assert_eq!(works(m, t, "cat $m/d/f"), "written by another call");
        },
    );

    println!("busy, and unmounted from outside");
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    g.mount_local(at, MountLocalOpts::new()).unwrap();
    let e = g.mount_local(at, MountLocalOpts::new()).unwrap_err();
    assert_eq!(e.errno(), libc::EINVAL, "{e}");
    std::thread::scope(|scope| {
        let served = scope.spawn(|| g.mount_local_run());
        let guard = Unmount(&g);
        works(dir.path(), dir.path(), "ls $m");
        assert_eq!(g.mount_local_run().unwrap_err().errno(), libc::EBUSY);
        let mut user = Command::new("sleep").arg("1.2").current_dir(dir.path()).spawn().unwrap();
        assert_eq!(g.umount_local(UmountLocalOpts::new()).unwrap_err().errno(), libc::EBUSY);
        works(dir.path(), dir.path(), "ls $m");
        g.umount_local(UmountLocalOpts::new().retry(true)).unwrap();
        user.wait().unwrap();
        served.join().unwrap().unwrap();
        g.mount_local(at, MountLocalOpts::new()).unwrap();
        let served = scope.spawn(|| g.mount_local_run());
        works(dir.path(), dir.path(), "ls $m; fusermount3 -u $m");
        served.join().unwrap().unwrap();
        drop(guard);
    });
    assert!(g.umount_local(UmountLocalOpts::new()).is_err());

    println!("never served");
    g.mount_local(at, MountLocalOpts::new()).unwrap();
    g.umount_local(UmountLocalOpts::new()).unwrap();
    assert!(!is_mounted(dir.path()));
    g.mount_local(at, MountLocalOpts::new()).unwrap();
    let mut user = Command::new("ls").arg(dir.path()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(g);
    assert!(!is_mounted(dir.path()));
    assert!(!user.wait().unwrap().success());
}

#[test]
fn a_handle_is_closed_while_it_serves() {
    let _serial = serial();
    if !possible() {
        return;
    }
    let g = guest(24);
    let dir = tempfile::tempdir().unwrap();
    g.write("/f", b"x").unwrap();
    g.mount_local(dir.path().to_str().unwrap(), MountLocalOpts::new()).unwrap();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| g.mount_local_run());
        let open = std::fs::File::open(dir.path().join("f")).unwrap();
        let start = Instant::now();
        g.close_in_place();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(!is_mounted(dir.path()));
        served.join().unwrap().unwrap();
        drop(g.mount_local_run().unwrap_err());
        // Who has it open gets errors and does not wait.
        assert!(open.metadata().is_err() || std::io::Read::read(&mut &open, &mut [0]).is_err());
    });
}
