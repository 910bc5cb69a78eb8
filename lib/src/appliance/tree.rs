//! The files of the root image, as a plan.
//!
//! In: programs, libraries and data by name. Out: a sorted [`Tree`] of what goes where; every host file
//! that was read for it is listed, so that a change of any of them is noticed at the next launch.

use super::elf;
use super::hostfs::HostFs;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Larger files are no tools or data of ours.
const FILE_MAX: u64 = 256 << 20;

/// What stands at a path of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Directory,
    /// A copy of a host file.
    Host {
        source: PathBuf,
        executable: bool,
    },
    /// Made by us.
    Bytes {
        data: Vec<u8>,
        executable: bool,
    },
    Symlink(PathBuf),
}

/// Paths (relative to the image's root) and what stands there; parents sort before children.
#[derive(Debug, Default)]
pub struct Tree {
    pub entries: BTreeMap<PathBuf, Entry>,
    /// Host files whose change makes the image stale.
    pub inputs: BTreeSet<PathBuf>,
}

/// Where a host path stands in the image: with `/bin`, `/sbin`, `/lib*` merged into `/usr`, without
/// `.` and `..`.
pub fn destination(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => {
                if out.as_os_str().is_empty() && ["bin", "sbin", "lib", "lib64"].iter().any(|d| name == *d) {
                    out.push("usr");
                }
                out.push(name);
            }
            Component::ParentDir => {
                out.pop();
            }
            _ => {}
        }
    }
    out
}

fn io(path: &Path, e: &std::io::Error) -> String {
    format!("{}: {}", path.display(), crate::error::io_text(e))
}

/// Read a host file that is not absurdly large.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let len = path.metadata().map_err(|e| io(path, &e))?.len();
    if len > FILE_MAX {
        return Err(format!("{}: {len} bytes is too large", path.display()));
    }
    std::fs::read(path).map_err(|e| io(path, &e))
}

