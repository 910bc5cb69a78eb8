//! The shell's own commands: those that are no API calls.
//!
//! In: a [`Session`] and words. Out: their effects. What each says about itself is generated from
//! `generator/templates/shell/builtins.md`; a test checks that none is missing on either side.

mod copy;
mod edit;
mod events;
mod glob;
mod guest_file;
mod help;
mod hexedit;
mod host;
mod image;
mod meta;
mod view;

pub use help::{command as help_command, list as help_list};

use crate::command::About;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::session::Session;
use bstr::{BStr, BString};

/// One command: what it says about itself and what it does.
#[derive(Debug)]
struct Builtin {
    about: &'static About,
    run: fn(&mut Session, &Call<'_>) -> Result<()>,
}

/// Runs the command that is behind another one: name, words, depth.
pub type Runner = fn(&mut Session, &BString, &[BString], usize) -> Result<()>;

/// How a command was typed.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The name or alias that was used.
    pub name: &'a BStr,
    pub words: &'a [BString],
    /// Commands like `glob` and `time` around it.
    pub depth: usize,
    pub runner: Runner,
}

impl Call<'_> {
    /// The words are not what the command takes.
    fn usage(&self, about: &About) -> Error {
        Error::new(format!("{}: incorrect number of arguments", about.name)).note(format!("usage: {}", about.usage))
    }

    /// Run the command that this one is a prefix of.
    fn run(&self, session: &mut Session, name: &BString, words: &[BString]) -> Result<()> {
        (self.runner)(session, name, words, self.depth + 1)
    }

    /// The command that this one is a prefix of.
    fn inner(&self, about: &About) -> Result<(&BString, &[BString])> {
        self.words.split_first().ok_or_else(|| self.usage(about))
    }
}

/// Run one of them.
pub fn run(about: &About, session: &mut Session, call: &Call<'_>) -> Result<()> {
    match BUILTINS.iter().find(|b| b.about.name == about.name) {
        Some(builtin) => (builtin.run)(session, call),
        None => Err(Error::new(format!("{}: internal error: the command is described but not there", about.name))),
    }
}

/// All of them, by name.
static BUILTINS: &[Builtin] = &[
    Builtin { about: &about::ALLOC, run: image::alloc },
    Builtin { about: &about::COPY_IN, run: copy::copy_in },
    Builtin { about: &about::COPY_OUT, run: copy::copy_out },
    Builtin { about: &about::DELETE_EVENT, run: events::delete },
    Builtin { about: &about::DISPLAY, run: view::display },
    Builtin { about: &about::ECHO, run: host::echo },
    Builtin { about: &about::EDIT, run: edit::edit },
    Builtin { about: &about::EVENT, run: events::register },
    Builtin { about: &about::GLOB, run: glob::glob },
    Builtin { about: &about::HELP, run: help::help },
    Builtin { about: &about::HEXEDIT, run: hexedit::hexedit },
    Builtin { about: &about::LCD, run: host::lcd },
    Builtin { about: &about::LIST_EVENTS, run: events::list },
    Builtin { about: &about::MAN, run: view::man },
    Builtin { about: &about::MORE, run: view::more },
    Builtin { about: &about::NOT, run: meta::not },
    Builtin { about: &about::QUIT, run: meta::quit },
    Builtin { about: &about::REOPEN, run: meta::reopen },
    Builtin { about: &about::SETENV, run: host::setenv },
    Builtin { about: &about::SPARSE, run: image::sparse },
    Builtin { about: &about::SUPPORTED, run: meta::supported },
    Builtin { about: &about::TIME, run: meta::time },
    Builtin { about: &about::UNSETENV, run: host::unsetenv },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_has_its_command() {
        let described: Vec<&str> = about::ALL.iter().map(|a| a.name).collect();
        let known: Vec<&str> = BUILTINS.iter().map(|b| b.about.name).collect();
        assert_eq!(described, known);
    }
}
