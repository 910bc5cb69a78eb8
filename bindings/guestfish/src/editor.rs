//! Interactive input: line editing, history, completion.
//!
//! In: keys on the terminal. Out: lines. The history is kept in `~/.guestfish`.

use crate::complete::Completion;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::prompt;
use bstr::BString;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor as LineEditor};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// Prompt inside a `-<<END` upload.
const MORE: &str = "> ";

/// A terminal with somebody at it.
pub struct Editor {
    editor: LineEditor<Completion, FileHistory>,
    history: Option<PathBuf>,
    interrupt: Arc<Interrupt>,
}

impl Editor {
    /// Take over the terminal and load the history.
    pub fn new(completion: Completion, interrupt: Arc<Interrupt>) -> Result<Self> {
        let config = Config::builder().completion_type(CompletionType::List).history_ignore_dups(true);
        let config = config.map_err(broken)?.build();
        let mut editor = LineEditor::with_config(config).map_err(broken)?;
        editor.set_helper(Some(completion));
        let home = std::env::var_os("HOME").filter(|h| !h.is_empty());
        let history = home.map(|h| PathBuf::from(h).join(".guestfish"));
        if let Some(path) = &history {
            // The first time there is none; an unreadable one is no reason not to start.
            let _ = editor.load_history(path);
        }
        Ok(Editor { editor, history, interrupt })
    }
}

fn broken(e: ReadlineError) -> Error {
    Error::new(format!("terminal: {e}"))
}

impl Input for Editor {
    fn line(&mut self, more: bool) -> Result<Option<BString>> {
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
                if !more && !line.trim().is_empty() {
                    // Duplicates are refused, which is no error.
                    let _ = self.editor.add_history_entry(line.as_str());
                }
                Ok(Some(line.into()))
            }
            // Ctrl-C throws the line away.
            Err(ReadlineError::Interrupted) => Ok(Some(BString::default())),
            Err(ReadlineError::Eof) => Ok(None),
            // A byte that is no UTF-8: the line is lost, an upload given up, the shell goes on.
            Err(ReadlineError::Io(e)) if e.kind() == ErrorKind::InvalidData => {
                Error::io("terminal", &e).print(None);
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

impl Drop for Editor {
    fn drop(&mut self) {
        if let Some(path) = &self.history {
            // Losing the history is not worth an error at the very end.
            let _ = self.editor.save_history(path);
        }
    }
}
