//! Real launches: machines, accelerators, wrappers, failures. Each prints how long it took.
//!
//! Needs qemu, a fetched kernel and the static daemon (`make daemon`, `guestfs-appliance fetch-kernel`).
//! One at a time: they count this process's children and descriptors.

#[path = "launch/drives.rs"]
mod drives;
#[path = "launch/groups.rs"]
mod groups;
#[path = "launch/help.rs"]
mod help;
#[path = "launch/hotplug.rs"]
mod hotplug;
#[path = "launch/layers.rs"]
mod layers;
#[path = "launch/network.rs"]
mod network;
#[path = "launch/restored.rs"]
mod restored;

use guestfs::protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use guestfs::{Error, ErrorKind, EventClass, Handle, LaunchFailure, State};
use help::{children, handle, launch, scratch, serial, MIB};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn failure(e: &Error) -> &LaunchFailure {
    match e.kind() {
        ErrorKind::Launch(failure) => failure,
        other => panic!("{other:?}: {e}"),
    }
}

#[test]
fn launch_cold_and_leave_nothing() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let fds = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    // The thread that starts processes stays; let it exist before counting.
    drop(launch("the first", |g| scratch(g, 10)));
    let before = fds();
    {
        let g = handle();
        g.set_tmpdir(Some(tmp.path().to_str().unwrap().into())).unwrap();
        scratch(&g, 100);
        let start = Instant::now();
        g.launch().unwrap();
        println!("cold launch: {:.2} s", start.elapsed().as_secs_f64());
        assert_eq!(g.state(), State::Ready);
        assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
        assert_eq!(g.blockdev_getsize64("/dev/sda").unwrap(), 100 * MIB);
        assert_eq!(children().len(), 1, "{:?}", children());
        let start = Instant::now();
        g.shutdown().unwrap();
        println!("shutdown: {:.3} s", start.elapsed().as_secs_f64());
        assert_eq!(children().len(), 0, "{:?}", children());
    }
    assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
    assert_eq!(fds(), before);
}

#[test]
fn launch_again_after_shutdown() {
    let _serial = serial();
    let g = handle();
    for round in 0..2 {
        scratch(&g, 10 + round);
        g.launch().unwrap();
        assert_eq!(g.blockdev_getsize64("/dev/sda").unwrap(), (10 + round) * MIB);
        g.shutdown().unwrap();
        assert_eq!(g.state(), State::Config);
    }
}

#[test]
fn launch_on_the_other_board_with_more_of_everything() {
    let _serial = serial();
    let g = launch("q35, 2 processors, 512 MiB, network", |g| {
        g.set_backend_settings(&["board=q35", "force_tcg"]).unwrap();
        g.set_smp(2).unwrap();
        g.set_memsize(512).unwrap();
        g.set_network(true).unwrap();
        scratch(g, 10);
    });
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
    g.shutdown().unwrap();
}

/// All LIBRARY lines of a handle.
fn library_lines(g: &Handle) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let copy = lines.clone();
    g.set_verbose(true).unwrap();
    g.add_event_callback(EventClass::Library.bit() | EventClass::Warning.bit(), move |_, event| {
        copy.lock().unwrap().push(String::from_utf8_lossy(event.data).into_owned());
    });
    lines
}

#[test]
fn launch_says_which_accelerator_and_why() {
    let _serial = serial();
    let g = handle();
    g.set_backend_settings(&["force_tcg"]).unwrap();
    let lines = library_lines(&g);
    g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
    scratch(&g, 10);
    g.launch().unwrap();
    let lines = lines.lock().unwrap();
    let said: Vec<&String> = lines.iter().filter(|l| l.starts_with("accelerator: ")).collect();
    assert_eq!(said, ["accelerator: TCG: force_tcg was set"]);
    assert!(lines.iter().any(|l| l.contains("-cpu max,") && l.contains("-sandbox on")), "{lines:?}");

    let g = handle();
    g.set_backend_settings(&["force_tcg", "force_kvm"]).unwrap();
    scratch(&g, 10);
    assert_eq!(failure(&g.launch().unwrap_err()), &LaunchFailure::Backend);
}

