//! Kernel modules and what they depend on.
//!
//! In: a directory `lib/modules/RELEASE`, with or without depmod's indexes, modules compressed or not.
//! Out: the wanted modules with everything they need, dependencies first, unpacked; and the text
//! indexes (`modules.dep`, `modules.alias`, `modules.softdep`) for just those.

use super::{elf, unpack};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// An unpacked module is never larger.
const MODULE_MAX: usize = 128 << 20;

/// One module of a closure.
#[derive(Debug, Clone)]
pub struct Module {
    /// With `_`, as `lsmod` shows it.
    pub name: String,
    /// Below the modules directory, without a compression suffix: `kernel/fs/ext4/ext4.ko`.
    pub path: String,
    /// Unpacked.
    pub data: Vec<u8>,
    /// Direct dependencies.
    pub depends: Vec<String>,
    pub aliases: Vec<String>,
    /// `pre: x y` and the like.
    pub softdeps: Vec<String>,
}

/// The modules of one kernel.
#[derive(Debug)]
pub struct Modules {
    dir: PathBuf,
    files: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
}

/// The name the kernel uses for a module's file or an entry of `depends=`.
fn plain_name(name: &str) -> String {
    name.replace('-', "_")
}

/// `…/virtio-rng.ko.xz` → `virtio_rng`, and whether it is a module at all.
fn module_name(file: &str) -> Option<String> {
    let base = file.rsplit('/').next()?;
    let (stem, rest) = base.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".zst" | ".gz").then(|| plain_name(stem))
}

impl Modules {
    /// List the modules below `dir`.
    pub fn open(dir: &Path) -> Result<Modules, String> {
        let mut files = BTreeMap::new();
        walk(dir, 0, &mut files).map_err(|e| format!("{}: {}", dir.display(), crate::error::io_text(&e)))?;
        if files.is_empty() {
            return Err(format!("{}: no kernel modules here", dir.display()));
        }
        let builtin = std::fs::read_to_string(dir.join("modules.builtin")).unwrap_or_default();
        let builtin = builtin.lines().filter_map(module_name).collect();
        Ok(Modules { dir: dir.to_path_buf(), files, builtin })
    }

    /// True when the kernel has `name` compiled in.
    pub fn is_builtin(&self, name: &str) -> bool {
        self.builtin.contains(&plain_name(name))
    }

    /// True when there is a module `name`.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(&plain_name(name))
    }

    fn read(&self, name: &str) -> Result<Module, String> {
        let file = self.files.get(name).ok_or_else(|| format!("kernel module {name} not found"))?;
        let fail = |e: std::io::Error| format!("{}: {}", file.display(), crate::error::io_text(&e));
        let data = unpack::unpack_if_packed(super::tree::read_file(file)?, MODULE_MAX).map_err(fail)?;
        let info = elf::modinfo(&data).map_err(|e| format!("{}: {e}", file.display()))?;
        let all = |key: &str| info.iter().filter(|(k, _)| k == key).map(|(_, v)| v.clone()).collect::<Vec<_>>();
        let below = file.strip_prefix(&self.dir).unwrap_or(file).to_string_lossy();
        let path = match below.rfind(".ko") {
            Some(at) => below.get(..at + 3).unwrap_or(&below).to_owned(),
            None => below.into_owned(),
        };
        let depends =
            all("depends").iter().flat_map(|d| d.split(',')).filter(|d| !d.is_empty()).map(plain_name).collect();
        Ok(Module { name: name.to_owned(), path, data, depends, aliases: all("alias"), softdeps: all("softdep") })
    }

    /// `wanted` with all dependencies, in load order. Names that are built in or unknown are left out;
    /// a dependency that is neither there nor built in is an error, because loading would fail.
    pub fn closure<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Result<Vec<Module>, String> {
        let mut out = Vec::new();
        let mut done = BTreeSet::new();
        for name in wanted {
            let name = plain_name(name);
            if self.has(&name) {
                self.visit(&name, &mut done, &mut out)?;
            }
        }
        Ok(out)
    }

    fn visit(&self, name: &str, done: &mut BTreeSet<String>, out: &mut Vec<Module>) -> Result<(), String> {
        // Marked before its dependencies are: a cycle, which depmod forbids, still ends.
        if !done.insert(name.to_owned()) {
            return Ok(());
        }
        let module = self.read(name)?;
        for dependency in &module.depends {
            if self.has(dependency) {
                self.visit(dependency, done, out)?;
            } else if !self.is_builtin(dependency) {
                return Err(format!("kernel module {name} needs {dependency}, which is not there"));
            }
        }
        out.push(module);
        Ok(())
    }
}

fn walk(dir: &Path, depth: u32, files: &mut BTreeMap<String, PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        // `build` and `source` are links to somewhere else altogether: not followed.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < 16 {
            walk(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() {
            if let Some(name) = entry.file_name().to_str().and_then(module_name) {
                files.insert(name, entry.path());
            }
        }
    }
    Ok(())
}

/// `modules.dep` of depmod(8): a module, a colon, everything it needs, nearest first.
pub fn dep_index(modules: &[Module]) -> String {
    let by_name: BTreeMap<&str, &Module> = modules.iter().map(|m| (m.name.as_str(), m)).collect();
    let mut text = String::new();
    for module in modules {
        let mut all: Vec<&Module> = Vec::new();
        collect(module, &by_name, &mut all);
        all.reverse();
        let _ = write!(text, "{}:", module.path);
        for dependency in all {
            let _ = write!(text, " {}", dependency.path);
        }
        text.push('\n');
    }
    text
}

/// Dependencies of `module`, deepest first.
fn collect<'a>(module: &Module, by_name: &BTreeMap<&str, &'a Module>, out: &mut Vec<&'a Module>) {
    for name in &module.depends {
        if let Some(dependency) = by_name.get(name.as_str()) {
            if !out.iter().any(|m| m.name == dependency.name) {
                collect(dependency, by_name, out);
                out.push(dependency);
            }
        }
    }
}

/// `modules.alias`: `alias PATTERN MODULE`.
pub fn alias_index(modules: &[Module]) -> String {
    let mut text = String::new();
    for module in modules {
        for alias in &module.aliases {
            let _ = writeln!(text, "alias {alias} {}", module.name);
        }
    }
    text
}

/// `modules.softdep`: `softdep MODULE pre: … post: …`.
pub fn softdep_index(modules: &[Module]) -> String {
    let mut text = String::new();
    for module in modules {
        for softdep in &module.softdeps {
            let _ = writeln!(text, "softdep {} {softdep}", module.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(module_name("kernel/a/virtio-rng.ko.xz").as_deref(), Some("virtio_rng"));
        assert_eq!(module_name("ext4.ko").as_deref(), Some("ext4"));
        assert_eq!(module_name("ext4.ko.sig"), None);
        assert_eq!(module_name("modules.dep"), None);
    }

    fn module(name: &str, depends: &[&str]) -> Module {
        Module {
            name: name.into(),
            path: format!("kernel/{name}.ko"),
            data: Vec::new(),
            depends: depends.iter().map(|d| d.to_string()).collect(),
            aliases: vec![format!("fs-{name}")],
            softdeps: vec![],
        }
    }

    #[test]
    fn indexes() {
        let all = [module("c", &[]), module("b", &["c"]), module("a", &["b", "c"])];
        assert_eq!(dep_index(&all), "kernel/c.ko:\nkernel/b.ko: kernel/c.ko\nkernel/a.ko: kernel/b.ko kernel/c.ko\n");
        assert_eq!(alias_index(&all[..1]), "alias fs-c c\n");
        assert_eq!(softdep_index(&all), "");
    }
}
