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
fn token(config: &str) -> String {
    let mut clevis = Command::new("clevis");
    clevis.args(["encrypt", "sss", config]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
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

/// Each answer costs seconds of an emulated processor: the threshold covers the servers one by one.
#[test]
fn tang_servers_open_a_disk() {
    let _serial = serial();
    if !Path::new(SERVER).exists() || Command::new("clevis").stderr(Stdio::null()).output().is_err() {
        println!("not run: a disk that Tang servers open: install tang-common and clevis-luks");
        return;
    }
    let (first, second) = (Tang::start(), Tang::start());
    let token = token(&format!(r#"{{"t":2,"pins":{{"tang":[{},{}]}}}}"#, first.pin(), second.pin()));
    let g = launch("with a network", |g| {
        g.set_network(true).unwrap();
        g.set_backend_settings(&["no_snapshot"]).unwrap();
        scratch(g, 40);
    });
    let format = "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/sda -";
    let line = format!("printf hunter2 | {format} && printf %s '{token}' | cryptsetup token import /dev/sda");
    g.debug("sh", &[&line]).unwrap();
    g.clevis_luks_unlock("/dev/sda", "clear").unwrap();
    assert_eq!(g.list_dm_devices().unwrap(), ["/dev/mapper/clear"]);
    g.cryptsetup_close("/dev/mapper/clear").unwrap();
    // One of two is not enough.
    second.open.store(false, Ordering::SeqCst);
    let e = g.clevis_luks_unlock("/dev/sda", "clear").unwrap_err().to_string();
    assert!(e.contains("Error communicating with server http://169.254.2.2:"), "{e}");
    assert_eq!(g.list_dm_devices().unwrap(), Vec::<String>::new());
}
