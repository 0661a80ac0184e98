//! The demo: six people at two kiosks with a console behind them, in a few minutes, on any machine.
//!
//! Private buses, BlueZ doubles, simulated bands, the real station daemons and the real console, each a process of
//! its own, everything on loopback. Where there is no dbus-daemon the first half is told in one process (depth 1),
//! and the demo says so.

mod center;
mod conflict;
mod guest;
mod script;
mod tell;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use station_daemon::api::model::{Bands, Enrollment, Event, Outcome, SyncStage};
use station_daemon::cli::client::{Client, Events};
use station_daemon::clock::Clock;

use crate::band::SimBand;
use crate::bluez::{BandPort, DoubleConfig, Pace};
use crate::signals::until_stopped;
use crate::stage::{Daemon, FAR_DBM, HELD_DBM, Program, Stage, StageError, begin, follow};
use center::Center;
use firmware_protocol::band::Wearer;
use firmware_protocol::time::Instant;
use guest::Guest;
use script::{Scene, Story};
use tell::Teller;

/// What the demo is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// End after the last scene instead of staying up.
    pub once: bool,
    /// One JSON object per step and line instead of a story.
    pub json: bool,
}

/// The subcommands of this executable that behave as the other programs.
#[derive(Clone, Copy, Debug)]
pub struct Subcommands {
    /// `bandstand-station`.
    pub station: &'static str,
    /// `bandstand-console`.
    pub console: &'static str,
}

fn air() -> DoubleConfig {
    DoubleConfig {
        pace: Pace {
            interval: Duration::from_millis(15),
            ..DoubleConfig::default().pace
        },
        disconnect_delay: Duration::from_millis(200),
        ..DoubleConfig::default()
    }
}

/// Plays the demo.
pub async fn run(options: Options, subcommands: Subcommands) -> Result<()> {
    let teller = Teller::new(options.json, std::io::stdout().is_terminal());
    let mut gate = match Stage::new(air()) {
        Ok(stage) => stage,
        Err(StageError::Double(error)) if error.is_not_installed() => {
            teller.say(
                "There is no dbus-daemon on this machine: the same story in one process, without D-Bus.",
            );
            return script::in_process(&teller);
        }
        Err(error) => return Err(error.into()),
    };
    let mut hall = Stage::new(air())?;
    // Told to stop in the middle of a scene, the demo still takes its processes and folders with it.
    let played = tokio::select! {
        played = play([&mut gate, &mut hall], &teller, subcommands) => played?,
        stopped = until_stopped() => return Ok(stopped?),
    };
    if !options.once {
        let client = &played.daemons[0].client;
        let (invitation, band) = played.guest.invite(&mut gate, client, &played.center).await?;
        teller.closing(&gate, &played.center, subcommands.station, &invitation);
        tokio::select! {
            () = guest::show(&band, &teller) => {}
            stopped = until_stopped() => stopped?,
        }
    }
    for daemon in played.daemons {
        daemon.stop().await?;
    }
    Ok(())
}

/// What is still up after the story.
struct Played {
    daemons: [Daemon; 2],
    center: Center,
    guest: Guest,
}

/// The whole story.
async fn play([gate, hall]: [&mut Stage; 2], teller: &Teller, subcommands: Subcommands) -> Result<Played> {
    let program = Program::this(subcommands.station)?;
    let mut story = Story::new(Clock::start().wall());
    let guest = Guest::new(&mut story.cast);
    gate.write_files(&story.cast, guest::PAGE)?;
    gate.init(&program)?;
    let folder = gate.folder().join("console");
    let mut center = Center::new(&folder, &story.cast, &gate.provisioning(), subcommands.console).await?;
    let tokens = center.tokens(&["gate", "hall"]).await?;
    center.start().await?;
    // The second station begins with nothing but its configuration.
    hall.write_files(&story.cast, "")?;
    std::fs::remove_file(hall.provisioning())?;
    conflict::join(gate, &program, &center, &tokens[0]).await?;
    conflict::join(hall, &program, &center, &tokens[1]).await?;
    let daemons = [
        Daemon::start(gate, &program).await?,
        Daemon::start(hall, &program).await?,
    ];
    for daemon in &daemons {
        daemon.radio_ready().await?;
        conflict::stands(&daemon.client, SyncStage::UpToDate).await?;
    }
    teller.opening(gate, &center);
    let bands = std::mem::take(&mut story.bands);
    for (scene, band) in story.scenes.iter().zip(bands) {
        let port = gate.add_band(band, FAR_DBM);
        check(
            scene,
            &play_scene(&daemons[0].client, scene, &port, teller).await?,
        )?;
    }
    play_apart([gate, hall], &daemons, &mut center, &mut story, teller).await?;
    center.start().await?;
    teller.back();
    for daemon in &daemons {
        conflict::stands(&daemon.client, SyncStage::UpToDate).await?;
    }
    let everybody = conflict::Everybody {
        center: &center,
        sites: [gate, hall],
    };
    everybody.settled_by_itself(&story.twice, teller).await?;
    everybody.settled_by_a_person(&story.passed, teller).await?;
    Ok(Played {
        daemons,
        center,
        guest,
    })
}

