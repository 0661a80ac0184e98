//! What happened at this station lately, for whoever asks why: without names, without codes, in words that
//! are translated.

use std::collections::{BTreeMap, VecDeque};

use super::{Phase, Session};
use crate::api::Live;
use crate::api::model::SyncStage;

/// Lines that are kept.
const LINES_MAX: usize = 60;
/// Samples of signal strength that are kept of each band.
const SAMPLES_MAX: usize = 60;
/// Bands whose signal is kept.
const BANDS_MAX: usize = 16;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kiosk) struct Line {
    /// When, milliseconds since 1970.
    pub(in crate::kiosk) wall_ms: u64,
    /// What.
    pub(in crate::kiosk) what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kiosk) enum What {
    /// An enrollment came this far.
    Phase(Phase),
    /// A touch did not count, for this fault.
    Touch(String),
    /// An enrollment ended: `done`, or the name of the reason.
    Ended(String),
    /// The radio is so.
    Radio(String),
    /// Station and console stand so.
    Sync(&'static str),
}

/// The signal of the bands in range, oldest sample first.
pub(in crate::kiosk) type Signals = BTreeMap<String, VecDeque<i16>>;

impl Session {
    /// Compares what is with what was and writes down what is new.
    pub(super) fn take_note(&mut self, now: &Live) {
        let before = self.live.clone();
        if before.radio != now.radio {
            self.note(What::Radio(now.radio.clone()));
        }
        let stage = |live: &Live| live.sync.as_ref().map(|sync| sync.state);
        if let Some(state) = stage(now).filter(|_| stage(&before) != stage(now)) {
            self.note(What::Sync(sync_code(state)));
        }
        self.note_enrollment(&before, now);
        self.note_signals(now);
    }

    fn note_enrollment(&mut self, before: &Live, now: &Live) {
        let Some(enrollment) = &now.enrollment else { return };
        let old = before.enrollment.as_ref().filter(|old| old.id == enrollment.id);
        if let Some(outcome) = &enrollment.outcome {
            if old.is_none_or(|old| old.outcome.is_none()) {
                self.note(What::Ended(outcome.code.clone()));
            }
            return;
        }
        let phase = Phase::of(enrollment);
        if old.map(Phase::of) != Some(phase) {
            self.note(What::Phase(phase));
        }
        let failed = |enrollment: &crate::api::model::Enrollment| {
            enrollment.touches.clone().filter(|touches| touches.in_a_row > 0)
        };
        if let Some(touches) =
            failed(enrollment).filter(|touches| old.and_then(failed).as_ref() != Some(touches))
        {
            self.note(What::Touch(touches.fault.unwrap_or_default()));
        }
    }

    fn note_signals(&mut self, now: &Live) {
        let here = &now.bands.bands;
        self.signals
            .retain(|device, _| here.iter().any(|band| band.device == *device));
        for band in here.iter().take(BANDS_MAX) {
            let samples = self.signals.entry(band.device.clone()).or_default();
            if samples.len() >= SAMPLES_MAX {
                samples.pop_front();
            }
            samples.push_back(band.rssi_dbm);
        }
    }

    fn note(&mut self, what: What) {
        if self.log.len() >= LINES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(Line {
            wall_ms: self.at.wall_ms,
            what,
        });
    }
}

/// The stable name of how station and console stand.
pub(in crate::kiosk) fn sync_code(state: SyncStage) -> &'static str {
    match state {
        SyncStage::Connecting => "connecting",
        SyncStage::Filling => "filling",
        SyncStage::UpToDate => "up_to_date",
        SyncStage::Offline => "offline",
        SyncStage::Stopped => "stopped",
    }
}
