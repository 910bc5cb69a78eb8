//! Trace lines: what `set_trace` shows of each call.
//!
//! In: names and values of arguments and results. Out: lines in the notation of upstream's
//! `guestfish -x`: `mkdir_mode "/x" 0`, `mkdir_mode = 0`.

use bstr::{BStr, BString};
use guestfs_protocol::xdr::{Char, Opaque, Uuid32};
use std::io::Write as _;

/// The line before a call, under construction.
#[derive(Debug)]
pub struct Trace {
    line: Vec<u8>,
}

impl Trace {
    pub(crate) fn new(name: &str) -> Self {
        Trace { line: name.as_bytes().to_vec() }
    }

    pub(crate) fn into_line(self) -> Vec<u8> {
        self.line
    }

    fn text(&mut self, text: &str) {
        self.line.extend_from_slice(text.as_bytes());
    }

    fn escaped(&mut self, bytes: &[u8]) {
        escape(&mut self.line, bytes);
    }

    /// A string of any kind that is not secret (paths, devices, file names …).
    pub fn str(&mut self, _name: &str, value: &[u8]) {
        self.text(" \"");
        self.escaped(value);
        self.text("\"");
    }

    /// A string that may be absent.
    pub fn opt_str(&mut self, name: &str, value: Option<&BStr>) {
        match value {
            Some(v) => self.str(name, v),
            None => self.text(" null"),
        }
    }

    /// A list of strings.
    pub fn str_list(&mut self, _name: &str, value: &[impl AsRef<[u8]>]) {
        self.text(" \"");
        self.list_items(value);
        self.text("\"");
    }

    fn list_items(&mut self, value: &[impl AsRef<[u8]>]) {
        for (i, item) in value.iter().enumerate() {
            if i > 0 {
                self.text(" ");
            }
            self.escaped(item.as_ref());
        }
    }

    /// Bytes: only the start is shown.
    pub fn buffer(&mut self, _name: &str, value: &[u8]) {
        self.text(" ");
        buffer(&mut self.line, value);
    }

    /// A secret: never shown.
    pub fn key(&mut self, _name: &str, _value: &[u8]) {
        self.text(" \"***\"");
    }

    /// A pointer: its address.
    pub fn pointer(&mut self, _name: &str, value: crate::pointer::Pointer<'_>) {
        let address = value.address().map_or(0, |p| p.as_ptr() as usize);
        let _ = write!(self.line, " (void *){address:#x}");
    }

    /// A boolean.
    pub fn bool(&mut self, _name: &str, value: bool) {
        self.text(if value { " true" } else { " false" });
    }

    /// An integer of either width.
    pub fn int(&mut self, _name: &str, value: i64) {
        let _ = write!(self.line, " {value}");
    }

    /// An optional argument: nothing when it is not given.
    pub fn opt<T: TraceOpt>(&mut self, name: &str, value: &Option<T>) {
        if let Some(v) = value {
            self.text(" \"");
            self.text(name);
            self.text(":");
            v.trace_opt(self);
            self.text("\"");
        }
    }
}

/// Values of optional arguments.
pub trait TraceOpt {
    /// Append the value.
    fn trace_opt(&self, t: &mut Trace);
}

impl TraceOpt for bool {
    fn trace_opt(&self, t: &mut Trace) {
        t.text(if *self { "true" } else { "false" });
    }
}

impl TraceOpt for i32 {
    fn trace_opt(&self, t: &mut Trace) {
        let _ = write!(t.line, "{self}");
    }
}

impl TraceOpt for i64 {
    fn trace_opt(&self, t: &mut Trace) {
        let _ = write!(t.line, "{self}");
    }
}

impl TraceOpt for BString {
    fn trace_opt(&self, t: &mut Trace) {
        t.escaped(self);
    }
}

impl TraceOpt for Vec<BString> {
    fn trace_opt(&self, t: &mut Trace) {
        t.list_items(self);
    }
}

/// Text: C escapes for the usual control characters, `\xHH` for other bytes outside printable ASCII.
/// Quotes and backslashes stay as they are: the line is for people.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    for b in bytes {
        match b {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => escape_byte(out, *b),
        }
    }
}

fn escape_byte(out: &mut Vec<u8>, b: u8) {
    if b.is_ascii_graphic() || b == b' ' {
        out.push(b);
    } else {
        let _ = write!(out, "\\x{b:02x}");
    }
}

/// Longest buffer shown in full; upstream cuts there too.
const BUFFER_SHOWN: usize = 256;

