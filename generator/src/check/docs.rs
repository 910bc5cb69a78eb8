//! Rules about documentation.

use super::{Findings, Subject};
use crate::diag::{nearest, Code, Diagnostic};
use crate::model::doc::{Block, Doc, Span};
use crate::source::{doc, At};
use std::ops::Range;

/// What stands for text that nobody wrote yet.
const UNWRITTEN: &str = "TODO";

/// A summary is one line that continues "This call …": no capital, no full stop.
pub fn summaries(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        let Some(summary) = &call.summary else {
            if call.is_broken("summary") {
                continue;
            }
            let message = format!("[call.{}] has no summary", call.name.value);
            out.push(Diagnostic::new(Code::Summary, &call.name.span, message).help("say in one line what it does"));
            continue;
        };
        if let Some(message) = summary_mistake(summary.as_str()) {
            let d = Diagnostic::new(Code::Summary, &summary.span, message);
            out.push(d.help("for example summary = \"create a directory\""));
        }
    }
}

fn summary_mistake(text: &str) -> Option<&'static str> {
    let mut chars = text.chars();
    let capital = chars.next().is_some_and(char::is_uppercase) && !chars.next().is_some_and(char::is_uppercase);
    if text.trim().is_empty() {
        Some("the summary is empty")
    } else if text == UNWRITTEN {
        Some("the summary is not written yet")
    } else if text.contains('\n') {
        Some("a summary is one line")
    } else if capital {
        Some("a summary begins with a lower-case letter")
    } else if text.ends_with('.') {
        Some("a summary has no full stop")
    } else {
        None
    }
}

/// Everything public has documentation.
pub fn present(s: &Subject<'_>, out: &mut Findings) {
    let mut need = |doc: Option<&At<String>>, owner: &Range<usize>, what: String| {
        if matches!(doc.map(|d| d.value.trim()), None | Some("" | UNWRITTEN)) {
            let span = doc.map_or(owner, |d| &d.span);
            out.push(
                Diagnostic::new(Code::MissingDoc, span, format!("{what} has no documentation"))
                    .help("write doc = '''…'''"),
            );
        }
    };
    for e in &s.raw.events {
        need(e.doc.as_ref(), &e.name.span, format!("[event.{}]", e.name.value));
    }
    for g in &s.raw.groups {
        need(g.doc.as_ref(), &g.name.span, format!("[group.{}]", g.name.value));
    }
    for t in &s.raw.structs {
        need(t.doc.as_ref(), &t.name.span, format!("[struct.{}]", t.name.value));
    }
    for c in &s.raw.calls {
        if !c.is_broken("doc") {
            need(c.doc.as_ref(), &c.name.span, format!("[call.{}]", c.name.value));
        }
        for (o, arg) in c.opts.iter().filter_map(|o| Some((o, o.arg.as_ref()?))) {
            need(o.doc.as_ref(), &arg.name.span, format!("option `{}` of [call.{}]", arg.name.value, c.name.value));
        }
    }
}

/// Doc markup is well-formed and its `[call]` links lead somewhere.
pub fn markup(s: &Subject<'_>, out: &mut Findings) {
    let events = s.raw.events.iter().filter_map(|e| e.doc.as_ref());
    let groups = s.raw.groups.iter().filter_map(|g| g.doc.as_ref());
    let structs = s.raw.structs.iter().filter_map(|s| s.doc.as_ref());
    let calls = s.raw.calls.iter().flat_map(|c| c.doc.iter().chain(c.opts.iter().filter_map(|o| o.doc.as_ref())));
    for text in events.chain(groups).chain(structs).chain(calls) {
        match doc::parse(text.as_str()) {
            Ok(doc) => links(s, text, &doc, out),
            Err(e) => {
                let end = text.value.len().min(e.offset + 1);
                let span = text.part(s.text, e.offset..end);
                out.push(
                    Diagnostic::new(Code::Markup, &span, e.message).help("the head of api.toml describes the markup"),
                );
            }
        }
    }
}

fn links(s: &Subject<'_>, text: &At<String>, doc: &Doc, out: &mut Findings) {
    let mut names = Vec::new();
    doc.blocks.iter().for_each(|b| calls_in(b, &mut names));
    names.sort_unstable();
    names.dedup();
    for name in names {
        if s.raw.calls.iter().any(|c| c.name.value == name) {
            continue;
        }
        let at = text.value.find(&format!("[{name}]")).map_or(0..text.value.len(), |i| i + 1..i + 1 + name.len());
        let message = format!("there is no call `{name}` to link to");
        let help = nearest(name, s.raw.calls.iter().map(|c| c.name.as_str()))
            .unwrap_or_else(|| format!("write `{name}` in backquotes until the call is described"));
        out.push(Diagnostic::new(Code::DocLink, &text.part(s.text, at), message).help(help));
    }
}

fn calls_in<'a>(block: &'a Block, out: &mut Vec<&'a str>) {
    let spans = |spans: &'a [Span], out: &mut Vec<&'a str>| {
        out.extend(spans.iter().filter_map(|s| match s {
            Span::Call(name) => Some(name.as_str()),
            _ => None,
        }));
    };
    match block {
        Block::Para(p) => spans(p, out),
        Block::Code(_) => {}
        Block::List(items) => items.iter().flatten().for_each(|b| calls_in(b, out)),
        Block::Definitions(defs) => {
            for (term, blocks) in defs {
                spans(term, out);
                blocks.iter().for_each(|b| calls_in(b, out));
            }
        }
    }
}
