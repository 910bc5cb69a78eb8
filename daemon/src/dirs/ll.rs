//! A directory as `ls -la` shows it, for people to read.
//!
//! In: a guest path. Out: one line an entry: mode, links, owner, group, perhaps the SELinux context, size,
//! time, name. Owners are numbers, since the names that belong to them are the guest's business; times are
//! UTC.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use bstr::{BString, ByteSlice};
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::tree;
use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::{by_fd, GuestPath};

/// Which of the columns is the size.
const SIZE: usize = 3;

/// Half a mean Gregorian year in seconds: older times show the year, as in ls(1).
const RECENT: i64 = 31_556_952 / 2;

/// The listing of a directory, or the line of one file. Symbolic links lead on.
pub fn ll(ctx: &mut Ctx, directory: &GuestPath) -> Result<BString> {
    listing(ctx, directory, false)
}

/// The same with SELinux contexts.
pub fn llz(ctx: &mut Ctx, directory: &GuestPath) -> Result<BString> {
    listing(ctx, directory, true)
}

fn listing(ctx: &Ctx, directory: &GuestPath, labels: bool) -> Result<BString> {
    let fd = directory.open_path(ctx)?;
    let stat = rustix::fs::fstat(&fd).context(directory)?;
    let mut lines = Vec::new();
    let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if is_dir {
        let dir = tree::open_dir(fd.as_fd(), ".".into()).context(directory)?;
        let root = rustix::fs::fstat(ctx.root()).context(directory)?;
        let is_root = (root.st_dev, root.st_ino) == (stat.st_dev, stat.st_ino);
        collect(dir.as_fd(), is_root.then_some(root), labels, &mut lines).context(directory)?;
        lines.sort_by(|a, b| a.name.cmp(&b.name));
    } else {
        let mut line = Line::new(stat, directory.resolve(ctx)?);
        line.label = labels.then(|| label(&fd));
        lines.push(line);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    Ok(render(&lines, is_dir, now))
}

/// The entries of a directory. `root` is given when that is the guest's root, whose `..` is itself.
fn collect(dir: BorrowedFd<'_>, root: Option<Stat>, labels: bool, lines: &mut Vec<Line>) -> Result<()> {
    let (mut bytes, mut widest) = (0usize, 0);
    tree::for_each_entry(dir, |entry| {
        let stat = match root {
            Some(root) if entry.name == ".." => root,
            _ => tree::stat_entry(dir, entry.name).with_context(|| entry.name.as_bytes())?,
        };
        let mut line = Line::new(stat, entry.name.to_owned());
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            // A link that cannot be read is still listed.
            line.target =
                rustix::fs::readlinkat(dir, entry.name.as_bytes(), Vec::new()).ok().map(|t| t.into_bytes().into());
        }
        if labels {
            // The guest's root has nothing above it.
            let name = if root.is_some() && entry.name == ".." { ".".into() } else { entry.name };
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(dir, name.as_bytes(), flags, Mode::empty());
            line.label = Some(label(&fd.with_context(|| entry.name.as_bytes())?));
        }
        let length = |text: &Option<BString>| text.as_ref().map_or(0, |t| t.len());
        // The other fields before the name take about this much.
        bytes += line.name.len() + length(&line.target) + 48;
        // Every line is as wide as its widest context wants it.
        widest = length(&line.label).max(widest);
        let padded = widest.saturating_mul(lines.len().saturating_add(1));
        if bytes.saturating_add(padded) > MESSAGE_MAX {
            return Err(Error::new(
                Errno::TOOBIG,
                "the listing is longer than a reply can be (4 MiB): ls and lstatnslist have no such limit",
            ));
        }
        lines.try_reserve(1)?;
        lines.push(line);
        Ok(())
    })
}

/// The SELinux context of an open file, `?` when it has none.
fn label(fd: &OwnedFd) -> BString {
    // What is longer than this is no context; the kernel's are shorter than a page.
    let mut value = [0; 4096];
    let length = rustix::fs::getxattr(by_fd(fd), "security.selinux", &mut value).unwrap_or(0);
    let label = value.get(..length).unwrap_or_default();
    let label = label.split(|b| *b == 0).next().unwrap_or_default();
    if label.is_empty() {
        "?".into()
    } else {
        label.into()
    }
}

struct Line {
    stat: Stat,
    name: BString,
    target: Option<BString>,
    /// The SELinux context, where it was asked for.
    label: Option<BString>,
}

impl Line {
    fn new(stat: Stat, name: BString) -> Self {
        Line { stat, name, target: None, label: None }
    }

    /// Size in bytes, or the numbers of a device.
    fn size(&self) -> String {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::BlockDevice | FileType::CharacterDevice => {
                let dev = self.stat.st_rdev;
                format!("{}, {}", rustix::fs::major(dev), rustix::fs::minor(dev))
            }
            _ => self.stat.st_size.to_string(),
        }
    }
}

