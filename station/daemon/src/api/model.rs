//! What the API says and hears. These types are the API: a change here is a change for its users.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Text that must not be seen: it prints as dots.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String)]
#[serde(from = "String", into = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.reveal().to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A person stands at the kiosk and wants a band.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Who it is, and how that is known.
    pub identification: Identification,
    /// Take this band out of [`Bands`]; the nearest one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Take the band with this serial and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// How the person is identified.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identification {
    /// The text of a ticket's QR code.
    Ticket(Secret),
    /// The short code of a ticket, as typed.
    Code(Secret),
    /// An operator vouches.
    Vouch(Vouch),
}

/// An operator vouches for a person and is recorded as the witness.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vouch {
    /// Whom the operator vouches for.
    pub user: String,
    /// The operator.
    pub operator: String,
    /// The operator's PIN.
    pub pin: Secret,
}

/// The answer to "do band and kiosk show the same code?".
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeAnswer {
    /// They do.
    pub same: bool,
    /// The code that was compared, as shown. An answer about another code than the present one is refused:
    /// each session has a code of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Where an enrollment stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Enrollment {
    /// Names this attempt: 32 hexadecimal digits.
    pub id: String,
    /// The stage reached.
    pub stage: Stage,
    /// Who wants a band: the user's id.
    pub user: String,
    /// The band, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<BandInfo>,
    /// What becomes true when it is done, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    /// The same for programs that have sentences of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Consequence>,
    /// The code of how the band differs from what was known, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
    /// The code that the band shows too, from the moment it can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Somebody has confirmed the code at the kiosk.
    pub code_confirmed: bool,
    /// The wearer has confirmed this station on the band.
    pub band_confirmed: bool,
    /// The touches so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touches: Option<Touches>,
    /// What came of it, once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Milliseconds since the attempt began.
    pub elapsed_ms: u64,
}

/// The stages of an enrollment; the last two end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Hold one band to the kiosk.
    LookingForBand,
    /// Several bands are equally near: hold only one to the kiosk.
    SeveralBands,
    /// The link is being made.
    Connecting,
    /// The policy is asked.
    Checking,
    /// Put the band on.
    PutOn,
    /// Compare the code on band and kiosk, and confirm on both.
    CompareCode,
    /// Touch the sensor.
    Touch,
    /// All touches are in; band and journal are being written.
    Saving,
    /// The wearer must delete the band's user data by hand.
    DeleteUserData,
    /// The link is gone: bring the band near again.
    BringBack,
    /// This is another band than the one the attempt began with.
    OtherBand,
    /// The band is enrolled or registered.
    Done,
    /// It was refused, or could not be done.
    Refused,
}

impl Stage {
    /// Nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Refused)
    }
}

/// A band as a session showed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BandInfo {
    /// The serial printed on it.
    pub serial: String,
    /// The model's name.
    pub model: String,
    /// It also carries a door credential.
    pub seos: bool,
    /// 0 to 100.
    pub battery_percent: u8,
}

/// How the capture goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Touches {
    /// Good touches so far.
    pub count: u8,
    /// Good touches needed.
    pub of: u8,
    /// Quality of the last good one, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Why the last one did not count, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<String>,
    /// Touches in a row that did not count.
    #[serde(default)]
    pub in_a_row: u8,
}

/// Something that becomes true when an enrollment is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Consequence {
    /// Its stable code.
    pub code: String,
    /// The other band it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<String>,
    /// Until when it holds, milliseconds since 1970, if it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// What decided: a rule, or an attribute of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decider {
    /// The code of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The name of the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Where its value comes from: `built_in`, `group` or `individual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The policy, unless the value is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// What came of an enrollment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// `done`, or the stable code of what stood in the way.
    pub code: String,
    /// The same in a sentence.
    pub text: String,
    /// What decided, if a rule or a policy did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// The same for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decider: Option<Decider>,
    /// The shortest way on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The stable code of the shortest way on, if a policy knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// A number that belongs to the code, such as the seconds of a lockout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<u32>,
    /// The association that was made: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub association: Option<String>,
}

/// The bands in range, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bands {
    /// One per device.
    pub bands: Vec<NearbyBand>,
}

/// A band that advertises. It does not say which one it is before a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NearbyBand {
    /// Names the device on this station's radio.
    pub device: String,
    /// Signal strength in dBm, smoothed over ten advertisements.
    pub rssi_dbm: i16,
    /// Strong enough to count as held to the kiosk.
    pub near: bool,
    /// It holds user data of some organization.
    pub enrolled: bool,
    /// It is on a wrist.
    pub worn: bool,
    /// It is on its charger.
    pub charging: bool,
    /// Its wearer asks for attention.
    pub intent: bool,
    /// It also carries a door credential.
    pub seos: bool,
    /// It refuses fingers for a while.
    pub locked_out: bool,
    /// 0 to 100, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_percent: Option<u8>,
}

/// How the station is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the station's software.
    pub software: String,
    /// The station: 32 hexadecimal digits.
    pub station: String,
    /// Its organization: 32 hexadecimal digits.
    pub organization: String,
    /// Its site.
    pub site: String,
    /// Its zone, `enrollment` or `registration`.
    pub zone: String,
    /// Seconds since the process began to work.
    pub uptime_seconds: u64,
    /// The radio: `ready`, `off`, `absent`, `bluez_down`, `bus_down`, `no_permission` or `starting`.
    pub radio: String,
    /// The adapter, if the radio is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// The address of the kiosk's page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Whether the date can be believed; if not, only what is certain is allowed.
    pub time_trusted: bool,
    /// What the station knows about users and bands.
    pub replica: Replica,
    /// The journal's end.
    pub journal: Journal,
    /// The enrollment under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment: Option<Enrollment>,
    /// How the station stands with its console; absent for a station that works from an init file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Sync>,
}

