//! The console's rows in this database: pages applied with their cursor in one transaction, snapshots put
//! aside until they are whole, and the station's own journal applied once more on top.

use firmware_protocol::certificate::Signed;
use firmware_protocol::id::{OrganizationId, UserHandle, Zone};
use firmware_protocol::receipt::Receipt;
use policy::model::{AssociationId, PolicyId, UserId};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use server_sync::StationKey;
use server_sync::feed::{self, Complete, InboxState, KeyKind, KeyRow, Row, RowKey};
use server_sync::journal::Ack;
use station_core::journal::{Committed, Head, Intent, JournalRecord, ReplicaReplaced, RolledBack, chain};
use station_core::provision::{Base16, HexBytes};
use station_core::replica::{Change, TicketState, changes_on_commit, derived_handle};
use station_core::sync::{self, Handles};

use super::replica::{self, Issuer};
use super::rows::{self, StoredTicket, to_body};
use super::sealing::Access;
use super::tables::{self, Table, Writer};
use super::{Store, StoreError, changes, journal};

/// The key of the row of `meta` that says how the station stands with its console.
const SYNC: &str = "sync";
/// So many rows in one page are all over the tables.
const MANY_ROWS: usize = 200;
/// How long what is written down may stay behind the moment at which the replica was last known to be true.
const AGE_WRITTEN_EVERY_MS: u64 = 5 * 60_000;
/// Journal entries read at a time.
const CHUNK_LEN: u32 = 500;

/// How the station stands with its console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// What the feed's inbox keeps.
    #[serde(default)]
    inbox: Base16,
    /// The console's last acknowledgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ack: Option<Base16>,
    /// Why nothing is taken from the console, by a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_stopped: Option<String>,
    /// Why nothing is sent to the console, by a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_stopped: Option<String>,
    /// What the console wants of this station.
    #[serde(default)]
    pub wishes: Wishes,
}

/// What the console wants of this station; nothing is what the station does by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// How long a question for news is held open, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_s: Option<u16>,
    /// How often the station reports its health, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_every_s: Option<u32>,
    /// SHA-256 of each authority under which the console may answer, the newest last; empty if it never said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<HexBytes<32>>,
}

impl SyncState {
    /// A station that has just joined.
    pub fn joined(inbox: &InboxState) -> Self {
        Self {
            inbox: Base16(inbox.to_bytes()),
            ..Self::default()
        }
    }

    /// What the feed's inbox keeps. One that does not read begins anew, which costs a snapshot.
    pub fn inbox(&self) -> InboxState {
        InboxState::from_bytes(&self.inbox.0).unwrap_or_default()
    }

    /// The console's last acknowledgement.
    pub fn ack(&self) -> Option<Ack> {
        minicbor::decode(&self.ack.as_ref()?.0).ok()
    }

    /// The same with this inbox.
    pub fn with_inbox(mut self, inbox: &InboxState) -> Self {
        self.inbox = Base16(inbox.to_bytes());
        self
    }

    /// The same with this acknowledgement.
    pub fn with_ack(mut self, ack: Option<Ack>) -> Self {
        self.ack = ack.map(|ack| Base16(minicbor::to_vec(ack).expect("memory takes everything")));
        self
    }
}

/// Rows to apply, and what the inbox keeps then.
#[derive(Clone, Debug)]
pub struct Applying {
    /// The rows of one page.
    pub rows: Vec<Row>,
    /// What the inbox keeps afterwards.
    pub inbox: InboxState,
    /// With these rows the replica is whole: it is as the console was at one moment.
    pub is_whole: bool,
}

impl Store {
    /// How the station stands with its console; nothing if it never joined one.
    pub fn sync_state(&self) -> Result<Option<SyncState>, StoreError> {
        replica::meta(self.access(), SYNC)
    }

    /// Remembers how the station stands with its console.
    pub fn set_sync_state(&mut self, state: &SyncState) -> Result<(), StoreError> {
        self.durably(|access| {
            let mut writer = Writer::new(access);
            put_state(&mut writer, state)?;
            writer.finish()
        })
    }

    /// Exchanges what the station shows to bands, and what it is called and where it stands.
    pub fn set_certificate(
        &mut self,
        certificate: &Signed,
        site: &str,
        zone: Zone,
    ) -> Result<(), StoreError> {
        self.durably(|access| {
            let mut writer = Writer::new(access);
            replica::change_station(access, &mut writer, |body| {
                body.set_certificate(certificate, site, zone);
            })?;
            writer.finish()
        })?;
        self.identity = replica::read_identity(self.access())?;
        Ok(())
    }