impl Tree {
    /// Put a made entry at `path`, with its parent directories.
    pub fn put(&mut self, path: impl AsRef<Path>, entry: Entry) {
        let path = path.as_ref();
        for parent in path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()) {
            self.entries.entry(parent.to_path_buf()).or_insert(Entry::Directory);
        }
        self.entries.insert(path.to_path_buf(), entry);
    }

    /// A program by name with all it needs; the error says what is missing. On error nothing is added.
    pub fn program(&mut self, host: &mut HostFs, name: &str) -> Result<(), String> {
        let path = host.program(name).ok_or_else(|| format!("{name} not found"))?;
        let mut addition = Tree::default();
        addition.executable(host, self, &path).map_err(|e| format!("{name}: {e}"))?;
        self.absorb(addition);
        Ok(())
    }

    /// The program in file `source` with all it needs, to stand at `place`. On error nothing is added.
    pub fn program_at(&mut self, host: &mut HostFs, source: &Path, place: &Path) -> Result<(), String> {
        let mut addition = Tree::default();
        addition.file_closure(host, self, source, place)?;
        self.absorb(addition);
        Ok(())
    }

    /// A library by soname with all it needs, for programs that open it at run time.
    pub fn library(&mut self, host: &mut HostFs, soname: &str) -> Result<(), String> {
        let path = host.library(soname, &[]).ok_or_else(|| format!("library {soname} not found"))?;
        let mut addition = Tree::default();
        addition.file_closure(host, self, &path, &path)?;
        self.absorb(addition);
        Ok(())
    }

    fn absorb(&mut self, addition: Tree) {
        for (path, entry) in addition.entries {
            self.put(path, entry);
        }
        self.inputs.extend(addition.inputs);
    }

    /// Add the program at `path`. A symbolic link stays one, straight to the file it ends at, because
    /// programs such as lvm look at the name they were called by.
    fn executable(&mut self, host: &mut HostFs, known: &Tree, path: &Path) -> Result<(), String> {
        let real = path.canonicalize().map_err(|e| io(path, &e))?;
        // The directory of the link, resolved, so that /sbin/x on a merged host is not a second file.
        let here = match (path.parent().map(Path::canonicalize), path.file_name()) {
            (Some(Ok(dir)), Some(name)) => dir.join(name),
            _ => path.to_path_buf(),
        };
        if destination(&here) != destination(&real) {
            let target = Path::new("/").join(destination(&real));
            self.put(destination(&here), Entry::Symlink(target));
            self.inputs.insert(here);
        }
        self.file_closure(host, known, &real, &real)
    }

    /// Add host file `source` at the place of `place`, then whatever its ELF header or `#!` line names.
    fn file_closure(&mut self, host: &mut HostFs, known: &Tree, source: &Path, place: &Path) -> Result<(), String> {
        let at = destination(place);
        if self.entries.contains_key(&at) || known.entries.contains_key(&at) {
            return Ok(());
        }
        let data = read_file(source)?;
        self.put(&at, Entry::Host { source: source.to_path_buf(), executable: true });
        self.inputs.insert(source.to_path_buf());
        if elf::is_elf(&data) {
            let origin = source.parent().unwrap_or(Path::new("/"));
            let info = elf::dynamic(&data, origin).map_err(|e| format!("{}: {e}", source.display()))?;
            if let Some(loader) = info.interpreter {
                self.executable(host, known, &loader)?;
            }
            for soname in &info.needed {
                let path = host
                    .library(soname, &info.search)
                    .ok_or_else(|| format!("{} needs library {soname}, which is not found", source.display()))?;
                let real = path.canonicalize().map_err(|e| io(&path, &e))?;
                // A copy under the name the loader looks for; no chain of links.
                self.file_closure(host, known, &real, &standard_place(&path, &info.search))?;
            }
        } else if let Some(line) = data.strip_prefix(b"#!") {
            let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
            let line = std::str::from_utf8(line).map_err(|_| "its #! line is not UTF-8".to_owned())?;
            self.interpreter(host, known, line)?;
        }
        Ok(())
    }

    fn interpreter(&mut self, host: &mut HostFs, known: &Tree, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let first = Path::new(words.next().ok_or("its #! line is empty")?);
        if !first.is_file() {
            return Err(format!("its interpreter {} not found", first.display()));
        }
        self.executable(host, known, first)?;
        if first.file_name().is_some_and(|n| n == "env") {
            let name = words.find(|w| !w.starts_with('-')).ok_or("its #! line names no program")?;
            let path = host.program(name).ok_or_else(|| format!("its interpreter {name} not found"))?;
            self.executable(host, known, &path)?;
        }
        Ok(())
    }

    /// A data file or a whole directory, taken as it is but for what is named in `without`; what this user cannot
    /// read is left out and named in the result.
    pub fn data(&mut self, path: &Path, without: &[String]) -> Vec<String> {
        let mut left_out = Vec::new();
        self.data_at(path, 0, without, &mut left_out);
        left_out
    }

    fn data_at(&mut self, path: &Path, depth: u32, without: &[String], left_out: &mut Vec<String>) {
        if without.iter().any(|out| path == Path::new(out)) {
            return;
        }
        let mut add = || -> Result<(), std::io::Error> {
            let meta = path.symlink_metadata()?;
            if depth > 16 {
                return Err(std::io::Error::other("nested too deeply"));
            }
            if meta.is_symlink() {
                let real = path.canonicalize()?;
                if destination(path) != destination(&real) {
                    self.put(destination(path), Entry::Symlink(Path::new("/").join(destination(&real))));
                }
                self.data_at(&real, depth + 1, without, left_out);
            } else if meta.is_dir() {
                self.put(destination(path), Entry::Directory);
                self.inputs.insert(path.to_path_buf());
                for entry in std::fs::read_dir(path)? {
                    self.data_at(&entry?.path(), depth + 1, without, left_out);
                }
            } else if meta.is_file() && meta.len() <= FILE_MAX {
                std::fs::File::open(path)?;
                self.put(destination(path), Entry::Host { source: path.to_path_buf(), executable: false });
                self.inputs.insert(path.to_path_buf());
            }
            Ok(())
        };
        match add() {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => left_out.push(io(path, &e)),
            _ => {}
        }
    }
}

