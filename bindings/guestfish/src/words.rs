//! The arguments of one API command, read one by one as the types its run function asks for.
//!
//! In: words as typed, without quotes. Out: values, or an error that names command and parameter. Keys are
//! not among the words: they are asked for, as are the lines of a `-<<END` upload.

use crate::error::{Error, Result};
use crate::signature::{Kind, Param, Signature};
use crate::{list, number};
use bstr::{BStr, BString, ByteSlice};
use std::os::unix::ffi::OsStrExt;

/// What a command may need beyond its words.
pub trait Ask {
    /// Lines of the input up to one that is `marker`.
    fn heredoc(&mut self, marker: &BStr) -> Result<BString>;
    /// A key or passphrase for parameter `name`.
    fn key(&mut self, name: &str) -> Result<BString>;
    /// A file for data on its way into the appliance: removed when dropped.
    fn temporary(&mut self) -> Result<tempfile::NamedTempFile>;
}

/// A file of the host given as argument.
#[derive(Debug)]
pub struct FileName {
    path: BString,
    /// Holds the lines of a `-<<END` argument for as long as the call runs.
    _lines: Option<tempfile::NamedTempFile>,
}

impl AsRef<[u8]> for FileName {
    fn as_ref(&self) -> &[u8] {
        &self.path
    }
}

/// The arguments.
pub struct Words<'a> {
    command: Signature,
    rest: std::slice::Iter<'a, BString>,
    params: std::slice::Iter<'static, Param>,
    /// The optional argument whose value is read next.
    value: Option<(&'static Param, &'a [u8])>,
    seen: Vec<&'static str>,
    ask: &'a mut dyn Ask,
}

impl<'a> Words<'a> {
    /// Check the number of words and begin.
    pub fn new(command: Signature, words: &'a [BString], ask: &'a mut dyn Ask) -> Result<Self> {
        let required = command.typed_params().count();
        if words.len() < required || (words.len() > required && command.opts.is_empty()) {
            return Err(Error::new(format!("{}: incorrect number of arguments", command.name))
                .note(format!("usage: {}", command.usage()))
                .note(format!("help: type 'help {0}' for more help on {0}", command.name)));
        }
        let params = command.params.iter();
        Ok(Words { command, rest: words.iter(), params, value: None, seen: Vec::new(), ask })
    }

    /// The next value and the name of its parameter: the value of the optional argument that was begun, or
    /// the next word.
    fn take(&mut self) -> Result<(&'static str, &'a [u8])> {
        if let Some((param, value)) = self.value.take() {
            return Ok((param.name, value));
        }
        let param = self.params.next().map_or("argument", |p| p.name);
        match self.rest.next() {
            Some(word) => Ok((param, word.as_bytes())),
            None => Err(self.bad(param, b"", "is missing")),
        }
    }

