//! Either half swapped: Debian's library and shell on our appliance, and our library on Debian's daemon.
//!
//! In: Debian's libguestfs-tools and supermin (`.ci/setup check` installs them), a fetched kernel, and
//! the programs that `make build` put into `target/out`. Each test does real work and compares content.

use guestfs::appliance::{fetch, kernel};
use guestfs::Handle;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const MIB: usize = 1 << 20;

fn out() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/out")
}

/// Bytes that no short pattern explains.
fn content(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

/// Debian's own program, unaware of our library.
fn debian(program: &str) -> Command {
    let mut c = Command::new(Path::new("/usr/bin").join(program));
    c.env_remove("LD_LIBRARY_PATH")
        .env_remove("PYTHONPATH")
        .env("LIBGUESTFS_BACKEND", "direct")
        .env("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg");
    c
}

fn run(mut c: Command) -> String {
    let shown = format!("{c:?}");
    let out = c.output().unwrap_or_else(|e| panic!("{shown}: {e}; `.ci/setup check` installs it"));
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{shown}: {}\n{err}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn debians_guestfish_works_on_our_appliance() {
    let start = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let appliance = dir.path().join("appliance");
    let mut make = Command::new(out().join("bin/guestfs-appliance"));
    make.arg("fixed").arg(&appliance);
    run(make);
    for part in ["kernel", "initrd", "root", "README.fixed"] {
        assert!(appliance.join(part).is_file(), "{part} is missing");
    }

    let data = content(5 * MIB + 3);
    std::fs::write(dir.path().join("data"), &data).unwrap();
    let script = dir.path().join("script");
    std::fs::write(
        &script,
        "sparse disk.img 1G\nrun\nlist-devices\npart-disk /dev/sda gpt\npvcreate /dev/sda1\nvgcreate VG /dev/sda1\n\
         lvcreate LV VG 400\nmkfs xfs /dev/VG/LV\nmount /dev/VG/LV /\nwrite /hello world\ncat /hello\n\
         upload data /data\nchecksum crc /data\ndownload /data back\nmkdir /dir\ntouch /dir/é\nfind /dir\n\
         -cat /missing\ntar-out / all.tar\nls /\nis-file /hello\nlist-filesystems\n",
    )
    .unwrap();
    let mut fish = debian("guestfish");
    fish.current_dir(dir.path()).arg("-f").arg(&script).env("LIBGUESTFS_PATH", &appliance);
    let text = run(fish);
    let crc = run({
        let mut c = Command::new("cksum");
        c.arg(dir.path().join("data"));
        c
    });
    let crc = crc.split(' ').next().unwrap();
    assert_eq!(
        text,
        format!("/dev/sda\nworld\n{crc}\n/é\ndata\ndir\nhello\ntrue\n/dev/VG/LV: xfs\n"),
        "what Debian's guestfish printed"
    );
    assert!(std::fs::read(dir.path().join("back")).unwrap() == data, "the download differs");
    assert!(std::fs::metadata(dir.path().join("all.tar")).unwrap().len() > data.len() as u64);
    println!("Debian's guestfish on our appliance: {:.1} s", start.elapsed().as_secs_f64());
}

#[test]
fn our_library_works_on_debians_daemon() {
    let start = Instant::now();
    let supermin = "/usr/lib/x86_64-linux-gnu/guestfs";
    assert!(Path::new(supermin).join("supermin.d").is_dir(), "{supermin}: install libguestfs-tools");
    // supermin wants a kernel in /boot; the fetched one serves as well.
    let fetched = kernel::find_fetched(&fetch::default_datadir().unwrap()).expect("run `make appliance` first");
    let dir = tempfile::tempdir().unwrap();
    // Read when supermin runs, which the library starts: this process is its environment.
    std::env::set_var("SUPERMIN_KERNEL", &fetched.image);
    std::env::set_var("SUPERMIN_KERNEL_VERSION", &fetched.release);
    std::env::set_var("SUPERMIN_MODULES", &fetched.modules);

    let g = Handle::new().unwrap();
    g.set_path(Some(supermin.into())).unwrap();
    g.add_drive_scratch(512 * MIB as i64, Default::default()).unwrap();
    g.launch().unwrap();
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
    g.part_disk("/dev/sda", "mbr").unwrap();
    g.mkfs("ext4", "/dev/sda1", Default::default()).unwrap();
    g.mount("/dev/sda1", "/").unwrap();
    g.write("/hello", b"world").unwrap();
    assert_eq!(g.cat("/hello").unwrap(), "world");
    assert_eq!(g.cat("/missing").unwrap_err().errno(), libc_enoent());

    let data = content(3 * MIB + 1);
    let (here, back) = (dir.path().join("data"), dir.path().join("back"));
    std::fs::write(&here, &data).unwrap();
    g.upload(here.to_str().unwrap(), "/data").unwrap();
    g.download("/data", back.to_str().unwrap()).unwrap();
    assert!(std::fs::read(&back).unwrap() == data, "the download differs");
    assert_eq!(g.statns("/data").unwrap().st_size, data.len() as i64);
    assert_eq!(g.ls("/").unwrap(), ["data", "hello", "lost+found"]);
    // A call that is younger than Debian's daemon fails there and the connection stays in step.
    assert!(g.readdir("/").is_err());
    g.ping_daemon().unwrap();
    g.shutdown().unwrap();
    println!("Our library on Debian's daemon: {:.1} s", start.elapsed().as_secs_f64());
}

fn libc_enoent() -> i32 {
    guestfs::errno::number(b"ENOENT")
}
