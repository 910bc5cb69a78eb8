//! Linux software RAID arrays, md(4).
//!
//! In: names, devices and options; what the kernel has. Out: arrays, started and stopped by mdadm(8), and what
//! it and the kernel tell of them.

mod create;
mod stat;

use bstr::{BString, ByteSlice};

use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::disks::{remove_stale_names, running_arrays, sysfs, wait_until_gone, Device, Disk};
use crate::error::{Context, Error, Result};
use crate::run::Tool;

pub use create::md_create;
pub use stat::md_stat;

/// All arrays that there are, by number.
pub fn list_md_devices(_ctx: &mut Ctx) -> Result<Vec<Device>> {
    Ok(running_arrays().iter().map(Disk::device).collect())
}

/// What mdadm tells of an array.
pub fn md_detail(ctx: &mut Ctx, md: &Device) -> Result<Vec<(BString, BString)>> {
    kernel_name(ctx, md)?;
    let output = Tool::new("mdadm").args(["--detail", "--export"]).arg(md).run(ctx);
    Ok(properties(ctx, &output.with_context(|| md.api_name(ctx))?.stdout))
}

/// Lines `MD_KEY=value`, the keys in lower case. A device is named as the API has it.
fn properties(ctx: &Ctx, output: &[u8]) -> Vec<(BString, BString)> {
    let property = |line: &[u8]| {
        let (key, value) = line.split_once_str("=")?;
        let key = key.strip_prefix(b"MD_").unwrap_or(key).to_ascii_lowercase();
        let is_device = key.starts_with(b"device_") && key.ends_with(b"_dev");
        let value = if is_device { ctx.api_device_name(value.as_bstr()) } else { value.into() };
        Some((key.into(), value))
    };
    output.lines().filter_map(property).collect()
}

/// Stop an array.
pub fn md_stop(ctx: &mut Ctx, md: &Device) -> Result<()> {
    let name = kernel_name(ctx, md)?;
    require_unused(ctx, md)?;
    Tool::new("mdadm").arg("--stop").arg(md).run(ctx).with_context(|| md.api_name(ctx))?;
    wait_until_gone(&[name]);
    remove_stale_names();
    Ok(())
}

/// The kernel's name of an array, whatever it was called: it can have many names.
fn kernel_name(ctx: &Ctx, md: &Device) -> Result<BString> {
    let rdev = rustix::fs::stat(md.path()).with_context(|| md.api_name(ctx))?.st_rdev;
    let is_it = |array: &Disk| rustix::fs::stat(array.device().path()).is_ok_and(|stat| stat.st_rdev == rdev);
    let name = running_arrays().iter().any(is_it).then(|| sysfs::whole_disk(rdev)).flatten();
    name.ok_or_else(|| Error::invalid("is not a Linux software RAID array").context(md.api_name(ctx)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn exported() {
        let g = Guest::new();
        let text = b"MD_LEVEL=raid1\nMD_DEVICES=2\nMD_NAME=a=b\nnonsense\nMD_DEVICE_dev_sda_ROLE=0\nMD_DEVICE_dev_sda_DEV=/dev/sda\n";
        let expected = [
            ("level", "raid1"),
            ("devices", "2"),
            ("name", "a=b"),
            ("device_dev_sda_role", "0"),
            ("device_dev_sda_dev", "/dev/sda"),
        ];
        assert_eq!(properties(&g.ctx, text), expected.map(|(key, value)| (key.into(), value.into())));
    }

    proptest::proptest! {
        /// Names come from hostile disks: whatever is printed, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            properties(&Guest::new().ctx, &output);
        }
    }
}
