//! Events: what the library tells a program while calls run.
//!
//! In: nothing. Out: the classes with their names and bits, and what a callback is given.

pub use crate::client::events::EventClass;

impl EventClass {
    /// Its bit in a mask: the value of `GUESTFS_EVENT_*`.
    pub const fn bit(self) -> u64 {
        1 << (self as u32)
    }
}

/// Mask with every class (`GUESTFS_EVENT_ALL`).
pub const EVENT_ALL: u64 = (1 << EventClass::ALL.len()) - 1;

/// Names of the classes in `mask`, comma-separated, as `guestfs_event_to_string` gives them.
pub fn event_to_string(mask: u64) -> String {
    let mut names: Vec<&str> = EventClass::ALL.iter().filter(|c| mask & c.bit() != 0).map(|c| c.name()).collect();
    // Alphabetical, as Debian's library does.
    names.sort_unstable();
    names.join(",")
}

/// A registered callback: the small integer of the C API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u32);

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Which class.
    pub class: EventClass,
    /// The callback that receives it.
    pub id: EventId,
    /// Text or bytes: console output, trace line, call name …; empty for `progress`, `close`, ….
    pub data: &'a [u8],
    /// `progress`: procedure, serial, position, total.
    pub array: &'a [u64],
}
