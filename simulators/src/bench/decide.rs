//! G4, G4b: how fast a decision is once its facts are in memory.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use policy::decide::decide;
use policy::effective::{EffectivePolicy, effective};
use policy::facts::{BandReport, Clock, Facts, Holds, Known};
use policy::model::{
    Association, AssociationId, Band, BandSerial, GroupPolicy, PolicyId, UnixMillis, User, UserId, Zone,
};

use super::{Effort, Figure, Goal, median, quantile};

/// Decisions timed together, so that reading the clock does not count.
const BATCH: u32 = 1000;
const BATCHES: usize = 300;
const NOW: UnixMillis = UnixMillis(1_780_000_000_000);

/// The facts of a take-over: the case that looks at most.
pub(super) struct Case {
    user: User,
    band: Band,
    own: Association,
    others: Association,
    policy: EffectivePolicy,
}

impl Case {
    pub(super) fn takeover() -> Result<Self> {
        let (mara, jonas) = (UserId::new("4711")?, UserId::new("4712")?);
        let (hers, his) = (BandSerial::new("AAAH-00001")?, BandSerial::new("AAAH-00002")?);
        let mut group = GroupPolicy::new(PolicyId::new("plant")?);
        (group.reenroll_own, group.reenroll_any) = (Some(true), Some(true));
        Ok(Self {
            band: Band::new(his),
            own: association(1, &mara, hers),
            others: association(2, &jonas, his),
            user: User::new(mara),
            policy: effective(&group, None),
        })
    }

    pub(super) fn decide(&self) -> policy::decision::Decision {
        let known = [&self.own, &self.others].map(|association| Known {
            association,
            band_seos: false,
            user_suspended: false,
        });
        let report = BandReport {
            enrollment: Holds::Nobody,
            ..BandReport::default()
        };
        let facts = Facts {
            zone: Zone::Enrollment,
            now: NOW,
            clock: Clock::Trusted,
            replica_as_of: UnixMillis(NOW.0 - 60_000),
            user: &self.user,
            band: &self.band,
            report: Some(report),
            known: &known,
        };
        decide(black_box(&facts), &self.policy)
    }
}

fn association(id: u8, user: &UserId, band: BandSerial) -> Association {
    Association {
        id: AssociationId([id; 16]),
        user: user.clone(),
        band,
        zone: Zone::Enrollment,
        active: true,
        primary: true,
        expires_at: None,
        suspension: None,
        ended: None,
        band_epoch: 1,
        note: String::new(),
    }
}

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    let case = Case::takeover()?;
    let mut nanos = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..BATCH {
            black_box(case.decide());
        }
        nanos.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    let p99 = quantile(&mut nanos, 0.99);
    let name = "decision from facts in memory";
    Ok(vec![
        Figure::plain(
            "G4",
            format!("{name}, median"),
            median(nanos),
            "ns",
            Goal::AtMost(1000.0),
        ),
        Figure::plain("G4", format!("{name}, p99"), p99, "ns", Goal::AtMost(10_000.0)),
    ])
}
