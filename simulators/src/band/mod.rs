//! A band with the real engine, simulated hardware, and a wearer with habits.

mod hardware;
mod knobs;

pub use knobs::{BadTouch, Confirmation, Knobs};

use std::collections::VecDeque;
use std::time::Duration;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::band::{BandEngine, BandIdentity, BandSettings, Wearer};
use firmware_protocol::handler::Screen;
use firmware_protocol::id::Serial;
use firmware_protocol::message::{Held, Report, TouchFault};
use firmware_protocol::misbehaved::StationMisbehaved;
use firmware_protocol::time::Instant;

use crate::peripheral::Peripheral;
use crate::random::Random;
use hardware::Hardware;

/// How long a wearer who left stays away.
const AWAY: Duration = Duration::from_secs(5);
/// Quality of a good simulated touch.
const QUALITY: u8 = 84;

/// One simulated band.
#[derive(Debug)]
pub struct SimBand {
    identity: BandIdentity,
    knobs: Knobs,
    hardware: Hardware,
    /// Nothing while the power is off.
    engine: Option<BandEngine>,
    /// When the power comes back.
    power_on_at: Option<Instant>,
    /// What the wearer is about to do, soonest first.
    plans: VecDeque<(Instant, Plan)>,
    bad_touches: VecDeque<BadTouch>,
    away_until: Option<Instant>,
    connected: bool,
    /// The link must go although the engine did not ask.
    lost: bool,
    /// Every commit of this band, in order: what a station must come to know.
    commits: Vec<Held>,
    stores_looked_at: u32,
    bytes: u64,
    frames: u64,
    now: Instant,
}

/// Something the wearer has in mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Do(Wearer),
    Leave,
}

impl SimBand {
    /// A band fresh from the factory, or with the `record` it kept.
    pub fn new(identity: BandIdentity, knobs: Knobs, record: Vec<u8>, random: Random, now: Instant) -> Self {
        let mut band = Self {
            identity,
            bad_touches: knobs.bad_touches.iter().copied().collect(),
            hardware: Hardware::new(record, random),
            knobs,
            engine: None,
            power_on_at: None,
            plans: VecDeque::new(),
            away_until: None,
            connected: false,
            lost: false,
            commits: Vec::new(),
            stores_looked_at: 0,
            bytes: 0,
            frames: 0,
            now,
        };
        band.hardware.fail(&band.knobs);
        band.power_on();
        band
    }

    /// Turns the knobs anew; those that count begin to count now.
    pub fn set_knobs(&mut self, knobs: Knobs) {
        self.bad_touches = knobs.bad_touches.iter().copied().collect();
        self.hardware.fail(&knobs);
        (self.bytes, self.frames) = (0, 0);
        self.knobs = knobs;
        self.wear();
    }

    /// Brings wrist and battery to what the knobs say.
    fn wear(&mut self) {
        let Some(engine) = &mut self.engine else { return };
        let worn = if self.knobs.worn {
            Wearer::PutOn
        } else {
            Wearer::TakeOff
        };
        for action in [Wearer::Battery(self.knobs.battery_percent), worn] {
            engine.handle_wearer(self.now, action, &mut self.hardware);
        }
    }

    /// Switches the band off and on again, as if it had lain in a drawer until `now`.
    pub fn reset(&mut self, now: Instant) {
        (self.now, self.connected, self.lost, self.away_until) = (now, false, false, None);
        self.plans.clear();
        self.power_on();
        self.hardware.unseen.clear();
    }

    /// The knobs as they are.
    pub fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// The serial printed on the band.
    pub fn serial(&self) -> &Serial {
        &self.identity.serial
    }

    /// Lets the wearer do something unplanned.
    pub fn act(&mut self, now: Instant, action: Wearer) {
        self.now = now;
        if let Some(engine) = &mut self.engine {
            engine.handle_wearer(now, action, &mut self.hardware);
        }
        self.settle();
    }

