//! Debian's own appliance, put together by supermin(1).
//!
//! In: a `supermin.d` directory on `LIBGUESTFS_PATH`. Out: `kernel`, `initrd` and `root` in the cache,
//! in the very place where Debian's library keeps them, so that both share one build.

use super::{fixed, kernel, Appliance, Origin};
use crate::backend::LaunchError;
use crate::error::LaunchFailure;
use std::path::Path;
use std::process::{Command, Stdio};

/// Build (or find built) the appliance described by `supermin_d`.
pub fn build(supermin_d: &Path, cachedir: &Path, say: &dyn Fn(&str)) -> Result<Appliance, LaunchError> {
    let failed = |text: Vec<u8>| {
        let mut message = format!("{}: ", supermin_d.display()).into_bytes();
        message.extend_from_slice(&text);
        LaunchError::new(LaunchFailure::ApplianceBuild { tool: "supermin".into() }, message)
    };
    let user = super::cache::user_directory(cachedir).map_err(|e| failed(e.into_bytes()))?;
    let out = user.join("appliance.d");
    let mut command = Command::new("supermin");
    command.args(["--build", "--if-newer", "--lock"]).arg(user.join("lock"));
    command.args(["--copy-kernel", "-f", "ext2", "--host-cpu", "x86_64"]).arg(supermin_d).arg("-o").arg(&out);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    // Where /boot has nothing, the kernel fetched for our own appliance serves as well.
    if std::env::var_os("SUPERMIN_KERNEL").is_none() && kernel::find(&[]).is_err() {
        if let Ok(found) = kernel::find(&kernel::data_dirs()) {
            say(&format!("supermin: with the kernel {}", found.image.display()));
            command.env("SUPERMIN_KERNEL", &found.image).env("SUPERMIN_MODULES", &found.modules);
        }
    }
    say(&format!("supermin: {command:?}"));
    let output = command.output().map_err(|e| {
        failed(format!("cannot run supermin: {}", crate::error::io_text(&e)).into_bytes()).help("install the package supermin")
    })?;
    if !output.status.success() {
        let mut text = format!("supermin: {}: ", output.status).into_bytes();
        text.extend_from_slice(output.stderr.trim_ascii());
        return Err(failed(text));
    }
    let root = out.join("root");
    let root_uuid = fixed::ext_uuid(&root).map_err(|e| LaunchError::io(root.display().to_string(), &e))?;
    Ok(Appliance {
        kernel: out.join("kernel"),
        initrd: out.join("initrd"),
        root,
        root_uuid,
        root_type: None,
        origin: Origin::Foreign,
        scratch: None,
    })
}
