//! Family `iso`: what an ISO 9660 image says of itself.
//!
//! In: a device or a guest file. Out: its primary volume descriptor, read as ECMA-119 has it (section 8.4;
//! numbers in the comments count bytes from 0).

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;
use bstr::{BString, ByteSlice};
use guestfs_protocol::structs::Isoinfo;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

/// The descriptors are one each in the sectors behind the system area (6.2.1).
const SECTOR: usize = 2048;
const FIRST: u64 = 16;
/// There are a few; more are not looked at.
const DESCRIPTORS_MAX: u64 = 64;

const IDENTIFIER: &[u8] = b"CD001";
const PRIMARY: u8 = 1;
const TERMINATOR: u8 = 255;

/// A date (8.4.26.1): sixteen digits, and the distance from Greenwich in quarters of an hour.
const DATE: usize = 17;
const DIGITS: usize = 16;
const QUARTER: i64 = 15 * 60;
/// What stands for a date that is not set.
const NO_DATE: i64 = -1;

/// The volume descriptor of a device.
pub fn isoinfo_device(ctx: &mut Ctx, device: &Device) -> Result<Isoinfo> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    read(&file).with_context(|| device.api_name(ctx))
}

/// The volume descriptor of an image that is a file.
pub fn isoinfo(ctx: &mut Ctx, isofile: &GuestPath) -> Result<Isoinfo> {
    read(&open_file(ctx, isofile, OFlags::RDONLY)?).context(isofile)
}

fn read(file: &File) -> Result<Isoinfo> {
    let mut sector = [0; SECTOR];
    for number in FIRST..FIRST + DESCRIPTORS_MAX {
        match file.read_exact_at(&mut sector, number * SECTOR as u64) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(e.into()),
        }
        match sector.split_first() {
            Some((kind, rest)) if rest.starts_with(IDENTIFIER) => match *kind {
                PRIMARY => return descriptor(&sector).ok_or_else(|| Error::invalid("a damaged ISO image")),
                TERMINATOR => break,
                _ => {}
            },
            _ => break,
        }
    }
    Err(Error::invalid("not an ISO file or CD-ROM"))
}

/// Take the descriptor apart; numbers are stored twice, the little end first.
fn descriptor(sector: &[u8]) -> Option<Isoinfo> {
    let text = |at: usize, length: usize| sector.get(at..at.checked_add(length)?).map(text);
    let short = |at: usize| sector.get(at..)?.first_chunk().map(|b| u32::from(u16::from_le_bytes(*b)));
    let long = |at: usize| sector.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b));
    let date = |at: usize| sector.get(at..)?.first_chunk().map(date);
    Some(Isoinfo {
        iso_system_id: text(8, 32)?,
        iso_volume_id: text(40, 32)?,
        iso_volume_space_size: long(80)?,
        iso_volume_set_size: short(120)?,
        iso_volume_sequence_number: short(124)?,
        iso_logical_block_size: short(128)?,
        iso_volume_set_id: text(190, 128)?,
        iso_publisher_id: text(318, 128)?,
        iso_data_preparer_id: text(446, 128)?,
        iso_application_id: text(574, 128)?,
        iso_copyright_file_id: text(702, 37)?,
        iso_abstract_file_id: text(739, 37)?,
        iso_bibliographic_file_id: text(776, 37)?,
        iso_volume_creation_t: date(813)?,
        iso_volume_modification_t: date(830)?,
        iso_volume_expiration_t: date(847)?,
        iso_volume_effective_t: date(864)?,
    })
}

/// A text without the blanks it is filled up with. Some programs fill with zero bytes, which no string of
/// the API can hold.
fn text(field: &[u8]) -> BString {
    let end = field.find_byte(0).unwrap_or(field.len());
    field.get(..end).unwrap_or_default().trim_end_with(|c| c == ' ').into()
}

/// Seconds since 1970, or [`NO_DATE`] for one that is not set or is none.
fn date(field: &[u8; DATE]) -> i64 {
    seconds(field).unwrap_or(NO_DATE)
}