/// What happens at two kiosks that cannot hear each other.
async fn play_apart(
    [gate, hall]: [&mut Stage; 2],
    daemons: &[Daemon; 2],
    center: &mut Center,
    story: &mut Story,
    teller: &Teller,
) -> Result<()> {
    center.pull_the_plug().await?;
    for daemon in daemons {
        conflict::stands(&daemon.client, SyncStage::Offline).await?;
    }
    teller.offline();
    let [earlier, later] = &story.twice;
    let mut bands = story.twice_bands.drain(..);
    for (stage, daemon, scene) in [
        (&mut *gate, &daemons[0], earlier),
        (&mut *hall, &daemons[1], later),
    ] {
        let port = stage.add_band(bands.next().context("a band for each kiosk")?, FAR_DBM);
        check(scene, &play_scene(&daemon.client, scene, &port, teller).await?)?;
    }
    let [first, second] = &story.passed;
    let band = story.passed_band.take().context("the story is told once")?;
    let port = gate.add_band(band, FAR_DBM);
    check(
        first,
        &play_scene(&daemons[0].client, first, &port, teller).await?,
    )?;
    port.with(|band, now| band.act(now, Wearer::HoldToDelete));
    let mut band = port.remove();
    ensure!(
        band.report().is_some_and(|report| report.associations.is_empty()),
        "the band is not empty"
    );
    teller.emptied(first);
    band.reset(Instant::ZERO);
    let port = hall.add_band(band, FAR_DBM);
    check(
        second,
        &play_scene(&daemons[1].client, second, &port, teller).await?,
    )
}

/// One person, one band, from ticket to outcome.
async fn play_scene(
    client: &Client,
    scene: &Scene,
    port: &BandPort<SimBand>,
    teller: &Teller,
) -> Result<Enrollment> {
    teller.enters(scene);
    let mut events = client.follow("/api/v1/events").await?;
    port.set_rssi(HELD_DBM);
    port.with(|band, now| band.act(now, Wearer::Press));
    let begun = begin(client, &scene.ticket, None).await?;
    let seen = |now: &Enrollment| {
        teller.progress(scene, now);
        false
    };
    let ended = follow(client, &mut events, &begun.id, seen).await?;
    teller.outcome(scene, &ended);
    port.set_rssi(FAR_DBM);
    until_nobody_is_near(client, &mut events).await?;
    Ok(ended)
}

/// Waits until the last person has left: signal strength is smoothed, so that takes the station a moment.
async fn until_nobody_is_near(client: &Client, events: &mut Events) -> Result<()> {
    let mut bands: Bands = client.get("/api/v1/bands").await?;
    while bands.bands.iter().any(|band| band.near) {
        match events
            .next::<Event>()
            .await
            .context("the station's events ended")?
        {
            Event::Bands(now) => bands = now,
            _ => continue,
        }
    }
    Ok(())
}

/// The demo is a promise: another outcome than the story's is an error.
fn check(scene: &Scene, ended: &Enrollment) -> Result<()> {
    let Outcome { code, text, .. } = ended
        .outcome
        .as_ref()
        .context("an ended enrollment has an outcome")?;
    if code != scene.expected {
        bail!(
            "{} should have ended with {}, but ended with {code}: {text}",
            scene.person.name,
            scene.expected
        );
    }
    Ok(())
}
