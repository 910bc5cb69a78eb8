//! What lvm's reporting commands print, taken apart.
//!
//! In: the standard output of `lvm pvs|vgs|lvs` called with [`OPTIONS`]. Out: one [`Row`] a line,
//! whose fields are read in the order they were asked for. Names and tags come from disk, so every
//! field is checked and nothing is assumed about their number.

use bstr::{BString, ByteSlice};
use guestfs_protocol::xdr::Uuid32;

use crate::error::{Error, Result};

/// Between two fields. lvm allows it neither in names nor in tags, and device nodes do not have it.
const SEPARATOR: u8 = b'|';

/// Arguments that make the output ours: bytes as plain numbers, no headings, known separator.
pub const OPTIONS: [&str; 6] = ["--noheadings", "--units", "b", "--nosuffix", "--separator", "|"];

/// The fields of one line.
pub struct Row<'a> {
    rest: Option<&'a [u8]>,
    line: &'a [u8],
}

/// The lines of a report. Blank ones are skipped; lvm indents each line by two blanks.
pub fn rows(output: &[u8]) -> impl Iterator<Item = Row<'_>> {
    output
        .lines()
        .map(|l| l.trim_start_with(|c| c == ' '))
        .filter(|l| !l.is_empty())
        .map(|line| Row { rest: Some(line), line })
}

impl<'a> Row<'a> {
    /// The next field as it stands.
    pub fn text(&mut self) -> Result<BString> {
        self.next().map(BString::from)
    }

    /// The next field as a number, −1 when it is empty (lvm's "not applicable").
    pub fn number(&mut self) -> Result<i64> {
        let field = self.next()?;
        if field.is_empty() {
            return Ok(-1);
        }
        field.to_str().ok().and_then(|s| s.parse().ok()).ok_or_else(|| self.bad(field, "a number"))
    }

    /// The next field as a percentage, −1 when it is empty.
    pub fn percent(&mut self) -> Result<f32> {
        let field = self.next()?;
        if field.is_empty() {
            return Ok(-1.0);
        }
        let value = field.to_str().ok().and_then(|s| s.parse::<f32>().ok()).filter(|f| f.is_finite());
        value.ok_or_else(|| self.bad(field, "a percentage"))
    }

    /// The next field as a UUID: lvm prints 32 letters and digits in groups with dashes between.
    pub fn uuid(&mut self) -> Result<Uuid32> {
        let field = self.next()?;
        let mut uuid = [0u8; 32];
        let mut letters = field.iter().copied().filter(|b| *b != b'-');
        for place in &mut uuid {
            *place = letters.next().filter(u8::is_ascii_alphanumeric).ok_or_else(|| self.bad(field, "a UUID"))?;
        }
        match letters.next() {
            None => Ok(Uuid32(uuid)),
            Some(_) => Err(self.bad(field, "a UUID")),
        }
    }

    /// The line must have no further field.
    pub fn end(self) -> Result<()> {
        match self.rest {
            None => Ok(()),
            Some(_) => Err(Error::msg(format!("lvm printed more fields than asked for: {}", self.line.as_bstr()))),
        }
    }

    fn next(&mut self) -> Result<&'a [u8]> {
        let Some(rest) = self.rest else {
            return Err(Error::msg(format!("lvm printed fewer fields than asked for: {}", self.line.as_bstr())));
        };
        match rest.find_byte(SEPARATOR) {
            Some(at) => {
                self.rest = rest.get(at + 1..);
                Ok(rest.get(..at).unwrap_or_default())
            }
            None => {
                self.rest = None;
                Ok(rest)
            }
        }
    }

    fn bad(&self, field: &[u8], wanted: &str) -> Error {
        Error::msg(format!("lvm printed '{}' where {wanted} belongs: {}", field.as_bstr(), self.line.as_bstr()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_order() {
        let mut all = rows(b"\n  LV|OQWBVf-xNFR-QT3O-DOQU-Rz85-GByl-ADRil4|54525952||12.50|\n");
        let mut row = all.next().unwrap();
        assert_eq!(row.text().unwrap(), "LV");
        assert_eq!(&row.uuid().unwrap().0, b"OQWBVfxNFRQT3ODOQURz85GBylADRil4");
        assert_eq!(row.number().unwrap(), 54_525_952);
        assert_eq!(row.number().unwrap(), -1);
        assert_eq!(row.percent().unwrap(), 12.5);
        assert_eq!(row.percent().unwrap(), -1.0);
        row.end().unwrap();
        assert!(all.next().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        let row = |line: &'static str| rows(line.as_bytes()).next().unwrap();
        assert!(row("x").uuid().is_err());
        assert!(row("OQWBVfxNFRQT3ODOQURz85GBylADRil4x").uuid().is_err());
        assert!(row("1.5").number().is_err());
        assert!(row("99999999999999999999").number().is_err());
        assert!(row("nan").percent().is_err());
        let mut short = row("a");
        short.text().unwrap();
        assert!(short.text().is_err());
        let mut long = row("a|b");
        long.text().unwrap();
        assert!(long.end().is_err());
    }

    proptest::proptest! {
        /// Names and tags come from hostile disks: whatever they are, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            for mut row in rows(&output) {
                let _ = (row.uuid(), row.number(), row.percent(), row.text());
                let _ = row.end();
            }
        }
    }
}
