//! Properties, the environment, private data, directories: all without an appliance.

use super::*;
use crate::fake::handle;
use bstr::{BString, ByteSlice};

fn environment(list: &[&str]) -> Result<Handle> {
    let g = handle();
    g.load_environment_list(list)?;
    Ok(g)
}

#[test]
fn the_environment_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let tmp = dir.path().canonicalize().unwrap();
    let tmp = tmp.to_str().unwrap();
    let g = environment(&[
        "LIBGUESTFS_DEBUG=0",
        "LIBGUESTFS_PATH=/a:/b",
        "LIBGUESTFS_HV=/opt/qemu",
        "LIBGUESTFS_APPEND=noapic",
        "LIBGUESTFS_MEMSIZE=700",
        "LIBGUESTFS_BACKEND=unix:/run/x",
        "LIBGUESTFS_BACKEND_SETTINGS=force_tcg:gdb=1",
        &format!("TMPDIR={tmp}"),
        "XDG_RUNTIME_DIR=/nonexistent",
        "LIBGUESTFS_IMAGE_TRUST=contained",
        &format!("LIBGUESTFS_IMAGE_FOLDERS={tmp}:/usr/lib/../bin"),
    ])
    .unwrap();
    assert_eq!(g.get_image_trust().unwrap(), "contained");
    assert_eq!(g.get_image_folders().unwrap(), [tmp, "/usr/bin"]);
    assert!(!g.get_verbose().unwrap());
    assert_eq!(g.get_path().unwrap(), "/a:/b");
    assert_eq!(g.get_hv().unwrap(), "/opt/qemu");
    assert_eq!(g.get_append().unwrap().unwrap(), "noapic");
    assert_eq!(g.get_memsize().unwrap(), 700);
    assert_eq!(g.get_backend().unwrap(), "unix:/run/x");
    assert_eq!(g.get_backend_settings().unwrap(), ["force_tcg", "gdb=1"]);
    assert_eq!(g.get_tmpdir().unwrap(), tmp);
    assert_eq!(g.get_cachedir().unwrap(), tmp);
    assert_eq!(g.get_sockdir().unwrap(), "/tmp");
    g.set_cachedir(Some("/".into())).unwrap();
    assert_eq!(g.get_cachedir().unwrap(), "/");
    g.set_cachedir(None).unwrap();
    assert_eq!(g.get_cachedir().unwrap(), tmp);
}

#[test]
fn empty_is_unset() {
    let fresh = environment(&[]).unwrap();
    let g = environment(&[
        "TMPDIR=",
        "LIBGUESTFS_TMPDIR=",
        "LIBGUESTFS_CACHEDIR=",
        "LIBGUESTFS_PATH=",
        "LIBGUESTFS_HV=",
        "LIBGUESTFS_QEMU=",
        "LIBGUESTFS_MEMSIZE=",
        "LIBGUESTFS_BACKEND=",
        "LIBGUESTFS_ATTACH_METHOD=",
        "LIBGUESTFS_APPEND=",
    ])
    .unwrap();
    assert_eq!(g.get_tmpdir().unwrap(), fresh.get_tmpdir().unwrap());
    assert_eq!(g.get_cachedir().unwrap(), fresh.get_cachedir().unwrap());
    assert_eq!(g.get_path().unwrap(), fresh.get_path().unwrap());
    assert_eq!(g.get_hv().unwrap(), fresh.get_hv().unwrap());
    assert_eq!((g.get_memsize().unwrap(), g.get_backend().unwrap()), (1280, "direct".into()));
    assert_eq!(g.get_append().unwrap().unwrap(), "", "upstream keeps this one");
    // The old name counts only without the new one, and is not even looked at with it.
    let backend = |list: &[&str]| environment(list).unwrap().get_backend().unwrap();
    assert_eq!(backend(&["LIBGUESTFS_ATTACH_METHOD=unix:/a", "LIBGUESTFS_BACKEND="]), "unix:/a");
    assert_eq!(backend(&["LIBGUESTFS_ATTACH_METHOD=vmware", "LIBGUESTFS_BACKEND=unix:/b"]), "unix:/b");
}

#[test]
fn bad_values_are_named() {
    for (variable, text) in [
        ("LIBGUESTFS_DEBUG=maybe", "LIBGUESTFS_DEBUG=maybe: neither true nor false"),
        ("LIBGUESTFS_MEMSIZE=lots", "LIBGUESTFS_MEMSIZE: not a number of MiB"),
        ("LIBGUESTFS_MEMSIZE=3", "LIBGUESTFS_MEMSIZE: too small value for memsize (must be at least 256)"),
        ("LIBGUESTFS_BACKEND=vmware", "LIBGUESTFS_BACKEND: invalid backend: vmware"),
        ("TMPDIR=/nonexistent", "TMPDIR: /nonexistent: No such file or directory"),
        ("TMPDIR=/etc/passwd", "TMPDIR: '/etc/passwd' is not a directory"),
        ("LIBGUESTFS_TMPDIR=/nonexistent", "LIBGUESTFS_TMPDIR: set_tmpdir: /nonexistent: No such file or directory"),
    ] {
        assert_eq!(environment(&[variable]).unwrap_err().message(), text);
    }
}

