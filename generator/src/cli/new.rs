//! `gen new`: a well-formed skeleton of a call at its place, and the signature of its handler.

use super::{Options, Outcome};
use crate::check::next_proc;
use crate::model::name;
use crate::source::layout::{Chunk, Layout};
use crate::source::signature::is_name;
use crate::{check, emit, source, write};
use std::fmt::Write as _;

/// Insert a new call.
pub fn new(options: &Options, name: &str) -> Outcome {
    let text = options.text()?;
    let (raw, findings) = source::parse(&text);
    if !findings.is_empty() {
        return Err(crate::diag::render(&options.api.display().to_string(), &text, &findings));
    }
    if !is_name(name) {
        return Err(format!("gen: `{name}` is no name: lower-case letters, digits and underscores\n"));
    }
    if raw.calls.iter().any(|c| c.name.value == name) {
        return Err(format!("gen: there is a call `{name}` already; see `cargo gen show {name}`\n"));
    }
    let (side, module) = match (options.value("daemon"), options.value("library")) {
        (Some(m), None) => ("daemon", m),
        (None, Some(m)) => ("library", m),
        _ => return Err("gen: say --daemon FAMILY or --library MODULE\n".into()),
    };
    let proc = next_proc(raw.calls.iter().filter_map(|c| c.proc.as_ref()).map(|p| p.value));
    let since = raw.meta.version.as_ref().map_or("0.0.0", |v| v.as_str());
    let mut layout = Layout::of(&text, &raw);
    let chunk = skeleton(options, name, side, module, proc, since);
    layout.insert(Chunk { name: name.into(), section: format!("{side}: {module}"), text: chunk });
    let new_text = layout.text();
    let signature = handler(&new_text, name)?;
    write::replace(&options.api, &new_text).map_err(|e| format!("gen: {}: {e}\n", options.api.display()))?;
    let file = if side == "daemon" { format!("daemon/src/{module}.rs") } else { format!("lib/src/{module}.rs") };
    Ok(format!(
        "gen: [call.{name}] is in {}; replace each TODO there, then run `cargo gen`.\nIts handler goes into {file} (or the folder of that name):\n\n/// TODO\n{signature} {{\n    …\n}}\n",
        options.api.display()
    ))
}

fn skeleton(options: &Options, name: &str, side: &str, module: &str, proc: i64, since: &str) -> String {
    let mut t = format!("[call.{name}]\n{side} = \"{module}\"\n");
    if side == "daemon" {
        let _ = writeln!(t, "proc = {proc}");
    }
    let _ = writeln!(t, "since = \"{since}\"");
    let args: Vec<String> = options.all("arg").map(|a| format!("{a:?}")).collect();
    if !args.is_empty() {
        let _ = writeln!(t, "args = [{}]", args.join(", "));
    }
    if let Some(ret) = options.value("ret") {
        let _ = writeln!(t, "ret = {ret:?}");
    }
    t.push_str("summary = \"TODO\"\ndoc = '''\nTODO\n'''\n");
    for opt in options.all("opt") {
        let _ = write!(t, "[[call.{name}.opt]]\narg = {opt:?}\ndoc = 'TODO'\n");
    }
    let on = if side == "daemon" { "scratch-fs" } else { "none" };
    let args: String = options.all("arg").map(|_| " TODO").collect();
    let _ = write!(t, "[[call.{name}.test]]\non = \"{on}\"\nsteps = [\n  '{}{args}',\n]", name::dashed(name));
    t
}

/// Signature of the handler; the signatures given on the command line must be sound for that.
fn handler(text: &str, name: &str) -> Result<String, String> {
    let (raw, mut findings) = source::parse(text);
    let api = crate::model::resolve(&raw);
    findings.extend(check::signatures(text, &raw, &api));
    if !findings.is_empty() {
        return Err(crate::diag::render("api.toml with the new call", text, &findings));
    }
    api.call(name).map(emit::daemon::handler::signature).ok_or_else(|| format!("gen: `{name}` was not inserted\n"))
}
