//! What types have in common: how a value crosses into another language, and what it names.
//!
//! In: types of `api.toml`. Out: the few cases that emitters tell apart, so that a new type is placed
//! here and nowhere else. The kinds of results are [`RetType`](super::RetType) itself.

use super::{ArgType, OptType, RetType};

/// How an argument is passed, whatever it means. Optional ones are of the five kinds `Bool`, `Int`,
/// `Int64`, `Str` and `StrList`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Bool,
    Int,
    Int64,
    Str,
    OptStr,
    StrList,
    Buffer,
    Pointer,
}

/// What an argument names, however it is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing in particular.
    Plain,
    Path,
    Device,
    Mountable,
    DeviceOrPath,
    MountableOrPath,
    Filename,
    Guid,
    /// A secret.
    Key,
    /// A file of the host that is streamed to the daemon.
    FileIn,
    /// A file of the host that is streamed from the daemon.
    FileOut,
}

impl Role {
    /// Streamed after the request or the reply instead of being in them.
    pub fn is_file(self) -> bool {
        matches!(self, Role::FileIn | Role::FileOut)
    }
}

impl ArgType {
    /// How it is passed.
    pub fn shape(self) -> Shape {
        match self {
            ArgType::Bool => Shape::Bool,
            ArgType::Int => Shape::Int,
            ArgType::Int64 => Shape::Int64,
            ArgType::OptStr => Shape::OptStr,
            ArgType::Buffer => Shape::Buffer,
            ArgType::Pointer => Shape::Pointer,
            ArgType::StrList | ArgType::PathList | ArgType::DeviceList | ArgType::FilenameList => Shape::StrList,
            ArgType::Str
            | ArgType::Path
            | ArgType::Device
            | ArgType::Mountable
            | ArgType::DeviceOrPath
            | ArgType::MountableOrPath
            | ArgType::Filename
            | ArgType::Guid
            | ArgType::Key
            | ArgType::FileIn
            | ArgType::FileOut => Shape::Str,
        }
    }

    /// What it names.
    pub fn role(self) -> Role {
        match self {
            ArgType::Bool
            | ArgType::Int
            | ArgType::Int64
            | ArgType::Str
            | ArgType::OptStr
            | ArgType::StrList
            | ArgType::Buffer
            | ArgType::Pointer => Role::Plain,
            ArgType::Path | ArgType::PathList => Role::Path,
            ArgType::Device | ArgType::DeviceList => Role::Device,
            ArgType::Mountable => Role::Mountable,
            ArgType::DeviceOrPath => Role::DeviceOrPath,
            ArgType::MountableOrPath => Role::MountableOrPath,
            ArgType::Filename | ArgType::FilenameList => Role::Filename,
            ArgType::Guid => Role::Guid,
            ArgType::Key => Role::Key,
            ArgType::FileIn => Role::FileIn,
            ArgType::FileOut => Role::FileOut,
        }
    }
}

impl OptType {
    /// How it is passed.
    pub fn shape(self) -> Shape {
        match self {
            OptType::Bool => Shape::Bool,
            OptType::Int => Shape::Int,
            OptType::Int64 => Shape::Int64,
            OptType::Str => Shape::Str,
            OptType::StrList => Shape::StrList,
        }
    }
}

impl RetType {
    /// The struct that it is, or that it lists.
    pub fn structure(&self) -> Option<&str> {
        match self {
            RetType::Struct(name) | RetType::StructList(name) => Some(name),
            _ => None,
        }
    }
}
