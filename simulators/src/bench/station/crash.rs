//! G11: the daemon is killed, starts again, and has lost nothing it had acknowledged.

use anyhow::Result;
use station_core::journal::JournalRecord;
use station_daemon::store::Store;

use super::kiosk::follow;
use super::start::answered;
use super::{Scene, VISITORS};
use crate::bench::{Figure, Goal, median};

/// Journal entries read at a time.
const PAGE_LEN: u32 = 1000;
/// The goal for the time to be ready again.
const RATIO_MAX: f64 = 2.0;

/// Kills the daemon once for each visitor: at the moment it acknowledges, or in the middle of the touches.
pub(super) async fn figures(scene: &mut Scene, start_ms: f64) -> Result<Vec<Figure>> {
    let mut acknowledged = committed(scene)?;
    let (mut lost, mut starts) = (0, Vec::new());
    for number in 0..VISITORS {
        acknowledged += usize::from(killed_in_a_visit(scene, number).await?);
        let (daemon, start) = answered(scene).await?;
        starts.push(start);
        daemon.kill().await?;
        let found = committed(scene)?;
        lost += acknowledged.saturating_sub(found);
        acknowledged = found;
    }
    let name = "SIGKILL to the first answer, beside a cold start";
    let lost_name = format!("acknowledged enrollments lost in {} kills", 2 * VISITORS);
    Ok(vec![
        Figure::beside(
            "G11",
            name,
            median(starts),
            "ms",
            start_ms,
            Goal::AtMost(RATIO_MAX),
        ),
        Figure::plain("G11", lost_name, lost as f64, "lost", Goal::AtMost(0.0)),
    ])
}

/// Whether the station had said "done" before it died.
async fn killed_in_a_visit(scene: &mut Scene, number: usize) -> Result<bool> {
    let (daemon, _) = answered(scene).await?;
    daemon.radio_ready().await?;
    let visitor = &mut scene.visitors[number];
    let (begun, mut events) = visitor.begin(&daemon.client).await?;
    let midway = number % 2 == 1;
    let seen = follow(&daemon.client, &mut events, &begun.id, |now| {
        midway && now.touches.is_some()
    });
    let seen = seen.await?;
    daemon.kill().await?;
    visitor.step_back();
    Ok(seen.outcome.is_some_and(|outcome| outcome.code == "done"))
}

/// Commits in the journal, after its chain was checked.
fn committed(scene: &Scene) -> Result<usize> {
    let store = Store::open_to_read(&scene.database())?;
    let verification = store.verify_journal()?;
    anyhow::ensure!(
        verification.fault.is_none(),
        "the journal does not hold: {verification:?}"
    );
    let (mut next, mut count) = (1, 0);
    while next <= verification.head.sequence {
        let entries = store.entries(next, PAGE_LEN)?;
        next += entries.len() as u64;
        let records = entries.iter().map(|entry| JournalRecord::decode(&entry.record));
        count += records
            .filter(|record| matches!(record, Ok(JournalRecord::Committed(_))))
            .count();
    }
    Ok(count)
}
