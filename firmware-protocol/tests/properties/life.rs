//! A band's life at random: stations of two organizations and both zones, wearers, faults and power cuts
//! in any order. After each step the rules that a band never breaks are checked.

use std::time::Duration;

use firmware_protocol::band::Wearer;
use firmware_protocol::id::{AssociationId, UserHandle, Zone};
use firmware_protocol::message::{
    Abort, Arm, BandToStation, Commit, DeleteUserData, Finish, Held, Mode, Recall, Report, StationToBand,
    Status, TouchFault,
};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::SessionEvent;
use proptest::prelude::*;

use crate::pair::{Pair, Setup, Trouble, World};

#[derive(Clone, Debug)]
enum Step {
    Connect {
        neighbor: bool,
        zone: Zone,
    },
    Disconnect,
    Request(StationToBand),
    /// The request that leads on from where the band stands.
    GoOn {
        user: u8,
        association: u8,
        mode: Mode,
    },
    Wearer(Wearer),
    /// All of an enrollment or registration, with a station of this zone.
    Session {
        user: u8,
        association: u8,
        zone: Zone,
    },
    /// The wearer does all that is asked.
    Willing,
    PowerCut,
    Trouble(Trouble),
    Sleep(u16),
}

fn zone() -> impl Strategy<Value = Zone> {
    prop_oneof![3 => Just(Zone::Enrollment), 1 => Just(Zone::Registration)]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![2 => Just(Mode::Capture), 1 => Just(Mode::Authenticate)]
}

fn association() -> impl Strategy<Value = AssociationId> {
    (1u8..5).prop_map(|number| AssociationId([number; 16]))
}

fn arm() -> impl Strategy<Value = Arm> {
    (association(), 1u8..4, zone(), 0u32..4, mode()).prop_map(|(association, user, zone, epoch, mode)| {
        let (user, label) = (UserHandle([user; 16]), "SOMEBODY".into());
        Arm {
            association,
            user,
            zone,
            epoch,
            mode,
            label,
        }
    })
}

fn request() -> impl Strategy<Value = StationToBand> {
    prop_oneof![
        arm().prop_map(StationToBand::Arm),
        (association(), 0u32..4)
            .prop_map(|(association, epoch)| StationToBand::Commit(Commit { association, epoch })),
        association().prop_map(|association| StationToBand::Abort(Abort { association })),
        zone().prop_map(|zone| StationToBand::Recall(Recall { zone })),
        prop::option::of(association()).prop_map(|association| StationToBand::Finish(Finish { association })),
        Just(StationToBand::DeleteUserData(DeleteUserData {})),
        Just(StationToBand::Status(Status {})),
    ]
}

fn wearer() -> impl Strategy<Value = Wearer> {
    prop_oneof![
        Just(Wearer::PutOn),
        Just(Wearer::TakeOff),
        any::<bool>().prop_map(Wearer::Charger),
        (0u8..=100).prop_map(Wearer::Battery),
        Just(Wearer::Press),
        Just(Wearer::Decline),
        Just(Wearer::Touch(Ok(70))),
        Just(Wearer::Touch(Err(TouchFault::NoMatch))),
        Just(Wearer::HoldToDelete),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::Fault),
        Just(Trouble::CutBefore),
        Just(Trouble::CutAfter)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let connect =
        (prop::bool::weighted(0.1), zone()).prop_map(|(neighbor, zone)| Step::Connect { neighbor, zone });
    let go_on = (1u8..3, 1u8..5, mode()).prop_map(|(user, association, mode)| Step::GoOn {
        user,
        association,
        mode,
    });
    let session = (1u8..3, 1u8..5, zone()).prop_map(|(user, association, zone)| Step::Session {
        user,
        association,
        zone,
    });
    prop_oneof![
        8 => session,
        4 => connect,
        1 => Just(Step::Disconnect),
        3 => request().prop_map(Step::Request),
        12 => go_on,
        2 => wearer().prop_map(Step::Wearer),
        8 => Just(Step::Willing),
        1 => Just(Step::PowerCut),
        1 => trouble().prop_map(Step::Trouble),
        1 => any::<u16>().prop_map(Step::Sleep),
    ]
}

