//! G1, G1b, G1c, G2, G2b, G2c: rows of the console reach a station, which is the real daemon as a process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use rusqlite::Connection;
use serde_json::json;
use server_sync::feed::{Row, UserRow};
use station_core::replica::derived_handle;

use super::kiosk::Kiosk;
use super::reader::Reader;
use super::site::{Running, Site};
use super::turns::in_turns;
use super::web::{Web, api_key, metric};
use super::wire::{Counted, Wire};
use super::{join, people, runtime};
use crate::bench::station::process;
use crate::bench::{Effort, Figure, Goal, crowd, note, quantile};

/// Of so many people one changes in G2.
const CHANGED_OF: usize = 10;
/// Changes that are followed one by one in G2c.
const CHANGES: usize = 50;
/// A poll is held for so long in G2b, in seconds.
const HOLD_S: u16 = 1;
const ZSTD_LEVEL: i32 = 3;

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        note(&format!("making a console with {} people", effort.people));
        let site = Site::new(people(effort.people), None).await?;
        let who = api_key(&site.app().await?).await?;
        let console = site.start().await?;
        let mut web = Web::open(console.web, Some(who)).await?;
        let users = site.cast.file().users.len();
        // Whoever joins later would be news.
        let mut members = join(&site, &console, 2).await?.into_iter();
        let mut reader = || anyhow::Ok(Reader::new(members.next().context("two stations")?));
        let records = reader()?.read_all(&console.address()).await?;
        let reader = reader()?;
        let mut figures = vec![first_sync(effort, &site, &console, &records).await?];
        figures.push(wire_bytes(&site, &console, &records, users).await?);
        figures.push(memory(&site, &console, users).await?);
        let mut kiosk = kiosk(&site, &console).await?;
        kiosk.start()?;
        kiosk.in_step(users).await?;
        figures.push(delta(effort, &site, &kiosk, &mut web).await?);
        figures.extend(one_change(effort, &kiosk, &mut web).await?);
        figures.extend(no_news(effort, &site, &console, &kiosk, reader).await?);
        kiosk.stop().await?;
        console.stop().await?;
        Ok(figures)
    })
}

/// A console with everybody, for whoever measures something else beside it.
pub(in crate::bench) struct Sync {
    site: Site,
    console: Running,
}

impl Sync {
    pub(in crate::bench) async fn new(effort: &Effort) -> Result<Self> {
        let site = Site::new(people(effort.people), None).await?;
        let console = site.start().await?;
        Ok(Self { site, console })
    }

    /// Milliseconds of a station's first sync.
    pub(in crate::bench) async fn first_sync_ms(&self) -> Result<f64> {
        filled_ms(&self.site, &self.console).await
    }
}

/// Milliseconds from the start of a new station's daemon until it is in step and says so.
async fn filled_ms(site: &Site, console: &Running) -> Result<f64> {
    let mut kiosk = kiosk(site, console).await?;
    let start = Instant::now();
    kiosk.start()?;
    kiosk.in_step(site.cast.file().users.len()).await?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    kiosk.stop().await?;
    Ok(took)
}

async fn kiosk(site: &Site, console: &Running) -> Result<Kiosk> {
    let token = site.tokens(1).await?.remove(0);
    Kiosk::join(&console.address(), &token).await
}

/// From the start of the daemon until it is in step and says so.
async fn first_sync(effort: &Effort, site: &Site, console: &Running, records: &[Vec<u8>]) -> Result<Figure> {
    note("filling stations and plain tables in turns");
    let goal = Goal::AtMost(2.5);
    let users = site.cast.file().users.len();
    let turns = in_turns(
        effort.slices,
        goal,
        async || plain_load(site.folder(), records),
        async || filled_ms(site, console).await,
    );
    let name = format!("first sync of {users} users, from exec of the daemon to \"in step\"");
    Ok(turns.await?.figure("G1", name, "ms", goal))
}

/// The rows decoded and put into a table with the station's columns and indexes, in one durable transaction.
fn plain_load(folder: &Path, records: &[Vec<u8>]) -> Result<f64> {
    let file = folder.join("plain.db");
    let start = Instant::now();
    let mut connection = plain_table(&file)?;
    let transaction = connection.transaction()?;
    for body in records {
        for row in Row::read_all(body)? {
            if let Row::User(user) = row {
                put(&transaction, &user)?;
            }
        }
    }
    transaction.commit()?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    drop(connection);
    remove(&file);
    Ok(took)
}