/// A buffer in quotes; a long one is cut and its size told after the closing quote.
fn buffer(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for b in value.get(..BUFFER_SHOWN).unwrap_or(value) {
        escape_byte(out, *b);
    }
    out.push(b'"');
    if value.len() > BUFFER_SHOWN {
        let _ = write!(out, "<truncated, original size {} bytes>", value.len());
    }
}

/// Results, as the line after a call shows them.
pub trait TraceRet {
    /// What a failed call shows: the C value.
    const FAILED: &'static str = "NULL";
    /// Append the value.
    fn trace_ret(&self, out: &mut Vec<u8>);
}

impl TraceRet for () {
    const FAILED: &'static str = "-1";
    fn trace_ret(&self, out: &mut Vec<u8>) {
        out.push(b'0');
    }
}

impl TraceRet for bool {
    const FAILED: &'static str = "-1";
    fn trace_ret(&self, out: &mut Vec<u8>) {
        out.push(if *self { b'1' } else { b'0' });
    }
}

impl TraceRet for i32 {
    const FAILED: &'static str = "-1";
    fn trace_ret(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{self}");
    }
}

impl TraceRet for i64 {
    const FAILED: &'static str = "-1";
    fn trace_ret(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{self}");
    }
}

impl TraceRet for BString {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        escape(out, self);
        out.push(b'"');
    }
}

impl TraceRet for Option<BString> {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        match self {
            Some(s) => s.trace_ret(out),
            None => out.extend_from_slice(b"\"NULL\""),
        }
    }
}

impl TraceRet for Vec<BString> {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        list(out, self.iter());
    }
}

impl TraceRet for Vec<(BString, BString)> {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        list(out, self.iter().flat_map(|(k, v)| [k, v]));
    }
}

fn list<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a BString>) {
    out.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        item.trace_ret(out);
    }
    out.push(b']');
}

/// Buffer results.
impl TraceRet for Vec<u8> {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        buffer(out, self);
    }
}

impl TraceRet for Opaque {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        self.0.trace_ret(out);
    }
}

/// Structs, field by field. The generator implements this for every struct of the API.
pub trait TraceStruct {
    /// C name without `guestfs_`: `lvm_pv`.
    const NAME: &'static str;
    /// Show every field in order.
    fn fields(&self, t: &mut FieldTrace<'_>);
}

/// Receives the fields of a struct.
#[derive(Debug)]
pub struct FieldTrace<'a>(&'a mut Vec<u8>);

impl FieldTrace<'_> {
    /// One field.
    pub fn field(&mut self, name: &str, value: &impl TraceField) {
        let _ = write!(self.0, "{name}: ");
        value.trace_field(self.0);
        self.0.extend_from_slice(b", ");
    }
}

/// Values of struct fields.
pub trait TraceField {
    /// Append the value, without quotes.
    fn trace_field(&self, out: &mut Vec<u8>);
}

macro_rules! trace_number {
    ($($t:ty),*) => {$(
        impl TraceField for $t {
            fn trace_field(&self, out: &mut Vec<u8>) {
                let _ = write!(out, "{self}");
            }
        }
    )*};
}
trace_number!(i32, u32, i64, u64, f32);

impl TraceField for BString {
    fn trace_field(&self, out: &mut Vec<u8>) {
        escape(out, self);
    }
}

impl TraceField for Opaque {
    fn trace_field(&self, out: &mut Vec<u8>) {
        for b in self.0.get(..BUFFER_SHOWN).unwrap_or(&self.0) {
            escape_byte(out, *b);
        }
    }
}

impl TraceField for Uuid32 {
    fn trace_field(&self, out: &mut Vec<u8>) {
        escape(out, &self.0);
    }
}

impl TraceField for Char {
    fn trace_field(&self, out: &mut Vec<u8>) {
        escape_byte(out, self.0);
    }
}

impl<T: TraceStruct> TraceRet for T {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "<struct guestfs_{} = ", T::NAME);
        self.fields(&mut FieldTrace(out));
        out.push(b'>');
    }
}

/// Longest list of structs shown in full: a directory can have millions of entries.
const STRUCTS_SHOWN: usize = 1000;

impl<T: TraceStruct> TraceRet for Vec<T> {
    fn trace_ret(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "<struct guestfs_{}_list({})", T::NAME, self.len());
        if !self.is_empty() {
            out.extend_from_slice(b" =");
        }
        for (i, item) in self.iter().take(STRUCTS_SHOWN).enumerate() {
            let _ = write!(out, " [{i}]{{");
            item.fields(&mut FieldTrace(out));
            out.push(b'}');
        }
        if self.len() > STRUCTS_SHOWN {
            out.extend_from_slice(b" ...");
        }
        out.push(b'>');
    }
}
