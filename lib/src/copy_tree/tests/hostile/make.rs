//! Archives byte by byte: what no archiver would write.
//!
//! In: fields of headers, each of which may be anything. Out: blocks with their checksums made right last,
//! unless the checksum is what is wrong.

/// One header, its data, and how they go into the stream.
#[derive(Clone)]
pub struct Block {
    head: [u8; 512],
    data: Vec<u8>,
    checksum: bool,
}

/// A header of GNU tar: kind and name; mode 0644, owner 0, no time, no data.
pub fn entry(kind: u8, name: impl AsRef<[u8]>) -> Block {
    let mut b = Block { head: [0; 512], data: Vec::new(), checksum: true };
    b = b.put(100, b"0000644").put(108, b"0000000").put(116, b"0000000").put(124, b"00000000000");
    b = b.put(136, b"00000000000").put(257, b"ustar  ");
    b.head[156] = kind;
    b.put(0, name.as_ref())
}

/// A file with data.
pub fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Block {
    entry(b'0', name).data(data)
}

/// A directory.
pub fn dir(name: impl AsRef<[u8]>) -> Block {
    entry(b'5', name).mode("0000755")
}

/// A symbolic link.
pub fn symlink(name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Block {
    entry(b'2', name).link(to)
}

/// A hard link.
pub fn hardlink(name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Block {
    entry(b'1', name).link(to)
}

/// GNU's record of a long name.
pub fn long_name(name: impl AsRef<[u8]>) -> Block {
    entry(b'L', "././@LongLink").data([name.as_ref(), b"\0"].concat())
}

/// GNU's record of a long link target.
pub fn long_link(name: impl AsRef<[u8]>) -> Block {
    entry(b'K', "././@LongLink").data([name.as_ref(), b"\0"].concat())
}

/// A pax header with these records, lengths right.
pub fn pax(records: &[(&str, &[u8])]) -> Block {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|n| n.to_string().len() + rest == *n).expect("a length that counts itself");
        data.extend_from_slice(format!("{length} {key}=").as_bytes());
        data.extend_from_slice(value);
        data.push(b'\n');
    }
    raw_pax(data)
}

/// A pax header with any bytes as records.
pub fn raw_pax(data: impl AsRef<[u8]>) -> Block {
    entry(b'x', "PaxHeaders/x").data(data)
}

impl Block {
    /// Bytes at a place of the header; the field's other bytes stay.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.head[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Data, with its size.
    pub fn data(mut self, data: impl AsRef<[u8]>) -> Self {
        self.data = data.as_ref().to_vec();
        let size = format!("{:011o}", self.data.len());
        self.put(124, size.as_bytes())
    }

    /// The size field says something else than the data.
    pub fn size(self, field: &[u8]) -> Self {
        let mut whole = [0; 12];
        whole[..field.len()].copy_from_slice(field);
        self.put(124, &whole)
    }

    pub fn mode(self, octal: &str) -> Self {
        self.put(100, octal.as_bytes())
    }

    pub fn link(self, to: impl AsRef<[u8]>) -> Self {
        self.put(157, to.as_ref())
    }

    /// POSIX's magic, under which the prefix field counts.
    pub fn prefix(self, prefix: &[u8]) -> Self {
        self.put(257, b"ustar\x0000").put(345, prefix)
    }

    /// The checksum field as it stands.
    pub fn unchecked(mut self) -> Self {
        self.checksum = false;
        self
    }

    /// Header and data in whole blocks.
    pub fn bytes(mut self) -> Vec<u8> {
        if self.checksum {
            self.head[148..156].fill(b' ');
            let sum: u32 = self.head.iter().map(|b| u32::from(*b)).sum();
            self = self.put(148, format!("{sum:06o}\0 ").as_bytes());
        }
        let mut out = self.head.to_vec();
        out.extend_from_slice(&self.data);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }
}

/// An archive with its end marker.
pub fn archive(blocks: impl IntoIterator<Item = Block>) -> Vec<u8> {
    let mut out = open_archive(blocks);
    out.resize(out.len() + 1024, 0);
    out
}

/// An archive without its end marker.
pub fn open_archive(blocks: impl IntoIterator<Item = Block>) -> Vec<u8> {
    blocks.into_iter().flat_map(Block::bytes).collect()
}
