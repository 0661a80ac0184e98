//! One line per cause: what is wrong, and what to do about it.
//!
//! The doctor looks for himself at whatever can be looked at beside a running daemon, and asks the daemon
//! for what only it knows: the radio.

mod console;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use firmware_protocol::certificate::StationCertificate;
use station_core::journal::floor_after;

use crate::api::model::{Finding, Findings, Status, Verdict};
use crate::clock::{Clock, RELEASED_MS};
use crate::config::Config;
use crate::keys::Keys;
use crate::problem::Problem;
use crate::seal::{self, SealKey, Source};
use crate::store::{Identity, Store};

/// A certificate that lasts no longer than this is a warning, in days.
const CERTIFICATE_DAYS_WARN: i64 = 30;
/// The wall clock may be behind the journal by this much, in milliseconds.
const CLOCK_LAG_MS_MAX: u64 = 5_000;

const DAY_S: i64 = 86_400;

/// Looks at everything. `status` is what the running daemon says of itself, or why it says nothing.
pub fn examine(
    config: Result<&Config, &Problem>,
    status: Result<&Status, &Problem>,
    clock: Clock,
) -> Findings {
    let mut findings = vec![configuration(config)];
    if let Ok(config) = config {
        findings.extend(stored(config, clock));
        findings.push(disk(config));
    }
    findings.push(daemon(status));
    if let Ok(status) = status {
        findings.push(radio(&status.radio, status.adapter.as_deref()));
        findings.extend(
            status
                .sync
                .as_ref()
                .map(|sync| console::in_step(sync, clock.wall_ms())),
        );
    }
    Findings { findings }
}

fn ok(check: &str, text: impl Into<String>) -> Finding {
    Finding {
        check: check.into(),
        verdict: Verdict::Ok,
        text: text.into(),
        next: None,
    }
}

fn bad(check: &str, verdict: Verdict, text: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding {
        check: check.into(),
        verdict,
        text: text.into(),
        next: Some(next.into()),
    }
}

fn failed(check: &str, problem: &Problem) -> Finding {
    bad(
        check,
        Verdict::Fail,
        format!("{}: {}", problem.what, problem.why),
        problem.next.clone(),
    )
}

fn configuration(config: Result<&Config, &Problem>) -> Finding {
    match config {
        Ok(_) => ok("config", "the configuration can be used"),
        Err(problem) => failed("config", problem),
    }
}

fn daemon(status: Result<&Status, &Problem>) -> Finding {
    match status {
        Ok(status) => ok(
            "daemon",
            format!(
                "runs since {} s, version {}",
                status.uptime_seconds, status.software
            ),
        ),
        Err(problem) => failed("daemon", problem),
    }
}

/// What the radio's state means for people.
pub(crate) fn radio(state: &str, adapter: Option<&str>) -> Finding {
    let fail = |text: &str, next: &str| bad("radio", Verdict::Fail, text, next);
    match state {
        "ready" => ok(
            "radio",
            format!("adapter {} works", adapter.unwrap_or("(unnamed)")),
        ),
        "off" => fail(
            "the adapter is switched off",
            "switch it on: `bluetoothctl power on`",
        ),
        "absent" => fail(
            "there is no adapter, or not the configured one",
            "plug it in, or correct radio.adapter",
        ),
        "bluez_down" => fail(
            "bluetoothd does not run or does not answer",
            "`systemctl restart bluetooth`",
        ),
        "bus_down" => fail("the system bus cannot be reached", "`systemctl status dbus`"),
        "no_permission" => fail(
            "D-Bus refuses this user the use of Bluetooth",
            "add the station's user to the group `bluetooth` and start the station again",
        ),
        _ => bad(
            "radio",
            Verdict::Warn,
            "the radio is starting",
            "ask again in a few seconds",
        ),
    }
}

fn stored(config: &Config, clock: Clock) -> Vec<Finding> {
    let database = config.database();
    let (seal_key, source) = match seal::find(config) {
        Ok(found) => found,
        Err(problem) => return vec![failed("seal", &problem)],
    };
    let store = match Store::open_to_read(&database, &seal_key) {
        Ok(store) => store,
        Err(error) => {
            return vec![failed(
                "database",
                &error.into_problem("the database cannot be used", config),
            )];
        }
    };
    let mut findings = vec![
        sealed(&seal_key, &source, config),
        whole(&store, config),
        journal(&store, config),
    ];
    let state = store.sync_state().ok().flatten();
    if let Ok(identity) = store.identity() {
        findings.push(key_file(config, identity, &seal_key));
        findings.push(certificate(identity, state.is_some(), clock));
        findings.push(replica(identity, state.is_some(), clock));
    }
    if let Some(state) = &state {
        findings.extend(console::stored(config, &seal_key, state, clock));
    }
    findings.push(intents(&store, config));
    findings.push(quarantines(&store, config));
    findings.push(time(&store, clock));
    findings
}

