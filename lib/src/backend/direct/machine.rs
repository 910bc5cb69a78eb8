//! The machine: qemu's command line.
//!
//! In: an appliance, a plan and what is known of the host. Out: arguments. Measured in boot-lab §2 and
//! §3. A machine is restored by the line that it was started with, so nothing is in it that belongs to
//! one launch only. Drives are attached later, through the monitor.

use crate::appliance::digest::{self, Stamp};
use crate::appliance::{Appliance, Origin};
use crate::backend::accel::{self, Accel};
use crate::backend::host::Host;
use crate::backend::kernel_line::KernelLine;
use crate::child::FIRST_FD;
use crate::machine::{LaunchError, Plan, Reporter};
use bstr::ByteSlice;
use serde_json::json;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Descriptors that qemu inherits, by number.
pub const MONITOR_FD: i32 = FIRST_FD;
pub const CHANNEL_FD: i32 = FIRST_FD + 1;
pub const KERNEL_FD: i32 = FIRST_FD + 2;
pub const INITRD_FD: i32 = FIRST_FD + 3;
pub const ROOT_FD: i32 = FIRST_FD + 4;
/// The overlay above a root that its owner wants to write to.
pub const ROOT_OVERLAY_FD: i32 = FIRST_FD + 5;
/// The machine's memory, where it is a file. Foreign appliances have none, ours no overlay.
pub const RAM_FD: i32 = FIRST_FD + 5;

/// Where the machine's memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// In the process.
    Anonymous,
    /// In a file that it writes to: to be saved.
    Shared,
    /// In a file whose changed pages it keeps to itself: restored.
    Private,
}

/// Setting: the machine may leave a core, with the guest's memory.
pub const CORE: &str = "core";

/// Which machine. The appliance must have its buses' drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// No PCI, no firmware to speak of: 0.2 s quicker to start.
    Microvm,
    Q35,
}

/// Everything that decides the command line.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    pub appliance: &'a Appliance,
    pub plan: &'a Plan,
    pub host: &'a Host,
    pub accel: Accel,
    pub board: Board,
    /// seccomp is compiled into this qemu.
    pub sandbox: bool,
    pub memory: Memory,
    /// qemu gives up all rights that it can do without.
    pub confined: bool,
}

/// The name of a descriptor of qemu's.
pub fn by_number(fd: i32) -> String {
    format!("/proc/self/fd/{fd}")
}

/// Why this hypervisor counts as a script, about which nothing is known; `None`: it is a program.
pub fn is_script(hv: &Path) -> Option<String> {
    let mut magic = [0; 4];
    match std::fs::File::open(hv).and_then(|mut f| f.read_exact(&mut magic)) {
        Ok(()) if magic == *b"\x7fELF" => None,
        Ok(()) => Some(format!("{} is a script, which may change anything", hv.display())),
        Err(e) => Some(format!("{}: {}", hv.display(), crate::error::io_text(&e))),
    }
}

