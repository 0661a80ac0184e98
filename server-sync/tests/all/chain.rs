//! A journal that was tampered with says where.

use proptest::prelude::*;
use server_sync::{ChainFault, Entry, Head, StationKey, verify};

const STATION: StationKey = StationKey([7; 16]);

fn journal(length: u64) -> Vec<Entry> {
    let mut head = Head::EMPTY;
    let next = |sequence: u64| {
        let entry = Entry::following(STATION, head, 1_000 + sequence, vec![sequence as u8; 5]);
        head = Head {
            sequence: entry.sequence,
            hash: entry.hash,
        };
        entry
    };
    (1..=length).map(next).collect()
}

fn check(tamper: impl FnOnce(&mut Vec<Entry>), expected: Result<u64, ChainFault>) {
    let mut entries = journal(6);
    tamper(&mut entries);
    assert_eq!(verify(STATION, &entries).map(|head| head.sequence), expected);
}

#[test]
fn every_kind_of_damage_has_its_name_and_place() {
    check(|_| (), Ok(6));
    check(|e| e.clear(), Ok(0));
    check(|e| e.truncate(4), Ok(4));
    check(|e| e[2].record[0] ^= 1, Err(ChainFault::Changed { sequence: 3 }));
    check(|e| e[2].time_ms += 1, Err(ChainFault::Changed { sequence: 3 }));
    check(|e| e[2].hash.0[31] ^= 1, Err(ChainFault::Changed { sequence: 3 }));
    check(
        |e| drop(e.remove(3)),
        Err(ChainFault::Gap {
            expected: 4,
            found: 5,
        }),
    );
    check(
        |e| drop(e.drain(..2)),
        Err(ChainFault::Gap {
            expected: 1,
            found: 3,
        }),
    );
    check(
        |e| e.swap(1, 2),
        Err(ChainFault::Gap {
            expected: 2,
            found: 3,
        }),
    );
    check(
        |e| e.insert(3, e[2].clone()),
        Err(ChainFault::Repeated { sequence: 3 }),
    );
    check(
        |e| e.insert(3, e[1].clone()),
        Err(ChainFault::Repeated { sequence: 2 }),
    );
}

#[test]
fn a_rewritten_entry_with_its_own_hash_is_a_fork() {
    let rewrite = |e: &mut Vec<Entry>| {
        let head = Head {
            sequence: 2,
            hash: e[1].hash,
        };
        e[2] = Entry::following(STATION, head, 1, b"another past".to_vec());
    };
    check(rewrite, Err(ChainFault::Fork { sequence: 4 }));
    let twice = |e: &mut Vec<Entry>| {
        let head = Head {
            sequence: 2,
            hash: e[1].hash,
        };
        e.insert(3, Entry::following(STATION, head, 1, b"another past".to_vec()));
    };
    check(twice, Err(ChainFault::Fork { sequence: 3 }));
}

#[test]
fn entries_of_another_station_do_not_mix_in() {
    let other = StationKey([8; 16]);
    let mix = |e: &mut Vec<Entry>| {
        let head = Head {
            sequence: 2,
            hash: e[1].hash,
        };
        e[2] = Entry::following(other, head, 1, vec![]);
    };
    check(
        mix,
        Err(ChainFault::OtherStation {
            sequence: 3,
            found: other,
        }),
    );
}

#[test]
fn the_bytes_of_an_entry_stay_what_they_are() {
    let entry = Entry::following(STATION, Head::EMPTY, 1_700_000_000_000, vec![1, 2, 3]);
    let bytes = minicbor::to_vec(&entry).expect("memory takes everything");
    assert_eq!(hex(&bytes), include_str!("../bytes/entry_v01.hex").trim());
    assert_eq!(minicbor::decode::<Entry>(&bytes).expect("own bytes"), entry);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

proptest! {
    /// Whatever is changed in whichever entry, it is found at that entry or at the next.
    #[test]
    fn no_change_goes_unnoticed(which in 0..6usize, place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut entries = journal(6);
        let mut bytes = minicbor::to_vec(&entries[which]).expect("memory takes everything");
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(changed) = minicbor::decode::<Entry>(&bytes) else { return Ok(()) };
        // CBOR can write one number in several lengths: then nothing has changed.
        prop_assume!(changed != entries[which]);
        entries[which] = changed;
        let fault = verify(STATION, &entries).expect_err("it is found");
        let sequence = which as u64 + 1;
        prop_assert!((sequence..=sequence + 1).contains(&fault.sequence()) , "{:?}", fault);
    }
}
