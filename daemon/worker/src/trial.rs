//! No library: what a library that goes wrong does, to order. For tests, through `debug worker`.
//!
//! In: what to do. Out: as a rule nothing.

use crate::c;
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::worker::{Incoming, Plain, Value};
use rustix::fd::OwnedFd;
use std::fs::OpenOptions;
use std::io::Read;
use std::time::Duration;

/// Nothing is loaded.
pub fn load() -> Result<Box<dyn Library>> {
    Ok(Box::new(Trial))
}

struct Trial;

impl Library for Trial {
    fn call(&mut self, function: &str, args: Incoming, wire: &mut Wire) -> Result<Value> {
        match function {
            "echo" => Ok(args.take::<(BString,)>()?.0.into_value()),
            "crash" => {
                // SAFETY: none; it is here to be killed for it.
                unsafe { std::ptr::null_mut::<u8>().write_volatile(1) };
                Ok(Value::Nothing)
            }
            "abort" => std::process::abort(),
            "exit" => std::process::exit(args.take::<(i32,)>()?.0),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            "eat" => {
                let mut eaten: Vec<Vec<u8>> = Vec::new();
                loop {
                    eaten.push(vec![1; 1 << 20]);
                }
            }
            "babble" => {
                let (pieces,): (u32,) = args.take()?;
                for n in 0..pieces {
                    wire.piece(n)?;
                }
                Ok(pieces.into_value())
            }
            "beat" => {
                let (milliseconds,): (u32,) = args.take()?;
                let until = std::time::Instant::now() + Duration::from_millis(milliseconds.into());
                while std::time::Instant::now() < until {
                    wire.alive()?;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok(Value::Nothing)
            }
            "read" => {
                let (file,): (OwnedFd,) = args.take()?;
                let path = c::path_of(&file).to_string_lossy().into_owned();
                if OpenOptions::new().write(true).open(&path).is_ok() {
                    return Ok(BString::from("can be written, though it was given to be read").into_value());
                }
                let mut text = Vec::new();
                std::fs::File::open(path)?.take(1 << 20).read_to_end(&mut text)?;
                Ok(BString::from(text).into_value())
            }
            "lie" => {
                // A frame of the largest length that can be said, and nothing behind it.
                let socket = rustix::stdio::stdin();
                rustix::net::send(socket, &[0xff; 8], rustix::net::SendFlags::NOSIGNAL)?;
                Ok(Value::Nothing)
            }
            "rights" => Ok(rights().into_value()),
            _ => Err(Fault::unknown(function)),
        }
    }
}

/// Which of the things that a worker must not do it can do.
fn rights() -> Vec<BString> {
    let write = |path: &str| OpenOptions::new().write(true).open(path).is_ok();
    let parent = rustix::process::getppid();
    let attempts: [(&str, bool); 14] = [
        ("run a program", std::process::Command::new("/bin/true").spawn().is_ok()),
        ("start a thread", std::thread::Builder::new().spawn(|| ()).is_ok()),
        (
            "signal its parent",
            parent.is_some_and(|p| rustix::process::kill_process(p, rustix::process::Signal::CONT).is_ok()),
        ),
        (
            "look into its parent",
            std::fs::read_dir(format!("/proc/{}/root/", parent.map_or(1, |p| p.as_raw_nonzero().get()))).is_ok(),
        ),
        ("open a disk", std::fs::File::open("/dev/sda").is_ok() || std::fs::File::open("/dev/vda").is_ok()),
        ("see the guest", std::fs::read_dir("/sysroot").is_ok_and(|mut dir| dir.next().is_some())),
        ("see temporary files", std::fs::read_dir("/run").is_ok_and(|mut dir| dir.next().is_some())),
        ("make a file", std::fs::File::create("/tmp/made").is_ok() || std::fs::File::create("/made").is_ok()),
        ("set the kernel's settings", write("/proc/sys/kernel/core_pattern")),
        ("press keys of the kernel", write("/proc/sysrq-trigger")),
        ("mount", rustix::mount::mount("none", "/mnt", "tmpfs", rustix::mount::MountFlags::empty(), None).is_ok()),
        ("open a socket", std::net::UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("make memory executable", executable()),
        ("leave a core", rustix::process::getrlimit(rustix::process::Resource::Core).current != Some(0)),
    ];
    attempts.into_iter().filter(|(_, done)| *done).map(|(what, _)| what.into()).collect()
}

fn executable() -> bool {
    let (prot, flags) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, which nothing else uses; it is left to the end of the process.
    unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) != libc::MAP_FAILED }
}