impl Machine<'_> {
    /// A device's name on this board's bus.
    fn device(&self, name: &str, properties: &str) -> String {
        let bus = match self.board {
            Board::Microvm => "device",
            Board::Q35 => "pci",
        };
        format!("{name}-{bus}{properties}")
    }

    /// Whether the root disk needs an overlay: those who did not build it may write to it.
    pub fn root_is_writable(&self) -> bool {
        self.appliance.origin == Origin::Foreign
    }

    /// Do without what this qemu has just said it does not have; false when that is not the point.
    pub fn yields_to(&mut self, e: &LaunchError, reporter: &dyn Reporter) -> bool {
        let said = |text: &[u8]| e.console.contains_str(text);
        if self.sandbox && said(b"sandbox") {
            reporter.warning("this qemu cannot confine itself (-sandbox): it runs with all rights of this user");
            self.sandbox = false;
            true
        } else if self.board == Board::Microvm && said(b"machine type") {
            self.board = Board::Q35;
            true
        } else {
            false
        }
    }

    /// The key under which this machine is saved, or why it is not.
    pub fn key(&self, hv: &Path) -> Result<String, String> {
        if self.plan.setting_bool("no_snapshot") {
            return Err("no_snapshot was set".into());
        }
        if self.plan.setting_bool("gdb") {
            return Err("the kernel is to be debugged".into());
        }
        if !self.plan.hv_params.is_empty() {
            return Err("it has additional parameters (config)".into());
        }
        if self.appliance.origin != Origin::Own || self.appliance.scratch.is_some() {
            return Err("the appliance is not from the cache".into());
        }
        if let Some(why) = is_script(hv) {
            return Err(why);
        }
        let say = |e: std::io::Error| format!("{}: {}", hv.display(), crate::error::io_text(&e));
        let program = format!("{:?}", Stamp::of(hv).map_err(say)?);
        // Under KVM the host's kernel has a part in a machine's state.
        let uname = rustix::system::uname();
        let kernel = if self.accel == Accel::Kvm { uname.release().to_bytes() } else { b"" };
        let restored = Machine { memory: Memory::Private, ..*self };
        let args = restored.arguments();
        let mut parts = vec![hv.as_os_str().as_bytes(), program.as_bytes(), self.host.cpu.as_bytes(), kernel];
        parts.extend([&self.appliance.kernel, &self.appliance.initrd].map(|path| path.as_os_str().as_bytes()));
        parts.extend(args.iter().map(|a| a.as_bytes()));
        let digest = digest::of_parts(&parts);
        Ok(digest.get(..32).unwrap_or(&digest).to_owned())
    }

    /// qemu's arguments, its own name left out.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut add = |list: &[&str]| args.extend(list.iter().map(OsString::from));
        add(&["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S"]);
        if self.sandbox {
            add(&["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]);
        }
        let board = match self.board {
            Board::Microvm => "microvm",
            // No SMBus, no PS/2: nothing here asks for them. Not graphics=off: the firmware would print
            // to the console, and its words are no sign of a living guest.
            Board::Q35 => "q35,smbus=off,i8042=off",
        };
        let smp = self.plan.smp.max(1);
        let accelerator = match self.accel {
            Accel::Kvm => "kvm",
            Accel::Tcg if smp == 1 => "tcg,thread=single",
            Accel::Tcg => "tcg,thread=multi",
        };
        let cpu = match self.accel {
            Accel::Kvm => "host".to_owned(),
            Accel::Tcg => format!("max,-{}", accel::TCG_WITHOUT.join(",-")),
        };
        // Guest memory holds keys and what was read from disks: it has no place in a core.
        let board =
            if self.plan.setting_bool(CORE) { board.to_owned() } else { format!("{board},dump-guest-core=off") };
        let share = match self.memory {
            Memory::Anonymous => None,
            Memory::Shared => Some("on"),
            Memory::Private => Some("off"),
        };
        if let Some(share) = share {
            let size = self.plan.memsize;
            add(&[
                "-object",
                &format!("memory-backend-file,id=mem,size={size}M,mem-path={},share={share}", by_number(RAM_FD)),
            ]);
            add(&["-machine", &format!("{board},memory-backend=mem")]);
        } else {
            add(&["-machine", &board]);
        }
        if self.memory == Memory::Private {
            add(&["-incoming", "defer"]);
        }
        add(&["-accel", accelerator, "-cpu", &cpu]);
        add(&["-m", &self.plan.memsize.to_string(), "-smp", &smp.to_string()]);
        if self.plan.setting_bool("gdb") {
            add(&["-gdb", "tcp::1234"]);
        }
        add(&["-chardev", &format!("socket,id=mon0,fd={MONITOR_FD}"), "-mon", "chardev=mon0,mode=control"]);
        add(&["-chardev", "stdio,id=con0,signal=off", "-serial", "chardev:con0"]);
        add(&["-chardev", &format!("socket,id=ch0,fd={CHANNEL_FD}")]);
        add(&["-device", &self.device("virtio-serial", "")]);
        add(&["-device", "virtserialport,chardev=ch0,name=org.libguestfs.channel.0"]);
        add(&["-device", &self.device("virtio-scsi", ",id=scsi")]);
        self.root(&mut add);
        if self.appliance.origin != Origin::Own {
            add(&["-object", "rng-random,filename=/dev/urandom,id=rng0"]);
            add(&["-device", &self.device("virtio-rng", ",rng=rng0")]);
        }
        if self.plan.network {
            // The addresses that upstream's appliance expects.
            add(&["-netdev", "user,id=net0,net=169.254.0.0/16"]);
            let rom = if self.board == Board::Q35 { ",netdev=net0,romfile=" } else { ",netdev=net0" };
            add(&["-device", &self.device("virtio-net", rom)]);
        }
        // By descriptors: the files may lie where this qemu may not look.
        args.extend(["-kernel".into(), by_number(KERNEL_FD).into()]);
        args.extend(["-initrd".into(), by_number(INITRD_FD).into()]);
        args.extend(["-append".into(), OsString::from_vec(self.kernel_line().words().into())]);
        for (name, value) in &self.plan.hv_params {
            let words = std::iter::once(name).chain(value);
            args.extend(words.map(|w| OsString::from_vec(w.to_vec())));
        }
        args
    }

    fn kernel_line(&self) -> KernelLine<'_> {
        let Machine { appliance, plan, host, accel, .. } = *self;
        KernelLine { appliance, plan, host, accel, common: self.memory != Memory::Anonymous }
    }

    /// The root image, by descriptor: its path may hold any bytes, and may be removed meanwhile.
    fn root(&self, add: &mut dyn FnMut(&[&str])) {
        add(&["-add-fd", &format!("fd={ROOT_FD},set=1")]);
        let file = json!({ "driver": "file", "filename": "/dev/fdset/1" });
        let image =
            json!({ "driver": "raw", "node-name": "root", "read-only": true, "force-share": true, "file": file });
        add(&["-blockdev", &image.to_string()]);
        let mut top = "root";
        if self.root_is_writable() {
            add(&["-add-fd", &format!("fd={ROOT_OVERLAY_FD},set=2")]);
            let file = json!({ "driver": "file", "filename": "/dev/fdset/2", "locking": "off" });
            let cache = json!({ "no-flush": true });
            let overlay =
                json!({ "driver": "qcow2", "node-name": "rootover", "backing": "root", "file": file, "cache": cache });
            add(&["-blockdev", &overlay.to_string()]);
            top = "rootover";
        }
        add(&["-device", &self.device("virtio-blk", &format!(",drive={top}"))]);
    }
}
