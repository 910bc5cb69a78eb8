//! Where this project's own files are: the daemon, its worker, and what was installed with the library.
//!
//! In: the environment, the place of the running code, places fixed when compiling. Out: paths.

use std::path::{Path, PathBuf};

/// Target triple of the static daemon in a build tree.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Name of the worker's program.
pub const WORKER: &str = "guestfs-worker";

/// The file that holds this very code: the program, or a shared library (a binding) inside it. Read
/// from /proc/self/maps because the running program may well be a Python interpreter.
fn this_object() -> Option<PathBuf> {
    let here = this_object as fn() -> Option<PathBuf> as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let range = usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?;
        // A path may hold blanks: it is everything from the first slash on.
        range.contains(&here).then(|| rest.find('/').and_then(|at| rest.get(at..)).map(PathBuf::from)).flatten()
    })
}

/// Directories where an installation keeps its parts (daemon, kernels).
pub fn install_dirs() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Some(dir) = option_env!("GUESTFS_RS_LIBDIR") {
        dirs.push(PathBuf::from(dir));
    }
    // PREFIX/lib/libguestfs.so.0 → PREFIX/lib/guestfs-rs; PREFIX/bin/guestfish → PREFIX/lib/guestfs-rs.
    if let Some(dir) = this_object().as_deref().and_then(Path::parent) {
        dirs.push(dir.join("guestfs-rs"));
        if let Some(prefix) = dir.parent() {
            dirs.push(prefix.join("lib/guestfs-rs"));
            dirs.push(prefix.join("lib/x86_64-linux-gnu/guestfs-rs"));
        }
    }
    dirs.push(PathBuf::from("/usr/lib/guestfs-rs"));
    dirs.push(PathBuf::from("/usr/lib/x86_64-linux-gnu/guestfs-rs"));
    let mut seen = std::collections::BTreeSet::new();
    dirs.retain(|d| seen.insert(d.clone()));
    dirs
}

/// The static daemon: `$GUESTFS_RS_DAEMON`, else in the build tree that this code comes from, else
/// beside the installed library. The error names the places.
pub fn daemon() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("GUESTFS_RS_DAEMON").filter(|p| !p.is_empty()) {
        let path = PathBuf::from(path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("GUESTFS_RS_DAEMON={}: no such file", path.display()))
        };
    }
    let mut places = Vec::new();
    // target/debug/deps/x, target/debug/x, target/TRIPLE/release/x: the build tree is an ancestor.
    if let Some(object) = this_object() {
        for dir in object.ancestors().skip(1).take(5) {
            for profile in ["release", "debug"] {
                places.push(dir.join(TRIPLE).join(profile).join("guestfsd"));
            }
        }
    }
    places.extend(install_dirs().into_iter().map(|d| d.join("guestfsd")));
    match places.iter().find(|p| p.is_file()) {
        Some(path) => Ok(path.clone()),
        None => {
            let mut text = String::from("the daemon (guestfsd) was not found; looked for");
            for place in places.iter().filter(|p| p.parent().is_some_and(Path::exists)) {
                text.push_str(&format!(" {}", place.display()));
            }
            text.push_str(&format!(
                "; build it: RUSTFLAGS='-C target-feature=+crt-static' cargo build --release -p guestfsd --target {TRIPLE}"
            ));
            Err(text)
        }
    }
}

/// The program in which the daemon runs foreign libraries: `$GUESTFS_RS_WORKER`, else in the build tree, else
/// beside the installed library. Without it the calls that need such libraries do not work.
pub fn worker() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("GUESTFS_RS_WORKER").filter(|p| !p.is_empty()) {
        return Some(PathBuf::from(path)).filter(|p| p.is_file());
    }
    let mut places = Vec::new();
    if let Some(object) = this_object() {
        for dir in object.ancestors().skip(1).take(5) {
            places.extend(["release", "debug"].map(|profile| dir.join(profile).join(WORKER)));
        }
    }
    places.extend(install_dirs().into_iter().map(|d| d.join(WORKER)));
    places.into_iter().find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_its_own_file() {
        assert_eq!(super::this_object().unwrap(), std::env::current_exe().unwrap());
    }
}
