//! Disks of libvirt's domains, with the test driver that is in libvirt itself: `test:///FILE` is a host
//! that FILE describes. Without libvirt nothing can be shown and every test passes.
//!
//! The last test needs what `launch.rs` needs.

#[path = "launch/help.rs"]
#[allow(dead_code)]
mod help;

use guestfs::protocol::opts::{AddDomainOpts, AddDriveOpts, AddLibvirtDomOpts};
use guestfs::{Error, EventClass, Handle, Pointer};
use std::ffi::{c_char, c_void, CString};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A host with domains, its images and its description in one directory.
struct Host {
    dir: tempfile::TempDir,
    domains: String,
    more: String,
}

const UUID: &str = "12345678-1234-1234-1234-123456789abc";
/// Values of `test:runstate`.
const RUNNING: u32 = 1;
const PAUSED: u32 = 3;
const OFF: u32 = 5;

impl Host {
    /// `None`, and a line that says so, when there is no libvirt.
    fn new(what: &str) -> Option<Host> {
        let g = Handle::new().unwrap();
        let Err(e) = g.add_domain("x", AddDomainOpts::new().libvirturi("test:///nonexistent/x.xml")) else {
            panic!("a domain of nowhere");
        };
        if e.errno() == libc::ENOTSUP {
            assert!(e.help().unwrap().contains("libvirt0"), "{e}");
            // Not with a macro, whose output the test harness keeps for itself.
            // Not `println!`, which the test harness keeps to itself.
            #[expect(clippy::explicit_write)]
            writeln!(std::io::stdout(), "\nnot run: {what}, {}", e.message()).unwrap();
            return None;
        }
        Some(Host { dir: tempfile::tempdir().unwrap(), domains: String::new(), more: String::new() })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// An image of a megabyte; its path.
    fn image(&self, name: &str) -> String {
        let file = std::fs::File::create(self.path(name)).unwrap();
        file.set_len(1 << 20).unwrap();
        self.path(name)
    }

    fn domain(&mut self, name: &str, state: u32, devices: &str) {
        let uuid = if name == "uuid" { format!("<uuid>{UUID}</uuid>") } else { String::new() };
        self.domains.push_str(&format!(
            "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>{name}</name>{uuid}\
             <memory>8192</memory><os><type arch='x86_64'>hvm</type></os><devices>{devices}</devices>\
             <test:runstate>{state}</test:runstate></domain>"
        ));
    }

    fn uri(&self) -> String {
        let file = self.path("node.xml");
        std::fs::write(&file, format!("<node>{}{}</node>", self.domains, self.more)).unwrap();
        format!("test://{file}")
    }

    fn opts(&self) -> AddDomainOpts {
        AddDomainOpts::new().libvirturi(self.uri())
    }
}

fn file(path: &str, target: &str, more: &str) -> String {
    format!(
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>\
         <target dev='{target}' bus='virtio'/>{more}</disk>"
    )
}

fn network(source: &str, hosts: &str) -> String {
    format!(
        "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source {source}>{hosts}</source>\
         <target dev='vda' bus='virtio'/></disk>"
    )
}

/// A handle and the trace lines of its `add_drive` calls.
fn traced() -> (Handle, Arc<Mutex<Vec<String>>>) {
    let g = help::handle();
    g.set_trace(true).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    g.add_event_callback(EventClass::Trace.bit(), move |_, event| {
        let line = String::from_utf8_lossy(event.data).into_owned();
        if let Some(arguments) = line.strip_prefix("add_drive ").filter(|l| !l.starts_with('=')) {
            sink.lock().unwrap().push(arguments.to_owned());
        }
    });
    (g, lines)
}

/// What `add_drive` was called with for a domain, or the error.
fn added(name: &str, opts: AddDomainOpts) -> Result<Vec<String>, Error> {
    let (g, lines) = traced();
    let count = g.add_domain(name, opts)?;
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    assert_eq!(usize::try_from(count).unwrap(), lines.len());
    Ok(lines)
}

#[test]
fn disks_in_order_with_their_options() {
    let Some(mut host) = Host::new("libvirt: disks") else { return };
    let (a, b, cd) = (host.image("a image"), host.image("b.img"), host.image("cd.iso"));
    let devices = [
        file(&a, "vda", "<blockio logical_block_size='4096' physical_block_size='4096'/>"),
        "<disk type='dir' device='disk'><driver type='fat'/><source dir='/tmp'/><target dev='vdx' bus='virtio'/><readonly/></disk>".into(),
        format!("<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{b}'/><target dev='vdb'/></disk>"),
        "<disk type='file' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>".into(),
        format!("<disk type='file' device='cdrom'><driver type='raw'/><source file='{cd}'/><target dev='hdb' bus='ide'/><readonly/></disk>"),
    ];
    host.domain("off", OFF, &devices.concat());
    let [a, b, cd] = [a, b, cd].map(|p| format!("\"{p}\""));
    let o = || host.opts();
    assert_eq!(
        added("off", o()).unwrap(),
        [
            format!("{a} \"format:raw\" \"blocksize:4096\""),
            format!("{b} \"format:qcow2\""),
            format!("{cd} \"format:raw\"")
        ]
    );
    let ro = "\"readonly:true\" \"format:raw\"";
    assert_eq!(added("off", o().readonlydisk("read")).unwrap()[2], format!("{cd} {ro}"));
    assert_eq!(added("off", o().readonlydisk("write")).unwrap()[2], format!("{cd} \"format:raw\""));
    assert_eq!(added("off", o().readonlydisk("ignore")).unwrap().len(), 2);
    let e = added("off", o().readonlydisk("error")).unwrap_err();
    assert!(e.message().to_string().contains("marked <readonly/>"), "{e}");
    assert_eq!(added("off", o().readonlydisk("error").readonly(true)).unwrap()[2], format!("{cd} {ro}"));
    assert_eq!(added("off", o().readonlydisk("ignore").readonly(true)).unwrap().len(), 2);
    let all = o().iface("ide").cachemode("unsafe").discard("besteffort").copyonread(true).readonlydisk("ignore");
    assert_eq!(
        added("off", all).unwrap()[1],
        format!("{b} \"format:qcow2\" \"iface:ide\" \"cachemode:unsafe\" \"discard:besteffort\" \"copyonread:true\"")
    );
}

#[test]
fn which_domain() {
    let Some(mut host) = Host::new("libvirt: which domain") else { return };
    let image = host.image("a");
    host.domain("uuid", OFF, &file(&image, "vda", ""));
    host.domain("empty", OFF, "<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>");
    let o = || host.opts();
    assert_eq!(added("uuid", o()).unwrap().len(), 1);
    assert_eq!(added(UUID, o()).unwrap_err().errno(), libc::ENOENT);
    assert_eq!(added(UUID, o().allowuuid(true)).unwrap().len(), 1);
    assert_eq!(added("uuid", o().allowuuid(true)).unwrap().len(), 1);
    let e = added("other", o().allowuuid(true)).unwrap_err();
    assert_eq!(e.errno(), libc::ENOENT);
    assert!(e.message().starts_with(b"no libvirt domain called 'other': Domain not found"), "{e}");
    let e = added("empty", o()).unwrap_err();
    assert_eq!(e.message(), "libvirt domain has no disks");
    assert_eq!(added("nul\0", o()).unwrap_err().errno(), libc::EINVAL);
    let e = added("uuid", AddDomainOpts::new().libvirturi("test:///nonexistent/x.xml")).unwrap_err();
    assert!(e.message().starts_with(b"could not connect to libvirt at test:///nonexistent/x.xml: "), "{e}");
}

#[test]
fn running_domains() {
    let Some(mut host) = Host::new("libvirt: running domains") else { return };
    let image = host.image("a");
    let channel = |name: &str| {
        format!(
            "<channel type='unix'><source mode='bind' path='/s/live'/><target type='virtio' name='{name}'/></channel>"
        )
    };
    host.domain("running", RUNNING, &file(&image, "vda", ""));
    host.domain("paused", PAUSED, &file(&image, "vda", ""));
    host.domain("live", RUNNING, &[file(&image, "vda", ""), channel("org.libguestfs.channel.0")].concat());
    host.domain("off", OFF, &[file(&image, "vda", ""), channel("org.libguestfs.channel.0")].concat());
    host.domain("agent", RUNNING, &[file(&image, "vda", ""), channel("org.qemu.guest_agent.0")].concat());
    let o = || host.opts();
    for name in ["running", "paused", "live"] {
        let e = added(name, o()).unwrap_err();
        assert_eq!(e.errno(), libc::EBUSY, "{e}");
        assert!(e.message().starts_with(b"domain is a live virtual machine"), "{e}");
        assert_eq!(added(name, o().readonly(true)).unwrap().len(), 1);
    }
    for (name, opts, drives, backend) in [
        ("live", o().live(true), 0, "unix:/s/live"),
        ("live", o().live(true).readonly(true), 1, "direct"),
        ("off", o().live(true), 1, "direct"),
    ] {
        let (g, lines) = traced();
        g.set_backend("direct").unwrap();
        assert_eq!(g.add_domain(name, opts).unwrap(), drives, "{name}");
        assert_eq!(lines.lock().unwrap().len(), usize::try_from(drives).unwrap());
        assert_eq!(g.get_backend().unwrap(), backend);
    }
    let e = added("agent", o().live(true)).unwrap_err();
    assert!(e.message().to_string().contains("org.libguestfs.channel.0"), "{e}");
}

#[test]
fn network_disks_and_volumes() {
    let Some(mut host) = Host::new("libvirt: network disks and volumes") else { return };
    let volume = host.image("v.img");
    for (name, disk) in [
        ("nbd", network("protocol='nbd' name='e'", "<host name='h.example'/>")),
        ("nbdunix", network("protocol='nbd'", "<host transport='unix' socket='/s'/>")),
        ("rbd", network("protocol='rbd' name='p/i'", "<host name='a' port='1'/><host name='b'/>")),
        ("https", network("protocol='https' name='a/b'", "<host name='h'/>")),
        ("iscsi", network("protocol='iscsi' name='iqn.2013-07.com.example:x/2'", "<host name='::1' port='3260'/>")),
        ("query", network("protocol='https' name='a/b' query='x=y'", "<host name='h'/>")),
        ("snapshot", network("protocol='rbd' name='p/i'", "<host name='h'/><snapshot name='s'/>")),
        ("volume", "<disk type='volume'><source pool='p' volume='v.img'/><target dev='vda'/></disk>".into()),
        ("novolume", "<disk type='volume'><source pool='p' volume='w.img'/><target dev='vda'/></disk>".into()),
        ("nopool", "<disk type='volume'><source pool='q' volume='v.img'/><target dev='vda'/></disk>".into()),
        (
            "secret",
            network("protocol='rbd' name='p/i'", "<host name='h'/>")
                .replace("<source", "<auth username='joe'><secret type='ceph' usage='u'/></auth><source"),
        ),
    ] {
        host.domain(name, OFF, &disk);
    }
    host.more = format!(
        "<pool type='dir'><name>p</name><target><path>{}</path></target><volume type='file'><name>v.img</name>\
         <capacity>1048576</capacity><target><path>{volume}</path><format type='qcow2'/></target></volume></pool>",
        host.path("")
    );
    for (name, expected) in [
        ("nbd", "\"e\" \"format:raw\" \"protocol:nbd\" \"server:h.example:10809\"".to_owned()),
        ("nbdunix", "\"\" \"format:raw\" \"protocol:nbd\" \"server:unix:/s\"".into()),
        ("rbd", "\"p/i\" \"format:raw\" \"protocol:rbd\" \"server:a:1 b:6789\"".into()),
        ("https", "\"/a/b\" \"format:raw\" \"protocol:https\" \"server:h:443\"".into()),
        ("iscsi", "\"iqn.2013-07.com.example:x/2\" \"format:raw\" \"protocol:iscsi\" \"server:[::1]:3260\"".into()),
    ] {
        assert_eq!(added(name, host.opts()).unwrap(), [expected], "{name}");
    }
    let lines = added("volume", host.opts()).unwrap();
    assert!(lines[0].starts_with(&format!("\"{volume}\"")), "{lines:?}");
    for (name, why) in [
        ("query", "has a query"),
        ("snapshot", "is a snapshot"),
        ("novolume", "no volume called 'w.img' in the libvirt pool 'p'"),
        ("nopool", "no libvirt pool called 'q'"),
        // The test driver knows no secrets.
        ("secret", "no secret for the usage 'u'"),
    ] {
        let e = added(name, host.opts()).unwrap_err();
        assert!(e.message().to_string().contains(why), "{name}: {e}");
    }
}

#[test]
fn all_or_none() {
    let Some(mut host) = Host::new("libvirt: all or none") else { return };
    let image = host.image("a");
    let missing = host.path("missing");
    host.domain("two", OFF, &[file(&image, "vda", ""), file(&missing, "vdb", "")].concat());
    host.domain("one", OFF, &file(&image, "vda", ""));
    let g = help::handle();
    g.add_drive(&image, AddDriveOpts::new().label("kept")).unwrap();
    let e = g.add_domain("two", host.opts()).unwrap_err();
    assert_eq!(e.errno(), libc::ENOENT, "{e}");
    assert!(e.message().to_string().contains(&missing), "{e}");
    // Had it stayed, the label of the first drive could not be given to this one.
    g.remove_drive("kept").unwrap();
    assert!(g.launch().unwrap_err().message().to_string().contains("add_drive"));
    assert_eq!(g.add_domain("one", host.opts()).unwrap(), 1);
}

#[test]
fn credentials() {
    let Some(mut host) = Host::new("libvirt: credentials") else { return };
    let image = host.image("a");
    host.domain("d", OFF, &file(&image, "vda", ""));
    host.more = "<auth><user password='open sesame'>ali</user></auth>".into();
    let uri = host.uri();
    let connect = |passphrase: Option<&'static str>, supported: &[&str]| {
        let g = help::handle();
        g.set_libvirt_supported_credentials(supported).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = seen.clone();
        g.add_event_callback(EventClass::LibvirtAuth.bit(), move |g, event| {
            notes.lock().unwrap().push(String::from_utf8_lossy(event.data).into_owned());
            for (index, kind) in (0..).zip(g.get_libvirt_requested_credentials().unwrap()) {
                notes.lock().unwrap().push(kind.to_string());
                assert_ne!(g.get_libvirt_requested_credential_prompt(index).unwrap(), "");
                match (kind.to_string().as_str(), passphrase) {
                    ("authname", _) => g.set_libvirt_requested_credential(index, b"ali").unwrap(),
                    (_, Some(answer)) => g.set_libvirt_requested_credential(index, answer.as_bytes()).unwrap(),
                    _ => {}
                }
            }
        });
        let result = g.add_domain("d", AddDomainOpts::new().libvirturi(&uri));
        assert_eq!(g.get_libvirt_requested_credentials().unwrap_err().errno(), libc::EINVAL);
        let seen = seen.lock().unwrap().clone();
        (result, seen)
    };
    let both = ["authname", "passphrase"];
    let (result, seen) = connect(Some("open sesame"), &both);
    assert_eq!(result.unwrap(), 1);
    assert_eq!(seen, [&uri, "authname", &uri, "passphrase"]);
    for (answer, supported) in
        [(Some("open barley"), &both[..]), (None, &both), (Some("open sesame"), &["authname"]), (None, &[])]
    {
        let e = connect(answer, supported).0.unwrap_err();
        assert_eq!(e.errno(), libc::EACCES, "{answer:?} {supported:?}: {e}");
    }
}

