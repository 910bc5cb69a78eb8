//! `--key ID:key:TEXT`, `--key ID:file:NAME`, `--key ID:clevis`: keys for encrypted devices.
//!
//! In: the argument. Out: a [`Selector`]. Only inspection uses them.

use crate::error::{Error, Result};
use bstr::{BString, ByteSlice};

/// Which device, and where its key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Name of the device, UUID of its encryption, or `all`.
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
        let bad =
            |why: &str| Error::new(format!("--key: {why}")).note("help: write ID:key:TEXT, ID:file:NAME or ID:clevis");
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

    /// Whether it means this device.
    pub fn is_for(&self, device: &[u8], uuid: &[u8]) -> bool {
        // An empty word must not mean a device without a UUID.
        self.id == "all" || self.id == device || (!uuid.is_empty() && self.id.eq_ignore_ascii_case(uuid))
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

    #[test]
    fn which_device() {
        let is_for = |id: &str, uuid: &str| {
            let selector = Selector { id: id.into(), source: Source::Clevis };
            selector.is_for(b"/dev/sda2", uuid.as_bytes())
        };
        assert!(is_for("/dev/sda2", "") && is_for("all", "") && is_for("AB-12", "ab-12"));
        assert!(!is_for("", "") && !is_for("/dev/sda", "x") && !is_for("ab", "ab-12"));
    }
}
