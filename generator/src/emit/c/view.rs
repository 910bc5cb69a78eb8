//! What the C templates see of the model.
//!
//! In: the resolved API. Out: plain records with every C spelling made, so that templates only place text.

use super::types;
use crate::model::name;
use crate::model::{Api, Call, Struct, Visibility};
use serde::Serialize;

/// The whole header.
#[derive(Serialize)]
pub struct HeaderView {
    pub events: Vec<EventView>,
    pub all_events: String,
    /// By name; `private` ones go behind `GUESTFS_PRIVATE`.
    pub structs: Vec<StructView>,
    pub calls: Vec<CallView>,
}

/// The declarations of one call.
#[derive(Serialize)]
pub struct OneCall {
    pub call: CallView,
}

/// One `GUESTFS_EVENT_*`.
#[derive(Serialize)]
pub struct EventView {
    pub name: String,
    pub value: String,
}

/// One struct and its list.
#[derive(Serialize)]
pub struct StructView {
    pub name: String,
    pub upper: String,
    pub private: bool,
    pub members: Vec<String>,
}

/// One call.
#[derive(Serialize)]
pub struct CallView {
    /// Name in the API.
    pub name: String,
    pub upper: String,
    /// Name of the form with options: `mkfs_opts`.
    pub c_name: String,
    pub c_upper: String,
    /// Also exists as `guestfs_NAME` without options.
    pub plain: bool,
    pub private: bool,
    /// With the `*` or blank that separates it from the name.
    pub ret: String,
    pub error: &'static str,
    /// Declarations after the handle, each with its `, `; `size_t *size_r` included.
    pub params: String,
    /// The same as arguments.
    pub args: String,
    /// Name of the last declared parameter: what `va_start` wants.
    pub last: String,
    /// `GUESTFS_MKFS_OPTS`.
    pub prefix: String,
    pub opts: Vec<OptView>,
    /// ` GUESTFS_DEPRECATED_…` with the line break before it, or nothing.
    pub deprecated: String,
}

/// One optional argument.
#[derive(Serialize)]
pub struct OptView {
    pub name: String,
    pub upper: String,
    pub bit: usize,
    pub ty: &'static str,
    /// Type for `va_arg`, without trailing blank.
    pub va_type: &'static str,
}

/// View of the calls that C covers.
pub fn header(api: &Api) -> HeaderView {
    let mut events: Vec<_> = api.events.iter().collect();
    events.sort_by_key(|e| e.bit);
    let all = events.iter().fold(0u64, |m, e| m | 1 << e.bit);
    let mut structs: Vec<_> = api.structs.iter().map(structure).collect();
    structs.sort_by(|a, b| a.name.cmp(&b.name));
    HeaderView {
        events: events
            .iter()
            .map(|e| EventView { name: e.name.to_uppercase(), value: format!("0x{:04x}", 1u64 << e.bit) })
            .collect(),
        all_events: format!("0x{all:04x}"),
        structs,
        calls: super::covered(api).map(call).collect(),
    }
}

fn structure(s: &Struct) -> StructView {
    StructView {
        name: s.name.clone(),
        upper: s.name.to_uppercase(),
        private: s.internal,
        members: s.fields.iter().flat_map(|f| types::members(f.ty, &f.name)).collect(),
    }
}

/// View of one call.
pub fn call(call: &Call) -> CallView {
    let mut declared: Vec<String> =
        call.args.iter().flat_map(|a| types::params(a.ty.shape(), &ident(&a.name))).collect();
    if call.ret.ty == crate::model::RetType::Buffer {
        declared.push("size_t *size_r".to_owned());
    }
    let names: Vec<&str> = declared.iter().map(|d| name_of(d)).collect();
    let c_name = call.c_name();
    CallView {
        name: call.name.clone(),
        upper: call.name.to_uppercase(),
        c_upper: c_name.to_uppercase(),
        plain: call.plain_name_without_options,
        private: matches!(call.visibility, Visibility::BindTest | Visibility::Internal),
        ret: types::ret(&call.ret.ty),
        error: types::error_value(&call.ret.ty),
        params: declared.iter().map(|d| format!(", {d}")).collect(),
        args: names.iter().map(|n| format!(", {n}")).collect(),
        last: names.last().copied().unwrap_or("g").to_owned(),
        prefix: format!("GUESTFS_{}", c_name.to_uppercase()),
        opts: call
            .opts
            .iter()
            .enumerate()
            .map(|(bit, o)| OptView {
                name: ident(&o.name),
                upper: o.name.to_uppercase(),
                bit,
                ty: types::argument(o.ty.shape()),
                va_type: types::argument(o.ty.shape()).trim_end(),
            })
            .collect(),
        deprecated: deprecated(call),
        c_name,
    }
}

fn deprecated(call: &Call) -> String {
    match call.deprecated.as_ref().map(|d| &d.use_instead) {
        None => String::new(),
        Some(None) => "\n  GUESTFS_DEPRECATED_NO_REPLACEMENT".to_owned(),
        Some(Some(other)) => format!("\n  GUESTFS_DEPRECATED_REPLACED_BY (\"{other}\")"),
    }
}

/// The name at the end of a declaration: after the last blank or `*`.
fn name_of(declaration: &str) -> &str {
    declaration.rsplit([' ', '*']).next().unwrap_or(declaration)
}

/// `name`, moved out of the way of keywords and of the handle, which is `g` in every prototype.
pub fn ident(name: &str) -> String {
    if name == "g" {
        "g_".to_owned()
    } else {
        name::c_ident(name)
    }
}