#[test]
fn a_panic_in_the_callback_is_the_callers() {
    let Some(mut host) = Host::new("libvirt: panic in a callback") else { return };
    host.more = "<auth><user password='x'>ali</user></auth>".into();
    let g = help::handle();
    g.set_libvirt_supported_credentials(&["authname", "passphrase"]).unwrap();
    g.add_event_callback(EventClass::LibvirtAuth.bit(), |_, _| panic!("in the callback"));
    let opts = host.opts();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| g.add_domain("d", opts)));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"in the callback"));
    assert!(g.get_libvirt_requested_credentials().is_err());
}

/// A function of libvirt, as a program that is linked with it has it.
unsafe fn libvirt<F: Copy>(name: &str) -> F {
    let name = CString::new(name).unwrap();
    // SAFETY: the caller names a function of libvirt and its type, which is a function pointer.
    unsafe {
        let library = libc::dlopen(c"libvirt.so.0".as_ptr(), libc::RTLD_NOW);
        let address = libc::dlsym(library, name.as_ptr());
        assert!(!address.is_null());
        std::mem::transmute_copy(&address)
    }
}

#[test]
fn a_domain_of_the_programs_own() {
    let Some(mut host) = Host::new("libvirt: virDomainPtr") else { return };
    let image = host.image("a");
    host.domain("d", RUNNING, &file(&image, "vda", ""));
    let uri = CString::new(host.uri()).unwrap();
    let (g, lines) = traced();
    // SAFETY: as libvirt's headers declare them; the domain outlives the calls that use it.
    unsafe {
        let open: unsafe extern "C" fn(*const c_char) -> *mut c_void = libvirt("virConnectOpen");
        let lookup: unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void = libvirt("virDomainLookupByName");
        let free: unsafe extern "C" fn(*mut c_void) -> i32 = libvirt("virDomainFree");
        let close: unsafe extern "C" fn(*mut c_void) -> i32 = libvirt("virConnectClose");
        let connection = open(uri.as_ptr());
        let domain = lookup(connection, c"d".as_ptr());
        assert!(!domain.is_null());
        let e = g.add_libvirt_dom(Pointer::new(domain), AddLibvirtDomOpts::new()).unwrap_err();
        assert_eq!(e.errno(), libc::EBUSY, "{e}");
        assert_eq!(g.add_libvirt_dom(Pointer::new(domain), AddLibvirtDomOpts::new().readonly(true)).unwrap(), 1);
        let e = g.add_libvirt_dom(Pointer::new(std::ptr::null_mut()), AddLibvirtDomOpts::new()).unwrap_err();
        assert_eq!(e.errno(), libc::EINVAL);
        // Still the program's: the last references are given up here.
        assert_eq!((free(domain), close(connection)), (0, 0));
    }
    assert_eq!(*lines.lock().unwrap(), [format!("\"{image}\" \"readonly:true\" \"format:raw\"")]);
}

