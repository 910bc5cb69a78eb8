use super::*;
use crate::device::{Device, DeviceOrPath};
use crate::error::Errno;
use crate::testing::Guest;
use guestfs_protocol::opts::GrepOpts;
use guestfs_protocol::xdr::MESSAGE_MAX;

const TEXT: &str = "hello world\nline2\nline 3 no newline";

fn guest() -> Guest {
    let g = Guest::new();
    g.write("/reg", TEXT);
    g.write("/dir/x", "");
    g.link("../secret", "/up");
    g
}

fn errno<T: std::fmt::Debug>(result: Result<T>) -> Errno {
    result.unwrap_err().errno().unwrap()
}

#[test]
fn checksums() {
    let mut g = guest();
    let (reg, dir, up) = (g.path("/reg"), g.path("/dir"), g.path("/up"));
    let ctx = &mut g.ctx;
    assert_eq!(checksum(ctx, "crc".into(), &reg).unwrap(), "2029913004");
    assert_eq!(checksum(ctx, "md5".into(), &reg).unwrap().len(), 32);
    assert_eq!(errno(checksum(ctx, "gost".into(), &reg)), Errno::INVAL);
    assert_eq!(errno(checksum(ctx, "md5".into(), &dir)), Errno::ISDIR);
    assert_eq!(errno(checksum(ctx, "md5".into(), &up)), Errno::NOENT);
}

#[test]
fn lines_of_files() {
    let mut g = guest();
    g.write("/long", "x\n".repeat(100_000));
    g.write("/empty", "");
    let (reg, dir, long, empty) = (g.path("/reg"), g.path("/dir"), g.path("/long"), g.path("/empty"));
    let ctx = &mut g.ctx;
    assert_eq!(head_n(ctx, 2, &reg).unwrap(), ["hello world", "line2"]);
    assert_eq!(head_n(ctx, -1, &reg).unwrap(), ["hello world", "line2"]);
    assert_eq!(head_n(ctx, 0, &reg).unwrap(), [""; 0]);
    assert_eq!(tail_n(ctx, 1, &reg).unwrap(), ["line 3 no newline"]);
    assert_eq!(tail_n(ctx, -2, &reg).unwrap(), ["line2", "line 3 no newline"]);
    assert_eq!(tail_n(ctx, 0, &reg).unwrap(), [""; 0]);
    assert_eq!(tail_n(ctx, i32::MAX, &reg).unwrap().len(), 3);
    assert_eq!(head_n(ctx, i32::MIN, &reg).unwrap(), [""; 0]);
    assert_eq!(tail_n(ctx, 50_000, &long).unwrap().len(), 50_000);
    assert_eq!(tail_n(ctx, 5, &empty).unwrap(), [""; 0]);
    assert_eq!(errno(head_n(ctx, 1, &dir)), Errno::ISDIR);
    assert_eq!(wc_l(ctx, &reg).unwrap(), 2);
    assert_eq!(wc_l(ctx, &long).unwrap(), 100_000);
}

#[test]
fn parts_of_files() {
    let mut g = guest();
    let (reg, dir, new, missing) = (g.path("/reg"), g.path("/dir"), g.path("/new"), g.path("/missing"));
    let ctx = &mut g.ctx;
    assert_eq!(pread(ctx, &reg, 5, 6).unwrap(), b"world");
    assert_eq!(pread(ctx, &reg, 4_190_000, 30).unwrap(), b"wline");
    assert_eq!(pread(ctx, &reg, 5, 1000).unwrap(), b"");
    assert_eq!(errno(pread(ctx, &reg, 5, -1)), Errno::INVAL);
    assert_eq!(errno(pread(ctx, &reg, -1, 0)), Errno::INVAL);
    assert_eq!(errno(pread(ctx, &reg, MESSAGE_MAX as i32, 0)), Errno::INVAL);
    assert_eq!(errno(pread(ctx, &dir, 1, 0)), Errno::ISDIR);
    assert_eq!(pwrite(ctx, &reg, b"XX", 3).unwrap(), 2);
    assert_eq!(pwrite(ctx, &reg, b"", 3).unwrap(), 0);
    assert_eq!(errno(pwrite(ctx, &reg, b"XX", -3)), Errno::INVAL);
    assert_eq!(errno(pwrite(ctx, &missing, b"XX", 3)), Errno::NOENT);
    internal_write(ctx, &new, b"some\0bytes").unwrap();
    internal_write(ctx, &new, b"few").unwrap();
    internal_write_append(ctx, &new, b" more").unwrap();
    internal_write_append(ctx, &missing, b"made").unwrap();
    assert_eq!(g.read("/reg"), TEXT.replacen("lo ", "XX ", 1).into_bytes());
    assert_eq!(g.read("/new"), b"few more");
    assert_eq!(g.read("/missing"), b"made");
}

#[test]
fn parts_of_devices() {
    let mut g = guest();
    let device = Device::from_real(g.host("/reg"));
    assert_eq!(pread_device(&mut g.ctx, &device, 5, 6).unwrap(), b"world");
    assert_eq!(pwrite_device(&mut g.ctx, &device, b"W", 6).unwrap(), 1);
    assert_eq!(pread_device(&mut g.ctx, &device, 5, 6).unwrap(), b"World");
    assert_eq!(errno(pread_device(&mut g.ctx, &device, 1, -1)), Errno::INVAL);
}

