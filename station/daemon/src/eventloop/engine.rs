//! The engine of an attempt: an enrollment, or an operator who signs in by the own band.

use firmware_protocol::id::UserHandle;
use firmware_protocol::message::StationToBand;
use firmware_protocol::station::SessionEvent;
use firmware_protocol::time::Instant;
use station_core::enrollment::{self, AppendFault, Enrollment, Knowledge, Person};
use station_core::sign_in::{self, SignIn};
use station_core::ticket::HolderFacts;

/// Whichever engine it is.
pub(super) enum Engine {
    Enrollment(Box<Enrollment>),
    SignIn(Box<SignIn>),
}

/// What it wants.
pub(super) enum Wanted {
    Enrollment(enrollment::Event),
    SignIn(sign_in::Event),
}

/// What was looked up for it.
pub(super) enum Known {
    Enrollment(Box<Knowledge>),
    SignIn(Box<HolderFacts>),
}

impl From<Enrollment> for Engine {
    fn from(engine: Enrollment) -> Self {
        Self::Enrollment(Box::new(engine))
    }
}

impl From<SignIn> for Engine {
    fn from(engine: SignIn) -> Self {
        Self::SignIn(Box::new(engine))
    }
}

impl Engine {
    pub(super) fn wants_band(&self) -> bool {
        match self {
            Self::Enrollment(engine) => engine.wants_band(),
            Self::SignIn(engine) => engine.wants_band(),
        }
    }

    /// Whose enrollment it is; nobody's when it is none, or only settles.
    pub(super) fn user(&self) -> Option<UserHandle> {
        match self {
            Self::Enrollment(engine) => engine.user(),
            Self::SignIn(_) => None,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Enrollment(engine) => engine.poll_timeout(),
            Self::SignIn(engine) => engine.poll_timeout(),
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<StationToBand> {
        match self {
            Self::Enrollment(engine) => engine.poll_transmit(),
            Self::SignIn(engine) => engine.poll_transmit(),
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<Wanted> {
        match self {
            Self::Enrollment(engine) => engine.poll_event().map(Wanted::Enrollment),
            Self::SignIn(engine) => engine.poll_event().map(Wanted::SignIn),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Enrollment(engine) => engine.handle_timeout(now),
            Self::SignIn(engine) => engine.handle_timeout(now),
        }
    }

    pub(super) fn give_way(&mut self, now: Instant) {
        match self {
            Self::Enrollment(engine) => engine.give_way(now),
            Self::SignIn(engine) => engine.give_way(now),
        }
    }

    pub(super) fn handle_session(&mut self, now: Instant, event: SessionEvent) {
        match self {
            Self::Enrollment(engine) => engine.handle_input(now, enrollment::Input::Session(event)),
            Self::SignIn(engine) => engine.handle_input(now, sign_in::Input::Session(event)),
        }
    }

    /// Somebody did something at the kiosk. Whoever signs in can only stop.
    pub(super) fn handle_person(&mut self, now: Instant, person: Person) {
        match self {
            Self::Enrollment(engine) => engine.handle_input(now, enrollment::Input::Person(person)),
            Self::SignIn(engine) if person == Person::Cancel => {
                engine.handle_input(now, sign_in::Input::Cancel)
            }
            Self::SignIn(_) => {}
        }
    }

    /// The query of this number is answered.
    pub(super) fn handle_known(&mut self, now: Instant, number: u64, known: Known) {
        match (self, known) {
            (Self::Enrollment(engine), Known::Enrollment(known)) => {
                engine.handle_input(now, enrollment::Input::Facts(number, known));
            }
            (Self::SignIn(engine), Known::SignIn(facts)) => {
                engine.handle_input(now, sign_in::Input::Facts(number, facts));
            }
            // The answer to the attempt before, which had another engine.
            _ => {}
        }
    }

    /// The append of this number is durable, or did not happen.
    pub(super) fn handle_appended(&mut self, now: Instant, number: u64, outcome: Result<(), AppendFault>) {
        match self {
            Self::Enrollment(engine) => engine.handle_input(
                now,
                match outcome {
                    Ok(()) => enrollment::Input::Appended(number),
                    Err(fault) => enrollment::Input::AppendFailed(number, fault),
                },
            ),
            Self::SignIn(engine) => engine.handle_input(
                now,
                match outcome {
                    Ok(()) => sign_in::Input::Appended(number),
                    Err(_) => sign_in::Input::AppendFailed(number),
                },
            ),
        }
    }
}
