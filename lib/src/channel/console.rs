//! The end of what the appliance printed.
//!
//! In: console bytes as they come. Out: the last lines, for error messages, and the line of a kernel
//! panic if there was one. Memory is bounded whatever is printed.

use bstr::{BString, ByteSlice};

/// Bytes kept.
const KEPT: usize = 16 * 1024;
/// Lines shown with an error.
const SHOWN: usize = 20;
/// Longest line shown.
const LINE_MAX: usize = 400;

/// Ring of the last console bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    /// All bytes ever seen.
    total: u64,
    panic: Option<BString>,
}

impl Tail {
    /// Add bytes.
    pub fn push(&mut self, new: &[u8]) {
        self.total = self.total.saturating_add(new.len() as u64);
        self.bytes.extend_from_slice(new);
        // Trim rarely, so that many small writes do not move the buffer each time.
        if self.bytes.len() > 2 * KEPT {
            self.note_panic();
            let cut = self.bytes.len() - KEPT;
            self.bytes.drain(..cut);
        }
    }

    fn note_panic(&mut self) {
        if self.panic.is_none() {
            self.panic = find_panic(&self.bytes);
        }
    }

    /// Bytes ever seen.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The kernel's panic line.
    pub fn panic_line(&mut self) -> Option<BString> {
        self.note_panic();
        self.panic.clone()
    }

    /// What our daemon said when it gave up as PID 1 (`guestfsd: fatal: WHY`), without the marker.
    pub fn fatal_line(&self) -> Option<BString> {
        let clean = clean(&self.bytes);
        let line = clean.lines().rev().find_map(|l| l.trim().strip_prefix(b"guestfsd: fatal: "))?;
        Some(line.get(..LINE_MAX).unwrap_or(line).into())
    }

    /// True when `needle` is among the bytes still kept.
    pub fn contains(&self, needle: &str) -> bool {
        self.bytes.contains_str(needle)
    }

    /// The last lines, cleaned of carriage returns and escape sequences.
    pub fn last_lines(&self) -> BString {
        let clean = clean(&self.bytes);
        let lines: Vec<&[u8]> = clean.lines().filter(|l| !l.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(SHOWN);
        let shown: Vec<&[u8]> = lines.iter().skip(from).map(|l| l.get(..LINE_MAX).unwrap_or(l)).collect();
        bstr::join("\n", shown).into()
    }

    /// The last line that holds anything.
    pub fn last_line(&self) -> Option<BString> {
        let lines = self.last_lines();
        lines.lines().next_back().map(BString::from)
    }
}

fn find_panic(bytes: &[u8]) -> Option<BString> {
    let line = bytes.lines().find(|l| l.contains_str("Kernel panic - not syncing"))?;
    let clean = clean(line);
    Some(clean.get(..LINE_MAX).unwrap_or(&clean).into())
}

/// Drop what would move a terminal's cursor: the text ends up in error messages and the guest may
/// be hostile.
fn clean(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(b) = rest.next() {
        match b {
            b'\n' | b'\t' => out.push(b),
            0x1b => {
                // CSI sequence: ESC [ … final byte; anything else: drop the ESC alone.
                let mut ahead = rest.clone();
                if ahead.next() == Some(b'[') {
                    let mut length = 0;
                    for c in ahead.by_ref() {
                        length += 1;
                        if (0x40..=0x7e).contains(&c) || length > 32 {
                            break;
                        }
                    }
                    rest = ahead;
                }
            }
            0x20..=0x7e | 0x80..=0xff => out.push(b),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_only() {
        let mut tail = Tail::default();
        for i in 0..10_000 {
            tail.push(format!("line {i}\r\n").as_bytes());
        }
        assert!(tail.bytes.len() <= 2 * KEPT + 32);
        let lines = tail.last_lines();
        assert_eq!(lines.lines().count(), SHOWN);
        assert!(lines.ends_with(b"line 9999"));
        assert_eq!(tail.last_line().unwrap(), "line 9999");
        assert_eq!(tail.total(), 10_000 * 11 - (10 * 3 + 90 * 2 + 900));
    }

    #[test]
    fn a_panic_is_remembered_after_it_scrolled_away() {
        let mut tail = Tail::default();
        tail.push(b"[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n");
        for _ in 0..10_000 {
            tail.push(b"trace trace trace\n");
        }
        assert!(tail.panic_line().unwrap().ends_with(b"Unable to mount root fs"));
    }

    #[test]
    fn the_daemons_last_words_are_found() {
        let mut tail = Tail::default();
        assert_eq!(tail.fatal_line(), None);
        tail.push(b"guestfsd: stage: root\r\nguestfsd: fatal: no root\r\n[ 1.0] reboot\r\n");
        assert_eq!(tail.fatal_line().unwrap(), "no root");
    }

    #[test]
    fn escape_sequences_are_dropped() {
        let mut tail = Tail::default();
        tail.push(b"\x1b[2J\x1b[1;31mred\x1b[0m\x07\x1bc plain\n\x1b[");
        assert_eq!(tail.last_lines(), "redc plain");
    }
}
