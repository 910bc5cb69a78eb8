//! Parameters of the hypervisor that the caller adds (`config`).
//!
//! In: a parameter and perhaps a value. Out: the same, kept for the next launch, unless it would take
//! away what the library starts the machine with.

use crate::error::{Error, Result};
use crate::handle::Handle;
use bstr::{BStr, ByteSlice};

/// What the library sets itself or cannot live with, and what to do instead. qemu takes two dashes too.
const REFUSED: [(&str, Option<&str>); 14] = [
    ("append", Some("use set_append")),
    ("daemonize", None),
    ("display", None),
    ("full-screen", None),
    ("incoming", None),
    ("initrd", Some("use set_path for another appliance")),
    ("kernel", Some("use set_path for another appliance")),
    ("loadvm", None),
    ("nographic", None),
    ("preconfig", None),
    ("S", None),
    ("serial", None),
    ("std-vga", None),
    ("vnc", None),
];

pub(crate) fn config(g: &Handle, hvparam: &BStr, hvvalue: Option<&BStr>) -> Result<()> {
    let name = hvparam.strip_prefix(b"--").or_else(|| hvparam.strip_prefix(b"-")).unwrap_or_default().as_bstr();
    if name.is_empty() || name.starts_with(b"-") {
        return Err(Error::usage(format!("parameter '{hvparam}': it must begin with '-' and have a name")));
    }
    if let Some((_, help)) = REFUSED.iter().find(|(refused, _)| name == *refused) {
        let error = Error::usage(format!("parameter '{hvparam}' is not allowed: the library needs to say it itself"));
        return Err(match help {
            Some(help) => error.with_help(*help),
            None => error,
        });
    }
    g.props.lock().hv_params.push((hvparam.into(), hvvalue.map(Into::into)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::fake::handle;

    #[test]
    fn what_would_break_is_refused() {
        let g = handle();
        for bad in ["", "-", "--", "---", "---x", "name", "-kernel", "--kernel", "-S", "-serial", "-vnc", "-append"] {
            assert_eq!(g.config(bad, None).unwrap_err().errno(), libc::EINVAL, "{bad}");
        }
        assert!(g.props.lock().hv_params.is_empty());
        g.config("-s", None).unwrap();
        g.config("--name", Some("a b".into())).unwrap();
        let params = g.props.lock().hv_params.clone();
        assert_eq!(params, [("-s".into(), None), ("--name".into(), Some("a b".into()))]);
    }
}