    /// Cuts the power now; it comes back after the knob's time.
    pub fn cut_power(&mut self, now: Instant) {
        self.now = now;
        self.hardware.power_failed = true;
        self.settle();
    }

    /// What the band would report, while it has power.
    pub fn report(&self) -> Option<Report> {
        self.engine.as_ref().map(|engine| engine.report(self.now))
    }

    /// The durable record, byte for byte.
    pub fn record(&self) -> &[u8] {
        &self.hardware.record
    }

    /// Writes of the record so far.
    pub fn store_count(&self) -> u32 {
        self.hardware.stores
    }

    /// Every association this band ever committed, in order, those since replaced or deleted too.
    pub fn commits(&self) -> &[Held] {
        &self.commits
    }

    /// Bytes that crossed the air since the knobs were set, both directions.
    pub fn byte_count(&self) -> u64 {
        self.bytes
    }

    /// What the screen shows.
    pub fn screen(&self) -> &Screen {
        &self.hardware.screen
    }

    /// What the last station that broke the rules did.
    pub fn last_fault(&self) -> Option<StationMisbehaved> {
        self.engine.as_ref().and_then(BandEngine::last_fault)
    }

    fn power_on(&mut self) {
        let settings = BandSettings {
            firmware: self.knobs.firmware.clone(),
            touches: self.knobs.touches,
            wearer_timeout: Duration::from_millis(self.knobs.patience_ms),
            ..BandSettings::default()
        };
        self.power_on_at = None;
        self.hardware.power_failed = false;
        let record = self.hardware.record.clone();
        let engine = BandEngine::new(
            self.identity.clone(),
            settings,
            &record,
            self.now,
            &mut self.hardware,
        );
        self.engine = Some(engine.expect("a simulated band keeps only records of its own engine"));
        self.wear();
    }

    /// After each call into the engine: notice a power cut, let the wearer see the screen.
    fn settle(&mut self) {
        if std::mem::replace(&mut self.stores_looked_at, self.hardware.stores) != self.hardware.stores {
            self.note_commits();
        }
        if self.hardware.power_failed && self.engine.take().is_some() {
            self.power_on_at = Some(self.now + Duration::from_millis(self.knobs.reboot_ms));
            self.plans.clear();
            self.hardware.unseen.clear();
            self.lost = self.connected;
        }
        while let Some(screen) = self.hardware.unseen.pop_front() {
            self.react(&screen);
        }
    }

    /// The engine's record may have changed: remember what was committed. Before a power cut takes effect
    /// the engine still knows what was stored.
    fn note_commits(&mut self) {
        let held = self
            .engine
            .as_ref()
            .map(|engine| engine.report(self.now).associations)
            .unwrap_or_default();
        let newest = self.commits.last().map_or(0, |held| held.epoch);
        self.commits
            .extend(held.into_iter().filter(|held| held.epoch > newest));
    }

    fn react(&mut self, screen: &Screen) {
        let (touch_ms, reaction_ms) = (self.knobs.touch_ms, self.knobs.reaction_ms);
        match screen {
            Screen::Confirm { .. } => match self.knobs.confirmation {
                Confirmation::Yes => self.plan(reaction_ms, Plan::Do(Wearer::Press)),
                Confirmation::No => self.plan(reaction_ms, Plan::Do(Wearer::Decline)),
                Confirmation::Ignore => {}
            },
            Screen::Touch { count, .. } => {
                let plan = self.next_touch(*count);
                self.plan(touch_ms, plan);
            }
            Screen::TouchAgain(_) => {
                let touch = self.touch();
                self.plan(touch_ms, Plan::Do(touch));
            }
            Screen::HoldToDelete if self.knobs.deletes_when_asked => {
                self.plan(reaction_ms, Plan::Do(Wearer::HoldToDelete));
            }
            Screen::Stopped | Screen::LockedOut { .. } => self.plans.clear(),
            _ => {}
        }
    }

