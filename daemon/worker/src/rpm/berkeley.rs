//! `Packages`, the database of RPM until 4.16: a hash table of Berkeley DB, in pages.
//!
//! In: the file. Out: the headers of the packages, as they are. librpm could read it, too, but where a page is not
//! what it should be it ends its list there, as if there were no more packages. The file is hostile: all of its
//! numbers are checked. Where fields are is in the library's `dbinc/db_page.h`.

use crate::library::{Fault, Result};
use rustix::io::Errno;
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// In the first page: what it is, the size of pages, the last bucket, how many records there are, and for each
/// doubling of the table what to add to a bucket's number to have its page.
const MAGIC: u32 = 0x0006_1561;
const AT_MAGIC: usize = 12;
const AT_PAGE_SIZE: usize = 20;
const AT_LAST_BUCKET: usize = 72;
const AT_RECORDS: usize = 88;
const AT_DOUBLINGS: usize = 96;
const META_SIZE: usize = 224;
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 512..=65_536;
/// In all others: their number, the next one, how many items are in it, how long what is in it is, its type.
const AT_NUMBER: usize = 8;
const AT_NEXT: usize = 16;
const AT_ITEMS: usize = 20;
const AT_LENGTH: usize = 22;
const AT_TYPE: usize = 25;
const HEAD: usize = 26;
/// Types of pages: of a bucket, with and without an order; of a long item.
const BUCKET: [u8; 2] = [2, 13];
const LONG: u8 = 7;
/// Types of items: as it is; in pages of its own, with their first, and its length.
const HERE: u8 = 1;
const ELSEWHERE: u8 = 3;
/// What librpm takes for a header.
const HEADER_MAX: u32 = 256 << 20;

/// Give all headers to `each`.
pub fn headers(path: &str, each: &mut dyn FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut meta = [0; META_SIZE];
    file.read_exact_at(&mut meta, 0).map_err(|_| damaged("it ends early"))?;
    // The machine that made it had one order of bytes or the other.
    let big = match word::<4>(&meta, AT_MAGIC, false) {
        Some(MAGIC) => false,
        Some(swapped) if swapped.swap_bytes() == MAGIC => true,
        _ => return Err(damaged("it begins as none does")),
    };
    let page_size = word::<4>(&meta, AT_PAGE_SIZE, big).filter(|size| PAGE_SIZES.contains(size));
    let page_size = page_size.ok_or_else(|| damaged("the size of its pages is none"))?;
    let pages = u32::try_from(size / u64::from(page_size)).unwrap_or(u32::MAX);
    let table = Table { file, page_size: page_size as usize, pages, left: Cell::new(pages), big };
    let last = word::<4>(&meta, AT_LAST_BUCKET, big).filter(|last| *last < pages);
    let last = last.ok_or_else(|| damaged("it has more buckets than pages"))?;
    let (mut records, mut blank) = (0_u32, false);
    for bucket in 0..=last {
        let doubling = (u32::BITS - bucket.leading_zeros()) as usize;
        let add = word::<4>(&meta, AT_DOUBLINGS + 4 * doubling, big);
        let first = add.and_then(|add| add.checked_add(bucket));
        let mut next = first;
        while let Some(number) = next {
            let page = table.page(number)?;
            // A bucket that was never used may be one that was never written.
            if next == first && page.iter().all(|b| *b == 0) {
                blank = true;
                break;
            }
            records = records.saturating_add(table.bucket(number, &page, each)?);
            next = word::<4>(&page, AT_NEXT, big).filter(|next| *next != 0);
        }
    }
    // How many there are is not always written in time: it counts only beside another sign.
    if blank && word::<4>(&meta, AT_RECORDS, big).is_some_and(|wanted| wanted > records) {
        return Err(damaged("a page is blank, and packages are missing"));
    }
    Ok(())
}

/// A number of `N` bytes.
fn word<const N: usize>(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let bytes: &[u8; N] = bytes.get(at..)?.first_chunk()?;
    let join = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
    Some(if big { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) })
}

fn damaged(why: &str) -> Fault {
    Fault::new(Errno::INVAL, format!("the RPM database Packages is damaged: {why}"))
}

