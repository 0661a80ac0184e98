//! Rows in their stored form and back. Bodies are JSON, intents the CBOR of the journal. What a column holds as a keyed
//! hash stands in the body too; rows of before have it in the column alone.

use std::collections::BTreeSet;
use std::str::FromStr;

use firmware_protocol::id::{self as air, UserHandle};
use firmware_protocol::time::UnixSeconds;
use policy::model::{
    Association, AssociationId, Band, Ending, IdFault, PolicyId, StockState, Suspension, UnixMillis, User,
    UserId, UserStatus, Zone,
};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use station_core::provision::HexBytes;
use station_core::replica::{AssociationRow, OperatorRow, Right, TicketRow, TicketState, UserRow};
use station_core::ticket::{CodeHash, TicketId};

use super::StoreError;
use super::sealing::Sealing;
use super::tables::{self, Table, Writer};

/// The bytes of a body.
pub(super) fn to_body(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("rows are plain data")
}

/// A body read back. The seal was right, so a body that does not read was written by another program.
pub(super) fn from_body<T: DeserializeOwned>(table: &Table, body: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body)
        .map_err(|error| StoreError::Corrupted(format!("a row of {} does not read: {error}", table.name)))
}

/// What of a user is not in a column. What is left out has its ordinary value; so in all bodies.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handle: Option<HexBytes<16>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    site: String,
    #[serde(default, skip_serializing_if = "is_ordinary")]
    status: UserStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension: Option<Suspension>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyId>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    label: String,
}

/// Inserts or replaces a user.
pub(super) fn put_user(writer: &mut Writer<'_>, row: &UserRow) -> Result<(), StoreError> {
    let body = user_body(row);
    writer.put(&tables::USERS, &user_values(row, &body))
}

/// Inserts a user whose identifier and handle nobody has; whether it did.
pub(super) fn add_user(writer: &mut Writer<'_>, row: &UserRow) -> Result<bool, StoreError> {
    let body = user_body(row);
    writer.add(&tables::USERS, &user_values(row, &body))
}

fn user_values<'a>(row: &'a UserRow, body: &'a [u8]) -> [ValueRef<'a>; 3] {
    let id = ValueRef::Text(row.user.id.as_str().as_bytes());
    [id, ValueRef::Blob(&row.handle.0), ValueRef::Blob(body)]
}

fn user_body(row: &UserRow) -> Vec<u8> {
    let User {
        id,
        name,
        site,
        status,
        suspension,
    } = row.user.clone();
    let (policy, label) = (row.policy.clone(), row.label.clone());
    to_body(&UserBody {
        id: Some(id),
        handle: Some(HexBytes(row.handle.0)),
        name,
        site,
        status,
        suspension,
        policy,
        label,
    })
}

