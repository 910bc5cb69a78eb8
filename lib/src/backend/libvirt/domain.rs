//! The appliance as a domain of libvirt.
//!
//! In: an appliance, a plan, disks that are described already. Out: the definition of a transient domain, the
//! machine of the direct backend in libvirt's words. Format: libvirt's documentation, "Domain XML format".

use super::xml::{quoted, unusable_text};
use crate::appliance::{Appliance, Origin};
use crate::backend::accel::{self, Accel};
use crate::backend::host::Host;
use crate::backend::kernel_line::KernelLine;
use crate::error::LaunchFailure;
use crate::machine::{LaunchError, Plan};
use bstr::ByteSlice;
use std::path::Path;

/// Everything that decides the definition. All paths are absolute: libvirt works elsewhere.
pub struct Definition<'a> {
    pub name: &'a str,
    pub appliance: &'a Appliance,
    pub plan: &'a Plan,
    /// `None`: libvirt chooses.
    pub emulator: Option<&'a Path>,
    pub host: &'a Host,
    pub accel: Accel,
    /// Laid over the root image where that may be written to.
    pub root_overlay: Option<&'a Path>,
    /// `<disk>` elements.
    pub disks: &'a [String],
    /// Sockets where we listen.
    pub channel: &'a Path,
    pub console: &'a Path,
    /// The connection's hypervisors run as another user unless they are told to be root.
    pub as_root: bool,
}

fn text(bytes: &[u8]) -> Result<String, LaunchError> {
    match bytes.to_str() {
        Ok(text) if !unusable_text(text) => Ok(quoted(text)),
        _ => Err(LaunchError::new(LaunchFailure::Backend, format!("launch: XML cannot hold {:?}", bytes.as_bstr()))
            .errno(libc::EINVAL)
            .help("with LIBGUESTFS_BACKEND=direct this is possible")),
    }
}

fn path(path: &Path) -> Result<String, LaunchError> {
    text(path.as_os_str().as_encoded_bytes())
}

/// The content of an element: an attribute's value without its quotes.
fn content(value: &str) -> &str {
    value.trim_matches('\'')
}

impl Definition<'_> {
    /// The definition.
    pub fn xml(&self) -> Result<String, LaunchError> {
        let Definition { plan, appliance, host, accel, .. } = *self;
        let line = KernelLine { appliance, plan, host, accel, common: false }.words();
        let (kind, cpu) = match accel {
            Accel::Kvm => ("kvm", "<cpu mode='host-passthrough'/>".to_owned()),
            Accel::Tcg => {
                let without = accel::TCG_WITHOUT.map(|name| format!("<feature policy='disable' name='{name}'/>"));
                ("qemu", format!("<cpu mode='maximum'>{}</cpu>", without.concat()))
            }
        };
        let mut xml = format!(
            "<domain type='{kind}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>{}</name>\
             <memory unit='MiB' dumpCore='off'>{}</memory><vcpu>{}</vcpu>\
             <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{}</kernel><initrd>{}</initrd><cmdline>{}</cmdline></os>\
             <features><acpi/></features>{cpu}<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot>\
             <on_crash>destroy</on_crash><devices>",
            self.name,
            plan.memsize,
            plan.smp.max(1),
            content(&path(&appliance.kernel)?),
            content(&path(&appliance.initrd)?),
            content(&text(&line)?),
        );
        if let Some(hv) = self.emulator {
            xml.push_str(&format!("<emulator>{}</emulator>", content(&path(hv)?)));
        }
        xml.push_str(&self.root()?);
        self.disks.iter().for_each(|disk| xml.push_str(disk));
        xml.push_str(&format!(
            "<controller type='scsi' index='0' model='virtio-scsi'/><controller type='usb' model='none'/>\
             <serial type='unix'><source mode='connect' path={}/><target port='0'/></serial>\
             <channel type='unix'><source mode='connect' path={}/><target type='virtio' name='org.libguestfs.channel.0'/></channel>\
             <memballoon model='none'/><video><model type='none'/></video>",
            path(self.console)?,
            path(self.channel)?,
        ));
        if appliance.origin != Origin::Own {
            xml.push_str("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>");
        }
        if plan.network {
            // The addresses that upstream's appliance expects.
            xml.push_str(
                "<interface type='user'><model type='virtio'/><rom enabled='no'/>\
                 <ip family='ipv4' address='169.254.2.15' prefix='16'/></interface>",
            );
        }
        xml.push_str("</devices>");
        if self.as_root {
            // What is private to root stays so: nothing is given to another user to be opened.
            xml.push_str("<seclabel type='static' model='dac' relabel='no'><label>+0:+0</label></seclabel>");
        }
        if !plan.hv_params.is_empty() {
            xml.push_str("<qemu:commandline>");
            for (name, value) in &plan.hv_params {
                for word in std::iter::once(name).chain(value) {
                    xml.push_str(&format!("<qemu:arg value={}/>", text(word)?));
                }
            }
            xml.push_str("</qemu:commandline>");
        }
        xml.push_str("</domain>");
        Ok(xml)
    }

    /// The root image, which other appliances read, too.
    fn root(&self) -> Result<String, LaunchError> {
        let root = path(&self.appliance.root)?;
        let target = "<target dev='vda' bus='virtio'/>";
        Ok(match self.root_overlay {
            None => format!(
                "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file={root}/>{target}<readonly/></disk>"
            ),
            Some(over) => format!(
                "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/><source file={}/>\
                 <backingStore type='file'><format type='raw'/><source file={root}/></backingStore>{target}</disk>",
                path(over)?
            ),
        })
    }
}
