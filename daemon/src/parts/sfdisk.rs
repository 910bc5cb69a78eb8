//! The old calls that speak the language of sfdisk(8).
//!
//! In: lines of its script. Out: a partition table, or its reports for people. Versions of sfdisk from 2015
//! on know neither the geometry of disks nor megabytes as a unit of plain numbers; the old calls can still
//! be made: a geometry is passed over, and numbers in megabytes get the suffix that says so.

use bstr::{BStr, BString, ByteSlice};

use super::{number, settle};
use crate::blockdev;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::run::Tool;
use crate::words;

/// Behind a number of megabytes.
const MEGABYTES: &[u8] = b"MiB";

/// Write a new table.
pub fn sfdisk(ctx: &mut Ctx, device: &Device, cyls: i32, heads: i32, sectors: i32, lines: &[BString]) -> Result<()> {
    check_geometry([cyls, heads, sectors])?;
    blockdev::require_unused(ctx, device)?;
    change(ctx, device, Tool::new("sfdisk"), lines)
}

/// Write a new table, with starts and sizes in megabytes.
#[allow(non_snake_case)] // the API's name
pub fn sfdiskM(ctx: &mut Ctx, device: &Device, lines: &[BString]) -> Result<()> {
    let lines: Vec<BString> = lines.iter().map(|line| in_megabytes(line)).collect();
    blockdev::require_unused(ctx, device)?;
    change(ctx, device, Tool::new("sfdisk"), &lines)
}

/// Change one partition.
#[allow(non_snake_case)] // the API's name
pub fn sfdisk_N(
    ctx: &mut Ctx,
    device: &Device,
    partnum: i32,
    cyls: i32,
    heads: i32,
    sectors: i32,
    line: &BStr,
) -> Result<()> {
    check_geometry([cyls, heads, sectors])?;
    let tool = Tool::new("sfdisk").arg(format!("--partno={}", number(partnum)?));
    change(ctx, device, tool, &[line.to_owned()])
}

/// 0 is the way to say that there is none to give.
fn check_geometry(numbers: [i32; 3]) -> Result<()> {
    match numbers.iter().find(|n| **n < 0) {
        Some(n) => Err(Error::invalid(format!("a disk cannot have {n} cylinders, heads or sectors: pass 0"))),
        None => Ok(()),
    }
}

fn change(ctx: &Ctx, device: &Device, tool: Tool, lines: &[BString]) -> Result<()> {
    let mut script = bstr::join("\n", lines);
    script.push(b'\n');
    let tool = tool.args(["--quiet", "--color=never", "--"]).arg(device).stdin(script);
    tool.run(ctx).map_err(|e| words::error(ctx, &e)).with_context(|| device.api_name(ctx))?;
    let table = super::table(ctx, device).map_or_else(|_| Vec::new(), |table| table.partitions);
    settle::wait(ctx, device, &table).with_context(|| device.api_name(ctx))
}

/// A line of the script whose start and size are megabytes: the first two fields, where they are plain
/// numbers. Lines in the other form, `start=…, size=…`, name their fields.
fn in_megabytes(line: &[u8]) -> BString {
    let is_separator = |b: &u8| matches!(b, b',' | b';' | b':') || b.is_ascii_whitespace();
    let mut out = Vec::with_capacity(line.len().saturating_add(8));
    let mut rest = line;
    let mut field = 0;
    while !rest.is_empty() {
        let end = rest.iter().position(is_separator).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // Blanks before a number or a separator are no field of their own.
        let blanks = after.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let separator = after.get(blanks).is_some_and(|b| matches!(b, b',' | b';' | b':'));
        let gap = blanks.saturating_add(usize::from(separator));
        out.extend_from_slice(word);
        let digits = word.strip_prefix(b"+").unwrap_or(word);
        // No partition begins at 0, where the table is: that is the first place there is.
        if field < 2 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            out.extend_from_slice(MEGABYTES);
        }
        if !word.is_empty() || separator {
            field += 1;
        }
        let (between, next) = after.split_at(gap.min(after.len()));
        out.extend_from_slice(between);
        rest = next;
    }
    out.into()
}

