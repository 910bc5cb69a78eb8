//! Disks of virtual machines that libvirt knows.
//!
//! In: the name or the `virDomainPtr` of a domain. Out: its disks, added to the handle, all or none.
//! `auth` has its credentials, `xml` reads its definitions. For this libvirt is asked
//! for facts only: it starts nothing and changes nothing. The backend `libvirt` starts machines, with the same `libvirt_ffi`.

mod auth;
mod xml;

pub(crate) use auth::*;

use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::libvirt_ffi::{Connection, Domain};
use crate::pointer::Pointer;
use base64::prelude::{Engine, BASE64_STANDARD};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{AddDomainOpts, AddDriveOpts, AddLibvirtDomOpts};
use std::cell::OnceCell;
use xml::{Auth, Disk, SecretName, Source};

/// What becomes of disks that are marked `<readonly/>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadonlyDisk {
    Error,
    Read,
    Write,
    Ignore,
}

/// Options of both calls.
struct Wanted {
    readonly: bool,
    live: bool,
    marked: ReadonlyDisk,
    /// What every drive gets: `readonly`, `iface`, `cachemode`, `discard`, `copyonread`.
    drive: AddDriveOpts,
}

/// Where secrets come from.
enum Secrets<'a> {
    /// A connection that is opened at the first secret: a read-only one does not give them out.
    Later { g: &'a Handle, uri: Option<&'a BStr>, connection: OnceCell<Connection> },
    /// The program's own connection.
    Here(&'a Connection),
}

impl Secrets<'_> {
    fn connection(&self) -> Result<&Connection> {
        match self {
            Secrets::Here(connection) => Ok(connection),
            Secrets::Later { g, uri, connection } => {
                if connection.get().is_none() {
                    let opened = auth::connect(g, *uri, false)?;
                    return Ok(connection.get_or_init(|| opened));
                }
                connection.get().ok_or_else(|| Error::usage("no connection to libvirt"))
            }
        }
    }

    /// The secret in the form that `add_drive` wants for this protocol.
    fn value(&self, protocol: &str, name: &SecretName) -> Result<BString> {
        // As libvirt numbers usages: ceph, iscsi, and none.
        let kind = match protocol {
            "rbd" => 2,
            "iscsi" => 3,
            _ => 0,
        };
        let value = match name {
            SecretName::Uuid(uuid) => self.connection()?.secret_by_uuid(uuid)?,
            SecretName::Usage(usage) => self.connection()?.secret_by_usage(kind, usage)?,
        };
        Ok(if protocol == "rbd" { BASE64_STANDARD.encode(&value).into() } else { value.into() })
    }
}

fn readonlydisk(given: Option<&BString>) -> Result<ReadonlyDisk> {
    match given.map_or(&b"write"[..], |word| word.as_slice()) {
        b"error" => Ok(ReadonlyDisk::Error),
        b"read" => Ok(ReadonlyDisk::Read),
        b"write" => Ok(ReadonlyDisk::Write),
        b"ignore" => Ok(ReadonlyDisk::Ignore),
        _ => Err(Error::usage("unknown readonlydisk parameter").with_help("use error, read, write or ignore")),
    }
}

/// 32 hexadecimal digits; libvirt lets hyphens stand anywhere.
fn is_uuid(text: &BStr) -> bool {
    let mut digits = text.iter().filter(|b| **b != b'-');
    digits.clone().count() == 32 && digits.all(u8::is_ascii_hexdigit)
}

pub(crate) fn add_domain(g: &Handle, dom: &BStr, opts: &AddDomainOpts) -> Result<i32> {
    let wanted = Wanted {
        readonly: opts.readonly.unwrap_or(false),
        live: opts.live.unwrap_or(false),
        marked: readonlydisk(opts.readonlydisk.as_ref())?,
        drive: AddDriveOpts {
            readonly: opts.readonly,
            iface: opts.iface.clone(),
            cachemode: opts.cachemode.clone(),
            discard: opts.discard.clone(),
            copyonread: opts.copyonread,
            ..AddDriveOpts::default()
        },
    };
    let uri = opts.libvirturi.as_ref().map(|u| u.as_bstr());
    let connection = auth::connect(g, uri, true)?;
    // libvirt complains on stderr about what is no UUID at all.
    let by_uuid = opts.allowuuid.unwrap_or(false) && is_uuid(dom);
    let domain = match by_uuid.then(|| connection.domain_by_uuid(dom)) {
        Some(Ok(domain)) => domain,
        _ => connection.domain(dom)?,
    };
    add(g, &connection, &domain, &wanted, &Secrets::Later { g, uri, connection: OnceCell::new() })
}

