//! What an enrollment asks of its shell and shows to people.

use std::time::Duration;

use firmware_protocol::id::{AssociationId, OrganizationId, ScreenCode, Serial, UserHandle, Zone};
use firmware_protocol::message::{Interruption, TouchFault};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::SessionEvent;
use policy::effects::Effects;
use policy::mismatch::Mismatch;
use policy::model::{Association, Band, GroupPolicy, IndividualPolicy};

use super::refusal::{Refusal, RefusalCode};
use crate::clock::TrustedTime;
use crate::journal::{FlowId, Intent, JournalRecord, RollbackCause};
use crate::replica::{Change, TicketState, UserRow};
use crate::ticket::TicketId;

/// What an enrollment needs to know of its station.
#[derive(Clone, Debug)]
pub struct Start {
    /// Ties the journal's records together. 16 fresh bytes.
    pub flow: FlowId,
    /// The organization of the station's certificate.
    pub organization: OrganizationId,
    /// The zone of the station's certificate.
    pub zone: Zone,
    /// How long everything may take.
    pub limits: Limits,
}

/// How long everything may take, and how often it may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a band to come, or to come back.
    pub band_wait: Duration,
    /// Between two tries at a band that asked to be tried later. It does not say how much later.
    pub pause_wait: Duration,
    /// For the shell to answer a question or to make an append durable.
    pub shell_wait: Duration,
    /// For a band to answer a request. Longer than the session's own limit, which ends the session first.
    pub answer_wait: Duration,
    /// For the person to put the band on.
    pub worn_wait: Duration,
    /// Between two looks whether the band is on.
    pub worn_poll: Duration,
    /// For each touch. Longer than the band's own limit.
    pub touch_wait: Duration,
    /// For all touches together, so that a band that never stops talking holds nobody for ever.
    pub capture_wait: Duration,
    /// For the person to compare the code after the last touch.
    pub code_wait: Duration,
    /// For the wearer to delete the user data and for the band to come back.
    pub deletion_wait: Duration,
    /// The oldest intent that is still finished when its band comes back; older ones are rolled back.
    pub resume_age_max: Duration,
    /// Looks at the band in one attempt: the first, each reconnection, each try after an interruption.
    pub contacts_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            band_wait: seconds(60),
            pause_wait: seconds(2),
            shell_wait: seconds(20),
            answer_wait: seconds(10),
            worn_wait: seconds(120),
            worn_poll: seconds(1),
            touch_wait: seconds(90),
            capture_wait: seconds(900),
            code_wait: seconds(60),
            deletion_wait: seconds(300),
            resume_age_max: seconds(600),
            contacts_max: 10,
        }
    }
}

/// Something that happened to an enrollment.
#[derive(Debug)]
pub enum Input {
    /// The session with the band says something.
    Session(SessionEvent),
    /// The answer to the [`Query`] of this number. Answers to older queries are ignored.
    Facts(u64, Box<Knowledge>),
    /// The [`Append`] of this number is durable, or was admitted to be counted only.
    Appended(u64),
    /// The [`Append`] of this number changed nothing.
    AppendFailed(u64, AppendFault),
    /// Somebody did something at the kiosk.
    Person(Person),
}

/// Why an append changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// The store did not take it.
    Storage,
    /// It would have spent a ticket that was spent for something else in the meantime.
    TicketSpent,
}

/// What somebody does at the kiosk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// The codes on band and kiosk are the same.
    CodeConfirmed,
    /// They are not.
    CodeDeclined,
    /// Stop, if nothing was committed yet.
    Cancel,
}

/// What an enrollment wants.
#[derive(Clone, Debug)]
pub enum Event {
    /// Look this up and answer with [`Input::Facts`].
    NeedFacts(Query),
    /// Store this in one transaction and answer when it is durable.
    Append(Append),
    /// Show this.
    Screen(Screen),
    /// Connect to the band (again) when it can be heard, and begin a session.
    Connect,
    /// Drop the link, if there is one: the band cannot be asked to.
    Hangup,
    /// It is over. Nothing follows.
    Ended(Outcome),
}

/// What must be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Comes back with the answer.
    pub number: u64,
    /// About whom, if about anybody.
    pub user: Option<UserHandle>,
    /// About which band.
    pub serial: Serial,
    /// Associations the band holds: which of them are in the rows?
    pub held: Vec<AssociationId>,
    /// A ticket whose state matters.
    pub ticket: Option<TicketId>,
}

/// What is known, read in one transaction.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The replica's revision.
    pub revision: u64,
    /// When the replica was complete, milliseconds since 1970.
    pub made_at_ms: u64,
    /// What is known about the date.
    pub time: TrustedTime,
    /// The user asked about; absent if there is none with that handle.
    pub user: Option<UserRow>,
    /// The active group policy.
    pub group: GroupPolicy,
    /// The user's individual policy.
    pub individual: Option<IndividualPolicy>,
    /// The band asked about; absent if it is not in stock.
    pub band: Option<Band>,
    /// Every association of that user and every association of that band, in both zones, ended ones too.
    pub associations: Vec<KnownAssociation>,
    /// Those of [`Query::held`] that are in the rows, ended or not.
    pub held_known: Vec<AssociationId>,
    /// The open intents for that band.
    pub open_intents: Vec<Intent>,
    /// The association that the band proved and that is not to be believed, see
    /// [`Change::Quarantine`].
    pub quarantined: Option<AssociationId>,
    /// What became of [`Query::ticket`]; unspent if there is no row.
    pub ticket: TicketState,
    /// A fresh id, in case a new association is made. Never given twice.
    pub fresh: AssociationId,
}

