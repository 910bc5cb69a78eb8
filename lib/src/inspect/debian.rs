//! The packages of Debian and its relatives: `/var/lib/dpkg/status`, in the format of deb822(5).
//!
//! In: the file's bytes. Out: the packages that are installed.

use super::{value, version};
use bstr::{BString, ByteSlice};
use guestfs_protocol::structs::Application2;

/// A package as far as it was read.
#[derive(Default)]
struct Package {
    found: Application2,
    installed: bool,
    in_description: bool,
}

/// The installed packages, in the order of the file.
pub(super) fn packages(text: &[u8]) -> Vec<Application2> {
    let mut all = Vec::new();
    let mut package = Package::default();
    for line in text.lines() {
        if line.is_empty() {
            all.extend(std::mem::take(&mut package).finish());
        } else {
            package.line(line);
        }
    }
    all.extend(package.finish());
    all
}

impl Package {
    fn line(&mut self, line: &[u8]) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if self.in_description {
                let text = &mut self.found.app2_description;
                if !text.is_empty() {
                    text.push(b'\n');
                }
                text.extend_from_slice(&value(line));
            }
            return;
        }
        self.in_description = false;
        let Some((key, text)) = line.split_once_str(":") else { return };
        let app = &mut self.found;
        match key {
            b"Package" => app.app2_name = value(text),
            // What is wanted, whether something went wrong, and the state: `half-installed` is another.
            b"Status" => {
                let mut words = text.fields().skip(2);
                self.installed = words.next() == Some(b"installed") && words.next().is_none();
            }
            b"Architecture" => app.app2_arch = value(text),
            b"Homepage" => app.app2_url = value(text),
            // A version in parentheses follows when it is another than the package's.
            b"Source" => app.app2_source_package = text.fields().next().map(value).unwrap_or_default(),
            b"Version" => {
                let version = version::parse(text);
                app.app2_epoch = version.epoch;
                app.app2_version = version.version;
                app.app2_release = version.release;
            }
            b"Description" => {
                app.app2_summary = value(text);
                self.in_description = true;
            }
            _ => {}
        }
    }

    fn finish(self) -> Option<Application2> {
        (self.installed && self.found.app2_name != BString::default()).then_some(self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status() {
        let text = b"Package: dpkg\nEssential: yes\nStatus: install ok installed\nSource: dpkgs (1.2)\nMaintainer: A <a@b>\n\
            Architecture: amd64\nVersion: 1:1.21-3\nConffiles:\n /etc/x 123\nDescription: manager\n of packages\n .\n More.\n\
            Homepage: https://x:1/\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
            Package: half\nStatus: install ok half-installed\n\nPackage: never\nStatus: purge ok not-installed\n\n\
            Package: odd\nStatus: install ok not yet installed\n\nPackage: short\nStatus: installed\n\nStatus: install ok installed\n\nPackage: last\nStatus: hold ok installed\n";
        let found = packages(text);
        let names: Vec<&BString> = found.iter().map(|p| &p.app2_name).collect();
        assert_eq!(names, ["dpkg", "last"]);
        let want = Application2 {
            app2_name: "dpkg".into(),
            app2_epoch: 1,
            app2_version: "1.21".into(),
            app2_release: "3".into(),
            app2_arch: "amd64".into(),
            app2_url: "https://x:1/".into(),
            app2_source_package: "dpkgs".into(),
            app2_summary: "manager".into(),
            app2_description: "of packages\n.\nMore.".into(),
            ..Application2::default()
        };
        assert_eq!(found[0], want);
        assert!(packages(b"").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>, lines in "((Package|Status|Version|Source|Description): ?[ -~]{0,9}\n|\n| x\n){0,12}") {
            packages(&text);
            packages(lines.as_bytes());
        }
    }
}
