//! From journal entries to history.

use std::collections::{BTreeSet, HashMap};

use firmware_protocol::receipt::Receipt;
use policy::effective::effective;
use policy::facts_json::DecideInput;
use policy::merge::{self, Associated, Event, HybridTime, Stamp};
use policy::model::{AssociationId, BandSerial, GroupPolicy, PolicyId, StationId, UnixMillis, UserId};
use server_sync::Entry;
use station_core::convert;
use station_core::journal::{Committed, Decided, FlowId, JournalRecord, record_prefix};

use super::known::Person;
use super::tickets::{self, Used};
use super::{Checked, Known};
use crate::args;
use crate::db::{DbError, Tx, Val};
use crate::store::feed::Kind;
use crate::store::history::{self, After, Marked};
use crate::store::{associations, users};
use crate::sync::stations::StationInfo;

/// How far back in the journal the decision behind a commit is looked for.
const DECIDED_WITHIN: u64 = 200;
/// How the record of a decision begins.
pub(super) const DECIDED: [u8; 3] = record_prefix(6);

macro_rules! open_of {
    ($column:literal) => {
        concat!(
            "select associations.id, users.site from associations join users on users.id = associations.usr \
             where associations.ended_ms is null and ",
            $column,
            " in ({})"
        )
    };
}

