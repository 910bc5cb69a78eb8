//! Image files and what they reach: backing files, data files, extents.
//!
//! In: the file of a drive, its format, a policy. Out: every layer, found once, [`open`], so that nobody need look
//! for it by its name again, and of a contained image below a folder that is allowed; and what an image
//! [`reaches`](reach) outside its own folder, in words. An image may come from an enemy: headers are read here,
//! a few bounded bytes of each, and what is not understood is refused.

mod folders;
mod head;
mod name;
mod qcow;
mod reach;
mod vhd;
mod vmdk;

pub use reach::reach;
pub use vmdk::Descriptor;

use crate::error::io_text;
use bstr::{BStr, BString, ByteSlice};
use folders::{Folders, Place};
use head::Head;
use name::Name;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Files of an image. Longer chains are not made by hand or by tools.
const LAYERS_MAX: usize = 256;

/// Why an image is refused.
#[derive(Debug)]
pub struct Fault {
    /// Without the image's name.
    pub why: String,
    pub errno: i32,
    pub help: &'static str,
}

const NOT_CONTAINED: &str = "if the image is to be trusted, set the trust of images to trusted; or allow the folder";

impl Fault {
    fn damaged(why: &str) -> Fault {
        Fault { why: why.to_owned(), errno: libc::EINVAL, help: "see whether format and image belong together" }
    }

    fn io(what: &str, e: &std::io::Error) -> Fault {
        let why = format!("{what}: {}", io_text(e));
        Fault { why, errno: e.raw_os_error().unwrap_or(libc::EIO), help: "every layer must be there and be readable" }
    }

    fn refused(why: String) -> Fault {
        Fault { why, errno: libc::EPERM, help: NOT_CONTAINED }
    }

    /// Say in which layer it is.
    fn of(mut self, layer: &Path) -> Fault {
        self.why = format!("{}: {}", layer.display(), self.why);
        self
    }
}

/// A layer below.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Backing {
    name: BString,
    /// `None`: qemu would guess.
    format: Option<BString>,
}

/// The names in one image.
#[derive(Debug, Default, PartialEq, Eq)]
struct References {
    backing: Option<Backing>,
    /// A file with the guest's data, raw.
    data: Option<BString>,
    extents: Option<Descriptor>,
    /// It is the difference to an image that qemu cannot find.
    parent: bool,
}

/// What an image of this format names; `None` for a format that is not read here.
fn references(file: &File, size: u64, format: &BStr) -> Option<Result<References, Fault>> {
    let image = Head(file);
    Some(match format.as_bytes() {
        // These have no place for a name.
        b"raw" | b"parallels" | b"bochs" | b"cloop" | b"dmg" => Ok(References::default()),
        b"qcow2" => qcow::qcow2(&image),
        b"qcow" => qcow::qcow(&image),
        b"qed" => qcow::qed(&image),
        b"vmdk" => vmdk::vmdk(&image),
        b"vhdx" => vhd::vhdx(&image),
        b"vpc" => vhd::vpc(&image, size),
        b"vdi" => vhd::vdi(&image),
        _ => return None,
    })
}

/// One layer, of which everything is open.
#[derive(Debug)]
pub struct Layer {
    pub file: File,
    pub format: String,
    /// A block or character device.
    pub device: bool,
    /// The file with the data, and whether it is a device.
    pub data: Option<(File, bool)>,
    /// For a VMDK in several files: `file` is only its descriptor, whose names are not to be followed.
    pub extents: Option<(Descriptor, Vec<File>)>,
}

/// How a drive's image is to be opened.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    pub path: &'w Path,
    /// As it was given or guessed by us.
    pub format: &'w str,
    /// The topmost layer; those below it never are.
    pub writable: bool,
    /// Folders, besides the image's own, below which layers may lie. `None`: the image is trusted, and they may lie
    /// anywhere.
    pub folders: Option<&'w [PathBuf]>,
}

/// Open an image with all its layers, the topmost first.
pub fn open(wanted: Wanted<'_>) -> Result<Vec<Layer>, Fault> {
    let top = Place::of_user(wanted.path)?;
    let mut walk = Walk { folders: Folders::new(&top, wanted.folders), seen: Vec::new() };
    let mut layers = Vec::new();
    let mut next = Some((top, wanted.format.to_owned()));
    while let Some((place, format)) = next {
        let writable = wanted.writable && layers.is_empty();
        let (layer, below) = walk.layer(&place, format, writable).map_err(|fault| match layers.len() {
            // Whoever asked knows its name.
            0 => fault,
            _ => fault.of(&place.real),
        })?;
        layers.push(layer);
        next = below;
    }
    Ok(layers)
}

struct Walk {
    folders: Folders,
    /// Device and inode of every file.
    seen: Vec<(u64, u64)>,
}

/// What lies below a layer, and in which format.
type Below = Option<(Place, String)>;

impl Walk {
    fn layer(&mut self, place: &Place, format: String, writable: bool) -> Result<(Layer, Below), Fault> {
        let file = self.open(place, writable)?;
        let found = match references(&file, place.size, format.as_str().into()) {
            Some(found) => found?,
            // Whatever it names, qemu will not find.
            None if self.folders.anywhere() => References::default(),
            None => return Err(Fault::refused(format!("images of the format {format} cannot be contained"))),
        };
        if found.parent && !self.folders.anywhere() {
            return Err(Fault::refused("is the difference to a parent, which cannot be contained".into()));
        }
        let mut layer = Layer { file, format, device: place.device, data: None, extents: None };
        if let Some(name) = &found.data {
            let place = self.folders.find_data(name.as_bstr(), &place.real)?;
            layer.data = Some((self.open(&place, writable)?, place.device));
        }
        if let Some(descriptor) = found.extents {
            if writable {
                let why = "is a VMDK in several files, whose files can be opened only when it is added read-only";
                return Err(Fault { errno: libc::ENOTSUP, ..Fault::refused(why.into()) });
            }
            let files = self.extents(place, &descriptor)?;
            layer.extents = Some((descriptor, files));
        }
        let Some(backing) = found.backing else { return Ok((layer, None)) };
        let below = self.folders.find(backing.name.as_bstr(), &place.real)?;
        if backing.format.is_none() && !self.folders.anywhere() {
            let why = format!("does not say in which format its backing file {} is", backing.name);
            return Err(Fault { help: "say it with qemu-img rebase -u -b FILE -F FORMAT", ..Fault::refused(why) });
        }
        let format = below.format(backing.format.as_ref());
        Ok((layer, Some((below, format))))
    }

    fn extents(&mut self, image: &Place, descriptor: &Descriptor) -> Result<Vec<File>, Fault> {
        let mut files = Vec::with_capacity(descriptor.extents.len());
        for extent in &descriptor.extents {
            let place = self.folders.find(extent.name.as_bstr(), &image.real)?;
            if place.device {
                return Err(Fault::refused(format!("names the device {} as an extent", place.real.display())));
            }
            let file = self.open(&place, false)?;
            if !extent.is_flat() {
                vmdk::sparse(&Head(&file))?;
            }
            files.push(file);
        }
        Ok(files)
    }

    fn open(&mut self, place: &Place, writable: bool) -> Result<File, Fault> {
        if self.seen.contains(&place.id) {
            return Err(Fault::refused(format!("leads back to {}", place.real.display())));
        }
        if self.seen.len() >= LAYERS_MAX {
            return Err(Fault::refused(format!("the image has more than {LAYERS_MAX} layers")));
        }
        self.seen.push(place.id);
        place.open(writable)
    }
}

#[cfg(test)]
mod tests;
