//! G13 at the console: what an association costs there does not grow with the journals. Counted in
//! instructions, which no other program on the machine can disturb.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use console::args;
use console::db::DbError;

use super::pusher::{Bands, Pusher};
use super::site::Site;
use super::{join, people, runtime};
use crate::bench::growth::has_valgrind;
use crate::bench::{Effort, Figure, Goal, note};
use crate::fleet::Member;

/// Rows of the short journal and of the long one.
const ROWS: (u64, u64) = (10_000, 1_000_000);
/// Of so many rows of a journal one makes an association.
const ROWS_PER_ASSOCIATION: u64 = 5;
/// Associations that are sent in each of the two counted runs.
const COUNTS: (usize, usize) = (20, 120);
/// People of the plant.
const PEOPLE: usize = 10_000;
/// The goal: the long journals' count by the short ones'.
const RATIO_MAX: f64 = 1.2;
const NAME: &str = "instructions per association at the console, 1M journal rows beside 10k";

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    if !has_valgrind() {
        return Ok(vec![Figure::missing("G13", NAME, "valgrind is not installed")]);
    }
    let (short, long) = if effort.is_smoke() { (1_000, 2_000) } else { ROWS };
    runtime()?.block_on(async {
        let (limit, value) = (per_association(short).await?, per_association(long).await?);
        Ok(vec![Figure::beside(
            "G13",
            NAME,
            value,
            "instr",
            limit,
            Goal::AtMost(RATIO_MAX),
        )])
    })
}

async fn per_association(rows: u64) -> Result<f64> {
    note(&format!("filling a console with {rows} journal rows"));
    let site = Site::new(people(PEOPLE), None).await?;
    let console = site.start().await?;
    let members = join(&site, &console, 2).await?;
    console.stop().await?;
    fill(&site, rows).await?;
    let mut members = members.into_iter();
    let mut counts = Vec::new();
    for (round, count) in [COUNTS.0, COUNTS.1].into_iter().enumerate() {
        let member = members.next().context("two stations")?;
        note(&format!("counting instructions of {count} associations"));
        counts.push(instructions(&site, member, round * 1000..round * 1000 + count).await?);
    }
    Ok((counts[1] - counts[0]) / (COUNTS.1 - COUNTS.0) as f64)
}

/// Journals of other stations, and the history and the rows that came of them.
async fn fill(site: &Site, rows: u64) -> Result<()> {
    let app = site.app().await?;
    let filled = app.db.write(move |tx| {
        tx.exec(JOURNAL, args![rows])?;
        let made = rows / ROWS_PER_ASSOCIATION;
        for sql in [ENTRIES, ASSOCIATIONS, CREDENTIALS, KEYS, FEED] {
            tx.exec(sql, args![made])?;
        }
        tx.exec("update feed_head set revision = revision + $1", args![made])
    });
    let filled: Result<u64, DbError> = filled.await;
    filled.context("filling")?;
    Ok(())
}

/// Numbers from 1 to the first argument, 100 stations, five associations and more for each of the other people.
const JOURNAL: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
     insert into journal (station, sequence, time_ms, previous, record, hash, received_at) \
     select cast(printf('filled station%02d', i % 100) as blob), i, 1, randomblob(32), randomblob(220), randomblob(32), 1 from n";
const ENTRIES: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
     insert into entries (writer, sequence, digest, time_ms, counter, association, usr, band, event, received_ms) \
     select cast(printf('filled station%02d', i % 100) as blob), i, randomblob(16), 1, 0, cast(printf('filled%010d', i) as blob), \
     printf('P%07d', 2000 + i % 8000), printf('FX-%08d', i), printf('{\"filled\":%d,\"text\":\"as long as such an event usually is, \
     with names and numbers of what was associated with what\"}', i), 1 from n";
const ASSOCIATIONS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
     insert into associations (id, usr, band, zone, active, primary_band, band_epoch, made_ms, made_by, note, changed_ms, version) \
     select cast(printf('filled%010d', i) as blob), printf('P%07d', 2000 + i % 8000), printf('FX-%08d', i), 'enrollment', 0, 0, 1, 1, \
     cast(printf('filled station%02d', i % 100) as blob), '', 1, 1 from n";
const CREDENTIALS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
     insert into credentials (association, credential_key) select cast(printf('filled%010d', i) as blob), randomblob(32) from n";
const KEYS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
     insert into band_keys (serial, band_key, first_seen) select printf('FX-%08d', i), randomblob(32), 1 from n";
const FEED: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
     insert into feed (kind, key, revision, site, left_sites) \
     select 3, lower(hex(printf('filled%010d', i))), (select revision from feed_head) + i, '', '' from n";

/// Instructions of a console that is started, takes these associations, and stops.
async fn instructions(site: &Site, member: Member, numbers: std::ops::Range<usize>) -> Result<f64> {
    let report = site.folder().join("callgrind.txt");
    let console = site.start_under(&wrapper(&report)).await?;
    let bands = Bands::new(site.cast.plant.organization(), PEOPLE)?;
    let mut pusher = Pusher::new(member, console.address());
    pusher.write(&bands, numbers);
    pusher.send_all(1).await?;
    console.stop().await?;
    let text = std::fs::read_to_string(&report)?;
    let line = text.lines().find_map(|line| line.split_once("Collected :"));
    let number = line.with_context(|| format!("callgrind counts: {text}"))?.1;
    let number: f64 = number.trim().parse()?;
    ensure!(number > 0.0, "callgrind saw nothing");
    Ok(number)
}

fn wrapper(report: &Path) -> Vec<String> {
    let log = format!("--log-file={}", report.display());
    [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        &log,
    ]
    .map(str::to_owned)
    .into()
}
