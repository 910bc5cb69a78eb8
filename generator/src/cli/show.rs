//! `gen show`: one call as described, and what each target makes of it.

use super::{Options, Outcome};
use crate::diag::nearest;
use crate::emit;
use crate::source::layout::Layout;
use std::fmt::Write as _;

/// Show a call.
pub fn show(options: &Options, name: &str) -> Outcome {
    let api = options.load()?;
    let name = name.replace('-', "_");
    let call = api.call(&name).ok_or_else(|| {
        let hint =
            nearest(&name, api.calls.iter().map(|c| c.name.as_str())).map(|h| format!("; {h}")).unwrap_or_default();
        format!("gen: there is no call `{name}`{hint}\n")
    })?;
    let targets = emit::targets();
    match options.value("emit") {
        None => {
            let text = options.text()?;
            let layout = Layout::of(&text, &crate::source::parse(&text).0);
            let mut out =
                layout.calls.iter().find(|c| c.name == name).map(|c| format!("{}\n\n", c.text)).unwrap_or_default();
            let _ = writeln!(out, "its handler\n{}\n\ntargets", emit::daemon::handler::signature(call));
            for t in &targets {
                let _ = writeln!(out, "{:<14} {}", t.name(), t.unsupported(call).unwrap_or("yes"));
            }
            Ok(out)
        }
        Some("all") => {
            Ok(targets.iter().map(|t| format!("==== {}\n{}\n", t.name(), t.emit_call(&api, call))).collect())
        }
        Some(target) => {
            let names: Vec<&str> = targets.iter().map(|t| t.name()).collect();
            let found = targets.iter().find(|t| t.name() == target);
            found
                .map(|t| t.emit_call(&api, call))
                .ok_or_else(|| format!("gen: there is no target `{target}`; there are: {}\n", names.join(", ")))
        }
    }
}
