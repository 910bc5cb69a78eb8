//! Rules about types and where they may stand.

use super::{Findings, Subject};
use crate::diag::{nearest, Code, Diagnostic};
use crate::model::types::Spelt;
use crate::model::{ArgType, FieldType, OptType, RetType};
use crate::source::signature::Param;

/// Bits of the mask on the wire.
const MAX_OPTS: usize = 64;

/// Required arguments have known types that can stand on their side.
pub fn args(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        for param in &call.args {
            match ArgType::parse(param.ty.as_str()) {
                None => out.push(unknown(param, "an argument", &ArgType::all())),
                Some(ArgType::Pointer) if call.daemon.is_some() => {
                    let message = "a pointer cannot be sent to the daemon";
                    out.push(
                        Diagnostic::new(Code::Position, &param.ty.span, message)
                            .help("only library calls take Pointer"),
                    );
                }
                Some(_) => {}
            }
        }
    }
}

/// Optional arguments have known types.
pub fn opts(s: &Subject<'_>, out: &mut Findings) {
    for param in s.raw.calls.iter().flat_map(|c| &c.opts).filter_map(|o| o.arg.as_ref()) {
        if OptType::parse(param.ty.as_str()).is_some() {
            continue;
        }
        if ArgType::parse(param.ty.as_str()).is_some() {
            let d = Diagnostic::new(Code::Position, &param.ty.span, format!("{} cannot be optional", param.ty.value));
            out.push(d.help(format!("optional arguments are {}", OptType::all().join(", "))));
        } else {
            out.push(unknown(param, "an optional argument", &OptType::all()));
        }
    }
}

/// Struct fields have known types.
pub fn fields(s: &Subject<'_>, out: &mut Findings) {
    for param in s.raw.structs.iter().flat_map(|s| &s.fields) {
        if FieldType::parse(param.ty.as_str()).is_none() {
            out.push(unknown(param, "a field", &FieldType::all()));
        }
    }
}

/// Results have known types that can stand on their side.
pub fn results(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        let Some(param) = &call.ret else { continue };
        let structs = || s.raw.structs.iter().map(|s| s.name.as_str());
        match RetType::parse(param.ty.as_str()) {
            None => out.push(unknown(param, "a result", &RetType::PLAIN)),
            Some(RetType::Struct(name) | RetType::StructList(name)) if !structs().any(|s| s == name) => {
                let d = Diagnostic::new(Code::UnknownStruct, &param.ty.span, format!("there is no struct `{name}`"));
                out.push(d.maybe_help(nearest(&name, structs())));
            }
            Some(RetType::ConstStr | RetType::ConstOptStr) if call.daemon.is_some() => {
                let d = Diagnostic::new(Code::Position, &param.ty.span, "the daemon has no constant strings to return");
                out.push(d.help("return Str"));
            }
            Some(_) => {}
        }
    }
}

/// A call streams at most one file, and then returns nothing else.
pub fn files(s: &Subject<'_>, out: &mut Findings) {
    for call in s.raw.calls.iter().filter(|c| c.daemon.is_some()) {
        let is_file = |p: &&Param| ArgType::parse(p.ty.as_str()).is_some_and(|ty| ty.role().is_file());
        let files: Vec<&Param> = call.args.iter().filter(is_file).collect();
        for second in files.iter().skip(1) {
            let d = Diagnostic::new(Code::Position, &second.ty.span, "a daemon call streams at most one file");
            out.push(d.help("the protocol has one stream after the request or after the reply"));
        }
        if let (Some(_), Some(ret)) = (files.first(), &call.ret) {
            let d =
                Diagnostic::new(Code::Position, &ret.ty.span, "a daemon call with a file cannot also return a value");
            out.push(d.help("upstream's protocol has no such call; return the value by another call"));
        }
    }
}

/// The mask has a bit for each option.
pub fn opt_count(s: &Subject<'_>, out: &mut Findings) {
    for call in &s.raw.calls {
        if let Some(param) = call.opts.get(MAX_OPTS).and_then(|o| o.arg.as_ref()) {
            let message = format!("`{}` has {} optional arguments", call.name.value, call.opts.len());
            let d = Diagnostic::new(Code::TooManyOpts, &param.name.span, message);
            out.push(d.help(format!("the mask on the wire has {MAX_OPTS} bits")));
        }
    }
}

fn unknown(param: &Param, what: &str, known: &[&str]) -> Diagnostic {
    let message = format!("`{}` is not a type of {what}", param.ty.value);
    let help = nearest(param.ty.as_str(), known.iter().copied())
        .unwrap_or_else(|| format!("types of {what}: {}", known.join(", ")));
    Diagnostic::new(Code::UnknownType, &param.ty.span, message).help(help)
}
