//! Debian's own appliance, put together by supermin(1).
//!
//! In: a `supermin.d` directory on `LIBGUESTFS_PATH`. Out: `kernel`, `initrd` and `root` in the cache,
//! in the very place where Debian's library keeps them, so that both share one build.

use super::{fixed, kernel, Appliance, Origin};
use crate::child::{environment, output, Spec, Wanted};
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use std::path::Path;

/// Build (or find built) the appliance described by `supermin_d`.
pub fn build(supermin_d: &Path, cachedir: &Path, say: &dyn Fn(&str)) -> Result<Appliance, LaunchError> {
    let failed = |text: Vec<u8>| {
        let mut message = format!("{}: ", supermin_d.display()).into_bytes();
        message.extend_from_slice(&text);
        LaunchError::new(LaunchFailure::ApplianceBuild { tool: "supermin".into() }, message)
    };
    let user = super::cache::user_directory(cachedir).map_err(|e| failed(e.into_bytes()))?;
    let out = user.join("appliance.d");
    let mut spec = Spec::new("supermin", environment::SUPERMIN)
        .args(["--build", "--if-newer", "--lock"])
        .arg(user.join("lock"))
        .args(["--copy-kernel", "-f", "ext2", "--host-cpu", "x86_64"])
        .arg(supermin_d)
        .arg("-o")
        .arg(&out);
    // Where /boot has nothing, the kernel fetched for our own appliance serves as well.
    if std::env::var_os("SUPERMIN_KERNEL").is_none() && kernel::find(&[]).is_err() {
        if let Ok(found) = kernel::find(&kernel::data_dirs()) {
            say(&format!("supermin: with the kernel {}", found.image.display()));
            spec = spec.variable("SUPERMIN_KERNEL", &found.image).variable("SUPERMIN_MODULES", &found.modules);
        }
    }
    say(&format!("supermin: {}", spec.shown()));
    let wanted = Wanted { most: super::pack::WORDS, limit: None, go_on: &|| true };
    let output = output(spec, &wanted).map_err(|e| {
        let error = failed(format!("cannot run supermin: {}", crate::error::io_text(&e)).into_bytes());
        match e.kind() {
            std::io::ErrorKind::NotFound => error.help("install the package supermin"),
            _ => error.errno(e.raw_os_error().unwrap_or(0)),
        }
    })?;
    if !output.ok() {
        let mut text = format!("supermin: {}: ", output.exit).into_bytes();
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
