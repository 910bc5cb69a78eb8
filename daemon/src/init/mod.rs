//! PID 1 of an appliance: from the kernel's hand-over to the first request, in well under a second.
//!
//! In: an initrd with this program as `/init`, and the kernel's command line (see [`cmdline`]). Out: a
//! machine in which calls can be served, and the channel, served until it ends.
//!
//! What the builder of an appliance has to know:
//!
//! - The initrd holds `/init` (this program, static), `/dev/console`, and `/modules/order`: one absolute
//!   path of an uncompressed module a line, in the order to insert them. They are what is needed to
//!   reach the root and the channel. A module that cannot be inserted is reported and skipped: another
//!   machine may do without it.
//! - The root (squashfs, ext2–4, or any type named by `rootfstype=`) is mounted read-only and becomes
//!   `/` (`MS_MOVE` and chroot: this program goes on running, it is not started again). It must have the
//!   directories `dev proc sys run tmp var sysroot`. A tmpfs each goes on `run`, `tmp` and `var`; the
//!   rest stays as it was built. `/etc/resolv.conf` and `/etc/mtab` are links.
//! - `/sbin/modprobe` of the root is this program (it looks at argv\[0\]); modules to be loaded on
//!   demand are in `/lib/modules/RELEASE` with `modules.dep`, `modules.alias`, `modules.softdep` and
//!   `modules.builtin`.
//!
//! On the console one line a stage, `guestfsd: stage: NAME`: `start`, `modules`, `root`, `channel`,
//! `warm-up` (in a machine to be saved), `ready`; a failure is one line `guestfsd: fatal: WHY`, after which the machine is reset (qemu is
//! run with `-no-reboot` and ends).

pub mod cmdline;
mod network;
pub mod port;
pub mod rescue;
mod root;
mod warmup;

use crate::channel::Channel;
use crate::ctx::{Ctx, Role};
use crate::disks::{hold_back, lvm_config, Disks};
use crate::dispatch::dispatch;
use crate::error::{Context, Error, Result};
use crate::kmod;
use crate::rpc::{serve, served, End};
use cmdline::Cmdline;
use rustix::mount::{mount, mount_move, MountFlags};
use rustix::system::{reboot, RebootCommand};
use std::fs::create_dir_all;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the guest's file systems are mounted.
pub const SYSROOT: &str = "/sysroot";

/// Where the root is put together.
const NEW_ROOT: &str = "/root.new";

/// How long the library may be away before the machine gives up. It is away while the machine is
/// saved and restored.
const LONELY: Duration = Duration::from_secs(60);

