//! Operators who sign in by their own band: the real band in the real session, and everything that goes wrong.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use firmware_protocol::band::Wearer;
use firmware_protocol::handler::Screen as BandScreen;
use firmware_protocol::message::{Armed, BandToStation, Held, StationToBand, TouchFault};
use firmware_protocol::station::{SessionEvent, StationSession};
use firmware_protocol::time::Instant;
use policy::model::{Association, EndCause, Ending, StockState, Suspension, UnixMillis, UserStatus};
use proptest::collection::vec;
use proptest::prelude::*;
use station_core::convert;
use station_core::enrollment::{Append, Limits, Query, Screen, Start};
use station_core::journal::{FlowId, Intent, JournalRecord};
use station_core::replica::{Change, OperatorRow, Right};
use station_core::sign_in::{Event, Input, Outcome, SignIn};
use station_core::ticket::{AttemptRules, AttemptState, HolderFacts, SignedIn, VouchFault};

use crate::keys::{self, T0};
use crate::store::handle;
use crate::world::World;

const GOOD: Result<u8, TouchFault> = Ok(80);
const WRONG: Result<u8, TouchFault> = Err(TouchFault::NoMatch);

fn operator(id: &str, user: u8) -> OperatorRow {
    OperatorRow {
        id: id.into(),
        pin: "$argon2id$".into(),
        rights: [Right::Vouch].into(),
        user: Some(handle(user)),
    }
}

/// A station where `olga`, who is user 1 with band 1, wants to sign in; user 2 has band 2, and band 3 is nobody's.
struct Desk {
    world: World,
    operators: Vec<OperatorRow>,
    attempts: BTreeMap<String, AttemptState>,
    engine: SignIn,
    session: Option<StationSession>,
    wants_link: bool,
    inputs: VecDeque<Input>,
    /// What the wearer puts on the sensor; good fingers when there are no more.
    fingers: VecDeque<Result<u8, TouchFault>>,
    /// What the wearer does instead of touching.
    instead: Option<Wearer>,
    screens: Vec<Screen>,
    requests: Vec<StationToBand>,
    records: Vec<JournalRecord>,
    outcome: Option<Outcome>,
    ended: bool,
    entropy: u8,
    /// Good fingers on the sensor.
    good_touches: u32,
    moments: u32,
    /// What happens at which moments.
    at: Vec<(u32, Happening)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    LinkLost,
    PowerCut,
    Cancel,
    DiskFails,
}

impl Desk {
    fn new() -> Self {
        let mut world = World::new();
        world.enroll(1, 1);
        world.enroll(2, 2);
        world.bring(1);
        Self {
            engine: engine(world.now),
            world,
            operators: vec![operator("olga", 1)],
            attempts: BTreeMap::new(),
            session: None,
            wants_link: false,
            inputs: VecDeque::new(),
            fingers: VecDeque::new(),
            instead: None,
            screens: vec![],
            requests: vec![],
            records: vec![],
            outcome: None,
            ended: false,
            entropy: 0,
            good_touches: 0,
            moments: 0,
            at: vec![],
        }
    }

    fn association(&mut self) -> &mut Association {
        let rows = &mut self.world.store.associations;
        let band = convert::serial(&keys::serial(1));
        let mut rows = rows.iter_mut().map(|row| &mut row.association);
        rows.find(|row| row.band == band).expect("band 1 is somebody's")
    }

    fn stock(&mut self, stock: StockState) {
        self.world.store.bands[0].stock = stock;
    }

    fn facts(&mut self, query: &Query) -> HolderFacts {
        let known = self.world.store.look_up(query, self.world.time());
        let claimed = convert::association_id(query.held[0]);
        let rows = &self.world.store.associations;
        let row = rows.iter().find(|row| row.association.id == claimed);
        let of_user = |row: &&OperatorRow| row.user == query.user;
        let subject = format!("band:{}", query.serial.as_str());
        HolderFacts {
            known,
            operators: self.operators.iter().filter(of_user).cloned().collect(),
            proven: row.is_some_and(|row| row.credential_key.is_some()),
            attempts: self.attempts.get(&subject).copied().unwrap_or_default(),
            believed_ms: self.world.wall_ms,
        }
    }

