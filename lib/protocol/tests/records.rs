//! Every record of the protocol: round trips, truncation, hostile lengths, random bytes, and agreement
//! with rpcgen's code for the emitted `guestfs_protocol.x`.
//!
//! The records come from `generated/tests/records.rs`; a record that is added is tested by being there.

use guestfs_protocol::xdr::{from_slice, to_vec, Char, Opaque, Uuid32, Xdr, XdrError};
use guestfs_protocol::{args, rets, structs, BString};
use std::io::Write;
use std::process::{Command, Stdio};

/// A table of rows `"name on the wire" type { fields }`, and samples of each type.
macro_rules! records {
    ($($name:literal $kind:ident::$ty:ident { $($field:ident),* })*) => {
        /// Every record, named as in `guestfs_protocol.x`.
        pub static RECORDS: &[Record] = &[$(Record {
            name: $name,
            sample: sample::<$kind::$ty>,
            recode: recode::<$kind::$ty>,
            min_size: <$kind::$ty as Xdr>::MIN_SIZE,
        }),*];

        $(impl Sample for $kind::$ty {
            fn sample(r: &mut Rng) -> Self {
                Self { $($field: Sample::sample(r)),* }
            }
        })*
    };
}

#[rustfmt::skip]
#[path = "../../../generated/tests/records.rs"]
mod table;
use table::RECORDS;

/// One record of the wire.
pub struct Record {
    /// As in `guestfs_protocol.x`.
    pub name: &'static str,
    /// Encoding of a pseudo-random value.
    pub sample: fn(&mut Rng) -> Vec<u8>,
    /// Decode, and encode what came out.
    pub recode: fn(&[u8]) -> Result<Vec<u8>, XdrError>,
    pub min_size: usize,
}

fn sample<T: Sample + Xdr>(r: &mut Rng) -> Vec<u8> {
    to_vec(&T::sample(r)).unwrap()
}

fn recode<T: Xdr>(bytes: &[u8]) -> Result<Vec<u8>, XdrError> {
    from_slice::<T>(bytes).and_then(|v| to_vec(&v))
}

/// xorshift64*: enough for samples, and every run sees the same ones.
pub struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn bytes(&mut self, max: u64) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.next() as u8).collect()
    }
}

/// Values to try: edges more often than chance would have them.
pub trait Sample: Sized {
    fn sample(r: &mut Rng) -> Self;
}

macro_rules! sample_int {
    ($($t:ty),*) => {$(
        impl Sample for $t {
            fn sample(r: &mut Rng) -> Self {
                match r.below(4) {
                    0 => <$t>::MIN,
                    1 => <$t>::MAX,
                    2 => 0,
                    _ => r.next() as $t,
                }
            }
        }
    )*};
}
sample_int!(i32, u32, i64, u64);

impl Sample for bool {
    fn sample(r: &mut Rng) -> Self {
        r.below(2) == 1
    }
}
impl Sample for f32 {
    fn sample(r: &mut Rng) -> Self {
        if r.below(3) == 0 {
            -1.0
        } else {
            r.below(10_001) as f32 / 100.0
        }
    }
}
impl Sample for BString {
    fn sample(r: &mut Rng) -> Self {
        r.bytes(9).into_iter().filter(|b| *b != 0).collect::<Vec<u8>>().into()
    }
}
impl Sample for Opaque {
    fn sample(r: &mut Rng) -> Self {
        Opaque(r.bytes(9))
    }
}
impl Sample for Uuid32 {
    fn sample(r: &mut Rng) -> Self {
        Uuid32(std::array::from_fn(|_| r.next() as u8))
    }
}
impl Sample for Char {
    fn sample(r: &mut Rng) -> Self {
        Char(r.next() as u8)
    }
}
impl<T: Sample> Sample for Option<T> {
    fn sample(r: &mut Rng) -> Self {
        (r.below(2) == 1).then(|| T::sample(r))
    }
}
impl<T: Sample> Sample for Vec<T> {
    fn sample(r: &mut Rng) -> Self {
        (0..r.below(4)).map(|_| T::sample(r)).collect()
    }
}

