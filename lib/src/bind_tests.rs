//! Calls that only test bindings: every argument and result type once, no appliance.
//!
//! In: arguments. Out: lines on standard output (or a file) in upstream's notation, and results made
//! up from the one string that the caller gives.

use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{InternalTest63OptargsOpts, InternalTestOnlyOptargsOpts, InternalTestOpts};
use guestfs_protocol::structs::LvmPv;
use guestfs_protocol::xdr::Uuid32;
use std::fmt::Display;
use std::io::Write;

/// Where the lines go when not to standard output.
type Output = parking_lot::Mutex<Option<std::fs::File>>;

/// Longest list anyone may ask for.
const LIST_MAX: i32 = 1_000_000;

/// Lines of one call.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn line(&mut self, value: impl AsRef<[u8]>) {
        self.0.extend_from_slice(value.as_ref());
        self.0.push(b'\n');
    }

    fn list(items: &[BString]) -> Vec<u8> {
        let quoted: Vec<Vec<u8>> = items.iter().map(|i| [b"\"", i.as_slice(), b"\""].concat()).collect();
        [b"[", bstr::join(", ", quoted).as_slice(), b"]"].concat()
    }

    fn option(&mut self, name: &str, value: Option<Vec<u8>>) {
        self.line([name.as_bytes(), b": ", value.as_deref().unwrap_or(b"unset")].concat());
    }

    fn number(&mut self, name: &str, value: Option<impl Display>) {
        self.option(name, value.map(|v| v.to_string().into_bytes()));
    }

    fn print(self, g: &Handle) -> Result<()> {
        let kept = g.kept::<Output>();
        let mut output = kept.lock();
        let written = match output.as_mut() {
            Some(file) => file.write_all(&self.0),
            None => {
                let mut out = std::io::stdout().lock();
                out.write_all(&self.0).and_then(|()| out.flush())
            }
        };
        written.map_err(|e| Error::io("internal_test: write", e))
    }
}

#[allow(clippy::too_many_arguments)]
pub(crate) fn internal_test(
    g: &Handle,
    str: &BStr,
    optstr: Option<&BStr>,
    strlist: &[BString],
    b: bool,
    integer: i32,
    integer64: i64,
    filein: &BStr,
    fileout: &BStr,
    bufferin: &[u8],
    opts: &InternalTestOpts,
) -> Result<()> {
    let mut out = Lines::default();
    out.line(str);
    out.line(optstr.unwrap_or("null".into()));
    out.line(Lines::list(strlist));
    out.line(b.to_string());
    out.line(integer.to_string());
    out.line(integer64.to_string());
    out.line(filein);
    out.line(fileout);
    out.line(bufferin.iter().map(|b| format!("<{b:02x}>")).collect::<String>());
    out.number("obool", opts.obool);
    out.number("oint", opts.oint);
    out.number("oint64", opts.oint64);
    out.option("ostring", opts.ostring.as_ref().map(|s| s.to_vec()));
    out.option("ostringlist", opts.ostringlist.as_deref().map(Lines::list));
    out.print(g)
}

pub(crate) fn internal_test_only_optargs(g: &Handle, opts: &InternalTestOnlyOptargsOpts) -> Result<()> {
    let mut out = Lines::default();
    out.number("test", opts.test);
    out.print(g)
}

macro_rules! print_all {
    ($out:ident, $opts:ident: $($field:ident)*) => { $($out.number(stringify!($field), $opts.$field);)* };
}

pub(crate) fn internal_test_63_optargs(g: &Handle, opts: &InternalTest63OptargsOpts) -> Result<()> {
    let mut out = Lines::default();
    print_all!(out, opts:
        opt1 opt2 opt3 opt4 opt5 opt6 opt7 opt8 opt9 opt10 opt11 opt12 opt13 opt14 opt15 opt16
        opt17 opt18 opt19 opt20 opt21 opt22 opt23 opt24 opt25 opt26 opt27 opt28 opt29 opt30 opt31 opt32
        opt33 opt34 opt35 opt36 opt37 opt38 opt39 opt40 opt41 opt42 opt43 opt44 opt45 opt46 opt47 opt48
        opt49 opt50 opt51 opt52 opt53 opt54 opt55 opt56 opt57 opt58 opt59 opt60 opt61 opt62 opt63);
    out.print(g)
}