/// Reads a user.
pub(super) fn user(sealing: &Sealing, row: &Row<'_>) -> Result<UserRow, StoreError> {
    let UserBody {
        id,
        handle,
        name,
        site,
        status,
        suspension,
        policy,
        label,
    } = body(sealing, &tables::USERS, row)?;
    let user = User {
        id: id.map_or_else(|| column(row, 0), Ok)?,
        name,
        site,
        status,
        suspension,
    };
    let handle = handle.map_or_else(|| row.get(1), |HexBytes(handle)| Ok(handle));
    Ok(UserRow {
        handle: UserHandle(handle?),
        user,
        policy,
        label,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BandBody {
    #[serde(default, skip_serializing_if = "is_ordinary")]
    seos: bool,
    #[serde(default, skip_serializing_if = "is_ordinary")]
    stock: StockState,
}

/// Inserts or replaces a band.
pub(super) fn put_band(writer: &mut Writer<'_>, band: &Band) -> Result<(), StoreError> {
    let body = to_body(&BandBody {
        seos: band.seos,
        stock: band.stock,
    });
    writer.put(
        &tables::BANDS,
        &[
            ValueRef::Text(band.serial.as_str().as_bytes()),
            ValueRef::Blob(&body),
        ],
    )
}

/// Reads a band.
pub(super) fn band(sealing: &Sealing, row: &Row<'_>) -> Result<Band, StoreError> {
    let BandBody { seos, stock } = body(sealing, &tables::BANDS, row)?;
    Ok(Band {
        serial: column(row, 0)?,
        seos,
        stock,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssociationBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "is_ordinary")]
    zone: Zone,
    #[serde(default, skip_serializing_if = "is_ordinary")]
    active: bool,
    #[serde(default, skip_serializing_if = "is_ordinary")]
    primary: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension: Option<Suspension>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ending>,
    #[serde(default, skip_serializing_if = "is_ordinary")]
    epoch: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<HexBytes<32>>,
}

/// Inserts or replaces an association.
pub(super) fn put_association(writer: &mut Writer<'_>, row: &AssociationRow) -> Result<(), StoreError> {
    let Association {
        id,
        user,
        band,
        zone,
        active,
        primary,
        expires_at,
        suspension,
        ended,
        band_epoch,
        note,
    } = row.association.clone();
    let (epoch, key) = (band_epoch, row.credential_key.map(HexBytes));
    let body = to_body(&AssociationBody {
        user: Some(user.clone()),
        zone,
        active,
        primary,
        expires_at,
        suspension,
        ended,
        epoch,
        note,
        key,
    });
    let (user, band) = (user.as_str().as_bytes(), band.as_str().as_bytes());
    let values = [
        ValueRef::Blob(&id.0),
        ValueRef::Text(user),
        ValueRef::Text(band),
        ValueRef::Blob(&body),
    ];
    writer.put(&tables::ASSOCIATIONS, &values)
}

/// Reads an association.
pub(super) fn association(sealing: &Sealing, row: &Row<'_>) -> Result<AssociationRow, StoreError> {
    let AssociationBody {
        user,
        zone,
        active,
        primary,
        expires_at,
        suspension,
        ended,
        epoch,
        note,
        key,
    } = body(sealing, &tables::ASSOCIATIONS, row)?;
    let association = Association {
        id: AssociationId(row.get(0)?),
        user: user.map_or_else(|| column(row, 1), Ok)?,
        band: column(row, 2)?,
        zone,
        active,
        primary,
        expires_at,
        suspension,
        ended,
        band_epoch: epoch,
        note,
    };
    Ok(AssociationRow {
        association,
        credential_key: key.map(|HexBytes(key)| key),
    })
}

#[derive(Serialize, Deserialize)]
struct TicketBody {
    user: HexBytes<16>,
    site: String,
    registration: bool,
    not_before: u64,
    expires: u64,
}

/// A ticket as stored. A signed ticket that was spent has a state and nothing else.
pub(super) struct StoredTicket {
    pub(super) id: TicketId,
    pub(super) row: Option<TicketRow>,
    pub(super) state: TicketState,
}

/// Inserts or replaces a ticket.
pub(super) fn put_ticket(writer: &mut Writer<'_>, ticket: &StoredTicket) -> Result<(), StoreError> {
    let body = ticket.row.as_ref().map(|row| {
        to_body(&TicketBody {
            user: HexBytes(row.user.0),
            site: row.site.clone(),
            registration: row.zone == air::Zone::Registration,
            not_before: row.not_before.0,
            expires: row.expires.0,
        })
    });
    let hash = ticket.row.as_ref().and_then(|row| row.code_hash);
    let (state, association) = match &ticket.state {
        TicketState::Unspent => (0, ValueRef::Null),
        TicketState::Spent { association } => (1, ValueRef::Blob(&association.0)),
        TicketState::Revoked => (2, ValueRef::Null),
    };
    let hash = hash
        .as_ref()
        .map_or(ValueRef::Null, |CodeHash(hash)| ValueRef::Blob(hash));
    let body = body.as_deref().map_or(ValueRef::Null, ValueRef::Blob);
    writer.put(
        &tables::TICKETS,
        &[
            ValueRef::Blob(&ticket.id.0),
            hash,
            ValueRef::Integer(state),
            association,
            body,
        ],
    )
}

/// Reads a ticket.
pub(super) fn ticket(sealing: &Sealing, row: &Row<'_>) -> Result<StoredTicket, StoreError> {
    let body = tables::body(sealing, &tables::TICKETS, row)?;
    let id = TicketId(row.get(0)?);
    let code_hash = row.get::<_, Option<[u8; 32]>>(1)?.map(CodeHash);
    let state = match (row.get(2)?, row.get::<_, Option<[u8; 16]>>(3)?) {
        (1, Some(association)) => TicketState::Spent {
            association: air::AssociationId(association),
        },
        (2, _) => TicketState::Revoked,
        (0..=1, _) => TicketState::Unspent,
        (other, _) => return Err(StoreError::Corrupted(format!("a ticket in state {other}"))),
    };
    let body: Option<TicketBody> = body.map(|body| from_body(&tables::TICKETS, &body)).transpose()?;
    let row = body.map(|body| TicketRow {
        id,
        code_hash,
        user: UserHandle(body.user.0),
        site: body.site,
        zone: if body.registration {
            air::Zone::Registration
        } else {
            air::Zone::Enrollment
        },
        not_before: UnixSeconds(body.not_before),
        expires: UnixSeconds(body.expires),
    });
    Ok(StoredTicket { id, row, state })
}

#[derive(Serialize, Deserialize)]
struct OperatorBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    pin: String,
    rights: BTreeSet<Right>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<HexBytes<16>>,
}

/// Inserts or replaces an operator.
pub(super) fn put_operator(writer: &mut Writer<'_>, row: &OperatorRow) -> Result<(), StoreError> {
    let body = to_body(&OperatorBody {
        id: Some(row.id.clone()),
        pin: row.pin.clone(),
        rights: row.rights.clone(),
        user: row.user.map(|UserHandle(handle)| HexBytes(handle)),
    });
    writer.put(
        &tables::OPERATORS,
        &[ValueRef::Text(row.id.as_bytes()), ValueRef::Blob(&body)],
    )
}

/// Reads an operator.
pub(super) fn operator(sealing: &Sealing, row: &Row<'_>) -> Result<OperatorRow, StoreError> {
    let body: OperatorBody = body(sealing, &tables::OPERATORS, row)?;
    let user = body.user.map(|HexBytes(handle)| UserHandle(handle));
    Ok(OperatorRow {
        id: body.id.map_or_else(|| row.get(0), Ok)?,
        pin: body.pin,
        rights: body.rights,
        user,
    })
}

/// What a row's body says.
pub(super) fn body<T: DeserializeOwned>(
    sealing: &Sealing,
    table: &Table,
    row: &Row<'_>,
) -> Result<T, StoreError> {
    let body = tables::body(sealing, table, row)?;
    from_body(table, &body.unwrap_or_default())
}

/// An identifier in a text column.
fn column<T: FromStr<Err = IdFault>>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    let text = row
        .get_ref(index)?
        .as_str()
        .map_err(|error| StoreError::Corrupted(error.to_string()))?;
    text.parse()
        .map_err(|fault: IdFault| StoreError::Corrupted(format!("{text:?} is no identifier: {fault}")))
}

/// A value that a body may leave out.
fn is_ordinary<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
