//! Commands about commands and the handle: `time`, `not`, `quit`, `reopen`, `supported`.

use super::Call;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::session::Session;
use guestfs::Handle;
use std::time::Instant;

pub(super) fn time(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let (name, words) = call.inner(&about::TIME)?;
    let start = Instant::now();
    call.run(session, name, words)?;
    session.out.line(format!("elapsed time: {:.2} seconds", start.elapsed().as_secs_f64()))
}

pub(super) fn not(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let (name, words) = call.inner(&about::NOT)?;
    match call.run(session, name, words) {
        Err(_) => Ok(()),
        Ok(()) => Err(Error::new(format!("not: the command '{name}' succeeded"))),
    }
}

pub(super) fn quit(session: &mut Session, _: &Call<'_>) -> Result<()> {
    session.quit = true;
    Ok(())
}

pub(super) fn reopen(session: &mut Session, call: &Call<'_>) -> Result<()> {
    if !call.words.is_empty() {
        return Err(call.usage(&about::REOPEN));
    }
    let (old, new) = (session.handle(), Handle::new()?);
    // A failure to write everything out must not get lost with the old handle.
    old.shutdown()?;
    new.set_verbose(old.get_verbose()?)?;
    new.set_trace(old.get_trace()?)?;
    new.set_autosync(old.get_autosync()?)?;
    new.set_pgroup(old.get_pgroup()?)?;
    new.set_image_trust(&old.get_image_trust()?)?;
    new.set_image_folders(&old.get_image_folders()?)?;
    new.set_path(Some(old.get_path()?.as_ref()))?;
    session.replace_handle(new);
    Ok(())
}

pub(super) fn supported(session: &mut Session, call: &Call<'_>) -> Result<()> {
    if !call.words.is_empty() {
        return Err(call.usage(&about::SUPPORTED));
    }
    let handle = session.handle();
    let groups = handle.available_all_groups()?;
    let width = groups.iter().map(|g| g.len()).max().unwrap_or(0);
    for group in &groups {
        let works = handle.feature_available(&[group])?;
        session.out.bytes(" ".repeat(width - group.len()).as_bytes())?;
        session.out.bytes(group)?;
        session.out.line(if works { " yes" } else { " no" })?;
    }
    Ok(())
}
