//! Numbers and booleans as typed.
//!
//! In: one word. Out: a value, or what is wrong with it. Numbers are decimal, octal with a leading `0` or
//! hexadecimal with `0x`, and may end in a size suffix: `K M G T P E Z Y` (also `KiB` …) for powers of
//! 1024, `KB MB …` for powers of 1000. White space before them is skipped. guestfish(1), "NUMBERS".

use bstr::ByteSlice;

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberError {
    /// No digits, or none at the start.
    NotANumber,
    /// Something that is no suffix follows the digits.
    BadSuffix,
    /// A digit 8 or 9 after a leading 0.
    NotOctal,
    /// Above what the parameter can hold.
    OutOfRange,
}

impl NumberError {
    /// In words, after the word itself.
    pub fn text(self) -> &'static str {
        match self {
            NumberError::NotANumber => "is not a number",
            NumberError::BadSuffix => "has an unknown size suffix (K, M, G, T, P, E and KB, MB, … are known)",
            NumberError::NotOctal => "begins with 0, which makes it octal, but has a digit that no octal number has",
            NumberError::OutOfRange => "is out of range",
        }
    }
}

/// A signed number with its suffix applied.
pub fn int64(word: &[u8]) -> Result<i64, NumberError> {
    let (negative, digits) = match skip_space(word) {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        digits => (false, digits),
    };
    let value = magnitude(digits)?;
    let value = if negative { -value } else { value };
    i64::try_from(value).map_err(|_| NumberError::OutOfRange)
}

/// As [`int64`], for parameters of 32 bits.
pub fn int(word: &[u8]) -> Result<i32, NumberError> {
    i32::try_from(int64(word)?).map_err(|_| NumberError::OutOfRange)
}

/// A size in bytes: not negative.
pub fn size(word: &[u8]) -> Result<i64, NumberError> {
    let word = skip_space(word);
    i64::try_from(magnitude(word.strip_prefix(b"+").unwrap_or(word))?).map_err(|_| NumberError::OutOfRange)
}

fn skip_space(word: &[u8]) -> &[u8] {
    word.trim_start_with(|c| matches!(c, ' ' | '\t'..='\r'))
}

fn magnitude(word: &[u8]) -> Result<i128, NumberError> {
    let (radix, digits) = match word {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        // The 0 itself is a digit: "0" and "0K" are numbers.
        [b'0', ..] => (8, word),
        _ => (10, word),
    };
    let mut value: i128 = 0;
    let mut used = 0;
    for digit in digits.iter().map_while(|b| char::from(*b).to_digit(radix)) {
        // 2^64 is enough to know that it is out of range; the rest of the digits only have to be skipped.
        value = (value * i128::from(radix) + i128::from(digit)).min(1 << 64);
        used += 1;
    }
    if used == 0 {
        return Err(NumberError::NotANumber);
    }
    if radix == 8 && digits.get(used).is_some_and(u8::is_ascii_digit) {
        return Err(NumberError::NotOctal);
    }
    let factor = factor(digits.get(used..).unwrap_or_default()).ok_or(NumberError::BadSuffix)?;
    value.checked_mul(factor).ok_or(NumberError::OutOfRange)
}

fn factor(suffix: &[u8]) -> Option<i128> {
    let (letter, rest) = match suffix.split_first() {
        None => return Some(1),
        Some(parts) => parts,
    };
    let power = match letter {
        b'k' | b'K' => 1,
        b'M' => 2,
        b'G' => 3,
        b'T' => 4,
        b'P' => 5,
        b'E' => 6,
        b'Z' => 7,
        b'Y' => 8,
        _ => return None,
    };
    match rest {
        b"" | b"iB" => 1024i128.checked_pow(power),
        b"B" => 1000i128.checked_pow(power),
        _ => None,
    }
}

/// A boolean, in any case.
pub fn boolean(word: &[u8]) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(word));
    if is(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::NumberError::*;
    use super::*;

    #[test]
    fn numbers() {
        let cases: &[(&str, Result<i64, NumberError>)] = &[
            ("0", Ok(0)),
            ("1234", Ok(1234)),
            ("02322", Ok(1234)),
            ("0x4d2", Ok(1234)),
            ("-1", Ok(-1)),
            ("+5", Ok(5)),
            ("1K", Ok(1024)),
            ("1k", Ok(1024)),
            ("1KiB", Ok(1024)),
            ("1KB", Ok(1000)),
            ("1kB", Ok(1000)),
            ("3MB", Ok(3_000_000)),
            ("1G", Ok(1 << 30)),
            ("0x10k", Ok(16384)),
            ("010k", Ok(8192)),
            ("0K", Ok(0)),
            ("1E", Ok(1 << 60)),
            ("7E", Ok(7 << 60)),
            ("8E", Err(OutOfRange)),
            ("1Z", Err(OutOfRange)),
            ("0Y", Ok(0)),
            ("-8E", Ok(i64::MIN)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("9223372036854775808", Err(OutOfRange)),
            ("99999999999999999999999999999999999999999999999", Err(OutOfRange)),
            ("99999999999999999999999999999999999999999999999Y", Err(OutOfRange)),
            ("", Err(NotANumber)),
            ("-", Err(NotANumber)),
            ("abc", Err(NotANumber)),
            ("K", Err(NotANumber)),
            ("0x", Err(BadSuffix)),
            ("08", Err(NotOctal)),
            ("1m", Err(BadSuffix)),
            ("1b", Err(BadSuffix)),
            ("1B", Err(BadSuffix)),
            ("1Q", Err(BadSuffix)),
            ("1k1", Err(BadSuffix)),
            ("1 ", Err(BadSuffix)),
            (" \t\n-1", Ok(-1)),
            ("- 1", Err(NotANumber)),
            (" ", Err(NotANumber)),
        ];
        for (word, expected) in cases {
            assert_eq!(int64(word.as_bytes()), *expected, "{word}");
        }
        assert_eq!(int(b"2G"), Err(OutOfRange));
        assert_eq!(int(b"2147483647"), Ok(i32::MAX));
        assert_eq!(size(b" +1K"), Ok(1024));
        for bad in ["-1", "+-1", "++1", "+ 1"] {
            assert_eq!(size(bad.as_bytes()), Err(NotANumber), "{bad}");
        }
    }

    #[test]
    fn booleans() {
        for word in ["true", "T", "1", "oN", "YES", "y"] {
            assert_eq!(boolean(word.as_bytes()), Some(true));
        }
        for word in ["false", "F", "0", "off", "No", "n"] {
            assert_eq!(boolean(word.as_bytes()), Some(false));
        }
        for word in ["", "2", "maybe", "tr"] {
            assert_eq!(boolean(word.as_bytes()), None);
        }
    }
}
