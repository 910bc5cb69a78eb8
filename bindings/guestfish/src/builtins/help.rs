//! `help`: what to do next, the list of commands, one command explained.

use super::Call;
use crate::catalogue::{find, listing, Found};
use crate::command::{About, Command};
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::print::Output;
use crate::session::Session;
use bstr::BString;
use guestfs::State;

const NO_DRIVES: &str = "\
Nothing is open yet. Add a disk image:    add FILE
or start with an empty one:               sparse FILE 1G
Then start the appliance:                 run
";

const READY: &str = "\
The appliance is running. Look around:    list-filesystems
and mount what you need:                  mount-ro DEVICE /
or mount it for writing:                  mount DEVICE /
";

const ALWAYS: &str = "
One command explained:                    help COMMAND
All commands:                             help -l
The manual:                               man

";

/// Columns for the name of a command in the list.
const NAME_WIDTH: usize = 20;

pub(super) fn help(session: &mut Session, call: &Call<'_>) -> Result<()> {
    match call.words {
        [] => {
            let ready = session.handle().state() == State::Ready;
            session.out.bytes(if ready { READY } else { NO_DRIVES }.as_bytes())?;
            session.out.bytes(ALWAYS.as_bytes())
        }
        [word] if word == "-l" || word == "--list" => list(&mut session.out),
        [word] => command(&mut session.out, word),
        _ => Err(call.usage(&about::HELP)),
    }
}

/// All commands, one a line.
pub fn list(out: &mut Output) -> Result<()> {
    out.line(format!("    {:width$} Description", "Command", width = NAME_WIDTH - 4))?;
    for (name, summary) in listing() {
        out.line(format!("{name:NAME_WIDTH$} {summary}"))?;
    }
    out.line("    Use -h <cmd> / help <cmd> to show detailed help for a command.")
}

/// One command explained.
pub fn command(out: &mut Output, name: &BString) -> Result<()> {
    match find(name) {
        Some(Found::Api(c)) => api(out, c),
        Some(Found::Own(b)) => own(out, b),
        None => Err(Error::new(format!("{name}: command not known")).note("help: use -h to list all commands")),
    }
}

fn api(out: &mut Output, c: &Command) -> Result<()> {
    let aliases: Vec<&str> = c.names().skip(1).collect();
    page(out, c.name, c.summary, &c.signature().usage(), c.help, &aliases)
}

fn own(out: &mut Output, about: &About) -> Result<()> {
    page(out, about.name, about.summary, about.usage, about.help, about.aliases)
}

fn page(out: &mut Output, name: &str, summary: &str, usage: &str, help: &[&str], aliases: &[&str]) -> Result<()> {
    out.line(format!("NAME\n    {name} - {summary}\n\nSYNOPSIS\n     {usage}\n\nDESCRIPTION"))?;
    help.iter().try_for_each(|line| out.line(line))?;
    if !aliases.is_empty() {
        let quoted: Vec<String> = aliases.iter().map(|a| format!("'{a}'")).collect();
        out.line(format!("\n    You can use {} as an alias for this command.", quoted.join(" or ")))?;
    }
    out.line("")
}
