//! What an operator asks for: people, bands, and how the station is.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use firmware_protocol::id::Serial;
use policy::model::{UserId, UserStatus};
use serde_json::{Value, json};
use station_core::ticket::SignedIn;

use super::super::session::{Answer, Checked, LogLine, Open, Person, Station, TEST_WAIT, What};
use crate::api::model::{Finding, JournalEntry, OpenIntent};
use crate::api::{Command, Shared, routes};
use crate::doctor;
use crate::eventloop::look::{BandSeen, Look};
use crate::eventloop::signed::Proof;
use crate::problem::{Code, Problem};

/// Entries of the journal that are shown.
const ENTRIES_SHOWN: u64 = 10;
/// Entries of the journal that go into a report.
const ENTRIES_REPORTED: u64 = 200;
/// Open enrollments that are shown, the oldest first; the next ones follow.
const INTENTS_SHOWN: usize = 10;
/// How long an operator waits for a band.
const CHECK_WAIT: Duration = Duration::from_secs(15);

/// Somebody the station knows.
pub(super) async fn person(shared: &Shared, user: &str) -> Option<Person> {
    let id = UserId::new(user).ok()?;
    let read = shared.store.run(move |store| store.user(&id)).await;
    let user = read.ok()??.user;
    let id = user.id.as_str().to_owned();
    Some(Person {
        active: user.status == UserStatus::Active && !user.is_suspended(),
        name: if user.name.is_empty() {
            id.clone()
        } else {
            user.name
        },
        id,
    })
}

pub(super) async fn find(shared: &Shared, user: String) -> Answer {
    let person = person(shared, user.trim()).await;
    Answer::Found(user, person)
}

async fn look(shared: &Shared, serial: Option<Serial>, wait: Duration) -> Result<BandSeen, Problem> {
    shared
        .ask(|reply| Command::Look(Look { serial, wait, reply }))
        .await
}

/// Looks at the band with this serial.
pub(super) async fn look_for(shared: &Shared, serial: &str) -> Result<BandSeen, Problem> {
    let serial = Serial::new(serial).ok_or_else(|| {
        let why = "the band has no serial";
        Problem::new(Code::BadRequest, "no band was looked at", why, "try again")
    })?;
    look(shared, Some(serial), TEST_WAIT).await
}

/// Looks at whichever band is held to the station, and whose it is.
pub(super) async fn check(shared: &Shared) -> Result<Checked, Problem> {
    let seen = look(shared, None, CHECK_WAIT).await?;
    let mut holders = Vec::new();
    for known in seen
        .associations
        .iter()
        .filter(|known| known.association.is_open())
    {
        let id = known.association.user.as_str();
        let person = person(shared, id).await;
        holders.push(person.unwrap_or_else(|| Person {
            id: id.to_owned(),
            name: id.to_owned(),
            active: false,
        }));
    }
    Ok(Checked { seen, holders })
}

async fn findings(shared: &Shared) -> Vec<Finding> {
    match routes::examine(State(shared.clone())).await {
        Ok(Json(found)) => found.findings,
        Err(answer) => vec![doctor::failed("daemon", &answer.0)],
    }
}

async fn entries(shared: &Shared, count: u64) -> Vec<JournalEntry> {
    let read = shared.store.run(move |store| {
        let head = store.head()?.sequence;
        store.entries(head.saturating_sub(count) + 1, count as u32)
    });
    let entries = read.await.unwrap_or_default();
    entries.iter().rev().map(JournalEntry::of).collect()
}

/// How the station is.
pub(super) async fn examine(shared: &Shared) -> Station {
    Station {
        findings: findings(shared).await,
        entries: entries(shared, ENTRIES_SHOWN).await,
    }
}

/// What there is to put right, as far as the operator may.
pub(super) async fn look_up(shared: &Shared, clock: bool, intents: bool) -> Answer {
    let mut open = Open::default();
    if clock {
        open.clock = shared.ask(Command::Clock).await.ok();
    }
    if intents {
        let read = shared.store.run(|store| OpenIntent::all(store)).await;
        for intent in read.unwrap_or_default().into_iter().take(INTENTS_SHOWN) {
            let name = person(shared, &intent.user).await.map(|person| person.name);
            let name = name.unwrap_or_else(|| intent.user.clone());
            open.intents.push((intent, name));
        }
    }
    Answer::LookedUp(Box::new(open))
}

/// An operator who signed in gives up an enrollment.
pub(super) async fn close_intent(shared: &Shared, by: SignedIn, association: &str) -> Result<(), Problem> {
    let association = routes::association_named(association)?;
    let by = Proof::SignedIn(by);
    let closed = shared.ask(|reply| Command::CloseIntent {
        association,
        by,
        reply,
    });
    closed.await.map(drop)
}

/// Writes a report for support into a folder of the station's data, and gives its path. It holds how things are and
/// what happened, and no names, no records, no keys.
pub(super) async fn bundle(shared: &Shared, log: &VecDeque<LogLine>) -> Result<String, Problem> {
    let findings = findings(shared).await;
    let entries = entries(shared, ENTRIES_REPORTED).await;
    let live = shared.live.borrow().clone();
    let bands = live.bands.bands.iter().map(|band| {
        json!({ "rssi_dbm": band.rssi_dbm, "near": band.near, "enrolled": band.enrolled, "worn": band.worn,
            "locked_out": band.locked_out, "battery_percent": band.battery_percent })
    });
    let report = json!({
        "software": env!("CARGO_PKG_VERSION"),
        "written_ms": shared.clock.wall_ms(),
        "radio": live.radio,
        "adapter": live.adapter,
        "time_trusted": live.time_trusted,
        "sync": live.sync,
        "configuration": shared.config.as_ref(),
        "findings": findings,
        "bands": bands.collect::<Vec<_>>(),
        "log": log.iter().map(line).collect::<Vec<_>>(),
        "journal": entries.iter().map(entry).collect::<Vec<_>>(),
    });
    let folder = shared.config.station.data_directory.join("support");
    let name = format!("report-{}.json", shared.clock.wall_ms() / 1000);
    let written = tokio::task::spawn_blocking(move || write(&folder, &name, &report)).await;
    let failed = |why: String| {
        Problem::new(
            Code::StoreFailed,
            "no report was written",
            why,
            "look at the disk",
        )
    };
    match written {
        Ok(Ok(path)) => Ok(path.display().to_string()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// An entry without its record, which names people.
fn entry(entry: &JournalEntry) -> Value {
    json!({ "sequence": entry.sequence, "time_ms": entry.time_ms, "kind": entry.kind, "hash": entry.hash })
}

fn line(line: &LogLine) -> Value {
    let (what, detail) = match &line.what {
        What::Phase(phase) => ("phase", phase.name()),
        What::Touch(fault) => ("touch", fault.as_str()),
        What::Ended(code) => ("ended", code.as_str()),
        What::Radio(state) => ("radio", state.as_str()),
        What::Sync(state) => ("sync", *state),
    };
    json!({ "time_ms": line.wall_ms, "what": what, "detail": detail })
}

fn write(folder: &PathBuf, name: &str, report: &Value) -> std::io::Result<PathBuf> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let path = folder.join(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(&serde_json::to_vec_pretty(report)?)?;
    Ok(path)
}