    /// What the band holds for good.
    fn held(&self) -> (u32, Vec<Held>) {
        let report = self.world.bands[self.world.near].engine.report(self.world.now);
        (report.epoch, report.associations)
    }

    /// One whole attempt. The operator who signed in, or the name of the refusal.
    fn run(&mut self) -> Result<SignedIn, &'static str> {
        self.engine = engine(self.world.now);
        (self.outcome, self.ended, self.moments) = (None, false, 0);
        self.inputs.clear();
        self.world.band().hardware.screens.clear();
        let before = self.held();
        for _ in 0..20_000 {
            self.step();
            if self.ended && self.session.is_none() {
                assert_eq!(self.held(), before, "a sign-in makes nothing");
                let commits = self.requests.iter().filter(|it| it.number() == 2).count();
                assert_eq!(commits, 0, "a sign-in commits nothing");
                return match self.outcome.take().expect("something is said before the end") {
                    Outcome::SignedIn(signed) => Ok(*signed),
                    Outcome::Refused(refused) => Err(refused.code.code()),
                };
            }
        }
        panic!("the attempt does not end: {:?}", self.engine);
    }

    fn step(&mut self) {
        self.moments += 1;
        self.handle_deadlines();
        let due = self.at.iter().position(|(at, _)| *at == self.moments);
        if let Some(due) = due {
            let (_, what) = self.at.remove(due);
            return self.suffer(what);
        }
        let happened = self.drain() || self.feed() || self.connect() || self.exchange() || self.obey();
        if !happened {
            self.pass_time();
        }
    }

    fn suffer(&mut self, what: Happening) {
        match what {
            Happening::LinkLost => self.drop_link(),
            Happening::PowerCut => {
                self.drop_link();
                let now = self.world.now;
                self.world.band().reboot(now);
            }
            Happening::Cancel => self.engine.handle_input(self.world.now, Input::Cancel),
            Happening::DiskFails => self.world.disk_fails_once = true,
        }
    }

    fn drain(&mut self) -> bool {
        let now = self.world.now;
        if let Some(request) = self.engine.poll_transmit() {
            self.requests.push(request.clone());
            if let Some(session) = &mut self.session {
                session.request(now, &request).expect("one request at a time");
            }
            return true;
        }
        let Some(event) = self.engine.poll_event() else {
            return false;
        };
        assert!(!self.ended, "nothing follows the end");
        match event {
            Event::NeedFacts(query) => {
                let facts = self.facts(&query);
                self.inputs.push_back(Input::Facts(query.number, Box::new(facts)));
            }
            Event::Append(append) => self.append(append),
            Event::Screen(screen) => self.screens.push(screen),
            Event::Connect => self.wants_link = true,
            Event::Hangup => self.drop_link(),
            Event::Said(outcome) => assert!(self.outcome.replace(outcome).is_none(), "it is said once"),
            Event::Ended => self.ended = true,
        }
        true
    }

    fn append(&mut self, append: Append) {
        let number = append.number;
        if std::mem::take(&mut self.world.disk_fails_once) {
            return self.inputs.push_back(Input::AppendFailed(number));
        }
        self.records.extend(append.records);
        for change in append.changes {
            let Change::SetAttempts { subject, state } = change else {
                panic!("{change:?}")
            };
            self.attempts.insert(subject.to_string(), state);
        }
        self.inputs.push_back(Input::Appended(number));
    }

    fn feed(&mut self) -> bool {
        if let Some(event) = self.session.as_mut().and_then(StationSession::poll_event) {
            if matches!(event, SessionEvent::Ended(_)) {
                self.drop_link();
            }
            self.inputs.push_back(Input::Session(event));
        }
        let Some(input) = self.inputs.pop_front() else {
            return false;
        };
        self.engine.handle_input(self.world.now, input);
        true
    }

    fn connect(&mut self) -> bool {
        if !std::mem::take(&mut self.wants_link) || self.session.is_some() {
            return false;
        }
        self.entropy += 1;
        let makes = vec![keys::manufacturer_key().verifying_key().to_bytes()];
        let (now, unix_now) = (self.world.now, self.world.time().latest());
        let entropy = std::array::from_fn(|i| self.entropy ^ (i as u8));
        let station = &self.world.station;
        self.session = Some(StationSession::new(station, makes, 185, &entropy, now, unix_now));
        self.world.band().engine.handle_connected(now, 185);
        true
    }

    fn exchange(&mut self) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let now = self.world.now;
        let band = &mut self.world.bands[self.world.near];
        if let Some(frame) = session.poll_transmit() {
            band.engine.handle_input(now, &frame, &mut band.hardware);
        } else if let Some(frame) = band.engine.poll_transmit() {
            session.handle_input(now, &frame);
        } else if band.engine.poll_end() {
            self.drop_link();
        } else {
            return false;
        }
        true
    }

    /// The wearer does what the band asks.
    fn obey(&mut self) -> bool {
        let now = self.world.now;
        let Some(screen) = self.world.band().hardware.screens.pop_front() else {
            return false;
        };
        let asked = matches!(screen, BandScreen::Touch { .. } | BandScreen::TouchAgain(_));
        let finger = |fingers: &mut VecDeque<_>| Wearer::Touch(fingers.pop_front().unwrap_or(GOOD));
        if asked {
            let action = self.instead.take();
            let action = action.unwrap_or_else(|| finger(&mut self.fingers));
            self.good_touches += u32::from(action == Wearer::Touch(GOOD));
            self.world.band().wearer(now, action);
        }
        true
    }

    fn drop_link(&mut self) {
        let Some(mut session) = self.session.take() else {
            return;
        };
        let band = &mut self.world.bands[self.world.near];
        band.engine.handle_disconnected(&mut band.hardware);
        session.handle_disconnected();
        while let Some(event) = session.poll_event() {
            self.inputs.push_back(Input::Session(event));
        }
    }

    fn pass_time(&mut self) {
        let deadlines = [
            self.engine.poll_timeout(),
            self.session.as_ref().and_then(StationSession::poll_timeout),
            self.world.band().engine.poll_timeout(),
        ];
        if let Some(next) = deadlines.into_iter().flatten().min() {
            let next = next.max(self.world.now + Duration::from_micros(1));
            self.world.wall_ms += next.since(self.world.now).as_millis() as u64;
            self.world.now = next;
            // Somebody who waits so long puts the band on.
            self.world.band().wearer(next, Wearer::PutOn);
        }
    }

    fn handle_deadlines(&mut self) {
        let now = self.world.now;
        let band = &mut self.world.bands[self.world.near];
        band.engine.handle_timeout(now, &mut band.hardware);
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
        }
        self.engine.handle_timeout(now);
    }

    fn wearer(&mut self, action: Wearer) {
        let now = self.world.now;
        self.world.band().wearer(now, action);
    }

    fn misses(&self) -> u32 {
        self.attempts
            .get("band:BAND-001")
            .map_or(0, |state| state.failures)
    }
}

