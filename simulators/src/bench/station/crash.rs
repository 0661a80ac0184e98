//! G11: the daemon is killed, starts again, and has lost nothing it had acknowledged.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use firmware_protocol::receipt::Receipt;
use station_core::convert;
use station_core::journal::JournalRecord;
use station_daemon::store::Store;

use super::start::answered;
use super::{Scene, VISITORS};
use crate::bench::{Figure, Goal, median, note};
use crate::stage::follow;

/// Journal entries read at a time.
const PAGE_LEN: u32 = 1000;
/// The goal for the time to be ready again.
const RATIO_MAX: f64 = 2.0;

/// Kills the daemon twice for each visitor: at the moment it acknowledges or in the middle of the touches,
/// and once more when it has come back. What it acknowledged is looked for by its association's id.
pub(super) async fn figures(scene: &mut Scene, start_ms: f64) -> Result<Vec<Figure>> {
    let mut acknowledged = committed(scene)?;
    let (mut promised, mut starts) = (0, Vec::new());
    for number in 0..VISITORS {
        if let Some(association) = killed_in_a_visit(scene, number).await? {
            acknowledged.insert(association);
            promised += 1;
        }
        let (daemon, start) = answered(scene).await?;
        starts.push(start);
        daemon.kill().await?;
    }
    note(&format!(
        "{promised} of {VISITORS} first kills came after \"done\", the others in the touches"
    ));
    let lost = acknowledged.difference(&committed(scene)?).count();
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

/// The association the station had acknowledged before it died, if it had.
async fn killed_in_a_visit(scene: &mut Scene, number: usize) -> Result<Option<String>> {
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
    let done = seen.outcome.filter(|outcome| outcome.code == "done");
    done.map(|outcome| outcome.association.context("what is done names its association"))
        .transpose()
}

/// The associations committed in the journal, after its chain was checked.
fn committed(scene: &Scene) -> Result<BTreeSet<String>> {
    let store = Store::open_to_read(&scene.database(), &scene.stage.seal_key()?)?;
    let verification = store.verify_journal()?;
    ensure!(
        verification.fault.is_none(),
        "the journal does not hold: {verification:?}"
    );
    let (mut next, mut found) = (1, BTreeSet::new());
    while next <= verification.head.sequence {
        let entries = store.entries(next, PAGE_LEN)?;
        next += entries.len() as u64;
        for entry in &entries {
            if let JournalRecord::Committed(committed) = JournalRecord::decode(&entry.record)? {
                let receipt = Receipt::verify(&committed.receipt, &committed.band_key);
                let receipt = receipt.ok().context("a receipt of a band")?;
                found.insert(convert::association_id(receipt.association).to_string());
            }
        }
    }
    Ok(found)
}
