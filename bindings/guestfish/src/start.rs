//! Between the command line and the first command: drives, launch, mounts.
//!
//! In: [`Options`]. Out: a handle in the state they ask for.

use crate::command::has_call;
use crate::error::{Error, Result};
use crate::options::{Drive, Mount, Options};
use crate::uri::Location;
use bstr::{BString, ByteVec};
use guestfs::protocol::opts::{AddDomainOpts, AddDriveOpts};
use guestfs::Handle;

/// Bring the handle into the state that the options ask for.
pub fn prepare(handle: &Handle, options: &Options, readonly: bool) -> Result<()> {
    refuse_missing(options)?;
    // First of all, so that everything else is traced.
    if options.trace {
        handle.set_trace(true)?;
    }
    if options.no_sync {
        handle.set_autosync(false)?;
    }
    if options.verbose {
        handle.set_verbose(true)?;
    }
    if options.network {
        handle.set_network(true)?;
    }
    let mut count = 0;
    let mut prepared = Vec::new();
    for drive in &options.drives {
        if let Drive::Prepared(disk) = drive {
            prepared.push((disk, device_name(count)));
        }
        count += add(handle, drive, options, readonly)?;
    }
    if prepared.is_empty() && options.mounts.is_empty() {
        return Ok(());
    }
    handle.launch()?;
    // Partition and format them.
    prepared.iter().try_for_each(|(disk, device)| disk.fill(handle, device))?;
    options.mounts.iter().try_for_each(|m| mount(handle, m, readonly))
}

/// Options that need calls which this version of the API does not have.
fn refuse_missing(options: &Options) -> Result<()> {
    let needs = |option: &str, call: &str| {
        let why = if has_call(call) { "the shell does not use it yet" } else { "this version does not have it" };
        Error::new(format!("{option} needs the call {call}: {why}"))
    };
    if options.inspector {
        return Err(needs("-i", "inspect-os").note("help: use 'run', 'list-filesystems' and 'mount' instead"));
    }
    if options.mounts.iter().any(|m| m.fstype.is_some()) {
        return Err(needs("-m with a filesystem type", "mount-vfs").note("help: leave the type out, it is detected"));
    }
    Ok(())
}

/// Add what one option names; says how many drives it was.
fn add(handle: &Handle, drive: &Drive, options: &Options, readonly: bool) -> Result<usize> {
    let (location, format, blocksize) = match drive {
        Drive::Prepared(disk) => return disk.create(handle).map(|()| 1),
        Drive::Domain(name) => return domain(handle, name, options, readonly),
        Drive::Add { location, format, blocksize } => (location, format, blocksize),
    };
    let mut opts = AddDriveOpts { format: format.clone(), blocksize: *blocksize, ..AddDriveOpts::default() };
    opts.readonly = readonly.then_some(true);
    let path = match location {
        Location::File(path) => path,
        Location::Remote(remote) => {
            opts.protocol = Some(remote.protocol.clone());
            opts.server = remote.server.clone().map(|s| vec![s]);
            opts.username = remote.username.clone();
            opts.secret = remote.secret.clone();
            &remote.path
        }
    };
    handle.add_drive(path, opts)?;
    Ok(1)
}

/// The disks of a libvirt domain, those marked read-only as such.
fn domain(handle: &Handle, name: &BString, options: &Options, readonly: bool) -> Result<usize> {
    let opts = AddDomainOpts {
        libvirturi: options.connect.clone(),
        readonly: readonly.then_some(true),
        allowuuid: Some(true),
        readonlydisk: Some("read".into()),
        ..AddDomainOpts::default()
    };
    let count = handle.add_domain(name, opts)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Name of the drive that was added after `index` others: `/dev/sda`, …, `/dev/sdz`, `/dev/sdaa`, ….
fn device_name(index: usize) -> BString {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'a' + u8::try_from(rest % 26).unwrap_or_default());
        rest /= 26;
    }
    let mut name = BString::from("/dev/sd");
    name.extend(letters.into_iter().rev());
    name
}

fn mount(handle: &Handle, mount: &Mount, readonly: bool) -> Result<()> {
    let done = match &mount.options {
        Some(options) => handle.mount_options(options, &mount.device, &mount.mountpoint),
        None if readonly => handle.mount_ro(&mount.device, &mount.mountpoint),
        None => handle.mount(&mount.device, &mount.mountpoint),
    };
    done.map_err(|e| {
        let mut error = Error::from(e);
        // Only to help: an error of its own would hide the first one.
        let found = handle.list_filesystems().unwrap_or_default();
        if !found.is_empty() {
            error = error.note("help: these filesystems were found:");
        }
        for (device, kind) in found {
            let mut line = b"  ".to_vec();
            line.extend_from_slice(&device);
            line.push_str(" (");
            line.extend_from_slice(&kind);
            line.push(b')');
            error = error.note(line);
        }
        error
    })
}

#[cfg(test)]
mod tests {
    use super::device_name;

    #[test]
    fn names() {
        for (index, name) in [(0, "/dev/sda"), (25, "/dev/sdz"), (26, "/dev/sdaa"), (701, "/dev/sdzz"), (702, "/dev/sdaaa")] {
            assert_eq!(device_name(index), name);
        }
    }
}
