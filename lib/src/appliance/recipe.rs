//! What goes into the appliance: `daemon/appliance.toml`.
//!
//! In: its text, compiled in (or another file for experiments). Out: [`Recipe`], checked.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const TEXT: &str = include_str!("../../appliance.toml");

/// The whole list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub kernel: KernelModules,
    /// Empty directories of the root image.
    pub directories: Vec<String>,
    /// Small files by path in the image, with their text.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Symbolic links by path in the image, with their targets.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    pub tools: Vec<ToolSet>,
    #[serde(skip)]
    pub text: String,
}

/// Kernel modules that no tool asks for. Names as `lsmod` shows them; one that the kernel has built in
/// or does not have at all is left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelModules {
    /// Loaded from the initrd, in this order (dependencies first), on the library's own machine.
    pub initrd: Vec<String>,
    /// Loaded from the initrd of a fixed appliance, which any machine may start.
    pub initrd_fixed: Vec<String>,
    /// In the root image, loaded when wanted.
    pub root: Vec<String>,
}

/// Tools that come from one package of the host.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSet {
    /// Debian's name of the package, for messages.
    pub package: String,
    /// Option groups (`available`) that are off unless every tool in `run` and every library is there.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Programs by name.
    #[serde(default)]
    pub run: Vec<String>,
    /// Programs taken when they are there.
    #[serde(default)]
    pub maybe: Vec<String>,
    /// Files and directories by absolute path, taken when they are there.
    #[serde(default)]
    pub data: Vec<String>,
    /// Libraries opened at run time (`dlopen`), which no ELF header names.
    #[serde(default)]
    pub libraries: Vec<Library>,
    /// The libraries are used by calls that have them run in `guestfs-worker`, without which the groups are off.
    #[serde(default)]
    pub worker: bool,
    /// Kernel modules for the root image.
    #[serde(default)]
    pub modules: Vec<String>,
}

/// A library by its soname, or by those of the versions of which any will do: the first that is there is taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Library {
    One(String),
    AnyOf(Vec<String>),
}

impl Library {
    /// The names.
    pub fn names(&self) -> &[String] {
        match self {
            Library::One(name) => std::slice::from_ref(name),
            Library::AnyOf(names) => names,
        }
    }
}

impl Recipe {
    /// The list compiled in.
    pub fn builtin() -> Result<Recipe, String> {
        Recipe::parse(TEXT)
    }

    /// Parse and check a list.
    pub fn parse(text: &str) -> Result<Recipe, String> {
        let mut recipe: Recipe = toml::from_str(text).map_err(|e| format!("appliance.toml: {e}"))?;
        recipe.text = text.to_owned();
        let mut seen = BTreeSet::new();
        for set in &recipe.tools {
            for name in set.run.iter().chain(&set.maybe) {
                if name.is_empty() || name.contains('/') {
                    return Err(format!("appliance.toml: {}: '{name}' is no program name", set.package));
                }
                if !seen.insert(name.as_str()) {
                    return Err(format!("appliance.toml: {}: '{name}' is listed twice", set.package));
                }
            }
            if let Some(path) = set.data.iter().find(|p| !p.starts_with('/') || p.contains("/../")) {
                return Err(format!("appliance.toml: {}: '{path}' is no absolute path", set.package));
            }
        }
        Ok(recipe)
    }

    /// Every module for the root image, in order, without repetition.
    pub fn root_modules(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let sets = self.tools.iter().flat_map(|s| &s.modules);
        self.kernel.root.iter().chain(sets).map(String::as_str).filter(|m| seen.insert(*m)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_list_is_sound() {
        let recipe = Recipe::builtin().unwrap();
        assert!(recipe.tools.iter().any(|s| s.groups.iter().any(|g| g == "lvm2")));
        assert!(recipe.root_modules().contains(&"xfs"));
    }

    #[test]
    fn mistakes_are_named() {
        let with = |tools: &str| format!("directories=[]\n[kernel]\ninitrd=[]\ninitrd_fixed=[]\nroot=[]\n{tools}");
        let wrong = |tools: &str| Recipe::parse(&with(tools)).unwrap_err();
        assert!(wrong("[[tools]]\npackage='a'\nrun=['x','x']").contains("listed twice"));
        assert!(wrong("[[tools]]\npackage='a'\nrun=['/bin/x']").contains("no program name"));
        assert!(wrong("[[tools]]\npackage='a'\nrun=['x']\ndata=['etc']").contains("no absolute path"));
        assert!(wrong("[[tools]]\npackage='a'\nruns=['x']").contains("runs"));
    }
}
