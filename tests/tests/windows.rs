//! Windows guests of three generations, made here, and what inspection says of them.
//!
//! In: hives that hivexregedit filled, programs of a few bytes, NTFS. Out: the answers of all calls about systems.
//! Debian's library gave the same ones for 2008 R2; the other two stand by the manual.

#[path = "windows/hive.rs"]
mod hive;

use bstr::{BString, ByteSlice};
use guestfs::opts::{AddDriveOpts, MkfsOpts};
use guestfs::{structs::Application2, Handle};
use std::path::{Path, PathBuf};

/// Processors in the headers of programs.
const I386: u16 = 0x014c;
const X86_64: u16 = 0x8664;
/// Signature of disks with an MBR.
const SIGNATURE: u32 = 0x9a8b_7c6d;

// ── the systems ─────────────────────────────────────────────────────────────────

/// A program that does nothing, for a processor.
fn program(machine: u16) -> Vec<u8> {
    let mut exe = vec![0; 512];
    exe[..2].copy_from_slice(b"MZ");
    exe[0x3c] = 0x80;
    exe[0x80..0x84].copy_from_slice(b"PE\0\0");
    exe[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
    exe[0x94] = 0xf0;
    exe[0x98..0x9a].copy_from_slice(&(if machine == I386 { 0x10b_u16 } else { 0x20b }).to_le_bytes());
    exe
}

/// Data of `MountedDevices` for a partition of an MBR.
fn mbr_drive(sector: u64) -> String {
    hive::hex(&[&SIGNATURE.to_le_bytes()[..], &(sector * 512).to_le_bytes()].concat())
}

/// The same for one of a GPT: the first three numbers of a GUID have their low bytes first.
fn gpt_drive(guid: &str) -> String {
    let hex: String = guid.chars().filter(char::is_ascii_hexdigit).collect();
    let b: Vec<u8> = (0..16).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect();
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    hive::hex(&[&b"DMIO:ID:"[..], &order.map(|n| b[n])].concat())
}

/// A generation of Windows.
struct Guest {
    name: &'static str,
    /// Makes partitions and file systems, and says which devices have which letters, as data of the Registry.
    make: fn(&Handle) -> Vec<(&'static str, String)>,
    root: &'static str,
    systemroot: &'static str,
    /// Case of names in there: the directory of the system, of hives, a program.
    names: [&'static str; 3],
    hives: [&'static str; 2],
    machine: u16,
    software: &'static str,
    hostname: &'static str,
    /// Type, distribution, product, variant, major, minor, architecture, osinfo, build.
    answers: [&'static str; 9],
    filesystems: &'static [&'static str],
    drives: &'static [(&'static str, &'static str)],
    group_policy: bool,
    apps: &'static [&'static str],
}

const GUESTS: [Guest; 3] = [
    Guest {
        name: "xp",
        make: xp,
        root: "/dev/sda1",
        systemroot: "/WINDOWS",
        names: ["system32", "config", "cmd.exe"],
        hives: ["software", "system"],
        machine: I386,
        software: r#"[\Microsoft\Windows NT\CurrentVersion]
"ProductName"="Microsoft Windows XP"
"CurrentVersion"="5.1"
"CurrentBuildNumber"="2600"
"CSDVersion"="Service Pack 3"

[\Microsoft\Windows\CurrentVersion\Uninstall\Old Tool]
"DisplayName"="An Old Tool"
"DisplayVersion"="1.2"

[\Microsoft\Windows\CurrentVersion\Uninstall\KB123456]
"ParentKeyName"="OperatingSystem"
"#,
        hostname: "oldbox",
        answers: ["windows", "windows", "Microsoft Windows XP", "unknown", "5", "1", "i386", "winxp", "2600"],
        filesystems: &["/dev/sda1"],
        drives: &[("C", "/dev/sda1")],
        group_policy: false,
        apps: &["Old Tool|An Old Tool|1.2||||"],
    },
    Guest {
        name: "2008r2",
        make: server,
        root: "/dev/sda2",
        systemroot: "/Windows",
        names: ["System32", "config", "cmd.exe"],
        hives: ["SOFTWARE", "SYSTEM"],
        machine: X86_64,
        software: r#"[\Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows Server 2008 R2 Standard"
"CurrentVersion"="6.1"
"CurrentBuildNumber"="7601"
"InstallationType"="Server"

[\Microsoft\Windows\CurrentVersion\Group Policy\History\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}]

[\Microsoft\Windows\CurrentVersion\Uninstall\{11111111-2222-3333-4444-555555555555}]
"DisplayName"=hex(1):47,00,72,00,f6,00,df,00,65,00,00,00
"DisplayVersion"="10.0.1"
"Publisher"="Nobody"
"InstallLocation"="C:\\Program Files\\Nobody"
"URLInfoAbout"="http://example.com/"
"Comments"="For nothing"

[\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\Small]
"DisplayName"="Small one"
"DisplayVersion"="3"
"#,
        hostname: "SERVER1",
        answers: [
            "windows",
            "windows",
            "Windows Server 2008 R2 Standard",
            "Server",
            "6",
            "1",
            "x86_64",
            "win2k8r2",
            "7601",
        ],
        filesystems: &["/dev/sda2"],
        drives: &[("C", "/dev/sda2"), ("D", "/dev/sda3")],
        group_policy: true,
        apps: &[
            "Small|Small one|3||||",
            "{11111111-2222-3333-4444-555555555555}|Größe|10.0.1||C:\\Program Files\\Nobody|Nobody|http://example.com/",
        ],
    },
    Guest {
        name: "11",
        make: client,
        root: "/dev/sda3",
        systemroot: "/Windows",
        names: ["System32", "config", "cmd.exe"],
        hives: ["SOFTWARE", "SYSTEM"],
        machine: X86_64,
        software: r#"[\Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows 10 Pro"
"CurrentVersion"="6.3"
"CurrentMajorVersionNumber"=dword:0000000a
"CurrentMinorVersionNumber"=dword:00000000
"CurrentBuild"="22631"
"CurrentBuildNumber"="22631"
"InstallationType"="Client"

[\Microsoft\Windows\CurrentVersion\Group Policy\History]

[\Microsoft\Windows\CurrentVersion\Uninstall\App]
"DisplayName"="App"
"#,
        hostname: "DESKTOP-1",
        // The Registry of Windows 11 still has the name of Windows 10.
        answers: ["windows", "windows", "Windows 10 Pro", "Client", "10", "0", "x86_64", "win11", "22631"],
        filesystems: &["/dev/sda3"],
        drives: &[("C", "/dev/sda3")],
        group_policy: false,
        apps: &["App|App|||||"],
    },
];

fn parts(g: &Handle, table: &str, ends: &[(i64, i64)]) {
    g.part_init("/dev/sda", table).unwrap();
    for (first, last) in ends {
        g.part_add("/dev/sda", "p", *first, *last).unwrap();
    }
    if table == "mbr" {
        g.pwrite_device("/dev/sda", &SIGNATURE.to_le_bytes(), 440).unwrap();
    }
}

fn ntfs(g: &Handle, device: &str) {
    g.mkfs("ntfs", device, MkfsOpts::default()).unwrap();
}

/// One partition, as its installer made it: from the second track on.
fn xp(g: &Handle) -> Vec<(&'static str, String)> {
    parts(g, "mbr", &[(63, 163_839)]);
    ntfs(g, "/dev/sda1");
    g.mount("/dev/sda1", "/").unwrap();
    let ini = "[boot loader]\r\ntimeout=30\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS\r\n";
    g.write("/boot.ini", ini.as_bytes()).unwrap();
    g.write("/NTLDR", b"x").unwrap();
    vec![("C", mbr_drive(63)), ("A", hive::hex(b"\\\0?\0?\0\\\0F\0D\0C\0"))]
}

/// A partition to boot from, the system, and one for data.
fn server(g: &Handle) -> Vec<(&'static str, String)> {
    parts(g, "mbr", &[(2048, 43_007), (43_008, 206_847), (206_848, 247_807)]);
    for device in ["/dev/sda1", "/dev/sda2", "/dev/sda3"] {
        ntfs(g, device);
    }
    g.mount("/dev/sda1", "/").unwrap();
    g.mkdir("/Boot").unwrap();
    g.write("/bootmgr", b"x").unwrap();
    g.umount("/", Default::default()).unwrap();
    g.mount("/dev/sda2", "/").unwrap();
    vec![("C", mbr_drive(43_008)), ("D", mbr_drive(206_848)), ("X", mbr_drive(999))]
}

/// A partition for EFI, the reserved one, the system, and the one to repair it.
fn client(g: &Handle) -> Vec<(&'static str, String)> {
    parts(g, "gpt", &[(2048, 43_007), (43_008, 47_103), (47_104, 210_943), (210_944, 251_903)]);
    for (part, kind) in [
        (1, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"),
        (2, "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"),
        (3, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"),
        (4, "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"),
    ] {
        g.part_set_gpt_type("/dev/sda", part, kind).unwrap();
    }
    g.mkfs("vfat", "/dev/sda1", MkfsOpts::default()).unwrap();
    ntfs(g, "/dev/sda3");
    ntfs(g, "/dev/sda4");
    g.mount("/dev/sda4", "/").unwrap();
    g.mkdir_p("/Recovery/WindowsRE").unwrap();
    g.umount("/", Default::default()).unwrap();
    g.mount("/dev/sda3", "/").unwrap();
    vec![("C", gpt_drive(&g.part_get_gpt_guid("/dev/sda", 3).unwrap().to_string()))]
}

/// A disk with the system; or why it cannot be.
fn make(guest: &Guest, dir: &Path) -> Result<PathBuf, String> {
    let hives = ["software", "system"].map(|name| dir.join(format!("{}-{name}", guest.name)));
    hive::make(&hives[0], guest.software)?;
    let image = dir.join(guest.name);
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(128 << 20).unwrap();
    let g = launched(&image, false);
    let drives = (guest.make)(&g);
    let drives: Vec<String> = drives.iter().map(|(l, data)| format!("\"\\\\DosDevices\\\\{l}:\"={data}\n")).collect();
    let keys = format!(
        "[\\Select]\n\"Current\"=dword:00000002\n\"Default\"=dword:00000001\n\n\
         [\\ControlSet001\\Services\\Tcpip\\Parameters]\n\"Hostname\"=\"wrong\"\n\n\
         [\\ControlSet002\\Services\\Tcpip\\Parameters]\n\"Hostname\"=\"{}\"\n\n[\\MountedDevices]\n{}",
        guest.hostname,
        drives.concat()
    );
    hive::make(&hives[1], &keys)?;
    let [system32, config, cmd] = guest.names;
    let system32 = format!("{}/{system32}", guest.systemroot);
    g.mkdir_p(format!("{system32}/{config}")).unwrap();
    g.write(format!("{system32}/{cmd}"), &program(guest.machine)).unwrap();
    for (hive, name) in hives.iter().zip(guest.hives) {
        g.upload(hive.to_str().unwrap(), format!("{system32}/{config}/{name}")).unwrap();
    }
    g.shutdown().unwrap();
    Ok(image)
}

fn launched(image: &Path, readonly: bool) -> Handle {
    let g = Handle::new().unwrap();
    g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().format("raw").readonly(readonly)).unwrap();
    g.launch().unwrap();
    g
}

// ── what is said of them ────────────────────────────────────────────────────────

fn line(app: &Application2) -> String {
    let fields = [
        &app.app2_name,
        &app.app2_display_name,
        &app.app2_version,
        &app.app2_arch,
        &app.app2_install_path,
        &app.app2_publisher,
        &app.app2_url,
    ];
    bstr::join("|", fields).to_str().unwrap().to_owned()
}

fn check(guest: &Guest, image: &Path) {
    let name = guest.name;
    let g = launched(image, true);
    assert_eq!(g.inspect_os().unwrap(), [guest.root], "{name}: roots");
    let root = guest.root;
    let said: [BString; 9] = [
        g.inspect_get_type(root).unwrap(),
        g.inspect_get_distro(root).unwrap(),
        g.inspect_get_product_name(root).unwrap(),
        g.inspect_get_product_variant(root).unwrap(),
        g.inspect_get_major_version(root).unwrap().to_string().into(),
        g.inspect_get_minor_version(root).unwrap().to_string().into(),
        g.inspect_get_arch(root).unwrap(),
        g.inspect_get_osinfo(root).unwrap(),
        g.inspect_get_build_id(root).unwrap(),
    ];
    assert_eq!(said, guest.answers, "{name}");
    assert_eq!(g.inspect_get_hostname(root).unwrap(), guest.hostname);
    assert_eq!(g.inspect_get_package_format(root).unwrap(), "unknown");
    assert_eq!(g.inspect_get_package_management(root).unwrap(), "unknown");
    assert_eq!(g.inspect_get_windows_systemroot(root).unwrap(), guest.systemroot);
    let config = format!("{}/{}/{}", guest.systemroot, guest.names[0], guest.names[1]);
    let [software, system] = guest.hives.map(|hive| format!("{config}/{hive}"));
    assert_eq!(g.inspect_get_windows_software_hive(root).unwrap(), software);
    assert_eq!(g.inspect_get_windows_system_hive(root).unwrap(), system);
    assert_eq!(g.inspect_get_windows_current_control_set(root).unwrap(), "ControlSet002");
    assert_eq!(g.inspect_get_windows_group_policy(root).unwrap(), guest.group_policy);
    let pairs = |all: &[(&str, &str)]| -> Vec<(BString, BString)> {
        all.iter().map(|(a, b)| (BString::from(*a), BString::from(*b))).collect()
    };
    assert_eq!(g.inspect_get_drive_mappings(root).unwrap(), pairs(guest.drives), "{name}: drives");
    assert_eq!(g.inspect_get_mountpoints(root).unwrap(), pairs(&[("/", root)]));
    assert_eq!(g.inspect_get_filesystems(root).unwrap(), guest.filesystems, "{name}: file systems");
    g.mount_ro(root, "/").unwrap();
    let cmd = g.case_sensitive_path("/windows/SYSTEM32/Cmd.Exe").unwrap();
    assert_eq!(g.file_architecture(cmd).unwrap(), guest.answers[6]);
    let apps: Vec<String> = g.inspect_list_applications2(root).unwrap().iter().map(line).collect();
    assert_eq!(apps, guest.apps, "{name}: programs");
    assert_eq!(g.inspect_list_applications(root).unwrap().len(), apps.len());
    assert!(g.inspect_get_icon(root, Default::default()).unwrap().is_empty());
    g.shutdown().unwrap();
}

/// Where a hive is damaged, the other one and the files still tell what they know.
fn damaged(guest: &Guest, image: &Path) {
    let g = launched(image, true);
    g.mount(guest.root, "/").unwrap();
    let config = format!("{}/{}/{}", guest.systemroot, guest.names[0], guest.names[1]);
    let software = format!("{config}/{}", guest.hives[0]);
    let whole = g.read_file(&software).unwrap();
    let mut seed = 0x0bad_cafe_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for round in 0..6 {
        let mut hive = whole.clone();
        match round {
            0 => hive.truncate(0),
            1 => hive.truncate(hive.len() / 2),
            _ => (0..20 << round).for_each(|_| hive[4096 + random(whole.len() - 4096)] = random(256) as u8),
        }
        g.write(&software, &hive).unwrap();
        g.umount_all().unwrap();
        assert_eq!(g.inspect_os().unwrap(), [guest.root]);
        assert_eq!(g.inspect_get_type(guest.root).unwrap(), "windows");
        assert_eq!(g.inspect_get_arch(guest.root).unwrap(), guest.answers[6]);
        assert_eq!(g.inspect_get_hostname(guest.root).unwrap(), guest.hostname);
        assert_eq!(g.inspect_get_windows_software_hive(guest.root).unwrap(), software);
        if round == 0 {
            assert_eq!(g.inspect_get_product_name(guest.root).unwrap(), "unknown");
            assert!(g.inspect_get_windows_group_policy(guest.root).is_err());
        }
        g.mount(guest.root, "/").unwrap();
    }
    g.umount_all().unwrap();
    g.shutdown().unwrap();
}

#[test]
fn windows_is_recognised() {
    let dir = tempfile::Builder::new().prefix("windows").tempdir_in("/var/tmp").unwrap();
    for guest in &GUESTS {
        let image = match make(guest, dir.path()) {
            Ok(image) => image,
            Err(why) => return println!("not run: inspection of Windows guests, {why}"),
        };
        check(guest, &image);
        if guest.name == "2008r2" {
            damaged(guest, &image);
        }
        if let Some(keep) = std::env::var_os("KEEP") {
            std::fs::copy(&image, Path::new(&keep).join(guest.name)).unwrap();
        }
    }
}
