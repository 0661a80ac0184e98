//! From what somebody shows at the kiosk to an attempt: tickets, typed codes, operators who vouch.
//!
//! The rules are `station-core`'s; here is only what they need from the database, the slow check of a PIN
//! on a thread of its own, and the order: a failed guess is durable before anybody is told that it failed.

use std::time::Duration;

use argon2::{Argon2, PasswordVerifier};
use firmware_protocol::id::{Serial, UserHandle};
use firmware_protocol::time::Instant;
use policy::model::UserId;
use station_core::clock::TrustedTime;
use station_core::enrollment::{Admission, Enrollment, Limits, Person, Start};
use station_core::journal::{FlowId, JournalRecord, Refused, SecretFailed, SecretKind};
use station_core::replica::{Change, Right, UserRow, derived_handle};
use station_core::ticket::{
    AttemptRules, AttemptState, AttemptSubject, Identified, PendingPin, Place, SignedIn, TicketFault,
    TypedCode, VerifiedTicket, VouchFault, Witness, begin_pin, pin_subject, redeem_code, verify_ticket,
};

use super::attempt::{Attempt, Target};
use super::signed::Proof;
use super::{Done, EventLoop, Station};
use crate::api::model::{self, Secret};
use crate::api::{Command, Reply, unknown_enrollment};
use crate::doctor;
use crate::problem::{Code, Problem};
use crate::store::{StoreError, StoreHandle};

/// Longest PIN that is hashed, in bytes: longer ones cost time and are nobody's.
const PIN_BYTES_MAX: usize = 64;
/// The wait of a settling attempt for the band it was begun for.
const SETTLE_WAIT: Duration = Duration::from_secs(20);

/// How many wrong codes a station takes at once, whatever their groups.
const WRONG_CODES_MAX: u32 = 20;
/// After that one more is taken each time this has passed.
const WRONG_CODE_INTERVAL: Duration = Duration::from_secs(1);

/// The wrong codes typed lately, all groups together: whoever guesses one code of each group is slowed too.
/// Kept in memory only, since a restart takes longer than what it would save.
#[derive(Debug)]
pub(super) struct WrongCodes {
    forgotten_at: Instant,
}

impl Default for WrongCodes {
    fn default() -> Self {
        Self {
            forgotten_at: Instant::ZERO,
        }
    }
}

impl WrongCodes {
    fn admits(&self, now: Instant) -> bool {
        self.forgotten_at.since(now) <= WRONG_CODE_INTERVAL * (WRONG_CODES_MAX - 1)
    }

    fn add(&mut self, now: Instant) {
        self.forgotten_at = self.forgotten_at.max(now) + WRONG_CODE_INTERVAL;
    }
}

/// Somebody is being identified, or an operator's PIN is being checked for something else.
pub(super) struct Identifying {
    pub(super) began: Instant,
}

/// Whom somebody turned out to be, and what they want.
pub(super) struct Identification {
    pub(super) flow: FlowId,
    pub(super) target: Target,
    pub(super) reply: Reply,
    pub(super) outcome: Result<Greeted, Fault>,
}

/// Somebody who was identified, as the station's rows know them.
pub(super) struct Greeted {
    person: Identified,
    row: Option<UserRow>,
    /// The user's id, or the handle of somebody unknown.
    shown: String,
}

/// Why nobody was identified, or an operator's word did not count.
pub(super) enum Fault {
    Ticket(TicketFault),
    /// A code that is nobody's. The failure is counted; this is the record of it.
    WrongCode(SecretFailed),
    Vouch(VouchFault),
    Store(StoreError),
    /// Something else that has nothing to do with who it was.
    Other(Problem),
}

impl From<TicketFault> for Fault {
    fn from(fault: TicketFault) -> Self {
        Self::Ticket(fault)
    }
}