fn engine(now: Instant) -> SignIn {
    let start = Start {
        flow: FlowId([9; 16]),
        organization: keys::organization(),
        zone: firmware_protocol::id::Zone::Enrollment,
        limits: Limits::default(),
    };
    SignIn::new(start, now)
}

#[track_caller]
fn check(prepare: impl FnOnce(&mut Desk), expected: &str) {
    let mut desk = Desk::new();
    prepare(&mut desk);
    let said = desk.run();
    assert_eq!(
        said.as_ref()
            .map_or_else(|code| *code, |signed| signed.operator()),
        expected
    );
    let refused =
        |record: &JournalRecord| matches!(record, JournalRecord::Refused(it) if it.code == expected);
    let recorded = desk.records.iter().filter(|record| refused(record)).count();
    assert_eq!(recorded, usize::from(said.is_err()), "{:?}", desk.records);
    let asked = desk.screens.iter().any(|it| matches!(it, Screen::Touch { .. }));
    assert!(said.is_err() || asked, "nobody signs in without a finger");
}

#[test]
fn whose_band_it_is_decides() {
    check(|_| {}, "olga");
    check(|desk| desk.world.bring(2), "band_not_of_operator");
    check(|desk| desk.world.bring(3), "band_not_of_operator");
    check(|desk| desk.operators[0].user = None, "band_not_of_operator");
    check(|desk| desk.operators.clear(), "band_not_of_operator");
    check(|desk| desk.operators.push(operator("otto", 2)), "olga");
    check(
        |desk| desk.operators.push(operator("otto", 1)),
        "operator_ambiguous",
    );
    check(
        |desk| desk.world.store.associations.clear(),
        "band_not_of_operator",
    );
}

