//! The only module that touches the disk: writes what changed, deletes what nobody emits any more.
//!
//! In: all files of all targets. Out: the same files below `generated/`, or with [`compare`] only the
//! list of differences.

use crate::emit::Files;
use std::fmt;
use std::io;
use std::path::Path;

/// One difference between what is on disk and what would be emitted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    Missing(String),
    Stale(String),
    Orphaned(String),
}

impl Difference {
    /// The file's path below the output directory.
    pub fn path(&self) -> &str {
        match self {
            Difference::Missing(p) | Difference::Stale(p) | Difference::Orphaned(p) => p,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Missing(p) => write!(f, "missing: {p}"),
            Difference::Stale(p) => write!(f, "stale: {p}"),
            Difference::Orphaned(p) => write!(f, "orphaned: {p}"),
        }
    }
}

/// What differs below `root`, by path.
pub fn compare(root: &Path, files: &Files) -> io::Result<Vec<Difference>> {
    let mut out = Vec::new();
    for (path, text) in files {
        match std::fs::read(root.join(path)) {
            Ok(old) if old == text.as_bytes() => {}
            Ok(_) => out.push(Difference::Stale(path.clone())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => out.push(Difference::Missing(path.clone())),
            Err(e) => return Err(e),
        }
    }
    for path in list(root)? {
        if !files.contains_key(&path) {
            out.push(Difference::Orphaned(path));
        }
    }
    out.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(out)
}

/// Make `root` hold exactly `files`; returns what had to change.
pub fn write(root: &Path, files: &Files) -> io::Result<Vec<Difference>> {
    let differences = compare(root, files)?;
    for d in &differences {
        let path = root.join(d.path());
        if let Difference::Orphaned(_) = d {
            std::fs::remove_file(&path)?;
            remove_empty_parents(root, &path);
        } else if let Some(text) = files.get(d.path()) {
            replace(&path, text)?;
        }
    }
    Ok(differences)
}

/// Write beside and rename, so that a reader or a crash never meets half a file.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = dir.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

fn remove_empty_parents(root: &Path, path: &Path) {
    let mut dir = path.parent();
    // remove_dir fails on a directory that is not empty, which ends the walk.
    while let Some(d) = dir.filter(|d| *d != root && std::fs::remove_dir(d).is_ok()) {
        dir = d.parent();
    }
}

/// All files below `root`, relative, sorted; build leftovers of interpreters are not ours.
fn list(root: &Path) -> io::Result<Vec<String>> {
    let mut out = Vec::new();
    let mut todo = vec![String::new()];
    while let Some(dir) = todo.pop() {
        let entries = match std::fs::read_dir(root.join(&dir)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
            if entry.file_type()?.is_dir() {
                if !matches!(name.as_str(), "__pycache__" | ".mypy_cache") {
                    todo.push(path);
                }
            } else if !name.starts_with('.') {
                out.push(path);
            }
        }
    }
    out.sort();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_updates_and_deletes() {
        let root = std::env::temp_dir().join(format!("gen-write-{}", std::process::id()));
        std::fs::create_dir_all(root.join("old/deep")).unwrap();
        std::fs::write(root.join("old/deep/gone.rs"), "x").unwrap();
        std::fs::write(root.join("a.rs"), "before").unwrap();
        let files = Files::from([("a.rs".into(), "after".into()), ("b/c.rs".into(), "new".into())]);
        let expected = [
            Difference::Stale("a.rs".into()),
            Difference::Missing("b/c.rs".into()),
            Difference::Orphaned("old/deep/gone.rs".into()),
        ];
        assert_eq!(compare(&root, &files).unwrap(), expected);
        assert_eq!(write(&root, &files).unwrap(), expected);
        assert_eq!(compare(&root, &files).unwrap(), []);
        assert_eq!(std::fs::read_to_string(root.join("a.rs")).unwrap(), "after");
        assert!(!root.join("old").exists());
        std::fs::remove_dir_all(&root).unwrap();
    }
}