impl From<VouchFault> for Fault {
    fn from(fault: VouchFault) -> Self {
        Self::Vouch(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl EventLoop {
    pub(super) fn on_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Start(start, reply) => {
                if let Err((problem, reply)) = self.begin(now, *start, reply) {
                    answer(reply, Err(problem));
                }
            }
            Command::Code {
                id,
                answer: said,
                reply,
            } => {
                let person = match said.same {
                    true => Person::CodeConfirmed,
                    false => Person::CodeDeclined,
                };
                self.on_person(now, &id, person, reply, |view| is_about(&said, view));
            }
            Command::Cancel { id, reply } => self.on_person(now, &id, Person::Cancel, reply, |_| Ok(())),
            Command::Look(look) => self.look(now, look),
            Command::SignIn(by, reply) => self.sign_in(now, by, reply),
            Command::SignInByBand(reply) => self.sign_in_by_band(now, reply),
            Command::StopSignIn => self.stop_sign_in(now),
            Command::Vouched(vouched, reply) => self.vouched(now, vouched, reply),
            Command::Told => self.look_who_we_are(),
            Command::ConsoleTime(console_ms) => self.station.on_console_time(console_ms),
            Command::Clock(reply) => answer(reply, Ok(self.station.clock_view())),
            Command::ConfirmClock { clock_ms, by, reply } => self.confirm_clock(now, clock_ms, by, reply),
            Command::CloseIntent {
                association,
                by,
                reply,
            } => self.close_intent(now, association, by, reply),
        }
    }

    fn on_person(
        &mut self,
        now: Instant,
        id: &str,
        person: Person,
        reply: Reply,
        fits: impl FnOnce(&model::Enrollment) -> Result<(), Problem>,
    ) {
        let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|attempt| attempt.has_person() && attempt.view().id == id)
        else {
            let last = self.station.live.borrow().enrollment.clone();
            let over = last.is_some_and(|last| last.id == id);
            return answer(reply, Err(if over { it_is_over() } else { unknown_enrollment() }));
        };
        if let Err(problem) = fits(attempt.view()) {
            return answer(reply, Err(problem));
        }
        attempt.handle_person(now, person);
        let view = attempt.view().clone();
        answer(reply, Ok(view));
    }

    /// Begins to identify, or says at once why not.
    fn begin(&mut self, now: Instant, start: model::Start, reply: Reply) -> Result<(), (Problem, Reply)> {
        let admitted = self.admit(now).and_then(|()| self.admit_code(now, &start));
        let target = match admitted.and_then(|()| target(&start)) {
            Ok(target) => target,
            Err(problem) => return Err((problem, reply)),
        };
        self.identifying = Some(Identifying { began: now });
        let clerk = Clerk::new(&mut self.station);
        let flow = FlowId(self.station.entropy.bytes());
        self.jobs.spawn(async move {
            let outcome = clerk.identify(start.identification).await;
            Done::Identified(Box::new(Identification {
                flow,
                target,
                reply,
                outcome,
            }))
        });
        Ok(())
    }

    /// Codes wait while a flood of wrong ones ebbs; tickets and operators go on.
    fn admit_code(&self, now: Instant, start: &model::Start) -> Result<(), Problem> {
        let is_code = matches!(start.identification, model::Identification::Code(_));
        if !is_code || self.wrong_codes.admits(now) {
            return Ok(());
        }
        let what = "nobody was identified";
        let why = "too many wrong codes were typed at this station";
        Err(Problem::new(
            Code::TooManyAttempts,
            what,
            why,
            "wait 1 s, then try again, or scan the ticket",
        ))
    }

