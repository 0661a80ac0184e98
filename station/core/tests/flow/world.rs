//! A station, bands and the air between them. One thing happens at a time, each can be the last.

use std::collections::VecDeque;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use firmware_protocol::band::{BandEngine, BandIdentity, BandSettings, Wearer};
use firmware_protocol::handler::{BandHandler, Screen as BandScreen, StorageFault};
use firmware_protocol::id::{UserHandle, Zone};
use firmware_protocol::message::TouchFault;
use firmware_protocol::station::{SessionEvent, StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};
use station_core::clock::TrustedTime;
use station_core::enrollment::*;
use station_core::journal::FlowId;
use station_core::ticket::{Identified, Place, TicketClaims, TicketId, sign_ticket, verify_ticket};

use crate::keys::{self, T0};
use crate::store::Store;

/// What can go wrong at one moment of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The link is lost.
    Link,
    /// The station stops at once and starts again.
    Station,
    /// The band loses power for a moment.
    Band,
    /// The station's next append fails.
    Disk,
    /// The station begins or ceases to doubt its clock.
    Clock,
}

/// A band's hardware and its wearer, who does what the screen asks.
pub(crate) struct Hardware {
    record: Vec<u8>,
    seed: u64,
    pub(crate) screens: VecDeque<BandScreen>,
    pub(crate) storage_works: bool,
}

impl BandHandler for Hardware {
    fn store(&mut self, record: &[u8]) -> Result<(), StorageFault> {
        if !self.storage_works {
            return Err(StorageFault);
        }
        self.record = record.to_vec();
        Ok(())
    }

    fn random(&mut self, out: &mut [u8]) {
        for byte in out {
            self.seed = self
                .seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            *byte = (self.seed >> 33) as u8;
        }
    }

    fn show(&mut self, screen: BandScreen) {
        self.screens.push_back(screen);
    }

    fn sense(&mut self, _: Option<u8>) {}

    fn erase_templates(&mut self) {}
}

pub(crate) struct Band {
    identity: BandIdentity,
    pub(crate) settings: BandSettings,
    pub(crate) engine: BandEngine,
    pub(crate) hardware: Hardware,
    connected: bool,
    /// Whether the wearer does what the screen asks.
    pub(crate) obedient: bool,
}

impl Band {
    pub(crate) fn new(number: u8) -> Self {
        let identity = keys::band(number, number == 4);
        let settings = BandSettings {
            touches: 2,
            ..BandSettings::default()
        };
        let mut hardware = Hardware {
            record: vec![],
            seed: number.into(),
            screens: VecDeque::new(),
            storage_works: true,
        };
        let engine = BandEngine::new(
            identity.clone(),
            settings.clone(),
            &[],
            Instant::ZERO,
            &mut hardware,
        )
        .expect("a fresh band");
        let mut band = Self {
            identity,
            settings,
            engine,
            hardware,
            connected: false,
            obedient: true,
        };
        band.put_on(Instant::ZERO);
        band
    }

    fn put_on(&mut self, now: Instant) {
        self.wearer(now, Wearer::Battery(80));
        self.wearer(now, Wearer::PutOn);
    }

    pub(crate) fn wearer(&mut self, now: Instant, action: Wearer) {
        self.engine.handle_wearer(now, action, &mut self.hardware);
    }

    /// Loses power and starts again from what was stored.
    pub(crate) fn reboot(&mut self, now: Instant) {
        let record = self.hardware.record.clone();
        self.hardware.screens.clear();
        self.engine = BandEngine::new(
            self.identity.clone(),
            self.settings.clone(),
            &record,
            now,
            &mut self.hardware,
        )
        .expect("what was stored can be read");
        self.connected = false;
        self.put_on(now);
    }

