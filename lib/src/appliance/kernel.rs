//! Finding a kernel with its modules.
//!
//! In: the data directories of this project and the host's own kernels. Out: a [`Kernel`] that this
//! user can read. Kernels fetched by `guestfs-appliance fetch-kernel` come first: on many hosts /boot
//! is not readable, or there is no kernel at all (containers).

use super::vmlinux;
use std::path::{Path, PathBuf};

/// A kernel and its modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// bzImage or plain ELF.
    pub image: PathBuf,
    /// `…/lib/modules/RELEASE`.
    pub modules: PathBuf,
    /// What `uname -r` says under it.
    pub release: String,
}

/// Directories for what this project keeps on the host, best first: `$GUESTFS_RS_DATADIR` alone when
/// set, else the user's data directory and the installed ones.
pub fn data_dirs() -> Vec<PathBuf> {
    if let Some(dir) = std::env::var_os("GUESTFS_RS_DATADIR").filter(|d| !d.is_empty()) {
        return vec![PathBuf::from(dir)];
    }
    let mut dirs = Vec::new();
    let xdg = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|d| d.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME").filter(|h| !h.is_empty())?).join(".local/share"));
    if let Some(dir) = xdg.or_else(home) {
        dirs.push(dir.join("guestfs-rs"));
    }
    dirs.extend(super::locate::install_dirs());
    dirs
}

/// The first kernel found that this user can read; the error says where was looked and why not.
pub fn find(data_dirs: &[PathBuf]) -> Result<Kernel, String> {
    let mut refused = Vec::new();
    for dir in data_dirs {
        if let Some(kernel) = newest(unpacked(&dir.join("kernel")), &mut refused) {
            return Ok(kernel);
        }
    }
    if let Some(kernel) = newest(of_host(Path::new("/")), &mut refused) {
        return Ok(kernel);
    }
    let mut text = String::from("no kernel with its modules that this user can read");
    for why in refused {
        text.push_str("; ");
        text.push_str(&why);
    }
    Err(text)
}

/// The kernel below one root directory, such as an unpacked package.
pub fn in_root(root: &Path) -> Result<Kernel, String> {
    let mut refused = Vec::new();
    newest(of_host(root), &mut refused).ok_or_else(|| {
        let why = if refused.is_empty() { "none found".to_owned() } else { refused.join("; ") };
        format!("{}: no usable kernel: {why}", root.display())
    })
}

/// The newest kernel that was fetched into a data directory.
pub fn find_fetched(datadir: &Path) -> Option<Kernel> {
    newest(unpacked(&datadir.join("kernel")), &mut Vec::new())
}

/// Candidates below a directory that holds one unpacked kernel package per subdirectory.
fn unpacked(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut out = Vec::new();
    for root in subdirs(dir) {
        out.extend(of_host(&root));
    }
    out
}

/// Candidates (image, modules) below a root directory, as Debian and Fedora lay them out.
fn of_host(root: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut out = Vec::new();
    for base in ["lib/modules", "usr/lib/modules"] {
        for modules in subdirs(&root.join(base)) {
            let Some(release) = modules.file_name().and_then(|n| n.to_str()) else { continue };
            for image in [root.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")] {
                if image.exists() && !out.iter().any(|(i, _)| *i == image) {
                    out.push((image, modules.clone()));
                }
            }
        }
    }
    out
}

fn subdirs(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_dir()).collect()
}

/// The newest usable candidate. Reasons against the others are added to `refused`.
fn newest(candidates: Vec<(PathBuf, PathBuf)>, refused: &mut Vec<String>) -> Option<Kernel> {
    let mut usable: Vec<Kernel> = Vec::new();
    for (image, modules) in candidates {
        match check(&image, &modules) {
            Ok(release) => usable.push(Kernel { image, modules, release }),
            Err(why) => refused.push(why),
        }
    }
    usable.into_iter().max_by(|a, b| version_key(&a.release).cmp(&version_key(&b.release)))
}

/// Is it what it should be, readable, and made for this processor? Returns its release.
fn check(image: &Path, modules: &Path) -> Result<String, String> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(image)
        .and_then(|f| f.take(64 << 10).read_to_end(&mut head))
        .map_err(|e| format!("{}: {}", image.display(), crate::error::io_text(&e)))?;
    let release = vmlinux::release(&head).map_err(|e| format!("{}: {e}", image.display()))?;
    if modules.file_name().and_then(|n| n.to_str()) != Some(release.as_str()) {
        return Err(format!("{}: is {release}, but its modules are {}", image.display(), modules.display()));
    }
    if !modules.join("kernel").is_dir() {
        return Err(format!("{}: holds no modules", modules.display()));
    }
    Ok(release)
}

/// Numbers of a release compare as numbers: 6.1.0-9 is older than 6.1.0-56.
fn version_key(release: &str) -> Vec<(u64, String)> {
    release
        .split(['.', '-', '+'])
        .map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            (digits.parse().unwrap_or(0), part.get(digits.len()..).unwrap_or_default().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_by_number() {
        assert!(version_key("6.1.0-56-amd64") > version_key("6.1.0-9-amd64"));
        assert!(version_key("6.12.0-1-amd64") > version_key("6.1.0-56-amd64"));
    }

    #[test]
    fn says_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("kernel/x");
        std::fs::create_dir_all(root.join("lib/modules/1.2.3/kernel")).unwrap();
        std::fs::create_dir_all(root.join("boot")).unwrap();
        std::fs::write(root.join("boot/vmlinuz-1.2.3"), "no kernel").unwrap();
        let mut refused = Vec::new();
        assert_eq!(newest(unpacked(&dir.path().join("kernel")), &mut refused), None);
        assert!(refused[0].contains("vmlinuz-1.2.3: not an x86 bzImage"), "{refused:?}");
    }
}
