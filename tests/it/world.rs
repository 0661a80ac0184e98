//! Random worlds: whatever goes wrong at one station, band and journal agree afterwards.

use std::fs;

use policy::model::UserId;
use simulators::world::{Chaos, Sessions};

const PEOPLE: usize = 6;

/// Seeds that once found something; one per line, a hash before what it was.
const REGRESSIONS: &str = "tests/it/world/seeds.txt";

/// Plays one world; the error names what is needed to see it again.
fn play(seed: u64, sessions: u64) -> Result<Sessions, String> {
    let mut world = Sessions::new(seed, PEOPLE, Chaos::All);
    for session in 0..sessions {
        world.session().map_err(|violation| {
            format!(
                "seed {seed}, session {session}: {violation}\nsee it with `bandstand-sim world --seed {seed}`"
            )
        })?;
    }
    Ok(world)
}

#[test]
fn random_worlds_hold_every_invariant() {
    let worlds = tests::volume(100, 4_000);
    let faults: Vec<_> = (1..=worlds).filter_map(|seed| play(seed, 40).err()).collect();
    assert!(
        faults.is_empty(),
        "{} of {worlds} worlds:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn seeds_that_once_found_something_find_nothing() {
    let text = fs::read_to_string(tests::root().join(REGRESSIONS)).unwrap();
    let seeds = text
        .lines()
        .filter_map(|line| line.split('#').next()?.trim().parse().ok());
    for seed in seeds {
        play(seed, 120).map(drop).unwrap();
    }
}

/// A checker that never fails would pass everything: each kind of loss must be seen.
#[test]
fn a_station_that_loses_something_is_caught() {
    let mut world = Sessions::new(7, PEOPLE, Chaos::None);
    for _ in 0..40 {
        world.session().unwrap();
    }
    world.world.station.memory.lose_last_entry();
    let violation = world.session().map(|_| ()).unwrap_err();
    assert!(
        violation.0.starts_with("I1") || violation.0.starts_with("I8"),
        "{violation}"
    );
}

#[test]
fn a_station_that_forgets_an_association_is_caught() {
    let mut world = Sessions::new(7, PEOPLE, Chaos::None);
    for _ in 0..40 {
        world.session().unwrap();
    }
    let memory = &mut world.world.station.memory;
    let user: UserId = memory
        .associations()
        .find(|row| row.association.is_open())
        .map(|row| row.association.user.clone())
        .expect("forty sessions make an association");
    memory.forget_association_of(&user);
    let caught = (0..10).find_map(|_| world.session().err());
    assert!(caught.is_some_and(|violation| violation.0.starts_with("I1")));
}