struct Life {
    pair: Pair,
    established: bool,
    /// Of the station of the last session.
    zone: Zone,
    band_key: [u8; 32],
    last: Report,
    commits: usize,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut pair = Pair::new(Setup {
            seed,
            ..Setup::default()
        });
        pair.willing = false;
        let last = pair.band.report(pair.now);
        let band_key = pair.setup.band.signing_key.verifying_key().to_bytes();
        Self {
            pair,
            established: false,
            zone: Zone::Enrollment,
            band_key,
            last,
            commits: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Connect { neighbor, zone } => self.connect(*neighbor, *zone),
            Step::Disconnect => self.pair.disconnect(),
            Step::Request(request) => self.request(request),
            Step::GoOn {
                user,
                association,
                mode,
            } => self.go_on(*user, *association, *mode),
            Step::Wearer(action) => self.pair.wearer(*action),
            Step::Session {
                user,
                association,
                zone,
            } => self.session(*user, *association, *zone),
            Step::Willing => self.willing(),
            Step::PowerCut => self.pair.power_cut(),
            Step::Trouble(trouble) => self.pair.hardware.trouble_at(0, *trouble),
            Step::Sleep(ms) => self.pair.sleep(Duration::from_millis(u64::from(*ms) * 4)),
        }
        if self.pair.hardware.is_dead() {
            self.pair.power_cut();
        }
        self.hear();
    }

    fn connect(&mut self, neighbor: bool, zone: Zone) {
        let world = if neighbor {
            World::neighbor()
        } else {
            World::default()
        };
        self.pair.disconnect();
        self.zone = zone;
        self.pair.setup.station = world.station(1, zone);
        self.pair.connect();
        self.established = false;
        self.pair.sleep(Duration::from_millis(100));
    }

    fn request(&mut self, request: &StationToBand) {
        let now = self.pair.now;
        let Some(session) = self.pair.station.as_mut().filter(|_| self.established) else {
            return;
        };
        if session.request(now, request).is_ok() {
            self.pair.sleep(Duration::from_millis(100));
        }
    }

    fn go_on(&mut self, user: u8, association: u8, mode: Mode) {
        let report = self.pair.band.report(self.pair.now);
        let zone = self.zone;
        let request = match report.staged {
            Some(staged) if staged.zone == zone => StationToBand::Commit(Commit {
                association: staged.association,
                epoch: staged.epoch,
            }),
            _ => StationToBand::Arm(Arm {
                association: AssociationId([association; 16]),
                user: UserHandle([user; 16]),
                zone,
                epoch: report.epoch + 1,
                mode,
                label: "SOMEBODY".into(),
            }),
        };
        self.request(&request);
    }

    fn session(&mut self, user: u8, association: u8, zone: Zone) {
        self.connect(false, zone);
        self.hear();
        let enrolled = !self.pair.band.report(self.pair.now).associations.is_empty();
        let mode = if enrolled && zone == Zone::Registration {
            Mode::Authenticate
        } else {
            Mode::Capture
        };
        self.willing();
        self.go_on(user, association, mode);
        self.willing();
        self.hear();
        self.go_on(user, association, mode);
    }

    fn willing(&mut self) {
        self.pair.wearer(Wearer::PutOn);
        self.pair.wearer(Wearer::Battery(80));
        self.pair.wearer(Wearer::Press);
        (0..3).for_each(|_| self.pair.wearer(Wearer::Touch(Ok(70))));
        self.pair.sleep(Duration::from_millis(100));
    }

    fn hear(&mut self) {
        let session = &mut self.pair.station;
        while let Some(event) = session.as_mut().and_then(|session| session.poll_event()) {
            match event {
                SessionEvent::Established(_) => self.established = true,
                SessionEvent::Ended(_) => self.established = false,
                SessionEvent::Message(BandToStation::Committed(committed)) => {
                    Receipt::verify(&committed.receipt, &self.band_key).expect("a receipt");
                    self.commits += 1;
                }
                SessionEvent::Message(_) => {}
            }
        }
    }

    /// The rules a band never breaks, whatever happened.
    fn check(&mut self) {
        let report = self.pair.band.report(self.pair.now);
        assert!(report.epoch >= self.last.epoch, "the count of commits went back");
        assert!(report.epoch - self.last.epoch <= 1, "two commits in one step");
        let held = &report.associations;
        assert!(
            held.windows(2)
                .all(|two| two[0].zone != two[1].zone && two[0].user == two[1].user)
        );
        assert!(held.iter().all(|held| held.epoch <= report.epoch));
        assert_eq!(report.organization.is_some(), !held.is_empty());
        assert!(
            report
                .staged
                .iter()
                .all(|staged| staged.epoch == report.epoch + 1)
        );
        let holder = |held: &[Held]| held.first().map(|held| held.user);
        if let (Some(before), Some(after)) = (holder(&self.last.associations), holder(held)) {
            assert_eq!(before, after, "another holder without deletion by hand");
            assert_eq!(
                report.organization, self.last.organization,
                "another organization"
            );
        }
        self.check_memory(&report);
        self.last = report;
    }

    /// What the band says is what its memory holds.
    fn check_memory(&mut self, report: &Report) {
        let record = self.pair.hardware.stored.clone();
        let mut copy = Pair::new(Setup {
            record,
            ..self.pair.setup.clone()
        });
        copy.now = self.pair.now;
        let kept = copy.band.report(copy.now);
        let durable = |report: &Report| {
            let Report {
                epoch,
                organization,
                associations,
                staged,
                ..
            } = report.clone();
            (epoch, organization, associations, staged)
        };
        assert_eq!(durable(&kept), durable(report), "it says more than it keeps");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_band_keeps_its_rules_all_its_life(seed: u64, steps in prop::collection::vec(step(), 1..60)) {
        let mut life = Life::new(seed);
        for step in &steps {
            life.take(step);
            life.check();
        }
    }
}

/// The random lives do reach commits; a generator that never does would prove nothing.
#[test]
fn random_lives_get_somewhere() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut commits, mut registered) = (0, 0);
    for seed in 0..60 {
        let steps = prop::collection::vec(step(), 40..60)
            .new_tree(&mut runner)
            .expect("steps")
            .current();
        let mut life = Life::new(seed);
        for step in &steps {
            life.take(step);
            life.check();
            registered += usize::from(life.last.associations.len() == 2);
        }
        commits += life.commits;
    }
    assert!(
        commits > 50 && registered > 5,
        "{commits} commits, {registered} steps with both zones"
    );
}
