//! A station: what is on its disk, the real engines over it, and how it decides.

use std::collections::BTreeMap;

use policy::decide::decide;
use policy::effective::effective;
use policy::facts::{BandReport, Clock, Facts, Holds, Known};
use policy::merge::{Associated, Event as What};
use policy::model::{
    Association, AssociationId, Band, EndCause, Ending, GroupPolicy, StockState, UnixMillis, UserId, Zone,
};
use server_sync::backoff::Moment;
use server_sync::feed::*;
use server_sync::journal::{Ack, Outbox};
use server_sync::{Entry, Hash, Head, StationKey};

use crate::console::event_of;
use crate::keys;
use crate::plant::SimBand;

/// What survives a power cut.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) station: StationKey,
    pub(crate) journal: Vec<Entry>,
    /// Rows of the feed, each with the snapshot that brought it.
    pub(crate) rows: BTreeMap<RowKey, (Row, u64)>,
    generation: u64,
    pub(crate) inbox: InboxState,
    /// The last acknowledgement, if it reached the disk.
    ack: Option<Ack>,
    /// An intent whose band has not answered yet.
    pub(crate) intent: Option<Associated>,
}

impl Disk {
    pub(crate) fn new(station: StationKey, keys: SignedKeyList) -> Self {
        Self {
            station,
            journal: vec![],
            rows: BTreeMap::new(),
            generation: 0,
            inbox: InboxState::joined(keys),
            ack: None,
            intent: None,
        }
    }

    pub(crate) fn head(&self) -> Head {
        self.journal.last().map_or(Head::EMPTY, |entry| Head {
            sequence: entry.sequence,
            hash: entry.hash,
        })
    }

    pub(crate) fn hash_at(&self, sequence: u64) -> Option<Hash> {
        Some(self.journal.get(sequence as usize - 1)?.hash)
    }
}

/// A running or stopped station. Two of them can have one identity.
pub(crate) struct Station {
    pub(crate) disk: Disk,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) is_up: bool,
    pub(crate) is_linked: bool,
    /// Counts starts: an answer to an earlier life is nobody's.
    pub(crate) life: u32,
    pub(crate) skew_ms: i64,
    /// The questions whose answers are awaited.
    pub(crate) asked: Option<u64>,
    pub(crate) pushed: Option<u64>,
    /// It was copied, set back or revoked: it may be refused.
    pub(crate) is_suspect: bool,
    /// When it is woken next.
    pub(crate) wakes_at_ms: Option<u64>,
}

impl Station {
    pub(crate) fn new(disk: Disk) -> Self {
        let identity = Identity {
            organization_key: keys::public(0),
            station: disk.station,
        };
        // A state on a disk is bytes.
        let state = InboxState::from_bytes(&disk.inbox.to_bytes()).expect("its own bytes");
        Self {
            inbox: Inbox::new(identity, state),
            outbox: Outbox::new(disk.station, disk.head(), disk.ack),
            disk,
            is_up: true,
            is_linked: true,
            life: 0,
            skew_ms: 0,
            asked: None,
            pushed: None,
            is_suspect: false,
            wakes_at_ms: None,
        }
    }

    /// Starts again from what is on the disk.
    pub(crate) fn restart(&mut self, lose_ack: bool) {
        let mut disk = self.disk.clone();
        disk.ack = disk.ack.filter(|_| !lose_ack);
        *self = Self {
            life: self.life + 1,
            is_linked: self.is_linked,
            skew_ms: self.skew_ms,
            is_suspect: self.is_suspect,
            ..Self::new(disk)
        };
    }

