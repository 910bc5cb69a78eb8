//! Loading kernel modules: what modprobe(8) does, in the daemon itself.
//!
//! In: a module's name or an alias (`fs-xfs`, `char-major-10-236`). Out: the module and everything it
//! needs, loaded. Reads `/lib/modules/RELEASE/modules.{dep,alias,softdep,builtin}` (modules.dep(5),
//! depmod(8)); files may be `.ko` or compressed.
//!
//! The kernel asks for modules too, by running `/sbin/modprobe`; in our appliances that is the daemon's
//! own program under another name ([`modprobe`]).

mod index;
mod insert;

pub use insert::insert;

use crate::error::{Context, Error, Result};
use index::Index;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Load a module by name or alias. Loaded and built-in ones are no error.
pub fn load(name: &str) -> Result<()> {
    // Most file systems asked for twice are there already; the indexes are only read when not.
    if is_loaded(name) {
        return Ok(());
    }
    let index = Index::read(&directory())?;
    load_from(&index, name)
}

/// Whether the kernel has the module now. Built-in code without parameters does not show.
pub fn is_loaded(name: &str) -> bool {
    let name = name.replace('-', "_");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain && PathBuf::from("/sys/module").join(name).exists()
}

/// Behave as modprobe(8) as far as the kernel and tools use it: `modprobe [-q] [-a] [--] NAME…`. The
/// exit status.
pub fn modprobe(args: impl Iterator<Item = String>) -> u8 {
    let (mut quiet, mut names, mut options) = (false, Vec::new(), true);
    for arg in args {
        match arg.as_str() {
            "--" if options => options = false,
            "-q" | "--quiet" if options => quiet = true,
            "-a" | "-s" | "-b" | "--all" | "--syslog" | "--use-blacklist" if options => {}
            option if options && option.starts_with('-') => {
                eprintln!("modprobe: {option}: not known to the appliance's modprobe");
                return 1;
            }
            name => names.push(name.to_owned()),
        }
    }
    let mut status = 0;
    for name in names {
        if let Err(e) = load(&name) {
            status = 1;
            if !quiet {
                eprintln!("modprobe: {e}");
            }
        }
    }
    status
}

fn directory() -> PathBuf {
    let release = rustix::system::uname();
    PathBuf::from("/lib/modules").join(release.release().to_string_lossy().as_ref())
}

fn load_from(index: &Index, name: &str) -> Result<()> {
    let found = index.find(name);
    if found.is_empty() {
        return Err(Error::not_supported("this appliance has no such kernel module").context(name));
    }
    let mut result = Ok(());
    let mut any = false;
    // An alias may mean several modules (crypto drivers); it is enough when one of them works here.
    for module in found {
        match with_needs(index, &module, &mut BTreeSet::new()) {
            Ok(()) => any = true,
            Err(e) => result = Err(e),
        }
    }
    if any {
        Ok(())
    } else {
        result
    }
}

/// Load a module after its dependencies. `visited` ends cycles of soft dependencies.
fn with_needs(index: &Index, module: &str, visited: &mut BTreeSet<String>) -> Result<()> {
    if !visited.insert(module.to_owned()) || is_loaded(module) || index.is_builtin(module) {
        return Ok(());
    }
    for soft in index.wanted_before(module) {
        for module in index.find(&soft) {
            // Soft means that it may be missing.
            let _ = with_needs(index, &module, visited);
        }
    }
    for file in index.needs(module) {
        insert(&file).with_context(|| file.display().to_string())?;
    }
    for soft in index.wanted_after(module) {
        for module in index.find(&soft) {
            let _ = with_needs(index, &module, visited);
        }
    }
    Ok(())
}
