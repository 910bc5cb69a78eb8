//! Databases of the dynamic disks of Windows (Logical Disk Manager), as small as Linux and ldmtool take them.
//!
//! In: disks, and volumes made of pieces of them. Out: sectors for each disk. Numbers are big-endian; the places of
//! fields are those of Linux's Documentation/admin-guide/ldm.rst and block/partitions/ldm.h.

/// Bytes of a sector.
pub const SECTOR: usize = 512;
/// Sectors of a database.
pub const DATABASE: u64 = 2048;
/// Where headers, tables of contents and records are in a database, in sectors.
const HEADERS: [usize; 2] = [1856, 2047];
const TABLES: [usize; 4] = [1, 2, 2045, 2046];
const RECORDS: usize = 17;
/// Sectors for records, and for the log behind them.
const RECORDS_SIZE: u64 = 1482;
const LOG_SIZE: u64 = 224;
/// Bytes of a record's slot, and the slot of the first one: those before it are the header of all.
const SLOT: usize = 128;
const FIRST: u32 = 4;

/// Kinds of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One piece, or several one behind the other.
    Joined,
    /// Chunks of so many sectors in turn.
    Striped(u64),
    /// The same on every piece.
    Mirrored,
    /// Chunks of so many sectors in turn, and for each row of them a parity: RAID 5.
    Parity(u64),
}

/// A piece of a disk: the disk's index, and where in the disk's data, in sectors.
pub type Piece = (usize, u64, u64);

/// A volume.
pub struct Volume {
    pub name: &'static str,
    pub kind: Kind,
    pub hint: &'static str,
    pub pieces: Vec<Piece>,
}

/// A disk: its GUID, and where its data and its database are, in sectors.
pub struct Disk {
    pub guid: &'static str,
    pub data: (u64, u64),
    pub database: u64,
}

/// A group of disks.
pub struct Group {
    pub name: &'static str,
    pub guid: &'static str,
    pub disks: Vec<Disk>,
    pub volumes: Vec<Volume>,
}

