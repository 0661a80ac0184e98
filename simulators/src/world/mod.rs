//! A whole plant in one process under one clock that jumps to the next deadline.
//!
//! Bands, links and the station's flow are the real engines; the station's database is a memory that a kill
//! cannot touch. A world has no time of its own: an enrollment of four simulated seconds takes a fraction
//! of a millisecond, and the same seed gives the same world.

mod check;
mod log;
mod memory;
mod scenario;
mod sessions;
mod station;

pub use check::{Expected, Violation};
pub use log::Log;
pub use memory::{Directory, Memory};
pub use scenario::{Line, Scenario, ScenarioFault};
pub use sessions::{Chaos, DATE, Sessions, Summary};
pub use station::{Compares, Kill, Post, Station, Told};

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use firmware_protocol::id::{UserHandle, Zone};
use firmware_protocol::time::{Instant, UnixSeconds};
use station_core::clock::TrustedTime;
use station_core::journal::station_key;
use station_core::provision::Provision;
use station_core::replica::{OperatorRow, Right, TicketState};
use station_core::ticket::{
    AttemptState, AttemptSubject, Identified, Place, TicketClaims, TicketId, begin_pin, sign_ticket,
    verify_ticket,
};

use crate::band::SimBand;
use crate::cast::{Cast, SITE};
use crate::link::LinkConfig;
use crate::peripheral::Peripheral;
use crate::random::Random;
use station::Attempt;

/// Longest simulated time of one attempt; an engine that is still busy then is stuck.
const ATTEMPT_SECONDS_MAX: u64 = 3600;

/// A plant with one station.
pub struct World {
    /// The station.
    pub station: Station,
    /// The bands.
    pub bands: Vec<SimBand>,
    /// What happened, if it is kept.
    pub log: Log,
    now: Instant,
}

impl World {
    /// The world of a cast, at this date.
    pub fn new(cast: &Cast, bands: Vec<SimBand>, date: UnixSeconds, link: LinkConfig, seed: u64) -> Self {
        let provision = cast
            .file()
            .clone()
            .check([0; 32])
            .expect("a cast makes a good file");
        let memory = Memory::new(station_key(provision.station), provision.associations.clone());
        let station = Station::new(post(cast, provision, date), memory, link, Random::new(seed));
        Self {
            station,
            bands,
            log: Log::default(),
            now: Instant::ZERO,
        }
    }

    /// Simulated time since the world's start.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// One person at the kiosk with one band, an operator vouching; nobody, to settle what is open.
    pub fn attempt(&mut self, person: Option<UserHandle>, band: usize) -> Told {
        self.visit(person.map(vouched), band)
    }

    /// The same, by somebody who was identified in any way.
    pub fn visit(&mut self, person: Option<Identified>, band: usize) -> Told {
        let now = self.now;
        let mut attempt = self.station.begin(person, now);
        self.bands[band].handle_timeout(now);
        let told = self.drive(&mut attempt, band);
        let text = format!("outcome: {}", told.code);
        self.log.line(self.now, || text);
        told
    }

    fn drive(&mut self, attempt: &mut Attempt, band: usize) -> Told {
        let began = self.now;
        loop {
            let band = &mut self.bands[band];
            while !self.station.killed && attempt.exchange(&mut self.station, band, self.now, &mut self.log) {
            }
            if self.station.killed {
                attempt.hang_up(band, self.now);
                return killed(self.now.since(began).as_millis() as u64);
            }
            if let Some(told) = attempt.told(self.now) {
                return told;
            }
            let next = [attempt.poll_timeout(), band.poll_timeout()]
                .into_iter()
                .flatten()
                .min();
            self.now = self
                .now
                .max(next.expect("an attempt without a deadline is stuck"));
            let spent = self.now.since(began).as_secs();
            assert!(
                spent < ATTEMPT_SECONDS_MAX,
                "an attempt of {spent} simulated seconds is stuck"
            );
            attempt.handle_timeout(&mut self.station, band, self.now);
            band.handle_timeout(self.now);
        }
    }
}

fn killed(simulated_ms: u64) -> Told {
    Told {
        code: "killed",
        text: String::from("The station was killed."),
        simulated_ms,
        left_open: true,
    }
}

fn post(cast: &Cast, provision: Provision, date: UnixSeconds) -> Post {
    let group = provision.active_group_policy.clone();
    Post {
        identity: cast.identity.clone(),
        station: provision.station,
        organization: provision.organization,
        zone: provision.zone,
        manufacturers: provision.manufacturers,
        made_at_ms: provision.made_at_ms,
        wall_start_ms: date.0 * 1000,
        directory: Directory::new(
            provision.users,
            provision.bands,
            group,
            provision.individual_policies,
        ),
    }
}

/// An operator knows the person.
pub(crate) fn vouched(user: UserHandle) -> Identified {
    let operator = OperatorRow {
        id: String::from("world"),
        pin: String::new(),
        rights: BTreeSet::from([Right::Vouch]),
        user: None,
    };
    let (state, time) = (AttemptState::default(), TrustedTime::certain(0));
    let subject = AttemptSubject::Pin {
        operator: operator.id.clone(),
    };
    let pending = begin_pin(Some(&operator), subject, state, 0, time).expect("nobody guessed");
    let (_, witness) = pending.right(Right::Vouch);
    let identified = witness.and_then(|witness| witness.vouch(user));
    identified.expect("an operator with the right to vouch")
}

/// Somebody who showed the ticket of this number at the station before anybody used it.
pub(crate) fn ticketed(user: UserHandle, number: u8, zone: Zone) -> Identified {
    let issuer = SigningKey::from_bytes(&[number; 32]);
    let claims = TicketClaims {
        id: TicketId([number; 16]),
        user,
        site: SITE.into(),
        zone,
        not_before: UnixSeconds(0),
        expires: UnixSeconds(u64::MAX),
    };
    let (place, time) = (Place { site: SITE, zone }, TrustedTime::certain(0));
    let text = sign_ticket(&claims, &issuer);
    let ticket = verify_ticket(&text, &issuer.verifying_key().to_bytes(), place, time);
    let identified = ticket.and_then(|ticket| ticket.redeem(TicketState::Unspent));
    identified.expect("a ticket that nobody used")
}

/// Plays each band once, with the person that `who` gives for its place, and says how it ended.
pub fn play_once(
    cast: &Cast,
    bands: Vec<SimBand>,
    date: UnixSeconds,
    who: impl Fn(usize) -> UserHandle,
) -> Vec<Told> {
    let mut world = World::new(cast, bands, date, LinkConfig::default(), 1);
    (0..world.bands.len())
        .map(|band| world.attempt(Some(who(band)), band))
        .collect()
}