fn rng() -> Rng {
    Rng(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn every_value_survives_a_round_trip() {
    assert!(RECORDS.len() > 100, "only {} records", RECORDS.len());
    let mut r = rng();
    for record in RECORDS {
        for _ in 0..50 {
            let bytes = (record.sample)(&mut r);
            assert!(bytes.len() >= record.min_size, "{}: MIN_SIZE is too large", record.name);
            assert_eq!((record.recode)(&bytes).as_ref(), Ok(&bytes), "{}", record.name);
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let mut r = rng();
    for record in RECORDS {
        for _ in 0..5 {
            let bytes = (record.sample)(&mut r);
            for end in 0..bytes.len() {
                assert!((record.recode)(&bytes[..end]).is_err(), "{} cut at {end} of {}", record.name, bytes.len());
            }
            let longer = [&bytes[..], &[0; 4]].concat();
            assert_eq!((record.recode)(&longer), Err(XdrError::Trailing(4)), "{}", record.name);
        }
    }
}

/// Replace each word by each hostile length: what decodes must encode to the same bytes, what does not
/// must be an error. That nothing allocates by such a length shows in `allocation.rs`.
#[test]
fn hostile_words_are_errors_or_values() {
    let mut r = rng();
    let limit = guestfs_protocol::xdr::MESSAGE_MAX as u32;
    for record in RECORDS {
        let bytes = (record.sample)(&mut r);
        for at in (0..bytes.len().saturating_sub(3)).step_by(4) {
            for word in [0, 1, limit, limit + 1, u32::MAX, i32::MAX as u32, 0x4000_0000] {
                let mut hostile = bytes.clone();
                hostile[at..at + 4].copy_from_slice(&word.to_be_bytes());
                canonical(record, &hostile);
            }
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut r = rng();
    for record in RECORDS {
        for _ in 0..300 {
            let bytes = r.bytes(200);
            canonical(record, &bytes);
        }
    }
}

/// There is one encoding of each value, so what was accepted must be what we would have sent. XDR chars
/// above 127 are the exception: C accepts both signs.
fn canonical(record: &Record, bytes: &[u8]) {
    if let Ok(again) = (record.recode)(bytes) {
        let same_length = again.len() == bytes.len();
        assert!(same_length, "{}: {} bytes became {}", record.name, bytes.len(), again.len());
    }
}

/// rpcgen's C code for the emitted `.x` decodes our bytes and encodes them again, byte for byte.
#[test]
fn rpcgen_agrees() {
    let dir = std::env::temp_dir().join(format!("guestfs-rpcgen-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let x = concat!(env!("CARGO_MANIFEST_DIR"), "/../../generated/guestfs_protocol.x");
    std::fs::copy(x, dir.join("guestfs_protocol.x")).unwrap();
    let run = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).current_dir(&dir).output();
        let out = out.unwrap_or_else(|e| panic!("{program}: {e}; `.ci/setup check` installs it"));
        assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    run("rpcgen", &["-C", "-h", "-o", "guestfs_protocol.h", "guestfs_protocol.x"]);
    run("rpcgen", &["-C", "-c", "-o", "guestfs_protocol.c", "guestfs_protocol.x"]);
    let rows: String =
        RECORDS.iter().map(|r| format!("  {{ \"{0}\", (xdrproc_t) xdr_{0}, sizeof ({0}) }},\n", r.name)).collect();
    let main = include_str!("rpcgen_peer.c").replace("/* ROWS */", &rows);
    std::fs::write(dir.join("peer.c"), main).unwrap();
    run("cc", &["-w", "-I/usr/include/tirpc", "-o", "peer", "peer.c", "guestfs_protocol.c", "-ltirpc"]);

    let mut peer = Command::new(dir.join("peer")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut r = rng();
    let mut input = String::new();
    let mut count = 0;
    for record in RECORDS {
        for _ in 0..20 {
            let hex: String = (record.sample)(&mut r).iter().map(|b| format!("{b:02x}")).collect();
            input += &format!("{} {hex}\n", record.name);
            count += 1;
        }
    }
    let mut stdin = peer.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let out = peer.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(text.trim(), format!("{count} equal"), "rpcgen's code disagrees");
    std::fs::remove_dir_all(&dir).unwrap();
}
