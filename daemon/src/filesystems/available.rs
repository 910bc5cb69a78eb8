//! Which file systems the kernel has.

use bstr::{BStr, ByteSlice};

use crate::ctx::{Ctx, Role};
use crate::error::{Context, Error, Result};

/// Whether the kernel can mount this type, loading its module if it comes as one.
pub fn filesystem_available(ctx: &mut Ctx, filesystem: &BStr) -> Result<bool> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let Some(name) = filesystem.to_str().ok().filter(|n| !n.is_empty() && n.bytes().all(allowed)) else {
        return Err(Error::invalid(format!(
            "'{filesystem}': the name of a file system has only letters, digits and underscores"
        )));
    };
    if registered(name)? {
        return Ok(true);
    }
    // Modules of file systems carry this alias (mount(2) asks for it too). Where there is none, the
    // answer is no, whatever the reason; and a test's machine is not ours to load modules into.
    if ctx.role() == Role::Directory || crate::kmod::load(&format!("fs-{name}")).is_err() {
        return Ok(false);
    }
    registered(name)
}

fn registered(name: &str) -> Result<bool> {
    let table = std::fs::read_to_string("/proc/filesystems").context("/proc/filesystems")?;
    // Lines: `nodev`, a tab and a name, or a tab and a name.
    Ok(table.lines().filter_map(|line| line.rsplit('\t').next()).any(|known| known == name))
}