/// The file.
struct Table {
    file: File,
    page_size: usize,
    pages: u32,
    /// How many pages can still be read: each belongs to one bucket or item.
    left: Cell<u32>,
    big: bool,
}

impl Table {
    /// A page, which says itself which it is unless it is blank.
    fn page(&self, number: u32) -> Result<Vec<u8>> {
        if number == 0 || number >= self.pages {
            return Err(damaged("a page is behind its end"));
        }
        let left = self.left.get().checked_sub(1).ok_or_else(|| damaged("a page is in several places"))?;
        self.left.set(left);
        let mut page = vec![0; self.page_size];
        self.file.read_exact_at(&mut page, u64::from(number) * self.page_size as u64)?;
        match word::<4>(&page, AT_NUMBER, self.big) {
            Some(own) if own == number => Ok(page),
            _ if page.iter().all(|b| *b == 0) => Ok(page),
            _ => Err(damaged(&format!("page {number} is another one"))),
        }
    }

    /// Give the headers of a bucket's page to `each`. How many records it has.
    fn bucket(&self, number: u32, page: &[u8], each: &mut dyn FnMut(&mut [u8]) -> Result<()>) -> Result<u32> {
        let odd = || damaged(&format!("page {number} is none of packages"));
        if !page.get(AT_TYPE).is_some_and(|kind| BUCKET.contains(kind)) {
            return Err(odd());
        }
        let items = word::<2>(page, AT_ITEMS, self.big).filter(|items| items % 2 == 0).ok_or_else(odd)?;
        let index_end = HEAD + 2 * items as usize;
        // Items are written from the page's end towards its head.
        let mut end = page.len();
        let mut item = |n: u32| {
            let start = word::<2>(page, HEAD + 2 * n as usize, self.big)? as usize;
            let item = page.get(start..end).filter(|_| start >= index_end);
            end = start;
            item?.split_first()
        };
        for pair in (0..items).step_by(2) {
            let (Some((&HERE, key)), Some((&kind, data))) = (item(pair), item(pair + 1)) else { return Err(odd()) };
            if key.len() != 4 {
                return Err(odd());
            }
            let mut blob = match kind {
                HERE => data.to_vec(),
                ELSEWHERE => {
                    let place = word::<4>(data, 3, self.big).zip(word::<4>(data, 7, self.big));
                    let (first, length) = place.ok_or_else(odd)?;
                    self.long(first, length)?
                }
                _ => return Err(odd()),
            };
            // The first record is the number that the next package gets.
            if key != [0; 4] {
                each(&mut blob)?;
            }
        }
        Ok(items / 2)
    }