    /// Puts a page of a snapshot aside. The first page removes what was left of an earlier snapshot.
    pub fn stage(&mut self, page: &[u8], is_first: bool, inbox: &InboxState) -> Result<(), StoreError> {
        let state = self.sync_state()?.unwrap_or_default().with_inbox(inbox);
        self.durably(|access| {
            if is_first {
                access.execute("delete from staged_pages", ())?;
            }
            let page = access.sealing.seal_page(page);
            access.execute("insert into staged_pages (page) values (?1)", [&page[..]])?;
            let mut writer = Writer::new(access);
            put_state(&mut writer, &state)?;
            writer.finish()
        })
    }

    /// Applies rows that changed.
    pub fn apply_rows(&mut self, applying: &Applying) -> Result<(), StoreError> {
        self.apply(applying, 0, |_, filler| {
            applying.rows.iter().try_for_each(|row| filler.row(row))
        })
    }

    /// What the station knows was true as a whole at this moment too; nothing else changed. It is known at once and
    /// written down now and then: a station without news writes nothing, and after a restart its knowledge counts
    /// as a little older than it is, until the console answers.
    pub fn confirm(&mut self, applying: &Applying) -> Result<(), StoreError> {
        let Some(complete) = applying.inbox.complete else {
            return Ok(());
        };
        let written_ms = replica::read_identity(self.access())?.map_or(0, |identity| identity.as_of_ms);
        if complete.made_at_ms.abs_diff(written_ms) >= AGE_WRITTEN_EVERY_MS {
            return self.apply_rows(applying);
        }
        if let Some(identity) = &mut self.identity {
            identity.as_of_ms = complete.made_at_ms;
        }
        Ok(())
    }

    /// Exchanges all rows for those of the pages that were put aside, and of `applying`, which is the last.
    /// `read` verifies a page once more and gives its rows. Pages are read one by one. The journal says that
    /// it happened, at `time_ms`.
    pub fn apply_staged(
        &mut self,
        applying: &Applying,
        time_ms: u64,
        read: impl Fn(&[u8]) -> Option<Vec<Row>>,
    ) -> Result<(), StoreError> {
        self.apply(applying, time_ms, |access, filler| {
            filler.clear()?;
            let mut statement = access.prepare("select page from staged_pages order by number")?;
            let mut pages = statement.query(())?;
            while let Some(page) = pages.next()? {
                let page = access
                    .sealing
                    .open_page(page.get_ref(0)?.as_blob().unwrap_or_default());
                let rows = page.and_then(|page| read(&page));
                let rows =
                    rows.ok_or_else(|| StoreError::Failed("a page put aside is not what it was".into()))?;
                rows.iter().try_for_each(|row| filler.row(row))?;
            }
            applying.rows.iter().try_for_each(|row| filler.row(row))?;
            access.execute("delete from staged_pages", ())?;
            Ok(())
        })
    }

    /// Removes what a snapshot under way has put aside.
    pub fn forget_staged(&mut self) -> Result<(), StoreError> {
        self.durably(|access| {
            access.execute("delete from staged_pages", ())?;
            Ok(())
        })
    }

