//! One attempt: the enrollment's engine, the session with the band, and the link under it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use firmware_protocol::id::{AssociationId, Serial};
use firmware_protocol::message::{Finish, StationToBand};
use firmware_protocol::station::{ENTROPY_LEN, SessionEnd, SessionEvent, StationSession};
use firmware_protocol::time::Instant;
use station_core::enrollment::{Admission, Append, AppendFault, Event, Outcome, Person, Query, Screen};
use station_core::journal::{FlowId, Head};
use station_core::sign_in;
use tokio::task::JoinSet;

use super::engine::{Engine, Known, Wanted};
use super::look::Looking;
use super::nearby::{Choice, Nearby};
use super::own_band::{self, ByBand};
use super::{Done, Station, view};
use crate::api::SigningIn;
use crate::api::model::{self, Stage};
use crate::radio::{DeviceId, LinkFault, RadioCommand, RadioEvent};
use crate::store::StoreError;

/// The wait before a link that could not be made is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The time a band has to end a link whose session is over. Dropping it from this side takes BlueZ seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time an attempt for which nobody stands at the kiosk has to end its talk with the band when somebody
/// waits. Whoever asks by the API is answered within ten seconds.
const GIVE_WAY: Duration = Duration::from_secs(3);

/// An attempt under way.
pub(super) struct Attempt {
    engine: Engine,
    flow: FlowId,
    link: Link,
    /// The engine wants a session.
    wanted: bool,
    /// The band of the last session.
    last: Option<DeviceId>,
    /// Bands that came and were not meant.
    not: BTreeSet<DeviceId>,
    /// Devices that did not answer while a certain band is looked for. They are asked again after all others.
    silent: BTreeSet<DeviceId>,
    target: Target,
    view: model::Enrollment,
    shown: Option<model::Enrollment>,
    began: Instant,
    /// When it ends for the sake of somebody who waits.
    way_at: Option<Instant>,
    gave_way: bool,
    outcome: Option<Outcome>,
    /// Somebody wants to know what the band says.
    look: Option<Looking>,
    /// Somebody wants to sign in and has not been told what came of it.
    sign_in: Option<ByBand>,
    /// The band has something open that was not settled.
    unsettled: bool,
}

/// Which band the attempt is about, as far as somebody said.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// This device of the list of bands in range.
    pub(super) device: Option<DeviceId>,
    /// The band with this serial.
    pub(super) serial: Option<Serial>,
}

enum Link {
    /// No link. A new one is not made before this moment.
    None { not_before: Option<Instant> },
    /// A link is being made.
    Connecting(DeviceId),
    /// A session is under way.
    Up(DeviceId, Box<StationSession>),
    /// The session is over; the band ends the link, or is dropped at this moment.
    Closing(DeviceId, Option<Instant>),
}

/// The answer to a query of the engine.
pub(super) struct FactsRead {
    flow: FlowId,
    number: u64,
    outcome: Result<Known, StoreError>,
}

/// The answer to an append of the engine.
pub(super) struct Appended {
    flow: FlowId,
    number: u64,
    outcome: Result<Head, StoreError>,
}

impl Appended {
    /// For an attempt that is over meanwhile.
    pub(super) fn stop_if_fatal(self) -> Result<(), StoreError> {
        super::stop_if_fatal(self.outcome)
    }
}

impl Attempt {
    /// An attempt with a fresh engine. `user` is shown; nobody's attempt shows nothing.
    pub(super) fn new(
        engine: impl Into<Engine>,
        flow: FlowId,
        user: String,
        target: Target,
        now: Instant,
    ) -> Self {
        let engine = engine.into();
        // Whoever gets no band is told so as soon as that is written down.
        let stage = match engine.wants_band() {
            true => Stage::LookingForBand,
            false => Stage::Checking,
        };
        let view = model::Enrollment {
            id: flow.to_string(),
            stage,
            user,
            band: None,
            effects: Vec::new(),
            consequences: Vec::new(),
            mismatch: None,
            code: None,
            code_confirmed: false,
            band_confirmed: false,
            touches: None,
            outcome: None,
            elapsed_ms: 0,
        };
        Self {
            engine,
            flow,
            link: Link::None { not_before: None },
            wanted: false,
            last: None,
            not: BTreeSet::new(),
            silent: BTreeSet::new(),
            target,
            view,
            shown: None,
            began: now,
            way_at: None,
            gave_way: false,
            outcome: None,
            look: None,
            sign_in: None,
            unsettled: false,
        }
    }