fn put(sector: &mut [u8], at: usize, bytes: &[u8]) {
    sector[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A number with its length in front.
fn number(n: u64) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let skip = bytes.iter().take_while(|b| **b == 0).count().min(7);
    [&[(8 - skip) as u8], &bytes[skip..]].concat()
}

/// A text with its length in front.
fn text(s: &str) -> Vec<u8> {
    [&[s.len() as u8], s.as_bytes()].concat()
}

/// A record of some type, which has optional fields by `flags`.
struct Record {
    kind: u8,
    flags: u8,
    fields: Vec<u8>,
}

impl Group {
    /// The header of a disk, `PRIVHEAD`.
    pub fn header(&self, disk: usize) -> [u8; SECTOR] {
        let mut s = [0; SECTOR];
        let disk = &self.disks[disk];
        put(&mut s, 0, b"PRIVHEAD");
        put(&mut s, 0x0c, &[0, 2, 0, 11]);
        for (at, guid) in [(0x30, disk.guid), (0x70, "11111111-2222-3333-4444-555555555555"), (0xb0, self.guid)] {
            put(&mut s, at, guid.as_bytes());
        }
        put(&mut s, 0xf0, self.name.as_bytes());
        for (at, n) in [
            (0x11b, disk.data.0),
            (0x123, disk.data.1),
            (0x12b, disk.database),
            (0x133, DATABASE),
            (0x13b, 2),
            (0x143, 2046),
            (0x153, RECORDS_SIZE),
            (0x15b, LOG_SIZE),
        ] {
            put(&mut s, at, &n.to_be_bytes());
        }
        put(&mut s, 0x14b, &[0, 0, 0, 1, 0, 0, 0, 1]);
        s
    }

    /// The database of a disk, to be written at [`Disk::database`].
    pub fn database(&self, disk: usize) -> Vec<u8> {
        let mut all = vec![0; DATABASE as usize * SECTOR];
        let mut table = [0; SECTOR];
        put(&mut table, 0, b"TOCBLOCK");
        for (at, name, start, size) in [
            (0x24, &b"config"[..], RECORDS as u64, RECORDS_SIZE),
            (0x46, b"log", RECORDS as u64 + RECORDS_SIZE, LOG_SIZE),
        ] {
            put(&mut table, at, name);
            put(&mut table, at + 10, &start.to_be_bytes());
            put(&mut table, at + 18, &size.to_be_bytes());
        }
        for at in TABLES {
            put(&mut all, at * SECTOR, &table);
        }
        for at in HEADERS {
            put(&mut all, at * SECTOR, &self.header(disk));
        }
        let records = self.records();
        let slots = (records.len() as u32 + FIRST).next_multiple_of(FIRST);
        let mut vmdb = [0; SECTOR];
        put(&mut vmdb, 0, b"VMDB");
        for (at, n) in [(4, slots), (8, SLOT as u32), (0x0c, FIRST * SLOT as u32)] {
            put(&mut vmdb, at, &n.to_be_bytes());
        }
        put(&mut vmdb, 0x10, &[0, 1, 0, 4, 0, 10]);
        put(&mut vmdb, 0x16, self.name.as_bytes());
        put(&mut vmdb, 0x35, self.guid.as_bytes());
        for at in [0x75, 0x7d] {
            put(&mut vmdb, at, &5u64.to_be_bytes());
        }
        let count = |kind: u8| records.iter().filter(|r| r.kind & 0x0f == kind).count() as u32;
        for (n, kind) in [1, 2, 3, 4].into_iter().enumerate() {
            put(&mut vmdb, 0x85 + 4 * n, &count(kind).to_be_bytes());
        }
        put(&mut all, RECORDS * SECTOR, &vmdb);
        for slot in FIRST..slots {
            let mut s = [0; SLOT];
            put(&mut s, 0, b"VBLK");
            put(&mut s, 4, &slot.to_be_bytes());
            if let Some(record) = records.get((slot - FIRST) as usize) {
                put(&mut s, 8, &slot.to_be_bytes());
                put(&mut s, 12, &[0, 0, 0, 1, 0, 0, record.flags, record.kind]);
                put(&mut s, 20, &(record.fields.len() as u32).to_be_bytes());
                put(&mut s, 24, &record.fields);
            }
            put(&mut all, RECORDS * SECTOR + slot as usize * SLOT, &s);
        }
        all
    }

    /// The GUID of a volume. No two have the same: their devices could not be told apart.
    pub fn volume_guid(&self, volume: usize) -> [u8; 16] {
        let mut guid = [0x77; 16];
        put(&mut guid, 14, &[self.guid.as_bytes()[0], volume as u8]);
        guid
    }

    fn records(&self) -> Vec<Record> {
        const COMMIT: [u8; 8] = [0; 8];
        let mut ids = 1..;
        let mut id = || ids.next().unwrap_or_default();
        let group = [&number(id())[..], &text(self.name), &text(self.guid), &[0; 4], &COMMIT].concat();
        let mut all = vec![Record { kind: 0x35, flags: 0, fields: group }];
        let disks: Vec<u64> = self.disks.iter().map(|_| id()).collect();
        for (n, disk) in self.disks.iter().enumerate() {
            let name = text(&format!("Disk{}", n + 1));
            let fields = [&number(disks[n])[..], &name, &text(disk.guid), &text(""), &[0; 4], &COMMIT].concat();
            all.push(Record { kind: 0x34, flags: 0, fields });
        }
        for (n, volume) in self.volumes.iter().enumerate() {
            let own = id();
            let copies = if volume.kind == Kind::Mirrored { volume.pieces.len() } else { 1 };
            let per_copy = volume.pieces.len() / copies;
            let pieces: u64 = volume.pieces[..per_copy].iter().map(|(.., size)| size).sum();
            let parity = matches!(volume.kind, Kind::Parity(_));
            let size = if parity { pieces - volume.pieces[0].2 } else { pieces };
            let guid = self.volume_guid(n);
            let mut state = [0; 14];
            put(&mut state, 0, b"ACTIVE");
            let fields = [
                &number(own)[..],
                &text(volume.name),
                &text(if parity { "raid5" } else { "gen" }),
                &text(""),
                &state,
                // The type in numbers, unknown, the volume's number, zeroes, flags.
                &[if parity { 4 } else { 3 }, 0, n as u8 + 1, 0, 0, 0, 0],
                &number(copies as u64),
                &COMMIT,
                &[0; 8],
                &number(size),
                // Zeroes, and the type of a partition with such content: NTFS.
                &[0, 0, 0, 0, 7],
                &guid,
                &if volume.hint.is_empty() { Vec::new() } else { text(volume.hint) },
            ];
            let flags = if volume.hint.is_empty() { 0 } else { 0x02 };
            all.push(Record { kind: 0x51, flags, fields: fields.concat() });
            for copy in 0..copies {
                let component = id();
                let (layout, striped) = match volume.kind {
                    Kind::Striped(chunk) => (1, Some(chunk)),
                    Kind::Joined | Kind::Mirrored => (2, None),
                    Kind::Parity(chunk) => (3, Some(chunk)),
                };
                let fields = [
                    &number(component)[..],
                    &text(&format!("{}-{:02}", volume.name, copy + 1)),
                    &text("ACTIVE"),
                    &[layout, 0, 0, 0, 0],
                    &number(per_copy as u64),
                    &COMMIT,
                    &[0; 8],
                    &number(own),
                    &[0],
                    &striped.map(|chunk| [number(chunk), number(per_copy as u64)].concat()).unwrap_or_default(),
                ];
                let flags = if striped.is_some() { 0x10 } else { 0 };
                all.push(Record { kind: 0x32, flags, fields: fields.concat() });
                let mut offset = 0u64;
                for (index, (disk, start, size)) in volume.pieces[copy * per_copy..][..per_copy].iter().enumerate() {
                    let fields = [
                        &number(id())[..],
                        &text(&format!("Disk{}-{:02}", disk + 1, n + 1)),
                        &[0; 4],
                        &COMMIT,
                        &start.to_be_bytes(),
                        &offset.to_be_bytes(),
                        &number(*size),
                        &number(component),
                        &number(disks[*disk]),
                        &number(index as u64),
                    ];
                    all.push(Record { kind: 0x33, flags: 0x08, fields: fields.concat() });
                    offset += size;
                }
            }
        }
        all
    }
}

/// The first seven sectors of a disk with an MBR: one partition over everything, and the header.
pub fn mbr(group: &Group, disk: usize) -> Vec<u8> {
    let mut head = vec![0; 7 * SECTOR];
    let (_, size) = group.disks[disk].data;
    put(&mut head, 0x1b8, &[0x44, 0x4d, 0, disk as u8]);
    put(&mut head, 0x1be, &[0, 0, 2, 0, 0x42, 0xfe, 0xff, 0xff]);
    put(&mut head, 0x1c6, &63u32.to_le_bytes());
    put(&mut head, 0x1ca, &(size as u32).to_le_bytes());
    put(&mut head, 0x1fe, &[0x55, 0xaa]);
    put(&mut head, 6 * SECTOR, &group.header(disk));
    head
}