/// What keeps a thief of the disk from reading it.
fn sealed(key: &SealKey, source: &Source, config: &Config) -> Finding {
    let device = |path: &Path| std::fs::metadata(path).map(|about| about.dev()).ok();
    match source {
        Source::File(file) if device(file) == device(&config.database()) => bad(
            "seal",
            Verdict::Warn,
            format!(
                "sealed with the key {}, which lies on the same disk: whoever takes it has both",
                key.id()
            ),
            "let a TPM keep the key as a credential of systemd, or put it on another medium: docs/operating.md",
        ),
        Source::File(_) => ok(
            "seal",
            format!("sealed with the key {}, from another disk", key.id()),
        ),
        Source::Credential(_) => ok("seal", format!("sealed with the key {}, a credential", key.id())),
    }
}

/// Bands that prove something they should not be able to.
fn quarantines(store: &Store, config: &Config) -> Finding {
    let found = match store.quarantines() {
        Ok(found) => found,
        Err(error) => {
            let problem = error.into_problem("quarantined bands cannot be read", config);
            return failed("quarantine", &problem);
        }
    };
    if found.is_empty() {
        return ok("quarantine", "every band is believed");
    }
    let bands = found
        .iter()
        .map(|q| format!("{} ({})", q.serial.as_str(), q.code));
    bad(
        "quarantine",
        Verdict::Warn,
        format!(
            "{} bands prove enrollments that were not made here and are not allowed: {}",
            found.len(),
            bands.collect::<Vec<_>>().join(", ")
        ),
        "look where they were enrolled; emptied by hand, each can be enrolled again",
    )
}

/// Enrollments whose end only their band knows.
fn intents(store: &Store, config: &Config) -> Finding {
    let open = match store.intents() {
        Ok(open) => open,
        Err(error) => {
            return failed(
                "intents",
                &error.into_problem("open enrollments cannot be read", config),
            );
        }
    };
    if open.is_empty() {
        return ok("intents", "every enrollment is settled");
    }
    let serials: Vec<_> = open.iter().map(|intent| intent.serial.as_str()).collect();
    bad(
        "intents",
        Verdict::Warn,
        format!(
            "{} enrollments wait for their band: {}",
            open.len(),
            serials.join(", ")
        ),
        "hold each of these bands to the station; it settles by itself what was begun. For a band that will not \
         come back: `bandstand-station intents close`",
    )
}

fn whole(store: &Store, config: &Config) -> Finding {
    match store.check_whole().and_then(|()| store.check_rows()) {
        Ok(()) => ok("database", format!("whole, SQLite {}", rusqlite::version())),
        Err(error) => failed(
            "database",
            &error.into_problem("the database is not what it was", config),
        ),
    }
}

fn journal(store: &Store, config: &Config) -> Finding {
    match store.verify_journal() {
        Ok(found) => match found.fault {
            None => ok(
                "journal",
                format!("{} entries, complete and unchanged", found.head.sequence),
            ),
            Some(fault) => bad(
                "journal",
                Verdict::Fail,
                format!("{fault}; {} entries before it hold", found.head.sequence),
                "keep a copy of the data folder and tell an administrator",
            ),
        },
        Err(error) => failed(
            "journal",
            &error.into_problem("the journal cannot be read", config),
        ),
    }
}

fn key_file(config: &Config, identity: &Identity, seal_key: &SealKey) -> Finding {
    match Keys::load(&config.station.key_file, &identity.keys_digest, seal_key) {
        Ok(_) => ok("key_file", "readable by the station alone"),
        Err(problem) => failed("key_file", &problem),
    }
}

