//! Dynamic disks of Windows: found when a machine starts, mounted, listed, described, removed.
//!
//! In: disks whose databases are written here. Out: what the library says of them, of the files on them, and of a
//! Windows that is installed on one.

#[path = "ldm/database.rs"]
mod database;
#[path = "windows/hive.rs"]
mod hive;
#[path = "windows/systems.rs"]
#[allow(dead_code)] // windows.rs uses all of it
mod systems;

use bstr::BString;
use database::{mbr, Disk, Group, Kind, Volume, DATABASE, SECTOR};
use guestfs::opts::{AddDriveOpts, MkfsOpts};
use guestfs::Handle;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Sectors of each disk.
const SIZE: u64 = 80 << 11;
/// Where data begins on disks of either kind. On those with a GPT the database has a partition in front of it.
const MBR_DATA: u64 = 63;
const GPT_DATABASE: u64 = 2048;
const GPT_DATA: u64 = GPT_DATABASE + DATABASE;
/// Types of the partitions on disks with a GPT.
const DATABASE_TYPE: &str = "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3";
const DATA_TYPE: &str = "AF9B60A0-1431-4F62-BC68-3311714A69AD";

/// All kinds of volumes on two disks.
fn volumes() -> Vec<Volume> {
    let volume = |name, kind, hint, pieces| Volume { name, kind, hint, pieces };
    vec![
        volume("Volume1", Kind::Joined, "D:", vec![(0, 1985, 20_480)]),
        volume("Volume2", Kind::Joined, "", vec![(0, 22_465, 12_288), (1, 1985, 20_480)]),
        volume("Volume3", Kind::Striped(128), "E:", vec![(0, 34_753, 12_288), (1, 22_465, 12_288)]),
        volume("Volume4", Kind::Mirrored, "C:\\M", vec![(0, 47_041, 20_480), (1, 34_753, 20_480)]),
    ]
}

fn groups() -> [Group; 2] {
    let disk = |guid, data: u64, database| Disk { guid, data: (data, SIZE - data - DATABASE), database };
    [
        Group {
            name: "Old-Dg0",
            guid: "06495a84-fbfd-11e1-8cf9-52540061f5db",
            disks: vec![
                disk("00000000-0000-4000-8000-000000000001", MBR_DATA, SIZE - DATABASE),
                disk("00000000-0000-4000-8000-000000000002", MBR_DATA, SIZE - DATABASE),
            ],
            volumes: volumes(),
        },
        Group {
            name: "New-Dg0",
            guid: "16495a84-fbfd-11e1-8cf9-52540061f5db",
            disks: vec![
                disk("00000000-0000-4000-8000-000000000003", GPT_DATA, GPT_DATABASE),
                disk("00000000-0000-4000-8000-000000000004", GPT_DATA, GPT_DATABASE),
            ],
            volumes: volumes(),
        },
    ]
}

fn launched(images: &[PathBuf]) -> Handle {
    let g = Handle::new().unwrap();
    for image in images {
        g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().format("raw")).unwrap();
    }
    g.launch().unwrap();
    g
}

/// Four disks: two with MBR, two with GPT.
fn make(dir: &Path) -> Vec<PathBuf> {
    let images: Vec<PathBuf> = ["mbr1", "mbr2", "gpt1", "gpt2"].map(|name| dir.join(name)).into();
    let files: Vec<std::fs::File> = images.iter().map(|image| std::fs::File::create(image).unwrap()).collect();
    files.iter().for_each(|file| file.set_len(SIZE * SECTOR as u64).unwrap());
    let g = launched(&images);
    for disk in ["/dev/sdc", "/dev/sdd"] {
        g.part_init(disk, "gpt").unwrap();
        for (number, first, last, kind) in
            [(1, GPT_DATABASE, GPT_DATA - 1, DATABASE_TYPE), (2, GPT_DATA, SIZE - DATABASE - 1, DATA_TYPE)]
        {
            g.part_add(disk, "p", first as i64, last as i64).unwrap();
            g.part_set_gpt_type(disk, number, kind).unwrap();
        }
    }
    g.shutdown().unwrap();
    for (n, group) in groups().iter().enumerate() {
        for disk in 0..2 {
            let file = std::fs::File::options().write(true).open(&images[2 * n + disk]).unwrap();
            if n == 0 {
                file.write_all_at(&mbr(group, disk), 0).unwrap();
            }
            file.write_all_at(&group.database(disk), group.disks[disk].database * SECTOR as u64).unwrap();
        }
    }
    images
}

fn names(all: &[&str]) -> Vec<BString> {
    all.iter().map(|name| BString::from(*name)).collect()
}

/// Where a Windows is: on a mirror, as an administrator would have it, or on a simple volume.
const SYSTEMS: [&str; 2] = ["ldm_vol_New-Dg0_Volume4", "ldm_vol_Old-Dg0_Volume1"];