    /// `replaced_ms` is the date of a replacement, 0 for a change.
    fn apply(
        &mut self,
        applying: &Applying,
        replaced_ms: u64,
        fill: impl FnOnce(Access<'_>, &mut Filler<'_, '_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (station, organization) = (self.station_key()?, self.identity()?.organization);
        let mut state = self.sync_state()?.unwrap_or_default().with_inbox(&applying.inbox);
        let complete = applying.inbox.complete;
        let is_much = replaced_ms > 0 || applying.rows.len() > MANY_ROWS;
        let head = self.durably_of_size(is_much, |access| {
            let mut writer = Writer::new(access);
            let mut filler = Filler {
                access,
                writer: &mut writer,
                organization,
                group_policy: None,
                wishes: state.wishes.clone(),
            };
            fill(access, &mut filler)?;
            let group_policy = filler.group_policy.take();
            state.wishes = filler.wishes;
            put_state(&mut writer, &state)?;
            let keys = told_keys(access)?;
            replica::change_station(access, &mut writer, |body| {
                body.set_told(&keys, group_policy.as_ref());
                if let Some(complete) = complete.filter(|_| applying.is_whole) {
                    body.set_age(complete.revision.number(), complete.made_at_ms);
                }
            })?;
            writer.finish()?;
            Own::after(access, station, complete)?.apply(access)?;
            match complete.filter(|_| replaced_ms > 0) {
                Some(complete) => append_replaced(access, station, replaced_ms, &complete).map(Some),
                None => Ok(None),
            }
        })?;
        self.appended = head.or(self.appended);
        self.identity = replica::read_identity(self.access())?;
        Ok(())
    }
}

/// The journal says in the same transaction that the rows were exchanged.
fn append_replaced(
    access: Access<'_>,
    station: StationKey,
    time_ms: u64,
    complete: &Complete,
) -> Result<Head, StoreError> {
    let count = |table| tables::totals(&access, table).map(|(count, _)| count.max(0) as u32);
    let record = ReplicaReplaced {
        lineage: complete.lineage.0,
        revision: complete.revision.number(),
        made_at_ms: complete.made_at_ms,
        users: count(&tables::USERS)?,
        bands: count(&tables::BANDS)?,
        contains_through: complete.acked_through,
    };
    let (entries, head) = chain(
        station,
        journal::head(access, station)?,
        time_ms,
        &[record.into()],
    );
    entries
        .iter()
        .try_for_each(|entry| journal::insert(access, entry))?;
    Ok(head)
}

fn put_state(writer: &mut Writer<'_>, state: &SyncState) -> Result<(), StoreError> {
    writer.put(
        &tables::META,
        &[ValueRef::Text(SYNC.as_bytes()), ValueRef::Blob(&to_body(state))],
    )
}

/// What the console tells of a key.
#[derive(Serialize, Deserialize)]
struct KeyBody {
    kind: u8,
    bytes: HexBytes<32>,
    not_before_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired_at_ms: Option<u64>,
}

/// A key that the console told.
pub(super) struct ToldKey {
    pub(super) kind: KeyKind,
    pub(super) issuer: Issuer,
}

fn told_keys(access: Access<'_>) -> Result<Vec<ToldKey>, StoreError> {
    let mut statement = access.prepare_cached("select * from told_keys order by id")?;
    let mut found = statement.query(())?;
    let mut keys = Vec::new();
    while let Some(row) = found.next()? {
        let body: KeyBody = rows::body(access.sealing, &tables::TOLD_KEYS, row)?;
        let kinds = [KeyKind::TicketIssuer, KeyKind::Code, KeyKind::Manufacturer];
        let Some(kind) = kinds.into_iter().find(|kind| *kind as u8 == body.kind) else {
            continue;
        };
        keys.push(ToldKey {
            kind,
            issuer: Issuer {
                key: body.bytes.0,
                not_before_ms: body.not_before_ms,
                retired_at_ms: body.retired_at_ms,
            },
        });
    }
    Ok(keys)
}

/// Writes rows of the feed.
struct Filler<'a, 't> {
    access: Access<'t>,
    writer: &'a mut Writer<'t>,
    organization: OrganizationId,
    group_policy: Option<PolicyId>,
    wishes: Wishes,
}

impl Handles for Filler<'_, '_> {
    type Error = StoreError;

    fn handle(&self, user: &UserId) -> Result<UserHandle, StoreError> {
        let known = replica::user(self.access, user)?;
        Ok(known.map_or_else(
            || derived_handle(self.organization, user.as_str()),
            |row| row.handle,
        ))
    }
}

impl Filler<'_, '_> {
    /// Removes every row that a snapshot brings anew. Tickets that were used or taken back stay so: one
    /// that the console did not issue would otherwise be good again.
    fn clear(&mut self) -> Result<(), StoreError> {
        let tables = [
            &tables::USERS,
            &tables::BANDS,
            &tables::ASSOCIATIONS,
            &tables::POLICIES,
            &tables::OPERATORS,
            &tables::TOLD_KEYS,
        ];
        tables
            .into_iter()
            .try_for_each(|table| self.writer.clear(table))?;
        let mut statement = self.access.prepare("select id from tickets where state = 0")?;
        let ids = statement.query_map((), |row| row.get::<_, [u8; 16]>(0))?;
        let ids: Vec<_> = ids.collect::<Result<_, _>>()?;
        ids.iter()
            .try_for_each(|id| self.writer.delete(&tables::TICKETS, ValueRef::Blob(id)))
    }

