//! An attempt whose band is a script: it can say what no honest band would.

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{BandCertificate, Signed};
use firmware_protocol::id::{ScreenCode, Zone};
use firmware_protocol::message::*;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{Established, SessionEvent};
use firmware_protocol::time::{Instant, UnixSeconds};
use station_core::clock::TrustedTime;
use station_core::enrollment::*;
use station_core::journal::FlowId;

use crate::keys::{self, T0};
use crate::store::{Store, handle};
use crate::world::World;

pub(crate) const USER: u8 = 1;

pub(crate) fn band_key() -> SigningKey {
    SigningKey::from_bytes(&[201; 32])
}

pub(crate) fn report() -> Report {
    Report {
        worn: true,
        charging: false,
        battery_percent: 80,
        lockout_seconds: 0,
        firmware: "1".into(),
        touches: 1,
        epoch: 3,
        organization: None,
        associations: vec![],
        staged: None,
    }
}

pub(crate) fn established(number: u8, report: Report) -> SessionEvent {
    let certificate = BandCertificate {
        serial: keys::serial(number),
        model: "SIM".into(),
        dh_key: [0; 32],
        signing_key: band_key().verifying_key().to_bytes(),
        seos: false,
    };
    SessionEvent::Established(Box::new(Established {
        signed_certificate: certificate.sign(&band_key()),
        certificate,
        report,
        code: code(),
    }))
}

/// Any code; only a session makes one, so one is made.
fn code() -> ScreenCode {
    static CODE: std::sync::OnceLock<ScreenCode> = std::sync::OnceLock::new();
    *CODE.get_or_init(code_of_a_session)
}

fn code_of_a_session() -> ScreenCode {
    let mut world = World::new();
    world.begin(USER);
    world.run_until(|screen| matches!(screen, Screen::CompareCode(_)));
    let shown = world.screens.iter().find_map(|screen| match screen {
        Screen::CompareCode(code) => Some(*code),
        _ => None,
    });
    shown.expect("a code is shown")
}

/// An attempt whose band is a script.
pub(crate) struct Scripted {
    pub(crate) flow: Enrollment,
    pub(crate) store: Store,
    pub(crate) screens: Vec<Screen>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) requests: Vec<StationToBand>,
    /// How often the shell was asked to connect.
    pub(crate) connects: u32,
    pub(crate) now: Instant,
    /// The shell answers by itself.
    pub(crate) serving: bool,
    pub(crate) unanswered: Vec<Input>,
}

impl Scripted {
    pub(crate) fn new() -> Self {
        let person = World::new().identify(handle(USER));
        let start = Start {
            flow: FlowId([1; 16]),
            organization: keys::organization(),
            zone: Zone::Enrollment,
            limits: Limits::default(),
        };
        let store = Store::new();
        let row = store.users.iter().find(|row| row.handle == person.user());
        Self {
            flow: Enrollment::new(start, person, row, Instant::ZERO),
            store,
            screens: vec![],
            outcome: None,
            requests: vec![],
            connects: 0,
            now: Instant::ZERO,
            serving: true,
            unanswered: vec![],
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.flow.handle_input(self.now, input);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        loop {
            while let Some(request) = self.flow.poll_transmit() {
                self.requests.push(request);
            }
            let Some(event) = self.flow.poll_event() else {
                return;
            };
            let answer = match event {
                Event::NeedFacts(query) => {
                    let known = self.store.look_up(&query, TrustedTime::certain(T0));
                    Some(Input::Facts(query.number, Box::new(known)))
                }
                Event::Append(append) => {
                    self.store.append(&append, T0).expect("nothing is spent twice");
                    Some(Input::Appended(append.number))
                }
                Event::Screen(screen) => {
                    self.screens.push(screen);
                    None
                }
                Event::Ended(outcome) => {
                    assert!(self.outcome.is_none(), "it ends once");
                    self.outcome = Some(outcome);
                    None
                }
                Event::Connect => {
                    self.connects += 1;
                    None
                }
                Event::Hangup => None,
            };
            match answer {
                Some(answer) if self.serving => self.flow.handle_input(self.now, answer),
                Some(answer) => self.unanswered.push(answer),
                None => {}
            }
        }
    }

    pub(crate) fn band(&mut self, message: BandToStation) {
        self.input(Input::Session(SessionEvent::Message(message)));
    }

    /// To where the band has been armed and confirmed.
    pub(crate) fn armed(mut self) -> (Self, Arm) {
        self.input(Input::Session(established(1, report())));
        let Some(StationToBand::Arm(arm)) = self.requests.last().cloned() else {
            panic!("{:?}", self.requests)
        };
        self.band(BandToStation::Armed(Armed {
            touches: 1,
            confirmed: false,
        }));
        self.band(BandToStation::WearerConfirmed(WearerConfirmed {}));
        self.input(Input::Person(Person::CodeConfirmed));
        (self, arm)
    }

    /// To where the commit is under way.
    pub(crate) fn committing(self) -> (Self, Receipt) {
        let (mut flow, arm) = self.armed();
        flow.band(BandToStation::Staged(staged(&arm)));
        assert!(
            matches!(flow.requests.last(), Some(StationToBand::Commit(_))),
            "{:?}",
            flow.requests
        );
        let receipt = Receipt {
            serial: keys::serial(1),
            organization: keys::organization(),
            user: arm.user,
            zone: arm.zone,
            association: arm.association,
            epoch: arm.epoch,
            credential_key: [5; 32],
            station: firmware_protocol::id::StationId([1; 16]),
            time: UnixSeconds(T0 / 1000),
            mode: arm.mode,
        };
        (flow, receipt)
    }

    pub(crate) fn time_out(&mut self) {
        if let Some(deadline) = self.flow.poll_timeout() {
            self.now = self.now.max(deadline);
            self.flow.handle_timeout(self.now);
            self.drain();
        }
    }

    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.screens.iter().find_map(|screen| match screen {
            Screen::Refused(refusal) => Some(refusal.code().code()),
            _ => None,
        })
    }
}

pub(crate) fn staged(arm: &Arm) -> Staged {
    Staged {
        organization: keys::organization(),
        association: arm.association,
        user: arm.user,
        zone: arm.zone,
        epoch: arm.epoch,
        credential_key: [5; 32],
    }
}

pub(crate) fn signed(receipt: &Receipt, key: &SigningKey) -> Signed {
    let body = minicbor::to_vec(receipt).expect("memory takes everything");
    Signed::sign(body, Receipt::CONTEXT, key)
}
