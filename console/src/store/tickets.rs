//! Tickets, operators at stations, and the keys that stations are told.

use std::collections::BTreeSet;

use policy::model::{UnixMillis, UserId, Zone};
use station_core::replica::Right;

use super::feed::{self, Kind};
use super::history::code;
use super::query::Query;
use crate::args;
use crate::db::{DbError, Row, Tx, Val};

/// A ticket, as the console keeps it: neither its text nor its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRow {
    /// Which ticket.
    pub id: [u8; 16],
    /// Whom it identifies.
    pub user: UserId,
    /// The site at which it may be used.
    pub site: String,
    /// The zone in which it may be used.
    pub zone: Zone,
    /// First second in which it may be used, since 1970.
    pub not_before: u64,
    /// Last second in which it may be used.
    pub expires: u64,
    /// The keyed hash of the code to type, if there is one.
    pub code_hash: Option<[u8; 32]>,
    /// The id of the key that signed it.
    pub issuer: String,
    /// Who issued it.
    pub issued_by: String,
    /// When.
    pub issued: UnixMillis,
    /// When it was taken back.
    pub revoked: Option<UnixMillis>,
    /// When it was used.
    pub spent: Option<UnixMillis>,
    /// Counts the changes.
    pub version: i64,
}

/// What [`read`] reads, in its order.
pub const COLUMNS: &str = "id, usr, site, zone, not_before, expires, code_hash, issuer, issued_by, issued_ms, \
     revoked_ms, spent_ms, version";

/// Reads [`COLUMNS`] from the first column on.
pub fn read(row: &Row<'_>) -> Result<TicketRow, DbError> {
    Ok(TicketRow {
        id: row.array(0)?,
        user: row.parse(1)?,
        site: row.text(2)?,
        zone: row.code(3)?,
        not_before: row.count(4)?,
        expires: row.count(5)?,
        code_hash: row.opt_array(6)?,
        issuer: row.text(7)?,
        issued_by: row.text(8)?,
        issued: row.moment(9)?,
        revoked: row.opt_moment(10)?,
        spent: row.opt_moment(11)?,
        version: row.int(12)?,
    })
}

fn hex(id: &[u8; 16]) -> String {
    data_encoding::HEXLOWER.encode(id)
}

/// Adds a ticket; one that is there already stays as it is.
pub fn insert(tx: &Tx<'_>, ticket: &TicketRow) -> Result<(), DbError> {
    tx.exec(
        "insert into tickets (id, usr, site, zone, not_before, expires, code_hash, issuer, issued_by, issued_ms, \
         revoked_ms, version) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1) on conflict (id) do nothing",
        args![
            &ticket.id,
            &ticket.user,
            &ticket.site,
            code(&ticket.zone),
            ticket.not_before,
            ticket.expires,
            ticket.code_hash.as_ref(),
            &ticket.issuer,
            &ticket.issued_by,
            ticket.issued,
            ticket.revoked
        ],
    )?;
    feed::mark(tx, Kind::Ticket, &hex(&ticket.id), &ticket.site)
}

/// The ticket, if there is one.
pub fn get(tx: &Tx<'_>, id: &[u8; 16]) -> Result<Option<TicketRow>, DbError> {
    tx.first(
        &format!("select {COLUMNS} from tickets where id = $1"),
        args![id],
        read,
    )
}

/// Takes a ticket back.
pub fn revoke(tx: &Tx<'_>, ticket: &TicketRow, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update tickets set revoked_ms = $2, version = version + 1 where id = $1 and revoked_ms is null",
        args![&ticket.id, now],
    )?;
    feed::mark(tx, Kind::Ticket, &hex(&ticket.id), &ticket.site)
}

/// Notes that a station saw a ticket used. The first use is kept.
pub fn spend(tx: &Tx<'_>, id: &[u8; 16], association: &[u8; 16], at: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update tickets set spent_ms = $2, spent_for = $3, version = version + 1 where id = $1 and spent_ms is null",
        args![id, at, association],
    )?;
    Ok(())
}

/// Which tickets to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this user.
    pub user: Option<UserId>,
    /// Only of these sites; empty: of all.
    pub sites: Vec<String>,
    /// Only those that can still be used at this second.
    pub usable_at: Option<u64>,
    /// Issued before this moment, or at it with a smaller id.
    pub before: Option<(i64, [u8; 16])>,
}

/// Tickets, the latest first.
pub fn list(tx: &Tx<'_>, filter: &Filter, limit: usize) -> Result<Vec<TicketRow>, DbError> {
    let mut query = Query::new(&format!("select {COLUMNS} from tickets where 1 = 1"));
    query.and_if("usr = ?", filter.user.as_ref());
    if !filter.sites.is_empty() {
        query.and_in("site", filter.sites.iter().map(Val::from));
    }
    if let Some(second) = filter.usable_at {
        query.and("expires >= ?", [second.into()]);
        query.push(" and revoked_ms is null and spent_ms is null");
    }
    if let Some((at, id)) = &filter.before {
        query.and("(issued_ms, id) < (?, ?)", [(*at).into(), id.into()]);
    }
    query.push(" order by issued_ms desc, id desc");
    query.limit(limit);
    query.all(tx, read)
}

/// Somebody with rights at stations.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// Who, by a short id.
    pub id: String,
    /// The user this operator is, if any.
    pub user: Option<UserId>,
    /// The PIN as an argon2 PHC string.
    pub pin: String,
    /// What this operator may do.
    pub rights: BTreeSet<Right>,
    /// Where; empty for everywhere.
    pub sites: Vec<String>,
    /// Counts the changes.
    pub version: i64,
}

impl std::fmt::Debug for OperatorRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorRow")
            .field("id", &self.id)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// Every operator, by id. There are few.
pub fn operators(tx: &Tx<'_>) -> Result<Vec<OperatorRow>, DbError> {
    tx.all(
        "select id, usr, pin, rights, sites, version from operators order by id",
        &[],
        |row| {
            Ok(OperatorRow {
                id: row.text(0)?,
                user: row.opt_parse(1)?,
                pin: row.text(2)?,
                rights: row.json(3)?,
                sites: row.text(4)?.lines().map(str::to_owned).collect(),
                version: row.int(5)?,
            })
        },
    )
}

/// Stores an operator; returns the version.
pub fn put_operator(tx: &Tx<'_>, operator: &OperatorRow, now: UnixMillis) -> Result<i64, DbError> {
    let rights = serde_json::to_string(&operator.rights).expect("rights have a form in JSON");
    let version = tx.number(
        "insert into operators (id, usr, pin, rights, sites, changed_ms, version) values ($1, $2, $3, $4, $5, $6, 1) \
         on conflict (id) do update set usr = excluded.usr, pin = excluded.pin, rights = excluded.rights, \
         sites = excluded.sites, changed_ms = excluded.changed_ms, version = operators.version + 1 returning version",
        args![
            &operator.id,
            operator.user.as_ref(),
            &operator.pin,
            rights,
            operator.sites.join("\n"),
            now
        ],
    )?;
    feed::mark(tx, Kind::Operator, &operator.id, "")?;
    Ok(version)
}

/// Removes an operator; false if there was none.
pub fn remove_operator(tx: &Tx<'_>, id: &str) -> Result<bool, DbError> {
    let gone = tx.exec("delete from operators where id = $1", args![id])?;
    feed::mark(tx, Kind::Operator, id, "")?;
    Ok(gone > 0)
}
