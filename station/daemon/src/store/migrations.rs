//! The form of the database, version by version. A version that was released never changes.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// One step from the version before.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
];

/// The last version in clear. Newer ones are made by writing the database anew, see `rebuild`.
const CLEAR: u32 = 2;

/// The newest version this program knows.
pub(super) const CURRENT: u32 = MIGRATIONS.len() as u32;

/// Marks our databases, so that another program's file is never taken for one: "bstd".
pub(super) const APPLICATION_ID: i32 = 0x6273_7464;

/// The version of an open database.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Whether the rows of an open database are sealed. One of a newer program is an error.
pub(super) fn is_sealed(connection: &Connection) -> Result<bool, StoreError> {
    match version(connection)? {
        found if found > CURRENT => Err(newer(found)),
        found => Ok(found > CLEAR),
    }
}

pub(super) fn newer(found: u32) -> StoreError {
    StoreError::Newer {
        found,
        known: CURRENT,
    }
}

/// Makes the tables of a new database.
pub(super) fn make(connection: &mut Connection) -> Result<(), StoreError> {
    steps(connection, CURRENT)
}

/// Brings a database to the last version in clear, each step in one transaction of its own.
pub(super) fn migrate_clear(connection: &mut Connection) -> Result<(), StoreError> {
    steps(connection, CLEAR)
}

fn steps(connection: &mut Connection, last: u32) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > CURRENT {
        return Err(newer(found));
    }
    let ahead = MIGRATIONS.iter().enumerate().take(last as usize);
    for (index, sql) in ahead.skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", index as u32 + 1)?;
        transaction.commit().map_err(StoreError::of_commit)?;
    }
    Ok(())
}
