//! A station in one process: the real flow and the real session between a link and a memory.

use std::time::Duration;

use firmware_protocol::certificate::PublicKey;
use firmware_protocol::handler::Screen as BandScreen;
use firmware_protocol::id::{AssociationId, OrganizationId, ScreenCode, StationId, Zone};
use firmware_protocol::station::{SessionEvent, StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};
use station_core::clock::TrustedClock;
use station_core::enrollment::{
    Enrollment, Event, Input, Limits, Outcome, Person, RefusalCode, Screen, Start,
};
use station_core::journal::FlowId;
use station_core::ticket::Identified;

use super::log::Log;
use super::memory::{Directory, Memory};
use crate::band::SimBand;
use crate::link::{Direction, Link, LinkConfig};
use crate::peripheral::Peripheral;
use crate::random::Random;

/// How long a connection takes to come about, from the moment the station wants it.
const CONNECT: Duration = Duration::from_millis(120);
/// How long the person takes to compare the code.
const COMPARE: Duration = Duration::from_millis(900);

/// What never changes while a station lives.
#[derive(Clone, Debug)]
pub struct Post {
    /// Who the station is to bands.
    pub identity: StationIdentity,
    /// Which station.
    pub station: StationId,
    /// Its organization.
    pub organization: OrganizationId,
    /// Its zone.
    pub zone: Zone,
    /// The makes it trusts.
    pub manufacturers: Vec<PublicKey>,
    /// Everybody it knows.
    pub directory: Directory,
    /// When the replica was complete, milliseconds since 1970.
    pub made_at_ms: u64,
    /// The wall clock at the world's start, milliseconds since 1970.
    pub wall_start_ms: u64,
}

/// What the person at the kiosk does with the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compares {
    /// Looks at both screens and says whether they agree.
    #[default]
    Honestly,
    /// Says that they differ.
    Declines,
    /// Walks away.
    Not,
    /// Thinks better of it, and says so at the kiosk.
    Cancels,
}

/// Where and when a station dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// After this many steps: frames sent, appends begun, appends done.
    pub at_step: u64,
}

/// One attempt, volatile: a killed station forgets it.
pub(super) struct Attempt {
    flow: Enrollment,
    session: Option<Running>,
    connect_at: Option<Instant>,
    compare_at: Option<Instant>,
    /// The code the kiosk shows.
    code: Option<ScreenCode>,
    outcome: Option<Outcome>,
    refusal: Option<String>,
    began: Instant,
}

struct Running {
    session: StationSession,
    link: Link,
    /// The link is gone; what the session still has to say is heard first.
    gone: bool,
}

/// A station.
pub struct Station {
    post: Post,
    /// What survives a kill.
    pub memory: Memory,
    clock: TrustedClock,
    random: Random,
    link: LinkConfig,
    clock_off_ms: i64,
    pub(super) compares: Compares,
    /// Steps so far, as [`Kill`] counts them.
    pub steps: u64,
    /// When it dies, if it is to die.
    pub kill: Option<Kill>,
    /// It is dead, and does nothing until it is started again.
    pub killed: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `done`, `settled`, `killed`, or the refusal's stable code.
    pub code: &'static str,
    /// The same for people.
    pub text: String,
    /// Simulated time it took, in milliseconds.
    pub simulated_ms: u64,
    /// An intent was left open.
    pub left_open: bool,
}

impl Station {
    /// A station with this past.
    pub fn new(post: Post, memory: Memory, link: LinkConfig, random: Random) -> Self {
        let clock = TrustedClock::new(0, 0);
        let compares = Compares::default();
        Self {
            post,
            memory,
            clock,
            random,
            link,
            clock_off_ms: 0,
            compares,
            steps: 0,
            kill: None,
            killed: false,
        }
    }

    /// The station's id, as its certificate and its journal have it.
    pub fn id(&self) -> StationId {
        self.post.station
    }

    /// Where it stands.
    pub fn zone(&self) -> Zone {
        self.post.zone
    }

    /// The station's users and bands.
    pub fn directory(&self) -> &Directory {
        &self.post.directory
    }

    /// The same, to change what the plant says.
    pub fn directory_mut(&mut self) -> &mut Directory {
        &mut self.post.directory
    }

    /// Every link made from now on is like this; those that are to break are as many as it says.
    pub fn set_link(&mut self, link: LinkConfig) {
        self.link = link;
    }

    /// Starts again after a kill: time is read from the journal, everything volatile is gone.
    pub fn restart(&mut self) {
        let floor = self.memory.entries().last().map_or(0, |entry| entry.time_ms);
        self.clock = TrustedClock::new(floor, 0);
        self.killed = false;
        self.kill = None;
    }

