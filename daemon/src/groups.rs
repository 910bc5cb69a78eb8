//! Option groups: sets of calls that need tools which an appliance may lack.
//!
//! In: the API's groups; what the builder of this appliance says of their tools, or, where nothing was
//! built (a live machine), `daemon/appliance.toml` and the tools found on PATH. Out: whether a group
//! works here, and why not.

use crate::error::{Error, Result};
use crate::run::find::find_tool;
use guestfs_protocol::groups::{state, GroupState, GROUPS};
use std::cell::OnceCell;
use std::collections::BTreeMap;

const RECIPE: &str = include_str!("../appliance.toml");

/// What the builder of this appliance found out about its groups: `group NAME on|off REASON` lines, the
/// same that `guestfs-appliance list` prints. Machines that the library did not build have none.
const FACTS: &str = "/etc/guestfs-rs/appliance";

/// The program in which foreign libraries run. Which of them are there, it finds out by itself.
const WORKER: &str = "guestfs-worker";

/// What is known of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// Why it does not work here.
    Missing(String),
    /// The API has no such group.
    Unknown,
}

/// Why a group is off, or `None` when it is on, by its name. A group that is not in it has no tools.
type Tools = BTreeMap<String, Option<String>>;

/// All groups, and what was found out about them.
#[derive(Debug, Default)]
pub struct Groups {
    /// Looked up once, when it is asked for: an appliance does not gain tools.
    tools: OnceCell<Tools>,
}

impl Groups {
    /// All names, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        GROUPS.iter().map(|(name, _)| *name)
    }

    /// Whether a group works.
    pub fn availability(&self, group: &str) -> Availability {
        let Some(state) = state(group) else { return Availability::Unknown };
        let found = match state {
            GroupState::WithTools => self.tools.get_or_init(find).get(group).cloned(),
            GroupState::Always => None,
        };
        match found.unwrap_or_else(|| state.off().map(str::to_owned)) {
            None => Availability::Available,
            Some(why) => Availability::Missing(why),
        }
    }

    /// Fail with ENOTSUP unless the group works.
    pub fn require(&self, group: &str) -> Result<()> {
        let why = match self.availability(group) {
            Availability::Available => return Ok(()),
            Availability::Missing(why) => format!("is not available: {why}"),
            Availability::Unknown => "is not known to this daemon".into(),
        };
        Err(Error::not_supported(format!("feature '{group}' {why}")))
    }
}

fn find() -> Tools {
    match std::fs::read_to_string(FACTS) {
        Ok(facts) => built_with(&facts),
        Err(_) => on_path(),
    }
}

/// What the builder says.
fn built_with(facts: &str) -> Tools {
    let groups = facts.lines().filter_map(|line| line.strip_prefix("group ")?.split_once(' '));
    let off = |word: &str| word.strip_prefix("off ").map(str::to_owned);
    groups.map(|(name, word)| (name.to_owned(), off(word))).collect()
}

/// What the tools on PATH allow.
fn on_path() -> Tools {
    let missing = |tool: &String| find_tool(tool).is_none();
    let why = |tool: &String| format!("this machine has no {tool}");
    let groups = parse(RECIPE).into_iter();
    groups.map(|(name, tools)| (name, tools.iter().find(|tool| missing(tool)).map(why))).collect()
}

/// Programs by group, from the `groups` and `run` keys of the recipe's `[[tools]]` tables, and `worker`. This reads
/// the plain TOML that the file is written in (a test compares with a real parser); a TOML library
/// would be most of the daemon's size.
fn parse(recipe: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in recipe.split("\n[[tools]]").skip(1) {
        // The table ends where another header begins.
        let table = table.split("\n[").next().unwrap_or_default();
        for group in strings(table, "groups") {
            let tools = all.entry(group).or_default();
            tools.extend(strings(table, "run"));
            if table.lines().any(|line| line == "worker = true") {
                tools.push(WORKER.to_owned());
            }
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
                let tools = want.entry(group).or_default();
                tools.extend(list(table, "run"));
                if table.get("worker").is_some_and(|worker| worker.as_bool().unwrap()) {
                    tools.push(WORKER.into());
                }
            }
        }
        assert!(want.contains_key("lvm2"));
        assert_eq!(parse(RECIPE), want);
    }

    #[test]
    fn the_builder_has_the_word() {
        let facts = "format 2\ngroup lvm2 on\ngroup luks off libgcc_s.so.1 not found\ngroup btrfs on\nmissing x y\n";
        let groups = Groups { tools: OnceCell::from(built_with(facts)) };
        assert_eq!(groups.availability("lvm2"), Availability::Available);
        assert_eq!(groups.availability("luks"), Availability::Missing("libgcc_s.so.1 not found".into()));
        let error = groups.require("luks").unwrap_err();
        assert_eq!(error.errno_name(), "ENOTSUP");
        assert!(error.to_string().contains("feature 'luks' is not available: libgcc_s.so.1 not found"), "{error}");
        for (name, want) in GROUPS {
            let got = groups.availability(name);
            assert!(got == Availability::Available || *want != GroupState::Always, "{name}");
        }
        assert!(matches!(groups.availability("libyara"), Availability::Missing(_)));
        assert_eq!(groups.availability("nonsense"), Availability::Unknown);
    }

    #[test]
    fn without_a_builder_the_tools_have_it() {
        let tools = on_path();
        for (group, programs) in parse(RECIPE) {
            let missing = programs.iter().find(|tool| find_tool(tool).is_none());
            let why = missing.map(|tool| format!("this machine has no {tool}"));
            assert_eq!(tools.get(&group), Some(&why), "{group}");
        }
    }

    #[test]
    fn the_recipe_names_only_groups_that_need_tools() {
        for group in parse(RECIPE).keys() {
            assert_eq!(state(group), Some(GroupState::WithTools), "{group}");
        }
    }
}