    /// Whether anybody may begin at all.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Problem> {
        let cannot =
            |code, why: String, next: &str| Err(Problem::new(code, "no enrollment was begun", why, next));
        if self.stopping.is_some() {
            return cannot(
                Code::DaemonUnreachable,
                "the station is stopping".into(),
                "try again in a moment",
            );
        }
        // Whoever has been told the outcome is done; only the goodbye to the band is left.
        if let Some(attempt) = self.attempt.as_ref().filter(|attempt| attempt.is_somebodys()) {
            let since = now.since(attempt.began()).as_secs();
            let why = match attempt.is_sign_in() {
                true => format!("an operator signs in by a band since {since} s"),
                false => format!("enrollment {} is under way since {since} s", attempt.view().id),
            };
            return cannot(Code::Busy, why, "wait until it is over, or cancel it");
        }
        if self.is_identifying(now) || self.signing_in.is_some() {
            return cannot(
                Code::Busy,
                "somebody else is being identified".into(),
                "try again in a moment",
            );
        }
        let radio = self.station.live.borrow().radio.clone();
        if radio != "ready" {
            let finding = doctor::radio(&radio, None);
            return cannot(
                Code::RadioUnavailable,
                finding.text,
                &finding.next.unwrap_or_default(),
            );
        }
        let config = &self.station.config.station;
        match doctor::free_mib(&config.data_directory) {
            Ok(free) if free < config.disk_free_mib_min => {
                let why = format!("{free} MiB are free, {} are needed", config.disk_free_mib_min);
                cannot(
                    Code::StoreFull,
                    why,
                    "free disk space; the station goes on by itself",
                )
            }
            _ => Ok(()),
        }
    }

    /// One PIN is checked at a time: failures are counted one after the other.
    pub(super) fn is_identifying(&self, now: Instant) -> bool {
        let since = self.identifying.as_ref().map(|other| now.since(other.began));
        since.is_some_and(|since| since < Duration::from_secs(60))
    }

    /// Somebody was identified, or not.
    pub(super) fn on_identified(
        &mut self,
        now: Instant,
        identification: Identification,
    ) -> Result<(), StoreError> {
        // It settles something, or says goodbye to the band of somebody who is done: the person comes first.
        if let Some(attempt) = &mut self.attempt {
            attempt.give_way(now);
            self.waiting = Some(identification);
            return Ok(());
        }
        self.identifying = None;
        let Identification {
            flow,
            target,
            reply,
            outcome,
        } = identification;
        if reply.is_closed() && outcome.is_ok() {
            // Whoever asked gave up waiting: nobody would know of the attempt, and it would be in the way.
            tracing::info!(%flow, "somebody was identified and is gone");
            return Ok(());
        }
        let Greeted { person, row, shown } = match outcome {
            Ok(greeted) => greeted,
            Err(fault) => {
                if matches!(fault, Fault::WrongCode(_)) {
                    self.wrong_codes.add(now);
                }
                let fatal = self.station.refuse(&fault);
                answer(reply, Err(self.station.problem("nobody was identified", fault)));
                return fatal;
            }
        };
        tracing::info!(%flow, method = ?person.method(), "an attempt begins");
        tracing::debug!(%flow, user = shown, "the attempt's person");
        let engine = Enrollment::new(self.station.start(flow), person, row.as_ref(), now);
        let attempt = Attempt::new(engine, flow, shown, target, now);
        answer(reply, Ok(attempt.view().clone()));
        self.attempt = Some(attempt);
        Ok(())
    }

    /// Lets the nearest band settle what it has open, if nobody else wants the radio.
    pub(super) fn settle(&mut self, now: Instant, device: crate::radio::DeviceId) {
        let flow = FlowId(self.station.entropy.bytes());
        let mut start = self.station.start(flow);
        start.limits.band_wait = SETTLE_WAIT;
        let target = Target {
            device: Some(device),
            serial: None,
        };
        tracing::info!(%flow, "looking whether this band has something open");
        let engine = Enrollment::settle(start, now);
        self.attempt = Some(Attempt::new(engine, flow, String::new(), target, now));
    }
}

impl Station {
    pub(super) fn start(&self, flow: FlowId) -> Start {
        let seconds = Duration::from_secs;
        let config = &self.config.enrollment;
        let limits = Limits {
            band_wait: seconds(config.band_seconds_max),
            worn_wait: seconds(config.worn_seconds_max),
            code_wait: seconds(config.code_seconds_max),
            deletion_wait: seconds(config.deletion_seconds_max),
            resume_age_max: seconds(config.resume_seconds_max),
            ..Limits::default()
        };
        Start {
            flow,
            organization: self.identity.organization,
            zone: self.identity.zone,
            limits,
        }
    }