/// Year, month, day, hour, minute, second and hundredth of the local time, without anything between them.
fn seconds(field: &[u8; DATE]) -> Option<i64> {
    let (digits, offset) = field.split_at_checked(DIGITS)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits.iter().all(|d| *d == b'0') {
        return None;
    }
    let number = |at: usize, length: usize| -> Option<i64> {
        Some(digits.get(at..at.checked_add(length)?)?.iter().fold(0, |n, d| n * 10 + i64::from(d & 0xf)))
    };
    let (year, month, day) = (number(0, 4)?, number(4, 2)?, number(6, 2)?);
    let (hour, minute, second) = (number(8, 2)?, number(10, 2)?, number(12, 2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let quarters = i64::from(i8::from_ne_bytes([*offset.first()?]));
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - quarters * QUARTER)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years are counted from March on, so that the
/// day that some of them have more is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap + (153 * march_month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;
    use std::process::Command;

    fn at(text: &str, quarters: i8) -> i64 {
        let mut field = [0; DATE];
        field[..DIGITS].copy_from_slice(text.as_bytes());
        field[DIGITS] = quarters as u8;
        date(&field)
    }

    #[test]
    fn dates() {
        assert_eq!(at("1970010100000000", 0), 0);
        assert_eq!(at("2000022912000099", 0), 951_825_600);
        assert_eq!(at("2026113012515000", 0), 1_796_043_110);
        assert_eq!(at("2026113012515000", 4), 1_796_043_110 - 3600);
        assert_eq!(at("2026113012515000", -20), 1_796_043_110 + 5 * 3600);
        assert_eq!(at("1969123123595900", 0), -1);
        assert_eq!(at("9999123123595999", 0), 253_402_300_799);
        for none in ["0000000000000000", "2026130112000000", "2026010012000000", "2026010124000000", "2026 10112000000"]
        {
            assert_eq!(at(none, 4), NO_DATE, "{none}");
        }
    }

    #[test]
    fn images() {
        let mut g = Guest::new();
        g.write("/d/a", "x");
        let mut make = Command::new("genisoimage");
        make.args(["-quiet", "-o", "i.iso", "-V", "MY LABEL", "-A", "app", "-sysid", "LINUX X", "-volset", "set"]);
        make.args(["-publisher", "pub", "-p", "prep", "-copyright", "a", "-J", "-R", "d"]).current_dir(g.host("/"));
        assert!(make.status().unwrap().success());
        let path = g.path("/i.iso");
        let info = isoinfo(&mut g.ctx, &path).unwrap();
        let texts = [&info.iso_system_id, &info.iso_volume_id, &info.iso_volume_set_id, &info.iso_publisher_id];
        assert_eq!(texts, ["LINUX X", "MY LABEL", "set", "pub"]);
        let texts = [&info.iso_data_preparer_id, &info.iso_application_id, &info.iso_copyright_file_id];
        assert_eq!(texts, ["prep", "app", "a"]);
        assert_eq!(info.iso_abstract_file_id, "");
        let size = u64::from(info.iso_volume_space_size) * u64::from(info.iso_logical_block_size);
        assert_eq!(size, g.read("/i.iso").len() as u64);
        assert_eq!((info.iso_volume_set_size, info.iso_volume_sequence_number), (1, 1));
        assert!(info.iso_volume_creation_t > 1_600_000_000);
        assert_eq!(info.iso_volume_expiration_t, NO_DATE);

        let mut image = g.read("/i.iso");
        // Another descriptor in front, as a boot record may be.
        let mut moved = image.clone();
        moved.splice(0x8000..0x8000, [&b"\0CD001\x01"[..], &[0; SECTOR - 7]].concat());
        g.write("/moved", moved);
        let path = g.path("/moved");
        assert_eq!(isoinfo(&mut g.ctx, &path).unwrap(), info);
        for (name, length) in [("/empty", 0), ("/short", 0x8000 + 100)] {
            g.write(name, &image[..length]);
            let path = g.path(name);
            assert_eq!(isoinfo(&mut g.ctx, &path).unwrap_err().errno(), Some(Errno::INVAL));
        }
        image[0x8001] = b'X';
        g.write("/other", image);
        let path = g.path("/other");
        assert_eq!(isoinfo(&mut g.ctx, &path).unwrap_err().errno(), Some(Errno::INVAL));
    }

    proptest::proptest! {
        #[test]
        fn any_sector(bytes: Vec<u8>, field: [u8; DATE]) {
            let _ = descriptor(&bytes);
            let _ = date(&field);
        }
    }
}