    /// Name of the next optional argument; its value is read next.
    pub fn option(&mut self) -> Result<Option<&'static str>> {
        let Some(word) = self.rest.next() else { return Ok(None) };
        let found = word
            .split_once_str(":")
            .and_then(|(name, value)| self.command.opts.iter().find(|o| o.name.as_bytes() == name).map(|o| (o, value)));
        let Some((opt, value)) = found else {
            let names: Vec<&str> = self.command.opts.iter().map(|o| o.name).collect();
            let mut message = format!("{}: unknown optional argument \"", self.command.name).into_bytes();
            message.extend_from_slice(word);
            message.push(b'"');
            return Err(
                Error::new(message).note(format!("help: write them as NAME:VALUE; known here: {}", names.join(", ")))
            );
        };
        if self.seen.contains(&opt.name) {
            return Err(Error::new(format!(
                "{}: optional argument \"{}\" given more than once",
                self.command.name, opt.name
            )));
        }
        self.seen.push(opt.name);
        self.value = Some((opt, value));
        Ok(Some(opt.name))
    }

    /// The table and the run function disagree: a bug of the generator.
    pub fn unknown_option(&self, name: &str) -> Error {
        Error::new(format!("{}: internal error: optional argument {name} is not handled", self.command.name))
    }

    fn bad(&self, param: &str, word: &[u8], why: &str) -> Error {
        let mut message = format!("{}: {param}: '", self.command.name).into_bytes();
        message.extend_from_slice(word);
        message.extend_from_slice(b"' ");
        message.extend_from_slice(why.as_bytes());
        Error::new(message)
    }

    /// A boolean.
    pub fn boolean(&mut self) -> Result<bool> {
        let (param, word) = self.take()?;
        number::boolean(word).ok_or_else(|| self.bad(param, word, "is not a boolean, use 'true' or 'false'"))
    }

    /// A number of 32 bits.
    pub fn int(&mut self) -> Result<i32> {
        let (param, word) = self.take()?;
        number::int(word).map_err(|e| self.bad(param, word, e.text()))
    }

    /// A number of 64 bits.
    pub fn int64(&mut self) -> Result<i64> {
        let (param, word) = self.take()?;
        number::int64(word).map_err(|e| self.bad(param, word, e.text()))
    }

    /// A string as it is.
    pub fn string(&mut self) -> Result<BString> {
        Ok(self.take()?.1.into())
    }

    /// A string that may be missing: an empty word.
    pub fn opt_string(&mut self) -> Result<Option<BString>> {
        let (_, word) = self.take()?;
        Ok((!word.is_empty()).then(|| word.into()))
    }

    /// A list in one word.
    pub fn list(&mut self) -> Result<Vec<BString>> {
        let (param, word) = self.take()?;
        list::split(word).map_err(|_| self.bad(param, word, "has a single quote that is never closed"))
    }

    /// A path of the guest, or a device.
    pub fn path(&mut self) -> Result<BString> {
        let (param, word) = self.take()?;
        if word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"win:")) {
            let why = "is a Windows path, which is not supported yet: it needs the call inspect_get_drive_mappings";
            return Err(self.bad(param, word, why));
        }
        Ok(word.into())
    }

    /// A key, asked for.
    pub fn key(&mut self) -> Result<BString> {
        let name = self.params.next().map_or("key", |p| p.name);
        self.ask.key(name)
    }

    /// A file of the host that the library reads; `-` is standard input, `-<<END` the lines up to `END`.
    pub fn file_in(&mut self) -> Result<FileName> {
        let (param, word) = self.take()?;
        match word.strip_prefix(b"-<<") {
            Some(b"") => Err(self.bad(param, word, "lacks the end marker after -<<")),
            Some(marker) => lines(self.ask, marker),
            None if word == b"-" => Ok(FileName { path: "/dev/stdin".into(), _lines: None }),
            None => Ok(FileName { path: word.into(), _lines: None }),
        }
    }

    /// A file of the host that the library writes; `-` is standard output.
    pub fn file_out(&mut self) -> Result<FileName> {
        let (_, word) = self.take()?;
        let path = if word == b"-" { b"/dev/stdout" } else { word };
        Ok(FileName { path: path.into(), _lines: None })
    }
}

/// For a command that runs elsewhere: the lines of each `-<<END` argument are put into a file, which is `kept`,
/// and whose name takes the argument's place.
pub fn inline_files(
    command: Signature,
    words: &mut [BString],
    ask: &mut dyn Ask,
    kept: &mut Vec<FileName>,
) -> Result<()> {
    for (param, word) in command.typed_params().zip(words) {
        let marker = word.strip_prefix(b"-<<").filter(|m| !m.is_empty() && param.kind == Kind::FileIn);
        if let Some(marker) = marker {
            let file = lines(ask, marker)?;
            *word = file.path.clone();
            kept.push(file);
        }
    }
    Ok(())
}

/// The lines of the input up to `marker`, in a file.
fn lines(ask: &mut dyn Ask, marker: &[u8]) -> Result<FileName> {
    let text = ask.heredoc(marker.as_bstr())?;
    let mut file = ask.temporary()?;
    std::io::Write::write_all(&mut file, &text).map_err(|e| Error::io(file.path().as_os_str().as_bytes(), &e))?;
    Ok(FileName { path: file.path().as_os_str().as_bytes().into(), _lines: Some(file) })
}