/// Be PID 1. Does not come back.
pub fn run() -> ! {
    let fatal = |e: Error| eprintln!("guestfsd: fatal: {e}");
    if let Err(e) = live() {
        fatal(e);
    }
    rustix::fs::sync();
    // Not power-off: a machine without ACPI would only halt, and qemu with it.
    if let Err(e) = reboot(RebootCommand::Restart) {
        fatal(Error::from(e).context("reset"));
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Tell the console, and with it the library, how far we are.
fn stage(name: &str) {
    eprintln!("guestfsd: stage: {name}");
}

fn live() -> Result<()> {
    kernel_file_systems()?;
    let text = std::fs::read_to_string("/proc/cmdline").context("/proc/cmdline")?;
    let line = Cmdline::parse(&text);
    stage("modules");
    early_modules();
    stage("root");
    create_dir_all(NEW_ROOT).context(NEW_ROOT)?;
    let root = root::mount_root(&line, Path::new(NEW_ROOT))?;
    forget_initrd();
    switch_root()?;
    own_directories()?;
    let disks = Disks::scan(Some(root));
    disks.tune();
    lvm_config::write(disks.own_disk())?;
    host_name(line.identifier.as_deref());
    if let Err(e) = network::up(line.network) {
        eprintln!("guestfsd: {e}");
    }
    stage("channel");
    let channel = Channel::new(port::open(line.channel.as_deref())?);
    let mut ctx = Ctx::new(channel, Role::Appliance, Path::new(SYSROOT), disks)?;
    ctx.set_verbose(line.verbose);
    if line.rescue {
        ctx.when_ready(rescue::start);
    }
    if line.save {
        stage("warm-up");
        warmup::up(&ctx);
    }
    attend(&mut ctx, line.own_library)
}

/// Serve the library, also one that comes back to a restored machine.
fn attend(ctx: &mut Ctx, own_library: bool) -> Result<()> {
    stage("ready");
    if own_library {
        if let Err(e) = hold_back() {
            eprintln!("guestfsd: disks may be named in any order: {e}");
        }
        ctx.await_hello();
    } else {
        // No hello will come to tell of the disks: those that are there are the ones.
        let disks = ctx.disks().list();
        crate::plug::start(ctx, &disks, true)?;
        ctx.ready()?;
    }
    ctx.channel().send_launch()?;
    let mut since = None;
    loop {
        let calls = served(ctx);
        match serve(ctx, dispatch)? {
            End::Leave => break,
            End::Closed if !own_library => break,
            End::Closed => {}
        }
        if served(ctx) != calls || since.is_none() {
            since = Some(Instant::now());
        }
        if since.is_some_and(|s| s.elapsed() > LONELY) {
            eprintln!("guestfsd: the library is gone");
            break;
        }
        // Whoever comes now was not here when the machine was told about its clock and disks.
        ctx.await_hello();
        std::thread::sleep(Duration::from_millis(2));
    }
    crate::mount::internal_autosync(ctx)
}

fn kernel_file_systems() -> Result<()> {
    for (kind, target) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        create_dir_all(target).context(target)?;
        mount(kind, target, kind, MountFlags::empty(), None).context(target)?;
    }
    // Only now is there a console for sure, when the initrd has no node for it.
    stage("start");
    Ok(())
}

/// Insert what the builder listed.
fn early_modules() {
    let Ok(order) = std::fs::read_to_string("/modules/order") else {
        eprintln!("guestfsd: no /modules/order in the initrd");
        return;
    };
    for file in order.lines().filter(|l| !l.is_empty()) {
        if let Err(e) = kmod::insert(Path::new(file)) {
            eprintln!("guestfsd: {file}: {e}");
        }
    }
}

/// Files of the initrd are memory; they are of no use any more.
fn forget_initrd() {
    let _ = std::fs::remove_dir_all("/modules");
    let _ = std::fs::remove_file("/init");
}

/// Make the new root `/`, taking the kernel's file systems along.
fn switch_root() -> Result<()> {
    for dir in ["dev", "proc", "sys"] {
        let (from, to) = (format!("/{dir}"), format!("{NEW_ROOT}/{dir}"));
        mount_move(&from, &to).with_context(|| format!("moving {from} to the root"))?;
    }
    rustix::process::chdir(NEW_ROOT).context(NEW_ROOT)?;
    mount_move(".", "/").context("moving the root")?;
    rustix::process::chroot(".").context("entering the root")?;
    rustix::process::chdir("/").context("/")
}

/// What must be writable, and what programs expect to find.
fn own_directories() -> Result<()> {
    let tmpfs = |target: &str, options: &std::ffi::CStr| {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", target, "tmpfs", flags, Some(options)).context(target)
    };
    tmpfs("/run", c"mode=0755")?;
    tmpfs("/tmp", c"mode=1777")?;
    tmpfs("/var", c"mode=0755")?;
    mount(crate::mount::TREE, SYSROOT, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=0755"))
        .context(SYSROOT)?;
    for dir in ["/run/lock/lvm", "/run/mount", "/var/lib", "/var/cache", "/var/log", "/dev/pts", "/dev/shm"] {
        create_dir_all(dir).context(dir)?;
    }
    for (link, target) in [("/var/tmp", "/tmp"), ("/var/run", "/run"), ("/var/lock", "/run/lock")] {
        std::os::unix::fs::symlink(target, link).context(link)?;
    }
    // `/etc/resolv.conf` is a link to it; empty while there is no network.
    std::fs::write("/run/resolv.conf", b"").context("/run/resolv.conf")?;
    tmpfs("/dev/shm", c"mode=1777")?;
    mount("devpts", "/dev/pts", "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, Some(c"mode=0600,ptmxmode=0666"))
        .context("/dev/pts")?;
    // A shell's process substitution wants it; udev would have made it.
    for (link, target) in
        [("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "fd/0"), ("/dev/stdout", "fd/1"), ("/dev/stderr", "fd/2")]
    {
        match std::os::unix::fs::symlink(target, link) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e).context(link),
            _ => {}
        }
    }
    Ok(())
}

/// Shown in prompts and file system headers; LVM and mdadm want one at all.
fn host_name(identifier: Option<&str>) {
    let plain = |name: &&str| {
        !name.is_empty() && name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let _ = rustix::system::sethostname(identifier.filter(plain).unwrap_or("guestfs").as_bytes());
}