    pub(crate) fn believed_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.skew_ms)
    }

    /// Appends a record durably.
    pub(crate) fn append(&mut self, now_ms: u64, record: Vec<u8>) {
        let (head, time_ms) = (self.disk.head(), self.believed_ms(now_ms));
        let entry = Entry::following(self.disk.station, head, time_ms, record);
        self.disk.journal.push(entry);
        self.outbox.handle_appended(self.disk.head());
    }

    /// Stores a step in one transaction.
    pub(crate) fn commit(&mut self, step: Step) {
        let disk = &mut self.disk;
        disk.generation += u64::from(step.begins);
        for row in step.rows {
            let Some(key) = row.key() else { continue };
            match row {
                Row::Removed(_) => drop(disk.rows.remove(&key)),
                row => drop(disk.rows.insert(key, (row, disk.generation))),
            }
        }
        if step.completes.is_some_and(|it| it.drops_older) {
            let generation = disk.generation;
            disk.rows.retain(|_, (_, of)| *of == generation);
        }
        disk.inbox = step.state;
    }

    /// The step is stored: the engines go on.
    pub(crate) fn applied(&mut self, completes: Option<Completed>, now: Moment, random: u64) {
        let disk = &self.disk;
        self.inbox.applied(disk.inbox.clone());
        if let Some(Completed { complete, .. }) = completes {
            let own = |sequence| disk.hash_at(sequence);
            self.outbox.handle_feed(now, &complete, own, random);
        }
        self.disk.ack = self.outbox.ack();
    }

    pub(crate) fn note_ack(&mut self) {
        self.disk.ack = self.outbox.ack();
    }

    /// The associations it knows: the feed's, and its own entries that the feed does not contain yet.
    pub(crate) fn associations(&self) -> BTreeMap<AssociationId, Association> {
        let of_feed = self.disk.rows.values().filter_map(|(row, _)| match row {
            Row::Association(row) => Some((row.id, row.association())),
            _ => None,
        });
        let mut known: BTreeMap<_, _> = of_feed.collect();
        let contained = self.disk.inbox.complete.map_or(0, |it| it.acked_through);
        for entry in self.disk.journal.iter().skip(contained as usize) {
            if let Some(What::Associated(what)) = event_of(entry).map(|it| it.event) {
                apply(&mut known, &what, UnixMillis(entry.time_ms as i64));
            }
        }
        known
    }

    fn band(&self, band: &SimBand) -> Band {
        match self.disk.rows.get(&RowKey::Band(band.serial)) {
            Some((Row::Band(row), _)) => row.band(),
            _ => Band {
                stock: StockState::Unknown,
                ..Band::new(band.serial)
            },
        }
    }

    fn policy(&self) -> Option<GroupPolicy> {
        let (Row::ActiveGroupPolicy(active), _) = self.disk.rows.get(&RowKey::ActiveGroupPolicy)? else {
            return None;
        };
        match self.disk.rows.get(&RowKey::GroupPolicy(active.policy.clone()))? {
            (Row::GroupPolicy(row), _) => Some(row.policy()),
            _ => None,
        }
    }

    /// What would be made if this person had this band now; `None` if the policy forbids it, or the station
    /// knows too little.
    pub(crate) fn decide(
        &self,
        user: &UserId,
        band: &SimBand,
        zone: Zone,
        id: AssociationId,
        now_ms: u64,
    ) -> Option<Associated> {
        let complete = self.disk.inbox.complete?;
        let (Row::User(row), _) = self.disk.rows.get(&RowKey::User(user.clone()))? else {
            return None;
        };
        let policy = effective(&self.policy()?, None);
        let (known, band_known) = (self.associations(), self.band(band));
        let concerned = known
            .values()
            .filter(|it| it.user == *user || it.band == band.serial);
        let known: Vec<Known<'_>> = concerned.map(|it| self.known(it)).collect();
        let report = BandReport {
            enrollment: band.holds(user, Zone::Enrollment),
            registration: band.holds(user, Zone::Registration),
            seos: band.seos,
        };
        let facts = Facts {
            zone,
            now: UnixMillis(self.believed_ms(now_ms) as i64),
            clock: Clock::Trusted,
            replica_as_of: UnixMillis(complete.made_at_ms as i64),
            user: &row.user(),
            band: &band_known,
            report: Some(report),
            known: &known,
        };
        decide(&facts, &policy).is_allowed().then(|| Associated {
            association: id,
            user: user.clone(),
            band: band.serial,
            zone,
            band_epoch: band.epoch + 1,
            seos: band.seos,
            expires_at: None,
            may_take_over: policy.reenroll_own.value && policy.reenroll_any.value,
        })
    }

    fn known<'a>(&self, association: &'a Association) -> Known<'a> {
        let band = self.disk.rows.get(&RowKey::Band(association.band));
        let user = self.disk.rows.get(&RowKey::User(association.user.clone()));
        Known {
            association,
            band_seos: matches!(band, Some((Row::Band(row), _)) if row.seos),
            user_suspended: matches!(user, Some((Row::User(row), _)) if row.suspended_since_ms.is_some()),
        }
    }
}

/// What a commit changes, in the simplest words: the band is its user's alone, and the one the user works with.
/// What is known already, or of a later commit of the band, stays.
fn apply(known: &mut BTreeMap<AssociationId, Association>, what: &Associated, at: UnixMillis) {
    let same = |it: &&Association| it.band == what.band && it.zone == what.zone;
    if known.contains_key(&what.association)
        || known
            .values()
            .filter(same)
            .any(|it| it.band_epoch > what.band_epoch)
    {
        return;
    }
    for other in known
        .values_mut()
        .filter(|it| it.zone == what.zone && it.is_open())
    {
        if other.band == what.band {
            let cause = if other.user == what.user {
                EndCause::Renewed
            } else {
                EndCause::TakenOver
            };
            other.ended = Some(Ending { cause, at });
            other.active = false;
        } else if other.user == what.user {
            other.active = false;
        }
    }
    let association = Association {
        id: what.association,
        user: what.user.clone(),
        band: what.band,
        zone: what.zone,
        active: true,
        primary: false,
        expires_at: None,
        suspension: None,
        ended: None,
        band_epoch: what.band_epoch,
        note: String::new(),
    };
    known.insert(what.association, association);
}

impl SimBand {
    fn holds(&self, user: &UserId, zone: Zone) -> Holds {
        match self.holders.get(&zone) {
            None => Holds::Nobody,
            Some((holder, _)) if holder == user => Holds::ThisUser,
            Some(_) => Holds::AnotherUser,
        }
    }
}
