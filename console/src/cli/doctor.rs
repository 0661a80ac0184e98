//! `doctor`: one line per thing that was looked at, with what to do where something is wrong.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Args;
use policy::model::UnixMillis;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

use super::init::caller;
use super::run::runtime;
use crate::acts::audits;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, DbError, Tx, is_postgres, sqlite_path};
use crate::serve::App;
use crate::store::keys;
use crate::sync::stations::{self, StationInfo};
use crate::vault::Vault;

/// How certificates are named that end soon, and since when it is said.
const DAYS_WARN: i64 = 30;
const DAY_MS: i64 = 86_400_000;
/// A station that says nothing for this long is named; it reports every few minutes.
const SILENT_MS: i64 = 3_600_000;
const DISK_FAIL_BYTES: u64 = 64 << 20;
const DISK_WARN_BYTES: u64 = 1 << 30;

/// What to look at, and how to say it.
#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    at: super::run::Arguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Somebody should look at it soon.
    Warning,
    /// The console does not work, or not as it should.
    Failure,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What, by a stable code.
    pub what: &'static str,
    /// How it stands.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing.
    pub next: &'static str,
}

impl Finding {
    fn new(what: &'static str, level: Level, found: impl Display, next: &'static str) -> Self {
        let next = if level == Level::Good { "" } else { next };
        Self {
            what,
            level,
            found: format!("{found:#}"),
            next,
        }
    }

    fn of<T: Display, E: Display>(what: &'static str, looked: Result<T, E>, next: &'static str) -> Self {
        match looked {
            Ok(found) => Self::new(what, Level::Good, found, next),
            Err(error) => Self::new(what, Level::Failure, error, next),
        }
    }
}

/// Says what is wrong; fails if anything does not work.
pub fn run(arguments: &Doctor) -> Result<()> {
    let findings = look(&arguments.at.config)?;
    let worst = findings
        .iter()
        .map(|finding| finding.level)
        .max()
        .unwrap_or(Level::Good);
    if arguments.json {
        let good = worst != Level::Failure;
        println!("{}", serde_json::json!({ "good": good, "findings": findings }));
    } else {
        findings.iter().for_each(|finding| println!("{}", line(finding)));
    }
    ensure!(worst != Level::Failure, "something is wrong");
    Ok(())
}

fn line(finding: &Finding) -> String {
    let mark = match finding.level {
        Level::Good => "ok  ",
        Level::Warning => "WARN",
        Level::Failure => "FAIL",
    };
    let next = if finding.next.is_empty() {
        String::new()
    } else {
        format!("; {}", finding.next)
    };
    format!("{mark} {:<16} {}{next}", finding.what, finding.found)
}

fn look(config: &Path) -> Result<Vec<Finding>> {
    let loaded = Config::load(config);
    let reads = loaded.as_ref().map(|_| config.display());
    let mut findings = vec![Finding::of("configuration", reads, "mend it")];
    if let Ok(config) = loaded {
        findings.extend(runtime()?.block_on(look_around(config)));
    }
    Ok(findings)
}

/// Everything that a configuration leads to, from the outside in: what cannot be reached hides what lies behind.
pub async fn look_around(config: Config) -> Vec<Finding> {
    let clock = Clock::Wall;
    let mut findings = Vec::new();
    let vault = Vault::open(&config.vault.key_file);
    let key = vault.as_ref().map(|_| config.vault.key_file.display());
    findings.push(Finding::of(
        "master_key",
        key,
        "put the copy of the key back, with mode 0600",
    ));
    findings.extend(web_certificate(&config, clock.now()));
    findings.extend(disk(&config));
    let url = &config.database.url;
    let db = Db::open(url).await;
    let place = if is_postgres(url) { "PostgreSQL" } else { url };
    findings.push(Finding::of(
        "database",
        db.as_ref().map(|_| place),
        "start the database, or mend `database.url`",
    ));
    let Ok(db) = db else { return findings };
    let tables = db
        .check_migrated()
        .await
        .map(|()| format!("number {}", crate::db::newest()));
    let behind = tables.is_err();
    findings.push(Finding::of(
        "tables",
        tables,
        "run `bandstand-console migrate`, or the release that was used last",
    ));
    let (Ok(vault), false) = (vault, behind) else {
        return findings;
    };
    let app = App::new(db, vault, clock, config);
    findings.extend(look_inside(&app).await);
    findings
}

