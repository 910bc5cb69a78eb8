//! Errors of the shell: one line first, then what helps.
//!
//! In: failures of the library, of the host and of the user's typing. Out: [`Error`], printed on standard
//! error by [`Error::print`] as `[FILE:LINE: ]error: message` and one line for each note. Failures of the
//! library are `libguestfs: error: message`, as its own handler prints them: programs that run guestfish look
//! for that.

use bstr::{BStr, BString, ByteSlice, ByteVec};
use std::io::Write;

/// Result of nearly everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: BString,
    notes: Vec<BString>,
    /// Printed already, where the place was known better.
    printed: bool,
    /// The library's, not the shell's.
    library: bool,
}

impl Error {
    /// An error with its first line. Further lines of `message` become notes.
    pub fn new(message: impl AsRef<[u8]>) -> Self {
        let mut lines = message.as_ref().lines();
        let first = lines.next().unwrap_or_default().into();
        Error { message: first, notes: lines.map(BString::from).collect(), printed: false, library: false }
    }

    /// A failed operation of the host: `what: system's text`.
    pub fn io(what: impl AsRef<[u8]>, cause: &std::io::Error) -> Self {
        let mut message = what.as_ref().to_vec();
        message.push_str(": ");
        message.push_str(io_text(cause));
        Error::new(message)
    }

    /// An error that was printed where it happened: only the exit status is left of it.
    pub fn printed() -> Self {
        Error { message: BString::default(), notes: Vec::new(), printed: true, library: false }
    }

    /// Add a line below the first.
    pub fn note(mut self, line: impl AsRef<[u8]>) -> Self {
        self.notes.extend(line.as_ref().lines().map(BString::from));
        self
    }

    /// Put `what: ` before the first line.
    pub fn context(mut self, what: impl AsRef<[u8]>) -> Self {
        let mut message = what.as_ref().to_vec();
        message.push_str(": ");
        message.extend_from_slice(&self.message);
        self.message = message.into();
        self
    }

    /// Whether it is the library's.
    pub fn is_of_library(&self) -> bool {
        self.library
    }

    /// Make it the library's, or the shell's.
    pub fn of_library(mut self, library: bool) -> Self {
        self.library = library;
        self
    }

    /// All lines; nothing for an error that was printed.
    pub fn text(&self) -> Vec<u8> {
        let mut text = self.message.to_vec();
        for note in &self.notes {
            text.push(b'\n');
            text.extend_from_slice(note);
        }
        text
    }

    /// The first line.
    #[cfg(test)]
    pub fn message(&self) -> &BStr {
        self.message.as_bstr()
    }

    /// Print on standard error. `place` is the file and line, when there is one.
    pub fn print(&self, place: Option<&BStr>) {
        if self.printed {
            return;
        }
        let mut text = Vec::new();
        if let Some(place) = place {
            text.extend_from_slice(place);
            text.push_str(": ");
        }
        text.push_str(if self.library { "libguestfs: error: " } else { "error: " });
        // A guest's names are part of it.
        guestfs::printable(&mut text, &self.message, b"\n\t");
        text.push(b'\n');
        for note in &self.notes {
            guestfs::printable(&mut text, note, b"\n\t");
            text.push(b'\n');
        }
        // Standard error is the last resort: nowhere to report that it failed.
        let _ = std::io::stderr().write_all(&text);
    }
}

impl From<guestfs::Error> for Error {
    fn from(e: guestfs::Error) -> Self {
        let mut error = Error::new(e.message()).of_library(true);
        if let Some(help) = e.help() {
            error = error.note(format!("help: {help}"));
        }
        if !e.console().is_empty() {
            error = error.note("last lines of the appliance's console:").note(e.console().trim_end());
        }
        error
    }
}

/// The system's words for an OS error, without Rust's "(os error N)".
pub fn io_text(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_and_notes() {
        let e = Error::new("one\ntwo\n").note("three").context("cmd");
        assert_eq!(e.message(), "cmd: one");
        assert_eq!(e.notes, ["two", "three"]);
    }
}
