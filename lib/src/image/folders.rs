//! Folders below which the layers of an image may lie.
//!
//! In: a name out of an image. Out: the file itself, held by a descriptor through which it is opened: no name is
//! looked up twice, whatever becomes of links meanwhile.

use super::{Fault, Name};
use crate::drive;
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A file that was found but is not open for reading or writing.
pub(super) struct Place {
    handle: OwnedFd,
    /// Its name without any links.
    pub real: PathBuf,
    /// Device and inode.
    pub id: (u64, u64),
    pub device: bool,
    /// Bytes; 0 for a device.
    pub size: u64,
    block: bool,
    regular: bool,
}

impl Place {
    /// What the user named: any disk, wherever it lies.
    pub fn of_user(path: &Path) -> Result<Place, Fault> {
        let place = Place::new(path)?;
        place.usable()?;
        Ok(place)
    }

    fn new(path: &Path) -> Result<Place, Fault> {
        let (handle, stat) = look(path)?;
        let real = std::fs::read_link(magic(&handle)).map_err(|e| Fault::io("its place cannot be told", &e))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let block = kind == FileType::BlockDevice;
        let device = block || kind == FileType::CharacterDevice;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let regular = kind == FileType::RegularFile;
        Ok(Place { handle, real, id: (stat.st_dev, stat.st_ino), device, size, block, regular })
    }

    fn usable(&self) -> Result<(), Fault> {
        if self.device || self.regular {
            Ok(())
        } else {
            Err(Fault::refused("is neither a file nor a device".into()))
        }
    }

    /// Its format: as said by the image above it, else as it looks.
    pub fn format(&self, said: Option<&BString>) -> String {
        match said {
            Some(format) => format.to_str_lossy().into_owned(),
            None => self.guessed().unwrap_or("raw").to_owned(),
        }
    }

    fn guessed(&self) -> Option<&'static str> {
        drive::probe_file(&self.open(false).ok()?, &self.real).ok()
    }

    /// Open this very file.
    pub fn open(&self, writable: bool) -> Result<File, Fault> {
        let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::CLOEXEC | OFlags::NOCTTY;
        let opened = rustix::fs::open(magic(&self.handle), flags, Mode::empty());
        opened.map(File::from).map_err(|e| Fault::io("cannot be opened", &e.into()))
    }
}

/// The kernel's own link to an open file.
fn magic(handle: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", handle.as_raw_fd()).into()
}

/// Find a file without any effect on it: a FIFO does not wait, a device does not move.
fn look(path: &Path) -> Result<(OwnedFd, Stat), Fault> {
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let found = found.and_then(|handle| rustix::fs::fstat(&handle).map(|stat| (handle, stat)));
    found.map_err(|e| Fault::io("cannot be found", &e.into()).of(path))
}

/// What is allowed.
pub(super) struct Folders {
    /// The folder of the image itself; `None` when that would allow everything, or devices.
    own: Option<PathBuf>,
    /// Those that the user named; `None`: all there are.
    named: Option<Vec<PathBuf>>,
}

impl Folders {
    pub fn new(top: &Place, named: Option<&[PathBuf]>) -> Folders {
        let own = top.real.parent().filter(|dir| !top.device && dir.parent().is_some());
        // One that is not there allows nothing.
        let there = |dirs: &[PathBuf]| dirs.iter().flat_map(|dir| dir.canonicalize()).collect();
        Folders { own: own.map(Path::to_owned), named: named.map(there) }
    }

    /// The image is trusted.
    pub fn anywhere(&self) -> bool {
        self.named.is_none()
    }

    /// The file that an image means by a name.
    pub fn find(&self, name: &BStr, image: &Path) -> Result<Place, Fault> {
        self.below(name, image.parent().unwrap_or(image))
    }

    /// The same for a file with the guest's data. qemu looks for that one where the program is, so that this is what
    /// a name means that is trusted.
    pub fn find_data(&self, name: &BStr, image: &Path) -> Result<Place, Fault> {
        if self.anywhere() {
            self.below(name, &std::env::current_dir().map_err(|e| Fault::io("the current directory", &e))?)
        } else {
            self.find(name, image)
        }
    }

    fn below(&self, name: &BStr, folder: &Path) -> Result<Place, Fault> {
        let path = match Name::of(name) {
            Name::File(path) => folder.join(path),
            Name::Protocol(name) => {
                return Err(Fault::refused(format!("names {name}, which is not a file")));
            }
        };
        let place = Place::new(&path).map_err(|fault| self.silent(fault, &path))?;
        let Some(named) = &self.named else { return place.usable().map(|()| place).map_err(|fault| fault.of(&path)) };
        let below = |dir: &PathBuf| place.real.starts_with(dir);
        let named = named.iter().any(below);
        if !named && !self.own.as_ref().is_some_and(below) {
            let why = format!("names {}, which lies outside its folder", place.real.display());
            return Err(Fault::refused(why));
        }
        place.usable().map_err(|fault| fault.of(&place.real))?;
        if place.device && !(named && place.block) {
            return Err(Fault::refused(format!("names the device {}", place.real.display())));
        }
        Ok(place)
    }

    /// Whether a file outside exists is nobody's business.
    fn silent(&self, fault: Fault, path: &Path) -> Fault {
        let Some(named) = &self.named else { return fault };
        let plain = !path.components().any(|c| c == std::path::Component::ParentDir);
        let allowed = self.own.iter().chain(named).any(|dir| path.starts_with(dir));
        if plain && allowed {
            fault
        } else {
            Fault::refused(format!("names {}, which lies outside its folder", path.display()))
        }
    }
}