fn certificate(identity: &Identity, joined: bool, clock: Clock) -> Finding {
    let renew = match joined {
        true => "let the station reach its console, which renews it; or join again with a new token",
        false => "get a new provisioning file and run `bandstand-station init --replace`",
    };
    let fail = |text: String| bad("certificate", Verdict::Fail, text, renew);
    let Ok(certificate) = minicbor::decode::<StationCertificate>(&identity.certificate.body) else {
        return fail("it does not read".into());
    };
    let now = clock.wall().0 as i64;
    let (begins, ends) = (certificate.not_before.0 as i64, certificate.not_after.0 as i64);
    let days_left = (ends - now).div_euclid(DAY_S);
    match () {
        () if now < begins => fail(format!(
            "it is valid only in {} days",
            (begins - now).div_euclid(DAY_S) + 1
        )),
        () if now > ends => fail(format!("it expired {} days ago", -days_left)),
        () if days_left <= CERTIFICATE_DAYS_WARN => bad(
            "certificate",
            Verdict::Warn,
            format!("{days_left} days left"),
            renew,
        ),
        () => ok("certificate", format!("{days_left} days left")),
    }
}

fn replica(identity: &Identity, joined: bool, clock: Clock) -> Finding {
    let age_s = clock.wall_ms().saturating_sub(identity.as_of_ms) / 1000;
    let policy = policy::effective::effective(&identity.group_policy, None);
    let (takeover_s, offline_s) = (policy.takeover_max_age_s.value, policy.offline_max_age_s.value);
    let text = format!("revision {}, {} old", identity.revision, in_words(age_s));
    let next = match joined {
        true => "let the station reach its console",
        false => "load a fresh provisioning file with `bandstand-station init --replace`",
    };
    match () {
        () if age_s > offline_s.into() => bad(
            "replica",
            Verdict::Fail,
            format!("{text}: too old for any decision"),
            next,
        ),
        () if age_s > takeover_s.into() => bad(
            "replica",
            Verdict::Warn,
            format!("{text}: too old for one person to take over another's band"),
            next,
        ),
        () => ok("replica", text),
    }
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn time(store: &Store, clock: Clock) -> Finding {
    let next = "set the clock (`timedatectl`); if it is right, `bandstand-station clock confirm`";
    let floor_ms = store
        .last_entry()
        .ok()
        .flatten()
        .map_or(0, |entry| floor_after(0, &entry));
    let now_ms = clock.wall_ms();
    if now_ms < RELEASED_MS {
        return bad(
            "clock",
            Verdict::Fail,
            "the clock shows a date before this software was made",
            next,
        );
    }
    match floor_ms.saturating_sub(now_ms) {
        behind if behind > CLOCK_LAG_MS_MAX => {
            let text = format!(
                "the clock is {} behind the journal: it was set back",
                in_words(behind / 1000)
            );
            bad("clock", Verdict::Fail, text, next)
        }
        _ => match store.passed_ms() {
            Ok(passed_ms) if passed_ms > now_ms => bad(
                "clock",
                Verdict::Warn,
                format!(
                    "it was confirmed {} before what the station had believed; what had expired stays expired",
                    in_words((passed_ms - now_ms) / 1000)
                ),
                "nothing, or load a fresh provisioning file with `bandstand-station init --replace`",
            ),
            _ => ok("clock", "agrees with the journal"),
        },
    }
}

fn disk(config: &Config) -> Finding {
    let folder = &config.station.data_directory;
    let free = match free_mib(folder) {
        Ok(free) => free,
        Err(error) => {
            let text = format!("the free space of {} cannot be told: {error}", folder.display());
            return bad(
                "disk",
                Verdict::Warn,
                text,
                "make the data folder, or correct station.data_directory",
            );
        }
    };
    let least = config.station.disk_free_mib_min;
    let text = format!("{free} MiB free");
    match free {
        free if free < least => {
            let next = format!("free disk space; no enrollment starts below {least} MiB");
            bad("disk", Verdict::Fail, text, next)
        }
        free if free < 4 * least => bad("disk", Verdict::Warn, text, "free disk space soon"),
        _ => ok("disk", text),
    }
}

/// Free space for the station's user where `folder` is, in MiB.
pub(crate) fn free_mib(folder: &Path) -> std::io::Result<u64> {
    let about = rustix::fs::statvfs(folder)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize) >> 20)
}

/// The worst verdict.
pub fn worst(findings: &Findings) -> Verdict {
    findings
        .findings
        .iter()
        .map(|finding| finding.verdict)
        .max()
        .unwrap_or(Verdict::Ok)
}
