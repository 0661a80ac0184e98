//! Changes to inputs, repeatable from a seed.

/// Longest input made here, in bytes: several times the largest message.
const LEN_MAX: usize = 4096;

/// Bytes that open or close things in CBOR, and edges of integers.
const TELLING: [u8; 16] = [
    0x00, 0x01, 0x17, 0x18, 0x1b, 0x3b, 0x40, 0x5f, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xf6, 0xfb, 0xff,
];

/// A small random source (SplitMix64): the same seed gives the same changes on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// A corpus input with one to four changes.
pub(crate) fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let other = &corpus[random.below(corpus.len())];
        change(&mut bytes, other, random);
    }
    bytes.truncate(LEN_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => with_byte(bytes, at, |byte, random| byte ^ (1 << random.below(8)), random),
        1 => with_byte(
            bytes,
            at,
            |_, random| TELLING[random.below(TELLING.len())],
            random,
        ),
        2 => with_byte(bytes, at, |_, random| random.byte(), random),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len()))),
        5 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
        6 => repeat(bytes, at, random),
        _ => splice(bytes, at, other, random),
    }
}

fn with_byte(bytes: &mut [u8], at: usize, new: fn(u8, &mut Random) -> u8, random: &mut Random) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = new(*byte, random);
    }
}

/// Doubles a piece of the input where it stands.
fn repeat(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let end = (at + 1 + random.below(32)).min(bytes.len());
    let piece = bytes[at..end].to_vec();
    bytes.splice(at..at, piece);
}

/// Goes on with the tail of another input.
fn splice(bytes: &mut Vec<u8>, at: usize, other: &[u8], random: &mut Random) {
    bytes.truncate(at);
    bytes.extend_from_slice(&other[random.below(other.len())..]);
}
