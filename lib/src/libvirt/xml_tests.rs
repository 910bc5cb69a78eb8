use super::*;
use std::time::{Duration, Instant};

fn read(devices: &str) -> Result<Definition> {
    domain(format!("<domain type='kvm'><name>d</name><devices>{devices}</devices></domain>").as_bytes())
}

fn disk(xml: &str) -> Disk {
    read(xml).unwrap().disks.pop().unwrap()
}

fn network(source: &str) -> Result<Source> {
    let xml = format!("<disk type='network'><source {source}</source></disk>");
    Ok(read(&xml)?.disks.pop().unwrap().source)
}

fn host(path: &str) -> Source {
    Source::Host(path.into())
}

#[test]
fn disks_of_the_host() {
    let d = disk(
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source file='/a &amp; b.img'>\
         <seclabel/></source><backingStore type='file'><format type='raw'/><source file='/base'/></backingStore>\
         <target dev='vda'/><readonly/><blockio logical_block_size='4096' physical_block_size='8192'/></disk>",
    );
    assert_eq!(
        d,
        Disk {
            source: host("/a & b.img"),
            format: Some("qcow2".into()),
            readonly: true,
            blocksize: Some(4096),
            auth: None
        }
    );
    let d = disk("<disk type='block' device='lun'><source dev='/dev/vg/lv'/></disk>");
    assert_eq!(d, Disk { source: host("/dev/vg/lv"), format: None, readonly: false, blocksize: None, auth: None });
    assert_eq!(disk("<disk><source file='/x'/></disk>").source, host("/x"));
    let d = disk("<disk type='volume'><source pool='p' volume='v.img'/></disk>");
    assert_eq!(d.source, Source::Volume { pool: "p".into(), name: "v.img".into() });
}

#[test]
fn order_and_what_is_left_out() {
    let found = read(
        "<disk type='file' device='cdrom'><target dev='hda'/></disk>\
         <disk type='file' device='cdrom'><source startupPolicy='optional'/></disk>\
         <disk type='file' device='cdrom'><source file='/cd.iso'/><readonly/></disk>\
         <disk type='dir'><source dir='/d'/></disk>\
         <disk type='nvme'><source type='pci' namespace='1'/></disk>\
         <disk type='file'><source file='/a'/></disk>\
         <controller type='usb'/><x:disk xmlns:x='urn:x' type='file'><source file='/no'/></x:disk>",
    )
    .unwrap();
    let names: Vec<_> = found.disks.iter().map(|d| &d.source).collect();
    assert_eq!(names, [&host("/cd.iso"), &host("/a")]);
    assert_eq!(found.left_out, ["dir", "nvme"]);
    assert_eq!(found.live_channel, None);
}

#[test]
fn only_what_is_at_its_place() {
    let hidden = "<devices><disk type='file'><source file='/etc/shadow'/></disk></devices>";
    for xml in [
        format!("<domain><metadata>{hidden}</metadata><devices/></domain>"),
        format!("<domain><devices><x>{hidden}</x></devices></domain>"),
        format!("<domain><description>&lt;devices&gt;</description><!--{hidden}--><![CDATA[]]></domain>")
            .replace("<![CDATA[]]>", ""),
    ] {
        assert_eq!(domain(xml.as_bytes()).unwrap(), Definition::default(), "{xml}");
    }
}

#[test]
fn network_disks() {
    let want = |protocol: &str, name: &str, servers: &[&str]| Source::Network {
        protocol: protocol.into(),
        name: name.into(),
        servers: servers.iter().map(|s| BString::from(*s)).collect(),
    };
    for (xml, expected) in [
        ("protocol='nbd' name='e'><host name='h' port='10809'/>", want("nbd", "e", &["h:10809"])),
        ("protocol='nbd'><host transport='unix' socket='/s'/>", want("nbd", "", &["unix:/s"])),
        ("protocol='nbd'><host name='::1' port='1'/>", want("nbd", "", &["[::1]:1"])),
        ("protocol='rbd' name='p/i'><host name='a' port='1'/><host name='b'/>", want("rbd", "p/i", &["a:1", "b:6789"])),
        ("protocol='rbd' name='p/i'>", want("rbd", "p/i", &[])),
        ("protocol='iscsi' name='iqn.x:y/2'><host name='h' port='3260'/>", want("iscsi", "iqn.x:y/2", &["h:3260"])),
        ("protocol='https' name='a/b'><host name='h' port='443'/>", want("https", "/a/b", &["h:443"])),
        ("protocol='http' name='/a'><host name='h'/>", want("http", "/a", &["h"])),
        ("protocol='ssh' name='/d'><host name='h' port='22'/>", want("ssh", "/d", &["h:22"])),
        ("protocol='gluster' name='v/i'><host name='h' transport='tcp'/>", want("gluster", "v/i", &["h"])),
    ] {
        assert_eq!(network(xml).unwrap(), expected, "{xml}");
    }
    for (xml, why) in [
        ("protocol='rbd' name='p/i'><snapshot name='s'/>", "snapshot"),
        ("protocol='https' name='a' query='x=y'><host name='h'/>", "query"),
        ("protocol='nbd' name='a' tls='yes'><host name='h'/>", "TLS"),
        ("protocol='gluster' name='v/i'><host name='h' transport='rdma'/>", "rdma"),
        ("protocol='nbd'><host/>", "no name"),
        ("protocol='nbd'><host transport='unix'/>", "socket"),
    ] {
        let e = network(xml).unwrap_err();
        assert!(e.message().to_string().contains(why), "{xml}: {e}");
    }
}

