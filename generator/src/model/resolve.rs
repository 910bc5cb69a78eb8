//! Raw records to the model.
//!
//! In: raw records, sound or not. Out: an [`Api`]. What cannot be resolved is left at its default here,
//! because `check/` reports it from the same records; an `Api` with mistakes is never emitted.

use super::doc::{Block, Doc, Span};
use super::types::{self, Spelt};
use super::*;
use crate::source::raw::*;
use crate::source::At;

/// Resolve everything but test steps, which are typed against the result (`check/steps.rs`).
pub fn resolve(raw: &RawApi) -> Api {
    let mut api = Api {
        meta: meta(&raw.meta),
        events: raw.events.iter().map(event).collect(),
        groups: raw.groups.iter().map(group).collect(),
        structs: raw.structs.iter().map(structure).collect(),
        calls: raw.calls.iter().map(call).collect(),
    };
    api.events.sort_by_key(|e| e.bit);
    api.groups.sort_by(|a, b| a.name.cmp(&b.name));
    api.calls.sort_by(|a, b| a.name.cmp(&b.name));
    for s in &mut api.structs {
        s.returned_single = api.calls.iter().any(|c| c.ret.ty == RetType::Struct(s.name.clone()));
        s.returned_list = api.calls.iter().any(|c| c.ret.ty == RetType::StructList(s.name.clone()));
    }
    api
}

/// The parsed form of a doc text, for text whose mistakes `check/` reports.
pub fn doc(text: Option<&At<String>>) -> Doc {
    let Some(text) = text else { return Doc::default() };
    crate::source::doc::parse(text.as_str())
        .unwrap_or_else(|_| Doc { blocks: vec![Block::Para(vec![Span::Text(text.value.trim().to_owned())])] })
}

fn meta(m: &RawMeta) -> Meta {
    Meta {
        version: version(m.version.as_ref()),
        version_extra: m.version_extra.as_ref().map(|e| e.value.clone()).unwrap_or_default(),
        program: number(m.program.as_ref()),
        protocol: number(m.protocol.as_ref()),
        errnos: m.errnos.iter().map(|e| e.value.clone()).collect(),
    }
}

fn number(n: Option<&At<i64>>) -> u32 {
    n.and_then(|n| u32::try_from(n.value).ok()).unwrap_or_default()
}

fn version(v: Option<&At<String>>) -> Version {
    v.and_then(|v| Version::parse(v.as_str())).unwrap_or(Version::NONE)
}

fn event(e: &RawEvent) -> Event {
    Event { name: e.name.value.clone(), bit: number(e.bit.as_ref()), doc: doc(e.doc.as_ref()) }
}

fn group(g: &RawGroup) -> Group {
    let retired = is(g.retired.as_ref());
    let state = if retired || is(g.builtin.as_ref()) { GroupState::Always } else { GroupState::WithTools };
    Group { name: g.name.value.clone(), doc: doc(g.doc.as_ref()), retired, state }
}

fn is(flag: Option<&At<bool>>) -> bool {
    flag.is_some_and(|f| f.value)
}

fn structure(s: &RawStruct) -> Struct {
    let field = |f: &crate::source::signature::Param| {
        FieldType::parse(f.ty.as_str()).map(|ty| Field { name: f.name.value.clone(), ty })
    };
    Struct {
        name: s.name.value.clone(),
        camel: s.camel.as_ref().map_or_else(|| name::default_camel(s.name.as_str()), |c| c.value.clone()),
        internal: is(s.internal.as_ref()),
        fields: s.fields.iter().filter_map(field).collect(),
        doc: doc(s.doc.as_ref()),
        returned_single: false,
        returned_list: false,
    }
}

fn call(c: &RawCall) -> Call {
    let module = c.module().map(|(_, m)| m.value.clone()).unwrap_or_default();
    let side = match &c.daemon {
        Some(_) => Side::Daemon { module, proc: number(c.proc.as_ref()) },
        None => Side::Library { module },
    };
    let ret = c.ret.as_ref().and_then(|r| Some(Ret { name: r.name.value.clone(), ty: RetType::parse(r.ty.as_str())? }));
    Call {
        name: c.name.value.clone(),
        side,
        since: version(c.since.as_ref()),
        args: c.args.iter().filter_map(arg).collect(),
        opts: c.opts.iter().filter_map(opt).collect(),
        ret: ret.unwrap_or(Ret { name: String::new(), ty: RetType::Unit }),
        flags: flags(&c.flags),
        visibility: c.visibility.as_ref().and_then(|v| Visibility::parse(v.as_str())).unwrap_or(Visibility::Public),
        group: c.group.as_ref().map(|g| g.value.clone()),
        deprecated: c.deprecated.as_ref().map(|d| Deprecated {
            since: d.since.as_ref().and_then(|v| Version::parse(v.as_str())),
            use_instead: d.use_instead.as_ref().map(|u| u.value.clone()),
        }),
        shell: Shell {
            aliases: c.shell_aliases.iter().map(|a| a.value.clone()).collect(),
            output: c.shell_output.as_ref().and_then(|o| ShellOutput::parse(o.as_str())),
        },
        plain_name_without_options: is(c.plain_name_without_options.as_ref()),
        options_class: c
            .options_class
            .as_ref()
            .map_or_else(|| name::default_camel(c.name.as_str()), |n| n.value.clone()),
        no_cancellable_parameter: is(c.no_cancellable_parameter.as_ref()),
        summary: c.summary.as_ref().map(|s| s.value.clone()).unwrap_or_default(),
        doc: doc(c.doc.as_ref()),
        tests: Vec::new(),
        untested: c.untested.as_ref().map(|u| u.value.clone()),
    }
}

fn arg(p: &crate::source::signature::Param) -> Option<Arg> {
    let ty = p.ty.as_str();
    Some(Arg { name: p.name.value.clone(), ty: ArgType::parse(ty)?, path: types::names_a_file(ty) })
}

fn opt(o: &RawOpt) -> Option<Opt> {
    let p = o.arg.as_ref()?;
    let ty = p.ty.as_str();
    let path = types::names_a_file(ty);
    Some(Opt { name: p.name.value.clone(), ty: OptType::parse(ty)?, path, doc: doc(o.doc.as_ref()) })
}

fn flags(words: &[At<String>]) -> Flags {
    let has = |word: &str| words.iter().any(|w| w.as_str() == word);
    Flags {
        progress: has("progress"),
        cancellable: has("cancellable"),
        protocol_limit: has("protocol-limit"),
        config_only: has("config-only"),
        nonblocking: has("nonblocking"),
        no_wrapper: has("no-wrapper"),
        signed: has("signed"),
    }
}

impl Version {
    /// Stands for "never released": binding tests have no version.
    pub const NONE: Version = Version { major: 0, minor: 0, release: 0 };

    /// Parse `1.2.3`.
    pub fn parse(text: &str) -> Option<Version> {
        let mut parts = text.split('.').map(|p| {
            let plain = !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && (p == "0" || !p.starts_with('0'));
            plain.then(|| p.parse().ok()).flatten()
        });
        let version = Version { major: parts.next()??, minor: parts.next()??, release: parts.next()?? };
        parts.next().is_none().then_some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.release)
    }
}
