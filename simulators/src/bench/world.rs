//! SIM: full enrollments per second in one process, beside what the cryptography alone would allow.

use anyhow::{Result, ensure};

use super::crypto::Primitives;
use super::{Effort, Figure, Goal, in_turns};
use crate::world::{Chaos, Sessions};

/// So many that nobody's history grows long within a run.
const PEOPLE: usize = 1000;
/// The goal where the machine is fast enough.
const PER_SECOND_MIN: f64 = 2000.0;
/// The goal where the primitives alone forbid that.
const SHARE_MIN: f64 = 0.6;

pub(super) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let primitives = Primitives::new();
    let mut sessions = Sessions::new(1, PEOPLE, Chaos::None);
    let (mut number, mut failed) = (0, 0u64);
    let turns = in_turns(
        effort,
        || primitives.once(),
        || {
            failed += u64::from(sessions.enroll_own(number).code != "done");
            number += 1;
        },
    );
    ensure!(failed == 0, "{failed} of {number} simulated enrollments failed");
    let mut figure = Figure::beside(
        "SIM",
        "simulated enrollments on one core",
        turns.product,
        "/s",
        turns.limit,
        Goal::AtLeast(SHARE_MIN),
    );
    figure.ratio = Some(turns.ratio);
    figure.ok = turns.product >= PER_SECOND_MIN || turns.ratio >= SHARE_MIN;
    figure.goal = format!("at least {PER_SECOND_MIN} /s, or {SHARE_MIN} of the limit");
    Ok(vec![figure])
}
