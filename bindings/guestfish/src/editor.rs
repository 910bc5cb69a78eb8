//! Interactive input: line editing, history, completion.
//!
//! In: keys on the terminal. Out: lines. The history is `~/.guestfish`, one line each, which Debian's shell and
//! other sessions use too: lines are only ever added to it, as they are typed.

use crate::complete::Completion;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::prompt;
use bstr::{BString, ByteSlice};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{CompletionType, Config, Editor as LineEditor};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Prompt inside a `-<<END` upload.
const MORE: &str = "> ";

/// Lines of the history that can be called back.
const HISTORY: usize = 100_000;

/// A terminal with somebody at it.
pub struct Editor {
    editor: LineEditor<Completion, MemHistory>,
    history: Option<PathBuf>,
    interrupt: Arc<Interrupt>,
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
        Ok(Editor { editor, history, interrupt })
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

impl Input for Editor {
    fn line(&mut self, more: bool) -> Result<Option<BString>> {
        // Ctrl-C between two lines of an upload, when the terminal makes a signal of it.
        if more && self.interrupt.seen() {
            return Ok(None);
        }
        self.interrupt.forget();
        let read = self.interrupt.guard(rustix::stdio::stdin(), || {
            if more {
                return self.editor.readline(MORE);
            }
            let prompt = prompt::prompt();
            self.editor.readline(&(prompt.visible, prompt.printed))
        });
        match read {
            Ok(line) => {
                // What came just before the terminal was ours belongs to no command.
                self.interrupt.forget();
                if !more && !line.trim().is_empty() {
                    self.remember(&line);
                }
                Ok(Some(line.into()))
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

    fn place(&self) -> Option<BString> {
        None
    }

    fn interactive(&self) -> bool {
        true
    }
}
