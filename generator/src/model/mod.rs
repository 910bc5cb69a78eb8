//! The resolved API: what every emitter reads.
//!
//! In: raw records that `check/` found sound. Out: one immutable [`Api`], fully resolved (names looked
//! up, defaults filled, docs and test steps parsed), in an order that never depends on hashing.
//! `name.rs` owns every spelling that more than one emitter needs.

pub mod doc;
pub mod name;
pub mod notice;
mod resolve;
mod shape;
pub mod step;
pub mod types;

use doc::Doc;
pub use resolve::resolve;
pub use shape::{Role, Shape};
use step::{Scenario, Test};

/// Everything that `api.toml` says.
#[derive(Debug, Clone)]
pub struct Api {
    pub meta: Meta,
    /// In bit order.
    pub events: Vec<Event>,
    /// Alphabetical.
    pub groups: Vec<Group>,
    /// Order of `api.toml`.
    pub structs: Vec<Struct>,
    /// Alphabetical by name.
    pub calls: Vec<Call>,
}

/// Facts about the whole API.
#[derive(Debug, Clone)]
pub struct Meta {
    /// API level reported by `version`.
    pub version: Version,
    /// `extra` field of `version`.
    pub version_extra: String,
    /// Wire program number.
    pub program: u32,
    /// Wire protocol version.
    pub protocol: u32,
    /// Names of errno values on the wire, sorted.
    pub errnos: Vec<String>,
}

/// One event class (`GUESTFS_EVENT_*`).
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    /// Bit position, 0 for `close`.
    pub bit: u32,
    pub doc: Doc,
}

/// One option group, as `available` knows them.
#[derive(Debug, Clone)]
pub struct Group {
    pub name: String,
    pub doc: Doc,
    /// Kept for old programs only.
    pub retired: bool,
    pub state: GroupState,
}

/// What it depends on whether a group is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// The programs that `daemon/appliance.toml` lists for it.
    WithTools,
    /// Nothing: the daemon and its kernel do the work, or its calls became ordinary ones.
    Always,
}

/// One public or internal struct.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Snake-case name, as in C: `lvm_pv`, C type `struct guestfs_lvm_pv`.
    pub name: String,
    /// Upstream's capitalised name: `PV`.
    pub camel: String,
    pub internal: bool,
    pub fields: Vec<Field>,
    pub doc: Doc,
    /// Some call returns it alone.
    pub returned_single: bool,
    /// Some call returns a list of it.
    pub returned_list: bool,
}

/// One struct field.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub ty: FieldType,
}

/// Types of struct fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldType {
    Char,
    Str,
    Device,
    Buffer,
    I32,
    U32,
    I64,
    U64,
    /// A byte count: i64 on the wire, uint64_t in C.
    Size,
    /// 32 bytes, no terminator.
    Uuid,
    /// Float; -1 means not present.
    Percent,
}

/// One API call.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: String,
    pub side: Side,
    pub since: Version,
    pub args: Vec<Arg>,
    /// Order is the bit order of the optargs mask.
    pub opts: Vec<Opt>,
    pub ret: Ret,
    pub flags: Flags,
    pub visibility: Visibility,
    /// Option group (index into nothing: the name, checked to exist).
    pub group: Option<String>,
    pub deprecated: Option<Deprecated>,
    pub shell: Shell,
    /// Once had no optional arguments: C keeps `guestfs_NAME` without them beside `guestfs_NAME_opts`.
    pub plain_name_without_options: bool,
    /// The class of its options in GObject, without the prefix.
    pub options_class: String,
    /// It can be cancelled, but could not when GObject's library got its name: a parameter more would break programs
    /// that are compiled against it.
    pub no_cancellable_parameter: bool,
    pub summary: String,
    pub doc: Doc,
    pub tests: Vec<Test>,
    /// Why there are no tests.
    pub untested: Option<String>,
}

/// Where a call is implemented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// `daemon/src/MODULE` function NAME, wire procedure `proc`.
    Daemon { module: String, proc: u32 },
    /// `lib/src/MODULE` function NAME.
    Library { module: String },
}

/// A version as in `since = "1.0.77"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub release: u32,
}

/// A required argument.
#[derive(Debug, Clone)]
pub struct Arg {
    pub name: String,
    pub ty: ArgType,
    /// Stands for a file, a directory or a device, here or in the guest.
    pub path: bool,
}

