//! The band's end: sessions, wearer, staging, commit, receipts.
//!
//! One engine lives from power-on to power-off, over many sessions. What must outlive a power cut goes
//! through [`BandHandler::store`] before anybody hears of it.
//!
//! ```text
//!                     Arm                confirmed, m touches           Commit
//!    nothing pending ----> armed (volatile) ------------> staged (durable) ----> held (durable), receipt
//!           ^                 | declined, timed out,         | Abort, new Arm,       | user data deleted
//!           |                 | taken off, battery,          | user data deleted     | by hand
//!           |                 | lockout, link lost           |                       |
//!           +-----------------+------------------------------+-----------------------+
//! ```
//!
//! A staged association gives nobody anything: it cannot be used, it only waits.

mod patience;
mod record;
mod requests;
mod session;
mod wearer;

pub use record::RecordFault;
pub use wearer::Wearer;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::advertisement::Beacon;
use crate::cbor::to_cbor;
use crate::certificate::Signed;
use crate::handler::{BandHandler, Screen, StorageFault};
use crate::id::OrganizationId;
use crate::message::{BandToStation, Info, Interrupted, Interruption, Report};
use crate::misbehaved::StationMisbehaved;
use crate::time::Instant;
use crate::{VERSION_CURRENT, VERSION_MIN};

use patience::Patience;
use record::Record;
use session::Link;
use wearer::{Armed, Body};

/// Who a band is: fixed in the factory.
#[derive(Clone)]
pub struct BandIdentity {
    /// Signed by the manufacturer.
    pub certificate: Signed,
    /// The X25519 key the certificate names.
    pub dh_secret: Zeroizing<[u8; 32]>,
    /// The Ed25519 key the certificate names.
    pub signing_key: SigningKey,
    /// The serial of the certificate.
    pub serial: crate::id::Serial,
    /// The model's name.
    pub model: String,
    /// The band also carries a door credential.
    pub seos: bool,
}

impl fmt::Debug for BandIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BandIdentity")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// What a make of band chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BandSettings {
    /// The firmware's version, for people.
    pub firmware: String,
    /// Good touches that a capture takes.
    pub touches: u8,
    /// Failed touches in a row after which fingers are refused.
    pub lockout_failures: u8,
    /// How long they are refused.
    pub lockout: Duration,
    /// Charge below which nothing is begun, in percent.
    pub battery_percent_min: u8,
    /// How long the wearer may take to confirm, and for each touch.
    pub wearer_timeout: Duration,
    /// How long a station may take for the handshake.
    pub handshake_timeout: Duration,
    /// How long a session may be silent.
    pub idle_timeout: Duration,
}

impl Default for BandSettings {
    fn default() -> Self {
        Self {
            firmware: String::from("1.0.0"),
            touches: 8,
            lockout_failures: 10,
            lockout: Duration::from_secs(30),
            battery_percent_min: 15,
            wearer_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
        }
    }
}

/// A band, without its hardware.
#[derive(Debug)]
pub struct BandEngine {
    identity: BandIdentity,
    settings: BandSettings,
    record: Record,
    body: Body,
    armed: Option<Armed>,
    /// The wearer was asked to delete user data and may do so until then.
    deletion_until: Option<Instant>,
    link: Option<Link>,
    patience: Patience,
    beacon_tag: u16,
    heartbeat: u8,
    last_fault: Option<StationMisbehaved>,
}

impl BandEngine {
    /// Powers a band on. `record` is what [`BandHandler::store`] was last given, or empty for a band fresh
    /// from the factory.
    pub fn new(
        identity: BandIdentity,
        settings: BandSettings,
        record: &[u8],
        now: Instant,
        handler: &mut impl BandHandler,
    ) -> Result<Self, RecordFault> {
        let record = Record::decode(record)?;
        let mut tag = [0; 2];
        handler.random(&mut tag);
        let mut body = Body::default();
        if record.failures >= settings.lockout_failures {
            body.locked_until = Some(now + settings.lockout);
        }
        let engine = Self {
            identity,
            settings,
            record,
            body,
            armed: None,
            deletion_until: None,
            link: None,
            patience: Patience::default(),
            beacon_tag: u16::from_be_bytes(tag),
            heartbeat: 0,
            last_fault: None,
        };
        if engine.record.is_empty() {
            // The power may have failed between the deletion of user data and the end of this.
            handler.erase_templates();
        }
        engine.show_idle(handler);
        Ok(engine)
    }

