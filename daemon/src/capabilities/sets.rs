//! Sets of capabilities: their text and their form in an attribute.
//!
//! In: the text that cap_from_text(3) describes, or the bytes of `struct vfs_cap_data`. Out: the other one;
//! the text is letter for letter that of libcap's cap_to_text.

use bstr::{BString, ByteSlice};

/// By number, as linux/capability.h has them.
const NAMES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// All that have a name.
const ALL: u64 = (1 << NAMES.len()) - 1;

/// Bits of linux/capability.h in the attribute's first word.
const EFFECTIVE: u32 = 1;
const REVISION: u32 = 0xff00_0000;
const REVISION_1: u32 = 0x0100_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;

/// Which capabilities are effective, inheritable and permitted, a bit each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sets {
    effective: u64,
    inheritable: u64,
    permitted: u64,
}

impl Sets {
    /// Read a text.
    pub fn parse(text: &[u8]) -> Option<Sets> {
        let mut sets = Sets::default();
        for clause in text.split(u8::is_ascii_whitespace).filter(|clause| !clause.is_empty()) {
            let (names, changes) = clause.split_at(clause.find_byteset(b"=+-")?);
            match names {
                b"" => sets.assign(changes)?,
                names => sets.change(named(names)?, changes)?,
            }
        }
        Some(sets)
    }

    /// A clause without names is about all, and can only say what they shall be.
    fn assign(&mut self, changes: &[u8]) -> Option<()> {
        let flags = changes.strip_prefix(b"=")?;
        flags.iter().all(|flag| b"eip".contains(flag)).then(|| self.change(ALL, changes))?
    }

    /// `=ep`, `+e-i`: `=` only comes first, and only it may have no flags.
    fn change(&mut self, which: u64, changes: &[u8]) -> Option<()> {
        let mut rest = changes;
        while let [operator, after @ ..] = rest {
            let end = after.find_byteset(b"=+-").unwrap_or(after.len());
            let (flags, next) = after.split_at(end);
            if (*operator == b'=' && rest.len() < changes.len()) || (*operator != b'=' && flags.is_empty()) {
                return None;
            }
            flags.iter().all(|flag| b"eip".contains(flag)).then_some(())?;
            for (set, letter) in
                [(&mut self.effective, b'e'), (&mut self.inheritable, b'i'), (&mut self.permitted, b'p')]
            {
                match (operator, flags.contains(&letter)) {
                    (b'=' | b'+', true) => *set |= which,
                    (b'=', false) | (b'-', true) => *set &= !which,
                    _ => {}
                }
            }
            rest = next;
        }
        Some(())
    }

    /// The flags of one capability: 1 for e, 2 for p, 4 for i.
    fn flags(&self, number: usize) -> usize {
        let bit = |set: u64| (set >> number & 1) as usize;
        bit(self.effective) | bit(self.permitted) << 1 | bit(self.inheritable) << 2
    }

    /// The text: what most of them are, then what others have more or less.
    pub fn text(&self) -> BString {
        let count = |flags: usize| (0..NAMES.len()).filter(|n| self.flags(*n) == flags).count();
        let most = (0..7).rev().fold(7, |most, flags| if count(flags) >= count(most) { flags } else { most });
        let mut text = format!("={}", letters(most));
        for flags in (0..8).rev().filter(|flags| *flags != most && count(*flags) > 0) {
            let names: Vec<&str> =
                NAMES.iter().enumerate().filter(|(n, _)| self.flags(*n) == flags).map(|(_, name)| *name).collect();
            let (more, less) = (flags & !most, most & !flags);
            // Behind nothing, adding is the same as assigning, which is shorter.
            let operator = if text == "=" && more != 0 { "=" } else { "+" };
            match operator {
                "=" => text.clear(),
                _ => text.push(' '),
            }
            text += &names.join(",");
            for (operator, flags) in [(operator, more), ("-", less)].iter().filter(|(_, flags)| *flags != 0) {
                text += operator;
                text += &letters(*flags);
            }
        }
        // Those of newer kernels have numbers only.
        for flags in (1..8).rev() {
            let numbers: Vec<String> =
                (NAMES.len()..64).filter(|n| self.flags(*n) == flags).map(|n| n.to_string()).collect();
            if !numbers.is_empty() {
                text += &format!(" {}+{}", numbers.join(","), letters(flags));
            }
        }
        text.into()
    }

    /// Read the bytes of an attribute.
    pub fn from_attribute(bytes: &[u8]) -> Option<Sets> {
        let words: Vec<u32> =
            bytes.chunks(4).map(|word| Some(u32::from_le_bytes(word.try_into().ok()?))).collect::<Option<_>>()?;
        let (magic, [p0, i0, p1, i1]) = match words.as_slice() {
            [magic, p, i] if magic & REVISION == REVISION_1 => (magic, [*p, *i, 0, 0]),
            [magic, p0, i0, p1, i1] if magic & REVISION == REVISION_2 => (magic, [*p0, *i0, *p1, *i1]),
            // The last is the user name space that it counts in.
            [magic, p0, i0, p1, i1, _root] if magic & REVISION == REVISION_3 => (magic, [*p0, *i0, *p1, *i1]),
            _ => return None,
        };
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let (permitted, inheritable) = (wide(p0, p1), wide(i0, i1));
        let effective = if magic & EFFECTIVE != 0 { permitted | inheritable } else { 0 };
        Some(Sets { effective, inheritable, permitted })
    }

