//! The spellings of all types and words in `api.toml`.
//!
//! One table a kind; parsing, printing, diagnostics and the editor schema all read it.

use super::{ArgType, FieldType, OptType, RetType, Scenario, ShellOutput, StrKind, Visibility};

/// A closed set of things, each with one spelling.
pub trait Spelt: Copy + PartialEq + 'static {
    /// Spelling and thing.
    const SPELLINGS: &'static [(&'static str, Self)];

    /// The thing spelt so.
    fn parse(text: &str) -> Option<Self> {
        Self::SPELLINGS.iter().find(|(s, _)| *s == text).map(|(_, t)| *t)
    }

    /// How the thing is spelt.
    fn spelling(self) -> &'static str {
        Self::SPELLINGS.iter().find(|(_, t)| *t == self).map_or("", |(s, _)| s)
    }

    /// All spellings.
    fn all() -> Vec<&'static str> {
        Self::SPELLINGS.iter().map(|(s, _)| *s).collect()
    }
}

impl Spelt for ArgType {
    const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("Bool", ArgType::Bool),
        ("Int", ArgType::Int),
        ("Int64", ArgType::Int64),
        ("Str", ArgType::Str),
        ("Str?", ArgType::OptStr),
        ("[Str]", ArgType::StrList),
        ("Buffer", ArgType::Buffer),
        ("Path", ArgType::Path),
        ("[Path]", ArgType::PathList),
        ("Device", ArgType::Device),
        ("[Device]", ArgType::DeviceList),
        ("Mountable", ArgType::Mountable),
        ("DeviceOrPath", ArgType::DeviceOrPath),
        ("MountableOrPath", ArgType::MountableOrPath),
        ("Filename", ArgType::Filename),
        ("[Filename]", ArgType::FilenameList),
        ("AnyPath", ArgType::Str),
        ("AnyPath?", ArgType::OptStr),
        ("Guid", ArgType::Guid),
        ("Key", ArgType::Key),
        ("FileIn", ArgType::FileIn),
        ("FileOut", ArgType::FileOut),
        ("Pointer", ArgType::Pointer),
    ];
}

/// True for types that are strings and stand for a file, a directory or a device: languages with a type for
/// paths take it there.
pub fn names_a_file(text: &str) -> bool {
    let words =
        ["Path", "Device", "Mountable", "DeviceOrPath", "MountableOrPath", "Filename", "AnyPath", "FileIn", "FileOut"];
    words.contains(&text.trim_matches(['[', ']', '?']))
}

impl Spelt for OptType {
    const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("Bool", OptType::Bool),
        ("Int", OptType::Int),
        ("Int64", OptType::Int64),
        ("Str", OptType::Str),
        ("[Str]", OptType::StrList),
        ("AnyPath", OptType::Str),
    ];
}

impl Spelt for FieldType {
    const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("Char", FieldType::Char),
        ("Str", FieldType::Str),
        ("Device", FieldType::Device),
        ("Buffer", FieldType::Buffer),
        ("I32", FieldType::I32),
        ("U32", FieldType::U32),
        ("I64", FieldType::I64),
        ("U64", FieldType::U64),
        ("Size", FieldType::Size),
        ("Uuid", FieldType::Uuid),
        ("Percent", FieldType::Percent),
    ];
}

impl Spelt for StrKind {
    const SPELLINGS: &'static [(&'static str, Self)] =
        &[("Str", StrKind::Plain), ("Device", StrKind::Device), ("Mountable", StrKind::Mountable)];
}

impl Spelt for Visibility {
    const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("public", Visibility::Public),
        ("no-shell", Visibility::NoShell),
        ("bind-test", Visibility::BindTest),
        ("state-test", Visibility::StateTest),
        ("debug", Visibility::Debug),
        ("internal", Visibility::Internal),
    ];
}

impl Spelt for ShellOutput {
    const SPELLINGS: &'static [(&'static str, Self)] =
        &[("octal", ShellOutput::Octal), ("hexadecimal", ShellOutput::Hexadecimal)];
}

impl Spelt for Scenario {
    const SPELLINGS: &'static [(&'static str, Self)] =
        &[("none", Scenario::None), ("disks", Scenario::Disks), ("scratch-fs", Scenario::ScratchFs)];
}

/// Spellings of `flags`.
pub const FLAGS: [&str; 7] =
    ["progress", "cancellable", "protocol-limit", "config-only", "nonblocking", "no-wrapper", "signed"];

impl RetType {
    /// The result type spelt so; a lower-case word is a struct, whether described or not.
    pub fn parse(text: &str) -> Option<RetType> {
        match text {
            "Bool" => return Some(RetType::Bool),
            "Int" => return Some(RetType::Int),
            "Int64" => return Some(RetType::Int64),
            "Buffer" => return Some(RetType::Buffer),
            "ConstStr" => return Some(RetType::ConstStr),
            "ConstStr?" => return Some(RetType::ConstOptStr),
            _ => {}
        }
        if let Some(kind) = StrKind::parse(text) {
            return Some(RetType::Str(kind));
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            return StrKind::parse(inner)
                .map(RetType::StrList)
                .or_else(|| is_struct(inner).then(|| RetType::StructList(inner.to_owned())));
        }
        if let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            let (key, value) = inner.split_once(':')?;
            return Some(RetType::Hash(StrKind::parse(key.trim())?, StrKind::parse(value.trim())?));
        }
        is_struct(text).then(|| RetType::Struct(text.to_owned()))
    }

    /// How the type is spelt; empty for no result.
    pub fn spelling(&self) -> String {
        match self {
            RetType::Unit => String::new(),
            RetType::Bool => "Bool".into(),
            RetType::Int => "Int".into(),
            RetType::Int64 => "Int64".into(),
            RetType::Buffer => "Buffer".into(),
            RetType::ConstStr => "ConstStr".into(),
            RetType::ConstOptStr => "ConstStr?".into(),
            RetType::Str(k) => k.spelling().into(),
            RetType::StrList(k) => format!("[{}]", k.spelling()),
            RetType::Struct(s) => s.clone(),
            RetType::StructList(s) => format!("[{s}]"),
            RetType::Hash(k, v) => format!("{{{}: {}}}", k.spelling(), v.spelling()),
        }
    }

    /// Spellings of result types that are not structs, for diagnostics and the schema.
    pub const PLAIN: [&'static str; 12] = [
        "Bool",
        "Int",
        "Int64",
        "Str",
        "Device",
        "Mountable",
        "[Str]",
        "[Device]",
        "[Mountable]",
        "Buffer",
        "ConstStr",
        "ConstStr?",
    ];
}

fn is_struct(s: &str) -> bool {
    crate::source::signature::is_name(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_spellings_survive_a_round_trip() {
        for text in RetType::PLAIN.iter().chain(&["lvm_pv", "[lvm_pv]", "{Str: Str}", "{Device: Mountable}"]) {
            assert_eq!(RetType::parse(text).unwrap().spelling(), *text);
        }
        for text in ["", "String", "[Int]", "{Str}", "{Str: Int}", "[[Str]]"] {
            assert_eq!(RetType::parse(text), None, "{text}");
        }
    }
}