    /// The next advertisement's beacon. Each call is one heartbeat.
    pub fn beacon(&mut self, now: Instant) -> Beacon {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        Beacon {
            enrolled: self.record.organization.is_some(),
            worn: self.body.worn,
            charging: self.body.charging,
            intent: self.body.intent_until.is_some_and(|until| now < until),
            seos: self.identity.seos,
            locked_out: self.lockout_seconds(now) > 0,
            battery_percent: self.body.battery_percent,
            heartbeat: self.heartbeat,
            tag: self.beacon_tag,
        }
    }

    /// The value of the info characteristic.
    pub fn info(&self) -> Vec<u8> {
        to_cbor(&Info {
            version_min: VERSION_MIN,
            version_max: VERSION_CURRENT,
            model: self.identity.model.clone(),
            firmware: self.settings.firmware.clone(),
        })
    }

    /// How the band is, and what it holds and has staged, for whomever. A station is told of what is staged for its
    /// own organization and of nothing else.
    pub fn report(&self, now: Instant) -> Report {
        Report {
            worn: self.body.worn,
            charging: self.body.charging,
            battery_percent: self.body.battery_percent,
            lockout_seconds: self.lockout_seconds(now),
            firmware: self.settings.firmware.clone(),
            touches: self.settings.touches,
            epoch: self.record.epoch,
            organization: self.record.organization,
            associations: self
                .record
                .associations
                .iter()
                .map(record::Association::held)
                .collect(),
            staged: self.record.staged.as_ref().map(|staged| staged.staged.clone()),
        }
    }

    /// What the last station that broke the rules did, for diagnosis.
    pub fn last_fault(&self) -> Option<StationMisbehaved> {
        self.last_fault
    }

    /// Lets time pass: repeats frames, ends silent sessions, gives up on the wearer, ends a lockout.
    pub fn handle_timeout(&mut self, now: Instant, handler: &mut impl BandHandler) {
        self.body.handle_timeout(now);
        if self.wearer_deadline().is_some_and(|deadline| now >= deadline) {
            self.interrupt(now, Interruption::TimedOut, handler);
        }
        self.link_timeout(now);
    }

    /// The next notification to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.link.as_mut()?.poll_transmit()
    }

    /// True once when the band wants to drop the link; [`handle_disconnected`](Self::handle_disconnected)
    /// follows. Ask it after [`poll_transmit`](Self::poll_transmit) is empty.
    pub fn poll_end(&mut self) -> bool {
        self.link.as_mut().is_some_and(Link::poll_end)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let wearer = self.wearer_deadline();
        let link = self.link.as_ref().and_then(|link| link.poll_timeout(wearer));
        [wearer, link, self.body.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Until when the wearer may do what the screen asks.
    fn wearer_deadline(&self) -> Option<Instant> {
        let armed = self.armed.as_ref().map(|armed| armed.deadline);
        armed.or(self.deletion_until)
    }

    /// Gives up what is armed, or the deletion that was asked for, and tells both screens.
    fn interrupt(&mut self, now: Instant, cause: Interruption, handler: &mut impl BandHandler) {
        let asked = self.deletion_until.take().is_some();
        if !self.disarm(handler) && !asked {
            return;
        }
        let mut lockout_seconds = 0;
        let mut screen = Screen::Stopped;
        if cause == Interruption::LockedOut {
            lockout_seconds = self.lockout_seconds(now);
            screen = Screen::LockedOut {
                seconds: lockout_seconds,
            };
        }
        handler.show(screen);
        let interrupted = Interrupted {
            cause,
            lockout_seconds,
        };
        self.push(now, BandToStation::Interrupted(interrupted));
    }

    /// Forgets what is armed, and its finger if the band is nobody's: else the finger is its holder's, and
    /// the next capture writes over it. Says whether anything was armed.
    fn disarm(&mut self, handler: &mut impl BandHandler) -> bool {
        let was_armed = self.armed.take().is_some();
        if was_armed && self.record.is_empty() {
            handler.erase_templates();
        }
        was_armed
    }

    /// Makes `next` the record, durably; on a fault the old one stays.
    fn keep(&mut self, next: Record, handler: &mut impl BandHandler) -> Result<(), StorageFault> {
        handler.store(&next.encode())?;
        self.record = next;
        Ok(())
    }

    fn show_idle(&self, handler: &mut impl BandHandler) {
        handler.show(match &self.record.organization {
            Some(_) => Screen::Label(self.record.label.clone()),
            None => Screen::NoUser,
        });
    }

    fn lockout_seconds(&self, now: Instant) -> u32 {
        self.body
            .locked_until
            .map_or(0, |until| until.since(now).as_millis().div_ceil(1000) as u32)
    }
}

/// What a station of this organization is told of the band: not who is about to hold it for another.
fn told_to(organization: OrganizationId, report: Report) -> Report {
    Report {
        staged: report.staged.filter(|staged| staged.organization == organization),
        ..report
    }
}