/// Types of required arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArgType {
    Bool,
    Int,
    Int64,
    Str,
    /// May be NULL.
    OptStr,
    StrList,
    Buffer,
    Path,
    PathList,
    Device,
    DeviceList,
    Mountable,
    DeviceOrPath,
    MountableOrPath,
    Filename,
    FilenameList,
    Guid,
    /// A secret: masked in traces, asked for without echo by the shell.
    Key,
    FileIn,
    FileOut,
    Pointer,
}

/// An optional argument.
#[derive(Debug, Clone)]
pub struct Opt {
    pub name: String,
    pub ty: OptType,
    /// As in [`Arg`].
    pub path: bool,
    pub doc: Doc,
}

/// Types of optional arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OptType {
    Bool,
    Int,
    Int64,
    Str,
    StrList,
}

/// What a call returns: the name used on the wire and in signatures, and its type.
#[derive(Debug, Clone)]
pub struct Ret {
    /// Empty for `Unit`.
    pub name: String,
    pub ty: RetType,
}

/// Types of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetType {
    Unit,
    Bool,
    Int,
    Int64,
    /// Library side only: borrowed from the handle.
    ConstStr,
    /// Library side only: borrowed, NULL is a value.
    ConstOptStr,
    Str(StrKind),
    StrList(StrKind),
    /// Struct by name.
    Struct(String),
    StructList(String),
    Hash(StrKind, StrKind),
    Buffer,
}

/// What a returned string is; devices and mountables are mapped back to API names by the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrKind {
    Plain,
    Device,
    Mountable,
}

/// Behaviour switches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// Sends progress messages.
    pub progress: bool,
    /// Obeys user_cancel.
    pub cancellable: bool,
    /// Result or argument is bounded by the message size.
    pub protocol_limit: bool,
    /// Only before launch.
    pub config_only: bool,
    /// Returns at once (upstream: blocking = false).
    pub nonblocking: bool,
    /// No wrapper: no lock, no trace (user_cancel).
    pub no_wrapper: bool,
    /// The resulting number may be negative.
    pub signed: bool,
}

/// Who may see a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Public,
    /// Public, but the shell has its own command of that name.
    NoShell,
    /// Binding tests.
    BindTest,
    /// State queries kept out of the shell.
    StateTest,
    Debug,
    Internal,
}

/// Deprecation notice.
#[derive(Debug, Clone)]
pub struct Deprecated {
    pub since: Option<Version>,
    /// The call to use instead.
    pub use_instead: Option<String>,
}

/// How the shell shows a call.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// Further command names, spelt as typed (`unset-autosync`).
    pub aliases: Vec<String>,
    pub output: Option<ShellOutput>,
}

/// Special printing of integer results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellOutput {
    Octal,
    Hexadecimal,
}

impl Api {
    /// Look a struct up by name.
    pub fn structure(&self, name: &str) -> Option<&Struct> {
        self.structs.iter().find(|s| s.name == name)
    }

    /// Look a call up by name.
    pub fn call(&self, name: &str) -> Option<&Call> {
        self.calls.iter().find(|c| c.name == name)
    }

    /// Calls with a wire procedure, by number.
    pub fn daemon_calls(&self) -> Vec<&Call> {
        let mut calls: Vec<&Call> = self.calls.iter().filter(|c| c.proc().is_some()).collect();
        calls.sort_by_key(|c| c.proc());
        calls
    }
}

impl Call {
    /// Wire procedure number of a daemon call.
    pub fn proc(&self) -> Option<u32> {
        match &self.side {
            Side::Daemon { proc, .. } => Some(*proc),
            Side::Library { .. } => None,
        }
    }

    /// True when a file is streamed from the library to the daemon.
    pub fn has_filein(&self) -> bool {
        self.args.iter().any(|a| a.ty.role() == Role::FileIn)
    }

    /// True when a file is streamed from the daemon to the library.
    pub fn has_fileout(&self) -> bool {
        self.args.iter().any(|a| a.ty.role() == Role::FileOut)
    }

    /// True when guestfish offers it as a command.
    pub fn in_shell(&self) -> bool {
        matches!(self.visibility, Visibility::Public | Visibility::Debug)
    }
}
