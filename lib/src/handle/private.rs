//! Private data: values that a program hangs on a handle under a string key.
//!
//! In: any `Send + Sync` value. Out: the same value, shared. The C API stores its pointers here too
//! and wants to walk the keys.

use super::Handle;
use bstr::{BStr, BString};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A stored value.
pub type Private = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(crate) struct PrivateArea(parking_lot::Mutex<BTreeMap<BString, Private>>);

impl Handle {
    /// Store `value` under `key`; returns what was there before.
    pub fn set_private(&self, key: impl AsRef<[u8]>, value: Private) -> Option<Private> {
        self.private.0.lock().insert(key.as_ref().into(), value)
    }

    /// Take the value under `key` away.
    pub fn unset_private(&self, key: impl AsRef<[u8]>) -> Option<Private> {
        self.private.0.lock().remove::<BStr>(key.as_ref().into())
    }

    /// The value under `key`.
    pub fn get_private(&self, key: impl AsRef<[u8]>) -> Option<Private> {
        self.private.0.lock().get::<BStr>(key.as_ref().into()).cloned()
    }

    /// First key at or after nothing (`after` = `None`) or after a key, in byte order, with its value:
    /// what `guestfs_first_private` and `guestfs_next_private` walk with.
    pub fn next_private(&self, after: Option<&BStr>) -> Option<(BString, Private)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let area = self.private.0.lock();
        let from = after.map_or(Unbounded, Excluded);
        area.range::<BStr, _>((from, Unbounded)).next().map(|(k, v)| (k.clone(), v.clone()))
    }
}