fn script(dir: &Path, text: &str) -> String {
    let path = dir.join("my qemu wrapper");
    std::fs::write(&path, format!("#!/bin/sh -\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn launch_through_a_wrapper_script() {
    let _serial = serial();
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("note");
    let hv = script(
        dir.path(),
        &format!("echo \"$@\" > '{}'\nexec qemu-system-x86_64 -name wrapped \"$@\"", note.display()),
    );
    let g = launch("wrapper", |g| {
        g.set_hv(&hv).unwrap();
        scratch(g, 10);
    });
    let command = std::fs::read(format!("/proc/{}/cmdline", g.get_pid().unwrap())).unwrap();
    assert!(String::from_utf8_lossy(&command).contains("-name\0wrapped"), "{command:?}");
    assert!(std::fs::read_to_string(note).unwrap().contains("-kernel"));
    g.shutdown().unwrap();
}

#[test]
fn launch_fails_without_a_usable_hypervisor() {
    let _serial = serial();
    let dir = tempfile::tempdir().unwrap();
    let try_hv = |hv: &str| {
        let g = handle();
        g.set_hv(hv).unwrap();
        scratch(&g, 10);
        let e = g.launch().unwrap_err();
        assert_eq!(g.state(), State::Config);
        assert!(e.help().is_some(), "{e}");
        e
    };
    let e = try_hv("/no/such/qemu");
    assert_eq!(failure(&e), &LaunchFailure::NoHypervisor);
    assert!(e.message().to_string().contains("/no/such/qemu"), "{e}");
    let e = try_hv(&script(dir.path(), "echo this qemu is broken >&2; exit 7"));
    assert_eq!(failure(&e), &LaunchFailure::Exited);
    assert!(e.message().to_string().contains("exited with status 7: this qemu is broken"), "{e}");
    let e = try_hv(&script(dir.path(), "exec qemu-system-x86_64 -no-such-option \"$@\""));
    assert_eq!(failure(&e), &LaunchFailure::Exited);
    assert!(e.full_text().to_string().contains("-no-such-option"), "{e}");
}

#[test]
fn launch_reports_a_panic_with_its_line() {
    let _serial = serial();
    let g = handle();
    g.set_append(Some("rdinit=/no/such/init init=/no/such/init".into())).unwrap();
    scratch(&g, 10);
    let start = Instant::now();
    let e = g.launch().unwrap_err();
    println!("panic after {:.2} s", start.elapsed().as_secs_f64());
    let LaunchFailure::Panic { line } = failure(&e) else { panic!("{e}") };
    assert!(line.to_string().contains("Kernel panic - not syncing"), "{line}");
    assert!(!e.console().is_empty());
    assert_eq!(children().len(), 0);
}

#[test]
fn launch_can_be_cancelled() {
    let _serial = serial();
    let g = handle();
    // Cancel after so many milliseconds; what `launch` said.
    let cancelled_after = |ms: u64| {
        scratch(&g, 10);
        let canceller = g.canceller();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(ms));
                canceller.cancel();
            });
            g.launch()
        })
    };
    g.set_backend_settings(&["no_snapshot"]).unwrap();
    let e = cancelled_after(600).unwrap_err();
    assert_eq!(failure(&e), &LaunchFailure::Cancelled);
    assert_eq!(children().len(), 0);
    // A restored machine may be quicker than the cancellation.
    g.set_backend_settings(&[] as &[&str]).unwrap();
    g.launch().unwrap();
    g.shutdown().unwrap();
    for ms in (0..120).step_by(15) {
        match cancelled_after(ms) {
            Ok(()) => {
                g.ping_daemon().unwrap();
                g.shutdown().unwrap();
            }
            Err(e) => {
                println!("cancelled after {ms} ms");
                assert_eq!(failure(&e), &LaunchFailure::Cancelled, "{e}");
                assert_eq!(g.state(), State::Config);
            }
        }
        assert_eq!(children().len(), 0);
    }
}

#[test]
fn launch_with_awkward_directories() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let odd = tmp.path().join("tmp dir, with=all 'kinds' of \"things\"");
    std::fs::create_dir(&odd).unwrap();
    let name = odd.to_str().unwrap();
    let g = launch("odd names", |g| {
        g.set_tmpdir(Some(name.into())).unwrap();
        g.set_cachedir(Some(name.into())).unwrap();
        scratch(g, 10);
        let image = odd.join("an image, with=all.img");
        std::fs::write(&image, vec![0; 1 << 20]).unwrap();
        g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().readonly(true)).unwrap();
    });
    assert_eq!(g.list_devices().unwrap().len(), 2);
    g.shutdown().unwrap();
}

#[test]
fn launch_without_a_cache() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    // Not a directory: nothing can be cached there, even by root.
    let uid = std::os::unix::fs::MetadataExt::uid(&tmp.path().metadata().unwrap());
    std::fs::write(tmp.path().join(format!(".guestfs-{uid}")), "").unwrap();
    let g = handle();
    g.set_cachedir(Some(tmp.path().to_str().unwrap().into())).unwrap();
    let lines = library_lines(&g);
    g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
    scratch(&g, 10);
    let start = Instant::now();
    g.launch().unwrap();
    println!("launch with a build of its own: {:.2} s", start.elapsed().as_secs_f64());
    assert!(lines.lock().unwrap().iter().any(|l| l.contains("built for this launch alone")));
    g.shutdown().unwrap();
}

