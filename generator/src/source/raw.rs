//! Raw records: `api.toml` as written, not yet believed.

use super::signature::Param;
use super::At;
use std::ops::Range;

/// The whole description, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct RawApi {
    pub meta: RawMeta,
    pub events: Vec<RawEvent>,
    pub groups: Vec<RawGroup>,
    pub structs: Vec<RawStruct>,
    pub calls: Vec<RawCall>,
    /// `# ── daemon: files ──` lines.
    pub banners: Vec<Banner>,
}

/// A section banner.
#[derive(Debug, Clone)]
pub struct Banner {
    /// `daemon: files`, `structs`, …
    pub title: String,
    pub span: Range<usize>,
}

/// `[meta]`.
#[derive(Debug, Clone, Default)]
pub struct RawMeta {
    pub version: Option<At<String>>,
    pub version_extra: Option<At<String>>,
    pub program: Option<At<i64>>,
    pub protocol: Option<At<i64>>,
    pub errnos: Vec<At<String>>,
}

/// `[event.NAME]`.
#[derive(Debug, Clone)]
pub struct RawEvent {
    pub name: At<String>,
    pub bit: Option<At<i64>>,
    pub doc: Option<At<String>>,
}

/// `[group.NAME]`.
#[derive(Debug, Clone)]
pub struct RawGroup {
    pub name: At<String>,
    pub retired: Option<At<bool>>,
    pub builtin: Option<At<bool>>,
    pub doc: Option<At<String>>,
}

/// `[struct.NAME]`.
#[derive(Debug, Clone)]
pub struct RawStruct {
    pub name: At<String>,
    pub camel: Option<At<String>>,
    pub internal: Option<At<bool>>,
    pub fields: Vec<Param>,
    pub doc: Option<At<String>>,
}

/// `[call.NAME]`.
#[derive(Debug, Clone)]
pub struct RawCall {
    pub name: At<String>,
    pub daemon: Option<At<String>>,
    pub library: Option<At<String>>,
    pub proc: Option<At<i64>>,
    pub since: Option<At<String>>,
    pub args: Vec<Param>,
    pub ret: Option<Param>,
    pub flags: Vec<At<String>>,
    pub visibility: Option<At<String>>,
    pub group: Option<At<String>>,
    pub deprecated: Option<RawDeprecated>,
    pub shell_aliases: Vec<At<String>>,
    pub shell_output: Option<At<String>>,
    pub plain_name_without_options: Option<At<bool>>,
    pub options_class: Option<At<String>>,
    pub no_cancellable_parameter: Option<At<bool>>,
    pub summary: Option<At<String>>,
    pub doc: Option<At<String>>,
    pub opts: Vec<RawOpt>,
    pub tests: Vec<RawTest>,
    pub untested: Option<At<String>>,
    /// Keys that are there but were reported as being of the wrong TOML type.
    pub broken: Vec<&'static str>,
}

impl RawCall {
    /// True when `key` has to count as given although it could not be read.
    pub fn is_broken(&self, key: &str) -> bool {
        self.broken.contains(&key)
    }

    /// The module and the side it is on, when exactly one is given.
    pub fn module(&self) -> Option<(&'static str, &At<String>)> {
        match (&self.daemon, &self.library) {
            (Some(m), None) => Some(("daemon", m)),
            (None, Some(m)) => Some(("library", m)),
            _ => None,
        }
    }
}

/// `deprecated = { since = …, use = … }`.
#[derive(Debug, Clone)]
pub struct RawDeprecated {
    pub since: Option<At<String>>,
    pub use_instead: Option<At<String>>,
}

/// `[[call.NAME.opt]]`.
#[derive(Debug, Clone)]
pub struct RawOpt {
    pub arg: Option<Param>,
    pub doc: Option<At<String>>,
}

/// `[[call.NAME.test]]`.
#[derive(Debug, Clone)]
pub struct RawTest {
    pub span: Range<usize>,
    pub on: Option<At<String>>,
    pub steps: Vec<At<String>>,
}
