//! Option groups: sets of calls that need tools which an appliance may lack.
//!
//! In: the names of the API's groups, `daemon/appliance.toml`, from which appliances are built too, and
//! the tools found on PATH. Out: whether a group works here, and which tool is missing.

use crate::dispatch::{Group, GROUPS};
use crate::error::{Error, Result};
use crate::run::find_tool;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

const RECIPE: &str = include_str!("../appliance.toml");

/// Groups whose calls need no tool: the kernel does it.
const IN_PROCESS: &[&str] = &["linuxxattrs", "mknod", "inotify", "linuxmodules", "fstrim", "blkdiscard", "blkdiscardzeroes"];

/// What is known of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// The tool that this appliance lacks.
    Missing(String),
    /// The API has the group, but no appliance of ours has what it needs.
    Unsupported,
    /// The API has the group, but none of its calls is written yet.
    Planned,
    /// The API has no such group.
    Unknown,
}

/// All groups, and what was found out about them.
#[derive(Debug)]
pub struct Groups {
    /// The programs of each group; `None` where the recipe has nothing for it.
    tools: BTreeMap<String, Option<Vec<String>>>,
    planned: BTreeSet<String>,
    checked: RefCell<BTreeMap<String, Availability>>,
}

impl Default for Groups {
    fn default() -> Self {
        Self::new()
    }
}

impl Groups {
    /// The API's groups with their tools. A retired group always works: its calls became ordinary.
    pub fn new() -> Groups {
        let mut recipe = parse(RECIPE);
        let (mut tools, mut planned) = (BTreeMap::new(), BTreeSet::new());
        for (name, state) in GROUPS {
            let without = *state == Group::Retired || IN_PROCESS.contains(name);
            tools.insert((*name).to_owned(), recipe.remove(*name).or_else(|| without.then(Vec::new)));
            if *state == Group::Planned {
                planned.insert((*name).to_owned());
            }
        }
        Groups { tools, planned, checked: RefCell::default() }
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }

    /// Whether a group works. Looked up once: an appliance does not gain tools.
    pub fn availability(&self, group: &str) -> Availability {
        if let Some(known) = self.checked.borrow().get(group) {
            return known.clone();
        }
        let found = match self.tools.get(group) {
            None => return Availability::Unknown,
            Some(_) if self.planned.contains(group) => Availability::Planned,
            Some(None) => Availability::Unsupported,
            Some(Some(tools)) => match tools.iter().find(|tool| find_tool(tool).is_none()) {
                Some(missing) => Availability::Missing(missing.clone()),
                None => Availability::Available,
            },
        };
        self.checked.borrow_mut().insert(group.to_owned(), found.clone());
        found
    }

    /// Fail with ENOTSUP unless the group works.
    pub fn require(&self, group: &str) -> Result<()> {
        match self.availability(group) {
            Availability::Available => Ok(()),
            Availability::Missing(tool) => Err(Error::not_supported(format!(
                "feature '{group}' is not available: this appliance has no {tool} (install it and let the appliance be rebuilt)"
            ))),
            Availability::Unsupported => {
                Err(Error::not_supported(format!("feature '{group}' is not part of this version's appliance")))
            }
            Availability::Planned => {
                Err(Error::not_supported(format!("feature '{group}': none of its calls is implemented in this version")))
            }
            Availability::Unknown => {
                Err(Error::not_supported(format!("feature '{group}' is not known to this daemon")))
            }
        }
    }
}

/// Programs by group, from the `groups` and `run` keys of the recipe's `[[tools]]` tables. This reads
/// the plain TOML that the file is written in (a test compares with a real parser); a TOML library
/// would be most of the daemon's size.
fn parse(recipe: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in recipe.split("\n[[tools]]").skip(1) {
        // The table ends where another header begins.
        let table = table.split("\n[").next().unwrap_or_default();
        for group in strings(table, "groups") {
            all.entry(group).or_default().extend(strings(table, "run"));
        }
    }
    all
}

/// The strings of `key = ["…", …]`, which may span lines.
fn strings(table: &str, key: &str) -> Vec<String> {
    let mut lines = table.lines().scan(0, |at, line| {
        let here = *at;
        *at += line.len() + 1;
        Some((here, line))
    });
    let is_key = |line: &str| line.split_once('=').is_some_and(|(k, _)| k.trim() == key);
    let Some((at, _)) = lines.find(|(_, line)| is_key(line)) else {
        return Vec::new();
    };
    let list = table.get(at..).and_then(|t| t.split_once('[')).and_then(|(_, t)| t.split_once(']'));
    let list = list.map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_reads_as_toml_reads_it() {
        let toml: toml::Table = RECIPE.parse().unwrap();
        let mut want: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let list = |t: &toml::Value, key: &str| -> Vec<String> {
            let items = t.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default();
            items.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
        };
        for table in toml["tools"].as_array().unwrap() {
            for group in list(table, "groups") {
                want.entry(group).or_default().extend(list(table, "run"));
            }
        }
        assert!(want.contains_key("lvm2"));
        assert_eq!(parse(RECIPE), want);
    }

    #[test]
    fn missing_tools_are_named() {
        let mut groups = Groups::new();
        groups.tools.insert("odd".into(), Some(vec!["sh".into(), "no-such-tool-here".into()]));
        assert_eq!(groups.availability("odd"), Availability::Missing("no-such-tool-here".into()));
        assert_eq!(groups.require("odd").unwrap_err().errno_name(), "ENOTSUP");
        assert_eq!(groups.availability("linuxxattrs"), Availability::Available);
        assert_eq!(groups.availability("augeas"), Availability::Available);
        assert_eq!(groups.availability("libyara"), Availability::Unsupported);
        assert_eq!(groups.availability("nonsense"), Availability::Unknown);
    }

    #[test]
    fn the_recipe_names_only_groups_of_the_api() {
        for group in parse(RECIPE).keys() {
            assert!(GROUPS.iter().any(|(name, _)| name == group), "{group}");
        }
    }
}