/// An association with what must be known of its two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAssociation {
    /// The association.
    pub association: Association,
    /// Its user is suspended.
    pub user_suspended: bool,
    /// Its band is SEOS-enabled.
    pub band_seos: bool,
}

/// What must be durable before the enrollment goes on. All or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Comes back with the answer.
    pub number: u64,
    /// Journal records, in order.
    pub records: Vec<JournalRecord>,
    /// Changes of the rows, in order.
    pub changes: Vec<Change>,
    /// A refusal: [`RefusalBudget`](super::RefusalBudget) says whether it is written or only counted.
    pub bounded: bool,
}

/// What people at the kiosk see. Closed: a kiosk that shows all of these has no dead end.
#[derive(Clone, Debug)]
pub enum Screen {
    /// The band was found genuine.
    BandFound {
        /// Its serial.
        serial: Serial,
        /// Its model.
        model: String,
        /// It also carries a door credential.
        seos: bool,
        /// Its charge, 0 to 100.
        battery_percent: u8,
    },
    /// The policy allows it. What becomes true when it is done, and how the band differs from what is known.
    Allowed {
        /// What becomes true.
        effects: Effects,
        /// How the band differs from what was known.
        mismatch: Option<Mismatch>,
    },
    /// Put the band on.
    PutOn,
    /// Compare this code with the one on the band: confirm on the band and here.
    CompareCode(ScreenCode),
    /// The wearer confirmed on the band.
    BandConfirmed,
    /// Touch the sensor: `count` good touches of `of`.
    Touch {
        /// Good touches so far.
        count: u8,
        /// Good touches needed.
        of: u8,
        /// How good the last one was, 0 to 100; absent before the first.
        quality: Option<u8>,
    },
    /// The last touch did not count.
    TouchAgain {
        /// Why.
        fault: TouchFault,
        /// Failed touches in a row.
        in_a_row: u8,
        /// What helps.
        tip: Tip,
    },
    /// All touches are in; wait.
    Saving,
    /// The wearer must delete the band's user data by hand. The policy has allowed what comes after it.
    DeleteUserData {
        /// How the band differs from what is known, if it does.
        mismatch: Option<Mismatch>,
    },
    /// The band is empty now.
    UserDataDeleted,
    /// The band gave up for now; the attempt goes on.
    Interrupted {
        /// Why.
        cause: Interruption,
    },
    /// The link is gone: bring the band near again.
    BringBack,
    /// This is another band than the one the attempt began with.
    OtherBand {
        /// The one it began with.
        expected: Serial,
        /// The one that came.
        found: Serial,
    },
    /// An association from an earlier attempt is settled.
    Settled {
        /// Which.
        association: AssociationId,
        /// `None`: it holds. Else: why it was rolled back.
        rolled_back: Option<RollbackCause>,
    },
    /// No. Nothing was made, unless an earlier screen said so.
    Refused(Refusal),
    /// It holds: the band is enrolled or registered, and the proof is safe.
    Done {
        /// The proof.
        receipt: Box<Receipt>,
        /// It had been committed in an earlier session, and only the proof was missing.
        recovered: bool,
    },
}

/// What helps after a touch that did not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tip {
    /// Use the same finger each time.
    SameFinger,
    /// Put the finger on the middle of the sensor.
    CenterFinger,
    /// Dry the finger.
    DryFinger,
    /// The finger is too dry: breathe on it.
    MoistenFinger,
    /// Wipe the sensor.
    CleanSensor,
    /// Keep the finger still until asked to lift it.
    HoldStill,
    /// Close the band snugly above the wrist bone; clean the skin under it.
    SnugBand,
    /// Rest the arm on the table.
    RestArm,
}

impl Tip {
    /// The tip for a fault; a finger that does not match for the fourth time is probably misplaced.
    pub fn after(fault: TouchFault, in_a_row: u8) -> Self {
        match fault {
            TouchFault::NoMatch if in_a_row < 4 => Self::SameFinger,
            TouchFault::NoMatch | TouchFault::OffCenter => Self::CenterFinger,
            TouchFault::Wet => Self::DryFinger,
            TouchFault::Dry => Self::MoistenFinger,
            TouchFault::SensorDirty => Self::CleanSensor,
            TouchFault::Moved => Self::HoldStill,
            TouchFault::NoLiveness => Self::SnugBand,
            TouchFault::Motion => Self::RestArm,
        }
    }

    /// The stable name for programs and translations.
    pub fn code(self) -> &'static str {
        match self {
            Self::SameFinger => "same_finger",
            Self::CenterFinger => "center_finger",
            Self::DryFinger => "dry_finger",
            Self::MoistenFinger => "moisten_finger",
            Self::CleanSensor => "clean_sensor",
            Self::HoldStill => "hold_still",
            Self::SnugBand => "snug_band",
            Self::RestArm => "rest_arm",
        }
    }
}

/// How an enrollment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The association holds and its receipt is in the journal.
    Enrolled {
        /// Which.
        association: AssociationId,
    },
    /// Refused or broken off; `left_open` if an intent waits for its band to come back.
    Refused {
        /// Why.
        code: RefusalCode,
        /// An intent is still open.
        left_open: bool,
    },
    /// Nobody was there; whatever the band had open is settled.
    Settled,
}
