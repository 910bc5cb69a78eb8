//! What an ELF file needs to run, and what a kernel module says of itself.
//!
//! In: bytes of a program, library or module. Out: the libraries it names, where it wants them looked
//! for, its interpreter; a module's `modinfo` entries. Read only, nothing is executed (unlike ldd).

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::LittleEndian;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

type Header = elf::FileHeader64<LittleEndian>;

/// The dynamic part of a program or library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dynamic {
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// Directories of `DT_RUNPATH`, else `DT_RPATH`, with `$ORIGIN` replaced.
    pub search: Vec<PathBuf>,
    /// The dynamic loader; `None` for libraries and static programs.
    pub interpreter: Option<PathBuf>,
}

/// True when the bytes begin an ELF file of any kind.
pub fn is_elf(data: &[u8]) -> bool {
    data.starts_with(b"\x7fELF")
}

fn text(bytes: &[u8], what: &str) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("{what} is not UTF-8"))
}

/// Read the dynamic part. `origin` is the directory of the file, for `$ORIGIN`.
pub fn dynamic(data: &[u8], origin: &Path) -> Result<Dynamic, String> {
    let fail = |e: object::Error| format!("damaged or foreign ELF file: {e}");
    let header = Header::parse(data).map_err(fail)?;
    let endian = header.endian().map_err(fail)?;
    if header.e_machine(endian) != elf::EM_X86_64 {
        return Err("not an x86-64 ELF file".into());
    }
    let segments = header.program_headers(endian, data).map_err(fail)?;
    let mut out = Dynamic::default();
    let mut entries = None;
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data).map_err(fail)? {
            out.interpreter = Some(PathBuf::from(OsStr::from_bytes(path)));
        }
        if let Some(found) = segment.dynamic(endian, data).map_err(fail)? {
            entries = Some(found);
        }
    }
    let Some(entries) = entries else { return Ok(out) };
    let value = |tag: elf::DynamicTag| entries.iter().find(|d| d.d_tag(endian) == tag).map(|d| d.d_val(endian));
    let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else { return Ok(out) };
    // The table's place is a virtual address: find the segment that maps it.
    let strings = segments
        .iter()
        .find_map(|s| s.data_range(endian, data, address, size).ok().flatten())
        .ok_or("damaged ELF file: its string table is outside every segment")?;
    let string = |d: &elf::Dyn64<LittleEndian>| -> Result<String, String> {
        let at = usize::try_from(d.d_val(endian)).unwrap_or(usize::MAX);
        let rest = strings.get(at..).ok_or("damaged ELF file: a string is outside the string table")?;
        text(rest.split(|b| *b == 0).next().unwrap_or_default(), "a library's name")
    };
    let mut rpath = None;
    let mut runpath = None;
    for entry in entries {
        match entry.d_tag(endian) {
            elf::DT_NEEDED => out.needed.push(string(entry)?),
            elf::DT_RPATH => rpath = Some(string(entry)?),
            elf::DT_RUNPATH => runpath = Some(string(entry)?),
            elf::DT_NULL => break,
            _ => {}
        }
    }
    let dirs = runpath.or(rpath).unwrap_or_default();
    let origin = origin.to_str().unwrap_or("/");
    out.search = dirs
        .split(':')
        .filter(|d| !d.is_empty())
        .map(|d| PathBuf::from(d.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)))
        .collect();
    Ok(out)
}

/// The `name=value` entries of a kernel module's `.modinfo` section.
pub fn modinfo(data: &[u8]) -> Result<Vec<(String, String)>, String> {
    let fail = |e: object::Error| format!("damaged kernel module: {e}");
    let header = Header::parse(data).map_err(fail)?;
    let endian = header.endian().map_err(fail)?;
    let sections = header.sections(endian, data).map_err(fail)?;
    let Some((_, section)) = sections.section_by_name(endian, b".modinfo") else {
        return Err("not a kernel module: no .modinfo section".into());
    };
    let info = section.data(endian, data).map_err(fail)?;
    Ok(info
        .split(|b| *b == 0)
        .filter_map(|entry| {
            let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_program() {
        let path = std::env::current_exe().unwrap();
        let data = std::fs::read(&path).unwrap();
        let found = dynamic(&data, path.parent().unwrap()).unwrap();
        assert!(found.needed.iter().any(|n| n == "libc.so.6"), "{found:?}");
        assert!(found.interpreter.unwrap().starts_with("/lib64"));
    }

    #[test]
    fn damage_is_an_error_or_harmless() {
        let data = std::fs::read("/bin/true").unwrap();
        assert!(!dynamic(&data, Path::new("/bin")).unwrap().needed.is_empty());
        for len in (0..data.len().min(4096)).step_by(7) {
            let _ = dynamic(&data[..len], Path::new("/bin"));
            let _ = modinfo(&data[..len]);
        }
        assert!(dynamic(b"\x7fELF", Path::new("/")).is_err());
        assert!(modinfo(&data).is_err());
    }
}
