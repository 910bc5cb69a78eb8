//! The header of a member of a cpio archive in the "new" format of SVR4 (cpio(5), newc and crc).
//!
//! In: facts of a file, or the bytes of a header from a hostile guest. Out: the other of the two. The name
//! with its NUL follows the header, then the data; both are filled up to a multiple of four bytes.

use std::io::{Error, ErrorKind, Result};

/// Size of a header in bytes.
pub const HEADER: usize = 110;

/// The name of the member that ends an archive.
pub const TRAILER: &[u8] = b"TRAILER!!!";

const NEWC: &[u8; 6] = b"070701";
const CRC: &[u8; 6] = b"070702";

/// Which kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Newc,
    /// With the sum of all bytes of each file.
    Crc,
}

/// What a header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Member {
    /// What is the same file has the same number.
    pub number: u32,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    /// Seconds since 1970.
    pub time: u32,
    /// Bytes of data.
    pub size: u32,
    /// Major and minor number of the device that the file is on.
    pub on: (u32, u32),
    /// Major and minor number of a device node.
    pub device: (u32, u32),
    /// Length of the name with its NUL.
    pub name_size: u32,
    /// The sum of all bytes, in format `crc`.
    pub checksum: u32,
}

/// Whether it begins like a header.
pub fn is_cpio(head: &[u8]) -> bool {
    head.starts_with(NEWC) || head.starts_with(CRC)
}

impl Member {
    /// The header.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let m = self;
        let mut header = match format {
            Format::Newc => NEWC.to_vec(),
            Format::Crc => CRC.to_vec(),
        };
        let numbers = [m.number, m.mode, m.uid, m.gid, m.links, m.time, m.size, m.on.0, m.on.1];
        let rest = [m.device.0, m.device.1, m.name_size, m.checksum];
        header.extend(numbers.iter().chain(&rest).flat_map(|n| format!("{n:08X}").into_bytes()));
        header
    }

    /// Read a header; what is not thirteen numbers is an error.
    pub fn decode(header: &[u8; HEADER]) -> Result<Member> {
        let broken = || Error::new(ErrorKind::InvalidData, "broken header in a cpio archive");
        let digits = header.get(NEWC.len()..).filter(|_| is_cpio(header)).ok_or_else(broken)?;
        let mut numbers = digits.chunks(8).map(|digits| {
            let text = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            text.and_then(|d| u32::from_str_radix(d, 16).ok())
        });
        let mut next = || numbers.next().flatten().ok_or_else(broken);
        Ok(Member {
            number: next()?,
            mode: next()?,
            uid: next()?,
            gid: next()?,
            links: next()?,
            time: next()?,
            size: next()?,
            on: (next()?, next()?),
            device: (next()?, next()?),
            name_size: next()?,
            checksum: next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn there_and_back(n: [u32; 13], crc: bool) {
            let [number, mode, uid, gid, links, time, size, a, b, c, d, name_size, checksum] = n;
            let (on, device) = ((a, b), (c, d));
            let m = Member { number, mode, uid, gid, links, time, size, on, device, name_size, checksum };
            let header: [u8; HEADER] = m.encode(if crc { Format::Crc } else { Format::Newc }).try_into().unwrap();
            assert_eq!(Member::decode(&header).unwrap(), m);
            for at in 0..HEADER {
                let mut bad = header;
                bad[at] = b'+';
                assert!(Member::decode(&bad).is_err(), "{at}");
            }
        }
    }
}
