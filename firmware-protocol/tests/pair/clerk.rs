//! The simplest station that recovers: it journals before it commits, and after a lost link it asks the
//! band where they stand.

use firmware_protocol::id::{AssociationId, UserHandle, Zone};
use firmware_protocol::message::{Arm, BandToStation, Commit, Finish, Mode, Recall, Report, StationToBand};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{Established, SessionEnd, SessionEvent};

use super::Pair;

pub(crate) fn arm_for(user: u8, association: u8, epoch: u32) -> Arm {
    Arm {
        association: AssociationId([association; 16]),
        user: UserHandle([user; 16]),
        zone: Zone::Enrollment,
        epoch,
        mode: Mode::Capture,
        label: "ANNA B.".into(),
    }
}

/// User 1, association 1.
pub(crate) fn arm(epoch: u32) -> Arm {
    arm_for(1, 1, epoch)
}

pub(crate) struct Clerk {
    pub(crate) arm: Arm,
    /// The journal: what was intended, what was proven, whether the band knows that we know.
    pub(crate) intent: bool,
    pub(crate) receipt: Option<Receipt>,
    pub(crate) finished: bool,
    pub(crate) ends: Vec<SessionEnd>,
}

impl Clerk {
    pub(crate) fn new(arm: Arm) -> Self {
        Self {
            arm,
            intent: false,
            receipt: None,
            finished: false,
            ends: Vec::new(),
        }
    }

    /// Holds sessions until the association is made, at most so many. Says whether it is.
    pub(crate) fn enroll(&mut self, pair: &mut Pair, sessions_max: usize) -> bool {
        for _ in 0..sessions_max {
            let end = self.session(pair);
            self.ends.push(end);
            if self.finished {
                break;
            }
        }
        self.finished
    }

    /// One session, from connect to disconnect.
    pub(crate) fn session(&mut self, pair: &mut Pair) -> SessionEnd {
        pair.connect();
        let mut band_key = None;
        loop {
            let next = match pair.wait().expect("a session ends by itself") {
                SessionEvent::Established(established) => {
                    band_key = Some(established.certificate.signing_key);
                    self.on_established(&established)
                }
                SessionEvent::Message(message) => self.on_message(&message, band_key),
                SessionEvent::Ended(end) => {
                    pair.run_out();
                    pair.disconnect();
                    return end;
                }
            };
            match next {
                Some(Next::Ask(request)) => pair.request(&request),
                Some(Next::Leave) => pair.disconnect(),
                None => {}
            }
        }
    }

    fn on_established(&mut self, established: &Established) -> Option<Next> {
        let Report {
            associations,
            staged,
            epoch,
            ..
        } = &established.report;
        let ours = self.arm.association;
        if associations.iter().any(|held| held.association == ours) {
            let zone = self.arm.zone;
            return Some(Next::Ask(match self.receipt {
                None => StationToBand::Recall(Recall { zone }),
                Some(_) => self.finish(),
            }));
        }
        assert!(
            self.receipt.is_none(),
            "a receipt for what the band does not hold"
        );
        match staged {
            Some(staged) if staged.association == ours && self.intent => Some(self.commit(staged.epoch)),
            _ => {
                self.arm.epoch = epoch + 1;
                Some(Next::Ask(StationToBand::Arm(self.arm.clone())))
            }
        }
    }

    fn on_message(&mut self, message: &BandToStation, band_key: Option<[u8; 32]>) -> Option<Next> {
        match message {
            BandToStation::Staged(staged) => {
                assert_eq!(staged.association, self.arm.association);
                self.intent = true;
                Some(self.commit(staged.epoch))
            }
            BandToStation::Committed(committed) => {
                let key = band_key.expect("established");
                let receipt = Receipt::verify(&committed.receipt, &key).expect("a receipt");
                assert_eq!(receipt.association, self.arm.association);
                self.receipt = Some(receipt);
                Some(Next::Ask(self.finish()))
            }
            BandToStation::Finished(_) => {
                self.finished = true;
                None
            }
            BandToStation::Refused(_) | BandToStation::Interrupted(_) => Some(Next::Leave),
            _ => None,
        }
    }

    fn commit(&self, epoch: u32) -> Next {
        let association = self.arm.association;
        Next::Ask(StationToBand::Commit(Commit { association, epoch }))
    }

    fn finish(&self) -> StationToBand {
        let association = Some(self.arm.association);
        StationToBand::Finish(Finish { association })
    }

    /// What must hold at any moment: the journal and the band do not contradict each other.
    pub(crate) fn agrees_with(&self, pair: &Pair) {
        let report = pair.band.report(pair.now);
        let held = report
            .associations
            .iter()
            .find(|held| held.association == self.arm.association);
        if let Some(receipt) = &self.receipt {
            let held = held.expect("what was proven holds");
            assert_eq!((held.user, held.epoch), (receipt.user, receipt.epoch));
            assert_eq!(report.epoch, receipt.epoch);
        }
        if held.is_some() {
            assert!(self.intent, "the band holds what the station never intended");
        }
        if self.finished {
            assert!(
                held.is_some_and(|held| held.finished),
                "finished on one side only"
            );
            assert_eq!(report.staged, None);
        }
        assert!(report.associations.len() <= 1 && report.epoch <= 1, "made twice");
    }
}

enum Next {
    Ask(StationToBand),
    Leave,
}
