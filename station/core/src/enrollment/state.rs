//! The states of an enrollment. Each holds what is known in it and nothing else.

use firmware_protocol::certificate::Signed;
use firmware_protocol::message::Staged;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::Instant;
use policy::mismatch::Mismatch;

use super::contact::Contact;
use super::event::{Outcome, Screen};
use super::plan::Plan;
use super::refusal::Refusal;
use crate::journal::{Intent, RollbackCause};

/// Where an enrollment stands.
#[derive(Debug)]
pub(super) enum State {
    /// No session: the band is to come, or to come back. One that asked for a pause is tried again then.
    AwaitingBand {
        until: Instant,
        again_at: Option<Instant>,
    },
    /// A session with another band than the attempt began with is being ended.
    Dismissing { until: Instant, back_until: Instant },
    /// The shell looks something up.
    AwaitingFacts {
        contact: Box<Contact>,
        number: u64,
        asked: Asked,
        until: Instant,
    },
    /// The shell makes an append durable.
    Recording {
        contact: Option<Box<Contact>>,
        number: u64,
        then: Then,
        until: Instant,
    },
    /// `Status` is under way.
    Refreshing { contact: Box<Contact>, until: Instant },
    /// The person is putting the band on.
    AwaitingWorn {
        contact: Box<Contact>,
        plan: Plan,
        asked: bool,
        poll_at: Instant,
        until: Instant,
    },
    /// `Arm` is under way.
    Arming {
        contact: Box<Contact>,
        plan: Plan,
        until: Instant,
    },
    /// The wearer confirms and touches, somebody compares the code.
    Capturing {
        contact: Box<Contact>,
        plan: Plan,
        capture: Capture,
        until: Instant,
    },
    /// `Commit` is under way.
    Committing {
        contact: Box<Contact>,
        intent: Intent,
        until: Instant,
    },
    /// `Recall` is under way, for an intent or for what another session left.
    Recalling {
        contact: Box<Contact>,
        intent: Option<Intent>,
        until: Instant,
    },
    /// `Abort` is under way.
    Aborting {
        contact: Box<Contact>,
        then: AfterAbort,
        until: Instant,
    },
    /// `DeleteUserData` is under way.
    AskingDeletion {
        contact: Box<Contact>,
        mismatch: Option<Mismatch>,
        until: Instant,
    },
    /// The wearer deletes the user data.
    Deleting { contact: Box<Contact>, until: Instant },
    /// `Finish` is under way; everything is said.
    Finishing { outcome: Outcome, until: Instant },
    /// Over.
    Ended,
}

/// Which question the shell looks something up for.
#[derive(Debug)]
pub(super) enum Asked {
    /// A session began, or something was settled: where do we stand?
    FirstContact,
    /// Everything is staged: may it be committed?
    BeforeCommit { plan: Plan, staged: Staged },
    /// An open intent is staged: may it still be committed?
    Resume(Intent),
    /// A receipt came: which rows change?
    Receipt {
        receipt: Box<Receipt>,
        signed: Signed,
        recovered: bool,
    },
}

/// What happens when an append is durable.
#[derive(Debug)]
pub(super) enum Then {
    /// Tell the person and arm the band.
    Arm { plan: Plan, screen: Screen },
    /// Tell the person and ask for deletion of user data.
    AskDeletion {
        screen: Screen,
        mismatch: Option<Mismatch>,
    },
    /// Commit.
    Commit(Intent),
    /// Abort what the policy no longer allows.
    Abort(Intent, RollbackCause),
    /// Tell the person that it holds, and finish.
    Done { receipt: Box<Receipt>, recovered: bool },
    /// Something old is settled; tell, and see where we stand.
    Settled(Screen),
    /// The band is empty now; look at it again.
    Emptied,
    /// Tell the person why not, and finish.
    Refuse(Refusal),
}

/// What happens when an abort is answered.
#[derive(Debug)]
pub(super) enum AfterAbort {
    /// The intent came to nothing: record it.
    RollBack(Intent, RollbackCause),
    /// Nothing was recorded that would have to be undone: finish.
    Finish(Outcome),
}

/// How far the capture is.
#[derive(Debug)]
pub(super) struct Capture {
    /// Somebody must still confirm the code at the kiosk.
    pub(super) code_open: bool,
    /// All touches are in.
    pub(super) staged: Option<Staged>,
    /// Good touches needed.
    pub(super) of: u8,
    /// When it is over, whatever the band says.
    pub(super) ends: Instant,
}

impl State {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::AwaitingBand { until, again_at } => Some(again_at.map_or(*until, |at| at.min(*until))),
            Self::Dismissing { until, .. }
            | Self::AwaitingFacts { until, .. }
            | Self::Recording { until, .. }
            | Self::Refreshing { until, .. }
            | Self::Arming { until, .. }
            | Self::Capturing { until, .. }
            | Self::Committing { until, .. }
            | Self::Recalling { until, .. }
            | Self::Aborting { until, .. }
            | Self::AskingDeletion { until, .. }
            | Self::Deleting { until, .. }
            | Self::Finishing { until, .. } => Some(*until),
            Self::AwaitingWorn {
                asked: true, until, ..
            } => Some(*until),
            Self::AwaitingWorn { poll_at, until, .. } => Some(*poll_at.min(until)),
            Self::Ended => None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AwaitingBand { .. } => "awaiting_band",
            Self::Dismissing { .. } => "dismissing",
            Self::AwaitingFacts { .. } => "awaiting_facts",
            Self::Recording { .. } => "recording",
            Self::Refreshing { .. } => "refreshing",
            Self::AwaitingWorn { .. } => "awaiting_worn",
            Self::Arming { .. } => "arming",
            Self::Capturing { .. } => "capturing",
            Self::Committing { .. } => "committing",
            Self::Recalling { .. } => "recalling",
            Self::Aborting { .. } => "aborting",
            Self::AskingDeletion { .. } => "asking_deletion",
            Self::Deleting { .. } => "deleting",
            Self::Finishing { .. } => "finishing",
            Self::Ended => "ended",
        }
    }
}
