//! One station, one band, and a link between them, on a clock that only the test moves.
//!
//! `step` delivers the next frame or fires the next deadline, `wait` steps until the station hears
//! something, `knobs` say what the link does to frames. Everything random comes from one seed.

mod band;
mod clerk;
mod link;
mod world;

pub(crate) use band::{TestBand, Trouble};
pub(crate) use clerk::{Clerk, arm, arm_for};
pub(crate) use link::{Knobs, Rng, Way};
pub(crate) use world::{NOW, Setup, World, serial};

use firmware_protocol::band::{BandEngine, Wearer};
use firmware_protocol::handler::Screen;
use firmware_protocol::message::{BandToStation, StationToBand};
use firmware_protocol::station::{ENTROPY_LEN, Established, SessionEnd, SessionEvent, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};
use std::time::Duration;

use link::Link;

/// Longest virtual time one wait may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) unix_now: u64,
    pub(crate) setup: Setup,
    pub(crate) station: Option<StationSession>,
    pub(crate) band: BandEngine,
    pub(crate) hardware: TestBand,
    pub(crate) link: Link,
    pub(crate) rng: Rng,
    /// What the last session of the station was given.
    pub(crate) entropy: [u8; ENTROPY_LEN],
    /// Does at once what the screen asks.
    pub(crate) willing: bool,
    /// Requests answered, the handshake included.
    pub(crate) round_trips: usize,
    asked: usize,
    screens_seen: usize,
    connected: bool,
    closing_at: Option<Instant>,
}

impl Pair {
    pub(crate) fn new(setup: Setup) -> Self {
        let now = Instant::from_micros(1_000_000);
        let mut hardware = TestBand::new(setup.seed, setup.record.clone());
        let band = power_on(&setup, now, &mut hardware);
        let mut pair = Self {
            now,
            unix_now: setup.unix_now,
            station: None,
            band,
            hardware,
            link: Link::new(setup.knobs),
            rng: Rng::new(setup.seed),
            entropy: [0; ENTROPY_LEN],
            willing: true,
            round_trips: 0,
            asked: 0,
            screens_seen: 0,
            connected: false,
            closing_at: None,
            setup,
        };
        pair.wearer(Wearer::PutOn);
        pair
    }

    /// The default setup: a band fresh from the factory and a good station on a good link.
    pub(crate) fn fresh() -> Self {
        Self::new(Setup::default())
    }

    /// Connects and starts a session; the handshake is under way when this returns.
    pub(crate) fn connect(&mut self) {
        self.rng.fill(&mut self.entropy);
        let session = StationSession::new(
            &self.setup.station,
            self.setup.manufacturers.clone(),
            self.setup.mtu_bytes,
            &self.entropy,
            self.now,
            UnixSeconds(self.unix_now),
        );
        self.link.clear();
        self.closing_at = None;
        self.connected = true;
        self.asked = 1;
        self.station = Some(session);
        self.band.handle_connected(self.now, self.setup.mtu_bytes);
    }

    /// Connects and waits for the handshake.
    pub(crate) fn establish(&mut self) -> Established {
        self.connect();
        match self.wait() {
            Some(SessionEvent::Established(established)) => *established,
            other => panic!("no session: {other:?}"),
        }
    }

