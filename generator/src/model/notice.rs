//! Standing notices: sentences that follow from a call's facts, written once for every manual.
//!
//! In: a call. Out: paragraphs of [`Doc`] that doc emitters append to the call's own text.

use super::doc::{Block, Doc, Span};
use super::{Call, Role, Visibility};

/// All notices of a call, in reading order.
pub fn notices(call: &Call) -> Vec<Vec<Span>> {
    let mut out = Vec::new();
    if let Some(d) = &call.deprecated {
        let mut p = vec![Span::Strong("Deprecated".into())];
        p.push(text(&match d.since {
            Some(v) => format!(" since version {v}."),
            None => ".".into(),
        }));
        if let Some(instead) = &d.use_instead {
            p.extend([
                text(" New programs call "),
                Span::Call(instead.clone()),
                text(" instead. This call stays, so programs that use it keep working."),
            ]);
        }
        out.push(p);
    }
    if let Some(group) = &call.group {
        out.push(vec![
            text("This call works only when the option group "),
            code(group),
            text(" is available; "),
            Span::Call("feature_available".into()),
            text(" tells."),
        ]);
    }
    if call.flags.config_only {
        out.push(vec![text("Call it before "), Span::Call("launch".into()), text("; afterwards it is an error.")]);
    }
    if call.flags.progress {
        out.push(vec![text("Long runs send progress events.")]);
    }
    if call.flags.cancellable {
        out.push(vec![
            text("It can be stopped from another thread or a signal handler with "),
            Span::Call("user_cancel".into()),
            text("."),
        ]);
    }
    if call.flags.protocol_limit {
        out.push(vec![text("What it takes and returns must fit into one protocol message, about 4 MiB altogether.")]);
    }
    if call.args.iter().any(|a| a.ty.role() == Role::Key) {
        out.push(vec![text("Keys are never shown in traces, and the shell reads them without echo.")]);
    }
    if matches!(
        call.visibility,
        Visibility::Internal | Visibility::BindTest | Visibility::StateTest | Visibility::Debug
    ) {
        out.push(vec![text(match call.visibility {
            Visibility::Internal => "Internal: programs do not call it.",
            Visibility::BindTest => "For tests of the language bindings only.",
            Visibility::Debug => "For debugging; what it does may change at any time.",
            _ => "For tests; programs have no use for it.",
        })]);
    }
    out
}

/// `Since 1.0.77.`, or nothing for calls that never had a version.
pub fn since(call: &Call) -> Option<String> {
    (call.since != super::Version::NONE).then(|| format!("Since version {}.", call.since))
}

/// A call's text followed by its notices and version.
pub fn full_doc(call: &Call) -> Doc {
    let mut doc = call.doc.clone();
    doc.blocks.extend(notices(call).into_iter().map(Block::Para));
    doc.blocks.extend(since(call).map(|s| Block::Para(vec![text(&s)])));
    doc
}

/// The same with what its optional arguments mean: for languages, which document a call in one place.
pub fn documented(call: &Call) -> Doc {
    let mut doc = with_options(call);
    doc.blocks.extend(notices(call).into_iter().map(Block::Para));
    doc.blocks.extend(since(call).map(|s| Block::Para(vec![text(&s)])));
    doc
}

/// A call's text and its optional arguments.
pub fn with_options(call: &Call) -> Doc {
    let mut doc = call.doc.clone();
    if !call.opts.is_empty() {
        doc.blocks.push(Block::Para(vec![text("Optional arguments:")]));
        let entries = call.opts.iter().map(|o| (vec![code(&o.name)], o.doc.blocks.clone()));
        doc.blocks.push(Block::Definitions(entries.collect()));
    }
    doc
}

fn text(s: &str) -> Span {
    Span::Text(s.to_owned())
}

fn code(s: &str) -> Span {
    Span::Code(s.to_owned())
}
