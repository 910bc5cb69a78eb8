//! Programs that are installed, as Windows lists them for people to remove them.
//!
//! In: a root that was inspected, mounted again. Out: what the keys `Uninstall` of the software hive tell, those of
//! 64-bit systems for 32-bit programs included.

use super::hive::{Hive, Key};
use super::{inspect_get_windows_software_hive, is_named};
use crate::ctx::Ctx;
use crate::device::Mountable;
use crate::error::Result;
use crate::path::GuestPath;
use bstr::{BString, ByteSlice};
use guestfs_protocol::structs::Application2;

const UNINSTALL: [&str; 4] = ["Microsoft", "Windows", "CurrentVersion", "Uninstall"];
/// Where 32-bit programs on a 64-bit system have theirs.
const OTHER_VIEW: &str = "Wow6432Node";

/// See the module's description.
pub fn internal_list_windows_applications(ctx: &mut Ctx, root: &Mountable) -> Result<Vec<Application2>> {
    let path = inspect_get_windows_software_hive(ctx, root)?;
    let path = GuestPath::parse(ctx, path.as_bstr())?;
    let mut hive = Hive::open(ctx, &path)?;
    let mut all = Vec::new();
    let views = [UNINSTALL.to_vec(), [&[OTHER_VIEW], &UNINSTALL[..]].concat()];
    for view in &views {
        let Some(key) = hive.key(view)? else { continue };
        for program in hive.keys(key)? {
            all.extend(application(&mut hive, program)?);
        }
    }
    Ok(all)
}

/// One of them. Those without a name for people are parts or updates of others.
fn application(hive: &mut Hive, program: Key) -> Result<Option<Application2>> {
    let mut app = Application2::default();
    let Some(name) = hive.name(program)?.filter(|name| !name.is_empty()) else { return Ok(None) };
    app.app2_name = name;
    let mut named = false;
    for (name, data) in hive.values(program)? {
        let field = [
            ("DisplayName", &mut app.app2_display_name),
            ("DisplayVersion", &mut app.app2_version),
            ("InstallLocation", &mut app.app2_install_path),
            ("Publisher", &mut app.app2_publisher),
            ("URLInfoAbout", &mut app.app2_url),
            ("Comments", &mut app.app2_description),
        ]
        .into_iter()
        .find(|(wanted, _)| is_named(name.as_bstr(), wanted));
        if let Some((wanted, field)) = field {
            named |= wanted == "DisplayName";
            *field = one_line(&data);
        }
    }
    Ok(named.then_some(app))
}

/// A text as far as the API can carry it.
fn one_line(data: &[u8]) -> BString {
    const LONGEST: usize = 4096;
    super::text(data.get(..LONGEST).unwrap_or(data))
}
