//! Images as qemu's block nodes.
//!
//! In: a drive. Out: descriptors of all its layers, and nodes that name nothing but these, so that qemu needs no right
//! to open a file; or why only qemu can open it, by its name. What a contained image names outside its folders is
//! refused, and qemu is never told of it.

use super::{connect, faults, nodes, overlay};
use crate::drive::{self, Drive, Source, Trust};
use crate::error::LaunchFailure;
use crate::image::{self, Fault, Layer, Wanted};
use crate::machine::{LaunchError, Reporter};
use serde_json::{json, Map, Value};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Descriptor sets of layers begin here, so many for each drive; those below are of other files.
const FIRST_SET: usize = 10_000;
const SETS: usize = 1_000;

/// Members of a node.
type Members = Map<String, Value>;

/// An image of which everything is open.
#[derive(Debug)]
pub struct Layers {
    pub format: String,
    /// The protocol node of the topmost layer.
    pub file: Members,
    /// More members of its format's node.
    pub below: Members,
    /// To be sent ahead, each as a set of this number.
    pub files: Vec<(usize, OwnedFd)>,
}

/// Whether a descriptor set holds a layer of drive `index`.
pub fn is_set_of(index: usize, set: usize) -> bool {
    set.checked_sub(FIRST_SET).is_some_and(|n| n / SETS == index)
}

/// How qemu comes to a drive.
#[derive(Debug)]
pub enum Opened {
    /// It names nothing: a scratch disk.
    Nameless,
    Layers(Layers),
    /// A connection to its server.
    Connected(OwnedFd),
    /// By its name, which only qemu can open; or else this is why it has no such drive.
    ByName(LaunchError),
}

/// Open all drives of a machine, each with its number.
pub fn open_all<'d>(
    drives: impl IntoIterator<Item = (usize, &'d Drive)>,
    tmpdir: &Path,
    reporter: &dyn Reporter,
) -> Result<Vec<Opened>, LaunchError> {
    let drives: Vec<_> = drives.into_iter().collect();
    let mut opened =
        drives.iter().map(|(index, drive)| open(*index, drive, tmpdir, reporter)).collect::<Result<Vec<_>, _>>()?;
    // So many layers that nothing else could be opened: qemu has a limit of its own.
    if opened.iter().any(|o| matches!(o, Opened::Layers(_))) && !room() {
        for ((_, drive), opened) in drives.iter().zip(&mut opened) {
            if matches!((&drive.trust, &opened), (Trust::Trusted, Opened::Layers(_))) {
                let error = std::io::Error::from_raw_os_error(libc::EMFILE);
                *opened = Opened::ByName(faults::unreadable(drive, &error));
            }
        }
    }
    Ok(opened)
}

/// Whether there are as many free descriptors as starting a machine takes.
fn room() -> bool {
    const NEEDED: usize = 40;
    let one = File::open("/dev/null").map_err(drop);
    let more = |file: &File| (0..NEEDED).map(|_| file.try_clone()).collect::<Result<Vec<_>, _>>().is_ok();
    one.as_ref().is_ok_and(more)
}

/// Open a drive's layers.
pub fn open(index: usize, drive: &Drive, tmpdir: &Path, reporter: &dyn Reporter) -> Result<Opened, LaunchError> {
    let folders = match &drive.trust {
        Trust::Contained { folders } => Some(folders.as_slice()),
        Trust::Trusted => None,
    };
    let path = match &drive.source {
        Source::File(path) => path,
        Source::Scratch { .. } | Source::Null => return Ok(Opened::Nameless),
        Source::Remote(_) if folders.is_some() && drive.format.as_ref().is_none_or(|format| format != "raw") => {
            let why = "a remote image can be contained only if its format is raw, which must be said".to_owned();
            return Err(refused(drive, Fault { why, errno: libc::EPERM, help: "say format:raw if it is" }));
        }
        Source::Remote(remote) => {
            let unusable = |why: &str| faults::failed(drive, LaunchFailure::ImageUnusable, why);
            return match connect::to(remote, reporter) {
                Some(Ok(socket)) => Ok(Opened::Connected(socket)),
                Some(Err(e)) if e.raw_os_error() == Some(libc::ECANCELED) => Err(faults::cancelled()),
                Some(Err(e)) => {
                    let error = unusable(&crate::error::io_text(&e)).errno(e.raw_os_error().unwrap_or(libc::EIO));
                    Ok(Opened::ByName(error.help("see whether the server runs, and serves this export")))
                }
                None => {
                    let why = "is on a server, and this machine was confined to what it had when it was launched";
                    Ok(Opened::ByName(unusable(why).errno(libc::ENOTSUP).help(NOT_CONFINED)))
                }
            };
        }
    };
    let (format, layers) = match layers(drive, path, folders, reporter)? {
        Ok(opened) => opened,
        Err(fault) if folders.is_some() => return Err(refused(drive, fault)),
        Err(fault) => return Ok(Opened::ByName(unnamed(drive, fault))),
    };
    if folders.is_none() {
        nodes::tell_reach(drive, &format, reporter);
    }
    let mut numbered = Numbered { next: FIRST_SET + index * SETS, drive, tmpdir, files: Vec::new() };
    // From the lowest up, each with the node of the one below it.
    let mut below = Value::Null;
    let mut top = (Members::new(), Members::new());
    for layer in layers.into_iter().rev() {
        let format = layer.format.clone();
        top = numbered.members(layer, below)?;
        below = json!({ "driver": format, "read-only": true, "file": top.0 });
        if let Some(map) = below.as_object_mut() {
            map.extend(top.1.clone());
        }
    }
    let (file, below) = top;
    Ok(Opened::Layers(Layers { format, file: nodes::with_options(drive, file)?, below, files: numbered.files }))
}

