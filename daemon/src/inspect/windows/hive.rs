//! A hive of the Registry, open for a short look.
//!
//! In: a file of the guest, read by libhivex in a process of its own. Out: keys and values. One that cannot be read
//! counts as not there; when the process ends before its time, so does the look.

use crate::ctx::Ctx;
use crate::error::{Errno, Result};
use crate::inspect::guest;
use crate::path::GuestPath;
use crate::worker::Worker;
use bstr::{BStr, BString};

/// Keys or values of one key that are looked at. Windows has some hundred.
const MANY: usize = 10_000;

/// Bytes of a value that is looked at with others: a text of Windows has at most 32 767 characters.
const LONG: usize = 64 * 1024;

/// See the module's description.
pub struct Hive<'c> {
    ctx: &'c Ctx,
    worker: Worker,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(i64);

impl<'c> Hive<'c> {
    /// Open a hive, damaged or not.
    pub fn open(ctx: &'c Ctx, path: &GuestPath) -> Result<Hive<'c>> {
        Ok(Hive { ctx, worker: crate::hivex::open_to_look(ctx, path)? })
    }

    /// What a call of the library gave, when it could be read.
    fn read<T>(&mut self, found: Result<T>) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(e) if self.worker.is_gone() || e.errno() == Some(Errno::INTR) => Err(e),
            Err(_) => Ok(None),
        }
    }

    /// The key with this path.
    pub fn key(&mut self, path: &[&str]) -> Result<Option<Key>> {
        let root = self.worker.call::<i64>(self.ctx, "root", ());
        let Some(mut at) = self.read(root)? else { return Ok(None) };
        for name in path {
            let child = self.worker.call::<i64>(self.ctx, "node_get_child", (at, BStr::new(name)));
            match self.read(child)? {
                None | Some(0) => return Ok(None),
                Some(child) => at = child,
            }
        }
        Ok(Some(Key(at)))
    }

    /// The keys right below one.
    pub fn keys(&mut self, key: Key) -> Result<Vec<Key>> {
        let found = self.worker.call::<Vec<i64>>(self.ctx, "node_children", (key.0,));
        Ok(self.read(found)?.unwrap_or_default().into_iter().take(MANY).map(Key).collect())
    }

    /// The name of a key.
    pub fn name(&mut self, key: Key) -> Result<Option<BString>> {
        let name = self.worker.call(self.ctx, "node_name", (key.0,));
        self.read(name)
    }

    /// The values of a key, without those that are longer than any text or number that is looked for.
    pub fn values(&mut self, key: Key) -> Result<Vec<(BString, BString)>> {
        let found = self.worker.call::<Vec<i64>>(self.ctx, "node_values", (key.0,));
        let mut all = Vec::new();
        for value in self.read(found)?.unwrap_or_default().into_iter().take(MANY) {
            let name = self.worker.call(self.ctx, "value_key", (value,));
            let Some(name) = self.read(name)? else { continue };
            if let Some(data) = self.value(value)?.filter(|data| data.len() <= LONG) {
                all.push((name, data));
            }
        }
        Ok(all)
    }

    fn value(&mut self, value: i64) -> Result<Option<BString>> {
        let data = self.worker.call(self.ctx, "value_value", (value,));
        self.read(data)
    }

    /// The data of a value.
    pub fn data(&mut self, key: Key, name: &str) -> Result<Option<BString>> {
        let value = self.worker.call::<i64>(self.ctx, "node_get_value", (key.0, BStr::new(name)));
        match self.read(value)? {
            None | Some(0) => Ok(None),
            Some(value) => self.value(value),
        }
    }

    /// A value that is a text fit to be shown.
    pub fn text(&mut self, key: Key, name: &str) -> Result<Option<BString>> {
        Ok(self.data(key, name)?.and_then(|data| guest::shown(&super::text(&data))))
    }

    /// A value that is a number of 32 bits.
    pub fn number(&mut self, key: Key, name: &str) -> Result<Option<u32>> {
        let data = self.data(key, name)?;
        Ok(data.and_then(|data| data.as_slice().try_into().ok()).map(u32::from_le_bytes))
    }
}
