//! LVM without udev: its configuration for this machine.
//!
//! In: the appliance's own disk. Out: `/run/lvm/lvm.conf`, which tools are pointed to
//! (`LVM_SYSTEM_DIR`). No udev daemon answers here, so LVM must make nodes itself and wait for nobody;
//! and it must never take the appliance's disk for one of the guest's.

use crate::error::{Context, Result};
use bstr::{BStr, ByteSlice};

/// Where LVM's configuration, locks and caches are.
pub const DIR: &str = "/run/lvm";

/// Write the configuration; `own_disk` is the kernel's name of the disk to leave alone.
pub fn write(own_disk: Option<&BStr>) -> Result<()> {
    std::fs::create_dir_all(DIR).context(DIR)?;
    let path = format!("{DIR}/lvm.conf");
    std::fs::write(&path, config(own_disk)).context(&path)
}

fn config(own_disk: Option<&BStr>) -> Vec<u8> {
    let own = own_disk.map(|disk| {
        let digits: &[u8] = if disk.last().is_some_and(u8::is_ascii_digit) { b"(p[0-9]+)?" } else { b"[0-9]*" };
        bstr::concat([&b"\"r|^/dev/"[..], disk.as_bytes(), digits, b"$|\", "])
    });
    bstr::concat([
        &b"config { checks = 0 profile_dir = \"/etc/lvm/profile\" }\n"[..],
        b"devices {\n  obtain_device_list_from_udev = 0\n  external_device_info_source = \"none\"\n",
        b"  use_devicesfile = 0\n  write_cache_state = 0\n  multipath_component_detection = 0\n",
        b"  global_filter = [ ",
        &own.unwrap_or_default(),
        b"\"a|.*|\" ]\n}\n",
        b"backup { backup = 0 archive = 0 }\n",
        b"global {\n  locking_dir = \"/run/lock/lvm\"\n  system_id_source = \"none\"\n",
        b"  use_lvmetad = 0\n  use_lvmpolld = 0\n  use_lvmlockd = 0\n  event_activation = 0\n}\n",
        b"activation { udev_sync = 0 udev_rules = 0 verify_udev_operations = 0 monitoring = 0 }\n",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_disk_is_filtered_out() {
        let text = |disk: Option<&str>| config(disk.map(BStr::new)).to_str().unwrap().to_owned();
        assert!(text(Some("vda")).contains(r#"[ "r|^/dev/vda[0-9]*$|", "a|.*|" ]"#));
        assert!(text(Some("nvme0n1")).contains(r#""r|^/dev/nvme0n1(p[0-9]+)?$|""#));
        assert!(text(None).contains(r#"global_filter = [ "a|.*|" ]"#));
    }
}