/// The appliance has no ld.so.cache: a library from a directory that only the host's configuration
/// names goes where the loader looks anyway. One found through a RUNPATH stays where that points.
fn standard_place(path: &Path, search: &[PathBuf]) -> PathBuf {
    let at = destination(path);
    let dir = at.parent().unwrap_or(Path::new(""));
    let standard = ["usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib"].iter().any(|d| dir == Path::new(d));
    let by_runpath = search.iter().any(|s| path.parent() == Some(s));
    match path.file_name() {
        Some(name) if !standard && !by_runpath => Path::new("/usr/lib/x86_64-linux-gnu").join(name),
        _ => path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_places() {
        for (host, image) in [
            ("/bin/sh", "usr/bin/sh"),
            ("/usr/bin/sh", "usr/bin/sh"),
            ("/lib64/ld.so", "usr/lib64/ld.so"),
            ("/etc/x", "etc/x"),
            ("/usr/lib/../share/y", "usr/share/y"),
            ("/../etc/x", "etc/x"),
        ] {
            assert_eq!(destination(Path::new(host)), Path::new(image), "{host}");
        }
    }

    #[test]
    fn closure_runs_in_a_bare_root() {
        let mut host = HostFs::new();
        let mut tree = Tree::default();
        for name in ["mke2fs", "sh", "parted"] {
            tree.program(&mut host, name).unwrap();
        }
        assert!(tree.entries.contains_key(Path::new("usr/lib/x86_64-linux-gnu/libc.so.6")));
        assert!(tree.entries.contains_key(Path::new("usr/lib64/ld-linux-x86-64.so.2")));
        // Every library that the host's loader would take is there.
        let ldd = std::process::Command::new("ldd").arg("/sbin/parted").output().unwrap();
        let text = String::from_utf8(ldd.stdout).unwrap();
        let mut checked = 0;
        for path in text.split_whitespace().filter(|w| w.starts_with('/')) {
            let at = destination(Path::new(path));
            assert!(tree.entries.contains_key(&at), "{path} is missing");
            checked += 1;
        }
        assert!(checked > 3, "{text}");
    }

    #[test]
    fn a_failed_program_adds_nothing() {
        let mut host = HostFs::new();
        let mut tree = Tree::default();
        assert!(tree.program(&mut host, "no-such-program").unwrap_err().contains("not found"));
        assert!(tree.entries.is_empty() && tree.inputs.is_empty());
    }

    #[test]
    fn data_without_some_of_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["kept/tests", "out"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("file"), "").unwrap();
        }
        let mut tree = Tree::default();
        let out = dir.path().join("out");
        assert!(tree.data(dir.path(), &[out.to_str().unwrap().to_owned()]).is_empty());
        let has = |name: &str| tree.inputs.contains(&dir.path().join(name));
        assert!(has("kept/tests/file") && !has("out") && !has("out/file"));
    }

    #[test]
    fn scripts_bring_their_interpreter() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, "#!/usr/bin/env sh\n").unwrap();
        let mut tree = Tree::default();
        tree.executable(&mut HostFs::new(), &Tree::default(), &script).unwrap();
        for at in ["usr/bin/env", "usr/bin/sh", "usr/bin/dash"] {
            assert!(tree.entries.contains_key(Path::new(at)), "{at}: {:?}", tree.entries.keys());
        }
        std::fs::write(&script, "#!/no/such/shell\n").unwrap();
        let mut tree = Tree::default();
        assert!(tree.executable(&mut HostFs::new(), &Tree::default(), &script).is_err());
    }
}
