//! The drives of a handle, by number.
//!
//! In: drives as they are added and removed. Out: which has which number; 0 is `/dev/sda`. What is
//! removed from a running machine leaves a hole, so that no other drive changes its name.

use super::Drive;
use bstr::BStr;

/// Drives by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drives(Vec<Option<Drive>>);

impl Drives {
    /// The number that the next drive gets: the lowest that is free.
    pub fn free(&self) -> usize {
        self.0.iter().position(Option::is_none).unwrap_or(self.0.len())
    }

    /// Put a drive at a number; one that is there already is replaced.
    pub fn insert(&mut self, index: usize, drive: Drive) {
        if index >= self.0.len() {
            self.0.resize(index.saturating_add(1), None);
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Some(drive);
        }
    }

    /// Forget a drive and leave a hole.
    pub fn remove(&mut self, index: usize) {
        if let Some(place) = self.0.get_mut(index) {
            *place = None;
        }
    }

    /// Forget a drive; those after it move up.
    pub fn cut(&mut self, index: usize) {
        if index < self.0.len() {
            self.0.remove(index);
        }
    }

    /// Number of the drive with this label.
    pub fn labelled(&self, label: &BStr) -> Option<usize> {
        self.iter().find(|(_, drive)| drive.label.as_ref().is_some_and(|l| l == label)).map(|(index, _)| index)
    }

    /// All drives with their numbers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Drive)> {
        self.0.iter().enumerate().filter_map(|(index, drive)| Some((index, drive.as_ref()?)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl FromIterator<Drive> for Drives {
    fn from_iter<I: IntoIterator<Item = Drive>>(drives: I) -> Self {
        Drives(drives.into_iter().map(Some).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn drive(label: &str) -> Drive {
        Drive { label: Some(label.into()), ..Drive::new(Source::Null) }
    }

    #[test]
    fn numbers_are_kept_and_holes_filled() {
        let mut drives: Drives = ["a", "b", "c"].map(drive).into_iter().collect();
        drives.remove(1);
        assert_eq!((drives.len(), drives.free()), (2, 1));
        assert_eq!((drives.labelled("c".into()), drives.labelled("b".into())), (Some(2), None));
        drives.insert(1, drive("d"));
        assert_eq!((drives.labelled("d".into()), drives.free()), (Some(1), 3));
        drives.insert(5, drive("e"));
        assert_eq!(drives.iter().map(|(index, _)| index).collect::<Vec<_>>(), [0, 1, 2, 5]);
        drives.cut(0);
        assert_eq!((drives.labelled("d".into()), drives.labelled("e".into())), (Some(0), Some(4)));
        drives.remove(77);
        drives.cut(77);
        assert_eq!(drives.len(), 3);
    }
}
