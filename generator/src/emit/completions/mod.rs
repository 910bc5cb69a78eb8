//! Target `completions`: what bash, zsh and fish complete after `guestfish`.
//!
//! In: the commands of the shell, calls and its own. Out: `completions/guestfish.bash`,
//! `completions/_guestfish` (zsh) and `completions/guestfish.fish`. Options are asked of the program
//! itself (`guestfish --long-options`), which alone knows them.

use super::shell::{builtins::builtins, covers};
use super::{Files, Target, HEADER};
use crate::model::{Api, Call};
use std::collections::BTreeMap;
use tera::{Context, Tera};

/// The target.
pub struct Completions;

const FILES: &[(&str, &str)] = &[
    ("completions/guestfish.bash", include_str!("../../../templates/completions/guestfish.bash.tera")),
    ("completions/_guestfish", include_str!("../../../templates/completions/guestfish.zsh.tera")),
    ("completions/guestfish.fish", include_str!("../../../templates/completions/guestfish.fish.tera")),
];

impl Target for Completions {
    fn name(&self) -> &'static str {
        "completions"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        (!covers(call)).then_some("not a command of the shell")
    }

    fn emit(&self, api: &Api) -> Files {
        let commands: Vec<_> = commands(api).into_iter().map(|(name, about)| entry(name, about)).collect();
        let mut context = Context::new();
        context.insert("header", HEADER);
        context.insert("commands", &commands);
        FILES
            .iter()
            .map(|(path, template)| {
                // Templates are part of the generator and tested with it.
                let text = Tera::one_off(template, &context, false).unwrap_or_else(|e| panic!("{path}: {e:?}"));
                ((*path).to_owned(), text)
            })
            .collect()
    }

    fn emit_call(&self, _: &Api, call: &Call) -> String {
        format!("{}: {}\n", call.shell_name(), call.summary)
    }
}

/// Names as typed, aliases included, with the summary of each.
fn commands(api: &Api) -> BTreeMap<String, String> {
    let mut out = BTreeMap::from([("help".to_owned(), "list the commands, or explain one".to_owned())]);
    for call in api.calls.iter().filter(|c| covers(c)) {
        out.insert(call.shell_name(), call.summary.clone());
        let aliases = call.shell.aliases.iter();
        out.extend(aliases.map(|a| (a.clone(), format!("alias for {}", call.shell_name()))));
    }
    for builtin in builtins() {
        out.extend(builtin.aliases.iter().map(|a| (a.clone(), format!("alias for {}", builtin.name))));
        out.insert(builtin.name, builtin.summary);
    }
    out
}

/// One command with its summary spelt for each shell's quotes.
fn entry(name: String, summary: String) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("zsh", format!("{name}:{}", summary.replace('\'', "'\\''").replace(':', "\\:"))),
        ("fish", summary.replace('\\', "\\\\").replace('\'', "\\'")),
        ("name", name),
    ])
}
