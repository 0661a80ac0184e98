//! A band in memory whose wearer always helps.

use std::collections::VecDeque;

use ed25519_dalek::SigningKey;
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::band::{BandEngine, BandIdentity, BandSettings, Wearer};
use firmware_protocol::certificate::BandCertificate;
use firmware_protocol::dh_public;
use firmware_protocol::handler::{BandHandler, Screen, StorageFault};
use firmware_protocol::id::Serial;
use firmware_protocol::station::{ENTROPY_LEN, StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};
use tokio::sync::watch;

use crate::radio::loopback::LoopbackDevice;

/// The band with this serial, worn, out of the factory of [`super::manufacturer`].
pub(crate) struct TestBand {
    engine: BandEngine,
    hands: Hands,
    linked: bool,
    /// How many links stations have made to it.
    pub(crate) links: watch::Sender<u32>,
}

#[derive(Default)]
struct Hands {
    todo: VecDeque<Wearer>,
    drawn: u8,
}

impl BandHandler for Hands {
    fn store(&mut self, _: &[u8]) -> Result<(), StorageFault> {
        Ok(())
    }

    fn random(&mut self, out: &mut [u8]) {
        for byte in out {
            self.drawn = self.drawn.wrapping_mul(31).wrapping_add(17);
            *byte = self.drawn;
        }
    }

    fn show(&mut self, screen: Screen) {
        match screen {
            Screen::Confirm { .. } => self.todo.push_back(Wearer::Press),
            Screen::Touch { count, of, .. } if count < of => self.todo.push_back(Wearer::Touch(Ok(80))),
            _ => {}
        }
    }

    fn sense(&mut self, _: Option<u8>) {}

    fn erase_templates(&mut self) {}
}

impl TestBand {
    pub(crate) fn new(serial: &str, seos: bool) -> Self {
        Self::made_by(&super::manufacturer(), serial, seos)
    }

    /// A band out of another factory.
    pub(crate) fn made_by(maker: &SigningKey, serial: &str, seos: bool) -> Self {
        let number = serial.bytes().last().unwrap();
        let signing_key = SigningKey::from_bytes(&[number; 32]);
        let dh_secret = [number ^ 0x55; 32];
        let serial = Serial::new(serial).unwrap();
        let certificate = BandCertificate {
            serial: serial.clone(),
            model: "Test".into(),
            dh_key: dh_public(&dh_secret),
            signing_key: signing_key.verifying_key().to_bytes(),
            seos,
        };
        let identity = BandIdentity {
            certificate: certificate.sign(maker),
            dh_secret: dh_secret.into(),
            signing_key,
            serial,
            model: "Test".into(),
            seos,
        };
        let mut hands = Hands {
            drawn: number,
            ..Hands::default()
        };
        let settings = BandSettings {
            touches: 3,
            ..BandSettings::default()
        };
        let mut engine = BandEngine::new(identity, settings, &[], Instant::ZERO, &mut hands).unwrap();
        engine.handle_wearer(Instant::ZERO, Wearer::Battery(90), &mut hands);
        engine.handle_wearer(Instant::ZERO, Wearer::PutOn, &mut hands);
        Self {
            engine,
            hands,
            linked: false,
            links: watch::Sender::default(),
        }
    }

    /// The band after three handshakes that nobody went on with: it pauses.
    pub(crate) fn weary(mut self) -> Self {
        let (now, unix_now) = (Instant::ZERO, UnixSeconds(super::MADE_AT_MS / 1000));
        let provision = super::provision();
        let identity = StationIdentity {
            certificate: provision.certificate,
            dh_secret: provision.dh_secret.0.clone(),
        };
        for number in 0..3 {
            self.connected(now, 100);
            let entropy = [number; ENTROPY_LEN];
            let mut session = StationSession::new(
                &identity,
                provision.manufacturers.clone(),
                100,
                &entropy,
                now,
                unix_now,
            );
            while let Some(frame) = session.poll_transmit() {
                self.write(now, &frame);
            }
            while self.poll_notify().is_some() {}
            self.disconnected(now);
        }
        self.links.send_replace(0);
        self
    }

    fn help(&mut self, now: Instant) {
        while let Some(action) = self.hands.todo.pop_front() {
            self.engine.handle_wearer(now, action, &mut self.hands);
        }
    }
}

impl LoopbackDevice for TestBand {
    fn advertisement(&mut self, now: Instant) -> Option<Beacon> {
        (!self.linked).then(|| self.engine.beacon(now))
    }

    fn connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.linked = true;
        self.links.send_modify(|links| *links += 1);
        self.engine.handle_connected(now, mtu_bytes);
    }

    fn disconnected(&mut self, _: Instant) {
        self.linked = false;
        self.engine.handle_disconnected(&mut self.hands);
    }

    fn write(&mut self, now: Instant, frame: &[u8]) {
        self.engine.handle_input(now, frame, &mut self.hands);
        self.help(now);
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        self.engine.poll_transmit()
    }

    fn poll_end(&mut self) -> bool {
        self.engine.poll_end()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now, &mut self.hands);
        self.help(now);
    }
}