/// Install it on the mounted volume, if that can be done. Its drive C is the volume, by GUID.
fn install(g: &Handle, dir: &Path, group: &Group, volume: usize) -> bool {
    let drives = [("C", systems::guid_drive(&group.volume_guid(volume)))];
    let done = systems::install(g, &systems::GUESTS[1], dir, &drives);
    done.map_err(|why| println!("not run: inspection of a Windows on a dynamic disk, {why}")).is_ok()
}

/// What inspection says of it.
fn check_windows(g: &Handle, root: &BString) {
    let guest = &systems::GUESTS[1];
    assert_eq!(g.inspect_get_type(root).unwrap(), "windows");
    assert_eq!(g.inspect_get_product_name(root).unwrap(), guest.answers[2]);
    assert_eq!(g.inspect_get_arch(root).unwrap(), guest.answers[6]);
    assert_eq!(g.inspect_get_hostname(root).unwrap(), guest.hostname);
    assert_eq!(g.inspect_get_windows_systemroot(root).unwrap(), guest.systemroot);
    assert_eq!(g.inspect_get_drive_mappings(root).unwrap(), [("C".into(), root.clone())]);
    assert_eq!(g.inspect_get_mountpoints(root).unwrap(), [("/".into(), root.clone())]);
    g.mount_ro(root, "/").unwrap();
    let software = g.case_sensitive_path("/windows/SYSTEM32/CONFIG/software").unwrap();
    assert_eq!(software, "/Windows/System32/config/SOFTWARE");
    assert_eq!(g.inspect_list_applications2(root).unwrap().len(), guest.apps.len());
    g.umount_all().unwrap();
}

