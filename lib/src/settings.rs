//! Small grammars of property values: booleans of the environment and `name=value` settings.
//!
//! In: bytes from the environment or a setter. Out: parsed values; pure functions only.

use bstr::BString;

/// Booleans as upstream's `guestfs_int_is_true` reads them, in any case; `None` when it is neither.
pub(crate) fn parse_bool(value: &[u8]) -> Option<bool> {
    const TRUE: [&str; 5] = ["1", "true", "t", "yes", "y"];
    const FALSE: [&str; 5] = ["0", "false", "f", "no", "n"];
    let is = |words: &[&str]| words.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(value));
    if is(&TRUE) || is(&["on"]) {
        Some(true)
    } else if is(&FALSE) || is(&["off"]) {
        Some(false)
    } else {
        None
    }
}

/// Whether this setting, with a value or without, has that name. Nothing is called "".
pub(crate) fn is_called(setting: &BString, name: &[u8]) -> bool {
    !name.is_empty() && lookup(std::slice::from_ref(setting), name).is_some()
}

/// Value of the first setting called `name`: `Some("")` when it stands alone, without `=`.
pub(crate) fn lookup<'a>(settings: &'a [BString], name: &[u8]) -> Option<&'a [u8]> {
    settings.iter().find_map(|s| match s.strip_prefix(name) {
        Some(b"") => Some(&b""[..]),
        Some([b'=', value @ ..]) => Some(value),
        _ => None,
    })
}
