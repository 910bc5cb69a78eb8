//! Checksums of a stream.
//!
//! In: the name of a checksum and bytes. Out: the printable sum, as cksum(1) and md5sum(1) with its
//! relatives print them (hexadecimal, except the CRC, which is decimal).

use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use bstr::BString;

use crate::error::{Error, Result};

/// A checksum being computed.
pub enum Sum {
    /// POSIX cksum.
    Crc(Crc),
    /// One of the hashes.
    Hash(Box<dyn DynDigest>),
}

impl Sum {
    /// Start the checksum of that name.
    pub fn new(name: &[u8]) -> Result<Sum> {
        Ok(match name {
            b"crc" => Sum::Crc(Crc::new()),
            b"md5" => Sum::Hash(Box::<Md5>::default()),
            b"sha1" => Sum::Hash(Box::<Sha1>::default()),
            b"sha224" => Sum::Hash(Box::<Sha224>::default()),
            b"sha256" => Sum::Hash(Box::<Sha256>::default()),
            b"sha384" => Sum::Hash(Box::<Sha384>::default()),
            b"sha512" => Sum::Hash(Box::<Sha512>::default()),
            _ => {
                return Err(Error::invalid(
                    "unknown checksum type: use one of crc, md5, sha1, sha224, sha256, sha384, sha512",
                ))
            }
        })
    }

    /// Take in some bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Sum::Crc(crc) => crc.update(bytes),
            Sum::Hash(hash) => hash.update(bytes),
        }
    }

    /// The printable sum of everything taken in.
    pub fn finish(self) -> BString {
        match self {
            Sum::Crc(crc) => crc.finish().to_string().into(),
            Sum::Hash(hash) => {
                let digest = hash.finalize();
                digest.iter().flat_map(|b| [hex(b >> 4), hex(b & 15)]).collect::<Vec<u8>>().into()
            }
        }
    }
}

fn hex(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' + nibble - 10
    }
}

/// The CRC that POSIX prescribes for cksum: polynomial 0x04C11DB7, most significant bit first, the
/// length appended with its least significant byte first, complemented.
pub struct Crc {
    crc: u32,
    length: u64,
    /// `tables[k][b]` is the effect of byte `b` that is followed by `k` further bytes.
    tables: Box<[[u32; 256]; 8]>,
}

impl Crc {
    fn new() -> Self {
        let mut tables = Box::new([[0u32; 256]; 8]);
        let mut last = [0u32; 256];
        for (b, slot) in (0u32..).zip(&mut last) {
            *slot = (0..8).fold(b << 24, |crc, _| (crc << 1) ^ (0x04c1_1db7 & (crc >> 31).wrapping_neg()));
        }
        let first = last;
        for table in tables.iter_mut() {
            *table = last;
            for slot in &mut last {
                *slot = (*slot << 8) ^ look(&first, *slot >> 24);
            }
        }
        Crc { crc: 0, length: 0, tables }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.length = self.length.wrapping_add(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        let [t0, t1, t2, t3, t4, t5, t6, t7] = &*self.tables;
        for chunk in &mut chunks {
            let word = chunk.iter().fold(0u64, |w, b| (w << 8) | u64::from(*b));
            let high = (word >> 32) as u32 ^ self.crc;
            let low = word as u32;
            self.crc = look(t7, high >> 24)
                ^ look(t6, high >> 16)
                ^ look(t5, high >> 8)
                ^ look(t4, high)
                ^ look(t3, low >> 24)
                ^ look(t2, low >> 16)
                ^ look(t1, low >> 8)
                ^ look(t0, low);
        }
        for b in chunks.remainder() {
            self.crc = (self.crc << 8) ^ look(t0, (self.crc >> 24) ^ u32::from(*b));
        }
    }

    fn finish(mut self) -> u32 {
        let mut length = self.length;
        while length != 0 {
            self.update(&[length as u8]);
            length >>= 8;
        }
        !self.crc
    }
}

/// Entry of a table by the low byte of `index`; always inside.
fn look(table: &[u32; 256], index: u32) -> u32 {
    table.get(usize::from(index as u8)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(name: &str, parts: &[&[u8]]) -> String {
        let mut s = Sum::new(name.as_bytes()).unwrap();
        for p in parts {
            s.update(p);
        }
        s.finish().to_string()
    }

    #[test]
    fn known_sums() {
        // From cksum(1), md5sum(1) and sha*sum(1) of coreutils 9.1.
        let text: &[u8] = b"hello world\nline2\nline 3 no newline";
        assert_eq!(sum("crc", &[text]), "2029913004");
        assert_eq!(sum("crc", &[b"hel", b"lo world\nline2\nli", b"", b"ne 3 no newline"]), "2029913004");
        assert_eq!(sum("crc", &[]), "4294967295");
        assert_eq!(sum("md5", &[]), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(sum("sha1", &[b"abc"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sum("sha224", &[b"abc"]), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
        assert!(sum("sha256", &[b"a", b"bc"]).starts_with("ba7816bf8f01cfea"));
        assert!(sum("sha384", &[b"abc"]).starts_with("cb00753f45a35e8b"));
        assert!(sum("sha512", &[b"abc"]).starts_with("ddaf35a193617aba"));
    }

    #[test]
    fn unknown_type() {
        assert!(Sum::new(b"gost").err().unwrap().to_string().contains("unknown checksum type"));
    }
}