pub(crate) fn internal_test_set_output(g: &Handle, filename: &BStr) -> Result<()> {
    let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(filename);
    let file = std::fs::File::create(path).map_err(|e| Error::io(format!("cannot open output file {filename}"), e))?;
    *g.kept::<Output>().lock() = Some(file);
    Ok(())
}

pub(crate) fn internal_test_close_output(g: &Handle) -> Result<()> {
    *g.kept::<Output>().lock() = None;
    Ok(())
}

/// Digits as `sscanf(3)` takes them: leading blanks, a sign, then as many digits as there are; too
/// large a number becomes the largest.
fn scan(call: &str, val: &BStr) -> Result<i64> {
    let text = val.trim_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return Err(Error::usage(format!("{call}: expecting int argument")));
    }
    let digits = digits.iter().take_while(|b| b.is_ascii_digit());
    Ok(digits.fold(0i64, |n, b| {
        let digit = i64::from(b.saturating_sub(b'0'));
        n.saturating_mul(10).saturating_add(if negative { -digit } else { digit })
    }))
}

fn count(call: &str, val: &BStr) -> Result<i32> {
    match i32::try_from(scan(call, val)?) {
        Ok(n @ 0..=LIST_MAX) => Ok(n),
        _ => Err(Error::usage(format!("{call}: a length from 0 to {LIST_MAX} is expected"))),
    }
}

fn made_up() -> Error {
    Error::new(ErrorKind::Usage, "error")
}

fn pv(n: i32) -> LvmPv {
    let number = i64::from(n);
    LvmPv {
        pv_name: format!("pv{n}").into(),
        pv_uuid: Uuid32(*b"12345678901234567890123456789012"),
        pv_fmt: "unknown".into(),
        pv_size: number,
        dev_size: number,
        pv_free: number,
        pv_used: number,
        pv_attr: format!("attr{n}").into(),
        pv_pe_count: number,
        pv_pe_alloc_count: number,
        pv_tags: format!("tag{n}").into(),
        pe_start: number,
        pv_mda_count: number,
        pv_mda_free: number,
    }
}

macro_rules! failing {
    ($($name:ident: $t:ty;)*) => {$(
        pub(crate) fn $name(_: &Handle) -> Result<$t> {
            Err(made_up())
        }
    )*};
}

failing! {
    internal_test_rinterr: i32;
    internal_test_rint64err: i64;
    internal_test_rboolerr: bool;
    internal_test_rconststringerr: BString;
    internal_test_rstringerr: BString;
    internal_test_rstringlisterr: Vec<BString>;
    internal_test_rstructerr: LvmPv;
    internal_test_rstructlisterr: Vec<LvmPv>;
    internal_test_rhashtableerr: Vec<(BString, BString)>;
    internal_test_rbufferouterr: Vec<u8>;
}

/// NULL is a value of this type, so the error can only be reported, not returned.
pub(crate) fn internal_test_rconstoptstringerr(g: &Handle) -> Result<Option<BString>> {
    g.report(made_up());
    Ok(None)
}

pub(crate) fn internal_test_rint(_: &Handle, val: &BStr) -> Result<i32> {
    // `%d` keeps the low 32 bits.
    Ok(scan("internal_test_rint", val)? as i32)
}

pub(crate) fn internal_test_rint64(_: &Handle, val: &BStr) -> Result<i64> {
    scan("internal_test_rint64", val)
}

pub(crate) fn internal_test_rbool(_: &Handle, val: &BStr) -> Result<bool> {
    Ok(val == "true")
}

pub(crate) fn internal_test_rconststring(_: &Handle, _: &BStr) -> Result<BString> {
    Ok("static string".into())
}

pub(crate) fn internal_test_rconstoptstring(_: &Handle, _: &BStr) -> Result<Option<BString>> {
    Ok(Some("static string".into()))
}

pub(crate) fn internal_test_rstring(_: &Handle, val: &BStr) -> Result<BString> {
    Ok(val.into())
}

pub(crate) fn internal_test_rstringlist(_: &Handle, val: &BStr) -> Result<Vec<BString>> {
    Ok((0..count("internal_test_rstringlist", val)?).map(|i| i.to_string().into()).collect())
}