    pub(super) fn begin(&mut self, person: Option<Identified>, now: Instant) -> Attempt {
        let start = Start {
            flow: FlowId(self.random.bytes()),
            organization: self.post.organization,
            zone: self.post.zone,
            limits: Limits::default(),
        };
        let flow = match person {
            Some(person) => {
                let user = self.post.directory.users.get(&person.user());
                Enrollment::new(start, person, user, now)
            }
            None => Enrollment::settle(start, now),
        };
        Attempt {
            flow,
            session: None,
            connect_at: None,
            compare_at: None,
            code: None,
            outcome: None,
            refusal: None,
            began: now,
        }
    }

    fn wall_ms(&self, now: Instant) -> u64 {
        let right = self.post.wall_start_ms + now.as_micros() / 1000;
        right.saturating_add_signed(self.clock_off_ms)
    }

    /// Sets the wall clock wrong by so many seconds; back if negative.
    pub fn shift_clock(&mut self, seconds: i64) {
        self.clock_off_ms += seconds * 1000;
    }

    /// Counts a step; true if the station dies in it.
    fn dies(&mut self) -> bool {
        self.steps += 1;
        self.killed |= self.kill.is_some_and(|kill| self.steps > kill.at_step);
        self.killed
    }
}

impl Attempt {
    /// Moves everything that can move without time passing.
    pub(super) fn exchange(
        &mut self,
        station: &mut Station,
        band: &mut SimBand,
        now: Instant,
        log: &mut Log,
    ) -> bool {
        let mut moved = self.drain_flow(station, band, now, log);
        if self.connect_at.is_some_and(|at| now >= at) {
            moved |= self.connect(station, band, now);
        }
        if let Some(running) = &mut self.session {
            moved |= running.carry(station, band, now);
            if !running.gone && (running.link.is_broken() || band.poll_end()) {
                log.line(now, || "the link is gone".into());
                running.gone = true;
                running.session.handle_disconnected();
                band.disconnected(now);
                moved = true;
            }
            moved |= self.hear(now, log);
            self.session = self.session.take().filter(|running| !running.gone);
        }
        moved
    }

    fn drain_flow(&mut self, station: &mut Station, band: &mut SimBand, now: Instant, log: &mut Log) -> bool {
        let mut moved = false;
        while let Some(event) = self.flow.poll_event() {
            moved = true;
            self.obey(station, band, now, event, log);
        }
        while let Some(request) = self.flow.poll_transmit() {
            moved = true;
            log.line(now, || format!("station asks: {request:?}"));
            if let Some(running) = &mut self.session {
                running
                    .session
                    .request(now, &request)
                    .expect("the flow waits for each answer");
            }
        }
        moved
    }

    fn obey(&mut self, station: &mut Station, band: &mut SimBand, now: Instant, event: Event, log: &mut Log) {
        match event {
            Event::NeedFacts(query) => {
                let (time, _) = station.clock.read(now, station.wall_ms(now));
                let fresh = AssociationId(station.random.bytes());
                let Post {
                    directory,
                    made_at_ms,
                    ..
                } = &station.post;
                let known = station
                    .memory
                    .knowledge(directory, &query, time, *made_at_ms, fresh);
                self.flow
                    .handle_input(now, Input::Facts(query.number, Box::new(known)));
            }
            Event::Append(append) => {
                if station.dies() {
                    return;
                }
                for record in &append.records {
                    log.line(now, || format!("journal: {}", record.name()));
                }
                let stored = station.memory.append(&append, station.wall_ms(now));
                if station.dies() {
                    return;
                }
                let input = match stored {
                    Ok(_) => Input::Appended(append.number),
                    Err(fault) => Input::AppendFailed(append.number, fault),
                };
                self.flow.handle_input(now, input);
            }
            Event::Connect => self.connect_at = Some(now + CONNECT),
            Event::Hangup => self.hang_up(band, now),
            Event::Screen(screen) => self.show(now, screen, log),
            Event::Ended(outcome) => self.outcome = Some(outcome),
        }
    }

    fn show(&mut self, now: Instant, screen: Screen, log: &mut Log) {
        log.line(now, || format!("kiosk: {screen:?}"));
        match screen {
            Screen::CompareCode(code) => (self.code, self.compare_at) = (Some(code), Some(now + COMPARE)),
            Screen::Refused(refusal) => self.refusal = Some(refusal.explanation()),
            _ => {}
        }
    }