    /// Records that nobody was identified, as long as that does not fill the disk.
    pub(super) fn refuse(&mut self, fault: &Fault) -> Result<(), StoreError> {
        let record = match fault {
            Fault::Ticket(fault) => refused(fault.code()),
            Fault::WrongCode(record) => record.clone().into(),
            // Wrong PINs have a record of their own.
            Fault::Vouch(VouchFault::WrongPin) => return Ok(()),
            Fault::Vouch(fault) => refused(fault.code()),
            Fault::Store(error) if error.is_fatal() => return Err(error.clone()),
            Fault::Store(_) | Fault::Other(_) => return Ok(()),
        };
        tracing::info!(record = record.name(), "nobody was identified");
        let time_ms = self.believed_ms();
        if let Admission::Write(counted) = self.refusals.admit(time_ms) {
            let counted = counted.map(JournalRecord::from);
            self.note(counted.into_iter().chain([record]).collect());
        }
        Ok(())
    }

    pub(super) fn problem(&mut self, what: &str, fault: Fault) -> Problem {
        let (time, believed_ms) = (self.time(), self.believed_ms());
        let wait = |until_ms| how_long(until_ms, time, believed_ms);
        let (code, why, next) = match fault {
            Fault::Other(problem) => return problem,
            Fault::Store(error) => return error.into_problem(what, &self.config),
            Fault::Ticket(fault @ TicketFault::TooManyAttempts { until_ms }) => {
                (Code::TooManyAttempts, fault.to_string(), wait(until_ms))
            }
            Fault::Vouch(fault @ VouchFault::TooManyAttempts { until_ms }) => {
                (Code::TooManyAttempts, fault.to_string(), wait(until_ms))
            }
            Fault::WrongCode(_) => return self.problem(what, TicketFault::UnknownCode.into()),
            Fault::Ticket(fault) => (
                ticket_code(fault),
                fault.to_string(),
                "ask for a new ticket, or for an operator".into(),
            ),
            Fault::Vouch(fault) => (
                vouch_code(fault),
                fault.to_string(),
                "ask another operator, or use a ticket".into(),
            ),
        };
        Problem::new(code, what, why, next)
    }
}

/// What somebody who has to wait is told. A wait ends by the date, so that a clock in doubt must be set right
/// first; the seconds are counted from the date that is believed, whatever the clock says.
fn how_long(until_ms: u64, time: TrustedTime, believed_ms: u64) -> String {
    let seconds = until_ms.saturating_sub(believed_ms).div_ceil(1000);
    match time.is_trusted() {
        true => format!("wait {seconds} s, then try again"),
        false => format!("have the station's clock set right or confirmed, wait {seconds} s, then try again"),
    }
}

fn refused(code: &str) -> JournalRecord {
    let code = code.to_owned();
    Refused {
        flow: None,
        user: None,
        serial: None,
        code,
        detail: 0,
    }
    .into()
}

fn ticket_code(fault: TicketFault) -> Code {
    match fault {
        TicketFault::TooManyAttempts { .. } => Code::TooManyAttempts,
        TicketFault::Malformed => Code::TicketMalformed,
        TicketFault::Forged => Code::TicketForged,
        TicketFault::UnknownCode => Code::TicketUnknownCode,
        TicketFault::OtherSite => Code::TicketOtherSite,
        TicketFault::OtherZone => Code::TicketOtherZone,
        TicketFault::NotYetValid => Code::TicketNotYetValid,
        TicketFault::Expired => Code::TicketExpired,
        TicketFault::Reused => Code::TicketReused,
        TicketFault::Revoked => Code::TicketRevoked,
    }
}

fn vouch_code(fault: VouchFault) -> Code {
    match fault {
        VouchFault::TooManyAttempts { .. } => Code::TooManyAttempts,
        VouchFault::NotAllowed => Code::OperatorNotAllowed,
        VouchFault::ForOneself => Code::VouchForOneself,
        VouchFault::WrongPin => Code::WrongPin,
    }
}

