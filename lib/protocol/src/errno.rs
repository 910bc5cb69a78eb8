//! errno numbers and the symbolic names they travel under.
//!
//! In: an errno or a name off the wire. Out: the other one. Both halves use the one table of `api.toml`;
//! an unknown name or number is EINVAL.

use crate::generated::errnos::ERRNOS;

/// The wire name of an errno: `""` for 0, `"EINVAL"` for one without a name.
pub fn name(errno: i32) -> &'static str {
    match errno {
        0 => "",
        libc::EOPNOTSUPP => "ENOTSUP",
        n => ERRNOS.iter().find(|(_, number)| *number == n).map_or("EINVAL", |(name, _)| name),
    }
}

/// The errno of a wire name: 0 for `""`, EINVAL for an unknown one.
pub fn number(name: &[u8]) -> i32 {
    if name.is_empty() {
        return 0;
    }
    let known = ERRNOS.binary_search_by(|(have, _)| have.as_bytes().cmp(name)).ok();
    known.and_then(|at| ERRNOS.get(at)).map_or(libc::EINVAL, |(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_the_round_trip() {
        assert!(ERRNOS.is_sorted_by(|a, b| a.0 < b.0));
        for (n, number_) in ERRNOS {
            assert_eq!(number(n.as_bytes()), *number_, "{n}");
            assert_eq!(number(name(*number_).as_bytes()), *number_, "{n}");
        }
    }

    #[test]
    fn strangers_are_einval_and_nothing_is_nothing() {
        assert_eq!(number(b"EZZZ"), libc::EINVAL);
        assert_eq!(number(b"ENOENT\0"), libc::EINVAL);
        assert_eq!(name(99_999), "EINVAL");
        assert_eq!(name(-1), "EINVAL");
        assert_eq!((name(0), number(b"")), ("", 0));
        assert_eq!(name(libc::EOPNOTSUPP), "ENOTSUP");
        assert_eq!(name(libc::EDEADLK), "EDEADLOCK");
    }
}
