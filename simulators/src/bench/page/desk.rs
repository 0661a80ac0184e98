//! A kiosk with a browser, and people who use it faster than people can: a script in the page is their hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::band::Wearer;
use firmware_protocol::handler::Screen;
use firmware_protocol::id::Zone;
use firmware_protocol::time::Instant;
use serde_json::{Value, json};
use station_daemon::api::model::{Bands, Status};
use station_daemon::clock::Clock;
use tokio::time::{interval, timeout};

use crate::band::{Knobs, SimBand};
use crate::bluez::{Address, BandConfig, BandPort, DoubleConfig};
use crate::browser::Browser;
use crate::cast::Cast;
use crate::peripheral::Peripheral;
use crate::stage::{Daemon, FAR_DBM, HELD_DBM, Program, Stage, StageError};

/// What stands in for a figure where one of these is not installed.
pub(super) const MISSING: &str = "dbus-daemon, chromium or chromedriver is not installed";
const PAGE: &str = "[kiosk]\nlisten = \"127.0.0.1:0\"\ndone_seconds = 120\n";
const WELCOME: &str = "#app[data-screen=welcome]:not([data-turn=\"0\"]) h1";
/// Bands call often, so that being found takes no time that is nobody's subject here.
const ADVERTISING: Duration = Duration::from_millis(30);
/// Between two looks at the bands, and how long that may go on.
const LOOK: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(60);
const HAND: &str = include_str!("hand.js");

/// A band that writes down when it first says that so many touches have counted.
pub(super) struct Timed {
    band: SimBand,
    clock: Clock,
    said_ms: Said,
}

/// Moments, in milliseconds of the wall clock; the first is that of the first touch.
type Said = Arc<Mutex<Vec<u64>>>;

fn moments(said: &Said) -> std::sync::MutexGuard<'_, Vec<u64>> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peripheral for Timed {
    fn advertisement(&mut self, now: Instant) -> Option<Beacon> {
        self.band.advertisement(now)
    }

    fn info(&mut self) -> Vec<u8> {
        self.band.info()
    }

    fn connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.band.connected(now, mtu_bytes);
    }

    fn disconnected(&mut self, now: Instant) {
        self.band.disconnected(now);
    }

    fn write(&mut self, now: Instant, value: &[u8]) {
        self.band.write(now, value);
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        let frame = self.band.poll_notify()?;
        if let Screen::Touch { count, .. } = self.band.screen() {
            let mut said = moments(&self.said_ms);
            if usize::from(*count) > said.len() {
                said.push(self.clock.wall_ms());
            }
        }
        Some(frame)
    }

    fn poll_end(&mut self) -> bool {
        self.band.poll_end()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.band.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.band.handle_timeout(now);
    }
}

/// Somebody with tickets and a band.
struct Person {
    tickets: Vec<String>,
    band: Option<SimBand>,
    port: Option<BandPort<Timed>>,
    said_ms: Said,
}

impl Person {
    fn new(cast: &mut Cast, number: usize, knobs: &Knobs, visits: usize) -> Self {
        let person = cast.person(&format!("P{number:05}"), &format!("Person {number}"));
        let tickets = (0..visits).map(|_| cast.ticket(&person)).collect();
        let band = cast.band(&format!("PAGE-{number:05}"), false, knobs.clone());
        Self {
            tickets,
            band: Some(band),
            port: None,
            said_ms: Said::default(),
        }
    }

    /// Puts the band on the air, if it is not there yet.
    fn enter(&mut self, number: usize, stage: &mut Stage) {
        if let Some(band) = self.band.take() {
            let timed = Timed {
                band,
                clock: Clock::start(),
                said_ms: self.said_ms.clone(),
            };
            let config = BandConfig {
                advertising_interval: ADVERTISING,
                ..BandConfig::new(Address::numbered(number as u32 + 1), FAR_DBM)
            };
            self.port = Some(stage.double.add_band(config, timed));
        }
    }
}

/// What came of a visit.
pub(super) struct Visit {
    /// From the ticket to the last screen.
    pub(super) whole_ms: f64,
    /// From each touch's message until it was painted.
    pub(super) late_ms: Vec<f64>,
}