fn target(start: &model::Start) -> Result<Target, Problem> {
    let serial = match &start.serial {
        None => None,
        Some(text) => Some(Serial::new(text).ok_or_else(|| {
            let why = format!("{text:?} is no serial");
            Problem::new(
                Code::BadRequest,
                "no enrollment was begun",
                why,
                "type it as printed on the band's back",
            )
        })?),
    };
    Ok(Target {
        device: start.device.clone(),
        serial,
    })
}

pub(super) fn answer<T>(reply: Reply<T>, answer: Result<T, Problem>) {
    // Whoever asked may have gone away; then there is nobody to tell.
    let _ = reply.send(answer);
}

/// Whether the answer is about the code that is to be compared now. One that was on its way while the link
/// was lost is about the code of another session.
fn is_about(said: &model::CodeAnswer, view: &model::Enrollment) -> Result<(), Problem> {
    let why = match (&view.code, &said.code) {
        (None, _) => "there is no code to compare at present",
        (Some(shown), Some(compared)) if shown != compared => "another code is shown by now",
        (Some(_), _) => return Ok(()),
    };
    let next = "compare the code that is shown now";
    Err(Problem::new(Code::OutOfTurn, "nothing was changed", why, next))
}

fn it_is_over() -> Problem {
    Problem::new(
        Code::OutOfTurn,
        "nothing was changed",
        "the enrollment is over",
        "begin a new one",
    )
}

/// Identifies one person or operator, away from the loop.
pub(super) struct Clerk {
    pub(super) store: StoreHandle,
    pub(super) time: TrustedTime,
    /// The date that its journal entries carry.
    pub(super) believed_ms: u64,
    organization: firmware_protocol::id::OrganizationId,
    issuers: Vec<firmware_protocol::certificate::PublicKey>,
    /// The keys under which typed codes are hashed.
    code_keys: Vec<station_core::ticket::CodeKey>,
    code_key: station_core::ticket::CodeKey,
    site: String,
    zone: firmware_protocol::id::Zone,
}

impl Station {
    /// Who may issue tickets now: whoever the console named, else whoever the init file did.
    fn issuers(&self, time: TrustedTime) -> Vec<firmware_protocol::certificate::PublicKey> {
        let told = &self.identity.issuers;
        match told.is_empty() {
            true => vec![self.identity.ticket_issuer],
            false => told
                .iter()
                .filter(|issuer| issuer.counts(time))
                .map(|issuer| issuer.key)
                .collect(),
        }
    }

    /// The keys of typed codes, in the same way.
    fn code_keys(&self, time: TrustedTime) -> Vec<station_core::ticket::CodeKey> {
        let told = &self.identity.code_keys;
        match told.is_empty() {
            true => vec![self.keys.code_key.clone()],
            false => {
                let counts = told.iter().filter(|key| key.counts(time));
                counts.map(|key| station_core::ticket::CodeKey(key.key)).collect()
            }
        }
    }
}

impl Clerk {
    pub(super) fn new(station: &mut Station) -> Self {
        let time = station.time();
        Self {
            store: station.store.clone(),
            time,
            believed_ms: station.believed_ms(),
            organization: station.identity.organization,
            issuers: station.issuers(time),
            code_keys: station.code_keys(time),
            code_key: station.keys.code_key.clone(),
            site: station.identity.site.clone(),
            zone: station.identity.zone,
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            site: &self.site,
            zone: self.zone,
        }
    }

    async fn identify(&self, identification: model::Identification) -> Result<Greeted, Fault> {
        let person = match identification {
            model::Identification::Ticket(text) => self.by_ticket(&text).await?,
            model::Identification::Code(code) => self.by_code(&code).await?,
            model::Identification::Vouch(vouch) => self.by_vouch(vouch).await?,
        };
        let handle = person.user();
        let row = self.store.run(move |store| store.user_by_handle(handle)).await?;
        let shown = match &row {
            Some(row) => row.user.id.as_str().to_owned(),
            None => handle.to_string(),
        };
        Ok(Greeted { person, row, shown })
    }