    fn row(&mut self, row: &Row) -> Result<(), StoreError> {
        match row {
            Row::User(row) => self.user(row),
            Row::Band(row) => rows::put_band(self.writer, &row.band()),
            Row::Association(row) => rows::put_association(self.writer, &sync::association_row(row)),
            Row::GroupPolicy(row) => {
                let policy = row.policy();
                replica::put_policy(self.writer, "g", &policy.id, &policy)
            }
            Row::IndividualPolicy(row) => {
                let policy = row.policy();
                replica::put_policy(self.writer, "i", &policy.id, &policy)
            }
            Row::ActiveGroupPolicy(row) => {
                self.group_policy = Some(row.policy.clone());
                Ok(())
            }
            Row::Operator(row) => {
                let row = sync::operator_row(row, self)?;
                rows::put_operator(self.writer, &row)
            }
            Row::Ticket(row) => self.ticket(row),
            Row::Key(row) => self.key(row),
            Row::Station(row) => {
                self.wishes = Wishes {
                    hold_s: row.hold_s,
                    health_every_s: row.health_every_s,
                    authorities: row
                        .authorities
                        .iter()
                        .flatten()
                        .map(|authority| HexBytes(authority.0))
                        .collect(),
                };
                Ok(())
            }
            Row::Removed(_) => row.key().map_or(Ok(()), |key| self.remove(&key)),
        }
    }

    fn user(&mut self, row: &feed::UserRow) -> Result<(), StoreError> {
        let row = sync::user_row(self.organization, row);
        if self.writer.is_cleared(&tables::USERS) && rows::add_user(self.writer, &row)? {
            return Ok(());
        }
        // Somebody else may have had the handle: a person who was renamed is another row.
        if let Some(other) = replica::user_by_handle(self.access, row.handle)?
            && other.user.id != row.user.id
        {
            let id = ValueRef::Text(other.user.id.as_str().as_bytes());
            self.writer.delete(&tables::USERS, id)?;
        }
        rows::put_user(self.writer, &row)
    }

    fn ticket(&mut self, row: &feed::TicketRow) -> Result<(), StoreError> {
        let (row, state) = sync::ticket_row(row, self)?;
        rows::put_ticket(
            self.writer,
            &StoredTicket {
                id: row.id,
                row: Some(row),
                state,
            },
        )
    }

    fn key(&mut self, row: &KeyRow) -> Result<(), StoreError> {
        let body = to_body(&KeyBody {
            kind: row.kind as u8,
            bytes: HexBytes(row.bytes),
            not_before_ms: row.not_before_ms,
            retired_at_ms: row.retired_at_ms,
        });
        let id = RowKey::Key(row.kind, row.id).to_bytes();
        self.writer
            .put(&tables::TOLD_KEYS, &[ValueRef::Blob(&id), ValueRef::Blob(&body)])
    }

    fn remove(&mut self, key: &RowKey) -> Result<(), StoreError> {
        let bytes = key.to_bytes();
        let text = |table: &Table, writer: &mut Writer<'_>| writer.delete(table, ValueRef::Text(&bytes));
        match key {
            RowKey::User(_) => text(&tables::USERS, self.writer),
            RowKey::Band(_) => text(&tables::BANDS, self.writer),
            RowKey::Operator(_) => text(&tables::OPERATORS, self.writer),
            RowKey::Association(id) => self.writer.delete(&tables::ASSOCIATIONS, ValueRef::Blob(&id.0)),
            RowKey::GroupPolicy(id) => self.remove_policy("g", id),
            RowKey::IndividualPolicy(id) => self.remove_policy("i", id),
            RowKey::Ticket(id) => self.remove_ticket(*id),
            RowKey::Key(..) => self.writer.delete(&tables::TOLD_KEYS, ValueRef::Blob(&bytes)),
            RowKey::ActiveGroupPolicy | RowKey::Station(_) => Ok(()),
        }
    }

    fn remove_policy(&mut self, kind: &str, id: &PolicyId) -> Result<(), StoreError> {
        let key = format!("{kind}:{id}");
        self.writer
            .delete(&tables::POLICIES, ValueRef::Text(key.as_bytes()))
    }