    /// The same, to look at a band.
    pub(super) fn with_look(self, look: Looking) -> Self {
        Self {
            look: Some(look),
            ..self
        }
    }

    /// The same, for somebody who signs in.
    pub(super) fn with_sign_in(self, reply: ByBand) -> Self {
        Self {
            sign_in: Some(reply),
            ..self
        }
    }

    /// Whether somebody signs in by it and has not been told what came of it.
    pub(super) fn is_sign_in(&self) -> bool {
        self.sign_in.is_some()
    }

    /// Whether somebody stands at the kiosk for it and has not been told the outcome.
    pub(super) fn is_somebodys(&self) -> bool {
        self.is_sign_in() || self.has_person() && !self.view.stage.is_final()
    }

    /// Says what was seen, if somebody wants to know.
    pub(super) fn end_look(&mut self) {
        if let Some(look) = self.look.take() {
            look.end(self.outcome.as_ref());
        }
    }

    /// Where the attempt stands.
    pub(super) fn view(&self) -> &model::Enrollment {
        &self.view
    }

    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Whether somebody stands at the kiosk for it.
    pub(super) fn has_person(&self) -> bool {
        self.engine.user().is_some()
    }

    /// Whether everything is said. The link may still be there.
    pub(super) fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// The link that is left, and whether the radio was told already to drop it.
    pub(super) fn into_link(self) -> Option<(DeviceId, bool)> {
        match self.link {
            Link::None { .. } => None,
            Link::Closing(device, None) => Some((device, true)),
            Link::Connecting(device) | Link::Up(device, _) | Link::Closing(device, _) => {
                Some((device, false))
            }
        }
    }

    /// Somebody was identified and waits. A talk with the band may come to its end, for a short while.
    pub(super) fn give_way(&mut self, now: Instant) {
        let talks = matches!(self.link, Link::Up(..)) && !self.wanted;
        self.way_at = Some(if talks { now + GIVE_WAY } else { now });
        self.make_way(now);
    }

    fn make_way(&mut self, now: Instant) {
        if self.way_at.take_if(|at| now >= *at).is_some() {
            self.gave_way = true;
            self.engine.give_way(now);
        }
    }

    /// Whether its band must be asked again what it has open: it ended before its time, or did not settle it.
    pub(super) fn must_ask_again(&self) -> bool {
        self.gave_way || self.unsettled
    }

    /// Whether the event concerns this attempt's link.
    pub(super) fn owns(&self, event: &RadioEvent) -> bool {
        let own = match &self.link {
            Link::None { .. } => return false,
            // A link that is being made fails by name; what ended is the link of the attempt before.
            Link::Connecting(_) if is_of_before(event) => return false,
            Link::Connecting(device) | Link::Up(device, _) | Link::Closing(device, _) => device,
        };
        match event {
            RadioEvent::Connected { device, .. }
            | RadioEvent::ConnectFailed { device, .. }
            | RadioEvent::Received { device, .. }
            | RadioEvent::WriteFailed { device, .. }
            | RadioEvent::Disconnected { device } => device == own,
            RadioEvent::Adapter(_) | RadioEvent::Seen { .. } | RadioEvent::Gone { .. } => false,
        }
    }