    /// Somebody for whom an operator vouches who signed in before.
    pub(super) async fn by_signed_in(&self, by: &SignedIn, user: &str) -> Result<Greeted, Fault> {
        let witness = self.witness(Proof::SignedIn(by.clone()), Right::Vouch).await?;
        let (row, handle) = self.known(user).await?;
        Ok(Greeted {
            person: witness.vouch(handle)?,
            row,
            shown: user.to_owned(),
        })
    }

    /// Somebody unknown gets the handle they would have: the flow says that they are unknown.
    async fn known(&self, user: &str) -> Result<(Option<UserRow>, UserHandle), StoreError> {
        let id = UserId::new(user).ok();
        let row = self.store.run(move |store| match &id {
            Some(id) => store.user(id),
            None => Ok(None),
        });
        let row = row.await?;
        let handle = match &row {
            Some(row) => row.handle,
            None => derived_handle(self.organization, user),
        };
        Ok((row, handle))
    }

    async fn by_ticket(&self, text: &Secret) -> Result<Identified, Fault> {
        let ticket = self.verify(text.reveal())?;
        let id = ticket.id();
        let state = self.store.run(move |store| store.ticket_state(id)).await?;
        Ok(ticket.redeem(state)?)
    }

    /// A ticket by any of the keys that may issue some; keys overlap while they are exchanged.
    fn verify(&self, text: &str) -> Result<VerifiedTicket, TicketFault> {
        let mut outcome = Err(TicketFault::Forged);
        for issuer in &self.issuers {
            outcome = verify_ticket(text, issuer, self.place(), self.time);
            if outcome != Err(TicketFault::Forged) {
                break;
            }
        }
        outcome
    }

    async fn by_code(&self, typed: &Secret) -> Result<Identified, Fault> {
        let code = TypedCode::parse(typed.reveal())?;
        let subject = AttemptSubject::Code { group: code.group() };
        let hashes: Vec<_> = self.code_keys.iter().map(|key| code.hash(key)).collect();
        let key = subject.clone();
        let read = self.store.run(move |store| {
            let found = hashes.into_iter().map(|hash| store.ticket_by_code(hash));
            let found = found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().next();
            Ok((store.attempts(&key)?, found))
        });
        let (attempts, found) = read.await?;
        AttemptRules::CODE
            .admit(attempts, 0, self.time)
            .map_err(|blocked| TicketFault::TooManyAttempts {
                until_ms: blocked.until_ms,
            })?;
        let (row, state) = found.unzip();
        let outcome = redeem_code(row.as_ref(), state.unwrap_or_default(), self.place(), self.time);
        match &outcome {
            Err(TicketFault::UnknownCode) => return Err(self.wrong_code(subject, attempts).await?),
            // Only a code that is good ends a run of failures: one that has expired or was used would buy
            // whoever still has it new guesses for ever.
            Ok(_) if attempts != AttemptState::default() => self.forget_failures(subject).await?,
            _ => {}
        }
        Ok(outcome?)
    }

    /// Counts the failure durably. Its record is the loop's to write, which knows how many it wrote before.
    async fn wrong_code(&self, subject: AttemptSubject, attempts: AttemptState) -> Result<Fault, StoreError> {
        let state = AttemptRules::CODE.after_failure(attempts, self.time_of_failure());
        let record = SecretFailed {
            secret: SecretKind::Code,
            operator: None,
            in_a_row: state.failures,
            blocked_until_ms: state.blocked_until_ms,
        };
        self.append(vec![], vec![Change::SetAttempts { subject, state }])
            .await?;
        Ok(Fault::WrongCode(record))
    }

    /// When a failure counts as made: a clock that leaped ahead makes no wait of years.
    fn time_of_failure(&self) -> TrustedTime {
        TrustedTime::certain(self.believed_ms)
    }

    async fn forget_failures(&self, subject: AttemptSubject) -> Result<(), StoreError> {
        let state = AttemptState::default();
        self.append(vec![], vec![Change::SetAttempts { subject, state }])
            .await
    }

    async fn by_vouch(&self, vouch: model::Vouch) -> Result<Identified, Fault> {
        let model::Vouch { user, operator, pin } = vouch;
        let proof = Proof::Pin(model::OperatorPin { operator, pin });
        let witness = self.witness(proof, Right::Vouch).await?;
        // That somebody is unknown is said only to an operator whose PIN was right.
        let (_, handle) = self.known(&user).await?;
        Ok(witness.vouch(handle)?)
    }