    /// A ticket that was used keeps its state as long as there is this database.
    fn remove_ticket(&mut self, id: [u8; 16]) -> Result<(), StoreError> {
        let id = station_core::ticket::TicketId(id);
        match changes::stored_ticket(self.access, id)? {
            Some(stored) if stored.state != TicketState::Unspent => rows::put_ticket(
                self.writer,
                &StoredTicket {
                    id,
                    row: None,
                    state: stored.state,
                },
            ),
            _ => self.writer.delete(&tables::TICKETS, ValueRef::Blob(&id.0)),
        }
    }
}

/// What this station did and the console's rows do not contain.
#[derive(Default)]
struct Own(Vec<JournalRecord>);

impl Own {
    /// What the journal says behind the place up to which the console's rows contain it.
    fn after(
        access: Access<'_>,
        station: StationKey,
        complete: Option<Complete>,
    ) -> Result<Self, StoreError> {
        let mut own = Self::default();
        let mut next = complete.map_or(0, |complete| complete.acked_through) + 1;
        loop {
            let entries = journal::read(access, station, next, CHUNK_LEN)?;
            let Some(last) = entries.last() else {
                return Ok(own);
            };
            next = last.sequence + 1;
            entries.iter().for_each(|entry| own.add(&entry.record));
        }
    }

    fn add(&mut self, record: &[u8]) {
        if let Ok(record) = JournalRecord::decode(record)
            && matches!(
                record,
                JournalRecord::Intent(_) | JournalRecord::Committed(_) | JournalRecord::RolledBack(_)
            )
        {
            self.0.push(record);
        }
    }

    /// Applies it once more, in its order, to the console's rows. The rows it made before are taken out
    /// first, so that none of them stands in the way of an earlier one.
    fn apply(&self, access: Access<'_>) -> Result<(), StoreError> {
        let mut kept = Vec::new();
        let mut writer = Writer::new(access);
        for receipt in self.receipts() {
            let id = AssociationId(receipt.association.0);
            kept.push(changes::find_association(access, id)?);
            writer.delete(&tables::ASSOCIATIONS, ValueRef::Blob(&id.0))?;
        }
        writer.finish()?;
        let mut kept = kept.into_iter();
        for record in &self.0 {
            let changes = match record {
                JournalRecord::Intent(intent) => spent(access, intent)?,
                JournalRecord::RolledBack(rolled_back) => released(rolled_back),
                JournalRecord::Committed(committed) => {
                    let Some(receipt) = receipt_of(committed) else {
                        continue;
                    };
                    let before = kept.next().flatten();
                    commit(access, committed, &receipt, before)?
                }
                _ => vec![],
            };
            changes::apply(access, &changes)?;
        }
        Ok(())
    }

    fn receipts(&self) -> impl Iterator<Item = Receipt> {
        self.0.iter().filter_map(|record| match record {
            JournalRecord::Committed(committed) => receipt_of(committed),
            _ => None,
        })
    }
}

/// The signature was checked when the entry was written, and the chain holds.
fn receipt_of(committed: &Committed) -> Option<Receipt> {
    minicbor::decode(&committed.receipt.body).ok()
}

/// A ticket that was used elsewhere meanwhile stays what the console says it is.
fn spent(access: Access<'_>, intent: &Intent) -> Result<Vec<Change>, StoreError> {
    let Some(ticket) = intent.ticket else {
        return Ok(vec![]);
    };
    let stored = changes::stored_ticket(access, ticket)?;
    let association = intent.association;
    Ok(match stored.map(|stored| stored.state).unwrap_or_default() {
        TicketState::Unspent => vec![Change::SpendTicket { ticket, association }],
        _ => vec![],
    })
}

fn released(rolled_back: &RolledBack) -> Vec<Change> {
    let association = rolled_back.association;
    let release = rolled_back
        .ticket
        .map(|ticket| Change::ReleaseTicket { ticket, association });
    release.into_iter().collect()
}

/// What a commit of this station changes, given what the console says now. What the row had that a receipt
/// does not say is kept.
fn commit(
    access: Access<'_>,
    committed: &Committed,
    receipt: &Receipt,
    before: Option<station_core::replica::AssociationRow>,
) -> Result<Vec<Change>, StoreError> {
    let Some(user) = replica::user_by_handle(access, receipt.user)? else {
        // The person is not of this site any more. The band holds them all the same: the row stays as it was.
        return Ok(before.map(Change::PutAssociation).into_iter().collect());
    };
    let serial = station_core::convert::serial(&receipt.serial);
    let known = replica::associations_of_either(access, &user.user.id, &serial)?;
    let band = replica::band(access, &serial)?;
    let mut changes = changes_on_commit(receipt, &user.user.id, committed.seos, band.as_ref(), &known);
    changes.retain(|change| !matches!(change, Change::CloseIntent { .. }));
    for change in &mut changes {
        if let (Change::PutAssociation(row), Some(before)) = (change, &before) {
            row.association.expires_at = row.association.expires_at.or(before.association.expires_at);
        }
    }
    Ok(changes)
}
