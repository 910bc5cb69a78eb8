//! What a command is: the types of the generated table, and looking names up.
//!
//! In: `generated/shell` (API calls) and `builtins` (the shell's own commands). Out: [`find`], which knows
//! every name, alias and spelling a user may type.

use crate::builtins::{Builtin, BUILTINS};
use crate::error::Result;
use crate::generated::COMMANDS;
use crate::print::Output;
use crate::words::Words;
use bstr::ByteSlice;
use guestfs::Handle;

/// A command that is an API call.
#[derive(Debug)]
pub struct Command {
    /// As typed, with dashes.
    pub name: &'static str,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// Names that are understood but not listed (`mkfs-opts`).
    pub old_names: &'static [&'static str],
    /// One line, without a full stop.
    pub summary: &'static str,
    pub params: &'static [Param],
    pub opts: &'static [Param],
    /// Lines of the description, wrapped.
    pub help: &'static [&'static str],
    pub run: fn(&mut Context<'_>, &mut Words<'_>) -> Result<()>,
}

/// A required or optional parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub kind: Kind,
}

impl Param {
    /// A parameter.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Param { name, kind }
    }
}

/// What a parameter is, as far as reading and completing it goes. Which of them occur depends on the API.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Int64,
    Str,
    List,
    Path,
    PathList,
    Device,
    DeviceList,
    DeviceOrPath,
    /// Asked for without echo; not on the command line.
    Key,
    /// A file of the host that is read.
    FileIn,
    /// A file of the host that is written.
    FileOut,
}

/// What the run function of an API call works with.
pub struct Context<'a> {
    pub handle: &'a Handle,
    pub out: &'a mut Output,
}

/// What one of the shell's own commands says about itself.
#[derive(Debug)]
pub struct About {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub usage: &'static str,
    pub summary: &'static str,
    pub help: &'static [&'static str],
}

impl Command {
    /// Parameters that are on the command line.
    pub fn typed_params(&self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().filter(|p| p.kind != Kind::Key)
    }

    /// Name and parameters: `mkfs fstype device [blocksize:N] …`.
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for param in self.typed_params() {
            usage.push(' ');
            usage += param.name;
        }
        for opt in self.opts {
            let value = match opt.kind {
                Kind::Bool => "true|false",
                Kind::Int | Kind::Int64 => "N",
                _ => "..",
            };
            usage += &format!(" [{}:{value}]", opt.name);
        }
        usage
    }

    /// Every name of the command.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied()).chain(self.old_names.iter().copied())
    }
}

/// A command that was found.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    Api(&'static Command),
    Own(&'static Builtin),
}

/// Look a name up. Case does not matter, and all dashes may be underscores.
pub fn find(name: &[u8]) -> Option<Found> {
    let name = name.to_str().ok()?.to_ascii_lowercase();
    let name = match (name.contains('-'), name.contains('_')) {
        (false, true) => name.replace('_', "-"),
        _ => name,
    };
    let is = |n: &str| n.eq_ignore_ascii_case(&name);
    let own = BUILTINS.iter().find(|b| b.names().any(is)).map(Found::Own);
    own.or_else(|| COMMANDS.iter().find(|c| c.names().any(is)).map(|c| Found::Api(c)))
}

/// All listed names with their summaries, sorted, for `help -l` and completion.
pub fn listing() -> Vec<(&'static str, String)> {
    let mut out = vec![("help", "list the commands, or explain one".to_owned())];
    for command in COMMANDS {
        out.push((command.name, command.summary.to_owned()));
        out.extend(command.aliases.iter().map(|a| (*a, format!("alias for '{}'", command.name))));
    }
    for builtin in BUILTINS.iter().filter(|b| b.about.name != "help") {
        out.push((builtin.about.name, builtin.about.summary.to_owned()));
        out.extend(builtin.about.aliases.iter().map(|a| (*a, format!("alias for '{}'", builtin.about.name))));
    }
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(typed: &str) -> Option<&'static str> {
        find(typed.as_bytes()).map(|f| match f {
            Found::Api(c) => c.name,
            Found::Own(b) => b.about.name,
        })
    }

    #[test]
    fn spellings() {
        for typed in ["get-memsize", "get_memsize", "GET-MEMSIZE", "get-Memsize"] {
            assert_eq!(name(typed), Some("get-memsize"), "{typed}");
        }
        assert_eq!(name("get-mem_size"), None);
        assert_eq!(name("add"), Some("add-drive"));
        assert_eq!(name("run"), Some("launch"));
        assert_eq!(name("mkfs-opts"), Some("mkfs"));
        assert_eq!(name("vi"), Some("edit"));
        assert_eq!(name("internal-test"), None);
        assert_eq!(name("is-ready"), None);
    }

    #[test]
    fn names_are_unique() {
        let names: Vec<&str> = COMMANDS
            .iter()
            .flat_map(|c| c.names())
            .chain(BUILTINS.iter().flat_map(|b| b.names()))
            .collect();
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{name} is there twice");
        }
    }
}