    /// Connects and waits for the refusal that must come.
    pub(crate) fn refused(&mut self) -> SessionEnd {
        self.connect();
        match self.wait() {
            Some(SessionEvent::Ended(end)) => end,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Asks and waits for the answer; pushes that come first are an error.
    pub(crate) fn ask(&mut self, request: StationToBand) -> BandToStation {
        self.request(&request);
        self.message()
    }

    pub(crate) fn request(&mut self, request: &StationToBand) {
        self.asked += 1;
        let session = self.station.as_mut().expect("a session");
        session.request(self.now, request).expect("the session is ready");
    }

    /// The next message; anything else is an error.
    pub(crate) fn message(&mut self) -> BandToStation {
        match self.wait() {
            Some(SessionEvent::Message(message)) => message,
            other => panic!("no message: {other:?}"),
        }
    }

    /// The end of the session, which must come next.
    pub(crate) fn ended(&mut self) -> SessionEnd {
        match self.wait() {
            Some(SessionEvent::Ended(end)) => end,
            other => panic!("not ended: {other:?}"),
        }
    }

    pub(crate) fn wearer(&mut self, action: Wearer) {
        self.band.handle_wearer(self.now, action, &mut self.hardware);
        self.drain();
    }

    /// Steps until the station hears something or nothing can happen any more.
    pub(crate) fn wait(&mut self) -> Option<SessionEvent> {
        let until = self.now + PATIENCE;
        let mut stepped = true;
        loop {
            let event = self.station.as_mut().and_then(StationSession::poll_event);
            if let Some(event) = event {
                self.count(&event);
                return Some(event);
            }
            if self.now > until || !stepped {
                return None;
            }
            stepped = self.step();
        }
    }

    /// Steps until the link is gone, throwing away what the station hears.
    pub(crate) fn run_out(&mut self) {
        let until = self.now + PATIENCE;
        while self.connected && self.now < until && self.step() {}
        while self
            .station
            .as_mut()
            .and_then(StationSession::poll_event)
            .is_some()
        {}
    }

    /// Lets time pass, whatever falls due in it.
    pub(crate) fn sleep(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            self.drain();
            if self.next_due().is_none_or(|due| due > until) || !self.step() {
                break;
            }
        }
        self.now = until;
    }

    fn count(&mut self, event: &SessionEvent) {
        let answers = match event {
            SessionEvent::Established(_) => true,
            SessionEvent::Message(message) => !message.is_push(),
            SessionEvent::Ended(_) => false,
        };
        if answers {
            assert!(self.asked > 0, "an answer without a question");
            self.asked -= 1;
            self.round_trips += 1;
        }
    }

    /// One thing happens: a frame arrives, a deadline passes, the link closes. False if nothing is due.
    pub(crate) fn step(&mut self) -> bool {
        self.drain();
        if self.hardware.is_dead() {
            self.power_cut();
        }
        self.do_as_asked();
        let Some(due) = self.next_due() else { return false };
        self.now = self.now.max(due);
        if self.closing_at.is_some_and(|at| at <= self.now) || self.link.is_cut() {
            self.disconnect();
        } else if let Some((way, frame)) = self.link.deliver(self.now) {
            self.deliver(way, &frame);
        } else {
            self.fire();
        }
        true
    }

    fn next_due(&self) -> Option<Instant> {
        let station = self.station.as_ref().and_then(StationSession::poll_timeout);
        let cut = self.link.is_cut().then_some(self.now);
        [
            self.link.next_due(),
            self.closing_at,
            self.band.poll_timeout(),
            station,
            cut,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(crate) fn deliver(&mut self, way: Way, frame: &[u8]) {
        match (way, &mut self.station) {
            (Way::ToBand, _) => self.band.handle_input(self.now, frame, &mut self.hardware),
            (Way::ToStation, Some(session)) => session.handle_input(self.now, frame),
            (Way::ToStation, None) => {}
        }
    }

    fn fire(&mut self) {
        if self.band.poll_timeout().is_some_and(|at| at <= self.now) {
            self.band.handle_timeout(self.now, &mut self.hardware);
            assert!(
                self.band.poll_timeout().is_none_or(|at| at > self.now),
                "the band's deadline stays in the past"
            );
        }
        let due = |session: &StationSession| session.poll_timeout().is_some_and(|at| at <= self.now);
        if let Some(session) = self.station.as_mut().filter(|session| due(session)) {
            session.handle_timeout(self.now);
        }
    }

    /// Moves what both ends want to send onto the link, and closes it if the band wants that.
    fn drain(&mut self) {
        while let Some(frame) = self.station.as_mut().and_then(StationSession::poll_transmit) {
            self.put(Way::ToBand, frame);
        }
        while let Some(frame) = self.band.poll_transmit() {
            if !self.hardware.is_dead() {
                self.put(Way::ToStation, frame);
            }
        }
        if self.band.poll_end() {
            let after_what_is_under_way = self.link.next_idle(self.now);
            self.closing_at = Some(after_what_is_under_way);
        }
    }

    fn put(&mut self, way: Way, frame: Vec<u8>) {
        if self.connected {
            self.link.put(self.now, way, frame, &mut self.rng);
        }
    }

    pub(crate) fn disconnect(&mut self) {
        if core::mem::take(&mut self.connected) {
            self.link.clear();
            self.closing_at = None;
            self.band.handle_disconnected(&mut self.hardware);
            if let Some(session) = &mut self.station {
                session.handle_disconnected();
            }
        }
    }

    /// The band loses power and starts again from what its memory kept.
    pub(crate) fn power_cut(&mut self) {
        self.disconnect();
        self.hardware.revive();
        self.band = power_on(&self.setup, self.now, &mut self.hardware);
        self.wearer(Wearer::PutOn);
    }

    /// A willing wearer does what the screen asks, once for each time it asks.
    fn do_as_asked(&mut self) {
        if !self.willing || self.hardware.screens.len() == self.screens_seen {
            return;
        }
        self.screens_seen = self.hardware.screens.len();
        match self.hardware.screens.last() {
            Some(Screen::Confirm { .. }) => self.wearer(Wearer::Press),
            Some(Screen::Touch { .. } | Screen::TouchAgain(_)) => self.wearer(Wearer::Touch(Ok(80))),
            _ => {}
        }
    }
}

fn power_on(setup: &Setup, now: Instant, hardware: &mut TestBand) -> BandEngine {
    let record = hardware.stored.clone();
    BandEngine::new(setup.band.clone(), setup.settings.clone(), &record, now, hardware)
        .expect("the band reads its own record")
}
