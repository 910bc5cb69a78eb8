//! Hives of the Windows Registry.
//!
//! In: nothing. Out: a hive with keys and values of every kind; what is called on damaged ones.

use super::big::{enlarge, PIECE};
use super::Calls;
use guestfs::opts::HivexOpenOpts;
use guestfs::Handle;

/// The root's handle in [`blank`]: behind the headers.
const ROOT: i64 = 0x1020;

/// Nodes and values that are looked at in one hive.
const VISITS: usize = 12;

/// Write these bytes.
pub fn put(hive: &mut [u8], at: usize, bytes: &[u8]) {
    hive[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Write this number.
pub fn number(hive: &mut [u8], at: usize, value: u32) {
    put(hive, at, &value.to_le_bytes());
}

/// A hive that has a root and nothing else.
fn blank() -> Vec<u8> {
    let mut hive = vec![0; 8192];
    put(&mut hive, 0, b"regf");
    for (at, value) in [(4, 1), (8, 1), (0x14, 1), (0x18, 3), (0x20, 1), (0x24, 0x20), (0x28, 0x1000), (0x2c, 1)] {
        number(&mut hive, at, value);
    }
    let page = 0x1000;
    put(&mut hive, page, b"hbin");
    number(&mut hive, page + 8, 0x1000);
    let root = page + 0x20;
    number(&mut hive, root, 0u32.wrapping_sub(0x58));
    put(&mut hive, root + 4, b"nk\x2c");
    let none = u32::MAX;
    for (at, value) in [(20, 0x20), (32, none), (36, none), (44, none), (48, 0x78), (52, none), (76, 4)] {
        number(&mut hive, root + at, value);
    }
    put(&mut hive, root + 80, b"root");
    let security = page + 0x78;
    number(&mut hive, security, 0u32.wrapping_sub(0x30));
    put(&mut hive, security + 4, b"sk");
    for (at, value) in [(8, 0x78), (12, 0x78), (16, 1), (20, 20), (24, 0x8000_0001)] {
        number(&mut hive, security + at, value);
    }
    number(&mut hive, page + 0xa8, 0x1000 - 0xa8);
    mend(&mut hive);
    hive
}

/// The header's checksum.
pub fn mend(hive: &mut [u8]) {
    if hive.len() >= 512 {
        let words = hive[..508].chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        let sum = words.fold(0, |sum, word| sum ^ word);
        number(hive, 508, sum);
    }
}

fn text(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Made with the library itself.
pub fn sound(g: &Handle) -> Vec<u8> {
    g.write("/sound", &blank()).unwrap();
    g.hivex_open("/sound", HivexOpenOpts { write: Some(true), ..Default::default() }).unwrap();
    for name in ["Select", "Microsoft", "ControlSet001", "K\u{e4}se"] {
        let node = g.hivex_node_add_child(ROOT, name).unwrap();
        for below in ["Windows NT", "\u{1f600}"] {
            let node = g.hivex_node_add_child(node, below).unwrap();
            g.hivex_node_set_value(node, "ProductName", 1, &text("Windows 10 Pro")).unwrap();
        }
        g.hivex_node_set_value(node, "", 4, &[1, 0, 0, 0]).unwrap();
        g.hivex_node_set_value(node, "long", 3, &[7; 3000]).unwrap();
        g.hivex_node_set_value(node, "list", 7, &[text("one"), text("two"), vec![0, 0]].concat()).unwrap();
    }
    g.hivex_commit(None).unwrap();
    g.hivex_close().unwrap();
    let mut hive = g.read_file("/sound").unwrap();
    in_pieces(g, &hive);
    // Damage goes to where something is: the data must not be most of that.
    let mut data = vec![0; 2 * PIECE + 1000];
    put(&mut data, PIECE - 2, b"seam");
    enlarge(&mut hive, "long", &data);
    hive
}

/// Values that are stored in pieces, of all lengths that are special.
fn in_pieces(g: &Handle, hive: &[u8]) {
    for length in (PIECE + 1..PIECE + 9).chain([2 * PIECE, 2 * PIECE + 1, 1_000_000]) {
        let mut hive = hive.to_vec();
        let data: Vec<u8> = (0..length).map(|n| (n / 251) as u8 ^ n as u8).collect();
        let long = text(&"a\u{e4}\u{1f600}".repeat(length / 8));
        enlarge(&mut hive, "long", &data);
        enlarge(&mut hive, "ProductName", &long);
        g.write("/pieces", &hive).unwrap();
        g.hivex_open("/pieces", Default::default()).unwrap();
        let node = g.hivex_node_get_child(g.hivex_root().unwrap(), "Select").unwrap();
        let value = g.hivex_node_get_value(node, "long").unwrap();
        assert_eq!(g.hivex_value_type(value).unwrap(), 3);
        assert!(g.hivex_value_value(value).unwrap() == data, "{length} bytes");
        let node = g.hivex_node_get_child(node, "Windows NT").unwrap();
        let value = g.hivex_node_get_value(node, "ProductName").unwrap();
        assert!(g.hivex_value_string(value).unwrap() == "a\u{e4}\u{1f600}".repeat(length / 8), "{length} bytes");
        g.hivex_close().unwrap();
    }
}

/// Look at some of it, change something, and write it.
pub fn calls(calls: &mut Calls<'_>, path: &str) {
    let write = HivexOpenOpts { write: Some(true), ..Default::default() };
    if calls.make(|g| g.hivex_open(path, write)).is_none() {
        return;
    }
    let Some(root) = calls.make(|g| g.hivex_root()) else { return };
    let (mut todo, mut visits) = (vec![root], 0);
    while let Some(node) = todo.pop() {
        visits += 1;
        if visits > VISITS {
            break;
        }
        calls.make(|g| g.hivex_node_name(node));
        calls.make(|g| g.hivex_node_get_value(node, "productname"));
        for value in calls.make(|g| g.hivex_node_values(node)).unwrap_or_default().iter().take(3) {
            let value = value.hivex_value_h;
            calls.make(|g| g.hivex_value_key(value));
            calls.make(|g| g.hivex_value_type(value));
            calls.make(|g| g.hivex_value_value(value));
        }
        let children = calls.make(|g| g.hivex_node_children(node)).unwrap_or_default();
        todo.extend(children.iter().map(|child| child.hivex_node_h));
    }
    if let Some(made) = calls.make(|g| g.hivex_node_add_child(root, "made")) {
        calls.make(|g| g.hivex_node_set_value(made, "x", 1, &text("y")));
    }
    if let Some(first) = calls.make(|g| g.hivex_node_children(root)).and_then(|list| Some(list.first()?.hivex_node_h)) {
        calls.make(|g| g.hivex_node_delete_child(first));
    }
    calls.make(|g| g.hivex_commit(Some("/written".into())));
}
