//! The states of a sign-in by a band. Each holds what is known in it and nothing else.

use firmware_protocol::id::{AssociationId, ScreenCode};
use firmware_protocol::message::{Arm, Report};
use firmware_protocol::time::Instant;

use super::{Outcome, Refused};
use crate::ticket::BandClaim;

/// A band in a session.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) claim: BandClaim,
    pub(super) code: ScreenCode,
    /// What the band was armed with and must forget.
    pub(super) armed: Option<AssociationId>,
}

impl Visit {
    pub(super) fn new(claim: BandClaim, code: ScreenCode) -> Self {
        let armed = None;
        Self { claim, code, armed }
    }
}

/// Where a sign-in stands.
#[derive(Debug)]
pub(super) enum State {
    /// No session. A band that asked for a pause is tried again then.
    AwaitingBand {
        until: Instant,
        again_at: Option<Instant>,
    },
    /// The shell looks something up.
    AwaitingFacts {
        visit: Box<Visit>,
        number: u64,
        asked: Asked,
        until: Instant,
    },
    /// The person is putting the band on.
    AwaitingWorn {
        visit: Box<Visit>,
        arm: Arm,
        asked: bool,
        poll_at: Instant,
        until: Instant,
    },
    /// `Arm` is under way.
    Arming {
        visit: Box<Visit>,
        arm: Arm,
        until: Instant,
    },
    /// The wearer touches the sensor.
    Touching {
        visit: Box<Visit>,
        arm: Arm,
        /// The touch that is needed has been.
        touched: bool,
        /// When it is over, whatever the band says.
        ends: Instant,
        until: Instant,
    },
    /// `Abort` is under way.
    Aborting {
        visit: Box<Visit>,
        then: After,
        until: Instant,
    },
    /// The shell makes an append durable.
    Recording {
        number: u64,
        outcome: Outcome,
        until: Instant,
    },
    /// `Finish` is under way; everything is said.
    Finishing { until: Instant },
    /// Over.
    Ended,
}

/// Which question the shell looks something up for.
#[derive(Debug)]
pub(super) enum Asked {
    /// A session began: whose band is it?
    FirstContact { report: Report },
    /// The finger was recognized: does the band still count?
    Recognized,
}

/// What happens when the band has forgotten what it was armed with.
#[derive(Debug)]
pub(super) enum After {
    /// The finger was recognized: ask again.
    Ask,
    /// Say why not.
    Refuse(Refused),
}

impl State {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::AwaitingBand { until, again_at } => Some(again_at.map_or(*until, |at| at.min(*until))),
            Self::AwaitingWorn {
                asked: false,
                poll_at,
                until,
                ..
            } => Some(*poll_at.min(until)),
            Self::AwaitingWorn { poll_at, .. } => Some(*poll_at),
            Self::AwaitingFacts { until, .. }
            | Self::Arming { until, .. }
            | Self::Touching { until, .. }
            | Self::Aborting { until, .. }
            | Self::Recording { until, .. }
            | Self::Finishing { until } => Some(*until),
            Self::Ended => None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AwaitingBand { .. } => "awaiting_band",
            Self::AwaitingFacts { .. } => "awaiting_facts",
            Self::AwaitingWorn { .. } => "awaiting_worn",
            Self::Arming { .. } => "arming",
            Self::Touching { .. } => "touching",
            Self::Aborting { .. } => "aborting",
            Self::Recording { .. } => "recording",
            Self::Finishing { .. } => "finishing",
            Self::Ended => "ended",
        }
    }
}