    /// An item of this length, in pages of its own from `first` on.
    fn long(&self, first: u32, length: u32) -> Result<Vec<u8>> {
        let odd = |number: u32| damaged(&format!("page {number} is none of a package"));
        if length > HEADER_MAX || u64::from(length) > u64::from(self.pages) * self.page_size as u64 {
            return Err(damaged("a package is longer than the database"));
        }
        let mut blob = Vec::new();
        blob.try_reserve_exact(length as usize).map_err(|_| Errno::NOMEM)?;
        let mut next = first;
        while blob.len() < length as usize {
            let page = self.page(next)?;
            let part = word::<2>(&page, AT_LENGTH, self.big).unwrap_or_default() as usize;
            let part = page.get(HEAD..).and_then(|rest| rest.get(..part)).filter(|part| !part.is_empty());
            let part =
                part.filter(|part| page.get(AT_TYPE) == Some(&LONG) && part.len() <= length as usize - blob.len());
            blob.extend_from_slice(part.ok_or_else(|| odd(next))?);
            next = word::<4>(&page, AT_NEXT, self.big).unwrap_or_default();
        }
        Ok(blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 512;

    fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
        page[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A database with these headers: two buckets, of which the second goes on in another page, and pages of long
    /// items behind them.
    fn database(blobs: &[Vec<u8>], big: bool) -> Vec<u8> {
        let word = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let half = |n: usize| if big { (n as u16).to_be_bytes() } else { (n as u16).to_le_bytes() };
        let mut pages = vec![vec![0; PAGE]; 4];
        let fields =
            [(AT_MAGIC, MAGIC), (AT_PAGE_SIZE, 512), (AT_LAST_BUCKET, 1), (AT_RECORDS, blobs.len() as u32 + 1)];
        for (at, n) in fields.into_iter().chain([(AT_DOUBLINGS, 1), (AT_DOUBLINGS + 4, 1)]) {
            put(&mut pages[0], at, &word(n));
        }
        let mut records: Vec<Vec<(u32, Vec<u8>)>> = vec![Vec::new(); 4];
        records[1].push((0, vec![HERE, 9, 0, 0, 0]));
        for (n, blob) in blobs.iter().enumerate() {
            let data = if blob.len() < 100 {
                [&[HERE], &blob[..]].concat()
            } else {
                let first = pages.len();
                for part in blob.chunks(PAGE - HEAD) {
                    let mut page = vec![0; PAGE];
                    page[AT_TYPE] = LONG;
                    put(&mut page, AT_LENGTH, &half(part.len()));
                    put(&mut page, HEAD, part);
                    put(&mut page, AT_NEXT, &word(pages.len() as u32 + 1));
                    pages.push(page);
                }
                put(pages.last_mut().unwrap(), AT_NEXT, &[0; 4]);
                [&[ELSEWHERE, 0, 0, 0], &word(first as u32)[..], &word(blob.len() as u32)].concat()
            };
            records[1 + n % 3].push((n as u32 + 1, data));
        }
        put(&mut pages[2], AT_NEXT, &word(3));
        for (page, records) in pages.iter_mut().zip(&records).skip(1) {
            page[AT_TYPE] = BUCKET[1];
            put(page, AT_ITEMS, &half(2 * records.len()));
            let mut end = PAGE;
            let items = records.iter().flat_map(|(key, data)| [[&[HERE], &word(*key)[..]].concat(), data.clone()]);
            for (n, item) in items.enumerate() {
                end -= item.len();
                put(page, end, &item);
                put(page, HEAD + 2 * n, &half(end));
            }
        }
        for (n, page) in pages.iter_mut().enumerate() {
            put(page, AT_NUMBER, &word(n as u32));
        }
        pages.concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut found = Vec::new();
        headers(file.path().to_str().unwrap(), &mut |blob| {
            found.push(blob.to_vec());
            Ok(())
        })?;
        found.sort();
        Ok(found)
    }

    #[test]
    fn headers_of_either_order() {
        let blobs: Vec<Vec<u8>> = [10, 99, 100, 486, 487, 2000].map(|size| vec![size as u8; size]).into();
        let mut sorted = blobs.clone();
        sorted.sort();
        for big in [false, true] {
            assert_eq!(read(&database(&blobs, big)).unwrap(), sorted);
            assert!(read(&database(&[], big)).unwrap().is_empty());
        }
    }

    #[test]
    fn damage() {
        let blobs: Vec<Vec<u8>> = [10, 20, 30, 1000].map(|size| vec![size as u8; size]).into();
        let good = database(&blobs, false);
        for cut in [0, 20, 100, 512, 600, 1024, good.len() - 512] {
            assert!(read(&good[..cut]).is_err(), "{cut}");
        }
        // A page that is lost, blank or another one is no shorter list.
        for page in 1..good.len() / PAGE {
            for with in [vec![0; PAGE], vec![0xff; PAGE], good[..PAGE].to_vec()] {
                let mut bad = good.clone();
                put(&mut bad, page * PAGE, &with);
                assert!(read(&bad).is_err(), "page {page}");
            }
        }
        // A circle of pages.
        let mut bad = good.clone();
        put(&mut bad, 3 * PAGE + AT_NEXT, &2u32.to_le_bytes());
        assert!(read(&bad).is_err());
        for at in (0..good.len()).filter(|at| at % PAGE < HEAD + 12 || *at < META_SIZE) {
            for with in [1, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= with;
                let _ = read(&bad);
            }
        }
    }
}