#[test]
fn a_band_that_does_not_count_signs_nobody_in() {
    let at = UnixMillis(T0 as i64 - 1000);
    let suspension = || {
        Some(Suspension {
            since: at,
            note: String::new(),
        })
    };
    let ending = Ending {
        cause: EndCause::Disconnected,
        at,
    };
    check(|desk| desk.stock(StockState::Lost), "band_reported_lost");
    check(|desk| desk.stock(StockState::Damaged), "band_withdrawn");
    check(|desk| desk.stock(StockState::Retired), "band_withdrawn");
    check(|desk| desk.stock(StockState::Unknown), "band_not_in_stock");
    check(
        |desk| desk.association().ended = Some(ending),
        "association_not_active",
    );
    check(|desk| desk.association().active = false, "association_not_active");
    check(
        |desk| desk.association().expires_at = Some(at),
        "association_not_active",
    );
    check(
        |desk| desk.association().suspension = suspension(),
        "user_suspended",
    );
    check(
        |desk| desk.world.store.users[0].user.suspension = suspension(),
        "user_suspended",
    );
    check(
        |desk| desk.world.store.users[0].user.status = UserStatus::Departed,
        "user_not_active",
    );
    check(
        |desk| desk.world.store.associations[0].credential_key = None,
        "association_unproven",
    );
    check(
        |desk| desk.world.store.made_at_ms -= 8 * 86_400_000,
        "replica_too_old",
    );
    check(quarantine, "band_quarantined");
    check(open_intent, "band_unsettled");
    // Of somebody else's band nothing is said but that.
    check(
        |desk| {
            desk.world.bring(2);
            desk.world.store.bands[1].stock = StockState::Lost;
        },
        "band_not_of_operator",
    );
}

fn quarantine(desk: &mut Desk) {
    let association = convert::association_id_on_air(desk.association().id);
    desk.world.store.quarantined.insert(keys::serial(1), association);
}

fn open_intent(desk: &mut Desk) {
    let intent = Intent {
        flow: FlowId([1; 16]),
        association: firmware_protocol::id::AssociationId([77; 16]),
        user: handle(1),
        serial: keys::serial(1),
        zone: firmware_protocol::id::Zone::Enrollment,
        epoch: 2,
        mode: firmware_protocol::message::Mode::Capture,
        credential_key: [3; 32],
        time_ms: T0,
        ticket: None,
    };
    desk.world.store.intents.insert(intent.association, intent);
}

#[test]
fn the_wearer_decides_the_rest() {
    use TouchFault::{NoLiveness, Wet};
    check(|desk| desk.fingers.extend([WRONG, WRONG]), "olga");
    check(
        |desk| desk.fingers.extend([WRONG, WRONG, WRONG]),
        "finger_not_recognized",
    );
    check(
        |desk| {
            desk.fingers
                .extend([Err(Wet), Err(NoLiveness), Err(Wet), Err(Wet), GOOD])
        },
        "olga",
    );
    check(|desk| desk.instead = Some(Wearer::Decline), "wearer_declined");
    check(|desk| desk.instead = Some(Wearer::TakeOff), "not_worn");
    check(|desk| desk.instead = Some(Wearer::Press), "wearer_timed_out");
    check(|desk| desk.wearer(Wearer::TakeOff), "olga");
    check(|desk| desk.wearer(Wearer::Battery(9)), "battery_low");
    check(|desk| desk.wearer(Wearer::HoldToDelete), "band_not_of_operator");
    check(|desk| desk.at.push((1, Happening::Cancel)), "cancelled");
}

