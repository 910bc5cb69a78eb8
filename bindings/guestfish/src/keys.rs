//! `--key ID:key:TEXT`, `--key ID:file:NAME`, `--key ID:clevis`: keys for encrypted devices.
//!
//! In: the argument. Out: a [`Selector`]. Only inspection uses them.

use crate::error::{Error, Result};
use bstr::{BString, ByteSlice};

/// Which device, and where its key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Name of the device or UUID of its encryption.
    pub id: BString,
    pub source: Source,
}

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Text(BString),
    File(BString),
    /// The network.
    Clevis,
}

impl Selector {
    /// Take the argument apart. The text of a key may hold colons.
    pub fn parse(text: &BString) -> Result<Self> {
        let bad = |why: &str| Error::new(format!("--key: {why}")).note("help: write ID:key:TEXT, ID:file:NAME or ID:clevis");
        let mut parts = text.splitn_str(3, ":");
        let (id, kind, value) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let source = match (kind, value) {
            (None, _) => return Err(bad("the type of the key is missing")),
            (Some(b"key"), Some(value)) => Source::Text(value.into()),
            (Some(b"file"), Some(value)) => Source::File(value.into()),
            (Some(b"clevis"), None) => Source::Clevis,
            (Some(b"key" | b"file"), None) => return Err(bad("the key is missing")),
            (Some(_), _) => return Err(bad("the type of the key is unknown")),
        };
        Ok(Selector { id: id.into(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let source = |text: &str| Selector::parse(&text.into()).map(|s| s.source);
        assert_eq!(source("id:key:a:b").unwrap(), Source::Text("a:b".into()));
        assert_eq!(source("id:file:/x").unwrap(), Source::File("/x".into()));
        assert_eq!(source("id:clevis").unwrap(), Source::Clevis);
        for bad in ["id", "id:foo:x", "id:key", "id:clevis:x"] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }
}
