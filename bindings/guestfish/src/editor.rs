//! Interactive input: line editing, history, completion.
//!
//! In: keys on the terminal. Out: lines. The history is `~/.guestfish`, one line each, which Debian's shell and
//! other sessions use too: lines are only ever added to it, as they are typed.

use crate::ahead::Ahead;
use crate::complete::Completion;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::prompt;
use crate::streams::Borrowed;
use bstr::{BString, ByteSlice};
use rustix::pty::{ioctl_tiocgptpeer, openpt, unlockpt, OpenptFlags};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{CompletionType, Config, Editor as LineEditor};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Ends the marking of pastes, which the line editor begins.
const PASTE_OFF: &str = "\x1b[?2004l";

/// Lines of the history that can be called back.
const HISTORY: usize = 100_000;

/// A terminal with somebody at it.
pub struct Editor {
    editor: LineEditor<Completion, MemHistory>,
    history: Option<PathBuf>,
    interrupt: Arc<Interrupt>,
    ahead: Ahead,
}

impl Editor {
    /// Take over the terminal and load the history.
    pub fn new(completion: Completion, interrupt: Arc<Interrupt>) -> Result<Self> {
        let config = Config::builder().completion_type(CompletionType::List).history_ignore_dups(true);
        let config = config.and_then(|c| c.max_history_size(HISTORY)).map_err(broken)?.build();
        let past = MemHistory::with_config(&config);
        let mut editor = LineEditor::with_history(config, past).map_err(broken)?;
        editor.set_helper(Some(completion));
        let home = std::env::var_os("HOME").filter(|h| !h.is_empty());
        let history = home.map(|h| PathBuf::from(h).join(".guestfish"));
        if let Some(path) = &history {
            // The first time there is none; an unreadable one is no reason not to start.
            let text = std::fs::read(path).unwrap_or_default();
            for line in text.lines() {
                // Duplicates are refused, which is no error.
                let _ = editor.add_history_entry(line.to_str_lossy());
            }
        }
        Ok(Editor { editor, history, interrupt, ahead: Ahead::default() })
    }

    /// The next line that was typed already, shown as if it were typed now.
    fn line_ahead(&mut self, more: bool) -> Option<BString> {
        let line = self.ahead.line()?;
        let mut shown = prompt::prompt(more).printed.into_bytes();
        guestfs::printable(&mut shown, &line, b"\t");
        shown.push(b'\n');
        // A terminal that is gone shows at the next prompt.
        let _ = std::io::stdout().write_all(&shown);
        Some(line)
    }

    /// Take what the line editor has read beyond the last line. It cannot be asked for it, so it gets another
    /// terminal, on which nothing is typed, and nothing shown.
    fn read_ahead(&mut self) -> Result<()> {
        let failed = |e: std::io::Error| Error::io("terminal", &e);
        let nobody = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(|e| failed(e.into()))?;
        let end = unlockpt(&nobody).and_then(|()| ioctl_tiocgptpeer(&nobody, OpenptFlags::RDWR | OpenptFlags::NOCTTY));
        // Reading fails where the other end is closed.
        drop(end.map_err(|e| failed(e.into()))?);
        let null = || File::options().write(true).open("/dev/null").map(OwnedFd::from).map_err(failed);
        let borrowed = Borrowed::new(&[nobody, null()?, null()?])?;
        let begun = |editor: &LineEditor<_, _>| editor.helper().map(Completion::take_begun).unwrap_or_default();
        begun(&self.editor);
        while let Ok(lines) = self.editor.readline("") {
            self.ahead.entered(&lines);
            begun(&self.editor);
        }
        drop(borrowed);
        self.ahead.begun(&begun(&self.editor));
        Ok(())
    }

    fn remember(&mut self, line: &str) {
        // False for a duplicate.
        if !matches!(self.editor.add_history_entry(line), Ok(true)) {
            return;
        }
        if let Some(path) = &self.history {
            let file = File::options().append(true).create(true).mode(0o600).open(path);
            // Losing the history is not worth an error. One write, so that sessions do not mix their lines.
            let _ = file.and_then(|mut f| f.write_all(format!("{line}\n").as_bytes()));
        }
    }
}

fn broken(e: ReadlineError) -> Error {
    Error::new(format!("terminal: {e}"))
}

impl Editor {
    /// A line from the terminal; pasted lines after the first wait for their turn.
    fn read(&mut self, more: bool) -> Result<Option<BString>> {
        if let Some(completion) = self.editor.helper_mut() {
            completion.uploading = more;
        }
        let begun = self.ahead.take();
        let prompt = prompt::prompt(more);
        let read = self.interrupt.guard(rustix::stdio::stdin(), PASTE_OFF, || {
            self.editor.readline_with_initial(&(prompt.visible, prompt.printed), (&begun, ""))
        });
        match read {
            Ok(lines) => {
                // What came just before the terminal was ours belongs to no command.
                self.interrupt.forget();
                self.ahead.entered(&lines);
                Ok(self.ahead.line())
            }
            // Ctrl-C throws the line away, or the upload.
            Err(ReadlineError::Interrupted) => Ok((!more).then(BString::default)),
            Err(ReadlineError::Eof) => Ok(None),
            // A byte that is no UTF-8: the line is lost, an upload given up, the shell goes on.
            Err(ReadlineError::Io(e)) if e.kind() == ErrorKind::InvalidData => {
                Error::new("terminal: a byte that is not UTF-8").print(None);
                Ok((!more).then(BString::default))
            }
            Err(e) => Err(broken(e)),
        }
    }
}

impl Input for Editor {
    fn line(&mut self, more: bool) -> Result<Option<BString>> {
        if self.interrupt.seen() {
            // Ctrl-C, when the terminal makes a signal of it, ends all that was typed before it.
            self.read_ahead()?;
            self.ahead = Ahead::default();
            if more {
                return Ok(None);
            }
        }
        self.interrupt.forget();
        let line = match self.line_ahead(more) {
            Some(line) => line,
            None => match self.read(more)? {
                Some(line) => line,
                None => return Ok(None),
            },
        };
        if !more && !line.trim().is_empty() {
            self.remember(&line.to_str_lossy());
        }
        Ok(Some(line))
    }

    fn place(&self) -> Option<BString> {
        None
    }

    fn keep(&mut self, typed: &[u8]) -> Result<bool> {
        self.read_ahead()?;
        self.ahead.typed(typed);
        Ok(true)
    }

    fn interactive(&self) -> bool {
        true
    }
}
