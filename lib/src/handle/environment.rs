//! Properties from the environment.
//!
//! In: a lookup of variables by name. Out: setters called on a handle; a bad value is an error. Most
//! variables can also be unset by making them empty, as shells do it and as upstream reads them.

use super::{props, Handle};
use crate::error::{Error, Result};
use crate::settings::parse_bool;
use bstr::{BStr, BString, ByteSlice};

pub(super) fn parse(g: &Handle, get: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Result<()> {
    let mut boolean = |name: &str| -> Result<Option<bool>> {
        let Some(v) = get(name) else { return Ok(None) };
        parse_bool(&v).map(Some).ok_or_else(|| {
            Error::usage(format!("{name}={}: neither true nor false", v.as_bstr())).with_help("use 1 or 0")
        })
    };
    if let Some(v) = boolean("LIBGUESTFS_TRACE")? {
        props::set_trace(g, v)?;
    }
    if let Some(v) = boolean("LIBGUESTFS_DEBUG")? {
        props::set_verbose(g, v)?;
    }
    let mut text = |name: &str, set: &mut dyn FnMut(&BStr) -> Result<()>| match get(name) {
        Some(v) => set(v.as_bstr()).map_err(|e| e.context(name)),
        None => Ok(()),
    };
    text("XDG_RUNTIME_DIR", &mut |v| props::set_env_runtimedir(g, v))?;
    text("LIBGUESTFS_APPEND", &mut |v| props::set_append(g, Some(v)))?;
    text("LIBGUESTFS_BACKEND_SETTINGS", &mut |v| {
        let list: Vec<_> = v.split(|b| *b == b':').filter(|s| !s.is_empty()).map(Into::into).collect();
        props::set_backend_settings(g, &list)
    })?;
    // Those that are unset when they are empty; says whether it was set.
    let mut filled = |name: &str, set: &mut dyn FnMut(&BStr) -> Result<()>| match get(name) {
        Some(v) if !v.is_empty() => set(v.as_bstr()).map_err(|e| e.context(name)).map(|()| true),
        _ => Ok(false),
    };
    filled("TMPDIR", &mut |v| props::set_env_tmpdir(g, v))?;
    filled("LIBGUESTFS_TMPDIR", &mut |v| props::set_tmpdir(g, Some(v)))?;
    filled("LIBGUESTFS_CACHEDIR", &mut |v| props::set_cachedir(g, Some(v)))?;
    filled("LIBGUESTFS_PATH", &mut |v| props::set_path(g, Some(v)))?;
    filled("LIBGUESTFS_QEMU", &mut |v| props::set_hv(g, v))?;
    filled("LIBGUESTFS_HV", &mut |v| props::set_hv(g, v))?;
    filled("LIBGUESTFS_IMAGE_TRUST", &mut |v| props::set_image_trust(g, v))?;
    filled("LIBGUESTFS_IMAGE_FOLDERS", &mut |v| {
        let folders: Vec<BString> = v.split_str(":").filter(|dir| !dir.is_empty()).map(Into::into).collect();
        props::set_image_folders(g, &folders)
    })?;
    filled("LIBGUESTFS_MEMSIZE", &mut |v| {
        let n = v.to_str().ok().and_then(|s| s.trim().parse().ok());
        props::set_memsize(g, n.ok_or_else(|| Error::usage("not a number of MiB"))?)
    })?;
    if !filled("LIBGUESTFS_BACKEND", &mut |v| props::set_backend(g, v))? {
        // The name of old; its values are backends' names.
        filled("LIBGUESTFS_ATTACH_METHOD", &mut |v| props::set_backend(g, v))?;
    }
    Ok(())
}

/// The program's own.
pub(crate) fn parse_environment(g: &Handle) -> Result<()> {
    g.load_environment()
}

/// Strings `NAME=VALUE`.
pub(crate) fn parse_environment_list(g: &Handle, environment: &[BString]) -> Result<()> {
    g.load_environment_list(environment)
}
