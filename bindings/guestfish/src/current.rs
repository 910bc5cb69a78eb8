//! The handle of the moment.

use guestfs::Handle;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Shared by everything that needs a handle at the prompt: `reopen` replaces it.
pub type Current = Rc<RefCell<Arc<Handle>>>;
