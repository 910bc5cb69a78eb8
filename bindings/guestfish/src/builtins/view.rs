//! `more`, `display` and `man`: show something with a program of the host.

use super::guest_file::{fetch, program, run_program};
use super::Call;
use crate::error::Result;
use crate::generated::builtins as about;
use crate::host;
use crate::session::Session;
use std::process::Command;

pub(super) fn more(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let [path] = call.words else { return Err(call.usage(&about::MORE)) };
    let pager = if call.name.eq_ignore_ascii_case(b"less") { "less".into() } else { program("PAGER", "more") };
    let copy = fetch(session, path)?;
    run_program(session, &pager, copy.path())
}

pub(super) fn display(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let [path] = call.words else { return Err(call.usage(&about::DISPLAY)) };
    let copy = fetch(session, path)?;
    run_program(session, &program("GUESTFISH_DISPLAY_IMAGE", "display"), copy.path())
}

pub(super) fn man(session: &mut Session, call: &Call<'_>) -> Result<()> {
    if !call.words.is_empty() {
        return Err(call.usage(&about::MAN));
    }
    session.out.flush()?;
    host::outcome(&"man 1 guestfish".into(), Command::new("man").args(["1", "guestfish"]).status())
}