    /// Somebody proves to be an operator who has this right.
    pub(super) async fn witness(&self, proof: Proof, right: Right) -> Result<Witness, Fault> {
        match proof {
            Proof::Pin(by) => {
                let pending = self.checked(by.operator, by.pin).await?;
                let (change, witness) = pending.right(right);
                self.append(vec![], change.into_iter().collect()).await?;
                Ok(witness?)
            }
            Proof::SignedIn(by) => self.still_signed_in(&by, right).await,
        }
    }

    /// Somebody says to be the operator `name`, and stays for a while.
    pub(super) async fn sign_in(&self, name: String, pin: Secret) -> Result<SignedIn, Fault> {
        let pending = self.checked(name, pin).await?;
        let (change, signed) = pending.sign_in().ok_or(VouchFault::WrongPin)?;
        self.append(vec![], change.into_iter().collect()).await?;
        Ok(signed)
    }

    /// Somebody says to be the operator `name`, and the PIN is right.
    async fn checked(&self, name: String, pin: Secret) -> Result<PendingPin, Fault> {
        let key = self.code_key.clone();
        let read = self.store.run(move |store| {
            let row = store.operator(&name)?;
            let subject = pin_subject(&name, row.as_ref(), &key);
            Ok((store.attempts(&subject)?, subject, row, store.any_operator()?))
        });
        let (attempts, subject, row, other) = read.await?;
        let pending = begin_pin(row.as_ref(), subject, attempts, 0, self.time)?;
        // A name that is nobody's costs a PIN's check too: no clock tells which names there are.
        let hash = pending.pin().map(str::to_owned).or(other.map(|row| row.pin));
        if is_right(hash.unwrap_or_default(), pin).await && row.is_some() {
            return Ok(pending);
        }
        let (record, change) = pending.wrong(attempts, self.time_of_failure());
        self.append(vec![record.into()], vec![change]).await?;
        Err(VouchFault::WrongPin.into())
    }

    pub(super) async fn append(
        &self,
        records: Vec<JournalRecord>,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        if records.is_empty() && changes.is_empty() {
            return Ok(());
        }
        let time_ms = self.believed_ms;
        self.store
            .run(move |store| store.append(time_ms, &records, &changes))
            .await
            .map(drop)
    }
}

/// Checks a PIN on a thread of its own: the check is made to take long.
async fn is_right(hash: String, pin: Secret) -> bool {
    let checked = tokio::task::spawn_blocking(move || {
        let fits = pin.reveal().len() <= PIN_BYTES_MAX;
        fits && Argon2::default()
            .verify_password(pin.reveal().as_bytes(), hash.as_str())
            .is_ok()
    });
    checked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_counted_from_the_date_that_is_believed() {
        let until = 1_800_000_060_000;
        let now = until - 60_000;
        assert_eq!(
            how_long(until, TrustedTime::certain(now), now),
            "wait 60 s, then try again"
        );
        // the clock was set back to 1970: a wait of half a century would be no help
        let doubt = how_long(until, TrustedTime::between(0, now), now);
        assert!(
            doubt.contains("clock set right") && doubt.contains("wait 60 s"),
            "{doubt}"
        );
    }

    #[test]
    fn a_flood_of_wrong_codes_ebbs_to_one_a_second() {
        let at = |ms: u64| Instant::from_micros(ms * 1000);
        let mut codes = WrongCodes::default();
        let mut taken = |from_ms: u64, to_ms: u64| {
            let guesses = (from_ms..to_ms).step_by(10).map(at);
            let taken = guesses.filter(|now| {
                let admitted = codes.admits(*now);
                if admitted {
                    codes.add(*now);
                }
                admitted
            });
            taken.count()
        };
        assert_eq!(taken(1000, 1500), 20);
        assert_eq!(taken(1500, 61_500), 60);
        assert_eq!(taken(3_600_000, 3_600_500), 20);
    }
}
