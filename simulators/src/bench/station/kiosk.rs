//! One person after the other at a real daemon's kiosk.

use anyhow::{Context, Result, ensure};
use firmware_protocol::band::Wearer;
use station_daemon::api::model::Enrollment;
use station_daemon::cli::client::{Client, Events};

use crate::band::{Knobs, SimBand};
use crate::bluez::BandPort;
use crate::cast::{Cast, Person};
use crate::stage::{FAR_DBM, HELD_DBM, Stage, begin, follow};

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
        Ok((begin(client, &ticket, Some(&self.serial)).await?, events))
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
