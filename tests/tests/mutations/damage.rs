//! Damage to bytes, the same for the same seed.
//!
//! In: an input and a seed. Out: the input with one to eight places damaged: bits turned, bytes and words that are
//! zero, huge, negative or of another place, pieces doubled, taken out or blanked, an end cut off.

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

const WORDS: [u32; 10] =
    [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0xfffffff8, 0x1000, 0x20, 0x0001_0000, 0xffff_f000];

/// Damage `input`.
pub fn damage(input: &mut Vec<u8>, seed: u64) {
    let mut random = Random::new(seed);
    let places = 1 + random.below(8);
    for _ in 0..places {
        one(input, &mut random);
    }
}

fn one(input: &mut Vec<u8>, random: &mut Random) {
    if input.len() < 16 {
        return;
    }
    let at = place(input, random);
    let end = input.len();
    match random.below(12) {
        0..=2 => input[at] ^= 1 << random.below(8),
        3 => input[at] = random.next() as u8,
        4..=6 => word(input, at, WORDS[random.below(WORDS.len())]),
        7 => word(input, at, random.next() as u32),
        8 => {
            // A word of another place: a reference to what is there, but is something else.
            let from = place(input, random) & !3;
            let bytes: Vec<u8> = input[from..(from + 4).min(end)].to_vec();
            let at = at & !3;
            let room = (end - at).min(bytes.len());
            input[at..at + room].copy_from_slice(&bytes[..room]);
        }
        9 => {
            let length = 1 + random.below(64);
            input[at..(at + length).min(end)].fill(0);
        }
        10 => {
            let piece: Vec<u8> = input[at..(at + 32).min(end)].to_vec();
            let to = place(input, random).min(end - piece.len());
            input[to..to + piece.len()].copy_from_slice(&piece);
        }
        _ if random.below(4) == 0 => input.truncate(at),
        _ => input[at] = input[at].wrapping_add(1),
    }
}

/// Somewhere, rather where something is: most of many formats is empty.
fn place(input: &[u8], random: &mut Random) -> usize {
    for _ in 0..64 {
        let at = random.below(input.len());
        let from = at.saturating_sub(4);
        if input[from..(at + 4).min(input.len())].iter().any(|b| *b != 0) {
            return at;
        }
    }
    random.below(input.len())
}

fn word(input: &mut [u8], at: usize, value: u32) {
    let at = at & !3;
    for (to, byte) in input.iter_mut().skip(at).zip(value.to_le_bytes()) {
        *to = byte;
    }
}
