//! The numbers of the framing, as the program has them and as `guestfs_protocol.x` states them.

use guestfs_protocol::{message, procs, xdr};

fn stated(name: &str) -> u64 {
    let x = include_str!("../../../generated/guestfs_protocol.x");
    let line = format!("const {name} = ");
    let value = x.lines().find_map(|l| l.strip_prefix(&line)?.strip_suffix(';')).unwrap_or_else(|| panic!("no {name}"));
    match value.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
        None => value.parse().unwrap(),
    }
}

#[test]
fn program_and_description_agree() {
    let numbers = [
        ("GUESTFS_PROGRAM", u64::from(message::PROGRAM)),
        ("GUESTFS_PROTOCOL_VERSION", u64::from(message::PROTOCOL_VERSION)),
        ("GUESTFS_MESSAGE_MAX", xdr::MESSAGE_MAX as u64),
        ("GUESTFS_MAX_CHUNK_SIZE", message::MAX_CHUNK_SIZE as u64),
        ("GUESTFS_ERROR_LEN", message::ERROR_MESSAGE_MAX as u64),
        ("GUESTFS_ERRNO_LEN", message::ERRNO_STRING_MAX as u64),
        ("GUESTFS_LAUNCH_FLAG", u64::from(message::LAUNCH_FLAG)),
        ("GUESTFS_CANCEL_FLAG", u64::from(message::CANCEL_FLAG)),
        ("GUESTFS_PROGRESS_FLAG", u64::from(message::PROGRESS_FLAG)),
    ];
    for (name, value) in numbers {
        assert_eq!(stated(name), value, "{name}");
    }
}

#[test]
fn procedures_have_names() {
    assert_eq!(procs::name(procs::MKDIR_MODE), Some("mkdir_mode"));
    assert_eq!(procs::name(0), None);
    assert_eq!(procs::name(i32::MAX), None);
}
