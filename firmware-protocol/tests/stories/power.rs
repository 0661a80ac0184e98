//! Power and links fail at every point in turn; afterwards both ends agree, and nothing is made twice.

use firmware_protocol::band::{BandEngine, RecordFault};
use firmware_protocol::message::{BandToStation, StationToBand};

use crate::pair::{Clerk, Knobs, NOW, Pair, Setup, TestBand, Trouble, arm};

/// More sessions than any single trouble needs.
const SESSIONS: usize = 4;

/// Many small frames, so that there are many points to fail at.
fn small_frames() -> Setup {
    Setup {
        mtu_bytes: 40,
        ..Setup::default()
    }
}

fn recovers(pair: &mut Pair, clerk: &mut Clerk, what: &str) {
    clerk.agrees_with(pair);
    for _ in 0..SESSIONS {
        if clerk.finished {
            break;
        }
        let end = clerk.session(pair);
        clerk.ends.push(end);
        clerk.agrees_with(pair);
    }
    assert!(clerk.finished, "{what}: {:?}", clerk.ends);
    let report = pair.band.report(pair.now);
    assert_eq!((report.associations.len(), report.epoch), (1, 1), "{what}");
}

#[test]
fn the_memory_fails_or_the_power_goes_at_each_store() {
    for trouble in [Trouble::Fault, Trouble::CutBefore, Trouble::CutAfter] {
        let mut reached = 0;
        for store in 0.. {
            let mut pair = Pair::fresh();
            pair.hardware.trouble_at(store, trouble);
            let mut clerk = Clerk::new(arm(1));
            clerk.session(&mut pair);
            if !pair.hardware.was_troubled() {
                break;
            }
            reached += 1;
            recovers(&mut pair, &mut clerk, &format!("{trouble:?} at store {store}"));
        }
        assert_eq!(reached, 3, "staged, committed, finished");
    }
}

#[test]
fn the_link_goes_after_each_frame() {
    let frames = frames_of_one_session();
    for cut in 0..frames {
        let mut pair = Pair::new(small_frames());
        pair.link.knobs.cut_after = Some(cut);
        let mut clerk = Clerk::new(arm(1));
        clerk.session(&mut pair);
        pair.link.knobs = Knobs::default();
        recovers(&mut pair, &mut clerk, &format!("cut after frame {cut}"));
    }
}

#[test]
fn the_power_goes_after_each_frame() {
    for cut in 0..frames_of_one_session() {
        let mut pair = Pair::new(small_frames());
        pair.link.knobs.cut_after = Some(cut);
        let mut clerk = Clerk::new(arm(1));
        clerk.session(&mut pair);
        pair.power_cut();
        pair.link.knobs = Knobs::default();
        recovers(&mut pair, &mut clerk, &format!("power cut after frame {cut}"));
    }
}

fn frames_of_one_session() -> usize {
    let mut pair = Pair::new(small_frames());
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair.link.captured.len()
}

/// Troubles in each of two sessions in a row, all pairs of points.
#[test]
fn the_link_goes_twice() {
    let setup = Setup {
        mtu_bytes: 185,
        ..Setup::default()
    };
    let frames = {
        let mut pair = Pair::new(setup.clone());
        assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
        pair.link.captured.len()
    };
    for (first, second) in (0..frames).flat_map(|first| (0..frames).map(move |second| (first, second))) {
        let mut pair = Pair::new(setup.clone());
        let mut clerk = Clerk::new(arm(1));
        for cut in [first, second] {
            pair.link.knobs.cut_after = Some(cut);
            if !clerk.finished {
                clerk.session(&mut pair);
                clerk.agrees_with(&pair);
            }
        }
        pair.link.knobs = Knobs::default();
        recovers(
            &mut pair,
            &mut clerk,
            &format!("cut after frames {first} and {second}"),
        );
    }
}

#[test]
fn a_memory_that_fails_for_good_makes_nothing() {
    let mut pair = Pair::fresh();
    for store in 0..3 {
        pair.hardware.trouble_at(0, Trouble::Fault);
        let mut clerk = Clerk::new(arm(1));
        clerk.session(&mut pair);
        assert!(clerk.receipt.is_none(), "store {store}");
    }
    assert_eq!(pair.hardware.stored, Vec::<u8>::new());
    assert_eq!(pair.band.report(pair.now).staged, None);
}

#[test]
fn a_band_says_nothing_of_what_is_not_kept() {
    let mut pair = Pair::fresh();
    pair.hardware.trouble_at(0, Trouble::CutBefore);
    pair.establish();
    pair.request(&StationToBand::Arm(arm(1)));
    while let Some(event) = pair.wait() {
        let said = format!("{event:?}");
        assert!(!said.contains("Staged("), "{said}");
        if said.contains("Ended") {
            break;
        }
    }
    assert!(pair.hardware.history.is_empty());
}

/// Damaged memory is never read as an empty one: the count of commits would go back.
#[test]
fn a_damaged_record_is_refused_or_means_what_it_says() {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    let good = pair.hardware.stored.clone();
    let setup = Setup::default();
    let start = |record: &[u8]| {
        let mut hardware = TestBand::new(1, record.to_vec());
        let (band, settings) = (setup.band.clone(), setup.settings.clone());
        BandEngine::new(band, settings, record, pair.now, &mut hardware).map(|_| ())
    };
    assert_eq!(start(&good), Ok(()));
    for len in 1..good.len() {
        assert_eq!(start(&good[..len]), Err(RecordFault), "cut to {len} bytes");
    }
    assert_eq!(
        start(&[&good[..], &[0]].concat()),
        Err(RecordFault),
        "a byte behind it"
    );
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _ = start(&flipped);
    }
}

#[test]
fn sessions_after_a_power_cut_use_new_keys() {
    let mut pair = Pair::fresh();
    let first = pair.establish();
    pair.power_cut();
    let second = pair.establish();
    assert_ne!(first.code, second.code);
    assert_eq!(pair.unix_now, NOW);
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
}