/// The kiosk.
pub(super) struct Desk {
    people: Vec<Person>,
    stage: Stage,
    pub(super) daemon: Daemon,
    pub(super) browser: Browser,
    url: String,
}

impl Desk {
    /// So many people with so many tickets each; nothing where a program is missing.
    pub(super) async fn open(
        air: DoubleConfig,
        people: usize,
        knobs: &Knobs,
        visits: usize,
    ) -> Result<Option<Self>> {
        let Some(browser) = Browser::open().await else {
            return Ok(None);
        };
        let stage = match Stage::new(air) {
            Err(StageError::Double(error)) if error.is_not_installed() => return Ok(None),
            stage => stage?,
        };
        let program = Program::built()?;
        let mut cast = Cast::new(79, Zone::Enrollment, Clock::start().wall());
        cast.self_service(true, false);
        let people = (0..people)
            .map(|number| Person::new(&mut cast, number, knobs, visits))
            .collect();
        stage.write_files(&cast, PAGE)?;
        stage.init(&program)?;
        let daemon = Daemon::start(&stage, &program).await?;
        daemon.radio_ready().await?;
        let status: Status = daemon.client.get("/api/v1/status").await?;
        let url = status.page.context("the station has a page")?;
        let desk = Self {
            people,
            stage,
            daemon,
            browser,
            url,
        };
        desk.browser.size(1280, 800).await;
        desk.open_page().await;
        Ok(Some(desk))
    }

    /// Loads the page, in place of what was there.
    pub(super) async fn open_page(&self) {
        self.browser.open_page(&self.url).await;
        self.browser.wait_for(WELCOME).await;
    }

    /// One visit, from the welcome screen to the welcome screen. The band is put aside after it.
    pub(super) async fn visit(&mut self, number: usize) -> Result<Visit> {
        self.alone().await?;
        let person = &mut self.people[number];
        let ticket = person.tickets.pop().context("a ticket for each visit")?;
        person.enter(number, &mut self.stage);
        moments(&person.said_ms).clear();
        let port = person.port.as_ref().context("a band on the air")?;
        port.set_rssi(HELD_DBM);
        port.with(|timed, now| timed.band.act(now, Wearer::Press));
        let seen = self.browser.run_until_done(HAND, json!([ticket])).await;
        let outcome = &seen["outcome"];
        ensure!(
            outcome == "done",
            "the visit of person {number} ended with {outcome}"
        );
        port.set_rssi(FAR_DBM);
        let said = std::mem::take(&mut *moments(&person.said_ms));
        self.browser.click("#go").await;
        self.browser.wait_for(WELCOME).await;
        Ok(Visit {
            whole_ms: seen["whole"].as_f64().context("a time")?,
            late_ms: late(&seen["painted"], &said),
        })
    }

    /// Waits until the station sees that whoever was here before has stepped back.
    async fn alone(&self) -> Result<()> {
        let stepped_back = async {
            let mut look = interval(LOOK);
            loop {
                look.tick().await;
                let seen: Bands = self.daemon.client.get("/api/v1/bands").await?;
                if !seen.bands.iter().any(|band| band.near) {
                    return Ok(());
                }
            }
        };
        let waited = timeout(LIMIT, stepped_back).await;
        waited.context("a band stays at the kiosk")?
    }

    /// Takes a band off the air for good.
    pub(super) fn leave(&mut self, number: usize) {
        if let Some(port) = self.people[number].port.take() {
            port.remove();
        }
    }
}

/// What lies between each message about a touch and the moment at which it was painted.
fn late(painted: &Value, said_ms: &[u64]) -> Vec<f64> {
    let painted = painted.as_array().map(Vec::as_slice).unwrap_or_default();
    let late = |of: &Value| {
        let count = usize::try_from(of[0].as_u64()?).ok()?;
        let said = said_ms.get(count.checked_sub(1)?)?;
        Some(of[1].as_f64()? - *said as f64)
    };
    painted.iter().filter_map(late).collect()
}
