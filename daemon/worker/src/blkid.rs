//! libblkid: what is on a disk or a part of it.
//!
//! In: an open device. Out: tags, as names and values; nothing where nothing is recognised. The functions and their
//! flags are those of blkid/blkid.h (util-linux 2.30 and later).

use crate::c::functions;
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use guestfs_protocol::worker::{Incoming, Value};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use std::ffi::{c_char, c_int, CStr};

/// `BLKID_SUBLKS_LABEL`, `_UUID`, `_TYPE` and `_SECTYPE`: what names a file system.
const NAMES: c_int = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6;

/// `BLKID_SUBLKS_USAGE` and `_VERSION`.
const DETAILS: c_int = 1 << 7 | 1 << 8;

/// `BLKID_PARTS_ENTRY_DETAILS`: also what the table of its disk says of a partition.
const ENTRY: c_int = 1 << 2;

/// Results of probing: `-2` is that several types are recognised, of which none is the more likely.
const FOUND: c_int = 0;
const NOTHING: c_int = 1;
const SEVERAL: c_int = -2;

/// A disk of up to this size may be a floppy, whose boot sector looks like a table of partitions and the other way round.
const FLOPPY: u64 = 1024 * 1440;

/// `blkid_probe`: only the library knows what is in it.
#[repr(C)]
struct Probe {
    _opaque: [u8; 0],
}

functions! {
    struct Blkid in [c"libblkid.so.1"] {
        blkid_new_probe: fn() -> *mut Probe,
        blkid_free_probe: fn(*mut Probe),
        blkid_probe_set_device: fn(*mut Probe, c_int, i64, i64) -> c_int,
        blkid_probe_enable_superblocks: fn(*mut Probe, c_int) -> c_int,
        blkid_probe_set_superblocks_flags: fn(*mut Probe, c_int) -> c_int,
        blkid_probe_enable_partitions: fn(*mut Probe, c_int) -> c_int,
        blkid_probe_set_partitions_flags: fn(*mut Probe, c_int) -> c_int,
        blkid_do_probe: fn(*mut Probe) -> c_int,
        blkid_do_safeprobe: fn(*mut Probe) -> c_int,
        blkid_do_fullprobe: fn(*mut Probe) -> c_int,
        blkid_probe_has_value: fn(*mut Probe, *const c_char) -> c_int,
        blkid_probe_is_wholedisk: fn(*mut Probe) -> c_int,
        blkid_probe_get_size: fn(*mut Probe) -> i64,
        blkid_probe_numof_values: fn(*mut Probe) -> c_int,
        blkid_probe_get_value: fn(*mut Probe, c_int, *mut *const c_char, *mut *const c_char, *mut usize) -> c_int,
    }
}

/// Load the library.
pub fn load() -> Result<Box<dyn Library>> {
    Ok(Box::new(Blkid::load()?))
}

impl Library for Blkid {
    fn call(&mut self, function: &str, args: Incoming, _: &mut Wire) -> Result<Value> {
        let look = match function {
            // As `blkid -p`: everything, and an error when it is not certain.
            "tags" => Blkid::all,
            // As `blkid DEVICE`: the first that fits.
            "first" => Blkid::first,
            _ => return Err(Fault::unknown(function)),
        };
        let (device,): (OwnedFd,) = args.take()?;
        // SAFETY: nothing is given.
        let probe = unsafe { (self.blkid_new_probe)() };
        if probe.is_null() {
            return Err(Errno::NOMEM.into());
        }
        let found = self.look(probe, &device, look);
        // SAFETY: it was made above, and is not used again; what was copied of it is ours.
        unsafe { (self.blkid_free_probe)(probe) };
        found.map(Value::List)
    }
}

impl Blkid {
    fn look(&self, probe: *mut Probe, device: &OwnedFd, look: fn(&Blkid, *mut Probe) -> c_int) -> Result<Vec<Value>> {
        // SAFETY: the probe is alive, and uses the descriptor no longer than this function, which has it open.
        if unsafe { (self.blkid_probe_set_device)(probe, device.as_raw_fd(), 0, 0) } != 0 {
            return Err(Fault::new(Errno::IO, "the device cannot be read"));
        }
        match look(self, probe) {
            FOUND => self.values(probe),
            NOTHING => Ok(Vec::new()),
            SEVERAL => Err(Fault::new(Errno::MEDIUMTYPE, "more than one kind of content is recognised")),
            _ => Err(Fault::new(Errno::IO, "the device cannot be read, or has no kind of content that can be told")),
        }
    }

    fn all(&self, probe: *mut Probe) -> c_int {
        // SAFETY: the probe is alive, and has a device; the name ends in NUL.
        unsafe {
            (self.blkid_probe_enable_partitions)(probe, 1);
            let size = (self.blkid_probe_get_size)(probe);
            if u64::try_from(size).is_ok_and(|size| size <= FLOPPY) && (self.blkid_probe_is_wholedisk)(probe) != 0 {
                (self.blkid_probe_enable_superblocks)(probe, 0);
                let result = (self.blkid_do_fullprobe)(probe);
                if result < 0 || (self.blkid_probe_has_value)(probe, c"PTTYPE".as_ptr()) != 0 {
                    return result;
                }
            }
            (self.blkid_probe_set_partitions_flags)(probe, ENTRY);
            (self.blkid_probe_enable_superblocks)(probe, 1);
            (self.blkid_probe_set_superblocks_flags)(probe, NAMES | DETAILS);
            (self.blkid_do_safeprobe)(probe)
        }
    }

    fn first(&self, probe: *mut Probe) -> c_int {
        // SAFETY: the probe is alive, and has a device.
        unsafe {
            (self.blkid_probe_enable_superblocks)(probe, 1);
            (self.blkid_probe_set_superblocks_flags)(probe, NAMES);
            (self.blkid_probe_enable_partitions)(probe, 1);
            (self.blkid_do_probe)(probe)
        }
    }

    /// Names and values in turn.
    fn values(&self, probe: *mut Probe) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        // SAFETY: the probe is alive.
        for n in 0..unsafe { (self.blkid_probe_numof_values)(probe) } {
            let (mut name, mut data, mut length) = (std::ptr::null(), std::ptr::null(), 0);
            // SAFETY: the library writes two pointers and a size.
            let got = unsafe { (self.blkid_probe_get_value)(probe, n, &mut name, &mut data, &mut length) };
            if got != 0 || name.is_null() || data.is_null() {
                continue;
            }
            // SAFETY: a string, and so many bytes, which stay until the probe is used again.
            let (name, data) = unsafe { (CStr::from_ptr(name), std::slice::from_raw_parts(data.cast::<u8>(), length)) };
            // The length counts the NUL of a string.
            let data = data.split(|byte| *byte == 0).next().unwrap_or_default();
            all.extend([name.to_bytes(), data].map(|bytes| Value::Bytes(bytes.to_vec())));
        }
        Ok(all)
    }
}
