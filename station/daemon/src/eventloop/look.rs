//! A look at the band that is held to the station: what it says of itself, and what is known of it.
//!
//! A look is an attempt for nobody. It settles what the band has open, as any contact does, and asks nothing of
//! the wearer.

use std::time::Duration;

use firmware_protocol::id::Serial;
use firmware_protocol::message::Report;
use firmware_protocol::station::Established;
use firmware_protocol::time::Instant;
use policy::model::Band;
use station_core::enrollment::{Enrollment, Knowledge, KnownAssociation, Outcome, RefusalCode};
use station_core::journal::FlowId;

use super::EventLoop;
use super::attempt::{Attempt, Target};
use super::identify::answer;
use crate::api::Reply;
use crate::problem::{Code, Problem};

const NOTHING: &str = "no band was looked at";

/// What a look shows.
#[derive(Clone, Debug)]
pub struct BandSeen {
    /// The serial printed on it.
    pub serial: Serial,
    /// The model's name.
    pub model: String,
    /// It also carries a door credential.
    pub seos: bool,
    /// What it says of itself.
    pub report: Report,
    /// What is known of it; absent if it is not in stock.
    pub band: Option<Band>,
    /// Its associations, ended ones too.
    pub associations: Vec<KnownAssociation>,
}

/// Somebody waits for a look.
#[derive(Debug)]
pub struct Look {
    /// This band and no other.
    pub serial: Option<Serial>,
    /// How long a band may take to come.
    pub wait: Duration,
    /// Where the answer goes.
    pub reply: Reply<BandSeen>,
}

/// A look under way: what was seen so far.
#[derive(Debug)]
pub(super) struct Looking {
    reply: Reply<BandSeen>,
    established: Option<Established>,
    known: Option<(Option<Band>, Vec<KnownAssociation>)>,
}

impl Looking {
    pub(super) fn established(&mut self, established: &Established) {
        self.established = Some(established.clone());
    }

    pub(super) fn known(&mut self, known: &Knowledge) {
        self.known = Some((known.band.clone(), known.associations.clone()));
    }

    /// Nobody waits any more.
    pub(super) fn is_alone(&self) -> bool {
        self.reply.is_closed()
    }

    /// The attempt is over: says what was seen, or why nothing was.
    pub(super) fn end(self, outcome: Option<&Outcome>) {
        let Self {
            reply,
            established,
            known,
        } = self;
        let seen = established
            .zip(known)
            .map(|(established, (band, associations))| BandSeen {
                serial: established.certificate.serial.clone(),
                model: established.certificate.model.clone(),
                seos: established.certificate.seos,
                report: established.report,
                band,
                associations,
            });
        answer(reply, seen.ok_or_else(|| unseen(outcome)));
    }
}

fn unseen(outcome: Option<&Outcome>) -> Problem {
    let (why, next) = match outcome {
        Some(Outcome::Refused {
            code: RefusalCode::Flow(refusal),
            ..
        }) => (refusal.text(), refusal.fix()),
        _ => (
            "the band could not be asked",
            "hold the band to the station again",
        ),
    };
    Problem::new(Code::NotFound, NOTHING, why, next)
}

impl EventLoop {
    /// Somebody wants to know what the band that is held to the station is.
    pub(super) fn look(&mut self, now: Instant, look: Look) {
        let busy = self.attempt.as_ref().is_some_and(Attempt::is_somebodys)
            || self.looking.is_some()
            || self.signing_in.is_some();
        if busy || self.stopping.is_some() {
            let why = "the station does something else";
            return answer(
                look.reply,
                Err(Problem::new(Code::Busy, NOTHING, why, "try again in a moment")),
            );
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.give_way(now);
        }
        self.looking = Some(look);
    }

    /// Begins the look that waits, if there is one.
    pub(super) fn begin_look(&mut self, now: Instant) {
        let Some(Look { serial, wait, reply }) = self.looking.take() else {
            return;
        };
        if reply.is_closed() {
            return;
        }
        let flow = FlowId(self.station.entropy.bytes());
        let mut start = self.station.start(flow);
        start.limits.band_wait = wait;
        let target = Target { device: None, serial };
        tracing::info!(%flow, "looking at a band");
        let looking = Looking {
            reply,
            established: None,
            known: None,
        };
        let engine = Enrollment::settle(start, now);
        let attempt = Attempt::new(engine, flow, String::new(), target, now).with_look(looking);
        self.attempt = Some(attempt);
    }
}
