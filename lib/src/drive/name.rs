//! Names of disks by number.
//!
//! In: a number, or a name as the API has it. Out: the other of the two.

use bstr::{BStr, BString};

/// What kernels call disks: a name of another bus means the disk with the same letters.
const PREFIXES: [&[u8]; 3] = [b"/dev/sd", b"/dev/vd", b"/dev/hd"];

/// `/dev/sda`, …, `/dev/sdz`, `/dev/sdaa`, ….
pub(crate) fn name(index: usize) -> BString {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'a' + (rest % 26) as u8);
        rest /= 26;
    }
    letters.extend(b"/dev/sd".iter().rev());
    letters.reverse();
    letters.into()
}

/// The number in a name of this form.
pub(crate) fn number(device: &BStr) -> Option<usize> {
    let letters = PREFIXES.iter().find_map(|p| device.strip_prefix(*p)).filter(|l| !l.is_empty())?;
    let mut number: usize = 0;
    for letter in letters {
        let digit = letter.checked_sub(b'a').filter(|d| *d < 26)?;
        number = number.checked_mul(26)?.checked_add(usize::from(digit) + 1)?;
    }
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let known =
            [(0, "a"), (1, "b"), (25, "z"), (26, "aa"), (27, "ab"), (51, "az"), (52, "ba"), (254, "iu"), (702, "aaa")];
        for (index, letters) in known {
            assert_eq!(name(index), format!("/dev/sd{letters}"));
            assert_eq!(number(name(index).as_slice().into()), Some(index));
        }
        assert_eq!((number("/dev/vdb".into()), number("/dev/hdc".into())), (Some(1), Some(2)));
        let hostile = format!("/dev/sd{}", "z".repeat(100));
        for bad in ["", "/dev/sd", "sda", "/dev/sda1", "/dev/sdA", "/dev/sr0", "/dev/sd`", "/dev/sd{", &hostile] {
            assert_eq!(number(bad.into()), None, "{bad}");
        }
    }
}
