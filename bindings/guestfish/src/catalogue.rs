//! Every command there is: looking names up.
//!
//! In: `generated/shell` (API calls, and what the shell's own commands say about themselves). Out: [`find`],
//! which knows every name, alias and spelling a user may type.

use crate::command::{About, Command};
use crate::generated::builtins::ALL as OWN;
use crate::generated::COMMANDS;
use bstr::ByteSlice;

/// A command that was found.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    Api(&'static Command),
    Own(&'static About),
}

/// Look a name up. Case does not matter, and all dashes may be underscores.
pub fn find(name: &[u8]) -> Option<Found> {
    let name = name.to_str().ok()?.to_ascii_lowercase();
    let name = match (name.contains('-'), name.contains('_')) {
        (false, true) => name.replace('_', "-"),
        _ => name,
    };
    let is = |n: &str| n.eq_ignore_ascii_case(&name);
    let own = OWN.iter().find(|b| b.names().any(is)).map(|b| Found::Own(b));
    own.or_else(|| COMMANDS.iter().find(|c| c.names().any(is)).map(|c| Found::Api(c)))
}

/// All listed names with their summaries, sorted, for `help -l` and completion.
pub fn listing() -> Vec<(&'static str, String)> {
    let mut out = vec![("help", "list the commands, or explain one".to_owned())];
    for command in COMMANDS {
        out.push((command.name, command.summary.to_owned()));
        out.extend(command.aliases.iter().map(|a| (*a, format!("alias for '{}'", command.name))));
    }
    for own in OWN.iter().filter(|b| b.name != "help") {
        out.push((own.name, own.summary.to_owned()));
        out.extend(own.aliases.iter().map(|a| (*a, format!("alias for '{}'", own.name))));
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
            Found::Own(b) => b.name,
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
        let names: Vec<&str> =
            COMMANDS.iter().flat_map(|c| c.names()).chain(OWN.iter().flat_map(|b| b.names())).collect();
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{name} is there twice");
        }
    }
}
