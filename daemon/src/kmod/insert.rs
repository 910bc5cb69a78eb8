//! Handing one module to the kernel.
//!
//! In: a module file, plain or compressed. Out: a loaded module. The kernel unpacks what it can by
//! itself; for the rest the unpacking programs of the appliance are used.

use crate::error::{Context, Errno, Error, Result};
use rustix::system::{finit_module, init_module};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// `MODULE_INIT_COMPRESSED_FILE` of linux/module.h.
const COMPRESSED: i32 = 4;

/// No module is larger, unpacked, in bytes.
const MODULE_MAX: u64 = 256 << 20;

/// Insert one module file, nothing else. One that is there already is no error.
pub fn insert(file: &Path) -> Result<()> {
    let opened = File::open(file)?;
    let unpacker = match file.extension().and_then(|e| e.to_str()) {
        Some("xz") => Some("xz"),
        Some("zst") => Some("zstd"),
        Some("gz") => Some("gzip"),
        _ => None,
    };
    let Some(unpacker) = unpacker else {
        return done(finit_module(&opened, c"", 0));
    };
    // Kernels are built for one compression or none; EOPNOTSUPP and EINVAL are "not this one".
    match finit_module(&opened, c"", COMPRESSED) {
        Err(Errno::OPNOTSUPP | Errno::INVAL) => done(init_module(&unpack(unpacker, file)?, c"")),
        result => done(result),
    }
}

fn done(result: rustix::io::Result<()>) -> Result<()> {
    match result {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn unpack(program: &str, file: &Path) -> Result<Vec<u8>> {
    let path = crate::run::find::find_tool(program)
        .ok_or_else(|| Error::not_supported(format!("neither the kernel nor a program {program} can unpack it")))?;
    let mut child =
        Command::new(path).arg("-dc").arg("--").arg(file).stdout(Stdio::piped()).spawn().context(program)?;
    let mut data = Vec::new();
    if let Some(out) = child.stdout.take() {
        out.take(MODULE_MAX).read_to_end(&mut data)?;
    }
    match child.wait()?.success() {
        true => Ok(data),
        false => Err(Error::new(Errno::IO, format!("{program} could not unpack it"))),
    }
}
