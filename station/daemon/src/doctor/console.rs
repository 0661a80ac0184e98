//! How the station stands with its console.

use super::cause::Cause;
use super::{DAY_S, failed, found, yes};
use crate::api::model::{Finding, Sync, SyncStage};
use crate::clock::Clock;
use crate::config::Config;
use crate::seal::SealKey;
use crate::store::SyncState;
use crate::sync::Credentials;

/// A certificate for the console that lasts no longer than this is a warning, in days: it should have been
/// renewed long before.
const CERTIFICATE_DAYS_WARN: i64 = 30;
/// The clocks may differ by this much, in seconds.
const CLOCK_SECONDS_MAX: u64 = 120;

/// What the files say.
pub(super) fn stored(config: &Config, seal_key: &SealKey, state: &SyncState, clock: Clock) -> Vec<Finding> {
    let mut findings = vec![credentials(config, seal_key, clock)];
    let stopped = [
        (Cause::FeedStopped, &state.feed_stopped),
        (Cause::UploadStopped, &state.journal_stopped),
    ];
    findings.extend(stopped.into_iter().filter_map(|(cause, code)| {
        let code = code.as_deref()?;
        Some(found(cause, [("code", code.into())]))
    }));
    findings
}

fn credentials(config: &Config, seal_key: &SealKey, clock: Clock) -> Finding {
    let credentials = match Credentials::load(&config.sync_file(), seal_key) {
        Ok(credentials) => credentials,
        Err(problem) => return failed("console_certificate", &problem),
    };
    let days_left = (credentials.not_after_s as i64 - clock.wall().0 as i64).div_euclid(DAY_S);
    let (cause, days) = match days_left {
        ..0 => (Cause::ConsoleCertificateExpired, -days_left),
        0..=CERTIFICATE_DAYS_WARN => (Cause::ConsoleCertificateShort, days_left),
        _ => (Cause::ConsoleCertificateGood, days_left),
    };
    found(cause, [("days", days.into())])
}

/// What the running daemon says.
pub(super) fn in_step(sync: &Sync, wall_ms: u64) -> Finding {
    let ahead_s = sync.clock_behind_seconds.unwrap_or_default();
    let cause = match sync.state {
        SyncStage::Stopped => Cause::ConsoleStopped,
        _ if sync.journal_code.is_some() => Cause::ConsoleRefusesJournal,
        SyncStage::Offline => Cause::ConsoleOffline,
        SyncStage::Connecting | SyncStage::Filling => Cause::ConsoleBegins,
        SyncStage::UpToDate if ahead_s.unsigned_abs() > CLOCK_SECONDS_MAX => Cause::ConsoleClockDiffers,
        SyncStage::UpToDate => Cause::ConsoleInStep,
    };
    let code = sync.journal_code.as_deref().or(sync.code.as_deref());
    let silent_ms = sync.heard_ms.map(|heard_ms| wall_ms.saturating_sub(heard_ms));
    found(
        cause,
        [
            ("console", sync.console.as_str().into()),
            ("waiting", sync.journal_waiting.into()),
            ("heard", yes(sync.heard_ms.is_some())),
            ("silent_seconds", (silent_ms.unwrap_or_default() / 1000).into()),
            ("ahead", ahead_s.into()),
            ("code", code.unwrap_or("unknown").into()),
            ("detail", sync.text.as_deref().unwrap_or_default().into()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::Verdict;

    fn sync(state: SyncStage, code: Option<&str>, journal_code: Option<&str>, behind: i64) -> Sync {
        Sync {
            console: "https://console".into(),
            state,
            code: code.map(Into::into),
            text: None,
            journal_code: journal_code.map(Into::into),
            journal_acked: 1,
            journal_waiting: 2,
            revision: 3,
            heard_ms: Some(1_000_000),
            certificate_not_after_s: 0,
            clock_behind_seconds: Some(behind),
        }
    }

    #[test]
    fn one_line_per_state() {
        let check = |sync: Sync, verdict, part: &str| {
            let found = in_step(&sync, 1_060_000);
            assert_eq!(found.verdict, verdict, "{found:?}");
            assert!(found.text.contains(part), "{found:?}");
        };
        check(
            sync(SyncStage::UpToDate, None, None, 0),
            Verdict::Ok,
            "heard 60 s ago, 2 entries wait",
        );
        check(
            sync(SyncStage::UpToDate, None, None, -3600),
            Verdict::Warn,
            "-3600 s ahead",
        );
        check(
            sync(SyncStage::UpToDate, None, Some("journal_fork"), 0),
            Verdict::Fail,
            "journal_fork",
        );
        check(
            sync(SyncStage::Offline, Some("console_unreachable"), None, 0),
            Verdict::Warn,
            "https://console",
        );
        check(
            sync(SyncStage::Stopped, Some("station_revoked"), None, 0),
            Verdict::Fail,
            "station_revoked",
        );
    }
}
