//! From journal entries to history.

use std::collections::HashMap;

use firmware_protocol::receipt::Receipt;
use policy::effective::effective;
use policy::facts_json::DecideInput;
use policy::merge::{self, Associated, Event, HybridTime, Stamp};
use policy::model::{AssociationId, GroupPolicy, PolicyId, StationId, UnixMillis, UserId};
use server_sync::Entry;
use station_core::convert;
use station_core::journal::{Committed, Decided, FlowId, JournalRecord};

use super::{Checked, tickets};
use crate::args;
use crate::db::{DbError, Tx, Val};
use crate::store::feed::{self, Kind};
use crate::store::{associations, history, users};
use crate::sync::stations::StationInfo;

/// How far back in the journal the decision behind a commit is looked for.
const DECIDED_WITHIN: u64 = 200;

/// Appends what these entries, which are stored already, say of users and bands to history.
pub(crate) fn fold(
    tx: &Tx<'_>,
    station: &StationInfo,
    checked: &Checked,
    entries: &[Entry],
    now: UnixMillis,
) -> Result<(), DbError> {
    let mut folder = Folder {
        tx,
        station,
        now,
        takes_over: HashMap::new(),
        events: Vec::new(),
        unheard: Vec::new(),
    };
    for entry in entries {
        folder.entry(checked, entry)?;
    }
    let Folder { events, unheard, .. } = folder;
    history::append(tx, &events, now)?;
    feed::mark_all(tx, &unheard)?;
    tell_again(tx, checked, entries)?;
    tickets::flag_double_use(tx, checked, entries, now)
}

/// A station follows its own commits until they are acknowledged, whatever else it hears, and ends or
/// deactivates other associations of that band and of that person. From here on what counts is for the console
/// to say; so it says it again, also where nothing changed here (I5).
fn tell_again(tx: &Tx<'_>, checked: &Checked, entries: &[Entry]) -> Result<(), DbError> {
    let receipts = || {
        entries
            .iter()
            .filter_map(|entry| checked.receipts.get(&entry.sequence))
    };
    let serials: Vec<Val<'_>> = receipts().map(|receipt| receipt.serial.as_str().into()).collect();
    let handles: Vec<Val<'_>> = receipts().map(|receipt| (&receipt.user.0).into()).collect();
    let mut marks = Vec::new();
    for (of, keys) in [("associations.band", serials), ("users.handle", handles)] {
        let sql = format!(
            "select associations.id, users.site from associations join users on users.id = associations.usr \
             where associations.ended_ms is null and {of} in ({{}})"
        );
        tx.each_of(&sql, &keys, |row| {
            let id = AssociationId(row.array(0)?);
            marks.push((Kind::Association, id.to_string(), row.text(1)?));
            Ok(())
        })?;
    }
    feed::mark_all(tx, &marks)
}

struct Folder<'a> {
    tx: &'a Tx<'a>,
    station: &'a StationInfo,
    now: UnixMillis,
    /// Whether the policy of a flow's user had take-overs, as the station knew it.
    takes_over: HashMap<FlowId, bool>,
    events: Vec<merge::Entry>,
    /// Associations of which nothing is believed: the station takes them back.
    unheard: Vec<(Kind, String, String)>,
}

impl Folder<'_> {
    fn entry(&mut self, checked: &Checked, entry: &Entry) -> Result<(), DbError> {
        match checked.record(entry) {
            Some(JournalRecord::Decided(decided)) => {
                self.takes_over.insert(decided.flow, may_take_over(decided));
                Ok(())
            }
            Some(JournalRecord::Intent(intent)) => {
                tickets::spend(self.tx, self.station, entry, intent, self.now)
            }
            Some(JournalRecord::RolledBack(rolled_back)) => tickets::release(self.tx, rolled_back, self.now),
            Some(JournalRecord::Committed(committed)) => match checked.receipts.get(&entry.sequence) {
                Some(receipt) => self.committed(entry, committed, receipt),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn committed(&mut self, entry: &Entry, committed: &Committed, receipt: &Receipt) -> Result<(), DbError> {
        self.remember_band_key(committed, receipt)?;
        let Some((user, site)) = self.user_of(receipt)? else {
            let detail = format!("nobody has the handle {}", receipt.user);
            return self.not_heard(entry, receipt, "user_unknown", &detail);
        };
        // A station has the people of its own site alone: of others it cannot have known.
        if !site.is_empty() && site != self.station.site {
            let detail = format!("{user} belongs to {site}");
            return self.not_heard(entry, receipt, "user_of_another_site", &detail);
        }
        let id = AssociationId(receipt.association.0);
        associations::remember_key(self.tx, &id, &receipt.credential_key)?;
        let what = self.associated(entry, committed, receipt, user)?;
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

    /// The first key a band is seen with is its key.
    fn remember_band_key(&self, committed: &Committed, receipt: &Receipt) -> Result<(), DbError> {
        self.tx.exec(
            "insert into band_keys (serial, band_key, first_seen) values ($1, $2, $3) on conflict (serial) do nothing",
            args![receipt.serial.as_str(), &committed.band_key, self.now],
        )?;
        Ok(())
    }

    fn user_of(&self, receipt: &Receipt) -> Result<Option<(UserId, String)>, DbError> {
        self.tx.first(
            "select id, site from users where handle = $1",
            args![&receipt.user.0],
            |row| Ok((row.parse(0)?, row.text(1)?)),
        )
    }

    /// What history gets. An association that was taken over from an init file, and whose journal arrives now, is
    /// the same and not another one under its id.
    fn associated(
        &self,
        entry: &Entry,
        committed: &Committed,
        receipt: &Receipt,
        user: UserId,
    ) -> Result<Associated, DbError> {
        let association = AssociationId(receipt.association.0);
        let (band, zone) = (convert::serial(&receipt.serial), convert::zone(receipt.zone));
        let known = history::made(self.tx, &association)?;
        let same = |known: &Associated| {
            (&known.user, known.band, known.zone, known.band_epoch) == (&user, band, zone, receipt.epoch)
        };
        if let Some(known) = known.filter(same) {
            return Ok(known);
        }
        let made = UnixMillis(i64::try_from(entry.time_ms).unwrap_or(i64::MAX));
        Ok(Associated {
            association,
            expires_at: users::expiry_for(self.tx, &user, band, made)?,
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
        if let Some(known) = self.takes_over.get(&flow) {
            return Ok(*known);
        }
        let from = entry.sequence.saturating_sub(DECIDED_WITHIN);
        let records = self.tx.all(
            "select record from journal where station = $1 and sequence >= $2 and sequence < $3 order by sequence desc",
            args![&entry.station.0, from, entry.sequence],
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
        entry: &Entry,
        receipt: &Receipt,
        code: &str,
        detail: &str,
    ) -> Result<(), DbError> {
        let id = AssociationId(receipt.association.0);
        if associations::get(self.tx, &id)?.is_none() {
            self.unheard
                .push((Kind::Association, id.to_string(), self.station.site.clone()));
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

fn may_take_over(decided: &Decided) -> bool {
    let Ok(input) = serde_json::from_slice::<DecideInput>(&decided.facts) else {
        return false;
    };
    let default = || GroupPolicy::new(PolicyId::new("default").expect("a policy's id"));
    let group = input.policy.group.unwrap_or_else(default);
    let policy = effective(&group, input.policy.individual.as_ref());
    policy.reenroll_own.value && policy.reenroll_any.value
}
