//! Tickets that were used: once each, wherever. Two stations without a network can both accept one; when both
//! journals are here, both associations are suspended until an administrator has looked.

use std::collections::{BTreeMap, BTreeSet};

use policy::merge::Event;
use policy::model::{AssociationId, UnixMillis};
use server_sync::Entry;
use station_core::journal::{Intent, RolledBack};

use crate::args;
use crate::db::{DbError, Row, Tx};
use crate::store::feed::{self, Kind};
use crate::store::{associations, history};
use crate::sync::stations::StationInfo;

/// What stands in the suspension of an association whose ticket was used twice.
pub(super) const NOTE: &str = "ticket_used_twice";

/// An intent uses its ticket.
pub(super) fn spend(
    tx: &Tx<'_>,
    station: &StationInfo,
    entry: &Entry,
    intent: &Intent,
    now: UnixMillis,
) -> Result<(), DbError> {
    let Some(ticket) = intent.ticket else {
        return Ok(());
    };
    tx.exec_later(
        "insert into ticket_uses (ticket, association, station, sequence, time_ms) values ($1, $2, $3, $4, $5) \
         on conflict (ticket, association) do nothing",
        args![&ticket.0, &intent.association.0, &station.id.0, entry.sequence, entry.time_ms],
    )?;
    let spent = tx.exec(
        "update tickets set spent_ms = $1, spent_for = $2, version = version + 1 where id = $3 and spent_ms is null",
        args![now, &intent.association.0, &ticket.0],
    )?;
    if spent > 0 { mark(tx, &ticket.0) } else { Ok(()) }
}

/// An intent that came to nothing frees its ticket, if nothing else used it.
pub(super) fn release(tx: &Tx<'_>, rolled_back: &RolledBack, now: UnixMillis) -> Result<(), DbError> {
    let _ = now;
    let Some(ticket) = rolled_back.ticket else {
        return Ok(());
    };
    tx.exec(
        "delete from ticket_uses where ticket = $1 and association = $2",
        args![&ticket.0, &rolled_back.association.0],
    )?;
    let freed = tx.exec(
        "update tickets set spent_ms = null, spent_for = null, version = version + 1 \
         where id = $1 and spent_for = $2",
        args![&ticket.0, &rolled_back.association.0],
    )?;
    if freed > 0 { mark(tx, &ticket.0) } else { Ok(()) }
}

fn mark(tx: &Tx<'_>, ticket: &[u8; 16]) -> Result<(), DbError> {
    let site = tx.first("select site from tickets where id = $1", args![ticket], |row| {
        row.text(0)
    })?;
    let key = data_encoding::HEXLOWER.encode(ticket);
    feed::mark(tx, Kind::Ticket, &key, &site.unwrap_or_default())
}

/// The uses of tickets with which these associations were made.
pub(super) const USED: &str = "select made.ticket, made.association from ticket_uses mine \
     join ticket_uses made on made.ticket = mine.ticket \
     join associations on associations.id = made.association where mine.association in ({})";

/// Which associations were made with which ticket.
#[derive(Default)]
pub(super) struct Used(BTreeMap<[u8; 16], BTreeSet<AssociationId>>);

impl Used {
    /// Takes a row of [`USED`].
    pub(super) fn take(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        let used = self.0.entry(row.array(0)?).or_default();
        used.insert(AssociationId(row.array(1)?));
        Ok(())
    }

    /// Suspends every association that was made with a ticket with which another was made too.
    pub(super) fn flag(self, tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
        let tickets = self.0.into_values().filter(|used| used.len() > 1);
        let doubtful: BTreeSet<_> = tickets.flatten().collect();
        let mut events = Vec::new();
        for id in doubtful {
            // Whoever was looked at already, and resumed, stays as the administrator said.
            let fresh = associations::get(tx, &id)?.filter(|association| association.suspension.is_none());
            if fresh.is_some_and(|association| association.is_open()) {
                events.push(Event::AssociationSuspended {
                    association: id,
                    note: NOTE.to_owned(),
                });
            }
        }
        history::say(tx, events, now).map(drop)
    }
}