#[test]
fn fingers_that_are_not_recognized_are_counted_and_wait() {
    let mut desk = Desk::new();
    let wrong = |desk: &mut Desk| {
        desk.fingers.extend([WRONG, WRONG, WRONG]);
        desk.run().unwrap_err()
    };
    for failures in 1..=AttemptRules::BAND.free {
        assert_eq!(wrong(&mut desk), "finger_not_recognized");
        assert_eq!(desk.misses(), failures);
    }
    desk.fingers.clear();
    desk.requests.clear();
    assert_eq!(desk.run().unwrap_err(), "too_many_attempts");
    let armed = desk.requests.iter().any(|it| matches!(it, StationToBand::Arm(_)));
    assert!(!armed, "not even the right finger counts now");
    desk.world.wall_ms += 61_000;
    assert_eq!(desk.run().unwrap().operator(), "olga");
    assert_eq!(desk.misses(), 0, "the right finger ends the count");
}

#[test]
fn whoever_breaks_off_after_a_wrong_finger_is_counted_too() {
    for what in [Happening::LinkLost, Happening::PowerCut, Happening::Cancel] {
        let mut desk = Desk::new();
        desk.fingers.push_back(WRONG);
        // Long before the band gives up the wearer.
        desk.fingers.extend([Err(TouchFault::Wet); 3]);
        let seen = |desk: &Desk| {
            desk.screens
                .iter()
                .any(|it| matches!(it, Screen::TouchAgain { .. }))
        };
        while !seen(&desk) {
            desk.step();
        }
        desk.suffer(what);
        while !desk.ended {
            desk.step();
        }
        assert!(matches!(desk.outcome, Some(Outcome::Refused(_))), "{what:?}");
        assert_eq!(desk.misses(), 1, "{what:?}");
    }
}

#[test]
fn what_becomes_known_during_the_touch_counts() {
    let mut desk = Desk::new();
    while !desk.screens.iter().any(|it| matches!(it, Screen::Touch { .. })) {
        desk.step();
    }
    desk.stock(StockState::Lost);
    while !desk.ended {
        desk.step();
    }
    assert_eq!(desk.good_touches, 1, "the finger was right");
    let Some(Outcome::Refused(refused)) = &desk.outcome else {
        panic!("{:?}", desk.outcome)
    };
    assert_eq!(refused.code.code(), "band_reported_lost");
    assert_eq!(desk.misses(), 0);
}

/// Whatever happens at whatever moment: somebody signs in or is told why not, the band is as it was, and the next
/// try works.
#[test]
fn nothing_is_left_by_what_happens_in_between() {
    use Happening::{Cancel, DiskFails, LinkLost, PowerCut};
    for what in [LinkLost, PowerCut, Cancel, DiskFails] {
        let (mut moment, mut refused) = (0, 0);
        loop {
            moment += 1;
            let mut desk = Desk::new();
            desk.fingers.push_back(Err(TouchFault::Wet));
            desk.at.push((moment, what));
            match desk.run() {
                Ok(signed) => assert_eq!(signed.operator(), "olga"),
                Err(code) => {
                    let expected = ["link_lost", "cancelled", "station_storage_fault"];
                    assert!(expected.contains(&code), "{what:?} at {moment}: {code}");
                    refused += 1;
                }
            }
            assert_eq!(desk.misses(), 0, "a wet finger is nobody's");
            if !desk.at.is_empty() {
                break;
            }
            assert_eq!(desk.run().unwrap().operator(), "olga", "{what:?} at {moment}");
            let report = desk.world.bands[0].engine.report(desk.world.now);
            assert_eq!(report.staged, None, "{what:?} at {moment}");
        }
        assert!(moment > 20, "{what:?} hit {moment} moments");
        assert!(refused > 5 || what == DiskFails, "{what:?} refused {refused}");
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Cancel, DiskFails, LinkLost, PowerCut};
    prop_oneof![Just(LinkLost), Just(PowerCut), Just(Cancel), Just(DiskFails)]
}

fn finger() -> impl Strategy<Value = Result<u8, TouchFault>> {
    prop_oneof![Just(GOOD), Just(WRONG), Just(Err(TouchFault::Wet))]
}

