//! What a command takes: its parameters, as far as reading and completing words goes.
//!
//! In: the generated table. Out: [`Signature`], and the usage line that follows from it.

/// A required or optional parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub kind: Kind,
}

impl Param {
    /// A parameter.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Param { name, kind }
    }
}

/// What a parameter is, as far as reading and completing it goes. Which of them occur depends on the API.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Int64,
    Str,
    List,
    Path,
    PathList,
    Device,
    DeviceList,
    DeviceOrPath,
    /// Asked for without echo; not on the command line.
    Key,
    /// A file of the host that is read.
    FileIn,
    /// A file of the host that is written.
    FileOut,
}

/// Name and parameters of a command that is an API call.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    pub name: &'static str,
    pub params: &'static [Param],
    pub opts: &'static [Param],
}

impl Signature {
    /// Parameters that are on the command line.
    pub fn typed_params(self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().filter(|p| p.kind != Kind::Key)
    }

    /// Name and parameters: `mkfs fstype device [blocksize:N] …`.
    pub fn usage(self) -> String {
        let mut usage = self.name.to_owned();
        for param in self.typed_params() {
            usage.push(' ');
            usage += param.name;
        }
        for opt in self.opts {
            let value = match opt.kind {
                Kind::Bool => "true|false",
                Kind::Int | Kind::Int64 => "N",
                _ => "..",
            };
            usage += &format!(" [{}:{value}]", opt.name);
        }
        usage
    }
}
