//! One band, one session, the shortest way through: what a session costs when nothing goes wrong, and how
//! bands get a past before a story begins.

use std::fmt;

use firmware_protocol::certificate::{PublicKey, Signed};
use firmware_protocol::id::{AssociationId, UserHandle, Zone};
use firmware_protocol::message::{
    Arm, BandToStation, Commit, Finish, Interrupted, Mode, Refused, StationToBand,
};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{SessionEnd, SessionEvent, StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};

use crate::band::SimBand;
use crate::link::{Direction, Link, LinkConfig, Traffic};
use crate::peripheral::Peripheral;
use crate::random::Random;

/// Who shall hold the band, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The association to be.
    pub association: AssociationId,
    /// Its holder.
    pub user: UserHandle,
    /// Its zone.
    pub zone: Zone,
    /// New finger or known finger.
    pub mode: Mode,
    /// The band's label.
    pub label: String,
}

/// What a session cost and gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The receipt, verified.
    pub receipt: Receipt,
    /// The receipt as the band signed it.
    pub signed: Signed,
    /// From connect to the end of the link, in simulated microseconds.
    pub elapsed_us: u64,
    /// Requests that were answered, the handshake included.
    pub round_trips: u32,
    /// What crossed the air.
    pub traffic: Traffic,
}

/// Why it came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotEnrolled {
    /// The session ended early.
    Ended(SessionEnd),
    /// The band does not do it.
    Refused(Refused),
    /// The band gave it up.
    Interrupted(Interrupted),
    /// The receipt is not the band's, or not for this.
    ReceiptForged,
}

impl fmt::Display for NotEnrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(end) => write!(f, "the session ended: {end:?}"),
            Self::Refused(refused) => write!(f, "the band refused: {:?}", refused.reason),
            Self::Interrupted(interrupted) => write!(f, "the band stopped: {:?}", interrupted.cause),
            Self::ReceiptForged => f.write_str("the receipt is not the band's"),
        }
    }
}

impl std::error::Error for NotEnrolled {}

/// A station that does just this.
pub struct Pair<'a> {
    /// The station.
    pub identity: &'a StationIdentity,
    /// The makes it trusts.
    pub manufacturers: Vec<PublicKey>,
    /// The link between them.
    pub link: LinkConfig,
    /// The station's wall clock, which stands still for the session.
    pub unix_now: UnixSeconds,
}

/// A session under way.
struct Session<'a> {
    band: &'a mut SimBand,
    session: StationSession,
    link: Link,
    wish: &'a Wish,
    band_key: PublicKey,
    round_trips: u32,
    result: Option<Result<(Receipt, Signed), NotEnrolled>>,
    ended: bool,
}

impl Pair<'_> {
    /// Enrolls or registers `band` as wished, beginning at `now`.
    pub fn enroll(
        &self,
        band: &mut SimBand,
        wish: &Wish,
        mut random: Random,
        now: Instant,
    ) -> Result<Enrolled, NotEnrolled> {
        let (mtu_bytes, entropy) = (self.link.mtu_bytes, random.bytes());
        band.connected(now, mtu_bytes);
        let manufacturers = self.manufacturers.clone();
        let session = StationSession::new(
            self.identity,
            manufacturers,
            mtu_bytes,
            &entropy,
            now,
            self.unix_now,
        );
        let link = Link::new(self.link.clone(), random);
        let mut run = Session {
            band,
            session,
            link,
            wish,
            band_key: [0; 32],
            round_trips: 0,
            result: None,
            ended: false,
        };
        let end = run.drive(now);
        let (receipt, signed) = run
            .result
            .unwrap_or(Err(NotEnrolled::Ended(SessionEnd::Disconnected)))?;
        let elapsed_us = end.since(now).as_micros() as u64;
        Ok(Enrolled {
            receipt,
            signed,
            elapsed_us,
            round_trips: run.round_trips,
            traffic: run.link.traffic(),
        })
    }
}

impl Session<'_> {
    /// Runs until the link is gone, jumping from deadline to deadline.
    fn drive(&mut self, start: Instant) -> Instant {
        let mut now = start;
        loop {
            while self.exchange(now) {}
            if self.link.is_broken() || self.band.poll_end() {
                self.band.disconnected(now);
                self.session.handle_disconnected();
                self.follow(now);
                return now;
            }
            let deadlines = [
                self.session.poll_timeout(),
                self.band.poll_timeout(),
                self.link.poll_timeout(),
            ];
            let Some(next) = deadlines.into_iter().flatten().min() else {
                return now;
            };
            now = next.max(now);
            self.session.handle_timeout(now);
            self.band.handle_timeout(now);
        }
    }

    /// Moves everything that can move without time passing.
    fn exchange(&mut self, now: Instant) -> bool {
        while let Some(frame) = self.session.poll_transmit() {
            self.link.send(now, Direction::ToBand, frame);
        }
        while let Some(frame) = self.band.poll_notify() {
            self.link.send(now, Direction::ToStation, frame);
        }
        let mut moved = false;
        while let Some(frame) = self.link.poll(now, Direction::ToBand) {
            self.band.write(now, &frame);
            moved = true;
        }
        while let Some(frame) = self.link.poll(now, Direction::ToStation) {
            self.session.handle_input(now, &frame);
            moved = true;
        }
        self.follow(now) || moved
    }

    fn follow(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(event) = self.session.poll_event() {
            moved = true;
            self.react(now, event);
        }
        moved
    }

    fn react(&mut self, now: Instant, event: SessionEvent) {
        match event {
            SessionEvent::Established(established) => {
                self.round_trips += 1;
                self.band_key = established.certificate.signing_key;
                let Wish {
                    association,
                    user,
                    zone,
                    mode,
                    ref label,
                } = *self.wish;
                let epoch = established.report.epoch + 1;
                let arm = Arm {
                    association,
                    user,
                    zone,
                    epoch,
                    mode,
                    label: label.clone(),
                };
                self.ask(now, StationToBand::Arm(arm));
            }
            SessionEvent::Message(message) => {
                self.round_trips += u32::from(!message.is_push());
                self.hear(now, message);
            }
            SessionEvent::Ended(end) => {
                self.ended = true;
                self.result.get_or_insert(Err(NotEnrolled::Ended(end)));
            }
        }
    }

    fn hear(&mut self, now: Instant, message: BandToStation) {
        match message {
            BandToStation::Staged(staged) => {
                let commit = Commit {
                    association: staged.association,
                    epoch: staged.epoch,
                };
                self.ask(now, StationToBand::Commit(commit));
            }
            BandToStation::Committed(committed) => {
                let receipt = Receipt::verify(&committed.receipt, &self.band_key).ok();
                let receipt = receipt.filter(|receipt| receipt.association == self.wish.association);
                let result = receipt.map(|receipt| (receipt, committed.receipt));
                self.result = Some(result.ok_or(NotEnrolled::ReceiptForged));
                self.ask(
                    now,
                    StationToBand::Finish(Finish {
                        association: Some(self.wish.association),
                    }),
                );
            }
            BandToStation::Refused(refused) => self.stop(now, NotEnrolled::Refused(refused)),
            BandToStation::Interrupted(interrupted) => self.stop(now, NotEnrolled::Interrupted(interrupted)),
            _ => {}
        }
    }

    fn stop(&mut self, now: Instant, why: NotEnrolled) {
        self.result = Some(Err(why));
        self.ask(now, StationToBand::Finish(Finish { association: None }));
    }

    fn ask(&mut self, now: Instant, request: StationToBand) {
        if !self.ended {
            self.session
                .request(now, &request)
                .expect("one request follows the answer to the last");
        }
    }
}
