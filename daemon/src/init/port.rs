//! The channel's device.
//!
//! In: the name of a virtio-serial port, or a path. Out: it, opened and, if it is a terminal, raw.

use crate::error::{Context, Errno, Error, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::termios::{isatty, tcgetattr, tcsetattr, OptionalActions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Name of the port that every libguestfs gives its appliance.
pub const PORT: &str = "org.libguestfs.channel.0";

const PATIENCE: Duration = Duration::from_secs(20);

/// Open the channel: `given` is a device or `/dev/virtio-ports/NAME`; the usual port otherwise.
pub fn open(given: Option<&str>) -> Result<OwnedFd> {
    let name = given.map_or(Some(PORT), |path| path.strip_prefix("/dev/virtio-ports/"));
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    let node = loop {
        let node = match (given, name) {
            // udev, where there is one, has made the link.
            (Some(path), _) if Path::new(path).exists() => Some(PathBuf::from(path)),
            (_, Some(name)) => find(name),
            (_, None) => None,
        };
        if let Some(node) = node {
            break node;
        }
        if Instant::now() >= until {
            let what = given.unwrap_or(PORT);
            return Err(Error::new(Errno::NODEV, "no such channel: no virtio-serial port of this name").context(what));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(&node, flags, Mode::empty()).with_context(|| node.display().to_string())?;
    if isatty(&fd) {
        let mut modes = tcgetattr(&fd).context("channel")?;
        modes.make_raw();
        tcsetattr(&fd, OptionalActions::Now, &modes).context("channel")?;
    }
    Ok(fd)
}

/// The node of a port by its name; the kernel makes `/dev/vport0p1`, names are only in sysfs.
fn find(name: &str) -> Option<PathBuf> {
    let ports = std::fs::read_dir("/sys/class/virtio-ports").ok()?;
    let port =
        ports.flatten().find(|p| std::fs::read_to_string(p.path().join("name")).is_ok_and(|n| n.trim() == name))?;
    Some(Path::new("/dev").join(port.file_name())).filter(|node| node.exists())
}
