//! Attaching drives to a machine, and taking them away again.
//!
//! In: drives and a monitor. Out: a SCSI disk each, target = index, LUN 0, whatever order qemu or the
//! guest finds them in. All commands are under way at once: a round trip each would cost a second with
//! 255 drives. Overlays of read-only drives need the image's size, hence two rounds.

use crate::backend::layers::{self, Opened};
use crate::backend::nodes::{self, fdset, fdset_path};
use crate::backend::qmp::{Command, Qmp, QmpError};
use crate::backend::{faults, overlay};
use crate::drive::{Drive, Source};
use crate::error::LaunchFailure;
use crate::machine::{LaunchError, Reporter};
use bstr::ByteSlice;
use serde_json::{json, Map, Value};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Descriptor sets of connections, far from all others.
const FIRST_CONNECTION: usize = 1_000_000_000;

/// What an attachment needs besides the drives.
pub struct Attach<'a> {
    pub qmp: &'a mut Qmp,
    pub deadline: Instant,
    pub reporter: &'a dyn Reporter,
    /// Private directory for links and overlays.
    pub tmpdir: &'a Path,
    /// Of qemu.
    pub version: (u64, u64),
    /// qemu's own process, which is not "another" one when a lock is held.
    pub pid: i32,
}

/// A command and the drive it is for.
type Step = (usize, Command);

