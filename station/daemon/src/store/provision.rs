//! Filling a new database from a provisioning file, and carrying over what an earlier one knew better.

use rusqlite::types::ValueRef;
use station_core::enrollment::KnownAssociation;
use station_core::journal::{ChainVerifier, Entry, Head, JournalRecord, Provisioned, floor_after};
use station_core::provision::Provision;
use station_core::replica::{Change, TicketState, changes_on_commit, changes_on_intent};

use super::replica::{self, Identity};
use super::rows::{self, StoredTicket};
use super::sealing::{Access, Sealing};
use super::tables::{self, Writer};
use super::{Store, StoreError, changes, journal, notes};
use firmware_protocol::receipt::Receipt;

/// Journal entries copied at a time.
const CHUNK_LEN: u32 = 1000;

impl Store {
    /// Fills this new database with `provision`. From `before`, the database it will replace, it takes the
    /// journal as far as it holds, used tickets, failed attempts, open intents, and what was committed
    /// after the file was made: nobody could have written that into the file.
    ///
    /// Returns how many enrollments that were in force in `before` the file leaves out although it is younger:
    /// they count as ended by whoever made the file.
    pub fn provision(
        &mut self,
        provision: &Provision,
        keys_digest: [u8; 32],
        before: Option<&Store>,
        time_ms: u64,
    ) -> Result<u64, StoreError> {
        let mut rows_are_whole = true;
        self.durably_filling(|access| {
            let mut writer = Writer::new(access);
            replica::write(&mut writer, provision, keys_digest)?;
            if let Some(before) = before {
                rows_are_whole = unless_damaged(carry_rows(&mut writer, access, before), |()| true, false)?;
                let passed_ms = passed_after(provision, before, time_ms)?;
                notes::carry(&mut writer, before, passed_ms)?;
            }
            writer.finish()
        })?;
        self.identity = replica::read_identity(self.access())?;
        let left_out = match before {
            Some(before) => self.carry_journal(before, provision.made_at_ms, rows_are_whole)?,
            None => 0,
        };
        self.append(time_ms, &[provisioned(self.identity()?, provision).into()], &[])?;
        Ok(left_out)
    }

