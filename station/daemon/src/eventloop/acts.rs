//! What an operator does at the station beside vouching: says that the clock is right, gives up an enrollment whose
//! band does not come back. Both need a right of their own and the PIN or a sign-in, and stand in the journal before
//! they count.

use firmware_protocol::id::AssociationId;
use firmware_protocol::time::Instant;
use station_core::journal::{ClockConfirmed, Intent, IntentClosed};
use station_core::replica::{Change, Right};

use super::identify::{Clerk, Fault, Identifying, answer};
use super::signed::Proof;
use super::{Done, EventLoop, Station, dates};
use crate::api::Reply;
use crate::api::model::{self, OpenIntent};
use crate::problem::{Code, Problem};
use crate::store::StoreError;

/// How far the clock may have moved on while somebody compared it with another one, in milliseconds.
const COMPARED_MS_MAX: u64 = 300_000;

/// What nobody did when something went wrong.
const NOTHING: &str = "nothing was changed";

/// Something that an operator did, or did not.
pub(super) enum Act {
    /// The date of `at` is right.
    Clock {
        at: Instant,
        clock_ms: u64,
        reply: Reply<model::Clock>,
        outcome: Result<(), Fault>,
    },
    /// An enrollment was given up.
    Intent {
        reply: Reply<OpenIntent>,
        outcome: Result<OpenIntent, Fault>,
    },
}

impl EventLoop {
    /// An operator says that the clock is right.
    pub(super) fn confirm_clock(
        &mut self,
        now: Instant,
        shown_ms: u64,
        by: Proof,
        reply: Reply<model::Clock>,
    ) {
        let clock_ms = self.station.clock.wall_ms();
        let may = self
            .may_act(now)
            .and_then(|()| self.station.may_confirm(shown_ms, clock_ms));
        if let Err(problem) = may {
            return answer(reply, Err(problem));
        }
        self.identifying = Some(Identifying { began: now });
        let clerk = Clerk::new(&mut self.station);
        let mut confirmed = self.station.trusted.clone();
        confirmed.confirm(now, clock_ms);
        let passed = Change::DatePassed {
            ms: confirmed.passed_ms(),
        };
        self.jobs.spawn(async move {
            let outcome = async {
                let witness = clerk.witness(by, Right::ConfirmClock).await?;
                let record = ClockConfirmed {
                    clock_ms,
                    operator: Some(witness.operator().to_owned()),
                };
                Ok(clerk.append(vec![record.into()], vec![passed]).await?)
            };
            Done::Acted(Box::new(Act::Clock {
                at: now,
                clock_ms,
                reply,
                outcome: outcome.await,
            }))
        });
    }

    /// An operator gives up an enrollment.
    pub(super) fn close_intent(
        &mut self,
        now: Instant,
        association: AssociationId,
        by: Proof,
        reply: Reply<OpenIntent>,
    ) {
        let idle = match self.attempt {
            None => Ok(()),
            Some(_) => {
                let why = "a band is at the station, and may be the one";
                Err(Problem::new(
                    Code::Busy,
                    NOTHING,
                    why,
                    "try again when it is gone",
                ))
            }
        };
        if let Err(problem) = self.may_act(now).and(idle) {
            return answer(reply, Err(problem));
        }
        self.identifying = Some(Identifying { began: now });
        let clerk = Clerk::new(&mut self.station);
        self.jobs.spawn(async move {
            let outcome = clerk.close_intent(association, by).await;
            Done::Acted(Box::new(Act::Intent { reply, outcome }))
        });
    }

    pub(super) fn may_act(&self, now: Instant) -> Result<(), Problem> {
        if self.stopping.is_some() {
            let why = "the station is stopping";
            return Err(Problem::new(
                Code::DaemonUnreachable,
                NOTHING,
                why,
                "try again in a moment",
            ));
        }
        match self.is_identifying(now) {
            true => {
                let why = "somebody else is being identified";
                Err(Problem::new(Code::Busy, NOTHING, why, "try again in a moment"))
            }
            false => Ok(()),
        }
    }

    /// It stands in the journal, or does not.
    pub(super) fn on_acted(&mut self, act: Act) -> Result<(), StoreError> {
        self.identifying = None;
        match act {
            Act::Clock {
                at,
                clock_ms,
                reply,
                outcome,
            } => {
                let outcome = self.acted(outcome, |station, ()| {
                    tracing::info!(clock_ms, "an operator confirmed the clock");
                    station.trusted.confirm(at, clock_ms);
                    station.doubted_at_boot = false;
                    station.clock_view()
                });
                finish(reply, outcome)
            }
            Act::Intent { reply, outcome } => {
                let outcome = self.acted(outcome, |_, closed| {
                    tracing::info!(
                        association = closed.association,
                        "an operator gave up an enrollment"
                    );
                    closed
                });
                self.look_for_intents();
                finish(reply, outcome)
            }
        }
    }

