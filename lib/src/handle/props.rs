//! Properties: every `set_` and `get_` call.
//!
//! In: values from callers or the environment. Out: checked values in [`Properties`]; `launch` copies
//! them into a plan. What a NULL resets to is what the environment said when the handle was made.

use super::{Handle, State};
use crate::drive::Trust;
use crate::error::{Error, ErrorKind, Result};
use bstr::{BStr, BString, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;

/// Least memory a Linux appliance boots with, MiB; upstream's limit too.
const MEMSIZE_MIN: i32 = 256;
/// Memory when nothing is said, MiB: upstream's x86-64 value, enough for xfs_repair and friends.
const MEMSIZE_DEFAULT: i32 = 1280;
/// Most virtual processors (qemu's `-smp` bound for PC machines).
const SMP_MAX: i32 = 255;

#[derive(Debug, Clone)]
pub(crate) struct Properties {
    pub path: Option<BString>,
    pub hv: Option<BString>,
    pub append: Option<BString>,
    pub memsize: i32,
    pub smp: i32,
    pub network: bool,
    pub autosync: bool,
    /// SELinux in the appliance.
    pub selinux: bool,
    /// The console is the program's own standard input and output.
    pub direct: bool,
    /// The machine is no member of the program's process group.
    pub pgroup: bool,
    /// The machine ends with the program.
    pub recovery_proc: bool,
    /// More parameters for the hypervisor (`config`), each perhaps with a value.
    pub hv_params: Vec<(BString, Option<BString>)>,
    pub backend: BString,
    pub backend_settings: Vec<BString>,
    pub program: BString,
    pub identifier: BString,
    pub tmpdir: Option<BString>,
    pub cachedir: Option<BString>,
    /// `TMPDIR`, behind both of the above.
    pub env_tmpdir: Option<BString>,
    pub env_runtimedir: Option<BString>,
    /// Images reach nothing outside their folders.
    pub contained: bool,
    /// Folders that contained images may reach besides their own, absolute.
    pub image_folders: Vec<BString>,
}

impl Properties {
    /// What drives that are attached now may reach.
    pub fn trust(&self) -> Trust {
        if self.contained {
            let path = |dir: &BString| std::path::PathBuf::from(<OsStr as OsStrExt>::from_bytes(dir));
            Trust::Contained { folders: self.image_folders.iter().map(path).collect() }
        } else {
            Trust::Trusted
        }
    }
}

impl Default for Properties {
    fn default() -> Self {
        Properties {
            path: None,
            hv: None,
            append: None,
            memsize: MEMSIZE_DEFAULT,
            smp: 1,
            network: false,
            autosync: true,
            selinux: false,
            direct: false,
            pgroup: false,
            recovery_proc: true,
            hv_params: Vec::new(),
            backend: "direct".into(),
            backend_settings: Vec::new(),
            program: program_name(),
            identifier: BString::default(),
            tmpdir: None,
            cachedir: None,
            env_tmpdir: None,
            env_runtimedir: None,
            contained: false,
            image_folders: Vec::new(),
        }
    }
}

/// Words of `set_image_trust`.
const TRUSTED: &str = "trusted";
const CONTAINED: &str = "contained";

/// The name that the backend `direct` had before 1.21 (guestfs(3) of libguestfs, BACKEND).
const OLD_DIRECT: &str = "appliance";

/// Last component of argv[0].
fn program_name() -> BString {
    let arg0 = std::env::args_os().next().unwrap_or_default();
    let bytes = std::os::unix::ffi::OsStringExt::into_vec(arg0);
    bytes.rsplit(|b| *b == b'/').next().unwrap_or_default().into()
}

macro_rules! getters {
    ($($name:ident: $t:ty = |$p:ident| $value:expr;)*) => {$(
        pub(crate) fn $name(g: &Handle) -> Result<$t> {
            let $p = g.props.lock();
            Ok($value)
        }
    )*};
}

getters! {
    get_append: Option<BString> = |p| p.append.clone();
    get_autosync: bool = |p| p.autosync;
    get_attach_method: BString = |p| if p.backend == "direct" { OLD_DIRECT.into() } else { p.backend.clone() };
    get_backend: BString = |p| p.backend.clone();
    get_backend_settings: Vec<BString> = |p| p.backend_settings.clone();
    get_direct: bool = |p| p.direct;
    get_identifier: BString = |p| p.identifier.clone();
    get_image_folders: Vec<BString> = |p| p.image_folders.clone();
    get_image_trust: BString = |p| if p.contained { CONTAINED.into() } else { TRUSTED.into() };
    get_memsize: i32 = |p| p.memsize;
    get_network: bool = |p| p.network;
    get_pgroup: bool = |p| p.pgroup;
    get_program: BString = |p| p.program.clone();
    get_recovery_proc: bool = |p| p.recovery_proc;
    get_selinux: bool = |p| p.selinux;
    get_smp: i32 = |p| p.smp;
    get_tmpdir: BString = |p| first([&p.tmpdir, &p.env_tmpdir], "/tmp");
    get_cachedir: BString = |p| first([&p.cachedir, &p.env_tmpdir], "/var/tmp");
    get_sockdir: BString = |p| first([&p.env_runtimedir, &None], "/tmp");
}

fn first(candidates: [&Option<BString>; 2], default: &str) -> BString {
    candidates.into_iter().flatten().next().cloned().unwrap_or_else(|| default.into())
}

pub(crate) fn get_path(g: &Handle) -> Result<BString> {
    let set = g.props.lock().path.clone();
    Ok(set.unwrap_or_else(crate::backend::default_path))
}

pub(crate) fn get_hv(g: &Handle) -> Result<BString> {
    let set = g.props.lock().hv.clone();
    Ok(set.unwrap_or_else(crate::backend::default_hv))
}

/// The old name.
pub(crate) fn get_qemu(g: &Handle) -> Result<BString> {
    get_hv(g)
}

pub(crate) fn get_trace(g: &Handle) -> Result<bool> {
    Ok(g.trace.load(Ordering::Relaxed))
}

pub(crate) fn get_verbose(g: &Handle) -> Result<bool> {
    Ok(g.verbose.load(Ordering::Relaxed))
}

pub(crate) fn get_pid(g: &Handle) -> Result<i32> {
    if g.state() != State::Ready {
        return Err(
            Error::new(ErrorKind::NotLaunched, "get_pid can only be called after launch").with_errno(libc::EINVAL)
        );
    }
    g.pid().ok_or_else(|| {
        Error::new(ErrorKind::NotSupported, "get_pid: the backend has no process of its own").with_errno(libc::ENOTSUP)
    })
}

pub(crate) fn get_backend_setting(g: &Handle, name: &BStr) -> Result<BString> {
    let p = g.props.lock();
    match crate::settings::lookup(&p.backend_settings, name) {
        // Upstream: a setting without a value reads as "1".
        Some(b"") if p.backend_settings.iter().any(|s| s == name) => Ok("1".into()),
        Some(value) => Ok(value.into()),
        None => Err(Error::new(ErrorKind::Usage, "setting not found").with_errno(libc::ESRCH)),
    }
}

macro_rules! setters {
    ($($name:ident($value:ident: $t:ty) => |$p:ident| $set:expr;)*) => {$(
        pub(crate) fn $name(g: &Handle, $value: $t) -> Result<()> {
            let mut $p = g.props.lock();
            $set;
            Ok(())
        }
    )*};
}

setters! {
    set_append(append: Option<&BStr>) => |p| p.append = append.map(Into::into);
    set_autosync(autosync: bool) => |p| p.autosync = autosync;
    set_backend_settings(settings: &[BString]) => |p| p.backend_settings = settings.to_vec();
    set_direct(direct: bool) => |p| p.direct = direct;
    set_hv(hv: &BStr) => |p| p.hv = Some(hv.into());
    set_network(network: bool) => |p| p.network = network;
    set_path(path: Option<&BStr>) => |p| p.path = path.map(Into::into);
    set_pgroup(pgroup: bool) => |p| p.pgroup = pgroup;
    set_program(program: &BStr) => |p| p.program = program.into();
    set_qemu(hv: Option<&BStr>) => |p| p.hv = hv.map(Into::into);
    set_recovery_proc(recoveryproc: bool) => |p| p.recovery_proc = recoveryproc;
    set_selinux(selinux: bool) => |p| p.selinux = selinux;
}

pub(crate) fn set_trace(g: &Handle, trace: bool) -> Result<()> {
    g.trace.store(trace, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn set_verbose(g: &Handle, verbose: bool) -> Result<()> {
    g.verbose.store(verbose, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn set_memsize(g: &Handle, memsize: i32) -> Result<()> {
    if memsize < MEMSIZE_MIN {
        return Err(Error::usage(format!("too small value for memsize (must be at least {MEMSIZE_MIN})")));
    }
    g.props.lock().memsize = memsize;
    Ok(())
}

pub(crate) fn set_smp(g: &Handle, smp: i32) -> Result<()> {
    if smp < 1 {
        return Err(Error::usage(format!("invalid smp parameter: {smp}")));
    }
    if smp > SMP_MAX {
        return Err(Error::usage(format!("unsupported number of smp vcpus: {smp}")));
    }
    g.props.lock().smp = smp;
    Ok(())
}

pub(crate) fn set_backend(g: &Handle, backend: &BStr) -> Result<()> {
    let backend = if backend == OLD_DIRECT { BStr::new("direct") } else { backend };
    if !crate::backend::is_known(backend) {
        return Err(Error::usage(format!("invalid backend: {backend}"))
            .with_help("use direct, libvirt, libvirt:URI or unix:PATH"));
    }
    g.props.lock().backend = backend.into();
    Ok(())
}

/// The old name.
pub(crate) fn set_attach_method(g: &Handle, backend: &BStr) -> Result<()> {
    set_backend(g, backend)
}

/// How many there were of this name.
pub(crate) fn clear_backend_setting(g: &Handle, name: &BStr) -> Result<i32> {
    let mut p = g.props.lock();
    let before = p.backend_settings.len();
    p.backend_settings.retain(|s| !crate::settings::is_called(s, name));
    Ok(i32::try_from(before - p.backend_settings.len()).unwrap_or(i32::MAX))
}

pub(crate) fn set_backend_setting(g: &Handle, name: &BStr, val: &BStr) -> Result<()> {
    if name.is_empty() || name.contains(&b'=') {
        return Err(Error::usage("set_backend_setting: the name must not be empty or contain '='"));
    }
    let mut p = g.props.lock();
    p.backend_settings.retain(|s| !crate::settings::is_called(s, name));
    p.backend_settings.push(BString::from([name.as_bytes(), b"=", val.as_bytes()].concat()));
    Ok(())
}

pub(crate) fn set_identifier(g: &Handle, identifier: &BStr) -> Result<()> {
    if !identifier.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        return Err(Error::usage("identifier must contain only alphanumeric characters, underscore or minus sign"));
    }
    g.props.lock().identifier = identifier.into();
    Ok(())
}

/// An existing directory, as an absolute path; the caller says whose it was to be. The program may change its own directory later.
fn directory(dir: &BStr) -> Result<BString> {
    let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(dir.as_bytes());
    let absolute = std::fs::canonicalize(path).map_err(|e| Error::io(dir.as_bytes(), e))?;
    if !absolute.is_dir() {
        return Err(Error::usage(format!("'{dir}' is not a directory")).with_errno(libc::ENOTDIR));
    }
    Ok(std::os::unix::ffi::OsStringExt::into_vec(absolute.into_os_string()).into())
}

pub(crate) fn set_tmpdir(g: &Handle, dir: Option<&BStr>) -> Result<()> {
    let dir = dir.map(|d| directory(d).map_err(|e| e.context("set_tmpdir"))).transpose()?;
    g.props.lock().tmpdir = dir;
    Ok(())
}

pub(crate) fn set_cachedir(g: &Handle, dir: Option<&BStr>) -> Result<()> {
    let dir = dir.map(|d| directory(d).map_err(|e| e.context("set_cachedir"))).transpose()?;
    g.props.lock().cachedir = dir;
    Ok(())
}

pub(crate) fn set_image_trust(g: &Handle, trust: &BStr) -> Result<()> {
    let contained = match trust {
        trust if trust == TRUSTED => false,
        trust if trust == CONTAINED => true,
        _ => return Err(Error::usage(format!("'{trust}': the trust of images is trusted or contained"))),
    };
    g.props.lock().contained = contained;
    Ok(())
}

pub(crate) fn set_image_folders(g: &Handle, folders: &[BString]) -> Result<()> {
    let folders = folders.iter().map(|dir| directory(dir.as_bstr())).collect::<Result<_>>()?;
    g.props.lock().image_folders = folders;
    Ok(())
}

pub(super) fn set_env_tmpdir(g: &Handle, dir: &BStr) -> Result<()> {
    let dir = directory(dir)?;
    g.props.lock().env_tmpdir = Some(dir);
    Ok(())
}

/// After `su` it names a directory that is gone or another user's: then it is as if unset.
pub(super) fn set_env_runtimedir(g: &Handle, dir: &BStr) -> Result<()> {
    g.props.lock().env_runtimedir = directory(dir).ok();
    Ok(())
}

pub(crate) fn get_state(g: &Handle) -> Result<i32> {
    Ok(g.state() as i32)
}

pub(crate) fn is_config(g: &Handle) -> Result<bool> {
    Ok(g.state() == State::Config)
}

pub(crate) fn is_launching(g: &Handle) -> Result<bool> {
    Ok(g.state() == State::Launching)
}

pub(crate) fn is_ready(g: &Handle) -> Result<bool> {
    Ok(g.state() == State::Ready)
}

/// The BUSY state went away long ago upstream.
pub(crate) fn is_busy(_: &Handle) -> Result<bool> {
    Ok(false)
}

pub(crate) fn version(_: &Handle) -> Result<guestfs_protocol::structs::Version> {
    let [major, minor, release] = crate::client::info::API_VERSION;
    let extra = crate::client::info::API_VERSION_EXTRA.into();
    Ok(guestfs_protocol::structs::Version { major, minor, release, extra })
}
