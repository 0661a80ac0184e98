//! A radio link without a radio: frames leave at connection events, a few per event, and chance may
//! lose, double, delay, bend or cut them. It opens nothing and reads no clock.
//!
//! A frame queued at time `t` leaves at the first connection event after `t`. So a request and its answer
//! take two connection intervals, which is what a real host shows: it misses the event in which the
//! request was acknowledged.

use std::collections::VecDeque;
use std::time::Duration;

use firmware_protocol::gatt;
use firmware_protocol::time::Instant;
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// What a link does to frames. The default is a good one: 30 ms, MTU 247, nothing lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// Connection interval, in microseconds; the standard has 7,500 to 4,000,000. 0 delivers at once.
    pub interval_us: u64,
    /// Frames each side may send in one connection event.
    pub frames_per_event: u8,
    /// ATT MTU, in bytes, 23 to 517.
    pub mtu_bytes: u16,
    /// How many frames in a thousand are lost.
    pub loss_permille: u16,
    /// How many in a thousand arrive twice.
    pub double_permille: u16,
    /// How many in a thousand arrive one event late, behind their successors.
    pub late_permille: u16,
    /// How many in a thousand arrive with one bit turned.
    pub bent_permille: u16,
    /// How many in a thousand arrive with their end cut off.
    pub cut_permille: u16,
    /// The link breaks when this many frames have passed, both directions counted.
    pub break_after_frames: Option<u64>,
    /// So many links in a row break like that; the next one is a good one again.
    pub break_times: u8,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            interval_us: 30_000,
            frames_per_event: 4,
            mtu_bytes: 247,
            loss_permille: 0,
            double_permille: 0,
            late_permille: 0,
            bent_permille: 0,
            cut_permille: 0,
            break_after_frames: None,
            break_times: 1,
        }
    }
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From station to band: a write.
    ToBand,
    /// From band to station: a notification.
    ToStation,
}

/// What crossed a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames to the band.
    pub frames_to_band: u64,
    /// Frames to the station.
    pub frames_to_station: u64,
    /// Bytes of those frames, both directions, without ATT and link-layer headers.
    pub bytes: u64,
}

/// One link between one station and one band.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    random: Random,
    to_band: Lane,
    to_station: Lane,
    traffic: Traffic,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// Frames and when they arrive, earliest first.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// The connection event that is being filled, and how many frames it has.
    event: Instant,
    in_event: u8,
}

impl Link {
    /// A fresh link. Chance comes from `random`.
    pub fn new(config: LinkConfig, random: Random) -> Self {
        Self {
            config,
            random,
            to_band: Lane::default(),
            to_station: Lane::default(),
            traffic: Traffic::default(),
        }
    }

    /// The link's ATT MTU, in bytes.
    pub fn mtu_bytes(&self) -> u16 {
        self.config.mtu_bytes
    }

    /// What crossed so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// True when the link is to break now.
    pub fn is_broken(&self) -> bool {
        let frames = self.traffic.frames_to_band + self.traffic.frames_to_station;
        self.config
            .break_after_frames
            .is_some_and(|limit| frames >= limit)
    }

    /// Puts a frame on the link.
    pub fn send(&mut self, now: Instant, direction: Direction, frame: Vec<u8>) {
        debug_assert!(frame.len() <= gatt::value_len(self.config.mtu_bytes));
        self.traffic.bytes += frame.len() as u64;
        match direction {
            Direction::ToBand => self.traffic.frames_to_band += 1,
            Direction::ToStation => self.traffic.frames_to_station += 1,
        }
        let Self { config, random, .. } = self;
        let lane = match direction {
            Direction::ToBand => &mut self.to_band,
            Direction::ToStation => &mut self.to_station,
        };
        let mut at = lane.next_event(now, config);
        if random.chance(config.loss_permille) {
            return;
        }
        if random.chance(config.late_permille) {
            at = at + Duration::from_micros(config.interval_us.max(1000));
        }
        let frame = bend(frame, config, random);
        if random.chance(config.double_permille) {
            lane.insert(at, frame.clone());
        }
        lane.insert(at, frame);
    }

    /// The next frame that has arrived by `now`.
    pub fn poll(&mut self, now: Instant, direction: Direction) -> Option<Vec<u8>> {
        let lane = match direction {
            Direction::ToBand => &mut self.to_band,
            Direction::ToStation => &mut self.to_station,
        };
        (lane.under_way.front()?.0 <= now)
            .then(|| lane.under_way.pop_front())?
            .map(|(_, frame)| frame)
    }

    /// When the next frame arrives.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = |lane: &Lane| lane.under_way.front().map(|(at, _)| *at);
        [first(&self.to_band), first(&self.to_station)]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Lane {
    /// The event in which a frame queued at `now` leaves.
    fn next_event(&mut self, now: Instant, config: &LinkConfig) -> Instant {
        let Some(passed) = now.as_micros().checked_div(config.interval_us) else {
            return now;
        };
        let next = Instant::from_micros((passed + 1) * config.interval_us);
        if next > self.event {
            (self.event, self.in_event) = (next, 0);
        }
        if self.in_event >= config.frames_per_event {
            (self.event, self.in_event) = (self.event + Duration::from_micros(config.interval_us), 0);
        }
        self.in_event += 1;
        self.event
    }

    fn insert(&mut self, at: Instant, frame: Vec<u8>) {
        let place = self.under_way.partition_point(|(other, _)| *other <= at);
        self.under_way.insert(place, (at, frame));
    }
}

fn bend(mut frame: Vec<u8>, config: &LinkConfig, random: &mut Random) -> Vec<u8> {
    if random.chance(config.bent_permille) {
        let bit = random.below(frame.len() as u64 * 8) as usize;
        frame[bit / 8] ^= 1 << (bit % 8);
    }
    if random.chance(config.cut_permille) {
        frame.truncate(random.below(frame.len() as u64) as usize);
    }
    frame
}
