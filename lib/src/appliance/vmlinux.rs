//! The plain ELF kernel inside a bzImage.
//!
//! In: the bytes of a kernel file. Out: what its header says, and the uncompressed ELF image, which
//! qemu starts through its PVH note without a BIOS and without the guest unpacking it (boot-lab §2:
//! 2.5 s less). Field offsets are those of the x86 boot protocol (Documentation/arch/x86/boot.rst).

use super::unpack;
use std::io;

/// No kernel of a distribution is larger.
const VMLINUX_MAX: usize = 512 << 20;

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn bytes<const N: usize>(image: &[u8], at: usize) -> io::Result<[u8; N]> {
    image.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or_else(|| bad("the kernel file is cut short"))
}

fn u16_at(image: &[u8], at: usize) -> io::Result<usize> {
    Ok(usize::from(u16::from_le_bytes(bytes(image, at)?)))
}

fn u32_at(image: &[u8], at: usize) -> io::Result<usize> {
    usize::try_from(u32::from_le_bytes(bytes(image, at)?)).map_err(|_| bad("a length is too large"))
}

/// True for an x86 bzImage of boot protocol 2.08 or newer (Linux 2.6.24).
pub fn is_bzimage(image: &[u8]) -> bool {
    image.get(0x202..0x206) == Some(b"HdrS") && u16_at(image, 0x206).is_ok_and(|v| v >= 0x208)
}

/// The release a bzImage says it is (`6.1.0-18-amd64`): the first word of its version string.
pub fn release(image: &[u8]) -> io::Result<String> {
    if !is_bzimage(image) {
        return Err(bad("not an x86 bzImage"));
    }
    let at = u16_at(image, 0x20e)? + 0x200;
    let text = image.get(at..).unwrap_or_default();
    let word: Vec<u8> = text.iter().copied().take(64).take_while(|b| b.is_ascii_graphic() && *b != b'/').collect();
    match String::from_utf8(word) {
        Ok(word) if !word.is_empty() => Ok(word),
        _ => Err(bad("the kernel's header has no version")),
    }
}

/// The ELF image inside a bzImage. An image that is ELF already comes back unchanged.
pub fn extract(image: &[u8]) -> io::Result<Vec<u8>> {
    if image.starts_with(b"\x7fELF") {
        return Ok(image.to_vec());
    }
    if !is_bzimage(image) {
        return Err(bad("neither a bzImage nor an ELF kernel"));
    }
    let setup = match u16_at(image, 0x1f1)? & 0xff {
        0 => 4, // boot.rst: for old loaders' sake 0 means 4
        n => n,
    };
    let start = (setup + 1) * 512 + u32_at(image, 0x248)?;
    let len = u32_at(image, 0x24c)?;
    let payload = image
        .get(start..)
        .and_then(|rest| rest.get(..len))
        .ok_or_else(|| bad("the kernel's payload lies outside the file"))?;
    let elf = if payload.starts_with(b"\x7fELF") { payload.to_vec() } else { unpack::unpack(payload, VMLINUX_MAX)? };
    if !elf.starts_with(b"\x7fELF") {
        return Err(bad("the kernel's payload is no ELF image"));
    }
    Ok(elf)
}

/// True when qemu can start this ELF kernel directly: it has the PVH entry note (owner `Xen`, type 18).
pub fn has_pvh(elf: &[u8]) -> bool {
    use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
    let Ok(file) = ElfFile64::<object::LittleEndian>::parse(elf) else { return false };
    let header = file.elf_header();
    let Ok(endian) = header.endian() else { return false };
    let Ok(segments) = header.program_headers(endian, elf) else { return false };
    segments.iter().any(|segment| {
        let Ok(Some(mut notes)) = segment.notes(endian, elf) else { return false };
        std::iter::from_fn(|| notes.next().ok().flatten()).any(|n| n.name() == b"Xen" && n.n_type(endian).0 == 18)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0u8; 5 * 512];
        image[0x1f1] = 4;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20fu16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x300u16.to_le_bytes());
        image[0x500..0x510].copy_from_slice(b"6.1.0-9-x (a@b) ");
        image[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        image.extend_from_slice(&[0; 16]);
        image.extend_from_slice(payload);
        image
    }

    #[test]
    fn payload_and_release() {
        let image = bzimage(b"\x7fELFkernel");
        assert_eq!(extract(&image).unwrap(), b"\x7fELFkernel");
        assert_eq!(release(&image).unwrap(), "6.1.0-9-x");
    }

    #[test]
    fn damage_is_an_error_everywhere() {
        let image = bzimage(b"\x7fELFkernel");
        for len in 0..image.len() {
            assert!(extract(&image[..len]).is_err(), "cut at {len}");
        }
        assert!(extract(&bzimage(b"something else")).is_err());
        assert!(release(&image[..0x400]).is_err());
        assert!(!has_pvh(b"\x7fELFkernel"));
    }
}
