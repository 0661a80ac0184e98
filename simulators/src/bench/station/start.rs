//! G6, G11: from the start of the process to its first answer, in good order and after a kill.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use station_daemon::api::model::Status;
use station_daemon::clock::Clock;

use super::Scene;
use crate::bench::{Figure, Goal, crowd, median};
use crate::stage::Daemon;

/// Starts measured, and kills.
pub(super) const STARTS: usize = 6;
/// The goal: so many times what opening and checking the file alone takes.
const RATIO_MAX: f64 = 3.0;

/// Lets the floor and the daemon's start take turns.
pub(super) async fn cold(scene: &Scene) -> Result<(Figure, f64)> {
    let mut floors = vec![floor_ms(scene)?];
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let (daemon, start) = answered(scene).await?;
        daemon.stop().await?;
        starts.push(start);
        floors.push(floor_ms(scene)?);
    }
    let ratios = starts
        .iter()
        .zip(floors.windows(2))
        .map(|(start, floors)| start / ((floors[0] + floors[1]) / 2.0));
    let ratio = median(ratios.collect());
    let start = median(starts);
    let name = "cold start, 100,000 users, to the first answer";
    let figure = Figure::in_turns(
        "G6",
        name,
        start,
        "ms",
        median(floors),
        ratio,
        Goal::AtMost(RATIO_MAX),
    );
    Ok((figure, start))
}

/// Starts the daemon and waits for an answer; milliseconds from `exec` to the answer.
pub(super) async fn answered(scene: &Scene) -> Result<(Daemon, f64)> {
    let clock = Clock::start();
    let daemon = Daemon::start(&scene.stage, &scene.program).await?;
    let status: Status = daemon.client.get("/api/v1/status").await?;
    let start = millis(&clock);
    ensure!(
        status.replica.users as usize >= crowd::USERS,
        "a station without its users"
    );
    Ok((daemon, start))
}

/// What nobody can do without: a process, the database opened, its structure checked.
fn floor_ms(scene: &Scene) -> Result<f64> {
    let clock = Clock::start();
    let mut trivial = Command::new("/bin/true");
    ensure!(
        trivial.stdin(Stdio::null()).status()?.success(),
        "/bin/true fails"
    );
    quick_check(&scene.database())?;
    Ok(millis(&clock))
}

fn quick_check(database: &Path) -> Result<()> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    ensure!(verdict == "ok", "{verdict}");
    connection.close().map_err(|(_, error)| error).context("closing")
}

fn millis(clock: &Clock) -> f64 {
    clock.now().as_micros() as f64 / 1000.0
}
