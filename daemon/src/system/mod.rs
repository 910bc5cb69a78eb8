//! Family `system`: the appliance itself.
//!
//! In: questions about it. Out: its features, its kernel, its innards.

mod debug;
mod hello;

pub use debug::debug;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::groups::Availability;
use bstr::{BStr, BString};
use guestfs_protocol::structs::Utsname;

/// Every option group that the API has, whether it works here or not.
pub fn available_all_groups(ctx: &mut Ctx) -> Result<Vec<BString>> {
    Ok(ctx.groups().names().map(BString::from).collect())
}

/// 0: the group works here, 1: it does not, 2: there is no such group.
pub fn internal_feature_available(ctx: &mut Ctx, group: &BStr) -> Result<i32> {
    // Names are ASCII; anything else is unknown anyway.
    Ok(match ctx.groups().availability(&group.to_string()) {
        Availability::Available => 0,
        Availability::Missing(_) | Availability::Unsupported | Availability::Planned => 1,
        Availability::Unknown => 2,
    })
}

/// That the reply comes is the answer.
pub fn ping_daemon(_: &mut Ctx) -> Result<()> {
    Ok(())
}

/// The appliance's kernel.
pub fn utsname(_: &mut Ctx) -> Result<Utsname> {
    let name = rustix::system::uname();
    Ok(Utsname {
        uts_sysname: name.sysname().to_bytes().into(),
        uts_release: name.release().to_bytes().into(),
        uts_version: name.version().to_bytes().into(),
        uts_machine: name.machine().to_bytes().into(),
    })
}
