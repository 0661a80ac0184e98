//! The demo: three people at a kiosk, in a minute, on any machine.
//!
//! A private bus, a BlueZ double, three simulated bands and the real station daemon as a process of its own.
//! Where there is no dbus-daemon the same story is told in one process (depth 1), and the demo says so.

mod script;
mod tell;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use station_daemon::api::model::{Bands, Enrollment, Event, Outcome};
use station_daemon::cli::client::{Client, Events};
use station_daemon::clock::Clock;

use crate::band::SimBand;
use crate::bluez::{BandPort, DoubleConfig, Pace};
use crate::signals::until_stopped;
use crate::stage::{Daemon, FAR_DBM, HELD_DBM, Program, Stage, StageError, begin, follow};
use firmware_protocol::band::Wearer;
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

/// Plays the demo. `station` is the subcommand of this executable that behaves as the station's program.
pub async fn run(options: Options, station: &str) -> Result<()> {
    let teller = Teller::new(options.json, std::io::stdout().is_terminal());
    let config = DoubleConfig {
        pace: Pace {
            interval: Duration::from_millis(15),
            ..DoubleConfig::default().pace
        },
        disconnect_delay: Duration::from_millis(200),
        ..DoubleConfig::default()
    };
    let mut stage = match Stage::new(config) {
        Ok(stage) => stage,
        Err(StageError::Double(error)) if error.is_not_installed() => {
            teller.say(
                "There is no dbus-daemon on this machine: the same story in one process, without D-Bus.",
            );
            return script::in_process(&teller);
        }
        Err(error) => return Err(error.into()),
    };
    // Told to stop in the middle of a scene, the demo still takes its processes and folders with it.
    let daemon = tokio::select! {
        played = play(&mut stage, &teller, station) => played?,
        stopped = until_stopped() => return Ok(stopped?),
    };
    if !options.once {
        teller.closing(&stage, station);
        until_stopped().await?;
    }
    daemon.stop().await?;
    Ok(())
}

/// The whole story. The station is still up after it.
async fn play(stage: &mut Stage, teller: &Teller, station: &str) -> Result<Daemon> {
    let program = Program::this(station)?;
    let mut story = Story::new(Clock::start().wall());
    stage.write_files(&story.cast, "")?;
    stage.init(&program)?;
    let ports: Vec<_> = story
        .bands
        .drain(..)
        .map(|band| stage.add_band(band, FAR_DBM))
        .collect();
    let daemon = Daemon::start(stage, &program).await?;
    daemon.radio_ready().await?;
    teller.opening(stage);
    for (scene, port) in story.scenes.iter().zip(&ports) {
        let ended = play_scene(&daemon.client, scene, port, teller).await?;
        check(scene, &ended)?;
    }
    Ok(daemon)
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