#[test]
fn launch_needs_a_kernel_and_a_daemon_and_says_so() {
    let _serial = serial();
    // The environment decides: in a process of its own.
    let run = |name: &str, value: &str| {
        let exe = std::env::current_exe().unwrap();
        let out = std::process::Command::new(exe)
            .args(["--exact", "launch_child_prints_its_failure", "--nocapture"])
            .env(name, value)
            .env("LAUNCH_CHILD", "1")
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let text = run("GUESTFS_RS_DAEMON", "/no/such/daemon");
    assert!(text.contains("NoAppliance") && text.contains("/no/such/daemon"), "{text}");
    let host_has_kernels = std::fs::read_dir("/lib/modules").is_ok_and(|mut d| d.next().is_some());
    if host_has_kernels {
        println!("not run: a host without a kernel (this one has its own)");
    } else {
        let text = run("GUESTFS_RS_DATADIR", "/no/such/place");
        assert!(text.contains("KernelUnreadable") && text.contains("fetch-kernel"), "{text}");
    }
}

#[test]
fn launch_falls_back_from_a_kvm_that_hangs() {
    let _serial = serial();
    let usable = std::fs::File::options().read(true).write(true).open("/dev/kvm");
    if let Err(e) = usable {
        println!("not run: falling back from KVM (/dev/kvm: {e})");
        return;
    }
    let tmp = tempfile::tempdir_in("/var/tmp").unwrap();
    let prepared = || {
        let g = handle();
        g.set_cachedir(Some(tmp.path().to_str().unwrap().into())).unwrap();
        scratch(&g, 10);
        g
    };
    // The appliance is built and the verdict on KVM written; then the verdict is turned round.
    prepared().launch().unwrap();
    let uid = std::os::unix::fs::MetadataExt::uid(&tmp.path().metadata().unwrap());
    let file = tmp.path().join(format!(".guestfs-{uid}/rs/host.json"));
    let text = std::fs::read_to_string(&file).unwrap();
    let mut facts: serde_json::Value = serde_json::from_str(&text).unwrap();
    let hangs = !facts["kvm_refused"].is_null();
    facts["kvm_refused"] = serde_json::Value::Null;
    std::fs::write(&file, facts.to_string()).unwrap();

    let g = prepared();
    let lines = library_lines(&g);
    g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
    let start = Instant::now();
    g.launch().unwrap();
    println!("launched with KVM {}: {:.2} s", if hangs { "hanging" } else { "working" }, start.elapsed().as_secs_f64());
    let lines = lines.lock().unwrap();
    let said: Vec<&String> = lines.iter().filter(|l| l.starts_with("accelerator: ")).collect();
    assert!(said[0].starts_with("accelerator: KVM: "), "{said:?}");
    if said.len() > 1 {
        assert_eq!(said[1], "accelerator: TCG: KVM failed in this launch");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("did not come up"), "{text}");
    }
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
}

#[test]
fn launch_dies_with_the_program() {
    let _serial = serial();
    let mut program = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "launch_child_waits", "--nocapture"])
        .env("LAUNCH_CHILD", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(program.stdout.take().unwrap()));
    let pid = lines.map_while(Result::ok).find_map(|l| Some(l.split_once("qemu is ")?.1.to_owned())).unwrap();
    assert!(Path::new("/proc").join(&pid).exists());
    // SIGKILL: no destructor runs.
    program.kill().unwrap();
    program.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    while Path::new("/proc").join(&pid).exists() {
        assert!(Instant::now() < until, "qemu {pid} outlived the program that started it");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Run by the test above; alone it does nothing.
#[test]
fn launch_child_waits() {
    if std::env::var_os("LAUNCH_CHILD").is_some() {
        let g = launch("to be killed", |g| scratch(g, 10));
        println!("qemu is {}", g.get_pid().unwrap());
        std::thread::sleep(Duration::from_secs(100));
    }
}

/// Run by a test above; alone it does nothing.
#[test]
fn launch_child_prints_its_failure() {
    if std::env::var_os("LAUNCH_CHILD").is_some() {
        let g = handle();
        scratch(&g, 10);
        println!("{:?}", g.launch().unwrap_err());
    }
}

#[test]
fn launch_handle_outlives_the_thread_that_launched_it() {
    let _serial = serial();
    let g = std::thread::spawn(|| launch("on a thread", |g| scratch(g, 10))).join().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
    drop(g);
    assert_eq!(children().len(), 0);
}

#[test]
fn launch_with_scratch_options() {
    let _serial = serial();
    let g = launch("scratch with options", |g| {
        g.add_drive_scratch(5 << 30, AddDriveScratchOpts::new().label("big").blocksize(4096)).unwrap();
    });
    assert_eq!(g.blockdev_getsize64("/dev/sda").unwrap(), 5 << 30);
    assert_eq!(g.blockdev_getss("/dev/sda").unwrap(), 4096);
    assert_eq!(g.blockdev_getsize64("/dev/disk/guestfs/big").unwrap(), 5 << 30);
}
