//! One line per cause: what is wrong, and what to do about it.
//!
//! The doctor looks for himself at whatever can be looked at beside a running daemon, and asks the daemon
//! for what only it knows: the radio.

pub(crate) mod cause;
mod console;
pub(crate) mod words;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use firmware_protocol::certificate::StationCertificate;
use station_core::journal::{ChainFault, floor_after};

use cause::Cause;

use crate::api::model::{Finding, FindingValue, Findings, Status, Verdict};
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

/// A finding with what belongs to it.
pub(crate) fn found<'a>(cause: Cause, values: impl IntoIterator<Item = (&'a str, FindingValue)>) -> Finding {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut finding = Finding {
        check: cause.check().into(),
        verdict: cause.verdict(),
        code: cause.code().into(),
        values: values.collect(),
        text: String::new(),
        next: (cause.verdict() != Verdict::Ok).then(String::new),
    };
    let said = words::in_english(&finding);
    // A value that a message asks for and that is not there stands in it by its name.
    assert!(!said.text.contains("{$"), "{said:?}");
    (finding.text, finding.next) = (said.text, said.next);
    if let Some(detail) = finding.detail() {
        finding.text = format!("{}: {detail}", finding.text);
    }
    finding
}

fn plain(cause: Cause) -> Finding {
    found(cause, [])
}

/// Something that could not be looked at. What stood in the way is as detailed as the problem itself.
pub(crate) fn failed(check: &str, problem: &Problem) -> Finding {
    let text = format!("{}: {}", problem.what, problem.why);
    Finding {
        check: check.into(),
        verdict: Verdict::Fail,
        code: problem.code.as_str().into(),
        values: [("detail".to_owned(), text.as_str().into())].into(),
        text,
        next: Some(problem.next.clone()),
    }
}

fn configuration(config: Result<&Config, &Problem>) -> Finding {
    match config {
        Ok(_) => plain(Cause::ConfigUsable),
        Err(problem) => failed("config", problem),
    }
}

fn daemon(status: Result<&Status, &Problem>) -> Finding {
    match status {
        Ok(status) => found(
            Cause::DaemonRuns,
            [
                ("uptime_seconds", status.uptime_seconds.into()),
                ("version", status.software.as_str().into()),
            ],
        ),
        Err(problem) => failed("daemon", problem),
    }
}

/// What the radio's state means for people.
pub(crate) fn radio(state: &str, adapter: Option<&str>) -> Finding {
    match state {
        "ready" => found(
            Cause::RadioWorks,
            [("adapter", adapter.unwrap_or("(unnamed)").into())],
        ),
        "off" => plain(Cause::RadioOff),
        "absent" => plain(Cause::RadioAbsent),
        "bluez_down" => plain(Cause::BluezDown),
        "bus_down" => plain(Cause::BusDown),
        "no_permission" => plain(Cause::NoPermission),
        _ => plain(Cause::RadioStarting),
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
        Source::File(file) if device(file) == device(&config.database()) => {
            found(Cause::SealedOnSameDisk, [("key", key.id().to_string().into())])
        }
        Source::File(_) => found(Cause::SealedOnOtherDisk, [("key", key.id().to_string().into())]),
        Source::Credential(_) => found(Cause::SealedByCredential, [("key", key.id().to_string().into())]),
    }
}

/// Bands that prove something they should not be able to.
fn quarantines(store: &Store, config: &Config) -> Finding {
    let quarantined = match store.quarantines() {
        Ok(quarantined) => quarantined,
        Err(error) => {
            let problem = error.into_problem("quarantined bands cannot be read", config);
            return failed("quarantine", &problem);
        }
    };
    if quarantined.is_empty() {
        return plain(Cause::BandsBelieved);
    }
    let bands = quarantined
        .iter()
        .map(|q| format!("{} ({})", q.serial.as_str(), q.code));
    let bands = bands.collect::<Vec<_>>().join(", ");
    found(
        Cause::BandsQuarantined,
        [("count", quarantined.len().into()), ("bands", bands.into())],
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
        return plain(Cause::EnrollmentsSettled);
    }
    let serials: Vec<_> = open.iter().map(|intent| intent.serial.as_str()).collect();
    found(
        Cause::EnrollmentsOpen,
        [("count", open.len().into()), ("bands", serials.join(", ").into())],
    )
}

fn whole(store: &Store, config: &Config) -> Finding {
    match store.check_whole().and_then(|()| store.check_rows()) {
        Ok(()) => found(Cause::DatabaseWhole, [("version", rusqlite::version().into())]),
        Err(error) => failed(
            "database",
            &error.into_problem("the database is not what it was", config),
        ),
    }
}

