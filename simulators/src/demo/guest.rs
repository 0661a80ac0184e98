//! When the story is over, whoever watches may come to the gate: in the kiosk's page, with a ticket of their own and
//! a band that the demo wears for them. The terminal is the band's screen.

use std::time::Duration;

use anyhow::{Context, Result};
use firmware_protocol::band::Wearer;
use firmware_protocol::handler::Screen;
use station_daemon::api::model::Status;
use station_daemon::cli::client::Client;
use tokio::time::{MissedTickBehavior, interval};

use super::center::Center;
use super::conflict;
use super::tell::Teller;
use crate::band::{Knobs, SimBand};
use crate::bluez::BandPort;
use crate::cast::{Cast, Person};
use crate::stage::{HELD_DBM, Stage};

/// The daemon's configuration for a page on a port that the system chooses.
pub(super) const PAGE: &str = "[kiosk]\nlisten = \"127.0.0.1:0\"\n";
/// Between two looks at the band's screen.
const LOOK: Duration = Duration::from_millis(100);
/// People need longer than the story's: they look from the page to the terminal and back.
const TOUCH_MS: u64 = 1_000;

/// Somebody who has not come yet.
#[derive(Debug)]
pub(super) struct Guest {
    person: Person,
    band: SimBand,
}

/// What the guest needs to know.
#[derive(Debug)]
pub(super) struct Invitation {
    pub(super) name: String,
    pub(super) serial: String,
    /// Where the page is.
    pub(super) page: String,
    /// What to type there.
    pub(super) code: String,
}

impl Guest {
    /// One more person of the plant, and a new band.
    pub(super) fn new(cast: &mut Cast) -> Self {
        let knobs = Knobs {
            touch_ms: TOUCH_MS,
            reaction_ms: TOUCH_MS,
            ..Knobs::default()
        };
        Self {
            person: cast.person("4718", "Kim Fischer"),
            band: cast.band("AAAH-00131", false, knobs),
        }
    }

    /// The console issues a ticket, and the band is held to the kiosk.
    pub(super) async fn invite(
        self,
        gate: &mut Stage,
        client: &Client,
        center: &Center,
    ) -> Result<(Invitation, BandPort<SimBand>)> {
        let status: Status = client.get("/api/v1/status").await?;
        let (code, revision) = center.code_for(&self.person.id).await?;
        conflict::heard(client, revision).await?;
        let invitation = Invitation {
            name: self.person.name.clone(),
            serial: self.band.serial().to_string(),
            page: status.page.context("the station has a page")?,
            code,
        };
        let port = gate.add_band(self.band, HELD_DBM);
        port.with(|band, now| band.act(now, Wearer::Press));
        Ok((invitation, port))
    }
}

/// Tells what the band shows, whenever it changes; never comes back.
pub(super) async fn show(port: &BandPort<SimBand>, teller: &Teller) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = port.with(|band, _| band.screen().clone());
    loop {
        looks.tick().await;
        let now = port.with(|band, _| band.screen().clone());
        if now != shown {
            if let Some(text) = words(&now) {
                teller.say(&format!("    the band shows: {text}"));
            }
            shown = now;
        }
    }
}

fn words(screen: &Screen) -> Option<String> {
    Some(match screen {
        Screen::Confirm { code, .. } => format!("{code}, the same as the kiosk?"),
        Screen::Touch { count, of, .. } => format!("touch now, {count} of {of}"),
        Screen::TouchAgain(_) => "that touch did not count".into(),
        Screen::Wait => "wait".into(),
        Screen::Done => "done".into(),
        Screen::Label(label) => label.clone(),
        Screen::HoldToDelete => "hold the button to delete all user data".into(),
        Screen::LockedOut { seconds } => format!("no fingers for {seconds} s"),
        Screen::Stopped => "stopped, nothing was made".into(),
        Screen::NoUser => return None,
    })
}
