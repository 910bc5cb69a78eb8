//! Windows systems of three generations, on disks or wherever they are to be.
//!
//! In: hives that hivexregedit fills, programs of a few bytes, NTFS. Out: images, and what inspection is to say.

use super::hive;
use guestfs::opts::{AddDriveOpts, MkfsOpts};
use guestfs::Handle;
use std::path::{Path, PathBuf};

/// Processors in the headers of programs.
const I386: u16 = 0x014c;
const X86_64: u16 = 0x8664;
/// Signature of disks with an MBR.
const SIGNATURE: u32 = 0x9a8b_7c6d;

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
    guid_drive(&[3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(|n| b[n]))
}

/// The same for a volume with these bytes as its GUID.
pub fn guid_drive(guid: &[u8; 16]) -> String {
    hive::hex(&[&b"DMIO:ID:"[..], guid].concat())
}

/// A generation of Windows.
pub struct Guest {
    pub name: &'static str,
    /// Makes partitions and file systems, and says which devices have which letters, as data of the Registry.
    pub make: fn(&Handle) -> Vec<(&'static str, String)>,
    pub root: &'static str,
    pub systemroot: &'static str,
    /// Case of names in there: the directory of the system, of hives, a program.
    pub names: [&'static str; 3],
    pub hives: [&'static str; 2],
    pub machine: u16,
    pub software: &'static str,
    pub hostname: &'static str,
    /// Type, distribution, product, variant, major, minor, architecture, osinfo, build.
    pub answers: [&'static str; 9],
    pub filesystems: &'static [&'static str],
    pub drives: &'static [(&'static str, &'static str)],
    pub group_policy: bool,
    pub apps: &'static [&'static str],
}

/// All of them.
pub const GUESTS: [Guest; 3] = [
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
pub fn make(guest: &Guest, dir: &Path) -> Result<PathBuf, String> {
    let image = dir.join(guest.name);
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(128 << 20).unwrap();
    let g = launched(&image, false);
    let drives = (guest.make)(&g);
    install(&g, guest, dir, &drives)?;
    g.shutdown().unwrap();
    Ok(image)
}

/// Put the system on what is mounted; or say why it cannot be.
pub fn install(g: &Handle, guest: &Guest, dir: &Path, drives: &[(&str, String)]) -> Result<(), String> {
    let hives = ["software", "system"].map(|name| dir.join(format!("{}-{name}", guest.name)));
    hive::make(&hives[0], guest.software)?;
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
    Ok(())
}

/// A machine with that disk.
pub fn launched(image: &Path, readonly: bool) -> Handle {
    let g = Handle::new().unwrap();
    g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().format("raw").readonly(readonly)).unwrap();
    g.launch().unwrap();
    g
}