/// Everything inside of a database of this release.
pub async fn look_inside(app: &App) -> Vec<Finding> {
    let now = app.now();
    let vault = app.vault.clone();
    let secrets = app.db.read(move |tx| secrets(tx, &vault)).await;
    let mut findings = vec![
        Finding::of(
            "file",
            app.db.read(whole).await,
            "restore a backup; see the manual's part on restoring",
        ),
        Finding::of(
            "secrets",
            secrets,
            "this is another console's master key, or `init` was never run",
        ),
        audit(app).await,
    ];
    let inside = app.db.read(move |tx| {
        let mut findings = vec![authority(tx, now)?];
        findings.extend(signers(tx, now)?);
        findings.extend(waiting(tx)?);
        findings.extend(of_stations(&stations::list(tx)?, now));
        Ok::<_, DbError>(findings)
    });
    match inside.await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(Finding::new(
            "database",
            Level::Failure,
            error,
            "see the console's log",
        )),
    }
    findings
}

/// Whether SQLite finds its own file whole.
fn whole(tx: &Tx<'_>) -> Result<String, DbError> {
    if tx.is_postgres() {
        return Ok("is PostgreSQL's own business".into());
    }
    let verdict = tx
        .first("pragma quick_check(1)", &[], |row| row.text(0))?
        .unwrap_or_default();
    if verdict == "ok" {
        Ok("whole".into())
    } else {
        Err(DbError::Damaged(verdict))
    }
}

fn secrets(tx: &Tx<'_>, vault: &Vault) -> Result<String, DbError> {
    vault.require(tx, crate::vault::names::ORGANIZATION)?;
    let names = tx.all("select name from secrets order by name", &[], |row| row.text(0))?;
    for name in &names {
        vault.require(tx, name)?;
    }
    Ok(format!("{} open with this master key", names.len()))
}

async fn audit(app: &App) -> Finding {
    let next = "compare with a head or an export from before, and ask who had the database";
    let verdict = match audits::verify(app, &caller(), None).await {
        Ok(verdict) => verdict,
        Err(problem) => return Finding::new("audit", Level::Failure, problem, next),
    };
    match verdict.head {
        Some(head) => {
            let found = format!("{}, head {}:{}", verdict.explanation, head.sequence, head.hash);
            Finding::new("audit", Level::Good, found, next)
        }
        None => Finding::new("audit", Level::Failure, verdict.explanation, next),
    }
}

/// How many days are left, and how bad that is.
fn days_left(what: &'static str, until_ms: i64, now: UnixMillis, next: &'static str) -> Finding {
    let days = (until_ms - now.0).div_euclid(DAY_MS);
    match days {
        ..0 => Finding::new(what, Level::Failure, format!("ended {} days ago", -days), next),
        0..DAYS_WARN => Finding::new(what, Level::Warning, format!("ends in {days} days"), next),
        _ => Finding::new(what, Level::Good, format!("holds {days} days more"), next),
    }
}

fn not_after_ms(certificate: &[u8]) -> Result<i64> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).context("is not a certificate")?;
    Ok(read.validity().not_after.timestamp().saturating_mul(1000))
}

fn web_certificate(config: &Config, now: UnixMillis) -> Option<Finding> {
    let path = config.web.certificate.as_ref()?;
    let next = "put a new certificate there and start the console again";
    let until = CertificateDer::from_pem_file(path)
        .with_context(|| format!("cannot read a certificate from {}", path.display()))
        .and_then(|certificate| not_after_ms(&certificate));
    Some(match until {
        Ok(until) => days_left("web_certificate", until, now, next),
        Err(error) => Finding::new("web_certificate", Level::Failure, format!("{error:#}"), next),
    })
}