/// The table as a text. The API has it as a device, of which this is what is shown.
pub fn sfdisk_l(ctx: &mut Ctx, device: &Device) -> Result<Device> {
    report(ctx, device, "--list").map(|text| Device::absent(text.as_bstr()))
}

/// The geometry as the kernel sees it.
pub fn sfdisk_kernel_geometry(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    report(ctx, device, "--show-geometry")
}

/// The geometry as the table sees it. sfdisk makes no difference any more.
pub fn sfdisk_disk_geometry(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    report(ctx, device, "--show-geometry")
}

fn report(ctx: &Ctx, device: &Device, option: &str) -> Result<BString> {
    let output = Tool::new("sfdisk").args(["--color=never", option, "--"]).arg(device).run(ctx);
    let text = output.map_err(|e| words::error(ctx, &e)).with_context(|| device.api_name(ctx))?.stdout;
    Ok(words::plain(ctx, &text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::part_list;
    use crate::testing::Guest;

    #[test]
    fn megabytes() {
        for (line, expected) in [
            (",", ","),
            (",10", ",10MiB"),
            ("1,10,L", "1MiB,10MiB,L"),
            ("1 10 82 *", "1MiB 10MiB 82 *"),
            (" 1 , 10 , 82", " 1MiB , 10MiB , 82"),
            (",,82", ",,82"),
            ("1:10:83", "1MiB:10MiB:83"),
            (",+,82", ",+,82"),
            (",+10", ",+10MiB"),
            ("2048s,4MiB", "2048s,4MiB"),
            ("start=5, size=10", "start=5, size=10"),
            (";", ";"),
            ("", ""),
        ] {
            assert_eq!(in_megabytes(line.as_bytes()), expected, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line(line: Vec<u8>) {
            in_megabytes(&line);
        }
    }

    #[test]
    fn tables() {
        let mut g = Guest::new();
        g.write("disk", "");
        std::fs::File::options().write(true).open(g.host("disk")).unwrap().set_len(64 << 20).unwrap();
        let d = Device::from_real(g.host("disk"));
        let list = |g: &mut Guest| -> Vec<(i32, i64, i64)> {
            let all = part_list(&mut g.ctx, &d).unwrap();
            all.iter().map(|p| (p.part_num, p.part_start / 512, p.part_size / 512)).collect()
        };
        let lines = |text: &str| -> Vec<BString> { text.split('|').map(BString::from).collect() };
        sfdisk(&mut g.ctx, &d, 4, 4, 32, &lines("2048,10000,L|,4096,82,*")).unwrap();
        assert_eq!(list(&mut g), [(1, 2048, 10_000), (2, 12_288, 4096)]);
        sfdisk_N(&mut g.ctx, &d, 2, 0, 0, 0, "20480,8192".into()).unwrap();
        assert_eq!(list(&mut g), [(1, 2048, 10_000), (2, 20_480, 8192)]);
        sfdiskM(&mut g.ctx, &d, &lines(",10|,20,E|,5")).unwrap();
        assert_eq!(list(&mut g)[..2], [(1, 2048, 20_480), (2, 22_528, 40_960)]);
        let text = sfdisk_l(&mut g.ctx, &d).unwrap();
        let text = text.as_bstr();
        assert!(text.contains_str("Disklabel type: dos"), "{text}");
        let text = sfdisk_kernel_geometry(&mut g.ctx, &d).unwrap();
        assert!(text.contains_str("cylinders"), "{text}");
        assert_eq!(sfdisk_disk_geometry(&mut g.ctx, &d).unwrap(), text);
        let before = list(&mut g);
        assert!(sfdisk(&mut g.ctx, &d, 0, 0, 0, &lines("0,20480,83")).is_err());
        assert!(sfdisk(&mut g.ctx, &d, -1, 0, 0, &lines(",")).is_err());
        assert!(sfdisk_N(&mut g.ctx, &d, 0, 0, 0, 0, ",".into()).is_err());
        assert_eq!(list(&mut g), before);
    }
}