    fn next_touch(&mut self, count: u8) -> Plan {
        if self.knobs.take_off_after == Some(count) {
            return Plan::Do(Wearer::TakeOff);
        }
        if self.knobs.battery_drop_after == Some(count) {
            return Plan::Do(Wearer::Battery(2));
        }
        if self.knobs.leave_after == Some(count) {
            self.knobs.leave_after = None;
            return Plan::Leave;
        }
        Plan::Do(self.touch())
    }

    fn touch(&mut self) -> Wearer {
        Wearer::Touch(
            self.bad_touches
                .pop_front()
                .map_or(Ok(QUALITY), |bad| Err(TouchFault::from(bad))),
        )
    }

    fn plan(&mut self, after_ms: u64, plan: Plan) {
        self.plans
            .push_back((self.now + Duration::from_millis(after_ms), plan));
    }

    fn carry_out(&mut self, plan: Plan) {
        match plan {
            Plan::Do(action) => self.act(self.now, action),
            Plan::Leave => {
                self.away_until = Some(self.now + AWAY);
                self.lost = self.connected;
            }
        }
    }

    /// Counts a frame that crosses the air; true if it arrives whole.
    fn crosses(&mut self, len: usize) -> bool {
        self.bytes += len as u64;
        self.frames += 1;
        if self.knobs.power_cut_at_byte.is_some_and(|at| self.bytes >= at) {
            self.knobs.power_cut_at_byte = None;
            self.hardware.power_failed = true;
            self.settle();
            return false;
        }
        self.knobs
            .hang_after_frames
            .is_none_or(|limit| self.frames <= limit)
    }

    fn is_away(&self) -> bool {
        self.away_until.is_some_and(|until| self.now < until)
    }
}

impl Peripheral for SimBand {
    fn advertisement(&mut self, now: Instant) -> Option<Beacon> {
        self.now = now;
        if self.is_away() {
            return None;
        }
        self.engine.as_mut().map(|engine| engine.beacon(now))
    }

    fn info(&mut self) -> Vec<u8> {
        self.engine.as_ref().map(BandEngine::info).unwrap_or_default()
    }

    fn connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.now = now;
        self.connected = true;
        self.lost = self.engine.is_none() || self.is_away();
        if let Some(engine) = &mut self.engine {
            engine.handle_connected(now, mtu_bytes);
        }
    }

    fn disconnected(&mut self, now: Instant) {
        self.now = now;
        self.connected = false;
        self.lost = false;
        self.plans.clear();
        if let Some(engine) = &mut self.engine {
            engine.handle_disconnected(&mut self.hardware);
        }
        self.settle();
    }

    fn write(&mut self, now: Instant, value: &[u8]) {
        self.now = now;
        if !self.crosses(value.len()) || self.lost {
            return;
        }
        if let Some(engine) = &mut self.engine {
            engine.handle_input(now, value, &mut self.hardware);
        }
        self.settle();
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        if self.lost {
            return None;
        }
        let frame = self.engine.as_mut()?.poll_transmit()?;
        self.crosses(frame.len()).then_some(frame)
    }

    fn poll_end(&mut self) -> bool {
        let lost = self.connected && std::mem::take(&mut self.lost);
        lost || self.engine.as_mut().is_some_and(BandEngine::poll_end)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let engine = self.engine.as_ref().and_then(BandEngine::poll_timeout);
        let plan = self.plans.iter().map(|(at, _)| *at).min();
        [engine, plan, self.power_on_at].into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.power_on_at.is_some_and(|at| now >= at) {
            self.power_on();
        }
        while let Some(due) = self.plans.iter().position(|(at, _)| *at <= now) {
            let (_, plan) = self.plans.remove(due).expect("the position was just found");
            self.carry_out(plan);
        }
        if let Some(engine) = &mut self.engine {
            engine.handle_timeout(now, &mut self.hardware);
        }
        self.settle();
    }
}
