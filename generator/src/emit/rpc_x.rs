//! Target `rpc_x`: `guestfs_protocol.x`, the wire in the language of `rpcgen`.
//!
//! In: the model. Out: one file that `rpcgen -C` accepts, with upstream's type names, so that the wire can
//! be read by people and checked against a second implementation.

use super::{rust::wire_args, Files, Target, HEADER};
use crate::model::{name, Api, Call, FieldType, RetType, Shape, Struct};
use std::fmt::Write as _;

/// See the module.
pub struct RpcX;

impl Target for RpcX {
    fn name(&self) -> &'static str {
        "rpc_x"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        call.proc().is_none().then_some("library calls are not on the wire")
    }

    fn emit(&self, api: &Api) -> Files {
        let mut out = format!("/* {HEADER} */\n\n{TYPES}");
        for s in &api.structs {
            out.push_str(&structure(s));
        }
        for call in api.calls.iter().filter(|c| self.unsupported(c).is_none()) {
            out.push_str(&records(call));
        }
        out.push_str(&procedures(api));
        out.push_str(&constants(api));
        out.push_str(MESSAGES);
        Files::from([("guestfs_protocol.x".to_owned(), out)])
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        match self.unsupported(call) {
            Some(why) => format!("/* {why} */\n"),
            None => records(call),
        }
    }
}

const TYPES: &str = "\
typedef string guestfs_str<>;
";

const MESSAGES: &str = "
enum guestfs_message_direction {
  GUESTFS_DIRECTION_CALL = 0,
  GUESTFS_DIRECTION_REPLY = 1
};

enum guestfs_message_status {
  GUESTFS_STATUS_OK = 0,
  GUESTFS_STATUS_ERROR = 1
};

struct guestfs_message_header {
  unsigned prog;
  unsigned vers;
  guestfs_procedure proc;
  guestfs_message_direction direction;
  unsigned serial;
  unsigned hyper progress_hint;
  unsigned hyper optargs_bitmask;
  guestfs_message_status status;
};

struct guestfs_message_error {
  string errno_string<GUESTFS_ERRNO_LEN>;
  string error_message<GUESTFS_ERROR_LEN>;
};

struct guestfs_chunk {
  int cancel;
  opaque data<GUESTFS_MAX_CHUNK_SIZE>;
};

struct guestfs_progress {
  guestfs_procedure proc;
  unsigned serial;
  unsigned hyper position;
  unsigned hyper total;
};
";

/// Numbers of the framing. `lib/protocol` states them for the program; its tests compare.
fn constants(api: &Api) -> String {
    let numbers = [
        ("GUESTFS_PROGRAM", format!("{:#010X}", api.meta.program).replace("0X", "0x")),
        ("GUESTFS_PROTOCOL_VERSION", api.meta.protocol.to_string()),
        ("GUESTFS_MESSAGE_MAX", "4194304".into()),
        ("GUESTFS_MAX_CHUNK_SIZE", "8192".into()),
        ("GUESTFS_ERROR_LEN", "65536".into()),
        ("GUESTFS_ERRNO_LEN", "32".into()),
        ("GUESTFS_LAUNCH_FLAG", "0xf5f55ff5".into()),
        ("GUESTFS_CANCEL_FLAG", "0xffffeeee".into()),
        ("GUESTFS_PROGRESS_FLAG", "0xffff5555".into()),
    ];
    let lines: String = numbers.iter().map(|(n, v)| format!("const {n} = {v};\n")).collect();
    format!("\n{lines}")
}

fn procedures(api: &Api) -> String {
    let calls = api.daemon_calls();
    let last = calls.last().and_then(|c| c.proc()).unwrap_or(0);
    let mut out = "\nenum guestfs_procedure {\n".to_owned();
    for call in &calls {
        let _ = writeln!(out, "  GUESTFS_PROC_{} = {},", call.const_name(), call.proc().unwrap_or(0));
    }
    let _ = writeln!(out, "  GUESTFS_PROC_NR_PROCS = {}\n}};\n\nconst GUESTFS_MAX_PROC_NR = {last};", last + 1);
    out
}

/// The struct, and the list of it where calls return one.
fn structure(s: &Struct) -> String {
    let fields = s.fields.iter().map(|f| field(f.ty, &ident(&f.name)));
    let mut out = record(&format!("guestfs_int_{}", s.name), fields);
    if s.returned_list {
        let _ = writeln!(out, "\ntypedef struct guestfs_int_{0} guestfs_int_{0}_list<>;", s.name);
    }
    out
}

fn records(call: &Call) -> String {
    let required = wire_args(call).map(|a| arg(a.ty.shape(), &ident(&a.name)));
    let fields: Vec<String> = required.chain(call.opts.iter().map(|o| arg(o.ty.shape(), &ident(&o.name)))).collect();
    let mut out = String::new();
    if !fields.is_empty() {
        out.push_str(&record(&format!("guestfs_{}_args", call.name), fields.into_iter()));
    }
    if let Some(field) = ret(&call.ret.ty, &ident(&call.ret.name)) {
        out.push_str(&record(&format!("guestfs_{}_ret", call.name), std::iter::once(field)));
    }
    out
}

fn record(name: &str, fields: impl Iterator<Item = String>) -> String {
    let body: String = fields.map(|f| format!("  {f};\n")).collect();
    format!("\nstruct {name} {{\n{body}}};\n")
}

/// `rpcgen` writes C, and has a few words of its own.
fn ident(text: &str) -> String {
    const OWN: [&str; 7] = ["hyper", "opaque", "program", "quadruple", "string", "u_int", "version"];
    if OWN.contains(&text) {
        format!("{text}_")
    } else {
        name::c_ident(text)
    }
}

fn field(ty: FieldType, n: &str) -> String {
    match ty {
        FieldType::Char => format!("char {n}"),
        FieldType::Str | FieldType::Device => format!("string {n}<>"),
        FieldType::Buffer => format!("opaque {n}<>"),
        FieldType::I32 => format!("int {n}"),
        FieldType::U32 => format!("unsigned int {n}"),
        FieldType::I64 | FieldType::Size => format!("hyper {n}"),
        FieldType::U64 => format!("unsigned hyper {n}"),
        FieldType::Uuid => format!("opaque {n}[32]"),
        FieldType::Percent => format!("float {n}"),
    }
}

/// An argument, required or not.
fn arg(shape: Shape, n: &str) -> String {
    match shape {
        Shape::Bool => format!("bool {n}"),
        Shape::Int => format!("int {n}"),
        Shape::Int64 => format!("hyper {n}"),
        Shape::OptStr => format!("guestfs_str *{n}"),
        Shape::Buffer => format!("opaque {n}<>"),
        Shape::StrList => format!("guestfs_str {n}<>"),
        Shape::Str | Shape::Pointer => format!("string {n}<>"),
    }
}

fn ret(ty: &RetType, n: &str) -> Option<String> {
    Some(match ty {
        RetType::Unit => return None,
        RetType::Bool => format!("bool {n}"),
        RetType::Int => format!("int {n}"),
        RetType::Int64 => format!("hyper {n}"),
        RetType::Str(_) | RetType::ConstStr => format!("string {n}<>"),
        RetType::ConstOptStr => format!("guestfs_str *{n}"),
        RetType::StrList(_) | RetType::Hash(..) => format!("guestfs_str {n}<>"),
        RetType::Struct(s) => format!("guestfs_int_{s} {n}"),
        RetType::StructList(s) => format!("guestfs_int_{s}_list {n}"),
        RetType::Buffer => format!("opaque {n}<>"),
    })
}