/// A disk with a partition and an ext4 that holds one file.
fn make_image(path: &Path) {
    std::fs::File::create(path).unwrap().set_len(64 << 20).unwrap();
    let g = help::launch("to make an image", |g| {
        g.add_drive(path.to_str().unwrap(), AddDriveOpts::new().format("raw")).unwrap();
    });
    g.part_disk("/dev/sda", "mbr").unwrap();
    g.mkfs("ext4", "/dev/sda1", Default::default()).unwrap();
    g.mount("/dev/sda1", "/").unwrap();
    g.write("/hello", b"from the guest").unwrap();
    g.shutdown().unwrap();
}

#[test]
fn a_real_image() {
    let Some(mut host) = Host::new("libvirt: a real image") else { return };
    let path = host.path("real.img");
    make_image(Path::new(&path));
    host.domain("guest", RUNNING, &file(&path, "vda", ""));
    let opts = host.opts().readonly(true);
    let g = help::launch("a domain's disk", |g| assert_eq!(g.add_domain("guest", opts).unwrap(), 1));
    let found = g.list_filesystems().unwrap();
    assert_eq!(found, [("/dev/sda1".into(), "ext4".into())]);
    g.mount_ro("/dev/sda1", "/").unwrap();
    assert_eq!(g.cat("/hello").unwrap(), "from the guest");
    let e = g.add_domain("guest", host.opts().readonly(true)).unwrap_err();
    assert!(e.message().to_string().contains("config state"), "{e}");
    g.shutdown().unwrap();
}
