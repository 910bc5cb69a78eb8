//! With a regular file in the place of a disk: parted takes both.

use super::*;
use crate::error::Errno;
use crate::testing::Guest;

fn disk(g: &Guest) -> Device {
    g.write("disk", "");
    std::fs::File::options().write(true).open(g.host("disk")).unwrap().set_len(64 << 20).unwrap();
    Device::from_real(g.host("disk"))
}

fn list(g: &mut Guest, d: &Device) -> Vec<(i32, i64, i64)> {
    part_list(&mut g.ctx, d).unwrap().iter().map(|p| (p.part_num, p.part_start / 512, p.part_end / 512)).collect()
}

#[test]
fn gpt() {
    let mut g = Guest::new();
    let d = disk(&g);
    assert_eq!(part_get_parttype(&mut g.ctx, &d).unwrap_err().errno(), Some(Errno::INVAL));
    part_init(&mut g.ctx, &d, "efi".into()).unwrap();
    assert_eq!(list(&mut g, &d), []);
    part_add(&mut g.ctx, &d, "p".into(), 2048, 4095).unwrap();
    part_add(&mut g.ctx, &d, "primary".into(), 4096, -2048).unwrap();
    assert_eq!(list(&mut g, &d), [(1, 2048, 4095), (2, 4096, 131_072 - 2048)]);
    assert_eq!(part_get_parttype(&mut g.ctx, &d).unwrap(), "gpt");
    for name in ["data", "hi there", "a:b;c", "\"q\" 'r' \\", "-x", "ü"] {
        part_set_name(&mut g.ctx, &d, 2, name.into()).unwrap();
        assert_eq!(gpt_name(&d, 2), name);
        assert_eq!(list(&mut g, &d).len(), 2);
    }
    part_del(&mut g.ctx, &d, 1).unwrap();
    assert_eq!(list(&mut g, &d), [(2, 4096, 131_072 - 2048)]);
    assert!(part_del(&mut g.ctx, &d, 1).is_err());
    for bad in [0, -1] {
        assert_eq!(part_del(&mut g.ctx, &d, bad).unwrap_err().errno(), Some(Errno::INVAL));
    }
}

#[test]
fn a_file_system_is_no_table() {
    let mut g = Guest::new();
    let d = disk(&g);
    for (program, args, expected) in [
        ("mke2fs", &["-q", "-F"][..], None),
        ("mkfs.fat", &["-I", "--mbr=n"], None),
        ("mkfs.fat", &["-I", "--mbr=y"], Some("msdos")),
    ] {
        Tool::new(program).args(args).arg(&d).run(&g.ctx).unwrap();
        match (part_get_parttype(&mut g.ctx, &d), expected) {
            (Ok(label), Some(expected)) => assert_eq!(label, expected),
            (Err(e), None) => assert_eq!(e.errno(), Some(Errno::INVAL), "{e}"),
            (other, _) => panic!("{program} {args:?}: {other:?}"),
        }
    }
}

#[test]
fn moved_ends() {
    let mut g = Guest::new();
    for kind in ["gpt", "mbr"] {
        let d = disk(&g);
        part_init(&mut g.ctx, &d, kind.into()).unwrap();
        part_add(&mut g.ctx, &d, "p".into(), 2048, 4095).unwrap();
        part_add(&mut g.ctx, &d, "p".into(), 40_960, 81_919).unwrap();
        for end in [20_479, 40_959, 4095, 2048] {
            part_resize(&mut g.ctx, &d, 1, end).unwrap();
            assert_eq!(list(&mut g, &d), [(1, 2048, end), (2, 40_960, 81_919)], "{kind}");
        }
        part_resize(&mut g.ctx, &d, 2, -2048).unwrap();
        let expected = [(1, 2048, 2048), (2, 40_960, 131_072 - 2048)];
        assert_eq!(list(&mut g, &d), expected);
        for (number, end) in
            [(1, 2047), (1, 40_960), (1, -131_072), (2, 131_072), (2, i64::MAX), (2, i64::MIN), (3, 9), (0, 9)]
        {
            assert!(part_resize(&mut g.ctx, &d, number, end).is_err(), "{kind} {number} {end}");
        }
        assert_eq!(list(&mut g, &d), expected);
    }
}

#[test]
fn flags_and_types() {
    let mut g = Guest::new();
    let d = disk(&g);
    part_init(&mut g.ctx, &d, "mbr".into()).unwrap();
    part_add(&mut g.ctx, &d, "p".into(), 2048, 4095).unwrap();
    assert!(!part_get_bootable(&mut g.ctx, &d, 1).unwrap());
    part_set_bootable(&mut g.ctx, &d, 1, true).unwrap();
    assert!(part_get_bootable(&mut g.ctx, &d, 1).unwrap());
    assert!(part_get_bootable(&mut g.ctx, &d, 2).is_err());
    for id in [0x82, 0, 0xff] {
        part_set_mbr_id(&mut g.ctx, &d, 1, id).unwrap();
        assert_eq!(part_get_mbr_id(&mut g.ctx, &d, 1).unwrap(), id);
    }
    for bad in [-1, 256, i32::MAX] {
        assert_eq!(part_set_mbr_id(&mut g.ctx, &d, 1, bad).unwrap_err().errno(), Some(Errno::INVAL));
    }
    part_init(&mut g.ctx, &d, "gpt".into()).unwrap();
    part_add(&mut g.ctx, &d, "p".into(), 2048, 4095).unwrap();
    assert_eq!(part_get_mbr_id(&mut g.ctx, &d, 1).unwrap_err().errno(), Some(Errno::INVAL));
}

/// [`part_get_name`] asks a block device for its sector size, which a file does not have.
fn gpt_name(d: &Device, number: u32) -> String {
    let file = std::fs::File::open(d.path()).unwrap();
    super::gpt::entry(&file, 64 << 20, 512, number).unwrap().unwrap().name().to_string()
}

#[test]
fn mbr() {
    let mut g = Guest::new();
    let d = disk(&g);
    part_disk(&mut g.ctx, &d, "mbr".into()).unwrap();
    assert_eq!(list(&mut g, &d), [(1, 128, 131_072 - 128)]);
    part_init(&mut g.ctx, &d, "msdos".into()).unwrap();
    part_add(&mut g.ctx, &d, "e".into(), 2048, -1).unwrap();
    part_add(&mut g.ctx, &d, "logical".into(), 4096, 8191).unwrap();
    assert_eq!(list(&mut g, &d), [(1, 2048, 131_071), (5, 4096, 8191)]);
    assert_eq!(part_get_parttype(&mut g.ctx, &d).unwrap(), "msdos");
    assert!(part_set_name(&mut g.ctx, &d, 1, "x".into()).is_err());
    let bad = |r: Result<()>| assert_eq!(r.unwrap_err().errno(), Some(Errno::INVAL));
    bad(part_add(&mut g.ctx, &d, "q".into(), 1, 2));
    bad(part_add(&mut g.ctx, &d, "p".into(), -1, 2));
    bad(part_init(&mut g.ctx, &d, "loop".into()));
    bad(part_disk(&mut g.ctx, &d, "nonsense".into()));
    part_disk(&mut g.ctx, &d, "gpt".into()).unwrap();
    assert_eq!(gpt_name(&d, 1), "p1");
}