    fn connect(&mut self, station: &mut Station, band: &mut SimBand, now: Instant) -> bool {
        self.connect_at = None;
        if band.advertisement(now).is_none() {
            self.connect_at = Some(now + CONNECT);
            return false;
        }
        self.hang_up(band, now);
        let mtu_bytes = station.link.mtu_bytes;
        band.connected(now, mtu_bytes);
        let Post {
            identity,
            manufacturers,
            ..
        } = &station.post;
        let (entropy, unix_now) = (station.random.bytes(), UnixSeconds(station.wall_ms(now) / 1000));
        let session = StationSession::new(
            identity,
            manufacturers.clone(),
            mtu_bytes,
            &entropy,
            now,
            unix_now,
        );
        let random = Random::new(station.random.next_u64());
        let link = station.link.clone();
        station.link.break_times = station.link.break_times.saturating_sub(1);
        if station.link.break_times == 0 {
            station.link.break_after_frames = None;
        }
        self.session = Some(Running {
            session,
            link: Link::new(link, random),
            gone: false,
        });
        true
    }

    pub(super) fn hang_up(&mut self, band: &mut SimBand, now: Instant) {
        if self.session.take().is_some() {
            band.disconnected(now);
        }
    }

    fn hear(&mut self, now: Instant, log: &mut Log) -> bool {
        let mut moved = false;
        while let Some(event) = self
            .session
            .as_mut()
            .and_then(|running| running.session.poll_event())
        {
            moved = true;
            log.line(now, || format!("band: {}", brief(&event)));
            self.flow.handle_input(now, Input::Session(event));
        }
        moved
    }

    /// The person looks at both screens.
    fn compare(&mut self, compares: Compares, band: &SimBand, now: Instant) {
        let differs = match band.screen() {
            BandScreen::Confirm { code, .. } | BandScreen::Touch { code, .. } => self.code != Some(*code),
            _ => false,
        };
        let input = match compares {
            Compares::Not => return,
            Compares::Cancels => Person::Cancel,
            Compares::Honestly if !differs => Person::CodeConfirmed,
            Compares::Honestly | Compares::Declines => Person::CodeDeclined,
        };
        self.flow.handle_input(now, Input::Person(input));
    }

    pub(super) fn handle_timeout(&mut self, station: &mut Station, band: &SimBand, now: Instant) {
        if self.compare_at.is_some_and(|at| now >= at) {
            self.compare_at = None;
            self.compare(station.compares, band, now);
        }
        if let Some(running) = &mut self.session {
            running.session.handle_timeout(now);
        }
        self.flow.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let running = self.session.as_ref();
        let session = running.and_then(|running| running.session.poll_timeout());
        let link = running.and_then(|running| running.link.poll_timeout());
        [
            self.flow.poll_timeout(),
            session,
            link,
            self.connect_at,
            self.compare_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What came of it, once the flow is over and the link has been given back.
    pub(super) fn told(&self, now: Instant) -> Option<Told> {
        if self.session.is_some() {
            return None;
        }
        let simulated_ms = now.since(self.began).as_millis() as u64;
        let (code, text, left_open) = match self.outcome.as_ref()? {
            Outcome::Enrolled { .. } => ("done", String::from("The band is enrolled."), false),
            Outcome::Settled => ("settled", String::from("What was open is settled."), false),
            Outcome::Refused { code, left_open } => (
                refusal_code(*code),
                self.refusal.clone().unwrap_or_default(),
                *left_open,
            ),
        };
        Some(Told {
            code,
            text,
            simulated_ms,
            left_open,
        })
    }
}

impl Running {
    fn carry(&mut self, station: &mut Station, band: &mut SimBand, now: Instant) -> bool {
        let mut moved = false;
        while let Some(frame) = self.session.poll_transmit() {
            if station.dies() {
                return true;
            }
            self.link.send(now, Direction::ToBand, frame);
        }
        while let Some(frame) = band.poll_notify() {
            self.link.send(now, Direction::ToStation, frame);
        }
        while let Some(frame) = self.link.poll(now, Direction::ToBand) {
            band.write(now, &frame);
            moved = true;
        }
        while let Some(frame) = self.link.poll(now, Direction::ToStation) {
            self.session.handle_input(now, &frame);
            moved = true;
        }
        moved
    }
}

fn refusal_code(code: RefusalCode) -> &'static str {
    code.code()
}

fn brief(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Established(established) => {
            format!(
                "{} speaks, code {}",
                established.certificate.serial, established.code
            )
        }
        SessionEvent::Message(message) => format!("{message:?}").chars().take(160).collect(),
        SessionEvent::Ended(end) => format!("session over: {end:?}"),
    }
}