impl Attach<'_> {
    /// Attach these drives under their numbers.
    pub fn all(&mut self, list: &[(usize, &Drive)], opened: Vec<Opened>) -> Result<(), LaunchError> {
        let mut steps = Vec::new();
        for (&(index, drive), opened) in list.iter().zip(opened) {
            self.image(index, drive, opened, &mut steps)?;
        }
        self.run(list, steps)?;
        let sizes = if list.iter().any(|(_, drive)| needs_overlay(drive)) { self.sizes()? } else { HashMap::new() };
        let mut steps = Vec::new();
        for &(index, drive) in list {
            if needs_overlay(drive) {
                let size = sizes.get(&base_name(index)).copied().unwrap_or(0);
                self.overlay(index, size, &mut steps)?;
            }
            if drive.copyonread {
                let filter =
                    json!({ "driver": "copy-on-read", "node-name": cor_name(index), "file": node_name(index) });
                steps.push((index, Command::new("blockdev-add", filter)));
            }
            steps.push((index, device(index, drive)));
        }
        self.run(list, steps)
    }

    /// The node of the image itself.
    fn image(&mut self, index: usize, drive: &Drive, opened: Opened, steps: &mut Vec<Step>) -> Result<(), LaunchError> {
        if let Source::Scratch { size } = drive.source {
            let file = overlay::zeroes(self.tmpdir, size).map_err(|e| self.no_scratch(&e))?;
            steps.push((index, add_fd(fdset(index), file)));
        }
        let (format, file, below) = match opened {
            Opened::Layers(layers) => {
                steps.extend(layers.files.into_iter().map(|(set, file)| (index, add_fd(set, file))));
                (layers.format, layers.file, layers.below)
            }
            opened => {
                let (mut file, secret) = nodes::protocol_node(drive, index, self.tmpdir)?;
                if let Some((_, object)) = secret {
                    steps.push((index, Command::new("object-add", object)));
                }
                let format = nodes::format(drive, &file, self.reporter)?;
                if let Opened::Connected(socket) = opened {
                    file.insert("server".into(), json!({ "type": "fd", "str": self.connection(index, socket)? }));
                }
                (format, file, Map::new())
            }
        };
        let name = if needs_overlay(drive) { base_name(index) } else { node_name(index) };
        let mut node = nodes::format_node(drive, &format, &name, file)?;
        if let Some(node) = node.as_object_mut() {
            node.extend(below);
        }
        steps.push((index, Command::new("blockdev-add", node)));
        Ok(())
    }

    /// Send a connected socket; the result is what qemu calls it. Before 7.0 it connects where names are not known:
    /// there it is the number, which the connection owns from then on. The set that it came in is never taken away:
    /// that would close the number for whoever has it by then.
    fn connection(&mut self, index: usize, socket: OwnedFd) -> Result<String, LaunchError> {
        static NEXT: AtomicUsize = AtomicUsize::new(FIRST_CONNECTION);
        let name = format!("server{index}");
        let command = match self.version {
            (..=6, _) => add_fd(NEXT.fetch_add(1, Ordering::Relaxed), socket),
            _ => Command::new("getfd", json!({ "fdname": name })).with_fd(socket),
        };
        let reporter = self.reporter;
        let answer = self.qmp.execute(command, self.deadline, &|| !reporter.cancelled()).map_err(faults::monitor)?;
        Ok(answer.get("fd").and_then(Value::as_u64).map_or(name, |number| number.to_string()))
    }

    fn no_scratch(&self, e: &std::io::Error) -> LaunchError {
        LaunchError::io(format!("launch: a temporary disk in {}", self.tmpdir.display()), e)
            .help("set LIBGUESTFS_TMPDIR to a directory with room")
    }

    fn overlay(&mut self, index: usize, size: u64, steps: &mut Vec<Step>) -> Result<(), LaunchError> {
        let file = overlay::qcow2(self.tmpdir, size).map_err(|e| self.no_scratch(&e))?;
        steps.push((index, add_fd(fdset(index), file)));
        // Nothing of an overlay outlives the machine: flushing it would be a waste.
        let cache = json!({ "no-flush": true });
        let node = json!({
            "driver": "qcow2", "node-name": node_name(index), "backing": base_name(index), "discard": "unmap", "cache": cache,
            "file": { "driver": "file", "filename": fdset_path(index), "discard": "unmap", "cache": cache, "locking": "off" },
        });
        steps.push((index, Command::new("blockdev-add", node)));
        Ok(())
    }

    /// Sizes in bytes of all nodes, by name.
    fn sizes(&mut self) -> Result<HashMap<String, u64>, LaunchError> {
        let reporter = self.reporter;
        let query = Command::new("query-named-block-nodes", json!({ "flat": true }));
        let answer = self.qmp.execute(query, self.deadline, &|| !reporter.cancelled()).map_err(faults::monitor)?;
        let nodes = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(nodes
            .iter()
            .filter_map(|n| {
                let name = n.get("node-name")?.as_str()?.to_owned();
                Some((name, n.pointer("/image/virtual-size")?.as_u64()?))
            })
            .collect())
    }

    /// Take away all that there is of drive `index`: when this returns, its image is closed. The guest
    /// must have let go of it; nothing at all is fine too.
    pub fn undo(&mut self, index: usize) -> Result<(), LaunchError> {
        let reporter = self.reporter;
        let named = |name: &'static str, key: &str, value: Value| Command::new(name, json!({ key: value }));
        let unplug = named("device_del", "id", device_name(index).into());
        let nodes = [cor_name(index), node_name(index), base_name(index)];
        let mut pause = Duration::from_millis(1);
        let mut commands = vec![unplug];
        loop {
            commands.extend(nodes.iter().map(|n| named("blockdev-del", "node-name", n.as_str().into())));
            let results = self.qmp.pipeline(std::mem::take(&mut commands), self.deadline, &|| !reporter.cancelled());
            // A device goes when its last request has ended, and its nodes after it.
            let held = results.map_err(faults::monitor)?.into_iter().rev().take(nodes.len()).find_map(|r| match r {
                Err(QmpError::Refused(why)) if !why.contains("Failed to find node") => Some(why),
                _ => None,
            });
            match held {
                None => break,
                Some(why) if Instant::now() >= self.deadline => {
                    let message = format!("launch: qemu does not let go of drive {index}: {why}");
                    return Err(LaunchError::new(LaunchFailure::Host, message).errno(libc::EBUSY));
                }
                Some(_) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        // Most drives have neither.
        let mut rest = vec![
            named("object-del", "id", nodes::secret(index).into()),
            named("remove-fd", "fdset-id", fdset(index).into()),
        ];
        let query = Command::new("query-fdsets", json!({}));
        let sets = self.qmp.execute(query, self.deadline, &|| !reporter.cancelled()).map_err(faults::monitor)?;
        let sets = sets.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        let sets = sets.filter_map(|set| usize::try_from(set.get("fdset-id")?.as_u64()?).ok());
        rest.extend(
            sets.filter(|set| layers::is_set_of(index, *set)).map(|set| named("remove-fd", "fdset-id", set.into())),
        );
        self.qmp.pipeline(rest, self.deadline, &|| !reporter.cancelled()).map(drop).map_err(faults::monitor)
    }

    /// Run the steps; the first refusal is the error, told in terms of its drive.
    fn run(&mut self, list: &[(usize, &Drive)], steps: Vec<Step>) -> Result<(), LaunchError> {
        let (owners, commands): (Vec<usize>, Vec<Command>) = steps.into_iter().unzip();
        let reporter = self.reporter;
        let results = self.qmp.pipeline(commands, self.deadline, &|| !reporter.cancelled()).map_err(faults::monitor)?;
        for (owner, result) in owners.into_iter().zip(results) {
            match (result, list.iter().find(|(index, _)| *index == owner)) {
                (Ok(_), _) => {}
                (Err(QmpError::Refused(why)), Some((_, drive))) => return Err(faults::refused(drive, &why, self.pid)),
                (Err(e), _) => return Err(faults::monitor(e)),
            }
        }
        Ok(())
    }
}

/// A null disk is read-only by nature; everything else that must not change gets an overlay.
fn needs_overlay(drive: &Drive) -> bool {
    drive.readonly && !matches!(drive.source, Source::Null | Source::Scratch { .. })
}

fn node_name(index: usize) -> String {
    format!("disk{index}")
}

fn base_name(index: usize) -> String {
    format!("base{index}")
}

fn cor_name(index: usize) -> String {
    format!("cor{index}")
}

fn device_name(index: usize) -> String {
    format!("scsi{index}")
}

fn add_fd(set: usize, file: OwnedFd) -> Command {
    Command::new("add-fd", json!({ "fdset-id": set })).with_fd(file)
}

fn device(index: usize, drive: &Drive) -> Command {
    let node = if drive.copyonread { cor_name(index) } else { node_name(index) };
    let mut device = json!({
        "driver": "scsi-hd", "id": device_name(index), "drive": node,
        "bus": "scsi.0", "channel": 0, "scsi-id": index, "lun": 0,
        // What the host cannot read or write is an error in the guest, never a machine that stands still.
        "werror": "report", "rerror": "report",
    });
    if let (Some(size), Some(map)) = (drive.blocksize, device.as_object_mut()) {
        map.insert("logical_block_size".into(), size.into());
        map.insert("physical_block_size".into(), size.into());
    }
    // Our daemon learns labels with the hello; upstream's reads them as serial numbers.
    if let (Some(label), Some(map)) = (&drive.label, device.as_object_mut()) {
        map.insert("serial".into(), label.to_str_lossy().into());
    }
    Command::new("device_add", device)
}
