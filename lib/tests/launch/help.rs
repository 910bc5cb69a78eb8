//! What the launch tests share.

use guestfs::protocol::opts::AddDriveScratchOpts;
use guestfs::Handle;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

pub const MIB: i64 = 1 << 20;

/// One test at a time, even without `--test-threads 1`.
pub fn serial() -> MutexGuard<'static, ()> {
    static SERIAL: Mutex<()> = Mutex::new(());
    SERIAL.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A handle that builds or finds our own appliance, whatever LIBGUESTFS_PATH says.
pub fn handle() -> Handle {
    let g = Handle::new().unwrap();
    g.set_path(Some("".into())).unwrap();
    g
}

pub fn scratch(g: &Handle, mib: i64) {
    g.add_drive_scratch(mib * MIB, AddDriveScratchOpts::new()).unwrap();
}

/// Launch a handle prepared by `prepare`; says how long it took.
pub fn launch(what: &str, prepare: impl FnOnce(&Handle)) -> Handle {
    let g = handle();
    prepare(&g);
    let start = Instant::now();
    g.launch().unwrap_or_else(|e| panic!("{what}: {e}"));
    println!("launched ({what}): {:.2} s", start.elapsed().as_secs_f64());
    g
}

/// This process's children, zombies too: their lines of /proc/PID/stat.
pub fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok())
        .filter(|stat| stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1)) == Some(&me))
        .collect()
}
