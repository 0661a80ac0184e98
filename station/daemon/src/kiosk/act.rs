//! What somebody can do on the page. There is nothing else that a page may ask for.

use serde::Deserialize;

use crate::api::model::Secret;

/// Something that somebody did, on the screen with this number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    /// The number of the screen that was looked at. Another one may have come meanwhile.
    pub(super) turn: u64,
    /// What was done.
    pub(super) what: Act,
}

/// What can be done. Which of it makes sense depends on the screen.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    /// Somebody is there.
    Stay {},
    /// This window is to be the one that counts.
    TakeOver {},
    /// Back to the welcome screen; stops what is under way.
    Home {},
    /// Speak this language.
    Language {
        /// Its code.
        code: String,
    },
    /// Sounds on or off.
    Sound {},
    /// Light to dark or back.
    Theme {},
    /// Hold a ticket to the camera.
    Scan {},
    /// There is no camera, or it may not be used.
    NoCamera {},
    /// Type a ticket's code.
    Type {},
    /// A ticket's code was typed, or a ticket read by a scanner that types.
    Code {
        /// As typed.
        text: Secret,
    },
    /// Band and screen show the same code.
    Same {},
    /// They do not.
    Different {},
    /// Leave out the test.
    SkipTest {},
    /// Test the band again.
    TestAgain {},
    /// An operator wants to sign in.
    Operator {},
    /// An operator signs in.
    SignIn {
        /// Who.
        operator: String,
        /// The PIN.
        pin: Secret,
    },
    /// An operator signs in by the own band.
    SignInBand {},
    /// The next in line stands here.
    Next {},
    /// The next in line does not come.
    SkipNext {},
    /// The operator looks at something else.
    Tab {
        /// At what.
        tab: Tab,
    },
    /// The operator looks for somebody.
    Find {
        /// The user's id.
        user: String,
    },
    /// The operator vouches for whoever was found, who stands here.
    VouchNow {},
    /// The operator vouches for whoever was found, who waits in line.
    VouchLater {},
    /// Somebody leaves the line.
    Unqueue {
        /// The place in it, from 0.
        at: String,
    },
    /// People stand in line, or do so no longer.
    Shift {},
    /// Whose is the band that is held to the station?
    CheckBand {},
    /// Write down for support how the station is.
    Bundle {},
    /// What would it do to say that the clock is right?
    AskClock {},
    /// What would it do to give up an enrollment?
    AskIntent {
        /// Its association.
        association: String,
    },
    /// Do what the effect is shown of.
    PutRight {},
    /// Do not.
    LeaveIt {},
}

/// What an operator can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tab {
    /// The line, and what else there is.
    Start,
    /// Somebody to vouch for.
    Vouch,
    /// A band to check.
    Band,
    /// Radio, bands in range, what happened.
    Station,
    /// Journal and sync.
    Journal,
    /// A clock in doubt, enrollments whose band does not come back.
    Repair,
}

impl Tab {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::Start,
        Self::Vouch,
        Self::Band,
        Self::Station,
        Self::Journal,
        Self::Repair,
    ];

    /// The stable name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Vouch => "vouch",
            Self::Band => "band",
            Self::Station => "station",
            Self::Journal => "journal",
            Self::Repair => "repair",
        }
    }
}
