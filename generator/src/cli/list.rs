//! `gen list`: one line a thing, for people and for grep.

use super::{Options, Outcome};
use crate::emit;
use crate::model::{Api, Call, Group, GroupState, Side};

/// What can be listed.
const LISTS: &str = "calls, daemon, library, structs, groups, events, targets, deprecated, untested";

/// List things of one kind.
pub fn list(options: &Options, what: &str) -> Outcome {
    let api = options.load()?;
    let calls = |keep: &dyn Fn(&Call) -> bool| api.calls.iter().filter(|c| keep(c)).map(call).collect::<Vec<_>>();
    let lines = match what {
        "calls" => calls(&|_| true),
        "daemon" => calls(&|c| c.proc().is_some()),
        "library" => calls(&|c| c.proc().is_none()),
        "deprecated" => calls(&|c| c.deprecated.is_some()),
        "untested" => {
            let reason = |c: &Call| Some(format!("{:<28} {}", c.name, c.untested.as_ref()?));
            api.calls.iter().filter_map(reason).collect()
        }
        "structs" => api.structs.iter().map(|s| format!("{:<20} {} fields", s.name, s.fields.len())).collect(),
        "groups" => api.groups.iter().map(|g| format!("{:<20} {}", g.name, members(&api, g))).collect(),
        "events" => api.events.iter().map(|e| format!("{:<20} bit {}", e.name, e.bit)).collect(),
        "targets" => targets(&api),
        _ => return Err(format!("gen: cannot list `{what}`; there are: {LISTS}\n")),
    };
    Ok(lines.iter().map(|l| format!("{}\n", l.trim_end())).collect())
}

fn call(c: &Call) -> String {
    let place = match &c.side {
        Side::Daemon { module, proc } => format!("daemon/{module} {proc}"),
        Side::Library { module } => format!("library/{module}"),
    };
    format!("{:<28} {place:<26} {}", c.name, c.summary)
}

fn members(api: &Api, group: &Group) -> String {
    let n = api.calls.iter().filter(|c| c.group.as_ref() == Some(&group.name)).count();
    let state = match group.state {
        _ if group.retired => ", retired",
        GroupState::Always => ", builtin",
        GroupState::WithTools => "",
    };
    format!("{n} calls{state}")
}

fn targets(api: &Api) -> Vec<String> {
    let line = |t: &dyn emit::Target| {
        let covered = api.calls.iter().filter(|c| t.unsupported(c).is_none()).count();
        format!("{:<14} {covered} of {} calls", t.name(), api.calls.len())
    };
    emit::targets().iter().map(|t| line(t.as_ref())).collect()
}
