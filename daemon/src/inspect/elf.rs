//! For which processor a program is, from the first bytes of its file.
//!
//! In: the start of an ELF file (elf(5)), a Windows program (PE), or a Linux kernel image. Out: the
//! API's name of the architecture.

/// The architecture that a file begins to tell; `None` when it is of no kind that is known here.
pub fn architecture(head: &[u8]) -> Option<&'static str> {
    elf(head).or_else(|| kernel(head)).or_else(|| windows(head))
}

fn elf(head: &[u8]) -> Option<&'static str> {
    let big = match head {
        [0x7f, b'E', b'L', b'F', _, 1, ..] => false,
        [0x7f, b'E', b'L', b'F', _, 2, ..] => true,
        _ => return None,
    };
    let wide = *head.get(4)? == 2;
    let machine = half(head, 18, big)?;
    // e_machine, in elf.h.
    Some(match machine {
        3 | 6 => "i386",
        62 => "x86_64",
        40 => "arm",
        183 => "aarch64",
        50 => "ia64",
        20 => "ppc",
        21 if big => "ppc64",
        21 => "ppc64le",
        22 if wide => "s390x",
        22 => "s390",
        2 | 18 => "sparc",
        43 => "sparc64",
        243 if wide => "riscv64",
        243 => "riscv32",
        258 => "loongarch64",
        _ => return None,
    })
}

/// Images that are not for PCs have a word of their own at a fixed place
/// (Documentation/arch/arm64/booting.rst, riscv/boot-image-header.rst; arm's head.S).
fn kernel(head: &[u8]) -> Option<&'static str> {
    match head.get(56..60) {
        Some(b"ARM\x64") => return Some("aarch64"),
        Some(b"RSC\x05") => return Some("riscv64"),
        _ => {}
    }
    (head.get(36..40)? == b"\x18\x28\x6f\x01").then_some("arm")
}

/// A PE header, where the DOS header says. A PC's kernel that EFI can start has one too.
fn windows(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let at = head.get(0x3c..0x40)?;
    let at = usize::try_from(u32::from_le_bytes(at.try_into().ok()?)).ok()?;
    let header = head.get(at..)?.strip_prefix(b"PE\0\0")?;
    Some(match half(header, 0, false)? {
        0x14c => "i386",
        0x8664 => "x86_64",
        0xaa64 => "aarch64",
        0x1c0 | 0x1c4 => "arm",
        0x200 => "ia64",
        _ => return None,
    })
}

fn half(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    let word: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if big { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, data: u8, machine: u16) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
        let word = if data == 2 { machine.to_be_bytes() } else { machine.to_le_bytes() };
        head[18..20].copy_from_slice(&word);
        head
    }

    #[test]
    fn machines() {
        for (class, data, machine, want) in [
            (2, 1, 62, Some("x86_64")),
            (1, 1, 3, Some("i386")),
            (2, 1, 183, Some("aarch64")),
            (2, 2, 21, Some("ppc64")),
            (2, 1, 21, Some("ppc64le")),
            (2, 2, 22, Some("s390x")),
            (1, 2, 22, Some("s390")),
            (2, 1, 243, Some("riscv64")),
            (2, 1, 9999, None),
            (2, 0, 62, None),
        ] {
            assert_eq!(architecture(&header(class, data, machine)), want, "{class} {data} {machine}");
        }
        assert_eq!(architecture(&header(2, 1, 62)[..19]), None);
    }

    #[test]
    fn programs_of_windows() {
        let mut exe = vec![0; 256];
        exe[..2].copy_from_slice(b"MZ");
        exe[0x3c] = 0x80;
        exe[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
        assert_eq!(architecture(&exe), Some("x86_64"));
        exe[0x84..0x86].copy_from_slice(&[0x4c, 1]);
        assert_eq!(architecture(&exe), Some("i386"));
        exe[0x3c..0x40].copy_from_slice(&[0xff; 4]);
        assert_eq!(architecture(&exe), None);
        let mut image = vec![0; 64];
        image[56..60].copy_from_slice(b"ARMd");
        assert_eq!(architecture(&image), Some("aarch64"));
    }

    proptest::proptest! {
        #[test]
        fn any_head(mut head: Vec<u8>) {
            architecture(&head);
            head.splice(..0, *b"\x7fELF");
            architecture(&head);
            head.splice(..4, *b"MZ");
            architecture(&head);
        }
    }
}
