//! An environment that does not depend on who runs the tests.

use std::path::Path;
use std::process::Command;

/// How and where an appliance is started is the business of whoever runs the tests.
const KEPT: [&str; 3] = ["LIBGUESTFS_BACKEND", "LIBGUESTFS_BACKEND_SETTINGS", "LIBGUESTFS_CACHEDIR"];

/// Run `command` in `dir`, with an empty home and none of the variables that guestfish reads.
pub fn clean(command: &mut Command, dir: &Path) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if KEPT.contains(&text.as_str()) {
            continue;
        }
        if text.starts_with("LIBGUESTFS_") || text.starts_with("GUESTFISH_") || text.starts_with("XDG_") {
            command.env_remove(name);
        }
    }
    // The appliance's kernel is in the real home.
    let real_home = std::env::var_os("HOME").map(|h| Path::new(&h).join(".local/share"));
    if let Some(data) = std::env::var_os("XDG_DATA_HOME").map(Into::into).or(real_home) {
        command.env("XDG_DATA_HOME", data);
    }
    let home = dir.join("home");
    std::fs::create_dir(&home).unwrap();
    command.current_dir(dir).env("HOME", home).env("SHELL", "/bin/sh").env("LC_ALL", "C.UTF-8");
}