    /// The wearer does one thing the screen asks for. True if there was one.
    fn obey(&mut self, now: Instant) -> bool {
        let Some(screen) = self.hardware.screens.pop_front() else {
            return false;
        };
        let action = match screen {
            _ if !self.obedient => return true,
            BandScreen::Confirm { .. } => Wearer::Press,
            BandScreen::Touch { .. } => Wearer::Touch(Ok(80)),
            BandScreen::TouchAgain(_) => Wearer::Touch(Ok(70)),
            BandScreen::HoldToDelete => Wearer::HoldToDelete,
            _ => return true,
        };
        self.wearer(now, action);
        true
    }
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) wall_ms: u64,
    pub(crate) time_trusted: bool,
    pub(crate) station: StationIdentity,
    pub(crate) zone: Zone,
    pub(crate) store: Store,
    pub(crate) bands: Vec<Band>,
    /// The band the station connects to, as an index.
    pub(crate) near: usize,
    pub(crate) flow: Option<Enrollment>,
    session: Option<StationSession>,
    inputs: VecDeque<Input>,
    pub(crate) screens: Vec<Screen>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) requests: Vec<u8>,
    pub(crate) appends: u32,
    /// Whether somebody at the kiosk confirms codes.
    pub(crate) confirms_code: bool,
    /// Answers appends with this fault from the given one on.
    pub(crate) append_fault: Option<(u32, AppendFault)>,
    pub(crate) disk_fails_once: bool,
    flows: u8,
    tickets: u8,
    entropy: u32,
    /// Things that happened since the world began.
    pub(crate) moments: u32,
    /// What breaks at which moment.
    pub(crate) breaks: Vec<(u32, Break)>,
    wants_link: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::in_zone(Zone::Enrollment)
    }

    pub(crate) fn in_zone(zone: Zone) -> Self {
        Self {
            now: Instant::ZERO,
            wall_ms: T0,
            time_trusted: true,
            station: keys::station(1, zone),
            zone,
            store: Store::new(),
            bands: (1..=4).map(Band::new).collect(),
            near: 0,
            flow: None,
            session: None,
            inputs: VecDeque::new(),
            screens: vec![],
            outcome: None,
            requests: vec![],
            appends: 0,
            confirms_code: true,
            append_fault: None,
            disk_fails_once: false,
            flows: 0,
            tickets: 0,
            entropy: 0,
            moments: 0,
            breaks: vec![],
            wants_link: false,
        }
    }

    pub(crate) fn time(&self) -> TrustedTime {
        match self.time_trusted {
            true => TrustedTime::certain(self.wall_ms),
            false => TrustedTime::between(self.wall_ms, self.wall_ms - 3_600_000),
        }
    }

    /// The band of this number comes near, the others go.
    pub(crate) fn bring(&mut self, band: u8) {
        self.drop_link();
        self.near = usize::from(band) - 1;
    }

    pub(crate) fn band(&mut self) -> &mut Band {
        &mut self.bands[self.near]
    }

    /// Identifies a user by a fresh ticket.
    pub(crate) fn identify(&mut self, user: UserHandle) -> Identified {
        self.tickets += 1;
        let issuer = SigningKey::from_bytes(&[9; 32]);
        let claims = TicketClaims {
            id: TicketId([self.tickets; 16]),
            user,
            site: "plant".into(),
            zone: self.zone,
            not_before: UnixSeconds(0),
            expires: UnixSeconds(u64::MAX),
        };
        let place = Place {
            site: "plant",
            zone: self.zone,
        };
        let key = issuer.verifying_key().to_bytes();
        let ticket =
            verify_ticket(&sign_ticket(&claims, &issuer), &key, place, self.time()).expect("a good ticket");
        ticket.redeem(Default::default()).expect("unspent")
    }

    fn start(&mut self) -> Start {
        self.flows += 1;
        Start {
            flow: FlowId([self.flows; 16]),
            organization: keys::organization(),
            zone: self.zone,
            limits: Limits::default(),
        }
    }

    /// Begins an attempt of this user.
    pub(crate) fn begin(&mut self, user: u8) {
        let person = self.identify(crate::store::handle(user));
        let start = self.start();
        self.drop_link();
        self.screens.clear();
        self.requests.clear();
        self.appends = 0;
        self.outcome = None;
        self.inputs.clear();
        let row = self.store.users.iter().find(|row| row.handle == person.user());
        self.flow = Some(Enrollment::new(start, person, row, self.now));
    }

    /// Begins to settle what is open, with nobody at the kiosk.
    pub(crate) fn begin_settling(&mut self) {
        let start = self.start();
        self.drop_link();
        self.inputs.clear();
        self.outcome = None;
        self.flow = Some(Enrollment::settle(start, self.now));
    }

    /// One whole attempt of this user with this band.
    pub(crate) fn enroll(&mut self, user: u8, band: u8) -> Outcome {
        self.bring(band);
        self.begin(user);
        self.run()
    }

    /// Lets everything happen until the attempt is over; time passes only when nothing else can.
    pub(crate) fn run(&mut self) -> Outcome {
        for _ in 0..20_000 {
            self.step();
            if let Some(outcome) = self.outcome.clone()
                && self.session.is_none()
            {
                self.flow = None;
                return outcome;
            }
        }
        panic!("the attempt does not end: {:?}", self.flow);
    }

    /// Runs until the station has been restarted, or the attempt is over.
    pub(crate) fn run_until_restarted(&mut self) {
        let last = self.breaks.iter().map(|(at, _)| *at).max().unwrap_or(0);
        while self.moments <= last {
            self.step();
        }
        self.drop_link();
        self.flow = None;
    }

    /// Runs until the screen shows something that matches, or the attempt is over.
    pub(crate) fn run_until(&mut self, matches: impl Fn(&Screen) -> bool) {
        for _ in 0..20_000 {
            if self.screens.iter().any(&matches) {
                return;
            }
            self.step();
        }
        panic!("it is never shown: {:?}", self.screens);
    }

    /// Lets one thing happen.
    pub(crate) fn step(&mut self) {
        let due = self
            .breaks
            .iter()
            .find(|(at, _)| *at == self.moments)
            .map(|(_, what)| *what);
        self.moments += 1;
        self.handle_deadlines();
        if let Some(what) = due {
            return self.suffer(what);
        }
        let happened = self.drain_flow()
            || self.feed_flow()
            || self.connect()
            || self.exchange()
            || self.bands[self.near].obey(self.now);
        if !happened {
            self.pass_time();
        }
    }

    fn suffer(&mut self, what: Break) {
        self.now = self.now + Duration::from_millis(100);
        self.wall_ms += 100;
        match what {
            Break::Link => self.drop_link(),
            Break::Band => {
                self.drop_link();
                let now = self.now;
                self.band().reboot(now);
            }
            Break::Station => self.restart_station(),
            Break::Disk => self.disk_fails_once = true,
            Break::Clock => self.time_trusted = !self.time_trusted,
        }
    }

    /// The station stops at once; only its store is left. When it is back it settles what is open.
    pub(crate) fn restart_station(&mut self) {
        self.session = None;
        self.flow = None;
        self.inputs.clear();
        self.disconnect_band();
        self.wants_link = false;
        self.begin_settling();
    }

    fn drain_flow(&mut self) -> bool {
        let Some(flow) = &mut self.flow else { return false };
        if let Some(request) = flow.poll_transmit() {
            self.requests.push(request.number());
            let now = self.now;
            // Without a session the flow is about to hear that it ended.
            if let Some(session) = &mut self.session {
                session.request(now, &request).expect("one request at a time");
            }
            return true;
        }
        let Some(event) = flow.poll_event() else {
            return false;
        };
        self.act(event);
        true
    }

    fn act(&mut self, event: Event) {
        match event {
            Event::NeedFacts(query) => {
                let known = self.store.look_up(&query, self.time());
                self.inputs.push_back(Input::Facts(query.number, Box::new(known)));
            }
            Event::Append(append) => self.append(&append),
            Event::Screen(screen) => self.see(screen),
            Event::Connect => self.wants_link = true,
            Event::Hangup => self.drop_link(),
            Event::Ended(outcome) => {
                self.wants_link = false;
                self.outcome = Some(outcome);
            }
        }
    }

    fn append(&mut self, append: &Append) {
        self.appends += 1;
        let fault = self
            .append_fault
            .filter(|(from, _)| self.appends >= *from)
            .map(|(_, fault)| fault);
        let fault = fault.or(std::mem::take(&mut self.disk_fails_once).then_some(AppendFault::Storage));
        let done = match fault {
            Some(fault) => Err(fault),
            None => self.store.append(append, self.wall_ms),
        };
        self.inputs.push_back(match done {
            Ok(()) => Input::Appended(append.number),
            Err(fault) => Input::AppendFailed(append.number, fault),
        });
    }

    fn see(&mut self, screen: Screen) {
        if matches!(screen, Screen::CompareCode(_)) && self.confirms_code {
            self.inputs.push_back(Input::Person(Person::CodeConfirmed));
        }
        self.screens.push(screen);
    }

    pub(crate) fn person(&mut self, person: Person) {
        self.inputs.push_back(Input::Person(person));
    }

    fn feed_flow(&mut self) -> bool {
        let event = self.session.as_mut().and_then(StationSession::poll_event);
        if let Some(event) = event {
            if matches!(event, SessionEvent::Ended(_)) {
                self.session = None;
                self.disconnect_band();
            }
            self.inputs.push_back(Input::Session(event));
        }
        let (Some(flow), Some(input)) = (&mut self.flow, self.inputs.pop_front()) else {
            return false;
        };
        flow.handle_input(self.now, input);
        true
    }

    fn connect(&mut self) -> bool {
        if !self.wants_link || self.session.is_some() {
            return false;
        }
        self.wants_link = false;
        self.entropy += 1;
        let now = self.now;
        let seed = self.entropy.to_be_bytes();
        let entropy = std::array::from_fn(|i| seed[i % 4] ^ (i as u8));
        let makes = vec![keys::manufacturer_key().verifying_key().to_bytes()];
        let unix_now = self.time().latest();
        self.session = Some(StationSession::new(
            &self.station,
            makes,
            185,
            &entropy,
            now,
            unix_now,
        ));
        let band = self.band();
        band.engine.handle_connected(now, 185);
        band.connected = true;
        true
    }

    /// One frame in one direction.
    fn exchange(&mut self) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let band = &mut self.bands[self.near];
        if let Some(frame) = session.poll_transmit() {
            band.engine.handle_input(self.now, &frame, &mut band.hardware);
            return true;
        }
        if let Some(frame) = band.engine.poll_transmit() {
            session.handle_input(self.now, &frame);
            return true;
        }
        if band.connected && band.engine.poll_end() {
            self.drop_link();
            return true;
        }
        false
    }

    pub(crate) fn drop_link(&mut self) {
        self.disconnect_band();
        if let Some(session) = &mut self.session {
            session.handle_disconnected();
            while let Some(event) = session.poll_event() {
                self.inputs.push_back(Input::Session(event));
            }
        }
        self.session = None;
    }

    fn disconnect_band(&mut self) {
        let band = &mut self.bands[self.near];
        if std::mem::take(&mut band.connected) {
            band.engine.handle_disconnected(&mut band.hardware);
        }
    }

    /// Nothing happens by itself: the clock jumps to the next deadline.
    fn pass_time(&mut self) {
        let deadlines = [
            self.flow.as_ref().and_then(Enrollment::poll_timeout),
            self.session.as_ref().and_then(StationSession::poll_timeout),
            self.bands[self.near].engine.poll_timeout(),
        ];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return;
        };
        let next = next.max(self.now + Duration::from_micros(1));
        self.wall_ms += next.since(self.now).as_millis() as u64;
        self.now = next;
        self.handle_deadlines();
    }

    fn handle_deadlines(&mut self) {
        let now = self.now;
        let band = &mut self.bands[self.near];
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(band.engine.poll_timeout()) {
            band.engine.handle_timeout(now, &mut band.hardware);
        }
        self.session
            .iter_mut()
            .filter(|s| due(s.poll_timeout()))
            .for_each(|s| s.handle_timeout(now));
        self.flow
            .iter_mut()
            .filter(|f| due(f.poll_timeout()))
            .for_each(|f| f.handle_timeout(now));
    }

    /// The wearer fails a touch.
    pub(crate) fn fail_touch(&mut self, fault: TouchFault) {
        let now = self.now;
        self.band().wearer(now, Wearer::Touch(Err(fault)));
    }

    /// The code of the refusal the person saw.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.screens.iter().find_map(|screen| match screen {
            Screen::Refused(refusal) => Some(refusal.code().code()),
            _ => None,
        })
    }
}
