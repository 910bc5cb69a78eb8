//! `libguestfs-tools.conf`: whether disks are opened read-only when the command line does not say.
//!
//! In: the configuration files, from the system's to the user's. Out: the last `read_only` of them.

use std::path::PathBuf;

/// Files that may exist, the most important last. libguestfs-tools.conf(5).
fn files() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    let mut out = vec![PathBuf::from("/etc/libguestfs-tools.conf")];
    let dirs = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let dirs: Vec<PathBuf> = std::env::split_paths(&dirs).collect();
    // The first directory of the list is the most important one.
    out.extend(dirs.iter().rev().map(|d| d.join("libguestfs/libguestfs-tools.conf")));
    let home = variable("HOME").map(PathBuf::from);
    out.extend(home.iter().map(|h| h.join(".libguestfs-tools.rc")));
    let user = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.map(|h| h.join(".config")));
    out.extend(user.map(|u| u.join("libguestfs/libguestfs-tools.conf")));
    out
}

/// The configured default.
pub fn read_only() -> bool {
    let read = |file| parse(&std::fs::read_to_string(file).ok()?);
    files().into_iter().rev().find_map(read).unwrap_or(false)
}

/// Value of the last `read_only = …;`.
fn parse(text: &str) -> Option<bool> {
    let lines = text.lines().map(|l| l.split(['#']).next().unwrap_or_default()).map(|l| l.split("//").next().unwrap_or_default());
    let settings = lines.flat_map(|l| l.split(';')).filter_map(|s| s.split_once(['=', ':']));
    let mut values = settings.filter(|(name, _)| name.trim() == "read_only").filter_map(|(_, value)| {
        let value = value.trim();
        match () {
            () if value.eq_ignore_ascii_case("true") => Some(true),
            () if value.eq_ignore_ascii_case("false") => Some(false),
            () => None,
        }
    });
    values.next_back()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn settings() {
        assert_eq!(parse("read_only = true;"), Some(true));
        assert_eq!(parse("# read_only = true;\n//read_only = true;\nread_only=FALSE ; x = 1;"), Some(false));
        assert_eq!(parse("read_only = true; read_only : false;"), Some(false));
        assert_eq!(parse("other = true;\n"), None);
    }
}