/// True for a parameter that names a file of the host.
pub fn is_host_file(kind: Kind) -> bool {
    matches!(kind, Kind::FileIn | Kind::FileOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    static COMMAND: Signature = Signature {
        name: "sample",
        params: &[
            Param::new("flag", Kind::Bool),
            Param::new("secret", Kind::Key),
            Param::new("count", Kind::Int),
            Param::new("from", Kind::FileIn),
        ],
        opts: &[Param::new("size", Kind::Int64), Param::new("names", Kind::List), Param::new("quick", Kind::Bool)],
    };

    /// Knows one key and one here-document.
    struct Answers;

    impl Ask for Answers {
        fn heredoc(&mut self, marker: &BStr) -> Result<BString> {
            assert_eq!(marker, "END");
            Ok("lines\n".into())
        }
        fn key(&mut self, name: &str) -> Result<BString> {
            assert_eq!(name, "secret");
            Ok("key".into())
        }
        fn temporary(&mut self) -> Result<tempfile::NamedTempFile> {
            Ok(tempfile::NamedTempFile::new().unwrap())
        }
    }

    /// Every value in the order of the parameters, as text.
    fn read(words: &str) -> Result<String> {
        let words: Vec<BString> = words.split(' ').map(BString::from).collect();
        let mut answers = Answers;
        let mut words = Words::new(COMMAND, &words, &mut answers)?;
        let mut out = format!("{} {} {}", words.boolean()?, words.key()?, words.int()?);
        let file = words.file_in()?;
        let mut text = file.path.to_string();
        if file._lines.is_some() {
            text.clear();
            std::fs::File::open(file.path.to_path().unwrap()).unwrap().read_to_string(&mut text).unwrap();
        }
        out += &format!(" {}", text.trim_end());
        while let Some(name) = words.option()? {
            out += &match name {
                "size" => format!(" size={}", words.int64()?),
                "names" => format!(" names={}", words.list()?.len()),
                "quick" => format!(" quick={}", words.boolean()?),
                other => return Err(words.unknown_option(other)),
            };
        }
        Ok(out)
    }

    #[test]
    fn values() {
        let cases = [
            ("yes 0x10 file", "true key 16 file"),
            ("no 1K -", "false key 1024 /dev/stdin"),
            ("no 1 -<<END", "false key 1 lines"),
            ("t 1 f quick:off size:1G names:", "true key 1 f quick=false size=1073741824 names=0"),
        ];
        for (words, expected) in cases {
            assert_eq!(read(words).unwrap(), expected);
        }
    }

    #[test]
    fn mistakes() {
        let cases = [
            ("yes 1", "sample: incorrect number of arguments"),
            ("yes x f", "sample: count: 'x' is not a number"),
            ("yes 1G0 f", "sample: count: '1G0' has an unknown size suffix (K, M, G, T, P, E and KB, MB, … are known)"),
            ("yes 4G f", "sample: count: '4G' is out of range"),
            ("maybe 1 f", "sample: flag: 'maybe' is not a boolean, use 'true' or 'false'"),
            ("yes 1 -<<", "sample: from: '-<<' lacks the end marker after -<<"),
            ("yes 1 f size", "sample: unknown optional argument \"size\""),
            ("yes 1 f speed:1", "sample: unknown optional argument \"speed:1\""),
            ("yes 1 f size:", "sample: size: '' is not a number"),
            ("yes 1 f size:1 size:1", "sample: optional argument \"size\" given more than once"),
        ];
        for (words, expected) in cases {
            assert_eq!(read(words).unwrap_err().message(), expected);
        }
    }

    #[test]
    fn usage_leaves_keys_out() {
        assert_eq!(COMMAND.usage(), "sample flag count from [size:N] [names:..] [quick:true|false]");
    }
}
