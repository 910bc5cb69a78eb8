//! Rules about names: unique, not taken by generated code, spellable in every language.

use super::{Findings, Subject};
use crate::diag::{Code, Diagnostic};
use crate::model::name;
use crate::source::raw::RawCall;
use crate::source::signature::Param;
use crate::source::At;
use std::collections::{BTreeMap, BTreeSet};

fn params(call: &RawCall) -> impl Iterator<Item = &Param> {
    call.args.iter().chain(call.opts.iter().filter_map(|o| o.arg.as_ref()))
}

/// Arguments and options of a call, and fields of a struct, have different names.
pub fn duplicates(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        unique(params(call), "argument", out);
    }
    for st in &s.raw.structs {
        unique(st.fields.iter(), "field", out);
    }
}

fn unique<'a>(params: impl Iterator<Item = &'a Param>, what: &str, out: &mut Findings) {
    let mut seen = BTreeSet::new();
    for param in params {
        if !seen.insert(param.name.as_str()) {
            let message = format!("there are two {what}s `{}`", param.name.value);
            out.push(Diagnostic::new(Code::DuplicateName, &param.name.span, message));
        }
    }
}

/// What generated code calls its own things beside arguments.
const RESERVED_ARGS: [&str; 6] = ["self", "g", "opts", "optargs", "argv", "errno"];

/// C functions of the handle that are no calls, without `guestfs_`.
const RESERVED_CALLS: [&str; 26] = [
    "close",
    "create",
    "create_flags",
    "delete_event_callback",
    "event_to_string",
    "first_private",
    "get_error_handler",
    "get_out_of_memory_handler",
    "get_private",
    "last_errno",
    "last_error",
    "new",
    "next_private",
    "pop_error_handler",
    "push_error_handler",
    "set_close_callback",
    "set_error_handler",
    "set_event_callback",
    "set_launch_done_callback",
    "set_log_message_callback",
    "set_out_of_memory_handler",
    "set_private",
    "set_progress_callback",
    "set_subprocess_quit_callback",
    "wrapped",
    "rpc",
];

/// Names that generated code or the C library needs for itself.
pub fn reserved(s: &Subject<'_>, out: &mut Findings) {
    for param in s.raw.calls.iter().flat_map(params) {
        let name = param.name.as_str();
        if name.starts_with("g_") || RESERVED_ARGS.contains(&name) {
            let d = Diagnostic::new(
                Code::Reserved,
                &param.name.span,
                format!("generated code uses the name `{name}` itself"),
            );
            out.push(d.help("take another name; those beginning with g_ are all reserved"));
        }
    }
    for call in &s.raw.calls {
        if RESERVED_CALLS.contains(&call.name.as_str()) {
            let message = format!("`guestfs_{}` is a function of the handle, not a call", call.name.value);
            out.push(Diagnostic::new(Code::Reserved, &call.name.span, message).help("take another name"));
        }
    }
}

/// Every name can be spelt in every language.
pub fn keywords(s: &Subject<'_>, out: &mut Findings) {
    // Those are reported as reserved.
    let args = s.raw.calls.iter().flat_map(params).filter(|p| !RESERVED_ARGS.contains(&p.name.as_str()));
    let fields = s.raw.structs.iter().flat_map(|s| &s.fields);
    let calls = s.raw.calls.iter().map(|c| &c.name);
    for name in args.chain(fields).map(|p| &p.name).chain(calls) {
        if name::is_no_name(name.as_str()) {
            let message = format!("`{}` can be no name in Rust", name.value);
            let d = Diagnostic::new(Code::Keyword, &name.span, message);
            out.push(d.help("keywords of other languages, and all others of Rust, are respelt there"));
        }
    }
}

/// No two things get the same C, Rust or struct name.
pub fn spellings(s: &Subject<'_>, out: &mut Findings) {
    let mut c: BTreeMap<String, String> = BTreeMap::new();
    let mut rust: BTreeMap<String, String> = BTreeMap::new();
    for st in &s.raw.structs {
        let n = st.name.as_str();
        for verb in ["free", "copy", "compare"] {
            for name in [format!("{verb}_{n}"), format!("{verb}_{n}_list")] {
                claim(&mut c, name, &st.name, "C function guestfs_", out);
            }
        }
        claim(&mut rust, name::camel(n), &st.name, "Rust type ", out);
    }
    let mut camels = BTreeMap::new();
    for st in &s.raw.structs {
        let camel = st.camel.as_ref().map_or_else(|| name::default_camel(st.name.as_str()), |c| c.value.clone());
        claim(&mut camels, camel, &st.name, "capitalised name ", out);
    }
    for call in &s.raw.calls {
        for name in c_names(call) {
            claim(&mut c, name, &call.name, "C function guestfs_", out);
        }
        claim(&mut rust, format!("{}Opts", name::camel(call.name.as_str())), &call.name, "Rust type ", out);
    }
}

fn c_names(call: &RawCall) -> Vec<String> {
    let name = call.name.as_str();
    if call.opts.is_empty() {
        return vec![name.to_owned()];
    }
    let plain = call.plain_name_without_options.as_ref().is_some_and(|p| p.value);
    let base = if plain { format!("{name}_opts") } else { name.to_owned() };
    let mut out = vec![format!("{base}_va"), format!("{base}_argv"), base];
    if plain {
        out.push(name.to_owned());
    }
    out
}

fn claim(taken: &mut BTreeMap<String, String>, spelling: String, owner: &At<String>, kind: &str, out: &mut Findings) {
    match taken.get(&spelling) {
        Some(first) if *first != owner.value => {
            let message = format!("`{}` and `{first}` both become the {kind}{spelling}", owner.value);
            out.push(Diagnostic::new(Code::SpellingClash, &owner.span, message).help("rename the newer one"));
        }
        _ => {
            taken.insert(spelling, owner.value.clone());
        }
    }
}

/// No two shell commands have the same name.
pub fn shell(s: &Subject<'_>, out: &mut Findings) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let in_shell = |c: &&RawCall| {
        let hidden = ["no-shell", "bind-test", "state-test", "internal"];
        !c.visibility.as_ref().is_some_and(|v| hidden.contains(&v.as_str()))
    };
    let calls: Vec<&RawCall> = s.raw.calls.iter().filter(in_shell).collect();
    for call in &calls {
        seen.insert(name::dashed(call.name.as_str()), format!("the call `{}`", call.name.value));
    }
    for builtin in crate::emit::shell::builtins::builtins() {
        for command in builtin.aliases.iter().chain([&builtin.name]) {
            let of = format!("the shell's own `{}`", builtin.name);
            if let Some(call) = calls.iter().find(|c| name::dashed(c.name.as_str()) == *command) {
                out.push(clash(&call.name, command, &of).help("give it visibility = \"no-shell\" or another name"));
            }
            seen.insert(command.clone(), of);
        }
    }
    for call in calls {
        for alias in &call.shell_aliases {
            let of = format!("an alias of `{}`", call.name.value);
            if let Some(first) = seen.insert(alias.value.clone(), of) {
                out.push(clash(alias, alias.as_str(), &first).help("choose another alias"));
            }
        }
    }
}

fn clash(at: &At<String>, command: &str, first: &str) -> Diagnostic {
    Diagnostic::new(Code::ShellClash, &at.span, format!("the shell command `{command}` is already {first}"))
}
