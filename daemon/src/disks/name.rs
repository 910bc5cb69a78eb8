//! Drive letters: index 0 is `a`, 25 `z`, 26 `aa`, as the kernel counts its disks.
//!
//! In: the index of a drive, or letters. Out: the other one. Both ends of the machine count alike
//! (guestfs(3), "BLOCK DEVICE NAMING").

/// Letters of a drive.
pub fn drive_name(index: usize) -> String {
    let mut name = Vec::new();
    let mut left = index.saturating_add(1);
    while left > 0 {
        left -= 1;
        name.push(char::from(b'a' + (left % 26) as u8));
        left /= 26;
    }
    name.iter().rev().collect()
}

/// Index of drive letters; `None` for anything that is not one to six lower case letters.
pub fn drive_index(letters: &[u8]) -> Option<usize> {
    if letters.is_empty() || letters.len() > 6 {
        return None;
    }
    let mut index: usize = 0;
    for c in letters {
        let digit = c.is_ascii_lowercase().then(|| usize::from(c - b'a'))?;
        index = index * 26 + digit + 1;
    }
    index.checked_sub(1)
}

/// An API name of a drive or one of its partitions: `/dev/sdb`, `/dev/hda3`, `/dev/vdaa1`.
pub(super) fn parse_drive(name: &[u8]) -> Option<(usize, Option<&[u8]>)> {
    let rest = name.strip_prefix(b"/dev/")?;
    let rest = match rest {
        [b's' | b'h' | b'v', b'd', rest @ ..] => rest,
        _ => return None,
    };
    let letters = rest.iter().take_while(|c| c.is_ascii_lowercase()).count();
    let (letters, number) = rest.split_at_checked(letters)?;
    let index = drive_index(letters)?;
    match number {
        b"" => Some((index, None)),
        [b'1'..=b'9', ..] if number.iter().all(u8::is_ascii_digit) => Some((index, Some(number))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_indexes() {
        for (index, name) in [(0, "a"), (1, "b"), (25, "z"), (26, "aa"), (27, "ab"), (701, "zz"), (702, "aaa")] {
            assert_eq!(drive_name(index), name);
            assert_eq!(drive_index(name.as_bytes()), Some(index));
        }
        for bad in ["", "A", "a1", "aaaaaaa", "-"] {
            assert_eq!(drive_index(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn names_of_drives() {
        assert_eq!(parse_drive(b"/dev/sda"), Some((0, None)));
        assert_eq!(parse_drive(b"/dev/hdb12"), Some((1, Some(&b"12"[..]))));
        assert_eq!(parse_drive(b"/dev/vdaa1"), Some((26, Some(&b"1"[..]))));
        for bad in ["/dev/sd", "/dev/sd1", "/dev/sda0", "/dev/sda1x", "/dev/xda", "/dev/sda/1", "sda", "/dev/md0"] {
            assert_eq!(parse_drive(bad.as_bytes()), None, "{bad}");
        }
    }
}