pub(crate) fn internal_test_rstruct(_: &Handle, _: &BStr) -> Result<LvmPv> {
    Ok(pv(0))
}

pub(crate) fn internal_test_rstructlist(_: &Handle, val: &BStr) -> Result<Vec<LvmPv>> {
    Ok((0..count("internal_test_rstructlist", val)?).map(pv).collect())
}

pub(crate) fn internal_test_rhashtable(_: &Handle, val: &BStr) -> Result<Vec<(BString, BString)>> {
    let count = count("internal_test_rhashtable", val)?;
    Ok((0..count).map(|i| (i.to_string().into(), i.to_string().into())).collect())
}

pub(crate) fn internal_test_rbufferout(_: &Handle, val: &BStr) -> Result<Vec<u8>> {
    Ok(val.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::handle;

    /// Line by line what Debian's libguestfs 1.48.6 prints for the same calls.
    #[test]
    fn lines_are_upstreams() {
        let g = handle();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        g.internal_test_set_output(file.as_os_str().as_encoded_bytes()).unwrap();
        let none: [&str; 0] = [];
        g.internal_test(
            "abc",
            Some("def".into()),
            &none,
            false,
            0,
            0,
            "123",
            "456",
            b"\x01\x02abc\n",
            Default::default(),
        )
        .unwrap();
        let all = InternalTestOpts::new().obool(true).oint(-1).oint64(1 << 40).ostring("s t").ostringlist(["a", "b"]);
        g.internal_test("a\"", None, &["1", "2"], true, -1, i64::MIN, "f", "g", b"", all).unwrap();
        g.internal_test_only_optargs(InternalTestOnlyOptargsOpts::new().test(3)).unwrap();
        g.internal_test_63_optargs(InternalTest63OptargsOpts::new().opt1(1).opt63(5)).unwrap();
        g.internal_test_close_output().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let (head, rest) = text.split_once("opt1: 1\n").unwrap();
        assert_eq!(
            head,
            "abc\ndef\n[]\nfalse\n0\n0\n123\n456\n<01><02><61><62><63><0a>\nobool: unset\noint: unset\n\
             oint64: unset\nostring: unset\nostringlist: unset\n\
             a\"\nnull\n[\"1\", \"2\"]\ntrue\n-1\n-9223372036854775808\nf\ng\n\nobool: true\noint: -1\n\
             oint64: 1099511627776\nostring: s t\nostringlist: [\"a\", \"b\"]\ntest: 3\n"
        );
        let unset: String = (2..63).map(|n| format!("opt{n}: unset\n")).collect();
        assert_eq!(rest, unset + "opt63: 5\n");
        assert!(g.internal_test_set_output("/nonexistent/x").is_err());
    }

    #[test]
    fn results_are_upstreams() {
        let g = handle();
        assert_eq!(g.internal_test_rint("10").unwrap(), 10);
        assert_eq!(g.internal_test_rint("0x1f").unwrap(), 0);
        assert_eq!(g.internal_test_rint(" -12x").unwrap(), -12);
        assert_eq!(g.internal_test_rint("4294967296").unwrap(), 0);
        assert_eq!(g.internal_test_rint64("99999999999999999999").unwrap(), i64::MAX);
        assert_eq!(g.internal_test_rint("").unwrap_err().message(), "internal_test_rint: expecting int argument");
        assert!(g.internal_test_rbool("true").unwrap());
        assert!(!g.internal_test_rbool("1").unwrap());
        assert_eq!(g.internal_test_rstringlist("3").unwrap(), ["0", "1", "2"]);
        g.internal_test_rstringlist("-1").unwrap_err();
        g.internal_test_rstringlist("2000000000").unwrap_err();
        assert_eq!(g.internal_test_rstructlist("2").unwrap()[1].pv_attr, "attr1");
        assert_eq!(g.internal_test_rconstoptstring("x").unwrap().unwrap(), "static string");
        assert_eq!(g.internal_test_rconstoptstringerr().unwrap(), None);
        assert_eq!(g.last_error().unwrap().message(), "error");
        assert_eq!(g.internal_test_rhashtable("1").unwrap(), [("0".into(), "0".into())]);
        assert_eq!(g.internal_test_rstructerr().unwrap_err().message(), "error");
    }
}
