//! Finding programs and libraries on the host.
//!
//! In: names. Out: absolute paths, by the same rules as the shell and the dynamic loader, with the
//! system's directories before the user's: what is in the appliance must not depend on a `~/bin`.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

const PROGRAM_DIRS: [&str; 6] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
const LIBRARY_DIRS: [&str; 6] =
    ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// Looks things up, and remembers what it found and what it did not.
#[derive(Debug)]
pub struct HostFs {
    /// Programs that were asked for and are not there.
    pub absent_programs: BTreeSet<String>,
    /// Libraries that were asked for and are not there.
    pub absent_libraries: BTreeSet<String>,
    programs: Vec<PathBuf>,
    libraries: Vec<PathBuf>,
    found: HashMap<String, Option<PathBuf>>,
}

impl Default for HostFs {
    fn default() -> Self {
        HostFs::new()
    }
}

impl HostFs {
    /// Read PATH and the loader's configuration.
    pub fn new() -> Self {
        let mut programs: Vec<PathBuf> = PROGRAM_DIRS.iter().map(PathBuf::from).collect();
        for dir in std::env::var_os("PATH").iter().flat_map(std::env::split_paths) {
            if dir.is_absolute() && !programs.contains(&dir) {
                programs.push(dir);
            }
        }
        let mut libraries = Vec::new();
        read_conf(Path::new("/etc/ld.so.conf"), &mut libraries, 0);
        libraries.extend(LIBRARY_DIRS.iter().map(PathBuf::from));
        HostFs {
            absent_programs: BTreeSet::new(),
            absent_libraries: BTreeSet::new(),
            programs,
            libraries,
            found: HashMap::new(),
        }
    }

    /// The program called `name`.
    pub fn program(&mut self, name: &str) -> Option<PathBuf> {
        let found = self.programs.iter().map(|d| d.join(name)).find(|p| is_program(p));
        if found.is_none() {
            self.absent_programs.insert(name.to_owned());
        }
        found
    }

    /// The library with this soname; `search` (a RUNPATH) first.
    pub fn library(&mut self, name: &str, search: &[PathBuf]) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|p| p.is_file());
        }
        if let Some(path) = search.iter().map(|d| d.join(name)).find(|p| p.is_file()) {
            return Some(path);
        }
        let dirs = &self.libraries;
        let found = self
            .found
            .entry(name.to_owned())
            .or_insert_with(|| dirs.iter().map(|d| d.join(name)).find(|p| p.is_file()))
            .clone();
        if found.is_none() {
            self.absent_libraries.insert(name.to_owned());
        }
        found
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// ld.so.conf(5) as ldconfig(8) reads it: a directory a line, `include PATTERN`, `#` comments.
fn read_conf(path: &Path, out: &mut Vec<PathBuf>, depth: u32) {
    let Ok(text) = std::fs::read_to_string(path) else { return };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line.strip_prefix("include").filter(|r| r.starts_with([' ', '\t'])) {
            if depth < 4 {
                for file in expand(pattern.trim()) {
                    read_conf(&file, out, depth + 1);
                }
            }
        } else if line.starts_with('/') {
            out.push(PathBuf::from(line));
        }
    }
}

/// Files matching a pattern whose only wildcard is one `*` in the last component: all that
/// distributions use there.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new("/etc").join(pattern);
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Vec::new();
    };
    let Some((before, after)) = name.split_once('*') else { return vec![path] };
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| {
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        })
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there() {
        let mut host = HostFs::new();
        assert!(host.program("mount").is_some());
        assert!(host.program("no-such-program-here").is_none());
        assert!(host.library("libc.so.6", &[]).is_some());
        assert!(host.library("libnothing.so.0", &[]).is_none());
        assert!(host.absent_programs.contains("no-such-program-here") && host.absent_programs.len() == 1);
        assert!(host.absent_libraries.contains("libnothing.so.0") && host.absent_libraries.len() == 1);
    }

    #[test]
    fn conf_files_with_includes() {
        let dir = tempfile::tempdir().unwrap();
        let conf = dir.path().join("a.conf");
        let sub = dir.path().join("d");
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(sub.join("1.conf"), "/one # x\n").unwrap();
        std::fs::write(sub.join("2.conf"), "# none\n/two\n").unwrap();
        std::fs::write(sub.join("3.txt"), "/three\n").unwrap();
        // Includes itself too: must end.
        std::fs::write(&conf, format!("include {}/*.conf\n/four\ninclude {}\n", sub.display(), conf.display()))
            .unwrap();
        let mut out = Vec::new();
        read_conf(&conf, &mut out, 0);
        let first: Vec<_> = out.iter().take(3).map(|p| p.to_str().unwrap()).collect();
        assert_eq!(first, ["/one", "/two", "/four"]);
    }
}
