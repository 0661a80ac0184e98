//! How journal records change the rows: the changes of one append, in its transaction.

use firmware_protocol::id::AssociationId;
use policy::model::{self, Band, StockState};
use rusqlite::types::ValueRef;
use station_core::replica::{AssociationRow, Change, TicketState};
use station_core::ticket::{AttemptState, AttemptSubject, TicketId};

use super::rows::{self, StoredTicket};
use super::sealing::Access;
use super::tables::{self, Writer};
use super::{StoreError, notes};

/// Applies `changes` in their order, in the transaction that is open.
pub(super) fn apply(access: Access<'_>, changes: &[Change]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut writer = Writer::new(access);
    for change in changes {
        apply_one(access, &mut writer, change)?;
    }
    writer.finish()
}

fn apply_one(access: Access<'_>, writer: &mut Writer<'_>, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::PutAssociation(row) => rows::put_association(writer, row),
        Change::EndAssociation { id, ending } => {
            let mut row = association(access, *id)?;
            row.association.active = false;
            row.association.ended = Some(*ending);
            rows::put_association(writer, &row)
        }
        Change::DeactivateAssociation { id } => {
            let mut row = association(access, *id)?;
            row.association.active = false;
            rows::put_association(writer, &row)
        }
        Change::SpendTicket { ticket, association } => {
            let stored = stored_ticket(access, *ticket)?;
            if stored
                .as_ref()
                .is_some_and(|stored| is_taken(stored.state, *association))
            {
                return Err(StoreError::TicketSpent);
            }
            let row = stored.and_then(|stored| stored.row);
            let state = TicketState::Spent {
                association: *association,
            };
            rows::put_ticket(
                writer,
                &StoredTicket {
                    id: *ticket,
                    row,
                    state,
                },
            )
        }
        Change::ReleaseTicket { ticket, association } => release(access, writer, *ticket, *association),
        Change::OpenIntent(intent) => {
            let body = minicbor::to_vec(intent).expect("memory takes everything");
            writer.put(
                &tables::INTENTS,
                &[ValueRef::Blob(&intent.association.0), ValueRef::Blob(&body)],
            )
        }
        Change::CloseIntent { association } => {
            writer.delete(&tables::INTENTS, ValueRef::Blob(&association.0))
        }
        Change::PutBand(band) => rows::put_band(writer, band),
        Change::BandFound { serial } => {
            let band = super::replica::band(access, serial)?;
            let band =
                band.ok_or_else(|| StoreError::Failed(format!("band {serial} was found and is not known")))?;
            rows::put_band(
                writer,
                &Band {
                    stock: StockState::InStock,
                    ..band
                },
            )
        }
        Change::SetAttempts { subject, state } => set_attempts(writer, subject, *state),
        Change::DatePassed { ms } => notes::put_passed(writer, *ms),
        Change::Quarantine(quarantine) => notes::put_quarantine(writer, quarantine),
        Change::EndQuarantine { serial } => notes::end_quarantine(writer, serial),
    }
}

/// Whether a ticket cannot be spent for `association` any more.
fn is_taken(state: TicketState, association: AssociationId) -> bool {
    match state {
        TicketState::Unspent => false,
        TicketState::Spent { association: other } => other != association,
        TicketState::Revoked => true,
    }
}

fn association(access: Access<'_>, id: model::AssociationId) -> Result<AssociationRow, StoreError> {
    find_association(access, id)?
        .ok_or_else(|| StoreError::Failed(format!("association {id} is to change and is not there")))
}

/// The association with this id.
pub(super) fn find_association(
    access: Access<'_>,
    id: model::AssociationId,
) -> Result<Option<AssociationRow>, StoreError> {
    let mut statement = access.prepare_cached("select * from associations where id = ?1")?;
    let mut found = statement.query([id.0])?;
    let found = found.next()?;
    found
        .map(|row| rows::association(access.sealing, row))
        .transpose()
}

pub(super) fn stored_ticket(
    access: Access<'_>,
    ticket: TicketId,
) -> Result<Option<StoredTicket>, StoreError> {
    let mut statement = access.prepare_cached("select * from tickets where id = ?1")?;
    let mut found = statement.query([ticket.0])?;
    let found = found.next()?;
    found.map(|row| rows::ticket(access.sealing, row)).transpose()
}

/// Frees a ticket, unless it was used for something else meanwhile.
fn release(
    access: Access<'_>,
    writer: &mut Writer<'_>,
    ticket: TicketId,
    association: AssociationId,
) -> Result<(), StoreError> {
    let Some(stored) = stored_ticket(access, ticket)? else {
        return Ok(());
    };
    match (stored.state, stored.row) {
        (
            TicketState::Spent {
                association: spent_for,
            },
            row,
        ) if spent_for == association => match row {
            None => writer.delete(&tables::TICKETS, ValueRef::Blob(&ticket.0)),
            row => rows::put_ticket(
                writer,
                &StoredTicket {
                    id: ticket,
                    row,
                    state: TicketState::Unspent,
                },
            ),
        },
        _ => Ok(()),
    }
}

fn set_attempts(
    writer: &mut Writer<'_>,
    subject: &AttemptSubject,
    state: AttemptState,
) -> Result<(), StoreError> {
    let subject = subject.to_string();
    let key = ValueRef::Text(subject.as_bytes());
    if state == AttemptState::default() {
        return writer.delete(&tables::ATTEMPTS, key);
    }
    let blocked = i64::try_from(state.blocked_until_ms).unwrap_or(i64::MAX);
    writer.put(
        &tables::ATTEMPTS,
        &[
            key,
            ValueRef::Integer(state.failures.into()),
            ValueRef::Integer(blocked),
        ],
    )
}
