//! What a command is: the types of the generated table.
//!
//! In: `generated/shell`, which fills them. Out: API calls as [`Command`], the shell's own commands as
//! [`About`].

use crate::error::Result;
use crate::print::Output;
use crate::signature::Signature;
pub use crate::signature::{Kind, Param};
use crate::words::Words;
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

impl About {
    /// Every name of the command.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

impl Command {
    /// What it takes.
    pub fn signature(&self) -> Signature {
        Signature { name: self.name, params: self.params, opts: self.opts }
    }

    /// Every name of the command.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied()).chain(self.old_names.iter().copied())
    }
}
