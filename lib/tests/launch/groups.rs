//! Option groups: what is listed of an appliance and what it says itself.

use super::help::{launch, scratch, serial};
use guestfs::appliance::cache::Cache;
use guestfs::appliance::manifest::Manifest;
use std::path::Path;

#[test]
fn launch_answers_for_groups_what_is_listed() {
    let _serial = serial();
    let g = launch("groups", |g| scratch(g, 10));
    let dir = g.get_cachedir().unwrap().to_string();
    let appliances = Cache::open(Path::new(&dir)).unwrap().list();
    let facts = g.debug("sh", &["cat /etc/guestfs-rs/appliance"]).unwrap();
    // `guestfs-appliance list` prints the manifests; this is the one that was launched.
    let manifests = appliances.iter().filter_map(|dir| Manifest::read(dir).ok());
    let mut mine = manifests.filter(|m| facts == m.for_daemon().as_str());
    let manifest = mine.next().expect("a manifest of this appliance");
    let names: Vec<String> = g.available_all_groups().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(manifest.groups.keys().cloned().collect::<Vec<_>>(), names);
    for (name, off) in &manifest.groups {
        assert_eq!(g.feature_available(&[name]).unwrap(), off.is_none(), "{name}: {off:?}");
        assert_eq!(g.available(&[name]).is_ok(), off.is_none(), "{name}: {off:?}");
    }
    // On without a tool, on with tools, on with a library.
    let on = |name: &str| manifest.groups.get(name).is_some_and(Option::is_none);
    assert!(on("linuxxattrs") && on("lvm2") && on("hivex"), "{:?}", manifest.groups);
}
