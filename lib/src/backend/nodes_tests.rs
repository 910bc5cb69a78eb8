//! Drives as JSON.

use super::*;
use guestfs_protocol::opts::AddDriveOpts;

fn remote(protocol: &str, name: &str, opts: AddDriveOpts) -> Drive {
    let opts = opts.protocol(protocol);
    let g = crate::Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
    g.add_drive(name, opts).unwrap();
    let drive = g.drives().iter().next().unwrap().1.clone();
    drive
}

fn node(drive: &Drive) -> (Value, Secret) {
    let (node, secret) = protocol_node(drive, 3, Path::new("/tmp")).unwrap();
    (Value::Object(node), secret)
}

#[test]
fn local_files() {
    let mut drive = Drive::new(Source::File("/a, b=c \"d\"".into()));
    let (file, _) = node(&drive);
    assert_eq!(file, json!({"driver": "file", "filename": "/a, b=c \"d\"", "discard": "ignore"}));
    drive.readonly = true;
    drive.cachemode = CacheMode::Unsafe;
    let Value::Object(file) = file else { panic!() };
    assert_eq!(
        format_node(&drive, "vmdk", "n", file.clone()).unwrap(),
        json!({"driver": "vmdk", "node-name": "n", "file": file, "discard": "ignore", "read-only": true,
            "force-share": true, "cache": {"no-flush": true}})
    );
    drive.format = Some("vmdk".into());
    drive.discard = Discard::Enable;
    assert!(protocol_node(&drive, 0, Path::new("/tmp")).is_err());
    drive.discard = Discard::BestEffort;
    assert_eq!(node(&drive).0["discard"], "unmap");
}

#[test]
fn odd_names_go_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(OsStr::from_bytes(b"\xff dir"));
    std::fs::create_dir(&odd).unwrap();
    for name in [&b"disk.img"[..], b"\xfe.img"] {
        let path = odd.join(OsStr::from_bytes(name));
        std::fs::write(&path, name).unwrap();
        let links = tempfile::tempdir().unwrap();
        let place = utf8_path(&path, links.path(), 1).unwrap();
        assert_eq!(std::fs::read(place).unwrap(), name);
    }
}

#[test]
fn servers() {
    let o = AddDriveOpts::new;
    let (nbd, secret) = node(&remote("nbd", "", o().server(["unix:/s"])));
    assert_eq!(nbd["server"], json!({"type": "unix", "path": "/s"}));
    assert!(secret.is_none());
    let (nbd, _) = node(&remote("nbd", "x", o().server(["h"])));
    assert_eq!(nbd["server"], json!({"type": "inet", "host": "h", "port": "10809"}));
    let (http, secret) = node(&remote("https", "/a b#", o().server(["[::1]:8"]).username("u").secret("s")));
    assert_eq!(http["url"], "https://[::1]:8/a%20b%23");
    assert_eq!((&http["username"], &http["password-secret"]), (&json!("u"), &json!("secret3")));
    assert_eq!(secret.unwrap().1["data"], "s");
    let (ssh, _) = node(&remote("ssh", "/d", o().server(["h"]).username("u")));
    assert_eq!(ssh["server"], json!({"host": "h", "port": "22"}));
    let (iscsi, _) = node(&remote("iscsi", "iqn.x:y/2", o().server(["h"])));
    assert_eq!((&iscsi["portal"], &iscsi["target"], &iscsi["lun"]), (&json!("h:3260"), &json!("iqn.x:y"), &json!(2)));
    let (rbd, _) = node(&remote("rbd", "p/i", o().server(["a:1", "b:2"])));
    assert_eq!((&rbd["pool"], &rbd["server"][1]["port"]), (&json!("p"), &json!("2")));
    let gone = remote("sheepdog", "v", o());
    assert_eq!(protocol_node(&gone, 0, Path::new("/tmp")).unwrap_err().errno, libc::ENOTSUP);
}
