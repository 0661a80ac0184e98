//! How the sync stands, for people and for the console.

use server_sync::Versions;
use server_sync::health::{AdapterState, ClockState, Health};
use server_sync::join::Fingerprint;

use super::client::{Answer, Failure};
use super::task::Task;
use crate::api::model::{Event as LiveEvent, Stage, Sync, SyncStage};
use crate::daemon::certificate_ends;
use crate::doctor::free_mib;
use crate::store::StoreError;

/// What was heard of the console so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) heard_ms: Option<u64>,
    /// Requests in a row without an answer.
    pub(super) failures: u32,
    /// Enrollments that were done and refused since the start, and the last one that was counted.
    pub(super) committed: u64,
    pub(super) refused: u64,
    counted: Option<String>,
    clock_behind_seconds: Option<i64>,
    failure: Option<Failure>,
    stopped: Option<(String, String)>,
}

impl Progress {
    pub(super) fn heard(&mut self, answer: &Answer, wall_ms: u64) {
        self.heard_ms = Some(wall_ms);
        self.failures = 0;
        self.failure = None;
        let ahead = answer
            .time_ms
            .map(|console_ms| (console_ms as i64 - wall_ms as i64) / 1000);
        self.clock_behind_seconds = ahead.or(self.clock_behind_seconds);
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.failures = self.failures.saturating_add(1);
        if self.failure.as_ref() != Some(failure) {
            tracing::info!(%failure, "the console does not answer");
        }
        self.failure = Some(failure.clone());
    }

    /// Counts how enrollments end.
    pub(super) fn count(&mut self, event: &LiveEvent) {
        let LiveEvent::Enrollment(enrollment) = event else {
            return;
        };
        if self.counted.as_ref() == Some(&enrollment.id) {
            return;
        }
        match enrollment.stage {
            Stage::Done => self.committed += 1,
            Stage::Refused => self.refused += 1,
            _ => return,
        }
        self.counted = Some(enrollment.id.clone());
    }

    pub(super) fn stop(&mut self, code: &str, text: String) {
        self.stopped = Some((code.to_owned(), text));
    }

    pub(super) fn go_on(&mut self) {
        self.stopped = None;
    }
}

impl Task {
    fn view(&self) -> Sync {
        let complete = self.inbox.state().complete;
        let (state, code, text) = self.stage();
        Sync {
            console: format!("https://{}", self.parts.credentials.console),
            state,
            code,
            text,
            journal_code: self.outbox.stopped().map(|fault| fault.code().to_owned()),
            journal_acked: self.outbox.agreed(),
            journal_waiting: self.outbox.backlog(),
            revision: complete.map_or(0, |complete| complete.revision.number()),
            heard_ms: self.progress.heard_ms,
            certificate_not_after_s: self.parts.credentials.not_after_s,
            clock_behind_seconds: self.progress.clock_behind_seconds,
        }
    }

    fn stage(&self) -> (SyncStage, Option<String>, Option<String>) {
        let progress = &self.progress;
        if let Some((code, text)) = &progress.stopped {
            return (SyncStage::Stopped, Some(code.clone()), Some(text.clone()));
        }
        match &progress.failure {
            Some(failure @ Failure::Tls(_)) => {
                let expired = self.believed_ms() / 1000 > self.parts.credentials.not_after_s;
                let code = if expired {
                    "certificate_expired"
                } else {
                    "console_not_trusted"
                };
                (SyncStage::Stopped, Some(code.into()), Some(failure.to_string()))
            }
            Some(failure) => (
                SyncStage::Offline,
                Some("console_unreachable".into()),
                Some(failure.to_string()),
            ),
            None if progress.heard_ms.is_none() => (SyncStage::Connecting, None, None),
            None if self.inbox.state().complete.is_none() => (SyncStage::Filling, None, None),
            None => (SyncStage::UpToDate, None, None),
        }
    }

    /// Lets everybody see how it stands, if that has changed.
    pub(super) fn publish(&self) {
        let view = self.view();
        let stage = |sync: &Sync| {
            (
                sync.state,
                sync.code.clone(),
                sync.journal_code.clone(),
                sync.journal_waiting,
            )
        };
        let mut told = false;
        self.parts.live.send_if_modified(|live| {
            told = live.sync.as_ref().map(stage) != Some(stage(&view))
                || live.sync.as_ref().map(|sync| sync.revision) != Some(view.revision);
            live.sync = Some(view.clone());
            told
        });
        if told {
            // Nobody may be listening.
            let _ = self.parts.events.send(LiveEvent::Sync(view));
        }
    }

    /// What the console is told about this station.
    pub(super) async fn health(&self) -> Result<Health, StoreError> {
        let live = self.parts.live.borrow().clone();
        let intents = self.parts.store.run(|store| Ok(store.intents()?.len())).await?;
        let complete = self.inbox.state().complete;
        let free = free_mib(&self.parts.config.station.data_directory).ok();
        Ok(Health {
            software: env!("CARGO_PKG_VERSION").into(),
            versions: Some(Versions::OURS),
            uptime_s: self.parts.clock.now().as_micros() / 1_000_000,
            time_ms: self.believed_ms(),
            clock: clock_state(live.time_trusted, self.progress.clock_behind_seconds),
            adapter: adapter_state(&live.radio),
            lineage: complete.map(|complete| complete.lineage),
            revision: complete.map(|complete| complete.revision),
            replica_made_at_ms: complete.map(|complete| complete.made_at_ms),
            journal_head: self.outbox.agreed() + self.outbox.backlog(),
            journal_acked: self.outbox.agreed(),
            outbox_stopped: self.outbox.stopped().map(|fault| fault.code().to_owned()),
            inbox_stopped: self.inbox.stopped().map(str::to_owned),
            disk_free_bytes: free.map(|mib| mib << 20),
            certificate_not_after_s: Some(self.parts.credentials.not_after_s),
            air_certificate_not_after_s: Some(certificate_ends(&self.parts.identity).0),
            open_intents: intents as u32,
            committed: self.progress.committed,
            refused: self.progress.refused,
            authority: Some(Fingerprint(self.parts.credentials.fingerprint())),
        })
    }
}

fn clock_state(trusted: bool, behind_seconds: Option<i64>) -> ClockState {
    match (trusted, behind_seconds) {
        (true, _) => ClockState::Trusted,
        (false, Some(behind)) if behind < 0 => ClockState::Ahead,
        (false, _) => ClockState::Backward,
    }
}

fn adapter_state(radio: &str) -> AdapterState {
    match radio {
        "ready" => AdapterState::Ready,
        "off" => AdapterState::Off,
        "bluez_down" => AdapterState::BluezDown,
        "bus_down" => AdapterState::BusDown,
        "no_permission" => AdapterState::NoPermission,
        _ => AdapterState::Absent,
    }
}
