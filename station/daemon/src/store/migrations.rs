//! The form of the database, version by version. A version that was released never changes.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// One step from the version before.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
];

/// The newest version this program knows.
pub(super) const CURRENT: u32 = MIGRATIONS.len() as u32;

/// Marks our databases, so that another program's file is never taken for one: "bstd".
pub(super) const APPLICATION_ID: i32 = 0x6273_7464;

/// The version of an open database.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings the database to the current version, each step in one transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > CURRENT {
        return Err(StoreError::Newer {
            found,
            known: CURRENT,
        });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", index as u32 + 1)?;
        transaction.commit().map_err(StoreError::of_commit)?;
    }
    Ok(())
}