fn plain_table(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(
        "create table users (id text primary key, handle blob not null, body blob not null) without rowid, strict; \
         create unique index users_by_handle on users (handle)",
    )?;
    Ok(connection)
}

fn put(connection: &Connection, user: &UserRow) -> Result<()> {
    let body = minicbor::to_vec(user)?;
    let handle = derived_handle(firmware_protocol::id::OrganizationId([1; 16]), user.id.as_str());
    let mut statement = connection.prepare_cached("insert or replace into users values (?1, ?2, ?3)")?;
    statement.execute(rusqlite::params![user.id.as_str(), handle.0, body])?;
    Ok(())
}

fn remove(file: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

/// Bytes from the console to a station that is filled, TLS and HTTP included.
async fn wire_bytes(site: &Site, console: &Running, records: &[Vec<u8>], users: usize) -> Result<Figure> {
    let wire = Wire::to(console.sync).await?;
    let token = site.tokens(1).await?.remove(0);
    let mut kiosk = Kiosk::join(&wire.address(), &token).await?;
    let before = wire.counted().down;
    kiosk.start()?;
    kiosk.in_step(users).await?;
    let each = (wire.counted().down - before) as f64 / users as f64;
    kiosk.stop().await?;
    let whole = zstd::bulk::compress(&records.concat(), ZSTD_LEVEL)?.len() as f64 / users as f64;
    let name = "bytes on the wire per user, beside the rows in one zstd frame";
    Ok(Figure::beside(
        "G1b",
        name,
        each,
        "bytes",
        whole,
        Goal::AtMost(1.25),
    ))
}

/// How much more memory the first sync takes at its highest than the same daemon idle.
async fn memory(site: &Site, console: &Running, users: usize) -> Result<Figure> {
    let mut kiosk = kiosk(site, console).await?;
    kiosk.start()?;
    kiosk.in_step(users).await?;
    let peak = process::peak_mib(kiosk.pid()?)?;
    kiosk.stop().await?;
    kiosk.start()?;
    kiosk.in_step(users).await?;
    let idle = process::resident_mib(kiosk.pid()?)?;
    kiosk.stop().await?;
    note(&format!(
        "a station with {users} users: {peak:.1} MiB at most in its first sync, {idle:.1} MiB idle"
    ));
    let name = format!("memory of a first sync of {users} users above idle");
    Ok(Figure::plain("G1c", name, peak - idle, "MiB", Goal::AtMost(48.0)))
}

/// One person in ten is called otherwise: from the answer to the confirmation until the station has it.
async fn delta(effort: &Effort, site: &Site, kiosk: &Kiosk, web: &mut Web) -> Result<Figure> {
    let users = site.cast.file().users.len();
    let changed = users / CHANGED_OF;
    note(&format!("changing {changed} of {users} people"));
    let goal = Goal::AtMost(3.0);
    let plain = plain_table(&site.folder().join("delta.db"))?;
    change_plainly(&plain, users, 0)?;
    let mut round = 0;
    let turns = in_turns(
        effort.slices,
        goal,
        async || {
            let start = Instant::now();
            change_plainly(&plain, changed, 1)?;
            Ok(start.elapsed().as_secs_f64() * 1000.0)
        },
        async || {
            round += 1;
            change_names(web, changed, round).await?;
            let start = Instant::now();
            let head = revision(web).await?;
            kiosk
                .until(|status| status.sync.as_ref().is_some_and(|it| it.revision >= head))
                .await?;
            Ok(start.elapsed().as_secs_f64() * 1000.0)
        },
    );
    let name = format!("{changed} of {users} users changed, from the commit to the station");
    Ok(turns.await?.figure("G2", name, "ms", goal))
}

fn change_plainly(connection: &Connection, count: usize, version: usize) -> Result<()> {
    connection.execute_batch("begin")?;
    for number in 0..count {
        let mut statement = connection.prepare_cached("insert or replace into users values (?1, ?2, ?3)")?;
        let id = crowd::id(number);
        let handle = derived_handle(firmware_protocol::id::OrganizationId([1; 16]), &id);
        let body = format!("{id} {version} of a length that is usual for such a row");
        statement.execute(rusqlite::params![id, handle.0, body.into_bytes()])?;
    }
    Ok(connection.execute_batch("commit")?)
}

async fn change_names(web: &mut Web, count: usize, round: usize) -> Result<()> {
    let rows: String = (0..count)
        .map(|number| format!("{},Person {number} of {round}\n", crowd::id(number)))
        .collect();
    super::import::take_in(web, format!("id,name\n{rows}")).await
}

async fn revision(web: &mut Web) -> Result<u64> {
    Ok(metric(web, "bandstand_feed_revision").await? as u64)
}

/// One person changes: from sending the change to the console until the station decides by it.
async fn one_change(effort: &Effort, kiosk: &Kiosk, web: &mut Web) -> Result<Vec<Figure>> {
    note("changing people one by one");
    let mut waits = Vec::new();
    for number in 0..CHANGES.min(effort.people) {
        let path = format!("/api/v1/users/{}", crowd::id(number));
        let tag = web.get(&path).await?;
        let tag = tag.headers.get("etag").context("a tag")?.to_str()?.to_owned();
        let input =
            json!({ "name": format!("Changed {number}"), "site": "", "label": "", "mail": "", "note": "" });
        let before = kiosk.until(|_| true).await?.sync.context("a sync")?.revision;
        let start = Instant::now();
        let headers = [("if-match", tag.as_str()), ("content-type", "application/json")];
        web.ask(Method::PUT, &path, &headers, input.to_string())
            .await?
            .json()?;
        kiosk
            .until(|status| status.sync.as_ref().is_some_and(|it| it.revision > before))
            .await?;
        waits.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let (p50, p99) = (quantile(&mut waits, 0.5), quantile(&mut waits, 0.99));
    Ok(vec![
        Figure::plain(
            "G2c",
            "one change, from the request to the station, p50",
            p50,
            "ms",
            Goal::AtMost(16.0),
        ),
        Figure::plain(
            "G2c",
            "one change, from the request to the station, p99",
            p99,
            "ms",
            Goal::AtMost(120.0),
        ),
    ])
}

/// Polls without news: what they cost on the wire, and that nobody writes anything because of them.
async fn no_news(
    effort: &Effort,
    site: &Site,
    console: &Running,
    kiosk: &Kiosk,
    mut reader: Reader,
) -> Result<Vec<Figure>> {
    note("asking where there is nothing new");
    let files = [
        site.folder().join("console.db-wal"),
        kiosk.database().with_extension("db-wal"),
    ];
    let wire = Wire::to(console.sync).await?;
    reader.read_all(&wire.address()).await?;
    reader.hold(HOLD_S);
    reader.poll(&wire.address()).await?;
    kiosk
        .until(|status| status.sync.as_ref().is_some_and(|it| it.journal_waiting == 0))
        .await?;
    let (before, at_rest) = (wire.counted(), marks(&files)?);
    let polls = 4;
    for _ in 0..polls {
        ensure!(reader.poll(&wire.address()).await? == 0, "there was news");
    }
    // The station's own poll ends once in so long, whatever it brings.
    let poll = if effort.is_smoke() { 1 } else { 33 };
    tokio::time::sleep(Duration::from_secs(poll)).await;
    let Counted {
        up,
        down,
        connections,
    } = wire.counted();
    ensure!(connections == before.connections, "a poll opened a connection");
    let each = |after: u64, before: u64| (after - before) as f64 / f64::from(polls);
    let changed = marks(&files)?
        .iter()
        .zip(&at_rest)
        .filter(|(now, then)| now != then)
        .count();
    Ok(vec![
        Figure::plain(
            "G2b",
            "bytes of a poll without news, up, TLS included",
            each(up, before.up),
            "bytes",
            Goal::AtMost(300.0),
        ),
        Figure::plain(
            "G2b",
            "bytes of a poll without news, down, TLS included",
            each(down, before.down),
            "bytes",
            Goal::AtMost(300.0),
        ),
        Figure::plain(
            "G2b",
            "databases written to by polls without news",
            changed as f64,
            "files",
            Goal::AtMost(0.0),
        ),
    ])
}

/// What the ends of the logs look like: any commit makes one longer or writes over it.
fn marks(files: &[std::path::PathBuf]) -> Result<Vec<(u64, std::time::SystemTime)>> {
    let mark = |file: &std::path::PathBuf| {
        let found = std::fs::metadata(file).with_context(|| format!("{} is there", file.display()))?;
        Ok((found.len(), found.modified()?))
    };
    files.iter().map(mark).collect()
}
