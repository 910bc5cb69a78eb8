//! What families of calls keep on a handle.
//!
//! In: a type. Out: the handle's one value of it, made when first asked for. The handle does not know who
//! keeps what; it only lets go of it in time.

use super::Handle;
use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One value of each type.
#[derive(Default)]
pub(super) struct Kept(parking_lot::Mutex<BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Kept {
    fn get<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut all = self.0.lock();
        let kept = all.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // It is of this type, for it lies under the type's own key.
        Arc::clone(kept).downcast().unwrap_or_default()
    }

    /// Let go of all. Whoever uses a value at this moment has it to its end.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        drop(all);
    }
}

impl Handle {
    /// The value that stays as long as the handle.
    pub(crate) fn kept<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        self.kept.get()
    }

    /// The value that goes with the machine that runs now.
    pub(crate) fn kept_of_machine<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        self.kept_of_machine.get()
    }
}