fn journal(store: &Store, config: &Config) -> Finding {
    match store.verify_journal() {
        Ok(verified) => chain(verified.head.sequence, verified.fault),
        Err(error) => failed(
            "journal",
            &error.into_problem("the journal cannot be read", config),
        ),
    }
}

fn chain(count: u64, fault: Option<ChainFault>) -> Finding {
    let Some(fault) = fault else {
        return found(Cause::JournalWhole, [("count", count.into())]);
    };
    let until = match fault {
        ChainFault::Gap { found, .. } => found.saturating_sub(1),
        _ => fault.sequence(),
    };
    found(
        Cause::JournalFaulty,
        [
            ("fault", fault.code().into()),
            ("sequence", fault.sequence().into()),
            ("until", until.into()),
            ("count", count.into()),
        ],
    )
}

fn key_file(config: &Config, identity: &Identity, seal_key: &SealKey) -> Finding {
    match Keys::load(&config.station.key_file, &identity.keys_digest, seal_key) {
        Ok(_) => plain(Cause::KeyFileReadable),
        Err(problem) => failed("key_file", &problem),
    }
}

/// `yes` or `no`, for messages.
fn yes(is_so: bool) -> FindingValue {
    if is_so { "yes" } else { "no" }.into()
}

fn certificate(identity: &Identity, joined: bool, clock: Clock) -> Finding {
    let Ok(certificate) = minicbor::decode::<StationCertificate>(&identity.certificate.body) else {
        return found(Cause::CertificateUnreadable, [("joined", yes(joined))]);
    };
    let now = clock.wall().0 as i64;
    let (begins, ends) = (certificate.not_before.0 as i64, certificate.not_after.0 as i64);
    let days_left = (ends - now).div_euclid(DAY_S);
    let (cause, days) = match () {
        () if now < begins => (Cause::CertificateNotYet, (begins - now).div_euclid(DAY_S) + 1),
        () if now > ends => (Cause::CertificateExpired, -days_left),
        () if days_left <= CERTIFICATE_DAYS_WARN => (Cause::CertificateShort, days_left),
        () => (Cause::CertificateGood, days_left),
    };
    found(cause, [("days", days.into()), ("joined", yes(joined))])
}

fn replica(identity: &Identity, joined: bool, clock: Clock) -> Finding {
    let age_s = clock.wall_ms().saturating_sub(identity.as_of_ms) / 1000;
    let policy = policy::effective::effective(&identity.group_policy, None);
    let (takeover_s, offline_s) = (policy.takeover_max_age_s.value, policy.offline_max_age_s.value);
    let cause = match () {
        () if age_s > offline_s.into() => Cause::ReplicaTooOld,
        () if age_s > takeover_s.into() => Cause::ReplicaTooOldForTakeover,
        () => Cause::ReplicaFresh,
    };
    found(
        cause,
        [
            ("revision", identity.revision.into()),
            ("age_seconds", age_s.into()),
            ("joined", yes(joined)),
        ],
    )
}

fn time(store: &Store, clock: Clock) -> Finding {
    let floor_ms = store
        .last_entry()
        .ok()
        .flatten()
        .map_or(0, |entry| floor_after(0, &entry));
    let now_ms = clock.wall_ms();
    let behind = |cause, behind_ms: u64| found(cause, [("behind_seconds", (behind_ms / 1000).into())]);
    if now_ms < RELEASED_MS {
        return plain(Cause::ClockBeforeRelease);
    }
    match (floor_ms.saturating_sub(now_ms), store.passed_ms()) {
        (lag_ms, _) if lag_ms > CLOCK_LAG_MS_MAX => behind(Cause::ClockSetBack, lag_ms),
        (_, Ok(passed_ms)) if passed_ms > now_ms => behind(Cause::ClockConfirmed, passed_ms - now_ms),
        _ => plain(Cause::ClockAgrees),
    }
}

fn disk(config: &Config) -> Finding {
    let folder = &config.station.data_directory;
    let free = match free_mib(folder) {
        Ok(free) => free,
        Err(error) => {
            return found(
                Cause::DiskUnknown,
                [
                    ("folder", folder.display().to_string().into()),
                    ("detail", error.to_string().into()),
                ],
            );
        }
    };
    let least = config.station.disk_free_mib_min;
    let cause = match free {
        free if free < least => Cause::DiskFull,
        free if free < 4 * least => Cause::DiskShort,
        _ => Cause::DiskGood,
    };
    found(cause, [("free", free.into()), ("least", least.into())])
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
