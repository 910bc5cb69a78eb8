//! Programs that nobody here wrote: Debian's tools and bindings, unmodified, on our library.
//!
//! In: Debian's packages (`.ci/setup check` installs them) and `target/out/lib` through LD_LIBRARY_PATH.
//! Out: for each case of `peers.txt` the output and status that the same commands had on Debian's library.
//! `UPDATE=1` records them anew from that library, which takes a quarter of an hour; `CASE=text` picks cases.

#[path = "../../bindings/guestfish/tests/support/corpus.rs"]
#[allow(dead_code)] // guestfish's own tests use all of it
mod cases;
#[path = "../../bindings/guestfish/tests/support/environment.rs"]
mod environment;
#[path = "windows/hive.rs"]
#[allow(dead_code)] // windows.rs uses all of it
mod hive;
#[path = "windows/systems.rs"]
#[allow(dead_code)]
mod systems;

use cases::{run, Corpus};
use guestfs::appliance::{fetch, kernel};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const GUESTFISH: &str = "/usr/bin/guestfish";

/// Where Debian's programs are: `make check` has ours before them.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// What a case cannot do without, by a word of its text, and the package that has it.
const NEEDED: &[(&str, &str, &str)] = &[
    ("python3", "/usr/lib/python3/dist-packages/guestfs.py", "python3-guestfs"),
    ("perl t.pl", "/usr/lib/x86_64-linux-gnu/perl5", "libguestfs-perl"),
    ("guestmount", "/usr/bin/guestmount", "guestmount"),
    ("guestmount", "/dev/fuse", "a kernel with FUSE"),
    ("virt-", "/usr/bin/virt-df", "guestfs-tools"),
];

/// The Registry of a Windows, as files of these names.
const HIVES: [(&str, &str); 2] = [
    (
        "SOFTWARE",
        r#"[\Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows Server 2008 R2 Standard"
"CurrentVersion"="6.1"
"CurrentBuildNumber"="7601"
"InstallationType"="Server"

[\Microsoft\Windows\CurrentVersion\Uninstall\Tool]
"DisplayName"="A tool"
"DisplayVersion"="10.0.1"
"Publisher"="Nobody"
"#,
    ),
    (
        "SYSTEM",
        r#"[\Select]
"Current"=dword:00000001

[\MountedDevices]

[\ControlSet001\Services\Tcpip\Parameters]
"Hostname"="SERVER1"

[\ControlSet001\Control\TimeZoneInformation]
"Bias"=dword:ffffffc4
"#,
    ),
];

fn out() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/out").canonicalize().expect("run `make build` first")
}

/// Whose library the programs of this process find from now on.
fn choose(debians: bool) {
    if !debians {
        std::env::set_var("LD_LIBRARY_PATH", out().join("lib"));
        std::env::set_var("PATIENCE", "20");
        return;
    }
    std::env::remove_var("LD_LIBRARY_PATH");
    std::env::set_var("LIBGUESTFS_BACKEND", "direct");
    std::env::set_var("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg");
    std::env::set_var("PATIENCE", "60");
    // supermin wants a kernel in /boot; the fetched one serves as well.
    let fetched = kernel::find_fetched(&fetch::default_datadir().unwrap()).expect("run `make appliance` first");
    std::env::set_var("SUPERMIN_KERNEL", &fetched.image);
    std::env::set_var("SUPERMIN_KERNEL_VERSION", &fetched.release);
    std::env::set_var("SUPERMIN_MODULES", &fetched.modules);
}

/// The images of `peers/images.sh`, made through the chosen library, and Windows of two generations.
fn images() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, keys) in HIVES {
        hive::make(&dir.path().join(name), keys).unwrap_or_else(|e| panic!("{e}"));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/images.sh");
    let mut sh = Command::new("/bin/sh");
    environment::clean(&mut sh, dir.path());
    assert!(sh.arg(script.canonicalize().unwrap()).status().unwrap().success(), "the images could not be made");
    for guest in systems::GUESTS.iter().filter(|guest| ["xp", "11"].contains(&guest.name)) {
        systems::make(guest, dir.path()).unwrap_or_else(|e| panic!("{e}"));
    }
    std::env::set_var("IMAGES", dir.path());
    dir
}

fn missing(text: &str) -> Option<&'static str> {
    NEEDED.iter().find(|(word, path, _)| text.contains(word) && !Path::new(path).exists()).map(|n| n.2)
}

#[test]
fn debians_programs_do_on_our_library_what_they_do_on_their_own() {
    let start = Instant::now();
    if !Path::new(GUESTFISH).exists() {
        println!("not run: Debian's programs on our library: install libguestfs-tools");
        return;
    }
    let update = std::env::var_os("UPDATE").is_some();
    let only = std::env::var("CASE").unwrap_or_default();
    let mut corpus = Corpus::read("peers.txt");
    choose(update);
    std::env::set_var("PATH", PATH);
    let _images = images();
    let (mut failures, mut count) = (String::new(), 0);
    for case in corpus.cases.iter_mut().filter(|c| c.name.contains(&only)) {
        if let Some(package) = missing(&case.text) {
            println!("not run: {} on our library: install {package}", case.name);
            continue;
        }
        let begun = Instant::now();
        let outcome = run(Path::new(GUESTFISH), case);
        println!("{}: {:.1} s", case.name, begun.elapsed().as_secs_f64());
        count += 1;
        if update {
            println!("{}", outcome.errors);
            case.answer(outcome);
        } else if (&outcome.status, &outcome.output) != (&case.status, &case.expected) {
            failures += &format!(
                "=== {}\nexpected {}:\n{}got {}:\n{}errors:\n{}\n",
                case.name, case.status, case.expected, outcome.status, outcome.output, outcome.errors
            );
        }
    }
    if update {
        corpus.write();
    }
    println!("{count} cases: {:.0} s", start.elapsed().as_secs_f64());
    assert!(failures.is_empty(), "{failures}");
}