/// Collects what journal entries say of users and bands, of one batch or of several that have nothing to do with
/// each other, and appends it to history.
pub(crate) struct Folder<'a> {
    tx: &'a Tx<'a>,
    known: Known,
    now: UnixMillis,
    /// Whether the policy of a flow's user had take-overs, as the station knew it.
    takes_over: HashMap<(StationId, FlowId), bool>,
    band_keys: Vec<Val<'a>>,
    credentials: Vec<Val<'a>>,
    /// The associations, bands and people of all commits.
    associations: Vec<Val<'a>>,
    bands: Vec<BandSerial>,
    handles: Vec<[u8; 16]>,
    events: Vec<merge::Entry>,
    /// Associations of which nothing is believed: the station takes them back.
    unheard: Vec<Marked>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(tx: &'a Tx<'a>, known: Known, now: UnixMillis) -> Self {
        Self {
            tx,
            known,
            now,
            takes_over: HashMap::new(),
            band_keys: Vec::new(),
            credentials: Vec::new(),
            associations: Vec::new(),
            bands: Vec::new(),
            handles: Vec::new(),
            events: Vec::new(),
            unheard: Vec::new(),
        }
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Takes what these entries of the batch say; they are stored, or are about to be.
    pub(crate) fn take(
        &mut self,
        station: &StationInfo,
        checked: &'a Checked,
        entries: &'a [Entry],
    ) -> Result<(), DbError> {
        for entry in entries {
            self.entry(station, checked, entry)?;
        }
        Ok(())
    }

    /// Appends it all.
    pub(crate) fn finish(mut self) -> Result<(), DbError> {
        let tx = self.tx;
        let keys = "insert into band_keys (serial, band_key, first_seen)";
        tx.insert_later(keys, 3, &self.band_keys, "on conflict (serial) do nothing")?;
        let credentials = "insert into credentials (association, credential_key)";
        let once = "on conflict (association) do nothing";
        tx.insert_later(credentials, 2, &self.credentials, once)?;
        let (mut used, ahead) = (Used::default(), self.known.take_ahead());
        history::append_marking(tx, &self.events, self.now, ahead, |after| {
            self.to_tell(after, &mut used)
        })?;
        used.flag(tx, self.now)
    }

    /// A station follows its own commits until they are acknowledged, whatever else it hears, and ends or
    /// deactivates other associations of that band and of that person. From here on what counts is for the console
    /// to say; so it says it again, also where nothing changed here (I5). In the same look, which tickets were used.
    fn to_tell(&self, after: &After<'_>, used: &mut Used) -> Result<Vec<Marked>, DbError> {
        let bands: BTreeSet<BandSerial> = self.bands.iter().copied().collect();
        let people = self.handles.iter().filter_map(|handle| self.known.person(handle));
        let users: BTreeSet<UserId> = people.map(|person| person.id.clone()).collect();
        let mut marks = self.unheard.clone();
        marks.extend(after.open(&bands, &users));
        // What the fold did not reach: people and bands of which nothing is believed, or nothing is new.
        let bands: Vec<Val<'_>> = bands
            .iter()
            .filter(|band| !after.has_band(band))
            .map(Val::from)
            .collect();
        let users: Vec<Val<'_>> = users
            .iter()
            .filter(|user| !after.has_user(user))
            .map(Val::from)
            .collect();
        let made_with_tickets: &[Val<'_>] = match self.known.used_tickets {
            true => &self.associations,
            false => &[],
        };
        let questions: [(&str, &[Val<'_>]); 3] = [
            (open_of!("associations.band"), &bands),
            (open_of!("associations.usr"), &users),
            (tickets::USED, made_with_tickets),
        ];
        self.tx.each_at_once(&questions, |number, row| {
            match number {
                2 => used.take(row)?,
                _ => {
                    let id = AssociationId(row.array(0)?);
                    marks.push((Kind::Association, id.to_string(), row.text(1)?));
                }
            }
            Ok(())
        })?;
        Ok(marks)
    }

    fn entry(
        &mut self,
        station: &StationInfo,
        checked: &'a Checked,
        entry: &'a Entry,
    ) -> Result<(), DbError> {
        match checked.record(entry) {
            Some(JournalRecord::Decided(decided)) => {
                let takes_over = checked.takes_over.get(&entry.sequence).copied();
                self.takes_over.insert(
                    (StationId(entry.station.0), decided.flow),
                    takes_over.unwrap_or(false),
                );
                Ok(())
            }
            Some(JournalRecord::Intent(intent)) => {
                self.known.used_tickets |= intent.ticket.is_some();
                tickets::spend(self.tx, station, entry, intent, self.now)
            }
            Some(JournalRecord::RolledBack(rolled_back)) => tickets::release(self.tx, rolled_back, self.now),
            Some(JournalRecord::Committed(committed)) => match checked.receipts.get(&entry.sequence) {
                Some(receipt) => self.committed(station, entry, committed, receipt),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn committed(
        &mut self,
        station: &StationInfo,
        entry: &'a Entry,
        committed: &'a Committed,
        receipt: &'a Receipt,
    ) -> Result<(), DbError> {
        let serial = receipt.serial.as_str();
        // The first key a band is seen with is its key.
        if self.known.learn_band_key(serial, committed.band_key) {
            self.band_keys
                .extend([serial.into(), (&committed.band_key).into(), self.now.into()]);
        }
        self.associations.push((&receipt.association.0).into());
        self.bands.push(convert::serial(&receipt.serial));
        self.handles.push(receipt.user.0);
        let Some(person) = self.known.person(&receipt.user.0) else {
            let detail = format!("nobody has the handle {}", receipt.user);
            return self.not_heard(station, entry, receipt, "user_unknown", &detail);
        };
        // A station has the people of its own site alone: of others it cannot have known.
        if !person.site.is_empty() && person.site != station.site {
            let detail = format!("{} belongs to {}", person.id, person.site);
            return self.not_heard(station, entry, receipt, "user_of_another_site", &detail);
        }
        let what = self.associated(entry, committed, receipt, person)?;
        let id = &receipt.association.0;
        // It may arrive before the association does.
        self.credentials
            .extend([id.into(), (&receipt.credential_key).into()]);
        let millis = UnixMillis(i64::try_from(entry.time_ms).unwrap_or(i64::MAX));
        self.events.push(merge::Entry {
            stamp: Stamp {
                time: HybridTime { millis, counter: 0 },
                station: StationId(entry.station.0),
                sequence: entry.sequence,
            },
            event: Event::Associated(what),
        });
        Ok(())
    }

    /// What history gets. An association that was taken over from an init file, and whose journal arrives now, is
    /// the same and not another one under its id.
    fn associated(
        &self,
        entry: &Entry,
        committed: &Committed,
        receipt: &Receipt,
        person: &Person,
    ) -> Result<Associated, DbError> {
        let (user, association) = (person.id.clone(), AssociationId(receipt.association.0));
        let (band, zone) = (convert::serial(&receipt.serial), convert::zone(receipt.zone));
        let same = |known: &&Associated| {
            (&known.user, known.band, known.zone, known.band_epoch) == (&user, band, zone, receipt.epoch)
        };
        if let Some(known) = self.known.made(&association).filter(same) {
            return Ok(known.clone());
        }
        let made = UnixMillis(i64::try_from(entry.time_ms).unwrap_or(i64::MAX));
        let expires_at = match person.temporary_until {
            Some(until) if until > made => users::expiry_for(self.tx, &user, band, made)?,
            _ => None,
        };
        Ok(Associated {
            association,
            expires_at,
            user,
            band,
            zone,
            band_epoch: receipt.epoch,
            seos: committed.seos,
            may_take_over: self.may_take_over(entry, committed.flow)?,
        })
    }

    /// Whether the policy had take-overs when the station decided. Without the decision: no.
    fn may_take_over(&self, entry: &Entry, flow: FlowId) -> Result<bool, DbError> {
        if let Some(known) = self.takes_over.get(&(StationId(entry.station.0), flow)) {
            return Ok(*known);
        }
        let from = entry.sequence.saturating_sub(DECIDED_WITHIN);
        let records = self.tx.all(
            "select record from journal where station = $1 and sequence >= $2 and sequence < $3 \
             and substr(record, 1, 3) = $4 order by sequence desc",
            args![&entry.station.0, from, entry.sequence, &DECIDED],
            |row| row.bytes(0),
        )?;
        let decided = records
            .iter()
            .find_map(|record| match JournalRecord::decode(record) {
                Ok(JournalRecord::Decided(decided)) if decided.flow == flow => Some(decided),
                _ => None,
            });
        Ok(decided.as_ref().is_some_and(may_take_over))
    }

    /// An association that does not count: a person looks at it, and the station hears that it is none.
    fn not_heard(
        &mut self,
        station: &StationInfo,
        entry: &Entry,
        receipt: &Receipt,
        code: &str,
        detail: &str,
    ) -> Result<(), DbError> {
        let id = AssociationId(receipt.association.0);
        if associations::get(self.tx, &id)?.is_none() {
            self.unheard
                .push((Kind::Association, id.to_string(), station.site.clone()));
        }
        self.review(entry, code, detail)
    }

    /// What cannot be folded is stored with the journal and shown to a person.
    fn review(&self, entry: &Entry, code: &str, detail: &str) -> Result<(), DbError> {
        self.tx.exec(
            "insert into journal_review (id, station, received_at, code, sequence, detail, body) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing",
            args![
                &entry.hash.0,
                &entry.station.0,
                self.now,
                code,
                entry.sequence,
                detail,
                &entry.record
            ],
        )?;
        Ok(())
    }
}

pub(super) fn may_take_over(decided: &Decided) -> bool {
    let Ok(input) = serde_json::from_slice::<DecideInput>(&decided.facts) else {
        return false;
    };
    let default = || GroupPolicy::new(PolicyId::new("default").expect("a policy's id"));
    let group = input.policy.group.unwrap_or_else(default);
    let policy = effective(&group, input.policy.individual.as_ref());
    policy.reenroll_own.value && policy.reenroll_any.value
}
