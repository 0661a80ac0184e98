//! Both ends of a session, each against a peer that says anything at any time.
//!
//! Everything random is fixed, so that a recorded session replays to its end and changes of it reach every
//! state. Whoever changes a recorded session holds no key: nothing may come of it that was not recorded.

use ed25519_dalek::SigningKey;
use firmware_protocol::band::{BandEngine, BandIdentity, BandSettings, Wearer};
use firmware_protocol::certificate::{BandCertificate, Signed, StationCertificate};
use firmware_protocol::dh_public;
use firmware_protocol::handler::{BandHandler, Screen, StorageFault};
use firmware_protocol::id::{AssociationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::*;
use firmware_protocol::station::{ENTROPY_LEN, SessionEnd, SessionEvent, StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};

use super::Input;
use super::script::{self, Step, steps};

const MTU: u16 = 185;
const UNIX_NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const ASSOCIATION: AssociationId = AssociationId([0xa5; 16]);
const TOUCHES: u8 = 2;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn serial() -> Serial {
    Serial::new("FUZZ-1").expect("a serial")
}

fn band_identity() -> BandIdentity {
    let certificate = BandCertificate {
        serial: serial(),
        model: "Fuzz".into(),
        dh_key: dh_public(&[11; 32]),
        signing_key: key(12).verifying_key().to_bytes(),
        seos: false,
    };
    BandIdentity {
        certificate: certificate.sign(&key(13)),
        dh_secret: [11; 32].into(),
        signing_key: key(12),
        serial: serial(),
        model: "Fuzz".into(),
        seos: false,
    }
}

fn station_certificate() -> Signed {
    let certificate = StationCertificate {
        organization_key: key(21).verifying_key().to_bytes(),
        station: StationId([22; 16]),
        dh_key: dh_public(&[23; 32]),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(0),
        not_after: UnixSeconds(u64::MAX),
    };
    certificate.sign(&key(21))
}

/// Memory that works, and randomness that starts anew with each link.
#[derive(Default)]
struct Hardware {
    record: Vec<u8>,
    drawn: u8,
}

impl BandHandler for Hardware {
    fn store(&mut self, record: &[u8]) -> Result<(), StorageFault> {
        self.record = record.to_vec();
        Ok(())
    }

    fn random(&mut self, out: &mut [u8]) {
        self.drawn = self.drawn.wrapping_add(1);
        out.fill(self.drawn);
    }

    fn show(&mut self, _: Screen) {}

    fn sense(&mut self, _: Option<u8>) {}

    fn erase_templates(&mut self) {}
}

/// A worn, charged band with its hardware and its clock.
struct Band {
    engine: BandEngine,
    hardware: Hardware,
    now: Instant,
}

const WEARER: [Wearer; 8] = [
    Wearer::Press,
    Wearer::Touch(Ok(90)),
    Wearer::Touch(Err(TouchFault::Wet)),
    Wearer::Decline,
    Wearer::TakeOff,
    Wearer::PutOn,
    Wearer::HoldToDelete,
    Wearer::Battery(2),
];
const PRESS: u8 = 0;
const TOUCH: u8 = 1;

impl Band {
    fn new() -> Self {
        let (mut hardware, now) = (Hardware::default(), Instant::ZERO);
        let settings = BandSettings {
            touches: TOUCHES,
            ..BandSettings::default()
        };
        let engine =
            BandEngine::new(band_identity(), settings, &[], now, &mut hardware).expect("an empty record");
        let mut band = Self {
            engine,
            hardware,
            now,
        };
        band.engine.handle_wearer(now, Wearer::PutOn, &mut band.hardware);
        band.engine
            .handle_wearer(now, Wearer::Battery(90), &mut band.hardware);
        band.connect();
        band
    }

    fn connect(&mut self) {
        self.hardware.drawn = 0;
        self.engine.handle_connected(self.now, MTU);
    }

    fn take(&mut self, step: &Step<'_>) {
        match step {
            Step::Frame(frame) => self.engine.handle_input(self.now, frame, &mut self.hardware),
            Step::Wait(pause) => {
                self.now = self.now + *pause;
                self.engine.handle_timeout(self.now, &mut self.hardware);
            }
            Step::Wearer(n) => {
                let action = WEARER[usize::from(*n) % WEARER.len()];
                self.engine.handle_wearer(self.now, action, &mut self.hardware);
            }
            Step::Request(_) => {}
            Step::Reconnect => {
                self.engine.handle_disconnected(&mut self.hardware);
                self.connect();
            }
        }
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let frames: Vec<_> = std::iter::from_fn(|| self.engine.poll_transmit())
            .take(200)
            .collect();
        assert!(frames.len() < 200, "frames without end");
        frames
    }
}

/// Whatever is written to a band: its epoch does not go back, it holds nothing that was not armed by the
/// station whose session was recorded, and what it keeps can be read again.
pub(super) fn band(bytes: &[u8]) {
    let mut band = Band::new();
    let mut epoch = 0;
    for step in steps(bytes) {
        band.take(&step);
        band.drain();
        if band.engine.poll_end() {
            band.engine.handle_disconnected(&mut band.hardware);
            band.connect();
        }
        let report = band.engine.report(band.now);
        assert!(report.epoch >= epoch, "the epoch went back");
        assert!(
            report
                .associations
                .iter()
                .all(|held| held.association == ASSOCIATION),
            "an association nobody armed"
        );
        epoch = report.epoch;
    }
    let record = std::mem::take(&mut band.hardware.record);
    let again = BandEngine::new(
        band_identity(),
        BandSettings::default(),
        &record,
        band.now,
        &mut band.hardware,
    );
    assert!(
        again.is_ok_and(|again| again.report(band.now).epoch == epoch),
        "a restart forgets"
    );
}

fn requests() -> [StationToBand; 6] {
    let arm = Arm {
        association: ASSOCIATION,
        user: UserHandle([31; 16]),
        zone: Zone::Enrollment,
        epoch: 1,
        mode: Mode::Capture,
        label: "KIM".into(),
    };
    [
        StationToBand::Arm(arm),
        StationToBand::Commit(Commit {
            association: ASSOCIATION,
            epoch: 1,
        }),
        StationToBand::Finish(Finish {
            association: Some(ASSOCIATION),
        }),
        StationToBand::Recall(Recall {
            zone: Zone::Enrollment,
        }),
        StationToBand::Abort(Abort {
            association: ASSOCIATION,
        }),
        StationToBand::Status(Status {}),
    ]
}

fn station_session(now: Instant) -> StationSession {
    let identity = StationIdentity {
        certificate: station_certificate(),
        dh_secret: [23; 32].into(),
    };
    let makes = vec![key(13).verifying_key().to_bytes()];
    StationSession::new(&identity, makes, MTU, &[24; ENTROPY_LEN], now, UNIX_NOW)
}

/// Whatever a band says: only the band with the certified keys establishes a session, answers belong to
/// requests, and nothing follows the end.
pub(super) fn station(bytes: &[u8]) {
    let mut now = Instant::ZERO;
    let mut session = station_session(now);
    let mut seen = Seen::default();
    for step in steps(bytes) {
        match step {
            Step::Frame(frame) => session.handle_input(now, frame),
            Step::Wait(pause) => {
                now = now + pause;
                session.handle_timeout(now);
            }
            Step::Request(n) => {
                let requests = requests();
                let asked = session.request(now, &requests[usize::from(n) % requests.len()]);
                assert!(
                    asked.is_err() || (seen.established && !seen.ended),
                    "asked without a session"
                );
            }
            Step::Reconnect => session.handle_disconnected(),
            Step::Wearer(_) => {}
        }
        std::iter::from_fn(|| session.poll_event()).for_each(|event| seen.see(&event));
        assert!(
            std::iter::from_fn(|| session.poll_transmit()).take(200).count() < 200,
            "frames without end"
        );
    }
}

#[derive(Default)]
struct Seen {
    established: bool,
    ended: bool,
}

impl Seen {
    fn see(&mut self, event: &SessionEvent) {
        assert!(!self.ended, "{event:?} after the end");
        match event {
            SessionEvent::Established(established) => {
                assert!(
                    !self.established && established.certificate.serial == serial(),
                    "{established:?}"
                );
                self.established = true;
            }
            SessionEvent::Message(_) => assert!(self.established, "{event:?} before the handshake"),
            SessionEvent::Ended(_) => self.ended = true,
        }
    }
}

/// One whole enrollment, as each end saw it.
struct Recording {
    at_band: Vec<u8>,
    at_station: Vec<u8>,
}

fn record() -> Recording {
    let (mut band, mut session) = (Band::new(), station_session(Instant::ZERO));
    let mut recording = Recording {
        at_band: Vec::new(),
        at_station: Vec::new(),
    };
    let mut end = None;
    for _ in 0..100 {
        for value in std::iter::from_fn(|| session.poll_transmit()) {
            recording.at_band.extend(script::frame(&value));
            band.take(&Step::Frame(&value));
        }
        for value in band.drain() {
            recording.at_station.extend(script::frame(&value));
            session.handle_input(band.now, &value);
        }
        while let Some(event) = session.poll_event() {
            if let SessionEvent::Ended(how) = event {
                end = Some(how);
            }
            react(&event, &mut band, &mut session, &mut recording);
        }
    }
    assert_eq!(
        end,
        Some(SessionEnd::Finished),
        "the recorded enrollment succeeds"
    );
    recording
}

/// What station and wearer do next.
fn react(event: &SessionEvent, band: &mut Band, session: &mut StationSession, recording: &mut Recording) {
    let mut ask = |number: u8| {
        recording.at_station.extend(script::request(number));
        session
            .request(band.now, &requests()[usize::from(number)])
            .expect("it is the station's turn");
    };
    let action = match event {
        SessionEvent::Established(_) => return ask(0),
        SessionEvent::Message(BandToStation::Staged(_)) => return ask(1),
        SessionEvent::Message(BandToStation::Committed(_)) => return ask(2),
        SessionEvent::Message(BandToStation::Armed(_)) => PRESS,
        SessionEvent::Message(BandToStation::WearerConfirmed(_)) => TOUCH,
        SessionEvent::Message(BandToStation::Touched(touched)) if touched.count < touched.of => TOUCH,
        _ => return,
    };
    recording.at_band.extend(script::wearer(action));
    band.take(&Step::Wearer(action));
}

pub(super) fn at_band() -> Vec<Input> {
    let whole = record().at_band;
    let in_pieces = [&whole[..], &[4], &whole].concat();
    vec![Input::new("enrollment", whole), Input::new("twice", in_pieces)]
}

pub(super) fn at_station() -> Vec<Input> {
    vec![Input::new("enrollment", record().at_station)]
}
