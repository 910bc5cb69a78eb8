//! TOML tables to raw records.
//!
//! In: the text of `api.toml`. Out: a [`RawApi`] and the mistakes of form found on the way.

use super::raw::*;
use super::reader::{in_file_order, Input, Reader};
use super::signature::{is_call_name, is_name};
use super::At;
use crate::diag::{nearest, Code, Diagnostic};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

const SECTIONS: [&str; 5] = ["meta", "event", "group", "struct", "call"];

/// Read the whole description.
pub fn parse(text: &str) -> (RawApi, Vec<Diagnostic>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut input = Input { text, diagnostics: errors.iter().map(|e| syntax(text, e)).collect() };
    let mut api = RawApi { banners: banners(text), ..RawApi::default() };
    let mut seen_meta = false;
    for (section, value) in in_file_order(document.get_ref()) {
        let DeValue::Table(table) = value.get_ref() else {
            let d = Diagnostic::new(
                Code::UnknownKey,
                &section.span,
                format!("`{}` stands outside every table", section.value),
            );
            input.diagnostics.push(d.help("keys belong below a header such as [meta] or [call.NAME]"));
            continue;
        };
        match section.as_str() {
            "meta" => {
                seen_meta = true;
                let mut reader = Reader::new(&mut input, table, "[meta]".into());
                api.meta = meta(&mut reader, &section.span);
                reader.finish();
            }
            "event" => api.events = entries(&mut input, table, "event", event),
            "group" => api.groups = entries(&mut input, table, "group", group),
            "struct" => api.structs = entries(&mut input, table, "struct", structure),
            "call" => api.calls = entries(&mut input, table, "call", call),
            other => {
                let d = Diagnostic::new(Code::UnknownKey, &section.span, format!("there is no section `{other}`"));
                let help = nearest(other, SECTIONS).unwrap_or_else(|| format!("sections: {}", SECTIONS.join(", ")));
                input.diagnostics.push(d.help(help));
            }
        }
    }
    if !seen_meta {
        let d = Diagnostic::new(Code::MissingKey, &(0..0), "the section [meta] is missing");
        input.diagnostics.push(d.help("it holds version, version_extra, program and protocol"));
    }
    (api, input.diagnostics)
}

fn syntax(text: &str, e: &toml::de::Error) -> Diagnostic {
    let span = e.span().unwrap_or(text.len()..text.len());
    Diagnostic::new(Code::Syntax, &span, e.message().replace('\n', ", "))
}

/// All tables `[kind.NAME]`.
fn entries<'a, T>(
    input: &mut Input<'a>,
    table: &DeTable<'a>,
    kind: &str,
    read: impl Fn(&mut Reader<'a, '_>, At<String>) -> T,
) -> Vec<T> {
    let mut out = Vec::new();
    for (name, value) in in_file_order(table) {
        let DeValue::Table(inner) = value.get_ref() else {
            let message = format!("`{}` must be a table", name.value);
            input
                .diagnostics
                .push(Diagnostic::new(Code::WrongToml, &name.span, message).help(format!("write [{kind}.NAME]")));
            continue;
        };
        let good = if kind == "call" { is_call_name(name.as_str()) } else { is_name(name.as_str()) };
        if !good {
            let message = format!("`{}` is not a good name for a {kind}", name.value);
            let d = Diagnostic::new(Code::BadName, &name.span, message);
            input.diagnostics.push(d.help("a name is made of lower-case letters, digits and underscores"));
        }
        let mut reader = Reader::new(input, inner, format!("[{kind}.{}]", name.value));
        out.push(read(&mut reader, name));
        reader.finish();
    }
    out
}

fn meta(r: &mut Reader<'_, '_>, header: &Range<usize>) -> RawMeta {
    let meta = RawMeta {
        version: r.string("version"),
        version_extra: r.string("version_extra"),
        program: r.int("program"),
        protocol: r.int("protocol"),
        errnos: r.strings("errnos"),
    };
    r.require(meta.version.is_some(), "version", header);
    r.require(meta.program.is_some(), "program", header);
    r.require(meta.protocol.is_some(), "protocol", header);
    meta
}

fn event(r: &mut Reader<'_, '_>, name: At<String>) -> RawEvent {
    let event = RawEvent { bit: r.int("bit"), doc: r.string("doc"), name };
    r.require(event.bit.is_some(), "bit", &event.name.span);
    event
}

fn group(r: &mut Reader<'_, '_>, name: At<String>) -> RawGroup {
    RawGroup { retired: r.bool("retired"), builtin: r.bool("builtin"), doc: r.string("doc"), name }
}

fn structure(r: &mut Reader<'_, '_>, name: At<String>) -> RawStruct {
    let s = RawStruct {
        camel: r.string("camel"),
        internal: r.bool("internal"),
        fields: r.params("fields"),
        doc: r.string("doc"),
        name,
    };
    r.require(!s.fields.is_empty(), "fields", &s.name.span);
    s
}

fn call(r: &mut Reader<'_, '_>, name: At<String>) -> RawCall {
    let mut shell_aliases = Vec::new();
    let mut shell_output = None;
    r.table("shell", |s| {
        shell_aliases = s.strings("alias");
        shell_output = s.string("output");
    });
    let (mut plain_name_without_options, mut options_class, mut no_cancellable_parameter) = (None, None, None);
    r.table("compat", |c| {
        plain_name_without_options = c.bool("plain-name-without-options");
        options_class = c.string("options-class");
        no_cancellable_parameter = c.bool("no-cancellable-parameter");
    });
    let mut call = RawCall {
        daemon: r.string("daemon"),
        library: r.string("library"),
        proc: r.int("proc"),
        since: r.string("since"),
        args: r.params("args"),
        ret: r.param("ret"),
        flags: r.strings("flags"),
        visibility: r.string("visibility"),
        group: r.string("group"),
        deprecated: r.table("deprecated", |d| RawDeprecated { since: d.string("since"), use_instead: d.string("use") }),
        shell_aliases,
        shell_output,
        plain_name_without_options,
        options_class,
        no_cancellable_parameter,
        summary: r.string("summary"),
        doc: r.string("doc"),
        opts: r.tables("opt", |o, header| {
            let opt = RawOpt { arg: o.param("arg"), doc: o.string("doc") };
            o.require(opt.arg.is_some(), "arg", &header);
            opt
        }),
        tests: r.tables("test", |t, span| {
            let test = RawTest { on: t.string("on"), steps: t.strings("steps"), span };
            t.require(test.on.is_some(), "on", &test.span);
            t.require(!test.steps.is_empty(), "steps", &test.span);
            test
        }),
        untested: r.string("untested"),
        broken: Vec::new(),
        name,
    };
    call.broken = r.broken();
    call
}

/// The `# ── title ──` lines that divide the file.
fn banners(text: &str) -> Vec<Banner> {
    let mut out = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.trim_end().strip_prefix("# ──") {
            let title = rest.trim_matches(|c| c == '─' || c == ' ').to_owned();
            out.push(Banner { title, span: at..at + line.trim_end().len() });
        }
        at += line.len();
    }
    out
}
