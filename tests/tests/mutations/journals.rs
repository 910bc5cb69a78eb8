//! Journals of systemd.
//!
//! In: nothing. Out: a journal file with two entries, written as its format is described
//! (systemd's JOURNAL_FILE_FORMAT); what is called on damaged ones.

use super::Calls;
use guestfs::Handle;

/// Bytes of the header.
const HEADER: usize = 240;

struct Journal {
    bytes: Vec<u8>,
    objects: u64,
    last: u64,
}

impl Journal {
    /// Put an object behind the others; where it is.
    fn object(&mut self, kind: u8, numbers: &[u64], rest: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        let size = 16 + 8 * numbers.len() + rest.len();
        self.bytes.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend((size as u64).to_le_bytes());
        self.bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
        self.bytes.extend(rest);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        (self.objects, self.last) = (self.objects + 1, at);
        at
    }

    /// An entry of these fields; where it is.
    fn entry(&mut self, number: u64, fields: &[&[u8]]) -> u64 {
        let mut items = Vec::new();
        for field in fields {
            // A hash is only compared with its copy here.
            let hash = field.iter().fold(0u64, |hash, b| hash.wrapping_mul(131).wrapping_add(u64::from(*b)));
            items.extend([self.object(1, &[hash, 0, 0, 0, 0, 0], field), hash]);
        }
        let boot = 0x2222_2222_2222_2222;
        let head = [number, 1_700_000_000_000_000 + number, 1000 * number, boot, boot, number];
        self.object(3, &[&head[..], &items].concat(), &[])
    }
}

/// A journal file.
pub fn sound(_: &Handle) -> Vec<u8> {
    let mut journal = Journal { bytes: vec![0; HEADER], objects: 0, last: 0 };
    let data_table = journal.object(4, &[0; 4], &[]);
    let field_table = journal.object(5, &[0; 4], &[]);
    let first = journal.entry(1, &[b"MESSAGE=first", b"BINARY=a\0b\xff", &[&b"LONG="[..], &[b'x'; 300]].concat()]);
    let second = journal.entry(2, &[b"MESSAGE=second", b"PRIORITY=6"]);
    let array = journal.object(6, &[0, first, second], &[]);
    let mut header = b"LPKSHHRH".to_vec();
    header.extend([0; 16]);
    for id in [0x44, 0x33, 0x22, 0x11] {
        header.extend([id; 16]);
    }
    let arena = (journal.bytes.len() - HEADER) as u64;
    let (objects, last) = (journal.objects, journal.last);
    let (from, to) = (1_700_000_000_000_001, 1_700_000_000_000_002);
    let numbers = [
        HEADER as u64,
        arena,
        data_table + 16,
        32,
        field_table + 16,
        32,
        last,
        objects,
        2,
        2,
        1,
        array,
        from,
        to,
        2000,
        5,
        0,
        0,
        1,
    ];
    header.extend(numbers.iter().flat_map(|n: &u64| n.to_le_bytes()));
    journal.bytes[..header.len()].copy_from_slice(&header);
    journal.bytes
}

/// Nothing is checked that damage would break.
pub fn mend(_: &mut [u8]) {}

/// Read entries and go back and forth.
pub fn calls(calls: &mut Calls<'_>, path: &str) {
    calls.make(|g| g.mkdir_p("/journal"));
    calls.make(|g| g.cp(path, "/journal/system.journal"));
    if calls.make(|g| g.journal_open("/journal")).is_none() {
        return;
    }
    for _ in 0..4 {
        if calls.make(|g| g.journal_next()) != Some(true) {
            break;
        }
        calls.make(|g| g.journal_get());
        calls.make(|g| g.journal_get_realtime_usec());
    }
    calls.make(|g| g.journal_skip(-100));
    calls.make(|g| g.journal_skip(100));
    calls.make(|g| g.journal_close());
}
