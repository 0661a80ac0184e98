//! G5b, G6, G6b, G11, CPU: the real daemon as a process, with 100,000 users on a real disk.

mod air;
mod crash;
mod kiosk;
pub(super) mod process;
mod start;
mod syncs;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use firmware_protocol::id::Zone;
use station_core::journal::{JournalRecord, Stopped};
use station_daemon::clock::Clock;
use station_daemon::store::Store;

use super::crowd;
use super::{Effort, Figure, Goal, note};
use crate::bluez::{DoubleConfig, Pace};
use crate::cast::Cast;
use crate::stage::{Daemon, Program, Stage, StageError};
use kiosk::Visitor;

pub(super) use air::figures as air_figures;

/// Visitors, each with a band of their own.
const VISITORS: usize = 8;
/// Visits of each: one to measure processor time, one for the disk, one for a kill.
const VISITS: usize = 3;
/// Journal rows that nobody has fetched yet.
const JOURNAL_LEN: usize = 1000;
/// How long an idle daemon is looked at, after so long a rest.
const IDLE: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(6);

/// The daemon, what is around it, and who comes.
struct Scene {
    stage: Stage,
    program: Program,
    visitors: Vec<Visitor>,
}

impl Scene {
    fn database(&self) -> PathBuf {
        self.stage.data().join("station.db")
    }
}

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    let mut scene = match Stage::new(air()) {
        Ok(stage) => set(stage)?,
        Err(StageError::Double(error)) if error.is_not_installed() => {
            let missing =
                |id| Figure::missing(id, "the daemon on a private bus", "dbus-daemon is not installed");
            return Ok(["G5b", "G6", "G6b", "G11", "CPU"].map(missing).into());
        }
        Err(error) => return Err(error.into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(&mut scene))
}

async fn measure(scene: &mut Scene) -> Result<Vec<Figure>> {
    note("starting the daemon and checking its file in turns");
    let (cold, start_ms) = start::cold(scene).await?;
    let mut figures = vec![cold];
    let (daemon, _) = start::answered(scene).await?;
    daemon.radio_ready().await?;
    figures.extend(idle(&daemon).await?);
    note("enrolling at the daemon");
    let Scene { stage, visitors, .. } = &mut *scene;
    visitors.iter_mut().for_each(|visitor| visitor.enter(stage));
    figures.push(cpu(scene, &daemon).await?);
    daemon.stop().await?;
    figures.push(sync_calls(scene).await?);
    note("killing the daemon");
    figures.extend(crash::figures(scene, start_ms).await?);
    Ok(figures)
}

/// A link so fast that the daemon is what is measured.
fn air() -> DoubleConfig {
    DoubleConfig {
        pace: Pace {
            interval: Duration::from_millis(7),
            ..DoubleConfig::default().pace
        },
        disconnect_delay: Duration::from_millis(100),
        ..DoubleConfig::default()
    }
}

fn set(stage: Stage) -> Result<Scene> {
    note("making a station with 100,000 users");
    let program = Program::built()?;
    let mut cast = Cast::new(6, Zone::Enrollment, Clock::start().wall());
    cast.self_service(true, false);
    crowd::add_crowd(&mut cast, Zone::Enrollment);
    let visitors = (0..VISITORS)
        .map(|number| Visitor::new(&mut cast, number, VISITS))
        .collect();
    stage.write_files(&cast, "")?;
    stage.init(&program)?;
    let scene = Scene {
        stage,
        program,
        visitors,
    };
    fill_journal(&scene)?;
    Ok(scene)
}

fn fill_journal(scene: &Scene) -> Result<()> {
    let mut store = Store::open(&scene.database(), &scene.stage.seal_key()?)?;
    let rows: Vec<JournalRecord> = (0..JOURNAL_LEN).map(|_| Stopped {}.into()).collect();
    store.append(Clock::start().wall_ms(), &rows, &[])?;
    store.close();
    Ok(())
}

async fn idle(daemon: &Daemon) -> Result<Vec<Figure>> {
    note("letting the daemon idle");
    let pid = daemon.pid().context("a running daemon")?;
    tokio::time::sleep(REST).await;
    let before = process::wake_ups(pid)?;
    tokio::time::sleep(IDLE).await;
    let wake_ups = (process::wake_ups(pid)? - before) as f64 / IDLE.as_secs_f64();
    let memory = process::resident_mib(pid)?;
    let private = process::private_mib(pid)?;
    note(&format!(
        "of the {memory:.1} MiB resident, {private:.1} MiB are the process's own"
    ));
    Ok(vec![
        Figure::plain(
            "G6b",
            "idle resident memory, 100,000 users",
            memory,
            "MiB",
            Goal::AtMost(24.0),
        ),
        Figure::plain(
            "G6b",
            "idle wake-ups, all threads",
            wake_ups,
            "/s",
            Goal::AtMost(5.0),
        ),
    ])
}

/// Everybody once: the first enrollment of a new band, the longest way.
async fn cpu(scene: &mut Scene, daemon: &Daemon) -> Result<Figure> {
    let pid = daemon.pid().context("a running daemon")?;
    let before = process::cpu_seconds(pid)?;
    for visitor in &mut scene.visitors {
        visitor.enroll(&daemon.client).await?;
    }
    let each = (process::cpu_seconds(pid)? - before) * 1000.0 / scene.visitors.len() as f64;
    let name = "processor time of the daemon per enrollment";
    Ok(Figure::plain("CPU", name, each, "ms", Goal::AtMost(50.0)))
}

async fn sync_calls(scene: &mut Scene) -> Result<Figure> {
    let (counter, program) = syncs::Counter::new(&scene.stage, &scene.program);
    let daemon = Daemon::start(&scene.stage, &program).await?;
    daemon.radio_ready().await?;
    let before = counter.count()?;
    for visitor in &mut scene.visitors {
        visitor.enroll(&daemon.client).await?;
    }
    let each = (counter.count()? - before) as f64 / scene.visitors.len() as f64;
    daemon.stop().await?;
    let name = format!("fdatasync per enrollment ({})", counter.words());
    Ok(Figure::plain("G5b", name, each, "calls", Goal::AtMost(3.0)))
}
