//! Stories: one person, one band, one station, and what happens to them.

mod attacks;
mod enrollment;
mod power;
mod refusals;
mod wearer;

use firmware_protocol::message::{BandRefusal, BandToStation, Staged, StationToBand};

use crate::pair::{Pair, arm};

/// Arms user 1 and waits until the willing wearer has brought it to the stage.
fn bring_to_stage(pair: &mut Pair) -> Staged {
    pair.establish();
    let epoch = pair.band.report(pair.now).epoch + 1;
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(epoch))),
        BandToStation::Armed(_)
    ));
    staged(pair)
}

/// Waits for `Staged`, past the pushes before it.
fn staged(pair: &mut Pair) -> Staged {
    loop {
        match pair.message() {
            BandToStation::Staged(staged) => return staged,
            BandToStation::Touched(_) | BandToStation::WearerConfirmed(_) => {}
            other => panic!("not staged: {other:?}"),
        }
    }
}

fn check_refused(answer: BandToStation, reason: BandRefusal, detail: u32) {
    match answer {
        BandToStation::Refused(refused) => {
            assert_eq!((refused.reason, refused.detail), (reason, detail))
        }
        other => panic!("not refused: {other:?}"),
    }
}
