//! Which file a node number of the kernel stands for.
//!
//! In: names as the kernel looks them up, renames and forgets them. Out: numbers, and the guest's path
//! of a number. A number is never used twice.

use bstr::{BStr, BString, ByteSlice};
use std::collections::HashMap;

/// The root directory's number, fixed by the protocol.
pub(super) const ROOT: u64 = 1;
/// Deepest path that is built.
const DEPTH_MAX: usize = 4096;

/// Where something is: its directory's number and its name. The root is `(ROOT, "")`.
pub(super) type Place = (u64, BString);

#[derive(Debug)]
struct Node {
    place: Place,
    /// Not found under its name any more: removed, or something else was renamed over it.
    gone: bool,
    /// References of the kernel.
    lookups: u64,
    /// Numbers whose directory this is.
    children: u64,
    /// Open files.
    opens: u64,
    /// Removed while open; its name is ours and goes with the last close.
    hidden: bool,
}

/// All numbers that the kernel knows.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: HashMap<u64, Node>,
    names: HashMap<Place, u64>,
    next: u64,
}

impl Nodes {
    pub fn new() -> Nodes {
        let root = Node { place: (ROOT, "".into()), gone: false, lookups: 1, children: 0, opens: 0, hidden: false };
        Nodes { nodes: HashMap::from([(ROOT, root)]), names: HashMap::new(), next: ROOT }
    }