#[test]
fn defaults() {
    let g = Handle::create(CreateFlags { no_environment: true, ..CreateFlags::default() }).unwrap();
    assert_eq!(g.get_memsize().unwrap(), 1280);
    assert_eq!(g.get_smp().unwrap(), 1);
    assert!(g.get_autosync().unwrap());
    assert!(!g.get_network().unwrap());
    assert_eq!(g.get_backend().unwrap(), "direct");
    assert_eq!(g.get_append().unwrap(), None);
    assert_eq!(g.get_tmpdir().unwrap(), "/tmp");
    assert_eq!(g.get_cachedir().unwrap(), "/var/tmp");
    assert_eq!(g.get_identifier().unwrap(), "");
    assert!(!g.get_program().unwrap().contains(&b'/'));
    assert!(!g.get_path().unwrap().is_empty());
    assert!(g.get_hv().unwrap().contains_str("qemu"));
    assert_eq!((g.get_state().unwrap(), g.is_busy().unwrap(), g.is_config().unwrap()), (0, false, true));
    assert_eq!(g.get_pid().unwrap_err().message(), "get_pid can only be called after launch");
}

#[test]
fn backend_settings() {
    let g = handle();
    let set: [&str; 4] = ["a", "b=c", "b=d", "bc=1"];
    g.set_backend_settings(&set).unwrap();
    assert_eq!(g.get_backend_setting("a").unwrap(), "1");
    assert_eq!(g.get_backend_setting("b").unwrap(), "c");
    assert_eq!(g.get_backend_setting("c").unwrap_err().message(), "setting not found");
    assert_eq!(g.get_backend_setting("c").unwrap_err().errno(), libc::ESRCH);
    g.set_backend_setting("b", "new").unwrap();
    assert_eq!(g.get_backend_settings().unwrap(), ["a", "bc=1", "b=new"]);
    g.set_backend_setting("a", "").unwrap();
    assert_eq!(g.get_backend_setting("a").unwrap(), "");
    g.set_backend_setting("x=y", "").unwrap_err();
}

#[test]
fn limits() {
    let g = handle();
    assert_eq!(g.set_smp(0).unwrap_err().message(), "invalid smp parameter: 0");
    assert_eq!(g.set_smp(256).unwrap_err().message(), "unsupported number of smp vcpus: 256");
    g.set_smp(4).unwrap();
    g.set_memsize(256).unwrap();
    assert_eq!(g.set_memsize(-5).unwrap_err().errno(), libc::EINVAL);
    g.set_identifier("a-b_9").unwrap();
    g.set_identifier("a b").unwrap_err();
    assert_eq!(g.get_identifier().unwrap(), "a-b_9");
    g.set_tmpdir(Some("/etc/passwd".into())).unwrap_err();
    g.set_path(Some("".into())).unwrap();
    assert_eq!(g.get_path().unwrap(), "");
}

#[test]
fn private_data() {
    let g = handle();
    assert!(g.set_private("b", Arc::new(1u32)).is_none());
    assert!(g.set_private("a", Arc::new("text")).is_none());
    let old = g.set_private("b", Arc::new(2u32)).unwrap();
    assert_eq!(old.downcast_ref::<u32>(), Some(&1));
    assert_eq!(g.get_private("b").unwrap().downcast_ref::<u32>(), Some(&2));
    let mut keys = Vec::new();
    let mut after: Option<BString> = None;
    while let Some((key, _)) = g.next_private(after.as_ref().map(|k| k.as_bstr())) {
        keys.push(key.clone());
        after = Some(key);
    }
    assert_eq!(keys, ["a", "b"]);
    g.unset_private("a").unwrap();
    assert!(g.get_private("a").is_none());
}

#[test]
fn directories_are_private_and_go_with_the_handle() {
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    let g = handle();
    g.set_tmpdir(Some(base.path().as_os_str().as_encoded_bytes().into())).unwrap();
    let dir = g.private_tmpdir().unwrap();
    assert_eq!(dir, g.private_tmpdir().unwrap());
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    std::fs::write(dir.join("x"), b"").unwrap();
    drop(g);
    assert!(!dir.exists());
}

/// The event classes are written here and in the API's description: the numbers must agree.
#[test]
fn event_masks_and_their_names() {
    assert_eq!(crate::EVENT_ALL, 0x3ff);
    assert_eq!(crate::event_to_string(EventClass::Close.bit() | EventClass::Trace.bit()), "close,trace");
}

#[test]
fn guids_and_file_names() {
    use crate::check::{filename, guid};
    let (g, info) = (handle(), &crate::client::info::MKDIR);
    for good in ["21686148-6449-6E6F-744E-656564454649", "{21686148-6449-6e6f-744e-656564454649}"] {
        guid(&g, info, "guid", good.as_bytes()).unwrap();
    }
    for bad in ["", "x", "21686148-6449-6E6F-744E-65656445464", "21686148-6449-6E6F-744E-6565644546499", "{21686148"] {
        let e = guid(&g, info, "guid", bad.as_bytes()).unwrap_err();
        assert_eq!(e.message(), "mkdir: guid: parameter is not a valid GUID");
    }
    filename(&g, info, "name", b"a b").unwrap();
    assert_eq!(filename(&g, info, "name", b"a/b").unwrap_err().message(), "mkdir: name: 'a/b' is not a file name");
    assert!(g.last_error().is_some());
}
