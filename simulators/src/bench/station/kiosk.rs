//! One person after the other at a real daemon's kiosk.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use firmware_protocol::band::Wearer;
use station_daemon::api::model::{CodeAnswer, Enrollment, Event, Identification, Secret, Start};
use station_daemon::cli::client::{Client, Events};
use station_daemon::problem::Code;

use crate::band::{Knobs, SimBand};
use crate::bluez::BandPort;
use crate::cast::{Cast, Person};
use crate::stage::{FAR_DBM, HELD_DBM, Stage};

/// Between two looks whether the station is free again.
const BUSY_POLL: Duration = Duration::from_millis(20);
/// Looks before the bench gives up.
const BUSY_TRIES: u32 = 1000;

/// Somebody with a band that answers at once, so that the station's time is what is measured.
pub(super) struct Visitor {
    person: Person,
    serial: String,
    tickets: Vec<String>,
    band: Option<SimBand>,
    port: Option<BandPort<SimBand>>,
}

/// The wearer of a bench.
pub(super) fn quick() -> Knobs {
    Knobs {
        touches: 4,
        touch_ms: 1,
        reaction_ms: 1,
        ..Knobs::default()
    }
}

impl Visitor {
    /// A new visitor with tickets for so many visits.
    pub(super) fn new(cast: &mut Cast, number: usize, visits: usize) -> Self {
        let person = cast.person(&format!("V{number:03}"), "");
        let serial = format!("VISIT-{number:03}");
        let band = cast.band(&serial, false, quick());
        let tickets = (0..visits).map(|_| cast.ticket(&person)).collect();
        Self {
            person,
            serial,
            tickets,
            band: Some(band),
            port: None,
        }
    }

    /// Comes within reach, but not near.
    pub(super) fn enter(&mut self, stage: &mut Stage) {
        self.port = self.band.take().map(|band| stage.add_band(band, FAR_DBM));
    }

    /// Holds the band to the kiosk and shows a ticket; gives the attempt and what happens in it.
    pub(super) async fn begin(&mut self, client: &Client) -> Result<(Enrollment, Events)> {
        let port = self.port.as_ref().context("the visitor has not entered")?;
        let ticket = self.tickets.pop().context("a ticket for each visit")?;
        let events = client.follow("/api/v1/events").await?;
        port.set_rssi(HELD_DBM);
        port.with(|band, now| band.act(now, Wearer::Press));
        let start = Start {
            identification: Identification::Ticket(Secret::new(ticket)),
            device: None,
            serial: Some(self.serial.clone()),
        };
        Ok((begin(client, &start).await?, events))
    }

    /// Enrolls, and steps back.
    pub(super) async fn enroll(&mut self, client: &Client) -> Result<()> {
        let (begun, mut events) = self.begin(client).await?;
        let ended = follow(client, &mut events, &begun.id, |_| false).await?;
        let outcome = ended.outcome.context("an ended enrollment has an outcome")?;
        let id = &self.person.id;
        ensure!(outcome.code == "done", "{id}: {}: {}", outcome.code, outcome.text);
        self.step_back();
        Ok(())
    }

    /// Takes the band away from the kiosk.
    pub(super) fn step_back(&self) {
        if let Some(port) = &self.port {
            port.set_rssi(FAR_DBM);
        }
    }
}

/// Begins as soon as the station has said goodbye to the band before.
async fn begin(client: &Client, start: &Start) -> Result<Enrollment> {
    let mut tries = tokio::time::interval(BUSY_POLL);
    for _ in 0..BUSY_TRIES {
        tries.tick().await;
        match client.post("/api/v1/enrollments", start).await {
            Err(problem) if problem.code == Code::Busy => {}
            begun => return Ok(begun?),
        }
    }
    bail!("the station stays busy with the person before")
}

/// Follows an attempt, comparing the code as the person would, until it is over or `enough`.
pub(super) async fn follow(
    client: &Client,
    events: &mut Events,
    id: &str,
    enough: impl Fn(&Enrollment) -> bool,
) -> Result<Enrollment> {
    let mut compared = false;
    while let Some(event) = events.next::<Event>().await {
        let Event::Enrollment(now) = event else { continue };
        if now.id != id {
            continue;
        }
        if now.code.is_some() && !std::mem::replace(&mut compared, true) {
            let path = format!("/api/v1/enrollments/{id}/code");
            let _: Enrollment = client.post(&path, &CodeAnswer { same: true }).await?;
        }
        if now.stage.is_final() || enough(&now) {
            return Ok(*now);
        }
    }
    bail!("the station's events ended in the middle of an enrollment")
}
