//! What the air does to frames, and the dice it throws.

use std::time::Duration;

use firmware_protocol::time::Instant;

/// Time a frame takes.
const LATENCY: Duration = Duration::from_millis(8);

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToBand,
    ToStation,
}

/// SplitMix64: small, seeded, good enough for tests.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True `permille` times out of a thousand.
    pub(crate) fn chance(&mut self, permille: u16) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        out.iter_mut().for_each(|byte| *byte = self.next() as u8);
    }
}

/// How bad a link is; chances are out of a thousand for each frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Knobs {
    pub(crate) loss: u16,
    pub(crate) double: u16,
    pub(crate) delay: u16,
    pub(crate) truncate: u16,
    pub(crate) flip: u16,
    /// The link is gone when this many frames were put on it.
    pub(crate) cut_after: Option<usize>,
}

/// A frame under way.
struct UnderWay {
    due: Instant,
    number: usize,
    way: Way,
    frame: Vec<u8>,
}

pub(crate) struct Link {
    pub(crate) knobs: Knobs,
    /// Everything that was put on the link, ever.
    pub(crate) captured: Vec<(Way, Vec<u8>)>,
    under_way: Vec<UnderWay>,
    count: usize,
    since_connect: usize,
}

impl Link {
    pub(crate) fn new(knobs: Knobs) -> Self {
        Self {
            knobs,
            captured: Vec::new(),
            under_way: Vec::new(),
            count: 0,
            since_connect: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.under_way.clear();
        self.since_connect = 0;
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.knobs
            .cut_after
            .is_some_and(|after| self.since_connect > after)
    }

    pub(crate) fn put(&mut self, now: Instant, way: Way, mut frame: Vec<u8>, rng: &mut Rng) {
        self.captured.push((way, frame.clone()));
        self.since_connect += 1;
        let knobs = self.knobs;
        if rng.chance(knobs.loss) || self.is_cut() {
            return;
        }
        if rng.chance(knobs.truncate) {
            frame.truncate(rng.below(frame.len() as u64) as usize);
        }
        if rng.chance(knobs.flip) && !frame.is_empty() {
            let index = rng.below(frame.len() as u64) as usize;
            frame[index] ^= 1 << rng.below(8);
        }
        let copies = 1 + usize::from(rng.chance(knobs.double));
        for _ in 0..copies {
            let late = if rng.chance(knobs.delay) {
                1 + rng.below(200)
            } else {
                0
            };
            self.launch(now + LATENCY + Duration::from_millis(late), way, frame.clone());
        }
    }

    fn launch(&mut self, due: Instant, way: Way, frame: Vec<u8>) {
        let number = self.count;
        self.count += 1;
        self.under_way.push(UnderWay {
            due,
            number,
            way,
            frame,
        });
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.under_way.iter().map(|under_way| under_way.due).min()
    }

    /// When everything that is under way will have arrived.
    pub(crate) fn next_idle(&self, now: Instant) -> Instant {
        let last = self.under_way.iter().map(|under_way| under_way.due).max();
        last.unwrap_or(now).max(now) + LATENCY
    }

    pub(crate) fn deliver(&mut self, now: Instant) -> Option<(Way, Vec<u8>)> {
        let due = (0..self.under_way.len()).filter(|i| self.under_way[*i].due <= now);
        let first = due.min_by_key(|i| (self.under_way[*i].due, self.under_way[*i].number))?;
        let UnderWay { way, frame, .. } = self.under_way.remove(first);
        Some((way, frame))
    }
}
