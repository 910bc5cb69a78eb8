//! Where the appliance's tools are.
//!
//! In: a name. Out: the program's path, when this appliance has it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where tools are looked for.
pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Where a tool is; `None` when this appliance does not have it.
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let executable =
        |path: &Path| std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|p| executable(p));
    }
    PATH.split(':').map(|dir| Path::new(dir).join(name)).find(|p| executable(p))
}
