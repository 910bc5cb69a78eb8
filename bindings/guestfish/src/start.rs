//! Between the command line and the first command: drives, launch, mounts.
//!
//! In: [`Options`]. Out: a handle in the state they ask for.

use crate::error::{Error, Result};
use crate::inspect::{self, Guest};
use crate::keys::Source;
use crate::options::{Drive, Mount, Options};
use crate::uri::Location;
use crate::words::Ask;
use bstr::{BString, ByteSlice, ByteVec};
use guestfs::protocol::opts::{AddDomainOpts, AddDriveOpts};
use guestfs::Handle;

/// `-i` without a disk: the words are disk images or domains, as guestfish took them before it had `-a`.
pub fn take_disks(options: &mut Options) {
    if options.inspector && options.drives.is_empty() {
        let words = std::mem::take(&mut options.words);
        options.drives.extend(words.into_iter().map(|word| {
            let file = word.contains(&b'/') || word.to_path().is_ok_and(|p| p.exists());
            match file {
                true => Drive::Add { location: Location::File(word), format: None, blocksize: None },
                false => Drive::Domain(word),
            }
        }));
    }
}

/// Bring the handle into the state that the options ask for. Out: what `-i` found. `ask` knows keys that
/// are not among the options.
pub fn prepare(handle: &Handle, options: &Options, readonly: bool, ask: &mut dyn Ask) -> Result<Option<Guest>> {
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
    if options.network || options.keys.iter().any(|k| k.source == Source::Clevis) {
        handle.set_network(true)?;
    }
    if let Some(trust) = &options.trust {
        handle.set_image_trust(trust)?;
    }
    if !options.trust_folders.is_empty() {
        handle.set_image_folders(&options.trust_folders)?;
    }
    let mut count = 0i32;
    let mut prepared = Vec::new();
    for drive in &options.drives {
        let index = count;
        count += add(handle, drive, options, readonly)?;
        if let Drive::Prepared(disk) = drive {
            prepared.push((disk, handle.device_name(index)?));
        }
    }
    if prepared.is_empty() && options.mounts.is_empty() && !options.inspector {
        return Ok(None);
    }
    handle.launch()?;
    // Partition and format them.
    prepared.iter().try_for_each(|(disk, device)| disk.fill(handle, device))?;
    let guest = match options.inspector {
        true => Some(inspect::mount(handle, readonly, &options.keys, ask)?),
        false => None,
    };
    options.mounts.iter().try_for_each(|m| mount(handle, m, readonly))?;
    Ok(guest)
}

/// Add what one option names; says how many drives it was.
fn add(handle: &Handle, drive: &Drive, options: &Options, readonly: bool) -> Result<i32> {
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
fn domain(handle: &Handle, name: &BString, options: &Options, readonly: bool) -> Result<i32> {
    let opts = AddDomainOpts {
        libvirturi: options.connect.clone(),
        readonly: readonly.then_some(true),
        allowuuid: Some(true),
        readonlydisk: Some("read".into()),
        ..AddDomainOpts::default()
    };
    Ok(handle.add_domain(name, opts)?)
}

fn mount(handle: &Handle, mount: &Mount, readonly: bool) -> Result<()> {
    let (device, point) = (&mount.device, &mount.mountpoint);
    let options = mount.options.clone().unwrap_or_else(|| if readonly { "ro" } else { "" }.into());
    let done = match &mount.fstype {
        Some(kind) => handle.mount_vfs(options, kind, device, point),
        None => handle.mount_options(options, device, point),
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
