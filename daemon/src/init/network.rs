//! The appliance's network, when the library gave it one: qemu's user-mode network, whose addresses
//! are fixed, so that no DHCP client is needed.
//!
//! In: nothing but the interface. Out: address, default route and name server set, or a message on the
//! console: a machine without network still serves disks.
//!
//! libguestfs runs it as `net=169.254.0.0/16`; qemu(1), `-netdev user`, then makes .2.2 the host, .2.3
//! the name server and .2.15 the first guest. Set by rtnetlink(7), which is plain bytes over a socket.

use crate::error::{Context, Errno, Error, Result};
use rustix::fd::OwnedFd;
use rustix::net::{recv, send, socket_with, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::path::Path;
use std::time::{Duration, Instant};

const ADDRESS: [u8; 4] = [169, 254, 2, 15];
const PREFIX: u8 = 16;
const GATEWAY: [u8; 4] = [169, 254, 2, 2];
const RESOLV_CONF: &str = "nameserver 169.254.2.3\n";

const PATIENCE: Duration = Duration::from_secs(5);

// linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLMSG_ERROR: u16 = 2;
const REQUEST_ACK: u16 = 0x1 | 0x4;
const CREATE: u16 = 0x400;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const IFF_UP: u32 = 1;
const AF_INET: u8 = 2;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;

/// Bring up the loopback interface, and the network card when there should be one.
pub fn up(wanted: bool) -> Result<()> {
    let netlink =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).context("network")?;
    link_up(&netlink, 1).context("loopback interface")?;
    if !wanted {
        return Ok(());
    }
    crate::kmod::load("virtio_net").context("network")?;
    let index = card().context("network card")?;
    link_up(&netlink, index).context("network card")?;
    let mut body = vec![AF_INET, PREFIX, 0, 0];
    body.extend(index.to_ne_bytes());
    attribute(&mut body, IFA_LOCAL, ADDRESS);
    attribute(&mut body, IFA_ADDRESS, ADDRESS);
    ask(&netlink, RTM_NEWADDR, CREATE, &body).context("network address")?;
    let mut body = vec![AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0];
    attribute(&mut body, RTA_GATEWAY, GATEWAY);
    attribute(&mut body, RTA_OIF, index.to_ne_bytes());
    ask(&netlink, RTM_NEWROUTE, CREATE, &body).context("default route")?;
    std::fs::write("/run/resolv.conf", RESOLV_CONF).context("/run/resolv.conf")
}

/// Index of the first interface that is not the loopback.
fn card() -> Result<u32> {
    let until = Instant::now() + PATIENCE;
    loop {
        let names = std::fs::read_dir("/sys/class/net").context("/sys/class/net")?;
        for name in names.flatten().map(|e| e.file_name()).filter(|n| n != "lo") {
            let index = Path::new("/sys/class/net").join(&name).join("ifindex");
            if let Some(index) = std::fs::read_to_string(index).ok().and_then(|i| i.trim().parse().ok()) {
                return Ok(index);
            }
        }
        if Instant::now() >= until {
            return Err(Errno::NODEV.into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn link_up(netlink: &OwnedFd, index: u32) -> Result<()> {
    let mut body = vec![0; 4];
    for word in [index, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    ask(netlink, RTM_NEWLINK, 0, &body)
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: [u8; 4]) {
    body.extend(8_u16.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + body.len());
    // A header of 16 bytes and a body of a few dozen.
    bytes.extend((16 + body.len() as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST_ACK | flags).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// Send a request and read the kernel's answer to it.
fn ask(netlink: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> Result<()> {
    send(netlink, &message(kind, flags, body), SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (n, _) = recv(netlink, &mut answer, RecvFlags::empty())?;
    verdict(answer.get(..n).unwrap_or_default())
}

/// `struct nlmsgerr` after the header: 0 or a negative errno.
fn verdict(answer: &[u8]) -> Result<()> {
    let (Some(&[a, b]), Some(&[c, d, e, f])) = (answer.get(4..6), answer.get(16..20)) else {
        return Err(Error::new(Errno::PROTO, "answer of the kernel is too short"));
    };
    match (u16::from_ne_bytes([a, b]), i32::from_ne_bytes([c, d, e, f])) {
        (NLMSG_ERROR, 0) => Ok(()),
        (NLMSG_ERROR, error) => Err(Errno::from_raw_os_error(error.wrapping_neg()).into()),
        (kind, _) => Err(Error::new(Errno::PROTO, format!("kernel answered with a message of type {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let answer = |kind: u16, error: i32| {
            let mut bytes = message(kind, 0, &error.to_ne_bytes());
            bytes.extend([0; 16]);
            verdict(&bytes).map_err(|e| e.errno())
        };
        assert_eq!(answer(NLMSG_ERROR, 0), Ok(()));
        assert_eq!(answer(NLMSG_ERROR, -17), Err(Some(Errno::EXIST)));
        assert_eq!(answer(3, 0), Err(Some(Errno::PROTO)));
        assert_eq!(verdict(b"short").map_err(|e| e.errno()), Err(Some(Errno::PROTO)));
    }

    #[test]
    fn the_kernel_takes_the_messages_for_what_they_are() {
        let netlink = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
        // No such interface: understood, whatever this test's rights are.
        let error = link_up(&netlink, 0x7fff_fff0).unwrap_err().errno();
        assert!(matches!(error, Some(Errno::NODEV | Errno::PERM)), "{error:?}");
    }
}
