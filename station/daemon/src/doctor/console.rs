//! How the station stands with its console.

use super::{DAY_S, bad, failed, in_words, ok};
use crate::api::model::{Finding, Sync, SyncStage, Verdict};
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
        ("feed", &state.feed_stopped),
        ("journal_upload", &state.journal_stopped),
    ];
    findings.extend(stopped.into_iter().filter_map(|(check, code)| {
        let code = code.as_deref()?;
        Some(bad(
            check,
            Verdict::Fail,
            format!("stopped: {code}"),
            next_after(code),
        ))
    }));
    findings
}

fn credentials(config: &Config, seal_key: &SealKey, clock: Clock) -> Finding {
    let check = "console_certificate";
    let credentials = match Credentials::load(&config.sync_file(), seal_key) {
        Ok(credentials) => credentials,
        Err(problem) => return failed(check, &problem),
    };
    let days_left = (credentials.not_after_s as i64 - clock.wall().0 as i64).div_euclid(DAY_S);
    let again = "make a token for this station at the console and run `bandstand-station join` with it";
    match days_left {
        ..0 => bad(
            check,
            Verdict::Fail,
            format!("it expired {} days ago", -days_left),
            again,
        ),
        days if days <= CERTIFICATE_DAYS_WARN => {
            let text = format!("{days} days left, and not renewed");
            bad(check, Verdict::Warn, text, "let the station reach its console")
        }
        days => ok(check, format!("{days} days left")),
    }
}

/// What the running daemon says.
pub(super) fn in_step(sync: &Sync, wall_ms: u64) -> Finding {
    let heard = match sync.heard_ms {
        Some(heard_ms) => format!("heard {} ago", in_words(wall_ms.saturating_sub(heard_ms) / 1000)),
        None => "not heard since the start".to_owned(),
    };
    let text = format!("{}, {heard}, {} entries wait", sync.console, sync.journal_waiting);
    let code = sync
        .journal_code
        .as_deref()
        .or(sync.code.as_deref())
        .unwrap_or("");
    let said = sync.text.as_deref().unwrap_or("");
    match sync.state {
        SyncStage::Stopped => bad(
            "console",
            Verdict::Fail,
            format!("{text}: {code} {said}"),
            next_after(code),
        ),
        _ if sync.journal_code.is_some() => bad(
            "console",
            Verdict::Fail,
            format!("{text}: {code}"),
            next_after(code),
        ),
        SyncStage::Offline => bad(
            "console",
            Verdict::Warn,
            format!("{text}: {said}"),
            "check the network; the station works without the console as long as its replica is young enough",
        ),
        SyncStage::Connecting | SyncStage::Filling => ok("console", text),
        SyncStage::UpToDate => match sync
            .clock_behind_seconds
            .filter(|by| by.unsigned_abs() > CLOCK_SECONDS_MAX)
        {
            Some(by) => bad(
                "console",
                Verdict::Warn,
                format!("{text}; its clock is {by} s ahead of this one"),
                "set the clock that is wrong (`timedatectl`)",
            ),
            None => ok("console", text),
        },
    }
}

fn next_after(code: &str) -> &'static str {
    match code {
        "station_revoked" => {
            "ask an administrator: this station was revoked, and what it could not send is still here"
        }
        "certificate_unknown" | "certificate_expired" => {
            "make a token for this station at the console and run `bandstand-station join` with it"
        }
        "journal_fork" | "journal_rolled_back" => {
            "two stations have used this identity, or an old copy was put back: ask an administrator"
        }
        "station_quarantined" => "ask an administrator: the console does not believe this station's journal",
        "journal_damaged" => "run `journal verify` and ask an administrator",
        "console_not_trusted" => {
            "somebody else answers at the console's address, its certificate is not in force, or the console went over to \
             another authority while this station was away: then make a token for this station at the console and run \
             `bandstand-station join` with it"
        }
        "no_common_version" | "row_kind_unknown" | "page_version" => {
            "update the older of station and console"
        }
        "console_behind" | "lineage_past" | "revision_backward" => {
            "ask an administrator: the console's database was put back without `bandstand-console restore`"
        }
        _ => "ask an administrator; the log says more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
