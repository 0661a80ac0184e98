//! Replays every fuzz corpus and changes its inputs a bounded, repeatable number of times.

use tests::fuzz::{CANARY, Finding, TARGETS, corpus, corpus_dir, explore, replay};
use tests::volume;

/// Changed inputs per target and change of the code; signed things cost a signature check each.
fn cases(target: &str) -> u64 {
    match target {
        "band_certificate" | "station_certificate" | "receipt" | "ticket" => volume(10_000, 2_000_000),
        "band_session" | "station_session" | "init_file" => volume(4_000, 400_000),
        "feed_page" | "feed_signed" | "feed_story" => volume(4_000, 400_000),
        "config" | "batch" | "list" | "feed_rows" | "sync_message" => volume(50_000, 5_000_000),
        "framing" => volume(200_000, 20_000_000),
        _ => volume(500_000, 50_000_000),
    }
}

fn check(name: &str) {
    let target = tests::fuzz::target(name).expect("a registered target");
    let corpus = corpus(&target).expect("a committed corpus");
    let outcome = replay(&target, &corpus).and_then(|()| explore(&target, &corpus, 1, cases(name)));
    assert_eq!(outcome, Ok(()));
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            let forgotten: Vec<_> = TARGETS.iter().filter(|target| !run.contains(&target.name)).map(|t| t.name).collect();
            assert_eq!(forgotten, [""; 0], "name them in this list");
        }
    };
}

targets! {
    station_to_band band_to_station info beacon band_certificate station_certificate receipt framing band_session
    station_session ticket typed_code journal_record journal config init_file feed_page feed_signed feed_story feed_rows
    batch sync_message list
}

#[test]
fn a_fault_is_found() {
    let finding = explore(&CANARY, &(CANARY.seeds)(), 1, 100_000).expect_err("the canary sings");
    assert_eq!(finding.input, [0xca], "the input is made small");
    let Finding { input, .. } = finding;
    let kept = [tests::fuzz::Input {
        name: "found".into(),
        bytes: input,
    }];
    assert!(replay(&CANARY, &kept).is_err(), "what was found is found again");
}

/// A new target's corpus is written by `cargo xtask fuzz --write-seeds`.
#[test]
fn every_target_has_a_committed_corpus() {
    for target in TARGETS {
        let dir = corpus_dir(target);
        let files = std::fs::read_dir(&dir).map_or(0, |files| files.count());
        assert!(files > 0, "nothing in {}", dir.display());
    }
}
