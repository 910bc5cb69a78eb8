//! The signature grammar: `name: Type`.
//!
//! In: one such string. Out: a [`Param`] with the places of both halves. What types exist, and where each
//! may stand, is not decided here.

use super::{At, SyntaxError};

/// `name: Type`, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    pub name: At<String>,
    pub ty: At<String>,
}

/// Split `text` at its first colon; `source` is the file it was read from.
pub fn parse(source: &str, text: &At<String>) -> Result<Param, SyntaxError> {
    let value = text.as_str();
    let colon = value.find(':').ok_or_else(|| SyntaxError::new(0, "a signature reads `name: Type`"))?;
    let (name, ty) = (value[..colon].trim(), value[colon + 1..].trim());
    if !is_name(name) {
        return Err(SyntaxError::new(0, "a name is made of lower-case letters, digits and underscores"));
    }
    if ty.is_empty() {
        return Err(SyntaxError::new(colon, "a type must follow the colon"));
    }
    let place = |part: &str| {
        let start = part.as_ptr() as usize - value.as_ptr() as usize;
        At::new(part.to_owned(), text.part(source, start..start + part.len()))
    };
    Ok(Param { name: place(name), ty: place(ty) })
}

/// Lower-case letters, digits and underscores, a letter first and no underscore last: that is how
/// languages respell keywords.
pub fn is_name(s: &str) -> bool {
    s.starts_with(|c: char| c.is_ascii_lowercase())
        && !s.ends_with('_')
        && s.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// As [`is_name`], with capitals after the first letter: some old calls are named after an option of a
/// tool, as `mkswap_L` is.
pub fn is_call_name(s: &str) -> bool {
    is_name(&s.to_ascii_lowercase()) && s.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_places() {
        let source = r#"ret = "fses: {Mountable: Str}""#;
        let p = parse(source, &At::new("fses: {Mountable: Str}".into(), 6..30)).unwrap();
        assert_eq!((&source[p.name.span], &source[p.ty.span]), ("fses", "{Mountable: Str}"));
    }

    #[test]
    fn refuses_what_is_no_signature() {
        for text in ["", "path", "path:", ": Path", "Path: Path", "a b: Path", "1a: Int"] {
            assert!(parse("", &At::new(text.into(), 0..0)).is_err(), "{text}");
        }
    }
}
