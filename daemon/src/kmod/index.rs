//! The text indexes of a directory of kernel modules.
//!
//! In: `modules.dep`, `modules.alias`, `modules.softdep`, `modules.builtin`. Out: which files to insert
//! for a name. Missing indexes are empty ones, but for `modules.dep`.

use crate::error::{Context, Result};
use crate::pattern::fits;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// See the module's description. Names are kept as the kernel writes them, with `_`.
#[derive(Debug, Default)]
pub struct Index {
    dir: PathBuf,
    /// Module → its file, then the files it needs, nearest first.
    dep: BTreeMap<String, Vec<String>>,
    alias: Vec<(String, String)>,
    soft: BTreeMap<String, String>,
    builtin: BTreeSet<String>,
}

impl Index {
    /// Read the indexes of `dir`.
    pub fn read(dir: &Path) -> Result<Index> {
        let text = |name: &str| std::fs::read_to_string(dir.join(name));
        let dep = dir.join("modules.dep");
        let dep = std::fs::read_to_string(&dep).with_context(|| dep.display().to_string())?;
        let or_none = |name: &str| text(name).unwrap_or_default();
        Ok(Index::parse(dir, &dep, &or_none("modules.alias"), &or_none("modules.softdep"), &or_none("modules.builtin")))
    }

    fn parse(dir: &Path, dep: &str, alias: &str, soft: &str, builtin: &str) -> Index {
        let dep = dep.lines().filter_map(|line| {
            let (file, needs) = line.split_once(':')?;
            let files = std::iter::once(file).chain(needs.split_whitespace()).map(str::to_owned);
            Some((module_name(file)?, files.collect()))
        });
        let alias = alias.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == "alias").then_some(())?;
            Some((plain_pattern(words.next()?), plain(words.next()?)))
        });
        let soft = soft.lines().filter_map(|line| {
            let (module, wants) = line.strip_prefix("softdep ")?.split_once(' ')?;
            Some((plain(module), wants.to_owned()))
        });
        Index {
            dir: dir.to_owned(),
            dep: dep.collect(),
            alias: alias.collect(),
            soft: soft.collect(),
            builtin: builtin.lines().filter_map(module_name).collect(),
        }
    }

    /// The modules that a name or alias means.
    pub fn find(&self, name: &str) -> Vec<String> {
        let name = plain(name);
        if self.dep.contains_key(&name) || self.builtin.contains(&name) {
            return vec![name];
        }
        let mut found: Vec<String> = Vec::new();
        for (alias, module) in &self.alias {
            if !found.contains(module) && fits(alias.as_bytes(), name.as_bytes()) {
                found.push(module.clone());
            }
        }
        found
    }

    /// Whether the kernel has it without a module.
    pub fn is_builtin(&self, module: &str) -> bool {
        self.builtin.contains(module)
    }

    /// Files to insert for a module, in this order, its own last.
    pub fn needs(&self, module: &str) -> Vec<PathBuf> {
        let files = self.dep.get(module).map(Vec::as_slice).unwrap_or_default();
        files.iter().rev().map(|f| self.dir.join(f)).collect()
    }

    /// Soft dependencies to be loaded first.
    pub fn wanted_before(&self, module: &str) -> Vec<String> {
        self.wanted(module, "pre:")
    }

    /// Soft dependencies to be loaded afterwards.
    pub fn wanted_after(&self, module: &str) -> Vec<String> {
        self.wanted(module, "post:")
    }

    fn wanted(&self, module: &str, when: &str) -> Vec<String> {
        let mut list = Vec::new();
        let mut on = false;
        for word in self.soft.get(module).map_or("", String::as_str).split_whitespace() {
            match word.ends_with(':') {
                true => on = word == when,
                false if on => list.push(word.to_owned()),
                false => {}
            }
        }
        list
    }
}

fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The same for a pattern: in brackets a dash is a range.
fn plain_pattern(pattern: &str) -> String {
    let mut inside = false;
    let one = |c| {
        inside = match c {
            '[' => true,
            ']' => false,
            _ => inside,
        };
        if c == '-' && !inside {
            '_'
        } else {
            c
        }
    };
    pattern.chars().map(one).collect()
}

/// `kernel/fs/xfs/xfs.ko.xz` → `xfs`.
fn module_name(file: &str) -> Option<String> {
    let (stem, _) = file.rsplit('/').next()?.split_once(".ko")?;
    Some(plain(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        Index::parse(
            Path::new("/m"),
            "kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko kernel/x/crc32c-generic.ko\nkernel/lib/libcrc32c.ko: kernel/x/crc32c-generic.ko\nkernel/x/crc32c-generic.ko:\nkernel/d/dm-mod.ko.xz:\n",
            "# comment\nalias fs-xfs xfs\nalias char-major-10-236 dm_mod\nalias pci:v*d*sv*bc01sc[0-3]* libcrc32c\nalias devname:mapper/control dm_mod\n",
            "softdep xfs pre: crc32c post: other more\n",
            "kernel/fs/ext9.ko\n",
        )
    }

    #[test]
    fn names_and_aliases() {
        let i = index();
        for (name, want) in [
            ("xfs", vec!["xfs"]),
            ("fs-xfs", vec!["xfs"]),
            ("dm-mod", vec!["dm_mod"]),
            ("char-major-10-236", vec!["dm_mod"]),
            ("ext9", vec!["ext9"]),
            ("pci:v1d2sv3bc01sc2x", vec!["libcrc32c"]),
            ("pci:v1d2sv3bc01sc4x", vec![]),
            ("nothing", vec![]),
        ] {
            assert_eq!(i.find(name), want, "{name}");
        }
        assert!(i.is_builtin("ext9") && !i.is_builtin("xfs"));
    }

    #[test]
    fn dependencies_come_first() {
        let i = index();
        let files: Vec<_> = i.needs("xfs").iter().map(|f| f.display().to_string()).collect();
        assert_eq!(files, ["/m/kernel/x/crc32c-generic.ko", "/m/kernel/lib/libcrc32c.ko", "/m/kernel/fs/xfs/xfs.ko"]);
        assert_eq!(i.wanted_before("xfs"), ["crc32c"]);
        assert_eq!(i.wanted_after("xfs"), ["other", "more"]);
        assert_eq!(i.wanted_after("dm_mod"), Vec::<String>::new());
    }
}