    /// The next moment at which [`handle_timeout`](Self::handle_timeout) or a drain has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let link = match &self.link {
            Link::None { not_before } => *not_before,
            Link::Connecting(_) => None,
            Link::Up(_, session) => session.poll_timeout(),
            Link::Closing(_, until) => *until,
        };
        let all = [self.engine.poll_timeout(), link, self.way_at];
        all.into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.link {
            Link::Up(_, session) => session.handle_timeout(now),
            Link::None { not_before } if not_before.is_some_and(|at| now >= at) => *not_before = None,
            _ => {}
        }
        self.engine.handle_timeout(now);
        if self.look.as_ref().is_some_and(Looking::is_alone) && self.way_at.is_none() {
            self.give_way(now);
        }
        if self.sign_in.as_ref().is_some_and(ByBand::is_closed) {
            self.handle_person(now, Person::Cancel);
        }
        self.make_way(now);
    }

    /// Something happened on the link.
    pub(super) fn handle_link(&mut self, now: Instant, event: RadioEvent, station: &mut Station) {
        match event {
            RadioEvent::Connected { device, mtu_bytes } => self.connected(now, device, mtu_bytes, station),
            RadioEvent::ConnectFailed { cause, device } => {
                self.did_not_answer(&device);
                tracing::info!(flow = %self.flow, cause = cause.code(), "a band could not be reached");
                self.link = Link::None {
                    not_before: Some(now + RETRY),
                };
            }
            RadioEvent::Received { frame, .. } => {
                if let Link::Up(_, session) = &mut self.link {
                    session.handle_input(now, &frame);
                }
            }
            RadioEvent::WriteFailed {
                cause: cause @ (LinkFault::TooLong | LinkFault::QueueFull),
                ..
            } => {
                // The frame counts as lost on the air; framing repeats it.
                tracing::warn!(flow = %self.flow, cause = cause.code(), "a frame did not leave");
            }
            RadioEvent::Disconnected { .. } => self.disconnected(now),
            _ => {}
        }
    }

    fn connected(&mut self, now: Instant, device: DeviceId, mtu_bytes: u16, station: &mut Station) {
        let entropy = station.entropy.bytes::<ENTROPY_LEN>();
        let unix_now = station.time_for_bands();
        let manufacturers = station.identity.manufacturers.clone();
        let identity = &station.session_identity;
        let session = StationSession::new(identity, manufacturers, mtu_bytes, &entropy, now, unix_now);
        tracing::debug!(flow = %self.flow, mtu_bytes, "a link is up");
        self.link = Link::Up(device, Box::new(session));
    }

    /// A device that is nearest and says nothing must not be asked until the time is over.
    fn did_not_answer(&mut self, device: &DeviceId) {
        if self.wanted && self.target.serial.is_some() && self.last.as_ref() != Some(device) {
            self.silent.insert(device.clone());
        }
    }

    fn disconnected(&mut self, now: Instant) {
        if let Link::Up(device, _) = &self.link {
            self.did_not_answer(&device.clone());
        }
        if let Link::Up(_, session) = &mut self.link {
            session.handle_disconnected();
            while let Some(event) = session.poll_event() {
                // Whether and when another session follows is the engine's to say.
                self.wanted = false;
                self.engine.handle_session(now, event);
            }
        }
        self.link = Link::None { not_before: None };
    }

    /// Somebody compared the codes, or wants to stop.
    pub(super) fn handle_person(&mut self, now: Instant, person: Person) {
        self.view.code_confirmed |= person == Person::CodeConfirmed;
        self.engine.handle_person(now, person);
    }

    /// The engine's query is answered. A store that cannot answer lets the engine's own limit speak.
    pub(super) fn on_facts(&mut self, now: Instant, read: FactsRead) -> Result<(), StoreError> {
        match read.outcome {
            Ok(known) if read.flow == self.flow => {
                if let (Some(look), Known::Enrollment(knowledge)) = (&mut self.look, &known) {
                    look.known(knowledge);
                }
                self.engine.handle_known(now, read.number, known);
                Ok(())
            }
            Err(error) => {
                tracing::error!(flow = %self.flow, %error, "facts could not be read");
                super::stop_if_fatal::<()>(Err(error))
            }
            Ok(_) => Ok(()),
        }
    }

    /// The engine's append is durable, or did not happen.
    pub(super) fn on_appended(&mut self, now: Instant, appended: Appended) -> Result<(), StoreError> {
        if appended.flow != self.flow {
            return super::stop_if_fatal(appended.outcome);
        }
        let outcome = match appended.outcome {
            Ok(_) => Ok(()),
            Err(StoreError::TicketSpent) => Err(AppendFault::TicketSpent),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                tracing::error!(flow = %self.flow, %error, "a record could not be written");
                Err(AppendFault::Storage)
            }
        };
        self.engine.handle_appended(now, appended.number, outcome);
        Ok(())
    }

    /// Acts until nothing is left to do before the next event.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        station: &mut Station,
        nearby: &Nearby,
        outbox: &mut VecDeque<RadioCommand>,
        jobs: &mut JoinSet<Done>,
    ) {
        let mut session_over = false;
        loop {
            let from_session = self.drain_session(now, &mut session_over);
            let from_engine = self.drain_engine(now, station, outbox, jobs);
            if !from_session && !from_engine {
                break;
            }
        }
        self.flush(outbox);
        self.tend_link(now, session_over, nearby, outbox);
        self.publish(now, station);
    }

    /// Passes the session's events on. Whether there were any.
    fn drain_session(&mut self, now: Instant, over: &mut bool) -> bool {
        let mut any = false;
        while let Link::Up(device, session) = &mut self.link
            && let Some(event) = session.poll_event()
        {
            any = true;
            let device = device.clone();
            *over |= matches!(event, SessionEvent::Ended(_));
            if let SessionEvent::Ended(end) = &event {
                tracing::debug!(flow = %self.flow, ?end, "a session ended");
                self.did_not_answer(&device);
            }
            if self.target.refuses(&event) {
                // Another band than the one that was asked for: let it go and look on. It hears a goodbye, for
                // a handshake that is broken off counts against whoever comes next.
                let goodbye = StationToBand::Finish(Finish { association: None });
                if let Link::Up(_, session) = &mut self.link
                    && session.request(now, &goodbye).is_err()
                {
                    tracing::error!(flow = %self.flow, "the session took no goodbye");
                }
                self.not.insert(device);
                *over = true;
                return true;
            }
            if self.is_foreign(&device, &event) {
                self.not.insert(device.clone());
                *over = true;
                self.link = Link::Closing(device, Some(now));
                return true;
            }
            if let SessionEvent::Established(established) = &event {
                self.last = Some(device);
                self.look
                    .iter_mut()
                    .for_each(|look| look.established(established));
            }
            // Whether and when another session follows is the engine's to say.
            if matches!(event, SessionEvent::Established(_) | SessionEvent::Ended(_)) {
                self.wanted = false;
            }
            self.engine.handle_session(now, event);
        }
        any
    }

    /// Whether the session ended with something that is no band of this organization, while a certain band
    /// is expected: anybody may advertise next to it, and its own end is the engine's to judge.
    fn is_foreign(&self, device: &DeviceId, event: &SessionEvent) -> bool {
        use firmware_protocol::handshake::HandshakeRefusal::WrongOrganization;
        let expected = match &self.last {
            Some(last) => last != device,
            None => self.target.serial.is_some(),
        };
        let foreign = matches!(
            event,
            SessionEvent::Ended(SessionEnd::Misbehaved(_) | SessionEnd::Refused(WrongOrganization))
        );
        foreign && expected && self.wanted
    }

    /// Does what the engine wants. Whether it wanted anything.
    fn drain_engine(
        &mut self,
        now: Instant,
        station: &mut Station,
        outbox: &mut VecDeque<RadioCommand>,
        jobs: &mut JoinSet<Done>,
    ) -> bool {
        let mut any = false;
        while let Some(request) = self.engine.poll_transmit() {
            any = true;
            if let Link::Up(_, session) = &mut self.link
                && session.request(now, &request).is_err()
            {
                tracing::error!(flow = %self.flow, number = request.number(), "the session took no request");
            }
        }
        while let Some(event) = self.engine.poll_event() {
            any = true;
            match event {
                Wanted::Enrollment(event) => self.on_event(now, event, station, outbox, jobs),
                Wanted::SignIn(event) => self.on_sign_in(now, event, station, outbox, jobs),
            }
        }
        any
    }

    fn on_sign_in(
        &mut self,
        now: Instant,
        event: sign_in::Event,
        station: &mut Station,
        outbox: &mut VecDeque<RadioCommand>,
        jobs: &mut JoinSet<Done>,
    ) {
        use sign_in::Event as From;
        let same = match event {
            From::NeedFacts(query) => return self.read_holder(query, station, jobs),
            From::Said(outcome) => return self.tell_sign_in(outcome, station),
            From::Append(append) => Event::Append(append),
            From::Screen(screen) => Event::Screen(screen),
            From::Connect => Event::Connect,
            From::Hangup => Event::Hangup,
            // What there was to say is said.
            From::Ended => Event::Ended(Outcome::Settled),
        };
        self.on_event(now, same, station, outbox, jobs);
    }

    fn tell_sign_in(&mut self, outcome: sign_in::Outcome, station: &Station) {
        self.unsettled = own_band::is_unsettled(&outcome);
        if let Some(reply) = self.sign_in.take() {
            station.tell_sign_in(self.flow, reply, outcome);
        }
    }

    fn on_event(
        &mut self,
        now: Instant,
        event: Event,
        station: &mut Station,
        outbox: &mut VecDeque<RadioCommand>,
        jobs: &mut JoinSet<Done>,
    ) {
        match event {
            Event::NeedFacts(query) => self.read_facts(query, station, jobs),
            Event::Append(append) => self.append(now, append, station, jobs),
            Event::Screen(screen) => self.show(&screen),
            Event::Connect => self.wanted = true,
            Event::Hangup => {
                if let Link::Up(device, _) | Link::Closing(device, _) | Link::Connecting(device) = &self.link
                {
                    outbox.push_back(RadioCommand::Disconnect(device.clone()));
                    self.link = Link::Closing(device.clone(), None);
                }
            }
            Event::Ended(outcome) => {
                view::end(&mut self.view, &outcome);
                self.outcome = Some(outcome);
            }
        }
    }

    fn show(&mut self, screen: &Screen) {
        if let (Screen::OtherBand { .. }, Link::Up(device, _)) = (screen, &self.link) {
            self.not.insert(device.clone());
        }
        view::show(&mut self.view, screen);
    }

    fn read_facts(&self, query: Query, station: &mut Station, jobs: &mut JoinSet<Done>) {
        let (flow, number, store) = (self.flow, query.number, station.store.clone());
        let (time, fresh) = (station.time(), AssociationId(station.entropy.bytes()));
        jobs.spawn(async move {
            let outcome = store.run(move |store| store.knowledge(&query, time, fresh)).await;
            Done::Facts(FactsRead {
                flow,
                number,
                outcome: outcome.map(|known| Known::Enrollment(Box::new(known))),
            })
        });
    }

    fn read_holder(&self, query: Query, station: &mut Station, jobs: &mut JoinSet<Done>) {
        let (flow, number, store) = (self.flow, query.number, station.store.clone());
        let (time, believed_ms) = (station.time(), station.believed_ms());
        let fresh = AssociationId(station.entropy.bytes());
        jobs.spawn(async move {
            let read = store.run(move |store| store.holder(&query, time, fresh, believed_ms));
            let outcome = read.await.map(|facts| Known::SignIn(Box::new(facts)));
            Done::Facts(FactsRead {
                flow,
                number,
                outcome,
            })
        });
    }

    fn append(&mut self, now: Instant, append: Append, station: &mut Station, jobs: &mut JoinSet<Done>) {
        let Append {
            number,
            mut records,
            changes,
            bounded,
        } = append;
        let time_ms = station.believed_ms();
        if bounded {
            match station.refusals.admit(time_ms) {
                Admission::Count => return self.engine.handle_appended(now, number, Ok(())),
                Admission::Write(counted) => records.splice(0..0, counted.map(Into::into)).for_each(drop),
            }
        }
        let (flow, store) = (self.flow, station.store.clone());
        jobs.spawn(async move {
            let outcome = store
                .run(move |store| store.append(time_ms, &records, &changes))
                .await;
            Done::Appended(Appended {
                flow,
                number,
                outcome,
            })
        });
    }

    fn flush(&mut self, outbox: &mut VecDeque<RadioCommand>) {
        if let Link::Up(device, session) = &mut self.link {
            while let Some(frame) = session.poll_transmit() {
                outbox.push_back(RadioCommand::Write {
                    device: device.clone(),
                    frame,
                });
            }
        }
    }

    /// Ends what has served and makes what is wanted.
    fn tend_link(
        &mut self,
        now: Instant,
        session_over: bool,
        nearby: &Nearby,
        outbox: &mut VecDeque<RadioCommand>,
    ) {
        if let Link::Up(device, _) = &self.link
            && session_over
        {
            self.link = Link::Closing(device.clone(), Some(now + PATIENCE));
        }
        match &self.link {
            Link::Closing(device, Some(until)) if now >= *until => {
                outbox.push_back(RadioCommand::Disconnect(device.clone()));
                self.link = Link::Closing(device.clone(), None);
            }
            Link::None { not_before: None } if self.wanted && !self.is_over() => self.choose(nearby, outbox),
            _ => {}
        }
    }

    fn choose(&mut self, nearby: &Nearby, outbox: &mut VecDeque<RadioCommand>) {
        let again = self
            .last
            .as_ref()
            .filter(|last| nearby.contains(last) && !self.not.contains(*last));
        let named = self
            .target
            .device
            .as_ref()
            .filter(|named| !self.not.contains(*named));
        let choice = match again.or(named) {
            Some(device) => Choice::One(device.clone()),
            None => self.choice(nearby),
        };
        let first_contact = self.last.is_none();
        match choice {
            Choice::One(device) => {
                outbox.push_back(RadioCommand::Connect(device.clone()));
                self.link = Link::Connecting(device);
                self.stage_if(first_contact, Stage::Connecting);
            }
            Choice::Several if self.target.serial.is_none() => {
                self.stage_if(first_contact, Stage::SeveralBands)
            }
            Choice::Several => {
                // Somebody named the serial: ask one after the other.
                if let Some(device) = nearby.nearest(&self.passed_over()) {
                    outbox.push_back(RadioCommand::Connect(device.clone()));
                    self.link = Link::Connecting(device);
                }
            }
            Choice::Nothing => self.stage_if(first_contact, Stage::LookingForBand),
        }
    }

    fn passed_over(&self) -> BTreeSet<DeviceId> {
        self.not.union(&self.silent).cloned().collect()
    }

    /// Which band is meant, those that did not answer last.
    fn choice(&mut self, nearby: &Nearby) -> Choice {
        match nearby.choice(&self.passed_over()) {
            Choice::Nothing if !self.silent.is_empty() => {
                self.silent.clear();
                nearby.choice(&self.not)
            }
            choice => choice,
        }
    }

    fn stage_if(&mut self, first_contact: bool, stage: Stage) {
        if first_contact {
            self.view.stage = stage;
        }
    }

    /// Tells everybody, if there is something new.
    fn publish(&mut self, now: Instant, station: &Station) {
        let shown = self.shown.as_ref().map(|shown| model::Enrollment {
            elapsed_ms: self.view.elapsed_ms,
            ..shown.clone()
        });
        if shown.as_ref() == Some(&self.view) {
            return;
        }
        self.view.elapsed_ms = now.since(self.began).as_millis() as u64;
        self.shown = Some(self.view.clone());
        if self.has_person() {
            station.publish(&self.view);
        }
        if self.is_sign_in() {
            station.show_sign_in(Some(SigningIn::of(&self.view)));
        }
    }
}

/// Whether this is about a link that was being ended when the present one was asked for.
fn is_of_before(event: &RadioEvent) -> bool {
    matches!(
        event,
        RadioEvent::Disconnected { .. }
            | RadioEvent::ConnectFailed {
                cause: LinkFault::Cancelled,
                ..
            }
    )
}

impl Target {
    /// Whether the band that introduces itself is another one than was asked for.
    fn refuses(&self, event: &SessionEvent) -> bool {
        match (event, &self.serial) {
            (SessionEvent::Established(established), Some(serial)) => {
                established.certificate.serial != *serial
            }
            _ => false,
        }
    }
}
