//! The whole of sync in one process under one clock: a console and stations, the real engines and the real
//! fold over stores in memory, a network that loses, doubles and delays, and everything else that goes wrong
//! in a plant. After every step the invariants are checked.
//!
//! `BANDSTAND_SEED=n` lives one seed alone. Seeds that ever failed stay in `seeds.txt`.

mod check;
mod console;
mod dice;
mod keys;
mod plant;
mod station;
mod story;
mod world;

use std::panic::catch_unwind;

use world::{Tally, World};

const SEEDS: u64 = 2_000;
const SEEDS_NIGHTLY: u64 = 1_000_000;

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("BANDSTAND_VOLUME").as_deref() {
        Ok("nightly") => 0..SEEDS_NIGHTLY,
        _ => 0..SEEDS,
    }
}

fn live(seed: u64) -> Tally {
    let lived = catch_unwind(|| World::new(seed).run());
    lived.unwrap_or_else(|_| {
        panic!(
            "seed {seed} failed; again: BANDSTAND_SEED={seed} cargo test -p server-sync --test world one_seed -- \
             --nocapture; keep it in server-sync/tests/world/seeds.txt"
        )
    })
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.station_hours += other.station_hours;
        self.events += other.events;
        self.enrollments += other.enrollments;
        self.refused += other.refused;
        self.pages += other.pages;
        self.snapshots += other.snapshots;
        self.pushes += other.pushes;
        self.crashes += other.crashes;
        self.partitions += other.partitions;
        self.restores += other.restores;
        self.copies += other.copies;
        self.forks += other.forks;
        self.rotations += other.rotations;
        self.quarantined += other.quarantined;
    }
}

#[test]
fn every_seed_keeps_the_invariants() {
    let mut all = Tally::default();
    seeds().for_each(|seed| all += live(seed));
    println!("{all:#?}");
    assert!(
        all.station_hours >= 100_000,
        "{} station-hours",
        all.station_hours
    );
    for (what, count) in [
        ("enrollments", all.enrollments),
        ("snapshots", all.snapshots),
        ("crashes", all.crashes),
        ("partitions", all.partitions),
        ("restores", all.restores),
        ("copies", all.copies),
        ("forks", all.forks),
        ("rotations", all.rotations),
        ("quarantined", all.quarantined),
    ] {
        assert!(count > 100, "too few {what} to have tried anything: {count}");
    }
}

#[test]
fn seeds_that_failed_once_pass() {
    let lines = include_str!("seeds.txt").lines();
    let seeds = lines.filter_map(|line| line.split_whitespace().next()?.parse().ok());
    seeds.map(live).for_each(|lived| assert!(lived.events > 0));
}

#[test]
fn one_seed() {
    let seed = std::env::var("BANDSTAND_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    println!("{:#?}", World::new(seed.unwrap_or(1)).run());
}

/// The same seed is the same life.
#[test]
fn a_seed_is_a_life() {
    let lives = [7, 7].map(|seed| format!("{:?}", live(seed)));
    assert_eq!(lives[0], lives[1]);
}
