//! Option groups: what this appliance can do.
//!
//! In: group names. Out: yes, no, or an error for a name nobody knows. Answers are remembered as long
//! as the appliance runs.

use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use bstr::{BStr, BString, ByteSlice};
use std::collections::BTreeMap;

/// Answers of the daemon.
type Features = parking_lot::Mutex<BTreeMap<BString, Feature>>;

/// What the daemon says about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feature {
    Available,
    Unavailable,
    Unknown,
}

fn ask(g: &Handle, group: &BStr) -> Result<Feature> {
    if let Some(known) = g.kept_of_machine::<Features>().lock().get(group) {
        return Ok(*known);
    }
    // The numbers of the wire: 0 available, 1 not, 2 unknown (upstream's daemon/available.c).
    let answer = match g.internal_feature_available(group)? {
        0 => Feature::Available,
        1 => Feature::Unavailable,
        2 => Feature::Unknown,
        n => {
            return Err(Error::new(ErrorKind::Protocol, format!("{group}: the daemon answered {n}, not 0, 1 or 2"))
                .with_errno(libc::EPROTO))
        }
    };
    g.kept_of_machine::<Features>().lock().insert(group.into(), answer);
    Ok(answer)
}

fn unknown(group: &BStr) -> Error {
    Error::usage(format!("{group}: unknown group"))
}

pub(crate) fn available(g: &Handle, groups: &[BString]) -> Result<()> {
    for group in groups {
        match ask(g, group.as_bstr())? {
            Feature::Available => {}
            Feature::Unavailable => {
                return Err(Error::new(ErrorKind::NotSupported, format!("{group}: group not available"))
                    .with_errno(libc::ENOTSUP)
                    .with_help("guestfs-appliance list says what the appliance lacks for it"))
            }
            Feature::Unknown => return Err(unknown(group.as_bstr())),
        }
    }
    Ok(())
}

pub(crate) fn feature_available(g: &Handle, groups: &[BString]) -> Result<bool> {
    for group in groups {
        match ask(g, group.as_bstr())? {
            Feature::Available => {}
            Feature::Unavailable => return Ok(false),
            Feature::Unknown => return Err(unknown(group.as_bstr())),
        }
    }
    Ok(true)
}