fn render(lines: &[Line], total: bool, now: i64) -> BString {
    let rows: Vec<[String; 4]> = lines
        .iter()
        .map(|l| [l.stat.st_nlink.to_string(), l.stat.st_uid.to_string(), l.stat.st_gid.to_string(), l.size()])
        .collect();
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(String::len).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let label_width = lines.iter().filter_map(|l| l.label.as_ref()).map(|label| label.len()).max().unwrap_or(0);
    let labelled = |line: &Line| line.label.as_ref().is_some_and(|label| *label != "?");
    let any_labelled = lines.iter().any(labelled);
    let mut out = BString::default();
    if total {
        let blocks: u64 = lines.iter().map(|l| l.stat.st_blocks as u64).fold(0, u64::saturating_add);
        out.extend_from_slice(format!("total {}\n", blocks.div_ceil(2)).as_bytes());
    }
    for (line, row) in lines.iter().zip(&rows) {
        out.extend_from_slice(mode_text(line.stat.st_mode).as_slice());
        // As ls(1) has it: a dot behind the mode says that there is a context.
        if any_labelled {
            out.push(if labelled(line) { b'.' } else { b' ' });
        }
        for (column, (text, width)) in row.iter().zip(widths).enumerate() {
            if let (SIZE, Some(label)) = (column, &line.label) {
                out.push(b' ');
                out.extend_from_slice(label);
                out.extend(std::iter::repeat_n(b' ', label_width.saturating_sub(label.len())));
            }
            out.extend_from_slice(format!(" {text:>width$}").as_bytes());
        }
        out.extend_from_slice(format!(" {} ", time_text(line.stat.st_mtime, now)).as_bytes());
        out.extend_from_slice(&line.name);
        if let Some(target) = &line.target {
            out.extend_from_slice(b" -> ");
            out.extend_from_slice(target);
        }
        out.push(b'\n');
    }
    out
}

fn mode_text(mode: u32) -> [u8; 10] {
    let bit = |b: u32, letter: u8| if mode & b != 0 { letter } else { b'-' };
    // Set-id and sticky show in the place of "execute": small with it, capital without.
    let special = |x: u32, s: u32, with: u8, without: u8| match (mode & x != 0, mode & s != 0) {
        (true, true) => with,
        (false, true) => without,
        (true, false) => b'x',
        (false, false) => b'-',
    };
    let kind = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => b'-',
        FileType::Directory => b'd',
        FileType::Symlink => b'l',
        FileType::Fifo => b'p',
        FileType::Socket => b's',
        FileType::CharacterDevice => b'c',
        FileType::BlockDevice => b'b',
        FileType::Unknown => b'?',
    };
    [
        kind,
        bit(0o400, b'r'),
        bit(0o200, b'w'),
        special(0o100, 0o4000, b's', b'S'),
        bit(0o040, b'r'),
        bit(0o020, b'w'),
        special(0o010, 0o2000, b's', b'S'),
        bit(0o004, b'r'),
        bit(0o002, b'w'),
        special(0o001, 0o1000, b't', b'T'),
    ]
}

/// `Nov 21 07:05` for the last half year, `Nov 21  2019` for the rest.
fn time_text(time: i64, now: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = time.div_euclid(86_400);
    let seconds = time.rem_euclid(86_400);
    let (year, month, day) = civil(days);
    let month = MONTHS.get(month).copied().unwrap_or("???");
    if time <= now && time > now - RECENT {
        format!("{month} {day:>2} {:02}:{:02}", seconds / 3600, seconds / 60 % 60)
    } else {
        format!("{month} {day:>2} {year:>5}")
    }
}

/// Year, month (from 0) and day of the month of a day counted from 1970-01-01, in the Gregorian
/// calendar. Days are counted within eras of 400 years that begin on 1 March.
fn civil(days: i64) -> (i64, usize, i64) {
    const ERA: i64 = 146_097;
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(ERA);
    let day_of_era = days.rem_euclid(ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = 1_795_244_746; // 2026-11-21 07:05:46
        assert_eq!(time_text(now, now), "Nov 21 07:05");
        assert_eq!(time_text(now + 1, now), "Nov 21  2026");
        assert_eq!(time_text(now - RECENT, now), "May 22  2026");
        assert_eq!(time_text(0, now), "Jan  1  1970");
        assert_eq!(time_text(-1, now), "Dec 31  1969");
        assert_eq!(time_text(951_782_400, now), "Feb 29  2000");
        // The ends of the range must not overflow.
        time_text(i64::MIN, now);
        time_text(i64::MAX, now);
    }

    #[test]
    fn modes() {
        assert_eq!(&mode_text(0o100_644), b"-rw-r--r--");
        assert_eq!(&mode_text(0o041_777), b"drwxrwxrwt");
        assert_eq!(&mode_text(0o106_644), b"-rwSr-Sr--");
        assert_eq!(&mode_text(0o120_777), b"lrwxrwxrwx");
    }
}