/// The authority is made when the console serves for the first time, and signs the listener's own certificate at
/// each start.
fn authority(tx: &Tx<'_>, now: UnixMillis) -> Result<Finding, DbError> {
    let what = "authority";
    let ends = tx
        .first("select max(not_after) from station_certificates", &[], |row| {
            row.opt_int(0)
        })?
        .flatten();
    let made = tx.number("select count(*) from secrets where name = 'ca.cert'", &[])? > 0;
    Ok(match (made, ends) {
        (false, _) => Finding::new(what, Level::Good, "made at the first `run`", ""),
        (true, None) => Finding::new(what, Level::Good, "there; no station has joined yet", ""),
        (true, Some(seconds)) => {
            let next = "stations do not renew their certificates: look whether they reach the console";
            let finding = days_left(what, seconds.saturating_mul(1000), now, next);
            Finding {
                found: format!("the newest certificate of a station {}", finding.found),
                ..finding
            }
        }
    })
}

fn signers(tx: &Tx<'_>, now: UnixMillis) -> Result<Vec<Finding>, DbError> {
    let mut findings = Vec::new();
    for (what, kind) in [
        ("feed_key", keys::FEED),
        ("ticket_key", keys::TICKET_ISSUER),
        ("code_key", keys::CODE),
    ] {
        let next = "make a new key in the settings";
        findings.push(match keys::current(tx, kind, now) {
            Ok(key) => Finding::new(what, Level::Good, format!("number {} signs", key.id), next),
            Err(DbError::Damaged(why)) => Finding::new(what, Level::Failure, why, next),
            Err(error) => return Err(error),
        });
    }
    Ok(findings)
}

/// What waits for a person.
fn waiting(tx: &Tx<'_>) -> Result<Vec<Finding>, DbError> {
    let mut findings = Vec::new();
    for (what, table, thing, next) in [
        (
            "quarantine",
            "quarantine",
            "conflicts",
            "settle them on the page Quarantine",
        ),
        (
            "imports",
            "imports where state = 'waiting'",
            "lists",
            "another administrator agrees to them, or cancels them",
        ),
    ] {
        let count = tx.number(&format!("select count(*) from {table}"), &[])?;
        let level = if count == 0 { Level::Good } else { Level::Warning };
        findings.push(Finding::new(
            what,
            level,
            format!("{count} {thing} wait for a person"),
            next,
        ));
    }
    Ok(findings)
}

/// One line for all that is well, and one for each station with which something is wrong.
fn of_stations(all: &[StationInfo], now: UnixMillis) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut well = 0;
    for station in all.iter().filter(|station| station.revoked_at.is_none()) {
        let seen = station.health.as_ref().map_or(station.joined_at, |(_, at)| *at);
        let silent = now.0 - seen.0;
        let name = format!("{} ({}, {})", station.name, station.site, station.id);
        if let Some(quarantine) = &station.quarantine {
            let found = format!("{name}: {} at entry {}", quarantine.code, quarantine.sequence);
            let next = "look at its page: nothing more of its journal is taken in";
            findings.push(Finding::new("station", Level::Failure, found, next));
        } else if silent > SILENT_MS {
            let found = format!("{name}: silent for {} minutes", silent / 60_000);
            findings.push(Finding::new(
                "station",
                Level::Warning,
                found,
                "look whether it runs and reaches the console",
            ));
        } else {
            well += 1;
        }
    }
    findings.insert(
        0,
        Finding::new(
            "stations",
            Level::Good,
            format!("{well} heard of within the hour"),
            "",
        ),
    );
    findings
}

/// Room where the database is; PostgreSQL's is on another machine.
fn disk(config: &Config) -> Option<Finding> {
    let url = &config.database.url;
    let folder = sqlite_path(url)?.parent()?;
    let next = "make room: a full disk stops every change, and loses none that was acknowledged";
    Some(match rustix::fs::statvfs(folder) {
        Err(error) => Finding::new(
            "disk",
            Level::Failure,
            format!("{}: {error}", folder.display()),
            next,
        ),
        Ok(about) => room(about.f_bavail.saturating_mul(about.f_frsize), next),
    })
}

fn room(free: u64, next: &'static str) -> Finding {
    let level = match free {
        ..DISK_FAIL_BYTES => Level::Failure,
        DISK_FAIL_BYTES..DISK_WARN_BYTES => Level::Warning,
        _ => Level::Good,
    };
    Finding::new("disk", level, format!("{} MiB free", free >> 20), next)
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
