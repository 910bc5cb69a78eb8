//! Linux software RAID arrays under the names that a guest has for them.
//!
//! In: the guest's mdadm.conf(5), and what mdadm(8) says of the arrays that run. Out: ours.

use super::guest;
use crate::ctx::Ctx;
use crate::disks::{running_arrays, Device};
use crate::run::Tool;
use bstr::{BStr, BString, ByteSlice};

/// Lines of mdadm.conf that count.
const LINES_MAX: usize = 100;

/// See the module's description.
#[derive(Default)]
pub struct Arrays {
    running: Vec<Array>,
    /// Names in mdadm.conf, and UUIDs.
    configured: Vec<(BString, BString)>,
}

struct Array {
    device: Device,
    /// 32 digits.
    uuid: BString,
    /// `HOST:NAME`, or `NAME` alone.
    name: BString,
}

impl Arrays {
    /// For the guest that is mounted now.
    pub fn new(ctx: &Ctx) -> Arrays {
        let running: Vec<Array> =
            running_arrays().iter().filter_map(|array| Array::look_at(ctx, array.device())).collect();
        let mut configured = Vec::new();
        if !running.is_empty() {
            for file in ["/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"] {
                configured.extend(guest::text(ctx, file).map(|text| self::configured(&text)).unwrap_or_default());
            }
        }
        Arrays { running, configured }
    }

    /// The array, or the partition of one, that a name means: one in mdadm.conf, or as udev and mdadm make
    /// them, by UUID and by name.
    pub fn find(&self, spec: &BStr) -> Option<Device> {
        let configured = self.configured.iter().find_map(|(name, uuid)| {
            let number = partition(spec.strip_prefix(name.as_slice())?, b"p")?;
            Some(self.only(|array| array.uuid == *uuid)?.part(number))
        });
        let by_id = |kind: &str, is: &dyn Fn(&Array, &[u8]) -> bool| {
            let id = spec.strip_prefix(b"/dev/disk/by-id/")?.strip_prefix(kind.as_bytes())?;
            let (id, part) = id.split_at(id.rfind(b"-part").unwrap_or(id.len()));
            Some(self.only(|array| is(array, id))?.part(partition(part, b"-part")?))
        };
        configured
            .or_else(|| by_id("md-uuid-", &|array, id| hex(id).as_ref() == Some(&array.uuid)))
            .or_else(|| by_id("md-name-", &|array, id| array.name == id))
            .or_else(|| {
                let local = spec.strip_prefix(b"/dev/md/")?;
                Some(self.only(|array| array.local_name() == local)?.device.clone())
            })
    }

    /// The one array that is meant: of two with one name neither is.
    fn only(&self, is: impl Fn(&Array) -> bool) -> Option<&Array> {
        let mut all = self.running.iter().filter(|array| is(array));
        all.next().filter(|_| all.next().is_none())
    }
}

impl Array {
    fn look_at(ctx: &Ctx, device: Device) -> Option<Array> {
        let output = Tool::new("mdadm").args(["--detail", "--export"]).arg(&device).run(ctx).ok()?;
        let uuid = hex(&guest::assigned(&output.stdout, "MD_UUID")?)?;
        let name = guest::assigned(&output.stdout, "MD_NAME").unwrap_or_default();
        Some(Array { device, uuid, name })
    }

    /// Without the machine that it was made on, which is the guest itself as a rule.
    fn local_name(&self) -> &[u8] {
        self.name.split_once_str(":").map_or(&self.name, |(_, local)| local)
    }

    /// Itself, or its partition of this number.
    fn part(&self, number: &[u8]) -> Device {
        if number.is_empty() {
            return self.device.clone();
        }
        let node = bstr::concat([&**self.device.as_bstr(), b"p", number]);
        Device::from_real(node.to_os_str_lossy().into_owned())
    }
}

/// The number in `p1`; empty for the whole.
fn partition<'a>(rest: &'a [u8], head: &[u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return Some(rest);
    }
    let number = rest.strip_prefix(head)?;
    (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then_some(number)
}

