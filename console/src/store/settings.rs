//! Settings of the whole console: small values, each stored as JSON under a name.

use firmware_protocol::certificate::organization_id as organization_id_of;
use firmware_protocol::id::OrganizationId;
use policy::model::StationId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use station_core::provision::HexBytes;

use crate::args;
use crate::db::{DbError, Tx};

/// Names under which the console itself keeps values.
pub mod names {
    /// The lineage of this database: changes when a backup is restored.
    pub const LINEAGE: &str = "lineage";
    /// This console's id as a writer of history: changes with the lineage.
    pub const WRITER: &str = "writer";
    /// The organization's name for people.
    pub const ORGANIZATION: &str = "organization";
    /// The organization's Ed25519 public key, in base16.
    pub const ORGANIZATION_KEY: &str = "organization_key";
    /// The group policy that holds, as stations are told.
    pub const ACTIVE_GROUP_POLICY: &str = "active_group_policy";
    /// When a console last began to serve: written to see that it can be.
    pub const STARTED: &str = "started";
}

/// Values of several names.
pub(crate) const VALUES: &str = "select value from settings where name in ({})";

/// The value under `name`, with its version.
pub fn get<T: DeserializeOwned>(tx: &Tx<'_>, name: &str) -> Result<Option<(T, i64)>, DbError> {
    tx.first(
        "select value, version from settings where name = $1",
        args![name],
        |row| Ok((row.json(0)?, row.int(1)?)),
    )
}

/// The value under `name`; without it the database was never initialized.
pub fn require<T: DeserializeOwned>(tx: &Tx<'_>, name: &str) -> Result<T, DbError> {
    let found = get(tx, name)?;
    found.map(|(value, _)| value).ok_or_else(|| {
        DbError::Damaged(format!(
            "there is no setting {name:?}; was `bandstand-console init` run?"
        ))
    })
}

/// Stores a value; returns its version.
pub fn put(tx: &Tx<'_>, name: &str, value: &impl Serialize) -> Result<i64, DbError> {
    let value = serde_json::to_string(value).expect("a setting has a form in JSON");
    tx.number(
        "insert into settings (name, value, version) values ($1, $2, 1) \
         on conflict (name) do update set value = excluded.value, version = settings.version + 1 \
         returning version",
        args![name, &value],
    )
}

/// The lineage of this database.
pub fn lineage(tx: &Tx<'_>) -> Result<[u8; 16], DbError> {
    require::<StationId>(tx, names::LINEAGE).map(|id| id.0)
}

/// This console as a writer of history.
pub fn writer(tx: &Tx<'_>) -> Result<StationId, DbError> {
    require(tx, names::WRITER)
}

/// The organization's public key.
pub fn organization_key(tx: &Tx<'_>) -> Result<[u8; 32], DbError> {
    let HexBytes(key) = require::<HexBytes<32>>(tx, names::ORGANIZATION_KEY)?;
    Ok(key)
}

/// The organization's identifier, the hash of its key.
pub fn organization_id(tx: &Tx<'_>) -> Result<OrganizationId, DbError> {
    Ok(organization_id_of(&organization_key(tx)?))
}