/// Format and layers; the inner error is one of the image.
fn layers(
    drive: &Drive,
    path: &Path,
    folders: Option<&[PathBuf]>,
    reporter: &dyn Reporter,
) -> Result<Result<(String, Vec<Layer>), Fault>, LaunchError> {
    let format = nodes::format(drive, &Map::new(), reporter)?;
    let layers = match image::open(Wanted { path, format: &format, writable: !drive.readonly, folders }) {
        Ok(layers) => layers,
        Err(fault) => return Ok(Err(fault)),
    };
    let guessed = layers.first().filter(|top| drive.format.is_none() && !top.device);
    if let Some(top) = guessed {
        // The guess was made by its name: it must hold for the file that is open now.
        let now = drive::probe_file(&top.file, path).map_err(|e| faults::unreadable(drive, &e))?;
        if now != format {
            let why = format!("its format was {format} a moment ago and is {now} now");
            return Ok(Err(Fault { why, errno: libc::EAGAIN, help: "say the format of the image" }));
        }
    }
    Ok(Ok((format, layers)))
}

fn refused(drive: &Drive, fault: Fault) -> LaunchError {
    faults::failed(drive, LaunchFailure::ImageUnusable, &fault.why).errno(fault.errno).help(fault.help)
}

const NOT_CONFINED: &str =
    "add the drive before the launch, or launch with the backend setting privileged, which leaves qemu all rights";

/// Why a machine that may open nothing by name cannot have this image.
fn unnamed(drive: &Drive, fault: Fault) -> LaunchError {
    let error = |failure| faults::failed(drive, failure, &fault.why).errno(fault.errno);
    match fault.errno {
        libc::EPERM | libc::ENOTSUP => error(LaunchFailure::ImageUnusable).errno(libc::ENOTSUP).help(NOT_CONFINED),
        libc::EINVAL | libc::EAGAIN => error(LaunchFailure::ImageUnusable).help(fault.help),
        libc::EACCES => error(LaunchFailure::ImageMissing).help(faults::PERMISSION_HELP),
        libc::EROFS => error(LaunchFailure::ImageMissing).help("add the drive read-only"),
        _ => error(LaunchFailure::ImageMissing).help(fault.help),
    }
}

/// Layers that get their numbers.
struct Numbered<'a> {
    next: usize,
    drive: &'a Drive,
    tmpdir: &'a Path,
    files: Vec<(usize, OwnedFd)>,
}

impl Numbered<'_> {
    /// A number for a file, as the name by which qemu opens it.
    fn send(&mut self, file: File) -> String {
        let set = self.next;
        self.next = set.saturating_add(1);
        self.files.push((set, file.into()));
        format!("/dev/fdset/{set}")
    }

    /// The protocol node of a layer, and what its format's node has besides.
    fn members(&mut self, layer: Layer, below: Value) -> Result<(Members, Members), LaunchError> {
        let file = match layer.extents {
            None => layer.file,
            // The names in the descriptor are those of our descriptors.
            Some((descriptor, extents)) => {
                let names: Vec<String> = extents.into_iter().map(|extent| self.send(extent)).collect();
                self.temporary(&descriptor.text(&names)).map_err(|e| self.no_room(&e))?
            }
        };
        let node = self.protocol(file, layer.device);
        let mut more = Map::new();
        if let Some((data, device)) = layer.data {
            let data = self.protocol(data, device);
            more.insert("data-file".into(), nodes::with_options(self.drive, data)?.into());
        }
        // Said even where there is none: the header is not asked again.
        if matches!(layer.format.as_str(), "qcow2" | "qcow" | "qed" | "vmdk") {
            more.insert("backing".into(), below);
        }
        Ok((node, more))
    }

    fn protocol(&mut self, file: File, device: bool) -> Members {
        let mut node = Map::new();
        node.insert("driver".into(), if device { "host_device" } else { "file" }.into());
        node.insert("filename".into(), self.send(file).into());
        node
    }

    /// A file with this text, open for reading only: qemu takes a descriptor for what it is.
    fn temporary(&self, text: &[u8]) -> std::io::Result<File> {
        let mut file = File::from(overlay::zeroes(self.tmpdir, 0)?);
        file.write_all(text)?;
        File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    fn no_room(&self, e: &std::io::Error) -> LaunchError {
        LaunchError::io(format!("launch: a temporary file in {}", self.tmpdir.display()), e)
    }
}