    /// The number of a name, which the kernel now knows once more.
    pub fn look_up(&mut self, place: &Place) -> u64 {
        if let Some(id) = self.names.get(place).copied() {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.lookups = node.lookups.saturating_add(1);
                return id;
            }
        }
        self.next = self.next.saturating_add(1);
        let id = self.next;
        let node = Node { place: place.clone(), gone: false, lookups: 1, children: 0, opens: 0, hidden: false };
        self.nodes.insert(id, node);
        self.names.insert(place.clone(), id);
        if let Some(parent) = self.nodes.get_mut(&place.0) {
            parent.children = parent.children.saturating_add(1);
        }
        id
    }

    /// The kernel gives back references.
    pub fn forget(&mut self, id: u64, lookups: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lookups = node.lookups.saturating_sub(lookups);
        }
        self.drop_unused(id);
    }

    /// Drop a number that nobody knows or uses, and then its directories.
    pub fn drop_unused(&mut self, mut id: u64) {
        while id != ROOT {
            match self.nodes.get(&id) {
                Some(n) if n.lookups == 0 && n.children == 0 && n.opens == 0 => {}
                _ => return,
            }
            let Some(node) = self.nodes.remove(&id) else { return };
            if self.names.get(&node.place) == Some(&id) {
                self.names.remove(&node.place);
            }
            id = node.place.0;
            if let Some(parent) = self.nodes.get_mut(&id) {
                parent.children = parent.children.saturating_sub(1);
            }
        }
    }

    /// Where a number is; `None` once it was removed.
    pub fn place(&self, id: u64) -> Option<Place> {
        self.nodes.get(&id).filter(|n| !n.gone).map(|n| n.place.clone())
    }

    /// The guest's path of a number.
    pub fn path(&self, id: u64) -> Option<BString> {
        let mut names: Vec<&BStr> = Vec::new();
        let mut at = id;
        while at != ROOT {
            let node = self.nodes.get(&at).filter(|n| !n.gone)?;
            if names.len() >= DEPTH_MAX {
                return None;
            }
            names.push(node.place.1.as_bstr());
            at = node.place.0;
        }
        let mut path = BString::default();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Some(path)
    }

    /// The guest's path of a name in a directory.
    pub fn path_of(&self, place: &Place) -> Option<BString> {
        let mut path = self.path(place.0)?;
        if !place.1.is_empty() {
            if path != "/" {
                path.push(b'/');
            }
            path.extend_from_slice(&place.1);
        }
        Some(path)
    }

    /// The number behind a name, if that is open.
    pub fn open_at(&self, place: &Place) -> Option<u64> {
        let id = self.names.get(place).copied()?;
        self.nodes.get(&id).filter(|n| n.opens > 0).map(|_| id)
    }

    /// A name was removed.
    pub fn removed(&mut self, place: &Place) {
        if let Some(node) = self.names.remove(place).and_then(|id| self.nodes.get_mut(&id)) {
            node.gone = true;
        }
    }

    /// A name was moved, over what was there.
    pub fn moved(&mut self, from: &Place, to: &Place) {
        if from == to {
            return;
        }
        self.removed(to);
        let Some(id) = self.names.remove(from) else { return };
        self.names.insert(to.clone(), id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.place = to.clone();
        }
        if from.0 != to.0 {
            if let Some(parent) = self.nodes.get_mut(&to.0) {
                parent.children = parent.children.saturating_add(1);
            }
            if let Some(parent) = self.nodes.get_mut(&from.0) {
                parent.children = parent.children.saturating_sub(1);
            }
            self.drop_unused(from.0);
        }
    }

    /// A file is opened.
    pub fn opened(&mut self, id: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.opens = node.opens.saturating_add(1);
        }
    }

    /// A file is closed; where it is if it was hidden and nobody has it open any more. The caller then calls
    /// [`Nodes::drop_unused`]: the kernel may have forgotten it before it closes it.
    pub fn closed(&mut self, id: u64) -> Option<Place> {
        let node = self.nodes.get_mut(&id)?;
        node.opens = node.opens.saturating_sub(1);
        (node.opens == 0 && node.hidden).then(|| node.place.clone())
    }

    /// A file was moved out of sight because it is open, or back.
    pub fn hide(&mut self, id: u64, hidden: bool) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.hidden = hidden;
        }
    }

    /// Everything that is hidden.
    pub fn hidden(&self) -> Vec<Place> {
        self.nodes.values().filter(|n| n.hidden && !n.gone).map(|n| n.place.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: u64, name: &str) -> Place {
        (dir, name.into())
    }

    #[test]
    fn paths_follow_renames() {
        let mut n = Nodes::new();
        let d = n.look_up(&place(ROOT, "d"));
        let f = n.look_up(&place(d, "f"));
        assert_eq!(n.look_up(&place(d, "f")), f);
        assert_eq!(n.path(f).unwrap(), "/d/f");
        assert_eq!((n.path(ROOT).unwrap(), n.path_of(&place(ROOT, "x")).unwrap()), ("/".into(), "/x".into()));
        let e = n.look_up(&place(ROOT, "e"));
        n.moved(&place(ROOT, "d"), &place(e, "d2"));
        assert_eq!(n.path(f).unwrap(), "/e/d2/f");
        let over = n.look_up(&place(ROOT, "over"));
        n.moved(&place(d, "f"), &place(ROOT, "over"));
        assert_eq!((n.path(f).unwrap(), n.path(over)), ("/over".into(), None));
        n.removed(&place(ROOT, "over"));
        assert_eq!(n.path(f), None);
        assert_eq!(n.path(99), None);
    }

    #[test]
    fn what_is_forgotten_goes_with_its_directories() {
        let mut n = Nodes::new();
        let d = n.look_up(&place(ROOT, "d"));
        let f = n.look_up(&place(d, "f"));
        n.look_up(&place(d, "f"));
        n.forget(d, 1);
        assert_eq!(n.path(f).unwrap(), "/d/f", "kept by its entry");
        n.forget(f, 2);
        assert_eq!((n.nodes.len(), n.names.len()), (1, 0));
        n.forget(f, 1);
        n.forget(ROOT, 5);
        assert_eq!(n.path(ROOT).unwrap(), "/");
        assert!(n.look_up(&place(ROOT, "d")) > f, "a number is not used again");
    }

    #[test]
    fn hidden_until_closed() {
        let mut n = Nodes::new();
        let f = n.look_up(&place(ROOT, "f"));
        assert_eq!(n.open_at(&place(ROOT, "f")), None);
        n.opened(f);
        n.opened(f);
        assert_eq!(n.open_at(&place(ROOT, "f")), Some(f));
        n.moved(&place(ROOT, "f"), &place(ROOT, ".h"));
        n.hide(f, true);
        assert_eq!(n.hidden(), [place(ROOT, ".h")]);
        assert_eq!(n.closed(f), None);
        assert_eq!(n.closed(f), Some(place(ROOT, ".h")));
        n.opened(f);
        n.hide(f, false);
        assert_eq!((n.hidden(), n.closed(f)), (Vec::new(), None));
    }

    #[test]
    fn forgotten_before_it_is_closed() {
        let mut n = Nodes::new();
        let d = n.look_up(&place(ROOT, "d"));
        let f = n.look_up(&place(d, "f"));
        n.opened(f);
        n.moved(&place(d, "f"), &place(d, ".h"));
        n.hide(f, true);
        n.forget(f, 1);
        n.forget(d, 1);
        let left = n.closed(f).unwrap();
        assert_eq!(n.path_of(&left).unwrap(), "/d/.h");
        n.removed(&left);
        n.drop_unused(f);
        assert_eq!((n.nodes.len(), n.names.len()), (1, 0));
    }
}
