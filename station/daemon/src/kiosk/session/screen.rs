//! The screens, each with what is known on it and nothing else.

use station_core::sign_in;

use super::desk::Desk;
use crate::api::model::{Consequence, Decider, Enrollment, Outcome};
use crate::problem::Problem;

/// What is shown.
#[derive(Debug)]
pub(in crate::kiosk) enum Screen {
    /// Nobody is here.
    Welcome,
    /// Somebody uses the station from its command line.
    Busy,
    /// The camera looks for a ticket.
    Scan { slip: Option<Slip> },
    /// A ticket's code is typed.
    TypeCode { slip: Option<Slip> },
    /// A ticket is being checked. `back` is where it came from.
    Checking { back: Box<Screen> },
    /// An enrollment is under way.
    Attempt(Attempt),
    /// The band is tested.
    TestTap(Test),
    /// The band works.
    Done(Ready),
    /// No, and why.
    Refused(Refused),
    /// An operator signs in. `slip` is the reason why that did not work.
    SignIn { slip: Option<String> },
    /// A PIN is being checked.
    SigningIn,
    /// An operator signs in by the own band; how far that is the event loop says.
    OwnBand,
    /// Nobody signed in by a band, and why.
    OwnBandRefused(Refused),
    /// An operator is here.
    Desk(Box<Desk>),
}

/// What was wrong with a ticket, where it can be tried again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kiosk) enum Slip {
    /// Not a code: a slip of the finger.
    Malformed,
    /// A code that is nobody's.
    Unknown,
    /// There is no camera.
    NoCamera,
    /// The station was busy for a moment.
    Moment,
}

impl Slip {
    /// All of them.
    #[cfg(test)]
    pub(in crate::kiosk) const ALL: [Self; 4] =
        [Self::Malformed, Self::Unknown, Self::NoCamera, Self::Moment];

    /// The stable name for texts.
    pub(in crate::kiosk) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::NoCamera => "no_camera",
            Self::Moment => "moment",
        }
    }
}

/// An enrollment under way.
#[derive(Debug)]
pub(in crate::kiosk) struct Attempt {
    /// Which.
    pub(in crate::kiosk) id: String,
    /// The name of whoever it is for.
    pub(in crate::kiosk) name: String,
    /// Somebody wants to stop it.
    pub(in crate::kiosk) cancelled: bool,
    /// As it was begun, until the event loop says more.
    pub(in crate::kiosk) first: Option<Box<Enrollment>>,
}

/// A band that was enrolled.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kiosk) struct Ready {
    /// Whose.
    pub(in crate::kiosk) name: String,
    /// The band.
    pub(in crate::kiosk) serial: String,
    /// What is true now.
    pub(in crate::kiosk) consequences: Vec<Consequence>,
    /// The association that was made.
    pub(in crate::kiosk) association: String,
    /// When, milliseconds since 1970.
    pub(in crate::kiosk) wall_ms: u64,
    /// Whether its test went well; nothing if it was left out.
    pub(in crate::kiosk) tested: Option<bool>,
}

/// A band under test.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kiosk) struct Test {
    /// The band.
    pub(in crate::kiosk) ready: Ready,
    /// It could not be seen.
    pub(in crate::kiosk) failed: bool,
}

/// Why something ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::kiosk) struct Refused {
    /// The one name of the reason.
    pub(in crate::kiosk) code: String,
    /// What decided, if a rule or a policy did.
    pub(in crate::kiosk) decider: Option<Decider>,
    /// A number that belongs to the reason.
    pub(in crate::kiosk) detail: Option<u32>,
    /// The band it was about.
    pub(in crate::kiosk) serial: Option<String>,
    /// How the band differs from what was known, where that matters.
    pub(in crate::kiosk) mismatch: Option<String>,
}

impl Screen {
    /// Whether somebody may say who they are.
    pub(in crate::kiosk) fn may_identify(&self) -> bool {
        matches!(
            self,
            Self::Welcome | Self::Scan { .. } | Self::TypeCode { .. } | Self::Refused(_) | Self::Done(_)
        )
    }
}

impl Refused {
    /// As a sign-in by a band ended.
    pub(in crate::kiosk) fn of_sign_in(refused: &sign_in::Refused) -> Self {
        Self {
            code: refused.code.code().into(),
            detail: Some(refused.detail),
            ..Self::default()
        }
    }

    /// As the daemon says it of something that was not begun.
    pub(in crate::kiosk) fn of_problem(problem: &Problem) -> Self {
        Self {
            code: problem.code.as_str().into(),
            ..Self::default()
        }
    }

    /// As an enrollment ended.
    pub(in crate::kiosk) fn of_enrollment(enrollment: &Enrollment, outcome: &Outcome) -> Self {
        Self {
            code: outcome.code.clone(),
            decider: outcome.decider.clone(),
            detail: outcome.detail,
            serial: enrollment.band.as_ref().map(|band| band.serial.clone()),
            mismatch: enrollment.mismatch.clone(),
        }
    }
}
