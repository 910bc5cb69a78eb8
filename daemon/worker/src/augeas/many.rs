//! The paths of many nodes. For each of them aug_match(3) walks through all of its siblings, which takes minutes
//! for a hundred thousand.
//!
//! In: an expression. Out: the paths of all nodes that match, or that they are too many for an answer. Those of
//! nodes below one parent are put together here from their labels; others are asked for one by one, with signs of
//! life, and no longer than [`TIME`].

use super::Open;
use crate::c;
use crate::library::{Fault, Result};
use crate::wire::Wire;
use bstr::BString;
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::{c_int, CStr};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

/// So many are asked for at once.
const FEW: usize = 1000;
/// How many of more are looked at to tell how long all are.
const SAMPLES: usize = 50;
/// How long may be worked on the paths.
const TIME: Duration = Duration::from_secs(100);
/// Room for all paths; the rest is for the head of a message.
const ROOM: usize = MESSAGE_MAX - 64 * 1024;

/// Variables of Augeas, while they are needed.
const NODES: &CStr = c"guestfs_rs_nodes";
const PARENTS: &CStr = c"guestfs_rs_parents";
const CHILDREN: &CStr = c"guestfs_rs_children";

/// The paths of all nodes that match.
pub fn paths(augeas: &Open, expression: &CStr, wire: &mut Wire) -> Result<Vec<BString>> {
    // SAFETY: as all calls of the library; without a place for paths it only counts.
    let count = unsafe { (augeas.library.aug_match)(augeas.handle, expression.as_ptr(), null_mut()) };
    let count = usize::try_from(count).map_err(|_| augeas.failure())?;
    if count <= FEW {
        return augeas.paths(expression);
    }
    let nodes = Nodes::new(augeas, NODES, expression)?;
    let paths = match siblings(augeas, &nodes, wire)? {
        Some(paths) => paths,
        None => one_by_one(&nodes, wire)?,
    };
    match paths.iter().fold(0, |sum, path| sum + room(path)) <= ROOM {
        true => Ok(paths),
        false => Err(too_long(count)),
    }
}

/// What a path takes in a message to the daemon, more than in that to the client.
fn room(path: &BString) -> usize {
    8 + path.len().next_multiple_of(4)
}

fn too_long(count: usize) -> Fault {
    let text = format!(
        "the paths of the {count} nodes that match are longer than an answer can be: ask for a part of them, such as \
         the first ones by [position() <= {FEW}]"
    );
    Fault::new(Errno::TOOBIG, text)
}

/// The paths of nodes that have the same parent; `None` for others, and where labels are written in another way in a
/// path.
fn siblings(augeas: &Open, nodes: &Nodes<'_>, wire: &mut Wire) -> Result<Option<Vec<BString>>> {
    let parents = Nodes::new(augeas, PARENTS, c"$guestfs_rs_nodes/..")?;
    if parents.count != 1 {
        return Ok(None);
    }
    let parent = parents.path(0)?;
    let parent = parent.strip_suffix(b"/").unwrap_or(&parent);
    let children = Nodes::new(augeas, CHILDREN, c"$guestfs_rs_parents/*")?;
    // The same labels are numbered. A node is known by the place of its label in memory.
    let (mut numbers, mut totals) = (HashMap::new(), HashMap::<BString, usize>::new());
    for n in 0..children.count {
        wire.alive()?;
        let Some((place, label)) = children.label(n).filter(|(_, label)| label.iter().all(|b| is_plain(*b))) else {
            return Ok(None);
        };
        let total = totals.entry(label).or_default();
        *total += 1;
        if numbers.insert(place, *total).is_some() {
            return Ok(None);
        }
    }
    let mut paths = Vec::new();
    for n in 0..nodes.count {
        wire.alive()?;
        let Some((place, label)) = nodes.label(n) else { return Ok(None) };
        let (Some(number), Some(total)) = (numbers.get(&place), totals.get(&label)) else { return Ok(None) };
        let mut path = bstr::concat([parent, b"/", &label[..]]);
        if *total > 1 {
            path.extend_from_slice(format!("[{number}]").as_bytes());
        }
        paths.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        paths.push(path.into());
    }
    Ok(Some(paths))
}

/// Whether a path has this byte of a label as it is.
fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_-.:#".contains(&b)
}

/// The paths, each for itself.
fn one_by_one(nodes: &Nodes<'_>, wire: &mut Wire) -> Result<Vec<BString>> {
    let begun = Instant::now();
    let mut sampled = 0;
    for n in 0..SAMPLES {
        wire.alive()?;
        sampled += room(&nodes.path(nodes.count * n / SAMPLES)?);
    }
    // A fifth more than there is room for, to be sure.
    if nodes.count.saturating_mul(sampled) / SAMPLES > ROOM + ROOM / 5 {
        return Err(too_long(nodes.count));
    }
    let mut paths = Vec::new();
    for n in 0..nodes.count {
        wire.alive()?;
        if begun.elapsed() > TIME {
            let text = format!(
                "{} nodes match, and their paths take more than {} s to be found: ask for a part of them, such as the \
                 first ones by [position() <= {FEW}]",
                nodes.count,
                TIME.as_secs()
            );
            return Err(Fault::new(Errno::TIMEDOUT, text));
        }
        paths.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        paths.push(nodes.path(n)?);
    }
    Ok(paths)
}

/// Nodes that a variable of Augeas holds.
struct Nodes<'a> {
    augeas: &'a Open,
    name: &'static CStr,
    count: usize,
}

impl<'a> Nodes<'a> {
    fn new(augeas: &'a Open, name: &'static CStr, expression: &CStr) -> Result<Nodes<'a>> {
        // SAFETY: as all calls of the library.
        let count = unsafe { (augeas.library.aug_defvar)(augeas.handle, name.as_ptr(), expression.as_ptr()) };
        let count = usize::try_from(count).map_err(|_| augeas.failure())?;
        Ok(Nodes { augeas, name, count })
    }

    fn index(n: usize) -> Result<c_int> {
        c_int::try_from(n).map_err(|_| Errno::OVERFLOW.into())
    }

    fn path(&self, n: usize) -> Result<BString> {
        let (library, mut path) = (&self.augeas.library, null_mut());
        // SAFETY: as all calls of the library, which gives a string for us to free.
        unsafe {
            match (library.aug_ns_path)(self.augeas.handle, self.name.as_ptr(), Self::index(n)?, &mut path) {
                0.. => c::string(path),
                _ => Err(self.augeas.failure()),
            }
        }
    }

    /// A label, and where it is. There are nodes without.
    fn label(&self, n: usize) -> Option<(usize, BString)> {
        let (library, mut label) = (&self.augeas.library, null());
        let (handle, name, none) = (self.augeas.handle, self.name.as_ptr(), null_mut());
        // SAFETY: as all calls of the library, which writes one pointer into its tree; NULL is allowed.
        let done = unsafe { (library.aug_ns_attr)(handle, name, Self::index(n).ok()?, null_mut(), &mut label, none) };
        (done >= 0).then(|| super::copied(label))?.map(|text| (label as usize, text))
    }
}

impl Drop for Nodes<'_> {
    fn drop(&mut self) {
        // SAFETY: as all calls of the library; NULL removes the variable.
        unsafe { (self.augeas.library.aug_defvar)(self.augeas.handle, self.name.as_ptr(), null()) };
    }
}
