//! The libraries that there are.

use crate::library::{Entry, Rights};
use crate::{augeas, blkid, hivex, journal, rpm, trial, tsk, yara};

/// The libraries that a worker can be of.
pub const TABLE: &[Entry] = &[
    Entry { name: "augeas", rights: Rights::Tree, load: augeas::load },
    Entry { name: "blkid", rights: Rights::Disks, load: blkid::load },
    Entry { name: "hivex", rights: Rights::Files, load: hivex::load },
    Entry { name: "journal", rights: Rights::Tree, load: journal::load },
    Entry { name: "rpm", rights: Rights::Tree, load: rpm::load },
    Entry { name: "trial", rights: Rights::Files, load: trial::load },
    Entry { name: "tsk", rights: Rights::Files, load: tsk::load },
    Entry { name: "yara", rights: Rights::Files, load: yara::load },
];