#[test]
fn dynamic_disks() {
    let dir = tempfile::Builder::new().prefix("ldm").tempdir_in("/var/tmp").unwrap();
    let images = make(dir.path());
    let g = launched(&images);
    let device = |group: &Group, volume: &str| format!("/dev/mapper/ldm_vol_{}_{volume}", group.name);
    let mut all: Vec<String> = Vec::new();
    for group in &groups() {
        all.extend(group.volumes.iter().map(|volume| device(group, volume.name)));
    }
    all.sort();
    assert_eq!(g.list_ldm_volumes().unwrap(), all);
    let parts = ["New-Dg0_Disk1-04", "New-Dg0_Disk2-04", "Old-Dg0_Disk1-04", "Old-Dg0_Disk2-04"];
    assert_eq!(g.list_ldm_partitions().unwrap(), parts.map(|part| format!("/dev/mapper/ldm_part_{part}")));
    let unknown: Vec<(BString, BString)> = all.iter().map(|v| (v.as_str().into(), "unknown".into())).collect();
    assert_eq!(g.list_filesystems().unwrap(), unknown);

    // What the databases say.
    let groups = groups();
    let mut guids = g.ldmtool_scan().unwrap();
    guids.sort();
    assert_eq!(guids, groups.each_ref().map(|group| group.guid));
    assert_eq!(g.ldmtool_scan_devices(&["/dev/sdb"]).unwrap(), [groups[0].guid]);
    assert_eq!(g.ldmtool_scan_devices(&["/dev/sdd", "/dev/sdc"]).unwrap(), [groups[1].guid]);
    for group in &groups {
        assert_eq!(g.ldmtool_diskgroup_name(group.guid).unwrap(), group.name);
        assert_eq!(g.ldmtool_diskgroup_disks(group.guid.to_uppercase()).unwrap(), names(&["Disk1", "Disk2"]));
        let found = g.ldmtool_diskgroup_volumes(group.guid).unwrap();
        assert_eq!(found, names(&["Volume1", "Volume2", "Volume3", "Volume4"]));
        for (volume, kind, parts) in [
            ("Volume1", "simple", &["Disk1-01"][..]),
            ("Volume2", "spanned", &["Disk1-02", "Disk2-02"]),
            ("Volume3", "striped", &["Disk1-03", "Disk2-03"]),
            ("Volume4", "mirrored", &["Disk1-04", "Disk2-04"]),
        ] {
            assert_eq!(g.ldmtool_volume_type(group.guid, volume).unwrap(), kind);
            assert_eq!(g.ldmtool_volume_partitions(group.guid, volume).unwrap(), names(parts));
        }
        let hints = ["Volume1", "Volume2", "Volume3", "Volume4"].map(|v| g.ldmtool_volume_hint(group.guid, v).unwrap());
        assert_eq!(hints, ["D:", "", "E:", "C:\\M"]);
        let missing = g.ldmtool_volume_type(group.guid, "Volume5").unwrap_err();
        assert_eq!(missing.errno(), libc::ENOENT, "{}", missing.message());
    }

    // They hold files, and some a system.
    let mut systems = Vec::new();
    for (n, volume) in all.iter().enumerate() {
        g.mkfs("ntfs", volume, MkfsOpts::default()).unwrap();
        g.mount(volume, "/").unwrap();
        g.write("/name", volume.as_bytes()).unwrap();
        g.fill_pattern(n.to_string(), 3_000_000, "/much").unwrap();
        // Sorted by name, the new group comes first.
        if SYSTEMS.iter().any(|name| volume.ends_with(name)) && install(&g, dir.path(), &groups[1 - n / 4], n % 4) {
            systems.push(volume.as_str());
        }
        g.umount_all().unwrap();
    }
    g.shutdown().unwrap();
    let halves: Vec<Vec<u8>> = [(0, 47_041), (1, 34_753)]
        .map(|(disk, start)| {
            let mut half = vec![0; 20_480 * SECTOR];
            let file = std::fs::File::open(&images[disk]).unwrap();
            file.read_exact_at(&mut half, (MBR_DATA + start) * SECTOR as u64).unwrap();
            half
        })
        .into();
    assert!(halves[0] == halves[1], "the halves of a mirror differ");

    // Another machine sees the same.
    let g = launched(&images);
    for (n, volume) in all.iter().enumerate() {
        assert_eq!(g.vfs_type(volume).unwrap(), "ntfs");
        g.mount_ro(volume, "/").unwrap();
        assert_eq!(g.read_file("/name").unwrap(), volume.as_bytes());
        assert_eq!(g.read_file("/much").unwrap(), n.to_string().repeat(3_000_000).as_bytes());
        g.umount_all().unwrap();
    }
    let listed: Vec<BString> = g.list_filesystems().unwrap().into_iter().map(|(device, _)| device).collect();
    assert_eq!(listed, all);
    let mut roots = g.inspect_os().unwrap();
    roots.sort();
    assert_eq!(roots, systems);
    roots.iter().for_each(|root| check_windows(&g, root));

    // Removed and made again.
    g.mount_ro(&all[5], "/").unwrap();
    let busy = g.ldmtool_remove_all().unwrap_err();
    assert_eq!(busy.errno(), libc::EBUSY, "{}", busy.message());
    assert!(busy.message().to_string().contains(&all[5]), "{}", busy.message());
    g.umount_all().unwrap();
    g.ldmtool_remove_all().unwrap();
    assert!(g.list_ldm_volumes().unwrap().is_empty() && g.list_ldm_partitions().unwrap().is_empty());
    g.ldmtool_create_all().unwrap();
    assert_eq!(g.list_ldm_volumes().unwrap(), all);
    g.shutdown().unwrap();

    // Without its second disk a group has its simple volume, and half a mirror, read-only to be careful.
    let g = launched(&images[..1]);
    let have = |name: &str| format!("/dev/mapper/ldm_vol_Old-Dg0_{name}");
    assert_eq!(g.list_ldm_volumes().unwrap(), [have("Volume1"), have("Volume4")]);
    g.mount_ro(have("Volume4"), "/").unwrap();
    assert_eq!(g.read_file("/name").unwrap(), have("Volume4").as_bytes());
    g.shutdown().unwrap();
}