    /// How far the journal can be read and holds, and why not further.
    pub fn readable_journal(&self) -> Result<(u64, Option<String>), StoreError> {
        let mut verifier = ChainVerifier::new(self.station_key()?, Head::EMPTY);
        let mut count = CHUNK_LEN;
        loop {
            let last = verifier.head().sequence;
            match self.entries(last + 1, count) {
                Ok(entries) if entries.is_empty() => return Ok((last, None)),
                Ok(entries) => {
                    if let Some(fault) = entries.iter().find_map(|entry| verifier.push(entry).err()) {
                        return Ok((verifier.head().sequence, Some(fault.to_string())));
                    }
                }
                // Somewhere among these: one after the other, up to the damage.
                Err(StoreError::Corrupted(_)) if count > 1 => count = 1,
                Err(StoreError::Corrupted(why)) => {
                    let fault = format!("entry {} cannot be read: {why}", last + 1);
                    return Ok((last, Some(fault)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn carry_journal(
        &mut self,
        before: &Store,
        file_made_at_ms: u64,
        rows_are_whole: bool,
    ) -> Result<u64, StoreError> {
        let (last, _) = before.readable_journal()?;
        let (mut next, mut left_out) = (1, 0);
        while next <= last {
            // Behind the last one may be what cannot be read.
            let count = u64::from(CHUNK_LEN).min(last - next + 1) as u32;
            let entries: Vec<Entry> = before.entries(next, count)?;
            next += entries.len() as u64;
            self.durably(|access| {
                entries
                    .iter()
                    .try_for_each(|entry| journal::insert(access, entry))
            })?;
            for entry in &entries {
                if !rows_are_whole {
                    self.follow(entry)?;
                }
                if entry.time_ms > file_made_at_ms {
                    self.commit_again(entry)?;
                } else if self.leaves_out(before, entry)? {
                    left_out += 1;
                }
            }
        }
        Ok(left_out)
    }

    /// Makes intents and used tickets out of the journal, where the rows of them cannot be read.
    fn follow(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let changes = match JournalRecord::decode(&entry.record) {
            Ok(JournalRecord::Intent(intent)) => changes_on_intent(&intent),
            Ok(JournalRecord::RolledBack(back)) => {
                let association = back.association;
                let release = back
                    .ticket
                    .map(|ticket| Change::ReleaseTicket { ticket, association });
                release
                    .into_iter()
                    .chain([Change::CloseIntent { association }])
                    .collect()
            }
            Ok(JournalRecord::IntentClosed(closed)) => vec![Change::CloseIntent {
                association: closed.association,
            }],
            Ok(JournalRecord::Committed(committed)) => {
                let receipt = minicbor::decode::<Receipt>(&committed.receipt.body).ok();
                let close = receipt.map(|receipt| Change::CloseIntent {
                    association: receipt.association,
                });
                close.into_iter().collect()
            }
            _ => return Ok(()),
        };
        match self.durably(|access| changes::apply(access, &changes)) {
            // Taken back by the file, or known from a row that could be read: it stays used.
            Err(StoreError::TicketSpent) => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether `entry` is a commit that was in force in `before` and that the file neither names nor shows
    /// to be over by a later commit of the same band.
    fn leaves_out(&self, before: &Store, entry: &Entry) -> Result<bool, StoreError> {
        let Ok(JournalRecord::Committed(committed)) = JournalRecord::decode(&entry.record) else {
            return Ok(false);
        };
        // The signature was checked when the entry was written, and the chain holds.
        let Ok(receipt) = minicbor::decode::<Receipt>(&committed.receipt.body) else {
            return Ok(false);
        };
        let serial = station_core::convert::serial(&receipt.serial);
        let is_it = |known: &KnownAssociation| known.association.id.0 == receipt.association.0;
        let in_file = self.associations(None, &serial)?;
        if in_file
            .iter()
            .any(|known| is_it(known) || known.association.band_epoch >= receipt.epoch)
        {
            return Ok(false);
        }
        // Rows that cannot be read any more do not say that it was over.
        let in_force = |known: Vec<KnownAssociation>| {
            known
                .iter()
                .any(|known| is_it(known) && known.association.is_open())
        };
        Ok(before.associations(None, &serial).map_or(true, in_force))
    }

    /// Applies a commit that the provisioning file cannot know of.
    fn commit_again(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let Ok(JournalRecord::Committed(committed)) = JournalRecord::decode(&entry.record) else {
            return Ok(());
        };
        let Ok(receipt) = Receipt::verify(&committed.receipt, &committed.band_key) else {
            return Ok(());
        };
        let serial = station_core::convert::serial(&receipt.serial);
        let Some(user) = self.user_by_handle(receipt.user)? else {
            return Ok(());
        };
        let known = self.associations(Some(&user), &serial)?;
        let known: Vec<_> = known.into_iter().map(|known| known.association).collect();
        let (user, band) = (&user.user.id, self.band(&serial)?);
        let changes = changes_on_commit(&receipt, user, committed.seos, band.as_ref(), &known);
        self.durably(|access| changes::apply(access, &changes))
    }
}

/// Which date counts as passed after the exchange. A file that is newer than the one loaded is an administrator's
/// word about the date; the same file again is not, and a clock set back before it is loaded extends nothing.
fn passed_after(provision: &Provision, before: &Store, time_ms: u64) -> Result<u64, StoreError> {
    if provision.made_at_ms > before.identity()?.as_of_ms {
        return Ok(0);
    }
    let last = unless_damaged(before.last_entry(), |last| last, None)?;
    let floor_ms = last.map_or(0, |entry| floor_after(0, &entry));
    let passed_ms = unless_damaged(before.passed_ms(), |ms| ms, 0)?.max(floor_ms);
    Ok(if passed_ms > time_ms { passed_ms } else { 0 })
}

/// What was read out of a database that may be damaged, or what stands for it.
fn unless_damaged<T, U>(
    outcome: Result<T, StoreError>,
    read: impl FnOnce(T) -> U,
    damaged: U,
) -> Result<U, StoreError> {
    match outcome {
        Ok(value) => Ok(read(value)),
        Err(StoreError::Corrupted(_)) => Ok(damaged),
        Err(error) => Err(error),
    }
}

fn provisioned(identity: &Identity, provision: &Provision) -> Provisioned {
    Provisioned {
        revision: provision.revision,
        digest: provision.digest,
        organization: identity.organization,
        station: identity.station,
        zone: identity.zone,
        users: provision.users.len() as u32,
        bands: provision.bands.len() as u32,
    }
}

/// Rows that belong to this station and not to the file.
fn carry_rows(writer: &mut Writer<'_>, access: Access<'_>, before: &Store) -> Result<(), StoreError> {
    let mut statement = before
        .connection
        .prepare("select * from tickets where state <> 0")?;
    let mut used = statement.query(())?;
    while let Some(row) = used.next()? {
        carry_ticket(writer, access, rows::ticket(&before.sealing, row)?)?;
    }
    carry_attempts(writer, before)?;
    let intents = before.intents()?;
    for intent in intents {
        let body = minicbor::to_vec(&intent).expect("memory takes everything");
        writer.put(
            &tables::INTENTS,
            &[ValueRef::Blob(&intent.association.0), ValueRef::Blob(&body)],
        )?;
    }
    Ok(())
}

/// Failed attempts. Whose they are is a keyed hash where they come from already, or becomes one.
pub(super) fn carry_attempts(writer: &mut Writer<'_>, before: &Store) -> Result<(), StoreError> {
    let mut statement = before.connection.prepare("select * from attempts")?;
    let mut attempts = statement.query(())?;
    while let Some(row) = attempts.next()? {
        tables::check_row(&tables::ATTEMPTS, row)?;
        let values = [row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?];
        match before.sealing {
            Sealing::Clear => writer.put(&tables::ATTEMPTS, &values)?,
            Sealing::Sealed(_) => writer.put_stored(&tables::ATTEMPTS, &values)?,
        }
    }
    Ok(())
}

/// A ticket that was used or taken back stays so, whatever the file says.
fn carry_ticket(writer: &mut Writer<'_>, access: Access<'_>, used: StoredTicket) -> Result<(), StoreError> {
    let row = changes::stored_ticket(access, used.id)?
        .and_then(|known| known.row)
        .or(used.row);
    debug_assert_ne!(used.state, TicketState::Unspent);
    rows::put_ticket(
        writer,
        &StoredTicket {
            id: used.id,
            row,
            state: used.state,
        },
    )
}
