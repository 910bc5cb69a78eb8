//! What an image reaches outside its own folder, in words.
//!
//! In: an image that is trusted. Out: names of files and servers that qemu will open with it. Nothing is refused
//! here: what cannot be read is left to qemu, which says why.

use super::folders::Place;
use super::{references, Name, LAYERS_MAX};
use bstr::{BStr, ByteSlice};
use std::path::{Component, Path, PathBuf};

/// The names, in the order in which qemu comes to them.
pub fn reach(image: &Path, format: &str) -> Vec<String> {
    let Ok(top) = Place::of_user(image) else { return Vec::new() };
    let mut reach = Reach { own: top.real.parent().map(Path::to_owned), outside: Vec::new() };
    let mut seen = Vec::new();
    let mut next = Some((top, format.to_owned()));
    while let Some((place, format)) = next.take() {
        if seen.contains(&place.id) || seen.len() >= LAYERS_MAX {
            break;
        }
        seen.push(place.id);
        next = reach.layer(&place, &format);
    }
    reach.outside
}

struct Reach {
    own: Option<PathBuf>,
    outside: Vec<String>,
}

impl Reach {
    /// Note what this layer names; the one below it.
    fn layer(&mut self, place: &Place, format: &str) -> Option<(Place, String)> {
        let file = place.open(false).ok()?;
        let found = references(&file, place.size, format.into())?.ok()?;
        if let Some(name) = &found.data {
            // Unlike all others it is looked for where the program is.
            let here = std::env::current_dir().unwrap_or_default();
            self.name(name.as_bstr(), &here);
        }
        let folder = place.real.parent().unwrap_or(&place.real);
        for extent in found.extents.iter().flat_map(|d| &d.extents) {
            self.name(extent.name.as_bstr(), folder);
        }
        let backing = found.backing?;
        let below = self.name(backing.name.as_bstr(), folder)?;
        let format = below.format(backing.format.as_ref());
        Some((below, format))
    }

    /// Look at one name; the file, if it is one.
    fn name(&mut self, name: &BStr, folder: &Path) -> Option<Place> {
        let Name::File(path) = Name::of(name) else {
            self.outside.push(name.to_string());
            return None;
        };
        let path = folder.join(path);
        let place = Place::of_user(&path);
        let real = place.as_ref().map_or_else(|_| plain(&path), |place| place.real.clone());
        if !self.own.as_ref().is_some_and(|own| real.starts_with(own)) {
            self.outside.push(real.display().to_string());
        }
        place.ok()
    }
}

/// The path of what is not there, without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