#[test]
fn who_logs_in() {
    let auth = |inside: &str, source: &str| {
        disk(&format!("<disk type='network'>{inside}<source protocol='rbd' name='p/i'>{source}</source></disk>")).auth
    };
    let uuid = "<auth username='joe'><secret type='ceph' uuid='1-2'/></auth>";
    let expected = Auth { username: Some("joe".into()), secret: Some(SecretName::Uuid("1-2".into())) };
    assert_eq!(auth(uuid, "").as_ref(), Some(&expected));
    assert_eq!(auth("", uuid), Some(expected));
    let usage = "<auth username='joe'><secret type='iscsi' usage='u'/></auth>";
    assert_eq!(auth(usage, "").unwrap().secret, Some(SecretName::Usage("u".into())));
    assert_eq!(auth("<auth username='joe'/>", "").unwrap().secret, None);
    assert_eq!(auth("", ""), None);
}

#[test]
fn live_channels() {
    let channel = |mode: &str, name: &str| {
        let xml = format!(
            "<channel type='unix'><source mode='{mode}' path='/s'/><target type='virtio' name='{name}'/></channel>"
        );
        read(&xml).unwrap().live_channel
    };
    assert_eq!(channel("bind", LIVE_CHANNEL).as_deref(), Some("/s"));
    assert_eq!(channel("connect", LIVE_CHANNEL), None);
    assert_eq!(channel("bind", "org.qemu.guest_agent.0"), None);
    assert_eq!(read("<channel type='pty'/>").unwrap().live_channel, None);
}

#[test]
fn volumes() {
    let format = |xml: &str| volume_format(xml.as_bytes()).unwrap();
    assert_eq!(
        format("<volume><target><path>/v</path><format type='qcow2'/></target></volume>").as_deref(),
        Some("qcow2")
    );
    assert_eq!(format("<volume><target/></volume>"), None);
    assert_eq!(format("<volume><backingStore><format type='raw'/></backingStore></volume>"), None);
}

/// Whatever it is, the answer comes soon and is an error.
fn refused(what: &str, xml: &[u8]) {
    let start = Instant::now();
    let e = domain(xml).unwrap_err();
    assert!(e.message().starts_with(b"libvirt's XML: "), "{what}: {e}");
    assert!(start.elapsed() < Duration::from_secs(5), "{what}: {:?}", start.elapsed());
}

#[test]
fn hostile() {
    refused("empty", b"");
    refused("no XML", b"no xml");
    refused("another root", b"<network/>");
    refused("not UTF-8", b"<domain>\xff</domain>");
    refused("not closed", b"<domain><devices>");
    refused("closed too often", b"<domain></domain></domain>");
    refused(
        "an odd size",
        b"<domain><devices><disk><source file='/x'/><blockio logical_block_size='4k'/></disk></devices></domain>",
    );
    refused("a document type", b"<!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain/>");
    refused("an unknown entity", b"<domain>&x;</domain>");
    let laughs = "<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><domain><title>&b;</title></domain>";
    refused("entities of its own", laughs.as_bytes());
    refused("too large", format!("<domain>{}</domain>", " ".repeat(TEXT_MAX)).as_bytes());
    refused("too many nodes", format!("<domain>{}</domain>", "<a/>".repeat(300_000)).as_bytes());
    refused("too many open", "<a>".repeat(1_000_000).as_bytes());
    let many: String = (0..300_000).map(|i| format!(" a{i}=''")).collect();
    refused("too many attributes", format!("<domain{many}/>").as_bytes());
    let spread: String = (0..300_000).map(|i| format!(" a{i}='>'")).collect();
    refused("too many attributes, with signs between", format!("<domain{spread}/>").as_bytes());
    let spaces: String = (0..200_000).map(|i| format!(" xmlns:a{i}='u{i}'")).collect();
    refused("too many namespaces", format!("<domain{spaces}/>").as_bytes());
}

#[test]
fn deep_but_allowed() {
    let deep = 90_000;
    let xml = format!("<domain>{}{}</domain>", "<a>".repeat(deep), "</a>".repeat(deep));
    assert_eq!(domain(xml.as_bytes()).unwrap(), Definition::default());
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(<|>|/|=|'| |&|;|domain|devices|disk|source|file|a|\\PC){0,60}") {
        let _ = domain(text.as_bytes());
        let _ = read(&text);
    }
}
