//! G5: a durable append of the journal beside a durable commit of one row.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use firmware_protocol::id::Zone;
use rusqlite::Connection;

use super::facts::provisioned;
use super::latency::{self, timed};
use super::steps::{Step, enrollments};
use super::{Effort, Figure, Goal, crowd, note};
use crate::cast::Cast;
use crate::world::DATE;

/// Enrollments whose appends are made over and over.
const ENROLLMENTS: usize = 400;
/// Appends in one slice.
const COUNT: usize = 600;
/// Slices of the product.
const SLICES: usize = 5;

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    note("appending to the journal of a station with 100,000 users");
    let folder = tempfile::tempdir()?;
    let mut cast = Cast::new(5, Zone::Enrollment, DATE);
    crowd::add_crowd(&mut cast, Zone::Enrollment);
    let mut store = provisioned(&cast, &folder.path().join("station.db"))?;
    let steps = enrollments(ENROLLMENTS)?;
    let row_len = steps.iter().map(Step::len).sum::<usize>() / steps.len();
    note(&format!(
        "the limit's one row has {row_len} bytes, as many as the records of a step on average"
    ));
    let floor = Floor::create(&folder.path().join("floor.db"), row_len)?;
    let mut steps = steps.iter().cycle();
    let latency = latency::in_turns(
        SLICES,
        COUNT,
        || floor.commit(),
        || timed(|| Ok(steps.next().expect("a cycle").append(&mut store)?)),
    )?;
    store.close();
    let name = |quantile| format!("durable append of an enrollment's step, {quantile}");
    Ok(vec![
        latency.p50.figure("G5", &name("p50"), Goal::AtMost(1.5)),
        latency.p99.figure("G5", &name("p99"), Goal::AtMost(2.0)),
    ])
}

/// The plainest durable commit there is.
pub(super) struct Floor {
    connection: Connection,
    row: Vec<u8>,
}

impl Floor {
    pub(super) fn create(file: &Path, row_len: usize) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch("create table rows (number integer primary key, body blob not null)")?;
        let row = vec![7; row_len];
        Ok(Self { connection, row })
    }

    pub(super) fn commit(&self) -> Result<Duration> {
        timed(|| {
            let mut statement = self
                .connection
                .prepare_cached("insert into rows (body) values (?1)")?;
            statement.execute([&self.row])?;
            Ok(())
        })
    }
}
