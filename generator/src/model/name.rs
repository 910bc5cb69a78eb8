//! Every spelling that more than one emitter needs.
//!
//! In: names as `api.toml` has them (lower-case, underscores). Out: the same names as each language
//! spells them. A name that is a keyword somewhere is respelt there and nowhere else: each language has
//! its list of words. `check/` refuses only what no respelling can save.

use super::{Call, Struct};
use heck::{ToShoutySnakeCase, ToUpperCamelCase};

/// `mkdir_mode` → `MkdirMode`.
pub fn camel(name: &str) -> String {
    name.to_upper_camel_case()
}

/// `mkdir_mode` → `MKDIR_MODE`.
pub fn shouty(name: &str) -> String {
    // heck splits at digits' edges differently from C's plain upper-casing, so it is only the fallback
    // for names that are not snake case already.
    match crate::source::signature::is_call_name(name) {
        true => name.to_ascii_uppercase(),
        false => name.to_shouty_snake_case(),
    }
}

/// `mkdir_mode` → `mkdir-mode`, as typed into the shell.
pub fn dashed(name: &str) -> String {
    name.replace('_', "-")
}

/// Default capitalised name of a struct: every word's first letter (`lvm_pv` → `LvmPv`).
pub fn default_camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

/// A Rust identifier: keywords become raw.
pub fn rust_ident(name: &str) -> String {
    if RUST.contains(&name) {
        format!("r#{name}")
    } else {
        name.to_owned()
    }
}

/// A C (and C++) identifier: keywords get an underscore.
pub fn c_ident(name: &str) -> String {
    escape(name, C)
}

/// A Python identifier: keywords get an underscore.
pub fn python_ident(name: &str) -> String {
    escape(name, PYTHON)
}

/// An OCaml value name: keywords get an underscore.
pub fn ocaml_ident(name: &str) -> String {
    escape(name, OCAML)
}

fn escape(name: &str, keywords: &[&str]) -> String {
    if keywords.contains(&name) {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}

/// True for a word that no spelling makes an identifier of Rust; every other language respells its own.
pub fn is_no_name(name: &str) -> bool {
    RUST_NOT_RAW.contains(&name)
}

impl Call {
    /// C function without `guestfs_`: `mkdir`, or `mkfs_opts` where `mkfs` is the form without options.
    pub fn c_name(&self) -> String {
        if self.plain_name_without_options {
            format!("{}_opts", self.name)
        } else {
            self.name.clone()
        }
    }

    /// Names under which scripting languages offer the call: its own, and `NAME_opts` where C has that.
    pub fn script_names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if self.plain_name_without_options {
            names.push(self.c_name());
        }
        names
    }

    /// Shell command: `mkdir-mode`.
    pub fn shell_name(&self) -> String {
        dashed(&self.name)
    }

    /// Rust type of the optional arguments: `MkfsOpts`.
    pub fn opts_type(&self) -> String {
        format!("{}Opts", camel(&self.name))
    }

    /// Rust type of the wire arguments: `MkfsArgs`.
    pub fn args_type(&self) -> String {
        format!("{}Args", camel(&self.name))
    }

    /// Rust type of the wire result: `MkfsRet`.
    pub fn ret_type(&self) -> String {
        format!("{}Ret", camel(&self.name))
    }

    /// Rust constant of the procedure and of the call's facts: `MKDIR_MODE`.
    pub fn const_name(&self) -> String {
        shouty(&self.name)
    }
}

impl Struct {
    /// Rust type: `LvmPv`.
    pub fn rust_name(&self) -> String {
        camel(&self.name)
    }

    /// C type without `struct`: `guestfs_lvm_pv`.
    pub fn c_name(&self) -> String {
        format!("guestfs_{}", self.name)
    }
}

/// Words that cannot be raw identifiers in Rust.
pub const RUST_NOT_RAW: &[&str] = &["crate", "self", "super", "_"];

/// Rust keywords (2021 and reserved ones).
pub const RUST: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// C and C++ keywords, as the header is read by both.
pub const C: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "co_await",
    "co_return",
    "co_yield",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
];

/// Python keywords.
pub const PYTHON: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// OCaml keywords.
pub const OCAML: &[&str] = &[
    "and",
    "as",
    "asr",
    "assert",
    "begin",
    "class",
    "constraint",
    "do",
    "done",
    "downto",
    "else",
    "end",
    "exception",
    "external",
    "false",
    "for",
    "fun",
    "function",
    "functor",
    "if",
    "in",
    "include",
    "inherit",
    "initializer",
    "land",
    "lazy",
    "let",
    "lor",
    "lsl",
    "lsr",
    "lxor",
    "match",
    "method",
    "mod",
    "module",
    "mutable",
    "new",
    "nonrec",
    "object",
    "of",
    "open",
    "or",
    "private",
    "rec",
    "sig",
    "struct",
    "then",
    "to",
    "true",
    "try",
    "type",
    "val",
    "virtual",
    "when",
    "while",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        assert_eq!(camel("internal_test_63_optargs"), "InternalTest63Optargs");
        assert_eq!(shouty("is_lv"), "IS_LV");
        assert_eq!(shouty("blockdev_getsize64"), "BLOCKDEV_GETSIZE64");
        assert_eq!(default_camel("inotify_event"), "InotifyEvent");
        assert_eq!(rust_ident("type"), "r#type");
        assert_eq!(ocaml_ident("val"), "val_");
    }
}