    fn acted<T, U>(
        &mut self,
        outcome: Result<T, Fault>,
        done: impl FnOnce(&mut Station, T) -> U,
    ) -> Result<U, (Problem, Result<(), StoreError>)> {
        match outcome {
            Ok(value) => Ok(done(&mut self.station, value)),
            Err(fault) => {
                let fatal = self.station.refuse(&fault);
                Err((self.station.problem(NOTHING, fault), fatal))
            }
        }
    }
}

fn finish<T>(
    reply: Reply<T>,
    outcome: Result<T, (Problem, Result<(), StoreError>)>,
) -> Result<(), StoreError> {
    match outcome {
        Ok(value) => {
            answer(reply, Ok(value));
            Ok(())
        }
        Err((problem, fatal)) => {
            answer(reply, Err(problem));
            fatal
        }
    }
}

/// How far the system's clock may differ from the console's and be vouched for by it, in milliseconds.
const VOUCHED_MS_MAX: u64 = 60_000;

impl Station {
    /// The console said what time it is. It never sets the station's date; but where the station doubts its
    /// own clock and the console's agrees with it, the doubt is over (decision 0024).
    pub(super) fn on_console_time(&mut self, console_ms: u64) {
        let clock_ms = self.clock.wall_ms();
        if self.time().is_trusted() || clock_ms.abs_diff(console_ms) > VOUCHED_MS_MAX {
            return;
        }
        let now = self.clock.now();
        let mut confirmed = self.trusted.clone();
        if !confirmed.confirm(now, clock_ms) {
            return;
        }
        tracing::info!(
            clock_ms,
            "the console's clock agrees; the clock is believed again"
        );
        let passed = Change::DatePassed {
            ms: confirmed.passed_ms(),
        };
        self.trusted = confirmed;
        self.doubted_at_boot = false;
        let record = ClockConfirmed {
            clock_ms,
            operator: None,
        };
        self.note_with(vec![record.into()], vec![passed]);
    }

    /// The date as the station sees it.
    pub(super) fn clock_view(&mut self) -> model::Clock {
        let clock_ms = self.clock.wall_ms();
        let time = self.time();
        model::Clock {
            clock_ms,
            earliest_ms: time.earliest_ms(),
            latest_ms: self.latest_ms(clock_ms),
            trusted: time.is_trusted(),
            expired_by_ms: Some(time.latest_ms()).filter(|ms| time.is_trusted() && *ms > time.earliest_ms()),
        }
    }

    /// The other end of the interval, what has expired apart.
    fn latest_ms(&mut self, clock_ms: u64) -> u64 {
        let time = self.time();
        match time.is_trusted() {
            true => time.earliest_ms(),
            false => self.trusted.believed_ms(self.clock.now()).max(clock_ms),
        }
    }

    /// Whether a confirmation would make sense, and would permit nothing that is surely forbidden.
    fn may_confirm(&mut self, shown_ms: u64, clock_ms: u64) -> Result<(), Problem> {
        let refused = |code, why: String, next: &str| Err(Problem::new(code, NOTHING, why, next));
        if shown_ms > clock_ms || clock_ms - shown_ms > COMPARED_MS_MAX {
            let why = "the clock says something else by now than the date that was compared";
            return refused(Code::OutOfTurn, why.into(), "compare the date that is shown now");
        }
        if self.time().is_trusted() {
            let why = "the station believes its clock; there is nothing to confirm";
            return refused(
                Code::OutOfTurn,
                why.into(),
                "set the clock if it is wrong (`timedatectl`)",
            );
        }
        match dates::unbelievable(&self.identity, self.certificate_ends, clock_ms) {
            None => Ok(()),
            Some(why) => refused(
                Code::ClockUnbelievable,
                why,
                "set the clock (`timedatectl`), or load a fresh provisioning file with `bandstand-station init --replace`",
            ),
        }
    }
}

impl Clerk {
    async fn close_intent(&self, association: AssociationId, by: Proof) -> Result<OpenIntent, Fault> {
        let witness = self.witness(by, Right::CloseIntents).await?;
        let found = self.store.run(move |store| {
            let mut open = store.intents()?.into_iter();
            let Some(intent) = open.find(|intent| intent.association == association) else {
                return Ok(None);
            };
            Ok(Some((OpenIntent::of(store, &intent)?, intent)))
        });
        let (shown, Intent { serial, .. }) = found.await?.ok_or_else(|| Fault::Other(not_open()))?;
        let operator = witness.operator().to_owned();
        let record = IntentClosed {
            association,
            serial,
            operator,
        };
        // Its band may hold it: the ticket stays spent.
        self.append(vec![record.into()], vec![Change::CloseIntent { association }])
            .await?;
        Ok(shown)
    }
}

fn not_open() -> Problem {
    let why = "no open enrollment has this association";
    Problem::new(
        Code::NotFound,
        NOTHING,
        why,
        "look at `bandstand-station intents list`",
    )
}
