//! Calls by name.
//!
//! In: the term of a request, and the generated rows. Out: the packet that answers it.

use crate::args::Args;
use crate::fault::{Fault, Result};
use crate::generated::CALLS;
use crate::reply::{self, Reply};
use guestfs::Handle;

/// Reads arguments, makes the call, writes its result.
pub type Run = fn(&Handle, &mut Args<'_>, &mut Reply) -> Result<()>;

/// Answer a request.
pub fn perform(handle: &Handle, id: u64, term: &[u8]) -> Vec<u8> {
    let mut reply = Reply::new(id);
    let result = Args::new(term).and_then(|mut args| {
        let run = find(args.name()).ok_or_else(|| Fault::UnknownCall(args.name().to_vec()))?;
        run(handle, &mut args, &mut reply)
    });
    match result.and_then(|()| reply.finish()) {
        Ok(packet) => packet,
        Err(fault) => reply::fault(id, &fault),
    }
}

fn find(name: &[u8]) -> Option<Run> {
    let at = CALLS.binary_search_by(|(n, _)| n.as_bytes().cmp(name)).ok()?;
    CALLS.get(at).map(|(_, run)| *run)
}

/// `NAME(ARGUMENT: SHAPE, …; OPTIONS OPTION: SHAPE, …) -> RESULT;` for each call, by name.
macro_rules! calls {
    ($($name:ident($($arg:ident: $shape:ident),* $(; $opts:ident $($opt:ident: $kind:ident),*)?) -> $ret:ident;)*) => {
        /// All calls.
        pub static CALLS: &[(&str, crate::call::Run)] = &[$((stringify!($name), |handle, args, reply| {
            $(let $arg = args.$shape(stringify!($arg))?;)*
            let result = crate::call::call!(
                (handle, args) $name ($(crate::call::pass!($shape $arg)),*) $($opts $($opt: $kind),*)?
            )?;
            reply.$ret(&result);
            Ok(())
        })),*];
    };
}

/// The call itself, with its options if it has any.
macro_rules! call {
    (($handle:ident, $args:ident) $name:ident ($($arg:expr),*)) => {{
        $args.no_options()?;
        $handle.$name($($arg),*)
    }};
    (($handle:ident, $args:ident) $name:ident ($($arg:expr),*) $opts:ident $($opt:ident: $kind:ident),*) => {{
        let mut options = guestfs::opts::$opts::default();
        let count = $args.options()?;
        for _ in 0..count {
            let name = $args.option()?;
            $(if name == crate::call::plain(stringify!($opt)).as_bytes() {
                options.$opt = Some($args.$kind(stringify!($opt))?);
                continue;
            })*
            return Err(crate::fault::Fault::UnknownOption(name.to_vec()));
        }
        $args.options_end(count)?;
        $handle.$name($($arg,)* options)
    }};
}

/// How a value is handed to the method.
macro_rules! pass {
    (bool $value:ident) => {
        $value
    };
    (int $value:ident) => {
        $value
    };
    (int64 $value:ident) => {
        $value
    };
    (pointer $value:ident) => {
        $value
    };
    (opt_str $value:ident) => {
        $value.as_ref().map(|s| s.as_ref())
    };
    ($shape:ident $value:ident) => {
        &$value
    };
}

pub(crate) use {call, calls, pass};

/// A name as it is in Erlang, where other words are keywords.
pub fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found() {
        assert!(CALLS.len() > 600);
        for (name, _) in CALLS {
            assert!(!name.starts_with("r#"), "{name}");
            assert!(find(name.as_bytes()).is_some(), "{name}");
        }
        assert!(find(b"nosuch").is_none());
    }

    #[test]
    fn requests() {
        let handle = Handle::new().unwrap();
        let answer = |term: &[u8]| perform(&handle, 7, term).split_off(8);
        assert_eq!(answer(b"\x83h\x03w\x07get_smph\0j"), b"\x83a\x01");
        assert_eq!(answer(b"\x83h\x03w\x06nosuchh\0j"), b"\x83h\x02w\x07unknownw\x06nosuch");
        let option = answer(b"\x83h\x03w\x07get_smph\0l\0\0\0\x01h\x02w\x01xa\0j");
        assert_eq!(option, b"\x83h\x02w\x0aunknownargw\x01x");
        assert!(answer(b"").starts_with(b"\x83h\x03w\x05error"));
    }
}
