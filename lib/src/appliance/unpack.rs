//! Decompression of kernels and modules.
//!
//! In: bytes in any format a distribution compresses kernels or modules with. Out: the plain bytes,
//! at most as many as the caller allows. The format is told by its magic, never by a file name.

use std::io::{self, Read};

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Xz,
    Zstd,
    Lz4,
    /// LZ4's old frame, which kernels use.
    Lz4Legacy,
}

const MAGICS: [(&[u8], Packing); 5] = [
    (b"\x1f\x8b\x08", Packing::Gzip),
    (b"\xfd7zXZ\0", Packing::Xz),
    (b"\x28\xb5\x2f\xfd", Packing::Zstd),
    (b"\x02\x21\x4c\x18", Packing::Lz4Legacy),
    (b"\x04\x22\x4d\x18", Packing::Lz4),
];

/// The format that `data` starts with, `None` when it is none of ours.
pub fn packing(data: &[u8]) -> Option<Packing> {
    MAGICS.iter().find(|(magic, _)| data.starts_with(magic)).map(|(_, packing)| *packing)
}

/// Decompress `data` to at most `limit` bytes. Bytes after the end of the compressed stream are
/// ignored: kernels carry a length word there.
pub fn unpack(data: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    match packing(data) {
        Some(Packing::Gzip) => read(flate2::read::GzDecoder::new(data), limit),
        Some(Packing::Xz) => read(lzma_rust2::XzReader::new(data, false), limit),
        Some(Packing::Zstd) => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(data).map_err(io::Error::other)?;
            read(decoder, limit)
        }
        Some(Packing::Lz4) => read(lz4_flex::frame::FrameDecoder::new(data), limit),
        Some(Packing::Lz4Legacy) => lz4_legacy(data.get(4..).unwrap_or_default(), limit),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "compressed in a format not known here")),
    }
}

/// As [`unpack`], but data that is not compressed comes back as it is.
pub fn unpack_if_packed(data: Vec<u8>, limit: usize) -> io::Result<Vec<u8>> {
    match packing(&data) {
        Some(_) => unpack(&data, limit),
        None => Ok(data),
    }
}

fn read(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(allowed).read_to_end(&mut out)?;
    if out.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("unpacks to more than {limit} bytes")));
    }
    Ok(out)
}

/// Blocks of a legacy LZ4 frame: a length word and that many bytes, each at most 8 MiB when unpacked.
/// There is no end mark; a length word with nothing behind it is the kernel's trailing size.
fn lz4_legacy(mut data: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    const BLOCK: usize = 8 << 20;
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "damaged LZ4 data");
    let mut out = Vec::new();
    let mut block = vec![0; BLOCK];
    while let Some((word, rest)) = data.split_first_chunk::<4>() {
        if rest.is_empty() {
            break;
        }
        let len = usize::try_from(u32::from_le_bytes(*word)).map_err(|_| bad())?;
        let (packed, rest) = rest.split_at_checked(len).ok_or_else(bad)?;
        let size = lz4_flex::block::decompress_into(packed, &mut block).map_err(|_| bad())?;
        if out.len() + size > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("unpacks to more than {limit} bytes")));
        }
        out.extend_from_slice(block.get(..size).unwrap_or_default());
        data = rest;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn gzip_with_trailing_word_and_limit() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&[7; 100_000]).unwrap();
        let mut packed = packer.finish().unwrap();
        packed.extend_from_slice(&100_000u32.to_le_bytes());
        assert_eq!(unpack(&packed, 100_000).unwrap(), vec![7; 100_000]);
        assert_eq!(unpack(&packed, 99_999).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(unpack(&packed[..50], 100_000).is_err());
    }

    #[test]
    fn lz4_frame() {
        let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
        packer.write_all(b"hello hello hello hello").unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(unpack(&packed, 100).unwrap(), b"hello hello hello hello");
    }

    #[test]
    fn lz4_legacy_with_trailing_word() {
        let plain: Vec<u8> = (0..10u32 << 20).map(|n| (n / 1000) as u8).collect();
        let mut packed = b"\x02\x21\x4c\x18".to_vec();
        for block in plain.chunks(8 << 20) {
            let block = lz4_flex::block::compress(block);
            packed.extend_from_slice(&(block.len() as u32).to_le_bytes());
            packed.extend_from_slice(&block);
        }
        packed.extend_from_slice(&(plain.len() as u32).to_le_bytes());
        assert_eq!(unpack(&packed, plain.len()).unwrap(), plain);
        assert!(unpack(&packed, plain.len() - 1).is_err());
        assert!(unpack(&packed[..packed.len() - 5], plain.len()).is_err());
    }

    #[test]
    fn tools_of_the_host_agree() {
        let plain: Vec<u8> = (0..200_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for (tool, args) in [
            ("xz", &["--check=crc32", "--x86", "--lzma2=dict=32MiB", "-c"][..]),
            ("zstd", &["-19", "-c"][..]),
            ("gzip", &["-c"][..]),
        ] {
            let packed = pipe(tool, args, &plain);
            assert_eq!(unpack(&packed, plain.len()).unwrap(), plain, "{tool}");
        }
    }

    fn pipe(tool: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
        use std::process::{Command, Stdio};
        let mut child = Command::new(tool).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || stdin.write_all(&input).unwrap());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn unknown_is_refused() {
        assert_eq!(unpack(b"\x7fELF", 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(unpack_if_packed(b"\x7fELF".to_vec(), 10).unwrap(), b"\x7fELF");
    }
}
