//! G10, G10b: a list of all users is taken in: read, checked, compared, confirmed, with its audit.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::SinkExt;
use hyper::body::Bytes;
use rusqlite::Connection;
use tokio_postgres::{Client, NoTls};

use super::postgres::Cluster;
use super::site::Site;
use super::turns::in_turns;
use super::web::{Web, api_key};
use super::{people, runtime};
use crate::bench::{Effort, Figure, Goal, crowd, note};

const TABLE: &str = "create table users (id text primary key, name text not null, site text not null, \
     mail text not null, search text not null)";
const INDEXES: &str = "create index users_site on users (site, id); create index users_mail on users (mail); \
     create index users_name on users (name)";

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let list = list(effort.people);
    runtime()?.block_on(async {
        note(&format!("taking in a list of {} users", effort.people));
        let mut figures = on_sqlite(effort, &list).await?;
        match Cluster::start() {
            Ok(cluster) => figures.extend(on_postgres(effort, &list, &cluster).await?),
            Err(error) => {
                figures.push(Figure::missing(
                    "G10",
                    "a list of users on PostgreSQL",
                    &format!("{error:#}"),
                ));
            }
        }
        Ok(figures)
    })
}

/// Everybody, as a personnel system writes them.
fn list(people: usize) -> String {
    let row = |number| {
        let id = crowd::id(number);
        format!(
            "{id},Person {number} Surname,hamburg,{}@example.com\n",
            id.to_lowercase()
        )
    };
    let rows: String = (0..people).map(row).collect();
    format!("id,name,site,mail\n{rows}")
}

async fn on_sqlite(effort: &Effort, list: &str) -> Result<Vec<Figure>> {
    let goal = Goal::AtMost(4.0);
    let folder = tempfile::tempdir()?;
    let mut again = Vec::new();
    let turns = in_turns(
        effort.slices,
        goal,
        async || plain(folder.path(), list),
        async || {
            let taken = Taken::once_and_again(list, None).await?;
            again.push(taken.again_ms / taken.first_ms);
            ensure!(
                taken.writes == 0,
                "the same list again wrote {} rows",
                taken.writes
            );
            Ok(taken.first_ms)
        },
    );
    let turns = turns.await?;
    let ratio = crate::bench::median(again);
    let name = format!(
        "the same list again on SQLite, beside the first time ({} users)",
        effort.people
    );
    Ok(vec![
        turns.figure(
            "G10",
            format!("a list of {} users on SQLite", effort.people),
            "ms",
            goal,
        ),
        Figure::plain("G10b", name, ratio, "times", Goal::AtMost(0.5)),
        Figure::plain(
            "G10b",
            "rows and revisions written by the same list again",
            0.0,
            "writes",
            Goal::AtMost(0.0),
        ),
    ])
}

async fn on_postgres(effort: &Effort, list: &str, cluster: &Cluster) -> Result<Vec<Figure>> {
    note("the same on PostgreSQL");
    let goal = Goal::AtMost(3.0);
    let (client, connection) = tokio_postgres::connect(&cluster.new_database("plain")?, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(&format!("{TABLE}; {INDEXES}")).await?;
    let mut made = 0;
    let turns = in_turns(
        effort.slices,
        goal,
        async || copy_and_upsert(&client, list).await,
        async || {
            made += 1;
            let url = cluster.new_database(&format!("center{made}"))?;
            Ok(Taken::once_and_again(list, Some(&url)).await?.first_ms)
        },
    );
    let name = format!("a list of {} users on PostgreSQL", effort.people);
    Ok(vec![turns.await?.figure("G10", name, "ms", goal)])
}

/// What it took, and what the second time wrote.
struct Taken {
    first_ms: f64,
    again_ms: f64,
    writes: i64,
}

impl Taken {
    /// A console that knows nobody takes in the list, and then the same list.
    async fn once_and_again(list: &str, url: Option<&str>) -> Result<Self> {
        let site = Site::new(people(0), url).await?;
        let who = api_key(&site.app().await?).await?;
        let console = site.start().await?;
        let mut web = Web::open(console.web, Some(who)).await?;
        let first_ms = timed(&mut web, list).await?;
        let before = state(&site).await?;
        let again_ms = timed(&mut web, list).await?;
        let writes = state(&site).await? - before;
        console.stop().await?;
        Ok(Self {
            first_ms,
            again_ms,
            writes,
        })
    }
}

/// A number that grows with every row of users and of history that is written, and with every revision.
async fn state(site: &Site) -> Result<i64> {
    let app = site.app().await?;
    let read = app.db.read(|tx| {
        tx.number(
            "select cast((select coalesce(sum(version), 0) from users) + (select count(*) from entries) \
             + (select revision from feed_head where id = 1) as bigint)",
            &[],
        )
    });
    let read: Result<i64, console::db::DbError> = read.await;
    Ok(read?)
}

async fn timed(web: &mut Web, list: &str) -> Result<f64> {
    let start = Instant::now();
    take_in(web, list.to_owned()).await?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

/// Reads a list, has it compared, and takes it in.
pub(super) async fn take_in(web: &mut Web, list: impl Into<Bytes>) -> Result<()> {
    let view = web.post("/api/v1/imports/users", "text/csv", list).await?;
    let id = view["id"].as_str().context("an id")?.to_owned();
    let path = format!("/api/v1/imports/{id}/confirm");
    let done = web.post(&path, "application/json", Bytes::new()).await?;
    ensure!(done["state"] == "done", "the list was not taken in: {done}");
    Ok(())
}

/// The list split at its commas and put into a table with three indexes, in one durable transaction.
fn plain(folder: &Path, list: &str) -> Result<f64> {
    let file = folder.join("plain.db");
    let start = Instant::now();
    let connection = Connection::open(&file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(&format!("{TABLE}; {INDEXES}; begin"))?;
    let mut statement = connection.prepare("insert into users values (?1, ?2, ?3, ?4, ?5)")?;
    for line in list.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        statement.execute(rusqlite::params![
            fields[0],
            fields[1],
            fields[2],
            fields[3],
            line.to_lowercase()
        ])?;
    }
    drop(statement);
    connection.execute_batch("commit")?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    connection.close().map_err(|(_, error)| error)?;
    std::fs::remove_file(&file)?;
    Ok(took)
}

/// `COPY` into a temporary table, and from there into one with three indexes.
async fn copy_and_upsert(client: &Client, list: &str) -> Result<f64> {
    client.batch_execute("truncate users").await?;
    let start = Instant::now();
    client
        .batch_execute("begin; create temporary table incoming (id text, name text, site text, mail text) on commit drop")
        .await?;
    let sink = client
        .copy_in("copy incoming from stdin (format csv, header)")
        .await?;
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::copy_from_slice(list.as_bytes())).await?;
    sink.finish().await?;
    client
        .batch_execute(
            "insert into users select id, name, site, mail, lower(id || ' ' || name || ' ' || mail) from incoming \
             on conflict (id) do update set name = excluded.name, site = excluded.site, mail = excluded.mail, \
             search = excluded.search; commit",
        )
        .await?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}