/// RAID 5 over three disks: laid out as Windows has it, and read without one of them.
#[test]
fn raid_5() {
    const CHUNK: u64 = 128;
    const PIECE: u64 = 16 << 11;
    /// Rows that are looked at.
    const ROWS: i32 = 30;
    let dir = tempfile::Builder::new().prefix("ldm").tempdir_in("/var/tmp").unwrap();
    let size = (20 << 11) + DATABASE;
    let disk = |guid| Disk { guid, data: (MBR_DATA, size - MBR_DATA - DATABASE), database: size - DATABASE };
    let starts = [1985, 2049, 4033];
    let group = Group {
        name: "Raid-Dg0",
        guid: "26495a84-fbfd-11e1-8cf9-52540061f5db",
        disks: vec![
            disk("00000000-0000-4000-8000-000000000005"),
            disk("00000000-0000-4000-8000-000000000006"),
            disk("00000000-0000-4000-8000-000000000007"),
        ],
        volumes: vec![Volume {
            name: "Volume1",
            kind: Kind::Parity(CHUNK),
            hint: "R:",
            pieces: (0..3).map(|n| (n, starts[n], PIECE)).collect(),
        }],
    };
    let images: Vec<PathBuf> = ["raid1", "raid2", "raid3"].map(|name| dir.path().join(name)).into();
    for (n, image) in images.iter().enumerate() {
        let file = std::fs::File::create(image).unwrap();
        file.set_len(size * SECTOR as u64).unwrap();
        file.write_all_at(&mbr(&group, n), 0).unwrap();
        file.write_all_at(&group.database(n), group.disks[n].database * SECTOR as u64).unwrap();
    }
    let volume = "/dev/mapper/ldm_vol_Raid-Dg0_Volume1";
    let g = launched(&images);
    assert_eq!(g.list_ldm_volumes().unwrap(), [volume]);
    let parts = ["Disk1-01", "Disk2-01", "Disk3-01"];
    assert_eq!(g.list_ldm_partitions().unwrap(), parts.map(|part| format!("/dev/mapper/ldm_part_Raid-Dg0_{part}")));
    assert_eq!(g.ldmtool_volume_type(group.guid, "Volume1").unwrap(), "RAID5");
    assert_eq!(g.ldmtool_volume_partitions(group.guid, "Volume1").unwrap(), names(&parts));
    assert_eq!(g.blockdev_getsize64(volume).unwrap() as u64, 2 * PIECE * SECTOR as u64);
    g.mkfs("ntfs", volume, MkfsOpts::default()).unwrap();
    g.mount(volume, "/").unwrap();
    g.fill_pattern("raid5", 3_000_000, "/much").unwrap();
    g.umount_all().unwrap();
    let content = g.checksum_device("sha256", volume).unwrap();
    let beginning = g.pread_device(volume, 2 * ROWS * (CHUNK as i32 * SECTOR as i32), 0).unwrap();
    g.shutdown().unwrap();

    // The parity goes from the last disk to the first, and the data begin behind it.
    let length = CHUNK as usize * SECTOR;
    let read = |disk: usize, row: usize| {
        let mut chunk = vec![0; length];
        let at = (MBR_DATA + starts[disk]) as usize * SECTOR + row * length;
        std::fs::File::open(&images[disk]).unwrap().read_exact_at(&mut chunk, at as u64).unwrap();
        chunk
    };
    for row in 0..ROWS as usize {
        let parity = 2 - row % 3;
        let data = [(parity + 1) % 3, (parity + 2) % 3].map(|disk| read(disk, row));
        assert!(beginning[2 * row * length..][..2 * length] == data.concat(), "row {row} is not where it should be");
        let sum: Vec<u8> = data[0].iter().zip(&data[1]).map(|(a, b)| a ^ b).collect();
        assert!(read(parity, row) == sum, "the parity of row {row} is wrong");
    }

    // Any disk can be missing, but no two.
    for there in [&[1, 2][..], &[0, 1], &[2]] {
        let left: Vec<PathBuf> = there.iter().map(|n| images[*n].clone()).collect();
        let g = launched(&left);
        if there.len() == 1 {
            assert!(g.list_ldm_volumes().unwrap().is_empty());
            assert_eq!(g.ldmtool_diskgroup_volumes(group.guid).unwrap(), names(&["Volume1"]));
        } else {
            assert_eq!(g.list_ldm_volumes().unwrap(), [volume], "disks {there:?}");
            assert_eq!(g.checksum_device("sha256", volume).unwrap(), content, "disks {there:?}");
            g.mount_ro(volume, "/").unwrap();
            assert_eq!(g.read_file("/much").unwrap(), "raid5".repeat(600_000).as_bytes());
        }
        g.shutdown().unwrap();
    }
}

/// Databases that are damaged end in an answer, whatever is wrong with them.
#[test]
fn damaged_databases() {
    let dir = tempfile::Builder::new().prefix("ldm").tempdir_in("/var/tmp").unwrap();
    let group = &groups()[0];
    let image = dir.path().join("damaged");
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(SIZE * SECTOR as u64).unwrap();
    let (head, database) = (mbr(group, 0), group.database(0));
    let at = group.disks[0].database * SECTOR as u64;
    file.write_all_at(&head, 0).unwrap();
    file.write_all_at(&database, at).unwrap();
    let g = Handle::new().unwrap();
    g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().format("raw")).unwrap();
    g.launch().unwrap();
    let mut seed = 0x1234_5678_u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize
    };
    let mut answers = [0, 0];
    for _ in 0..40 {
        let mut records = database[17 * SECTOR..21 * SECTOR].to_vec();
        for _ in 0..3 {
            let place = random() % records.len();
            records[place] = random() as u8;
        }
        g.pwrite_device("/dev/sda", &records, (at + 17 * SECTOR as u64) as i64).unwrap();
        answers[usize::from(g.ldmtool_scan().is_ok())] += 1;
    }
    println!("{} answers and {} errors for damaged databases", answers[1], answers[0]);
    g.pwrite_device("/dev/sda", &database[17 * SECTOR..21 * SECTOR], (at + 17 * SECTOR as u64) as i64).unwrap();
    assert_eq!(g.ldmtool_scan().unwrap(), [group.guid]);
    g.shutdown().unwrap();
}
