//! Operators who sign in at the page and stay for a while.
//!
//! The PIN is checked once and not kept. Whatever is done later is asked of the rows again: an operator who lost a
//! right, or got another PIN, has signed out.

use firmware_protocol::id::AssociationId;
use firmware_protocol::time::Instant;
use station_core::journal::FlowId;
use station_core::replica::Right;
use station_core::ticket::{SignedIn, Witness};

use super::attempt::Target;
use super::identify::{Clerk, Fault, Identification, Identifying, answer};
use super::{Done, EventLoop};
use crate::api::Reply;
use crate::api::model::OperatorPin;
use crate::store::StoreError;

/// How an operator proves to be one.
#[derive(Debug)]
pub enum Proof {
    /// By the PIN, each time.
    Pin(OperatorPin),
    /// By having signed in at the page.
    SignedIn(SignedIn),
}

/// Somebody for whom an operator who signed in vouches.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// The operator.
    pub by: SignedIn,
    /// The user's id.
    pub user: String,
}

/// A sign-in that was checked.
pub(super) struct SigningIn {
    reply: Reply<SignedIn>,
    outcome: Result<SignedIn, Fault>,
}

impl EventLoop {
    pub(super) fn sign_in(&mut self, now: Instant, by: OperatorPin, reply: Reply<SignedIn>) {
        if let Err(problem) = self.may_act(now) {
            return answer(reply, Err(problem));
        }
        self.identifying = Some(Identifying { began: now });
        let clerk = Clerk::new(&mut self.station);
        self.jobs.spawn(async move {
            let outcome = clerk.sign_in(by.operator, by.pin).await;
            Done::SignedIn(Box::new(SigningIn { reply, outcome }))
        });
    }

    pub(super) fn on_signed_in(&mut self, signing: SigningIn) -> Result<(), StoreError> {
        self.identifying = None;
        let SigningIn { reply, outcome } = signing;
        match outcome {
            Ok(signed) => {
                tracing::info!("an operator signed in at the page");
                tracing::debug!(operator = signed.operator(), "the operator who signed in");
                answer(reply, Ok(signed));
                Ok(())
            }
            Err(fault) => {
                let fatal = self.station.refuse(&fault);
                answer(reply, Err(self.station.problem("nobody was signed in", fault)));
                fatal
            }
        }
    }

    pub(super) fn vouched(&mut self, now: Instant, vouched: Vouched, reply: Reply) {
        if let Err(problem) = self.admit(now) {
            return answer(reply, Err(problem));
        }
        self.identifying = Some(Identifying { began: now });
        let clerk = Clerk::new(&mut self.station);
        let flow = FlowId(self.station.entropy.bytes());
        self.jobs.spawn(async move {
            let outcome = clerk.by_signed_in(&vouched.by, &vouched.user).await;
            Done::Identified(Box::new(Identification {
                flow,
                target: Target::default(),
                reply,
                outcome,
            }))
        });
    }
}

impl Clerk {
    /// An operator who signed in before wants to use a right: the rows are asked as they are now, and whose the band is
    /// by which it was.
    pub(super) async fn still_signed_in(&self, by: &SignedIn, right: Right) -> Result<Witness, Fault> {
        let name = by.operator().to_owned();
        let query = by.band().map(|band| band.query(0));
        let (time, believed_ms) = (self.time, self.believed_ms);
        let read = self.store.run(move |store| {
            // Nothing is armed here, so no new association is needed.
            let none = AssociationId([0; 16]);
            let holder = query.map(|query| store.holder(&query, time, none, believed_ms));
            Ok((store.operator(&name)?, holder.transpose()?))
        });
        let (row, holder) = read.await?;
        Ok(by.witness(row.as_ref(), holder.as_ref(), right)?)
    }
}
