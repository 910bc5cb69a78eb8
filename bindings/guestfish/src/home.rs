//! Home directories: `~` and `~user` at the beginning of a word.
//!
//! In: a word. Out: the word with the directory in the place of the tilde, or as it was when there is no
//! such user.

use bstr::{BString, ByteSlice};
use nix::unistd::{Uid, User};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Expand one word.
pub fn expand(word: BString) -> BString {
    let Some(rest) = word.strip_prefix(b"~") else { return word };
    let (user, tail) = rest.split_at(rest.find_byte(b'/').unwrap_or(rest.len()));
    match directory(user) {
        Some(mut path) => {
            path.extend_from_slice(tail);
            path
        }
        None => word,
    }
}

fn directory(user: &[u8]) -> Option<BString> {
    let found = if user.is_empty() {
        if let Some(home) = std::env::var_os("HOME").filter(|h| !h.is_empty()) {
            return Some(home.into_vec().into());
        }
        User::from_uid(Uid::effective())
    } else {
        User::from_name(user.to_str().ok()?)
    };
    Some(found.ok()??.dir.as_os_str().as_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tildes() {
        let root = User::from_uid(Uid::from_raw(0)).unwrap().unwrap().dir;
        let root = root.to_str().unwrap();
        assert_eq!(expand("~root/x".into()), format!("{root}/x"));
        assert_eq!(expand("~no-such-user/x".into()), "~no-such-user/x");
        assert_eq!(expand("/~".into()), "/~");
    }
}