#[test]
fn filling() {
    let mut g = guest();
    let f = g.path("/f");
    let ctx = &mut g.ctx;
    fill(ctx, 65, 3_000_000, &f).unwrap();
    assert_eq!(errno(fill(ctx, 256, 1, &f)), Errno::INVAL);
    assert_eq!(errno(fill(ctx, -1, 1, &f)), Errno::INVAL);
    assert_eq!(errno(fill(ctx, 1, -1, &f)), Errno::INVAL);
    assert_eq!(g.read("/f"), vec![65; 3_000_000]);
    fill(&mut g.ctx, 0, 0, &f).unwrap();
    assert_eq!(g.read("/f"), b"");
}

#[test]
fn grepping() {
    let mut g = guest();
    g.write("/dos", "-x one\r\nan -x two\n");
    let (reg, dos, dir, missing) = (g.path("/reg"), g.path("/dos"), g.path("/dir"), g.path("/missing"));
    let none = GrepOpts::default;
    let ctx = &mut g.ctx;
    assert_eq!(grep(ctx, "lin".into(), &reg, &none()).unwrap(), ["line2", "line 3 no newline"]);
    assert_eq!(grep(ctx, "nope".into(), &reg, &none()).unwrap(), [""; 0]);
    assert_eq!(grep(ctx, "-x".into(), &dos, &none()).unwrap(), ["-x one\r", "an -x two"]);
    let fixed = || GrepOpts { fixed: Some(true), ..none() };
    assert_eq!(grep(ctx, "l.ne".into(), &reg, &fixed()).unwrap(), [""; 0]);
    let insensitive = GrepOpts { insensitive: Some(true), ..fixed() };
    assert_eq!(grep(ctx, "HELLO".into(), &reg, &insensitive).unwrap(), ["hello world"]);
    let extended = GrepOpts { extended: Some(true), ..none() };
    assert_eq!(grep(ctx, "line(2|3)".into(), &reg, &extended).unwrap(), ["line2"]);
    let both = GrepOpts { extended: Some(true), ..fixed() };
    assert_eq!(errno(grep(ctx, "x".into(), &reg, &both)), Errno::INVAL);
    assert!(grep(ctx, "[".into(), &reg, &none()).unwrap_err().to_string().contains("/reg: ["));
    assert_eq!(errno(grep(ctx, "x".into(), &dir, &none())), Errno::ISDIR);
    assert_eq!(errno(grep(ctx, "x".into(), &missing, &none())), Errno::NOENT);
}

#[test]
fn grepping_compressed_files() {
    let mut g = guest();
    let status = std::process::Command::new("gzip").arg("-k").arg(g.host("/reg")).status().unwrap();
    assert!(status.success());
    let gz = g.read("/reg.gz");
    g.write("/cut.gz", &gz[..gz.len() / 2]);
    let (reg, packed, cut) = (g.path("/reg"), g.path("/reg.gz"), g.path("/cut.gz"));
    let opts = GrepOpts { compressed: Some(true), ..GrepOpts::default() };
    for file in [&reg, &packed] {
        assert_eq!(grep(&mut g.ctx, "line2".into(), file, &opts).unwrap(), ["line2"], "{file}");
        assert_eq!(grep(&mut g.ctx, "nope".into(), file, &opts).unwrap(), [""; 0], "{file}");
    }
    assert!(grep(&mut g.ctx, "nope".into(), &cut, &opts).unwrap_err().to_string().contains("gzip"));
}

#[test]
fn descriptions() {
    let mut g = guest();
    g.write("/empty", "");
    rustix::fs::mknodat(g.ctx.root(), "fifo", FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    for (path, expected) in [
        ("/reg", "ASCII text"),
        ("/empty", "empty"),
        ("/dir", "directory"),
        ("/up", "symbolic link"),
        ("/fifo", "FIFO"),
    ] {
        let p = DeviceOrPath::Path(g.path(path));
        let text = file(&mut g.ctx, &p).unwrap();
        assert!(text.starts_with(expected.as_bytes()), "{path}: {text}");
    }
    let p = DeviceOrPath::Path(g.path("/missing"));
    assert_eq!(errno(file(&mut g.ctx, &p)), Errno::NOENT);
    let device = DeviceOrPath::Device(Device::from_real(g.host("/reg")));
    assert!(file(&mut g.ctx, &device).unwrap().starts_with(b"ASCII text"));
}

#[test]
fn comparing_and_counting() {
    let mut g = guest();
    let large = "0123456789abcdef".repeat(200_000);
    g.write("/a", &large);
    g.write("/b", &large);
    g.write("/c", large.replacen('f', "g", 1));
    g.write("/empty", "");
    let at = |path: &str| g.path(path);
    let (a, b, c, reg, empty, dir) = (at("/a"), at("/b"), at("/c"), at("/reg"), at("/empty"), at("/dir"));
    let ctx = &mut g.ctx;
    for (x, y, same) in
        [(&a, &b, true), (&a, &c, false), (&a, &reg, false), (&empty, &empty, true), (&empty, &reg, false)]
    {
        assert_eq!(equal(ctx, x, y).unwrap(), same, "{x} {y}");
        assert_eq!(equal(ctx, y, x).unwrap(), same, "{y} {x}");
    }
    assert_eq!(errno(equal(ctx, &dir, &dir)), Errno::ISDIR);
    assert_eq!((wc_c(ctx, &reg).unwrap(), wc_w(ctx, &reg).unwrap()), (TEXT.len() as i32, 7));
    assert_eq!(errno(wc_c(ctx, &dir)), Errno::ISDIR);
    assert_eq!(wc_c(ctx, &a).unwrap(), 3_200_000);
    assert_eq!(head(ctx, &reg).unwrap().len(), 3);
    assert_eq!(tail(ctx, &reg).unwrap().len(), 3);
}
