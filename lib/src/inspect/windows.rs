//! Windows: the name of a release in the database of libosinfo, and installed programs.
//!
//! In: what inspection found. Out: identifiers, and the daemon's list of programs in order.

use crate::error::Result;
use crate::handle::Handle;
use bstr::{BStr, ByteSlice};
use guestfs_protocol::structs::Application2;

/// Builds of version 10 from this one on are Windows 11.
const WINDOWS_11: u32 = 22_000;

/// Servers of version 10, by a part of their names.
const SERVERS: &[(&str, &str)] = &[("2025", "win2k25"), ("2022", "win2k22"), ("2019", "win2k19"), ("2016", "win2k16")];

/// See the module's description.
pub(super) fn osinfo(product: &[u8], variant: &[u8], build: &[u8], version: (i32, i32)) -> Option<&'static str> {
    let server = variant.contains_str("Server");
    let either = |of_server, of_client| Some(if server { of_server } else { of_client });
    match version {
        (5, 0) => Some("win2k"),
        (5, 1) => Some("winxp"),
        // The 64-bit edition of XP has the version of the server.
        (5, 2) if product.contains_str("XP") => Some("winxp"),
        (5, 2) if product.contains_str("R2") => Some("win2k3r2"),
        (5, 2) => Some("win2k3"),
        (6, 0) => either("win2k8", "winvista"),
        (6, 1) => either("win2k8r2", "win7"),
        (6, 2) => either("win2k12", "win8"),
        (6, 3) => either("win2k12r2", "win8.1"),
        (10, 0) if server => {
            let named = SERVERS.iter().find(|(part, _)| product.contains_str(part));
            Some(named.map_or("win2k16", |(_, id)| id))
        }
        (10, 0) => {
            let build = build.to_str().ok().and_then(|build| build.parse::<u32>().ok());
            Some(if build.is_some_and(|build| build >= WINDOWS_11) { "win11" } else { "win10" })
        }
        _ => None,
    }
}

/// Programs that can be removed.
pub(super) fn programs(g: &Handle, root: &BStr) -> Result<Vec<Application2>> {
    let mut programs = g.internal_list_windows_applications(root)?;
    programs.sort_by(|a, b| a.app2_name.cmp(&b.app2_name));
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        for (product, variant, build, version, want) in [
            ("Microsoft Windows 2000", "unknown", "2195", (5, 0), Some("win2k")),
            ("Microsoft Windows XP", "unknown", "2600", (5, 1), Some("winxp")),
            ("Microsoft Windows XP x64", "unknown", "3790", (5, 2), Some("winxp")),
            ("Microsoft Windows Server 2003 R2", "unknown", "3790", (5, 2), Some("win2k3r2")),
            ("Microsoft Windows Server 2003", "unknown", "3790", (5, 2), Some("win2k3")),
            ("Windows Vista (TM) Business", "Client", "6002", (6, 0), Some("winvista")),
            ("Windows Server (R) 2008 Standard", "Server", "6002", (6, 0), Some("win2k8")),
            ("Windows 7 Ultimate", "Client", "7601", (6, 1), Some("win7")),
            ("Windows Server 2008 R2 Standard", "Server", "7601", (6, 1), Some("win2k8r2")),
            ("Windows 8", "Client", "9200", (6, 2), Some("win8")),
            ("Windows Server 2012", "Server Core", "9200", (6, 2), Some("win2k12")),
            ("Windows 8.1", "Client", "9600", (6, 3), Some("win8.1")),
            ("Windows Server 2012 R2", "Server", "9600", (6, 3), Some("win2k12r2")),
            ("Windows 10 Pro", "Client", "19045", (10, 0), Some("win10")),
            ("Windows 10 Pro", "Client", "22631", (10, 0), Some("win11")),
            ("Windows 10 Pro", "Client", "unknown", (10, 0), Some("win10")),
            ("Windows Server 2016 Standard", "Server", "14393", (10, 0), Some("win2k16")),
            ("Windows Server 2019 Standard", "Server", "17763", (10, 0), Some("win2k19")),
            ("Windows Server 2022 Datacenter", "Server", "20348", (10, 0), Some("win2k22")),
            ("Windows Server 2025 Datacenter", "Server", "26100", (10, 0), Some("win2k25")),
            ("unknown", "unknown", "unknown", (0, 0), None),
        ] {
            assert_eq!(osinfo(product.as_bytes(), variant.as_bytes(), build.as_bytes(), version), want, "{product}");
        }
    }
}
