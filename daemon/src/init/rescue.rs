//! A shell on the appliance's console, for virt-rescue(1).
//!
//! In: `guestfs_rescue=1` on the kernel's command line, and a library that has said which disks there
//! are. Out: an interactive shell beside the daemon, which goes on serving; when the shell ends, so does
//! the machine.

use crate::error::{Context, Result};
use rustix::system::{reboot, RebootCommand};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What virt-rescue's own manual shows, and what programs that drive it wait for.
const PROMPT: &str = "><rescue> ";

const WELCOME: &str = "\
\nRescue shell of the appliance. Its own files are in /. File systems of the disks are mounted below
/sysroot, where nothing is mounted yet unless -i or -m said so; lsblk shows what there is to mount.
The end of the shell (exit, or ^D) is the end of the appliance.\n\n";

/// Start the shell.
pub fn start() -> Result<()> {
    let place = console()?;
    let open = || File::options().read(true).write(true).open(&place).with_context(|| place.display().to_string());
    let terminal = open()?;
    rustix::io::write(&terminal, WELCOME.as_bytes()).context("welcoming to the rescue shell")?;
    let mut shell = Command::new("setsid");
    // A terminal of its own is what makes ^C and job control work.
    shell.args(["--ctty", "--wait"]);
    match Path::new("/bin/bash").exists() {
        true => shell.args(["bash", "--noprofile", "--norc", "-i"]),
        false => shell.args(["sh", "-i"]),
    };
    shell.env("PS1", PROMPT).env("HOME", "/root").current_dir("/");
    shell.stdin(terminal.try_clone().context("the console")?).stdout(terminal.try_clone().context("the console")?);
    let mut child = shell.stderr(terminal).spawn().context("setsid")?;
    std::thread::Builder::new()
        .name("rescue".into())
        .spawn(move || {
            // An error, too, says that there is no such process any more: PID 1 waits for all children.
            let _ = child.wait();
            end();
        })
        .context("watching the rescue shell")?;
    Ok(())
}

/// The terminal that the kernel's console is. `/dev/console` itself never controls a process.
fn console() -> Result<PathBuf> {
    let active = std::fs::read_to_string("/sys/class/tty/console/active").context("/sys/class/tty/console/active")?;
    Ok(Path::new("/dev").join(active.split_whitespace().next_back().unwrap_or("console")))
}

/// Bring everything to the disks, and reset the machine.
fn end() {
    eprintln!("guestfsd: the rescue shell ended: unmounting");
    // What is still in use stays mounted, and is at least written.
    let _ = Command::new("umount").args(["--recursive", super::SYSROOT]).status();
    rustix::fs::sync();
    if let Err(e) = reboot(RebootCommand::Restart) {
        eprintln!("guestfsd: reset: {e}");
    }
}
