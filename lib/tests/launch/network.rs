//! What needs the network: disks that Tang servers open.
//!
//! In: Debian's `tang-common`, whose server each connection to a port of this host is given, and clevis, which
//! makes policies out of what it advertises. Out: devices that are opened while enough of them answer.

use super::help::{launch, scratch, serial};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

const SERVER: &str = "/usr/libexec/tangd";
const MAKE_KEYS: &str = "/usr/libexec/tangd-keygen";

/// A server on a port of its own, until it is dropped; while it is not `open`, it hangs up.
struct Tang {
    port: u16,
    open: Arc<AtomicBool>,
    _keys: tempfile::TempDir,
}

impl Tang {
    fn start() -> Tang {
        let keys = tempfile::tempdir().unwrap();
        assert!(Command::new(MAKE_KEYS).arg(keys.path()).status().unwrap().success());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(AtomicBool::new(true));
        let (serves, dir) = (Arc::clone(&open), keys.path().to_owned());
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serves.load(Ordering::SeqCst) {
                    serve(stream, &dir);
                }
            }
        });
        Tang { port, open, _keys: keys }
    }

    /// A pin, for the address under which the appliance sees this host.
    fn pin(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /adv HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, advertised) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        format!(r#"{{"url":"http://169.254.2.2:{}","adv":{}}}"#, self.port, advertised.trim())
    }
}

fn serve(stream: TcpStream, keys: &Path) {
    let output = OwnedFd::from(stream.try_clone().unwrap());
    let input = OwnedFd::from(stream);
    let mut server = Command::new(SERVER);
    server.arg(keys).stdin(input).stdout(output).stderr(Stdio::null());
    server.spawn().unwrap().wait().unwrap();
}

/// What clevis keeps in a header to find `hunter2` again.
fn token(pin: &str, config: &str) -> String {
    let mut clevis = Command::new("clevis");
    clevis.args(["encrypt", pin, config]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut clevis = clevis.spawn().unwrap();
    clevis.stdin.take().unwrap().write_all(b"hunter2").unwrap();
    let made = clevis.wait_with_output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).unwrap();
    let [protected, key, iv, ciphertext, tag] = text.trim().split('.').collect::<Vec<_>>()[..] else {
        panic!("{text}")
    };
    format!(
        r#"{{"type":"clevis","keyslots":["0"],"jwe":{{"protected":"{protected}","encrypted_key":"{key}","iv":"{iv}","ciphertext":"{ciphertext}","tag":"{tag}"}}}}"#
    )
}

#[test]
fn tang_opens_disks() {
    let _serial = serial();
    if !Path::new(SERVER).exists() || Command::new("clevis").stderr(Stdio::null()).output().is_err() {
        println!("not run: disks that Tang opens: install tang-common and clevis-luks");
        return;
    }
    let (first, second) = (Tang::start(), Tang::start());
    let both = format!(r#"{{"t":2,"pins":{{"tang":[{},{}]}}}}"#, first.pin(), second.pin());
    let g = launch("with a network", |g| {
        g.set_network(true).unwrap();
        scratch(g, 40);
        scratch(g, 40);
    });
    for (device, token) in [("/dev/sda", token("tang", &first.pin())), ("/dev/sdb", token("sss", &both))] {
        let format = "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000";
        let line = format!("printf hunter2 | {format} {device} - && printf %s '{token}' | cryptsetup token import {device}");
        g.debug("sh", &[&line]).unwrap();
    }
    let (one, two) = ("/dev/mapper/one", "/dev/mapper/two");
    g.clevis_luks_unlock("/dev/sda", "one").unwrap();
    g.clevis_luks_unlock("/dev/sdb", "two").unwrap();
    assert_eq!(g.list_dm_devices().unwrap(), [one, two]);
    g.cryptsetup_close(one).unwrap();
    g.cryptsetup_close(two).unwrap();
    // One of two is not enough.
    second.open.store(false, Ordering::SeqCst);
    g.clevis_luks_unlock("/dev/sda", "one").unwrap();
    let e = g.clevis_luks_unlock("/dev/sdb", "two").unwrap_err();
    println!("without its server: {e}");
    first.open.store(false, Ordering::SeqCst);
    g.cryptsetup_close(one).unwrap();
    g.clevis_luks_unlock("/dev/sda", "one").unwrap_err();
    assert_eq!(g.list_dm_devices().unwrap(), Vec::<String>::new());
}
