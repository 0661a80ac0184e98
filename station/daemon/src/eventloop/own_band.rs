//! Operators who sign in by their own band: an attempt for nobody that ends with who it was.

use firmware_protocol::time::Instant;
use station_core::journal::FlowId;
use station_core::sign_in::{Outcome, Refused, SignIn};
use station_core::ticket::{SignInRefusal, SignedIn};

use super::attempt::{Attempt, Target};
use super::identify::answer;
use super::{EventLoop, Station};
use crate::api::{Reply, SigningIn};
use crate::problem::{Code, Problem};

/// Where it is said who signed in, or why nobody did.
pub(crate) type ByBand = Reply<Result<SignedIn, Refused>>;

impl EventLoop {
    /// An operator wants to sign in by the own band.
    pub(super) fn sign_in_by_band(&mut self, now: Instant, reply: ByBand) {
        let allowed = match self.station.config.kiosk.operator_bands {
            true => Ok(()),
            false => Err(switched_off()),
        };
        if let Err(problem) = allowed.and_then(|()| self.admit(now)) {
            return answer(reply, Err(problem));
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.give_way(now);
        }
        self.signing_in = Some(reply);
    }

    /// Whoever wanted to sign in by a band does not any more.
    pub(super) fn stop_sign_in(&mut self, now: Instant) {
        self.signing_in = None;
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.is_sign_in()) {
            attempt.handle_person(now, station_core::enrollment::Person::Cancel);
        }
    }

    /// Begins the sign-in that waits, if there is one.
    pub(super) fn begin_sign_in(&mut self, now: Instant, reply: ByBand) {
        if reply.is_closed() {
            return;
        }
        let flow = FlowId(self.station.entropy.bytes());
        let engine = SignIn::new(self.station.start(flow), now);
        tracing::info!(%flow, "somebody wants to sign in by a band");
        let attempt = Attempt::new(engine, flow, String::new(), Target::default(), now);
        self.attempt = Some(attempt.with_sign_in(reply));
    }
}

impl Station {
    /// Shows how far a sign-in is, to the page alone.
    pub(super) fn show_sign_in(&self, shown: Option<SigningIn>) {
        self.live.send_if_modified(|live| {
            let is_new = live.signing_in != shown;
            live.signing_in = shown;
            is_new
        });
    }

    /// Tells whoever wanted to sign in what came of it.
    pub(super) fn tell_sign_in(&self, flow: FlowId, reply: ByBand, outcome: Outcome) {
        self.show_sign_in(None);
        let said = match outcome {
            Outcome::SignedIn(signed) => {
                tracing::info!(%flow, "an operator signed in at the page, by a band");
                tracing::debug!(operator = signed.operator(), "the operator who signed in");
                Ok(*signed)
            }
            Outcome::Refused(refused) => {
                tracing::info!(%flow, code = refused.code.code(), "nobody signed in by a band");
                Err(refused)
            }
        };
        answer(reply, Ok(said));
    }
}

/// Whether the band has an enrollment open, which is to be settled now.
pub(super) fn is_unsettled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refused) if refused.code == SignInRefusal::BandUnsettled)
}

fn switched_off() -> Problem {
    Problem::new(
        Code::OperatorNotAllowed,
        "nobody was signed in",
        "this station is configured not to sign operators in by their bands",
        "sign in by name and PIN, or set `kiosk.operator_bands`",
    )
}