/// Names and UUIDs of the lines `ARRAY NAME … UUID=…`.
fn configured(text: &[u8]) -> Vec<(BString, BString)> {
    let array = |line: &[u8]| {
        let mut words = line.fields();
        words.next().filter(|word| word.eq_ignore_ascii_case(b"array"))?;
        let name = words.next().filter(|name| name.starts_with(b"/dev/"))?;
        let uuid = words.find_map(|word| {
            let (key, value) = word.split_once_str("=")?;
            key.eq_ignore_ascii_case(b"uuid").then(|| hex(value))
        });
        Some((name.into(), uuid??))
    };
    text.lines().filter_map(array).take(LINES_MAX).collect()
}

/// The digits of a UUID, whose groups mdadm separates by colons.
fn hex(uuid: &[u8]) -> Option<BString> {
    let digits: Vec<u8> = uuid.iter().filter(|b| b.is_ascii_hexdigit()).map(u8::to_ascii_lowercase).collect();
    (digits.len() == 32).then(|| digits.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0123456789abcdef0123456789abcdef";

    fn array(number: u8, uuid: &str, name: &str) -> Array {
        Array { device: Device::from_real(format!("/dev/md{number}")), uuid: uuid.into(), name: name.into() }
    }

    #[test]
    fn lines_of_mdadm_conf() {
        let conf = b"# x\nMAILADDR root\nARRAY /dev/md0 level=raid1 UUID=01234567:89ABCDEF:01234567:89abcdef\n\
            array /dev/md/boot metadata=1.2 uuid=1:2\nARRAY <ignore> UUID=01234567:89abcdef:01234567:89abcdef\nARRAY\n";
        assert_eq!(configured(conf), [(BString::from("/dev/md0"), UUID.into())]);
    }

    #[test]
    fn names() {
        let other = "f".repeat(32);
        let arrays = Arrays {
            running: vec![
                array(127, UUID, "box:data"),
                array(126, &other, "guestfs:root"),
                array(125, &"a".repeat(32), "(none):twice"),
                array(124, &"b".repeat(32), "twice"),
            ],
            configured: vec![("/dev/md0".into(), UUID.into()), ("/dev/md/gone".into(), "0".repeat(32).into())],
        };
        for (spec, want) in [
            ("/dev/md0", Some("/dev/md127")),
            ("/dev/md0p2", Some("/dev/md127p2")),
            ("/dev/md01", None),
            ("/dev/md0p", None),
            ("/dev/md/gone", None),
            ("/dev/md/data", Some("/dev/md127")),
            ("/dev/md/root", Some("/dev/md126")),
            ("/dev/md/twice", None),
            ("/dev/md/", None),
            ("/dev/disk/by-id/md-name-box:data", Some("/dev/md127")),
            ("/dev/disk/by-id/md-name-box:data-part3", Some("/dev/md127p3")),
            ("/dev/disk/by-id/md-name-data", None),
            ("/dev/disk/by-id/md-uuid-01234567:89abcdef:01234567:89abcdef", Some("/dev/md127")),
            ("/dev/disk/by-id/md-uuid-ffffffff:ffffffff:ffffffff:ffffffff-part1", Some("/dev/md126p1")),
            ("/dev/disk/by-id/md-uuid-ffffffff:ffffffff:ffffffff:ffffffff-partx", None),
            ("/dev/disk/by-id/md-uuid-1", None),
            ("/dev/sda", None),
        ] {
            let found = arrays.find(spec.into());
            assert_eq!(found, want.map(Device::from_real), "{spec}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name(tail in "[a-z0-9/:-]{0,20}", text: Vec<u8>) {
            let arrays = Arrays { running: vec![array(1, UUID, &tail)], configured: configured(&text) };
            for head in ["/dev/md", "/dev/md/", "/dev/disk/by-id/md-uuid-", "/dev/disk/by-id/md-name-"] {
                let _ = arrays.find(format!("{head}{tail}").as_str().into());
            }
        }
    }
}