/// How a station stands with its console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// The console's address.
    pub console: String,
    /// Where it stands.
    pub state: SyncStage,
    /// Why, by a stable code, where something stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why the journal is not sent, by a stable code, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_code: Option<String>,
    /// The console has the journal up to here.
    pub journal_acked: u64,
    /// Entries that wait to be sent.
    pub journal_waiting: u64,
    /// The revision of the console's state that is complete here.
    pub revision: u64,
    /// When the console answered last, milliseconds since 1970; absent if not since the process began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_ms: Option<u64>,
    /// When the certificate for the console ends, seconds since 1970.
    pub certificate_not_after_s: u64,
    /// How far the console's clock is ahead of this machine's, in seconds, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_behind_seconds: Option<i64>,
}

/// Where the sync stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncStage {
    /// The console has not answered since the process began.
    Connecting,
    /// The first rows are coming in.
    Filling,
    /// Station and console are in step.
    UpToDate,
    /// The console does not answer. The station works as always and keeps what it has to send.
    Offline,
    /// The console answers and refuses, or says something that cannot be believed: a person has to look.
    Stopped,
}

/// What the station knows, and how old that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replica {
    /// Counts loads.
    pub revision: u64,
    /// Seconds since the knowledge was current.
    pub age_seconds: u64,
    /// Users known.
    pub users: u64,
    /// Bands known.
    pub bands: u64,
}

/// The journal's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Journal {
    /// Sequence of the last entry; 0 for none.
    pub sequence: u64,
    /// Its hash: 64 hexadecimal digits.
    pub hash: String,
}

/// What the station knows about the date, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Clock {
    /// What the system's clock says.
    pub clock_ms: u64,
    /// The earliest the date can be.
    pub earliest_ms: u64,
    /// The latest the date can be: the same if there is no doubt.
    pub latest_ms: u64,
    /// Whether there is no doubt; if there is, only what is certain is allowed.
    pub trusted: bool,
    /// What had expired by this date stays expired, although the date was corrected since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_by_ms: Option<u64>,
}

/// An operator has compared the clock with another one: it is right.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmClock {
    /// The operator, who needs the right `confirm_clock`.
    pub operator: String,
    /// The operator's PIN.
    pub pin: Secret,
    /// The `clock_ms` that was shown and compared. If the clock was set since, nothing is confirmed.
    pub clock_ms: u64,
}

/// An operator who takes the responsibility.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorPin {
    /// The operator.
    pub operator: String,
    /// The operator's PIN.
    pub pin: Secret,
}

/// Enrollments whose end only their band knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenIntents {
    /// Oldest first.
    pub intents: Vec<OpenIntent>,
}

/// An enrollment that may have been committed: its band says so when it is held to the station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenIntent {
    /// The association that may have been made: 32 hexadecimal digits.
    pub association: String,
    /// The band.
    pub serial: String,
    /// Whose: the user's id.
    pub user: String,
    /// `enrollment` or `registration`.
    pub zone: String,
    /// When it was begun, milliseconds since 1970.
    pub since_ms: u64,
}

/// Whether the process works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always true; a process that does not work does not answer.
    pub alive: bool,
    /// It can enroll a band now.
    pub ready: bool,
}

/// A page of the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    /// Entries in the order of their sequence.
    pub entries: Vec<JournalEntry>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its place, from 1 on.
    pub sequence: u64,
    /// The station's clock when it was written, in milliseconds since 1970.
    pub time_ms: u64,
    /// The stable name of its kind.
    pub kind: String,
    /// SHA-256 of the entry before.
    pub previous: String,
    /// SHA-256 of this entry.
    pub hash: String,
    /// The record, CBOR in base64.
    pub record: String,
}

/// What the doctor found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Findings {
    /// One per cause.
    pub findings: Vec<Finding>,
}

/// One thing the doctor looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was looked at: a stable name.
    pub check: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found: a stable name, or the code of the problem that stood in the way.
    #[serde(default)]
    pub code: String,
    /// What belongs to it: numbers, spans of time in seconds, names of files, serials.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, FindingValue>,
    /// What was seen, in English.
    pub text: String,
    /// What to do, in English, unless all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Finding {
    /// What stood in the way as the system or another program says it, which is in no language of ours.
    pub fn detail(&self) -> Option<&str> {
        match self.values.get("detail")? {
            FindingValue::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

/// Something that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum FindingValue {
    /// How many, or how long.
    Number(i64),
    /// A name or a code.
    Text(String),
}

impl From<&str> for FindingValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for FindingValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

macro_rules! number_of_a_finding {
    ($($type:ty),+) => { $( impl From<$type> for FindingValue {
        fn from(number: $type) -> Self {
            Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
        }
    } )+ };
}
number_of_a_finding!(i64, u64, usize);

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Well.
    Ok,
    /// Works, and will not for ever.
    Warn,
    /// Does not work.
    Fail,
}

/// Something happened. Sent as server-sent events; the event's name is the `event` here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum Event {
    /// The enrollment changed.
    Enrollment(Box<Enrollment>),
    /// The bands in range changed.
    Bands(Bands),
    /// The radio changed: its new state.
    Radio(String),
    /// How the station stands with its console changed.
    Sync(Sync),
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Enrollment(_) => "enrollment",
            Self::Bands(_) => "bands",
            Self::Radio(_) => "radio",
            Self::Sync(_) => "sync",
        }
    }
}
