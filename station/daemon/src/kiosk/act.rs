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
}