pub(crate) fn add_libvirt_dom(g: &Handle, dom: Pointer<'_>, opts: &AddLibvirtDomOpts) -> Result<i32> {
    let wanted = Wanted {
        readonly: opts.readonly.unwrap_or(false),
        live: opts.live.unwrap_or(false),
        marked: readonlydisk(opts.readonlydisk.as_ref())?,
        drive: AddDriveOpts {
            readonly: opts.readonly,
            iface: opts.iface.clone(),
            cachemode: opts.cachemode.clone(),
            discard: opts.discard.clone(),
            copyonread: opts.copyonread,
            ..AddDriveOpts::default()
        },
    };
    let domain = Domain::borrowed(dom)?;
    let connection = domain.connection()?;
    add(g, &connection, &domain, &wanted, &Secrets::Here(&connection))
}

fn add(g: &Handle, connection: &Connection, domain: &Domain, wanted: &Wanted, secrets: &Secrets<'_>) -> Result<i32> {
    let active = !wanted.readonly && domain.is_active()?;
    if active && !wanted.live {
        return Err(Error::usage("domain is a live virtual machine: writing to its disks would destroy them")
            .with_errno(libc::EBUSY)
            .with_help("use read-only access (readonly; --ro in most tools), or shut the domain down first"));
    }
    let definition = xml::domain(&domain.xml()?)?;
    if active {
        return attach(g, definition.live_channel);
    }
    for kind in &definition.left_out {
        g.note(format!("a disk of type {kind} is left out").as_bytes());
    }
    if definition.disks.is_empty() {
        return Err(Error::usage("libvirt domain has no disks"));
    }
    let mut drives = Vec::new();
    for disk in &definition.disks {
        drives.extend(drive(connection, disk, wanted, secrets)?);
    }
    let before = g.drives().clone();
    for (name, opts) in &drives {
        // What libvirt keeps secret is not for traces.
        let added = match opts.secret {
            Some(_) => crate::drives::add_drive(g, name.as_bstr(), opts),
            None => g.add_drive(name, opts.clone()),
        };
        if let Err(e) = added {
            *g.drives() = before;
            return Err(e);
        }
    }
    i32::try_from(drives.len()).map_err(|_| Error::usage("libvirt domain has too many disks"))
}

/// Use the daemon inside a running domain.
fn attach(g: &Handle, socket: Option<String>) -> Result<i32> {
    let Some(socket) = socket else {
        return Err(Error::usage(
            "domain is a live virtual machine and has no channel org.libguestfs.channel.0 to attach to",
        )
        .with_errno(libc::EBUSY)
        .with_help("use read-only access, or give the domain such a channel and start guestfsd inside"));
    };
    g.set_backend(format!("unix:{socket}"))?;
    Ok(0)
}

/// What `add_drive` gets for a disk; `None` for one that is to be ignored.
fn drive(
    connection: &Connection,
    disk: &Disk,
    wanted: &Wanted,
    secrets: &Secrets<'_>,
) -> Result<Option<(BString, AddDriveOpts)>> {
    let mut opts = wanted.drive.clone();
    opts.format = disk.format.as_ref().map(|f| f.as_str().into());
    opts.blocksize = disk.blocksize;
    if disk.readonly {
        match wanted.marked {
            ReadonlyDisk::Ignore => return Ok(None),
            ReadonlyDisk::Error if !wanted.readonly => {
                return Err(Error::usage(format!(
                    "{}: disk is marked <readonly/> in libvirt XML, and readonlydisk was set to \"error\"",
                    describe(&disk.source)
                )))
            }
            ReadonlyDisk::Read => opts.readonly = Some(true),
            ReadonlyDisk::Error | ReadonlyDisk::Write => {}
        }
    }
    let name = match &disk.source {
        Source::Host(path) => path.as_str().into(),
        Source::Volume { pool, name } => {
            let volume = connection.volume(pool, name)?;
            if !volume.is_on_host()? {
                return Err(Error::usage(format!("{}: neither a file nor a block device", describe(&disk.source)))
                    .with_errno(libc::ENOTSUP));
            }
            if opts.format.is_none() {
                opts.format = xml::volume_format(&volume.xml()?)?.map(BString::from);
            }
            volume.path()?
        }
        Source::Network { protocol, name, servers } => {
            opts.protocol = Some(protocol.as_str().into());
            opts.server = Some(servers.clone());
            if let Some(Auth { username, secret }) = &disk.auth {
                opts.username = username.as_ref().map(|u| u.as_str().into());
                opts.secret = secret.as_ref().map(|s| secrets.value(protocol, s)).transpose()?;
            }
            name.as_str().into()
        }
    };
    Ok(Some((name, opts)))
}

fn describe(source: &Source) -> String {
    match source {
        Source::Host(path) => path.clone(),
        Source::Volume { pool, name } => format!("volume {name} of pool {pool}"),
        Source::Network { protocol, name, .. } => format!("{protocol}:{name}"),
    }
}