    /// The bytes of an attribute; `None` when only some of its capabilities are effective.
    pub fn attribute(&self) -> Option<Vec<u8>> {
        if self.effective != 0 && (self.permitted | self.inheritable) & !self.effective != 0 {
            return None;
        }
        let magic = REVISION_2 | if self.effective != 0 { EFFECTIVE } else { 0 };
        let (p, i) = (self.permitted, self.inheritable);
        let words = [magic, p as u32, i as u32, (p >> 32) as u32, (i >> 32) as u32];
        Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }
}

/// The capabilities of a list.
fn named(list: &[u8]) -> Option<u64> {
    let mut which = 0;
    for name in list.split(|b| *b == b',') {
        if name.eq_ignore_ascii_case(b"all") {
            which = ALL;
            continue;
        }
        let number = NAMES.iter().position(|n| name.eq_ignore_ascii_case(n.as_bytes()));
        let digits = !name.is_empty() && name.iter().all(u8::is_ascii_digit);
        let number = number.or_else(|| digits.then(|| name.to_str().ok()?.parse().ok())?)?;
        which |= 1u64.checked_shl(u32::try_from(number).ok()?)?;
    }
    Some(which)
}

fn letters(flags: usize) -> String {
    [(1, 'e'), (4, 'i'), (2, 'p')].iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| *letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libcap 2.66 makes of them, with a kernel of 41 capabilities.
    #[test]
    fn as_libcap_has_them() {
        for (text, expected) in [
            ("", Some("=")),
            ("=", Some("=")),
            ("all=ep", Some("=ep")),
            ("=ep cap_chown-ep", Some("=ep cap_chown-ep")),
            ("cap_chown=p cap_net_raw=ep", Some("cap_net_raw=ep cap_chown+p")),
            ("=e =p", Some("=p")),
            ("cap_chown=e-e+i", Some("cap_chown=i")),
            ("cap_chown=+ep", Some("cap_chown=ep")),
            ("=eip cap_kill-i", Some("=eip cap_kill-i")),
            ("=p cap_chown+e cap_kill-p", Some("=p cap_chown+e cap_kill-p")),
            ("45=ep", Some("= 45+ep")),
            ("45=ep =", Some("= 45+ep")),
            ("45,all=p", Some("=p")),
            ("all=ep 45=ep", Some("=ep 45+ep")),
            ("45,46=ep 50=i cap_chown=p", Some("cap_chown=p 50+i 45,46+ep")),
            ("CAP_Chown=eepp", Some("cap_chown=ep")),
            ("40=ep", Some("cap_checkpoint_restore=ep")),
            (" \t cap_chown=ep\n cap_kill=p ", Some("cap_chown=ep cap_kill+p")),
            ("cap_chown=p cap_chown=", Some("=")),
            ("64=ep", None),
            ("99999999999999999999=ep", None),
            ("chown=ep", None),
            ("cap_chown", None),
            ("cap_chown, cap_kill=ep", None),
            ("cap_chown,=ep", None),
            (",cap_chown=ep", None),
            ("cap_chown+", None),
            ("cap_chown=ep+", None),
            ("cap_chown=E", None),
            ("=+ep", None),
            ("+ep", None),
            ("cap_chown==ep", None),
            ("cap_chown+e=p", None),
            ("cap_chown=ep,cap_kill=p", None),
        ] {
            let sets = Sets::parse(text.as_bytes());
            assert_eq!(sets.map(|s| s.text()), expected.map(BString::from), "{text}");
        }
    }

    #[test]
    fn attributes() {
        let attribute = |text: &str| Sets::parse(text.as_bytes()).unwrap().attribute();
        let net_raw = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(attribute("cap_net_raw=ep").unwrap(), net_raw);
        assert_eq!(attribute("=").unwrap(), [b"\0\0\0\x02".as_slice(), &[0; 16]].concat());
        assert_eq!(attribute("cap_chown=ip cap_net_raw+ep"), None);
        assert_eq!(attribute("cap_chown=e cap_bpf=ei").unwrap(), attribute("cap_bpf=ei").unwrap());
        let text = |bytes: &[u8]| Sets::from_attribute(bytes).map(|s| s.text().to_string());
        assert_eq!(text(net_raw).as_deref(), Some("cap_net_raw=ep"));
        assert_eq!(text(b"\0\0\0\x01\x01\0\0\0\0\0\0\0").as_deref(), Some("cap_chown=p"));
        let with_root = [b"\x01\0\0\x03".as_slice(), &net_raw[4..], b"\xe8\x03\0\0"].concat();
        assert_eq!(text(&with_root).as_deref(), Some("cap_net_raw=ep"));
        for damaged in [&b""[..], b"abc", b"\0\0\0\x02", &net_raw[..19], b"\0\0\0\x04\x01\0\0\0\0\0\0\0"] {
            assert_eq!(text(damaged), None);
        }
    }
}
