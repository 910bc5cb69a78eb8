//! Saving a machine that waits for its library, and restoring it.
//!
//! In: a monitor, and files for memory and device state. Out: a stopped machine in either case. Memory
//! is shared with its file (`x-ignore-shared`), so only the devices' state goes through a migration
//! stream; a restored machine maps the file privately. All by descriptors: the sandbox forbids qemu to
//! start anything (snapshot-lab).

use super::faults;
use crate::backend::qmp::{Command, Qmp, QmpError};
use crate::backend::saved::{self, Saved, Store};
use crate::error::LaunchFailure;
use crate::machine::{LaunchError, Reporter};
use serde_json::{json, Value};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a migration is looked at: it takes about 10 ms.
const LOOK: Duration = Duration::from_millis(1);

/// Where a machine comes from.
#[derive(Debug)]
pub enum Way {
    /// Booted, for this launch alone; the text says why.
    Cold(String),
    /// Booted to be saved.
    Save(Making),
    /// A copy of one that was booted earlier.
    Restore(Saved),
}

/// A machine that is being made to be saved.
#[derive(Debug)]
pub struct Making {
    pub store: Store,
    pub key: String,
    /// Its memory, shared with it.
    pub ram: File,
    /// Directory of its appliance.
    pub appliance: PathBuf,
    /// Others wait for this.
    pub _lock: File,
}

impl Making {
    /// Stop the machine and save it. After an error it can go on.
    pub fn save(&self, qmp: &mut Qmp, version: (u64, u64), reporter: &dyn Reporter) -> Result<(), String> {
        let state = saved::memory(0).map_err(|e| e.to_string())?;
        let own = state.try_clone().map_err(|e| e.to_string())?;
        let mut commands = prepare(own);
        commands.insert(0, Command::new("stop", json!({})));
        commands.push(Command::new("migrate", json!({ "uri": "fd:state" })));
        let deadline = Instant::now() + Duration::from_secs(30);
        run(qmp, commands, deadline, reporter)
            .and_then(|()| finished(qmp, deadline, reporter))
            .map_err(|e| e.to_string())?;
        self.store.put(&self.key, &self.ram, &state, version, &self.appliance)
    }
}

/// Load a saved machine into one that was started with `-incoming defer`.
pub fn load(
    qmp: &mut Qmp,
    version: (u64, u64),
    saved: &Saved,
    deadline: Instant,
    reporter: &dyn Reporter,
) -> Result<(), LaunchError> {
    let failed =
        |why: String| LaunchError::new(LaunchFailure::Exited, format!("launch: restoring a saved machine: {why}"));
    if version != saved.version {
        return Err(failed(format!("it was saved by another qemu, {}.{}", saved.version.0, saved.version.1)));
    }
    let state = saved.state.try_clone().map_err(|e| LaunchError::io("launch: restoring a saved machine", &e))?;
    let mut commands = prepare(state);
    commands.push(Command::new("migrate-incoming", json!({ "uri": "fd:state" })));
    let loaded = run(qmp, commands, deadline, reporter).and_then(|()| finished(qmp, deadline, reporter));
    loaded.map_err(|e| match e {
        QmpError::Refused(why) => failed(why),
        other => faults::monitor(other),
    })
}

/// What both directions begin with.
fn prepare(state: File) -> Vec<Command> {
    let capability = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
    vec![
        Command::new("migrate-set-capabilities", capability),
        Command::new("getfd", json!({ "fdname": "state" })).with_fd(state.into()),
    ]
}

/// Run commands, all of which must succeed.
fn run(qmp: &mut Qmp, commands: Vec<Command>, deadline: Instant, reporter: &dyn Reporter) -> Result<(), QmpError> {
    qmp.pipeline(commands, deadline, &|| !reporter.cancelled())?.into_iter().try_for_each(|r| r.map(drop))
}

/// Wait for the end of a migration.
fn finished(qmp: &mut Qmp, deadline: Instant, reporter: &dyn Reporter) -> Result<(), QmpError> {
    loop {
        let answer = qmp.execute(Command::new("query-migrate", json!({})), deadline, &|| !reporter.cancelled())?;
        match answer.get("status").and_then(Value::as_str) {
            Some("completed") => return Ok(()),
            Some("failed" | "cancelled") => {
                let why = answer.get("error-desc").and_then(Value::as_str).unwrap_or("it does not say why");
                return Err(QmpError::Refused(format!("the migration failed: {why}")));
            }
            _ if Instant::now() >= deadline => return Err(QmpError::Timeout),
            _ => std::thread::sleep(LOOK),
        }
    }
}
