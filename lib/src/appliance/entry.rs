//! Files of a cache directory, which may have become anything meanwhile.
//!
//! In: a path. Out: an open regular file. A FIFO there would keep whoever opens it waiting, a device would
//! do what devices do, a symbolic link would lead elsewhere: they are errors.

use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No file that is read whole is larger: manifests are the largest, some 100 KiB.
const MOST: u64 = 16 << 20;

/// Open it with these flags and, if it is to be created, for this user alone.
pub(crate) fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let careful = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags | careful, Mode::RUSR | Mode::WUSR)?;
    match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
        FileType::RegularFile => Ok(fd.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file")),
    }
}

/// All of its bytes.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match open(path, OFlags::RDONLY)?.take(MOST + 1).read_to_end(&mut bytes)? as u64 > MOST {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "too large")),
        false => Ok(bytes),
    }
}

/// The same as text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn regular_files_only() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        assert_eq!(read_text(&at("file")).unwrap(), "text");
        assert_eq!(read(&at("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        symlink("/dev/zero", at("link")).unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        for name in ["fifo", "link", "dir"] {
            for flags in [OFlags::RDONLY, OFlags::WRONLY, OFlags::RDWR] {
                assert!(open(&at(name), flags).is_err(), "{name} {flags:?}");
            }
        }
        assert!(open(Path::new("/dev/zero"), OFlags::RDONLY).is_err());
        // Sparse: as large as it says.
        File::create(at("large")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&at("large")).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