proptest! {
    #![proptest_config(crate::cases(48))]

    /// Several things happen in several attempts: each is said how it ended, nobody signs in without a finger that was
    /// recognized, and the band stays as it is.
    #[test]
    fn whatever_happens_a_finger_is_what_signs_in(
        attempts in vec((vec((1_u32..90, happening()), 0..4), vec(finger(), 0..5)), 1..5),
    ) {
        let mut desk = Desk::new();
        for (at, fingers) in attempts {
            (desk.at, desk.fingers) = (at, fingers.into());
            desk.good_touches = 0;
            match desk.run() {
                Ok(signed) => {
                    prop_assert_eq!(signed.operator(), "olga");
                    prop_assert!(desk.good_touches > 0);
                }
                Err(code) => prop_assert!(!code.is_empty()),
            }
        }
        desk.at.clear();
        desk.fingers.clear();
        desk.world.disk_fails_once = false;
        // Longer than the waits of station and band.
        desk.world.wall_ms += 600_000;
        desk.world.now = desk.world.now + Duration::from_secs(600);
        prop_assert_eq!(desk.run().unwrap().operator().to_owned(), "olga");
    }
}

#[test]
fn a_band_that_stages_without_a_finger_is_not_believed() {
    let mut desk = Desk::new();
    desk.engine = engine(desk.world.now);
    let mut report = crate::script::report();
    report.organization = Some(keys::organization());
    report.associations = desk.held().1;
    let input = |desk: &mut Desk, event| {
        desk.engine.handle_input(desk.world.now, Input::Session(event));
        while desk.drain() {
            while let Some(input) = desk.inputs.pop_front() {
                desk.engine.handle_input(desk.world.now, input);
            }
        }
    };
    input(&mut desk, crate::script::established(1, report));
    let Some(StationToBand::Arm(arm)) = desk.requests.last().cloned() else {
        panic!("{:?}", desk.requests)
    };
    let armed = Armed {
        touches: 1,
        confirmed: true,
    };
    input(&mut desk, SessionEvent::Message(BandToStation::Armed(armed)));
    let staged = BandToStation::Staged(crate::script::staged(&arm));
    input(&mut desk, SessionEvent::Message(staged));
    assert!(matches!(desk.requests.last(), Some(StationToBand::Abort(_))));
    let aborted = BandToStation::Aborted(firmware_protocol::message::Aborted {});
    input(&mut desk, SessionEvent::Message(aborted));
    let Some(Outcome::Refused(refused)) = desk.outcome else {
        panic!("{:?}", desk.outcome)
    };
    assert_eq!(refused.code.code(), "band_refused");
}

/// What somebody may do who signed in, after the rows have changed.
#[track_caller]
fn check_later(change: impl FnOnce(&mut Desk), expected: Result<(), VouchFault>) {
    let mut desk = Desk::new();
    let signed = desk.run().unwrap();
    assert!(signed.has(Right::Vouch) && signed.band().is_some());
    change(&mut desk);
    let row = desk.operators.iter().find(|row| row.id == "olga").cloned();
    let facts = desk.facts(&signed.band().unwrap().query(0));
    let witness = signed.witness(row.as_ref(), Some(&facts), Right::Vouch);
    assert_eq!(witness.map(drop), expected);
    assert_eq!(
        signed.witness(row.as_ref(), None, Right::Vouch).map(drop),
        Err(VouchFault::NotAllowed),
        "nothing is done on no knowledge"
    );
}

#[test]
fn whatever_is_done_later_is_asked_again() {
    let refused = Err(VouchFault::NotAllowed);
    check_later(|_| {}, Ok(()));
    check_later(|desk| desk.stock(StockState::Lost), refused);
    check_later(|desk| desk.association().active = false, refused);
    check_later(|desk| desk.operators.clear(), refused);
    check_later(|desk| desk.operators[0].rights.clear(), refused);
    check_later(|desk| desk.operators[0].user = Some(handle(2)), refused);
    check_later(|desk| desk.operators[0].pin = "$argon2id$other".into(), refused);
    check_later(|desk| desk.operators.push(operator("otto", 1)), refused);
    check_later(
        |desk| desk.world.store.users[0].user.status = UserStatus::Departed,
        refused,
    );
}
