//! The library's first call: what a machine must be told that does not know its disks, its clock or
//! its identity, because it may be a copy of one that was started long ago.
//!
//! In: words `v=1 time=SEC.NSEC entropy=HEX chunk=BYTES cancel=1 verbose=1 disk=INDEX:scsi:TARGET:LUN[:LABEL] …`. Out:
//! `v=1 chunk=BYTES version=VERSION`, and `cancel=1` when the library said it: cancel words are then heard in
//! every call (see [`crate::channel::cancel`]). Words of other names are skipped, so that a newer library may
//! say more. It is said again when drives come (`v=1`, all `disk=` words) or one is to go
//! (`v=1 remove=INDEX`, answered with `removed=INDEX` as well).

use crate::channel::ChunkSizes;
use crate::ctx::{Ctx, Role};
use crate::disks::Disk;
use crate::error::{Context, Error, Result};
use bstr::{BString, ByteSlice};
use guestfs_protocol::message::{BIG_CHUNK_SIZE, MAX_CHUNK_SIZE};
use rustix::time::{clock_settime, ClockId, Timespec};
use std::time::Duration;

/// How long the kernel may take to find the disks that the library attached.
const DISK_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of entropy, at least: what the kernel's generator is keyed with, twice.
const ENTROPY_MIN: usize = 64;

/// All that was said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hello {
    version: u32,
    time: Option<(i64, i64)>,
    entropy: Vec<u8>,
    chunk: Option<usize>,
    cancel: bool,
    verbose: bool,
    disks: Vec<Disk>,
    remove: Option<usize>,
}

/// Answer the hello.
pub fn hello(ctx: &mut Ctx, words: &[BString]) -> Result<BString> {
    let hello = parse(words)?;
    if hello.version != 1 {
        return Err(Error::not_supported(format!("hello of version {}, this daemon knows version 1", hello.version)));
    }
    let first = ctx.awaiting_hello();
    if ctx.role() == Role::Appliance {
        // Before anything else: until then a restored machine repeats its sisters' random numbers.
        if !hello.entropy.is_empty() {
            add_entropy(&hello.entropy)?;
        } else if first {
            return Err(Error::invalid("hello without entropy"));
        }
        if let Some((tv_sec, tv_nsec)) = hello.time {
            clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec }).context("setting the clock")?;
        }
        if first || !hello.disks.is_empty() {
            let new = ctx.disks_mut().set_table(hello.disks, DISK_PATIENCE)?;
            crate::plug::start(ctx, &new, first)?;
            ctx.ready()?;
        }
        if let Some(index) = hello.remove {
            crate::plug::unplug(ctx, index)?;
        }
    }
    if hello.verbose {
        ctx.set_verbose(true);
    }
    if let Some(send) = hello.chunk {
        ctx.channel().set_chunk_sizes(ChunkSizes { receive: BIG_CHUNK_SIZE, send });
    }
    if hello.cancel {
        ctx.channel().set_heeding();
    }
    ctx.hello_done();
    let chunk = hello.chunk.map_or(MAX_CHUNK_SIZE, |_| BIG_CHUNK_SIZE);
    let removed = hello.remove.map_or(String::new(), |index| format!(" removed={index}"));
    let cancel = if hello.cancel { " cancel=1" } else { "" };
    Ok(format!("v=1 chunk={chunk} version={}{cancel}{removed}", env!("CARGO_PKG_VERSION")).into())
}

fn parse(words: &[BString]) -> Result<Hello> {
    let mut hello = Hello::default();
    for word in words {
        let bad = || Error::invalid("word of the hello cannot be understood").context(word);
        let (name, value) = word.split_once_str("=").ok_or_else(bad)?;
        match name {
            b"v" => hello.version = number(value).ok_or_else(bad)?,
            b"time" => {
                let (sec, nsec) = value.split_once_str(".").ok_or_else(bad)?;
                let nsec = number(nsec).filter(|n| (0..1_000_000_000).contains(n) && nsec.len() == 9);
                hello.time = Some((number(sec).ok_or_else(bad)?, nsec.ok_or_else(bad)?));
            }
            b"entropy" => {
                hello.entropy = unhex(value).filter(|e| (ENTROPY_MIN..=512).contains(&e.len())).ok_or_else(|| {
                    Error::invalid(format!("entropy of the hello is not {ENTROPY_MIN} to 512 bytes in hexadecimal"))
                })?;
            }
            b"chunk" => hello.chunk = Some(number(value).ok_or_else(bad)?),
            b"cancel" => hello.cancel = value == b"1",
            b"remove" => hello.remove = Some(number(value).ok_or_else(bad)?),
            b"verbose" => hello.verbose = value == b"1",
            b"disk" => hello.disks.push(disk(value).ok_or_else(bad)?),
            _ => {}
        }
    }
    Ok(hello)
}

/// `INDEX:scsi:TARGET:LUN[:LABEL]`
fn disk(value: &[u8]) -> Option<Disk> {
    let mut parts = value.splitn_str(5, ":");
    let index = number(parts.next()?)?;
    (parts.next()? == b"scsi").then_some(())?;
    let address = (number(parts.next()?)?, number(parts.next()?)?);
    let label = parts.next().filter(|l| !l.is_empty()).map(BString::from);
    Some(Disk { index, address: Some(address), label, kernel: BString::default() })
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    let digits = text.iter().all(u8::is_ascii_digit);
    digits.then(|| text.to_str().ok()?.parse().ok())?
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
    let pairs = text.chunks(2).map(|pair| match pair {
        [a, b] => Some(digit(*a)? * 16 + digit(*b)?),
        _ => None,
    });
    pairs.collect()
}

/// Stir bytes into the kernel's generator and make it take a new key from them at once
/// (random(4), `RNDADDENTROPY` and `RNDRESEEDCRNG`).
fn add_entropy(bytes: &[u8]) -> Result<()> {
    let random = std::fs::OpenOptions::new().write(true).open("/dev/random").context("/dev/random")?;
    crate::sys::add_entropy(&random, bytes).context("adding entropy")?;
    crate::sys::reseed_generator(&random).context("reseeding the random number generator")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<BString> {
        text.split(' ').map(BString::from).collect()
    }

    #[test]
    fn a_full_hello() {
        let entropy = "0f".repeat(64);
        let text = format!(
            "v=1 time=1700000000.000000007 entropy={entropy} chunk=65536 later=x disk=0:scsi:3:0 disk=26:scsi:4:1:data"
        );
        let hello = parse(&words(&text)).unwrap();
        assert_eq!(hello.version, 1);
        assert_eq!(hello.time, Some((1_700_000_000, 7)));
        assert_eq!(hello.entropy, [15; 64]);
        assert_eq!(hello.chunk, Some(65536));
        let disk = |index, address, label: Option<&str>| Disk {
            index,
            address: Some(address),
            label: label.map(BString::from),
            kernel: BString::default(),
        };
        assert_eq!(hello.disks, [disk(0, (3, 0), None), disk(26, (4, 1), Some("data"))]);
    }

    #[test]
    fn a_drive_that_is_to_go() {
        assert_eq!(parse(&words("v=1 remove=7")).unwrap(), Hello { version: 1, remove: Some(7), ..Hello::default() });
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "v",
            "v=x",
            "v=-1",
            "v=",
            "time=1",
            "time=1.5",
            "time=1.0000000000",
            "time=+1.000000000",
            "entropy=00",
            "entropy=0g",
            "entropy=abc",
            "chunk=99999999999999999999999",
            "disk=0",
            "disk=0:ide:1:2",
            "disk=a:scsi:0:0",
            "disk=0:scsi:0",
            "disk=-1:scsi:0:0",
            "remove=",
            "remove=-1",
            "remove=x",
        ] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }
}
