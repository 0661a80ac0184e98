//! The tables as they are written and read: seals, totals, statements.

use std::collections::BTreeMap;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params_from_iter};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::StoreError;

/// Room for what is sealed of an ordinary row, in bytes.
const SEALED_LEN: usize = 512;

/// One sealed table. The first column is the key, the last one the seal.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    columns: usize,
    seal_of: &'static str,
    put: &'static str,
    delete: &'static str,
    clear: &'static str,
    scan: &'static str,
    indexes: &'static [Index],
}

/// A way to a table's rows beside their key. Looking up by one that lost an entry would find too little.
#[derive(Debug)]
struct Index {
    /// The indexed column's place in the table.
    column: usize,
    /// The indexed column and the key, out of the index alone.
    scan: &'static str,
}

macro_rules! tables {
    ($($NAME:ident $name:literal ($key:literal $(, $column:literal)*) ($($mark:literal)+)
        $([$place:literal $indexed:literal by $index:literal])*;)*) => {
        $(pub(super) const $NAME: Table = Table {
            name: $name,
            columns: [$key, $($column),*].len(),
            seal_of: concat!("select seal from ", $name, " where ", $key, " = ?1"),
            put: concat!("insert or replace into ", $name, " values (", $($mark,)+ ")"),
            delete: concat!("delete from ", $name, " where ", $key, " = ?1"),
            clear: concat!("delete from ", $name),
            scan: concat!("select * from ", $name, " not indexed"),
            indexes: &[$(Index {
                column: $place,
                scan: concat!("select ", $indexed, ", ", $key, " from ", $name, " indexed by ", $index),
            },)*],
        };)*

        /// Every sealed table.
        pub(super) const ALL: &[&Table] = &[$(&$NAME,)*];
    };
}

tables! {
    META "meta" ("key", "body") ("?,?,?");
    USERS "users" ("id", "handle", "body") ("?,?,?,?") [1 "handle" by "users_by_handle"];
    BANDS "bands" ("serial", "body") ("?,?,?");
    ASSOCIATIONS "associations" ("id", "user", "band", "body") ("?,?,?,?,?")
        [1 "user" by "associations_by_user"] [2 "band" by "associations_by_band"];
    POLICIES "policies" ("id", "body") ("?,?,?");
    OPERATORS "operators" ("id", "body") ("?,?,?");
    TICKETS "tickets" ("id", "code_hash", "state", "association", "body") ("?,?,?,?,?,?")
        [1 "code_hash" by "tickets_by_code"];
    INTENTS "intents" ("association", "body") ("?,?,?");
    ATTEMPTS "attempts" ("subject", "failures", "blocked_until_ms") ("?,?,?,?");
    TOLD_KEYS "told_keys" ("id", "body") ("?,?,?");
}

/// Writes rows in one transaction and brings the totals along at its end.
pub(super) struct Writer<'t> {
    transaction: &'t Transaction<'t>,
    deltas: BTreeMap<&'static str, (i64, i64)>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Self {
        Self {
            transaction,
            deltas: BTreeMap::new(),
        }
    }

    /// Inserts the row, or replaces the one with its key.
    pub(super) fn put(&mut self, table: &Table, values: &[ValueRef<'_>]) -> Result<(), StoreError> {
        debug_assert_eq!(values.len(), table.columns);
        let seal = seal(table, values);
        let before = self.seal_of(table, values[0])?;
        let columns = values.iter().copied().chain([ValueRef::Integer(seal)]);
        let mut statement = self.transaction.prepare_cached(table.put)?;
        statement.execute(params_from_iter(columns.map(ToSqlOutput::Borrowed)))?;
        self.count(table, before, Some(seal));
        Ok(())
    }

    /// Removes the row with this key, if there is one.
    pub(super) fn delete(&mut self, table: &Table, key: ValueRef<'_>) -> Result<(), StoreError> {
        let Some(before) = self.seal_of(table, key)? else {
            return Ok(());
        };
        self.transaction
            .prepare_cached(table.delete)?
            .execute([ToSqlOutput::Borrowed(key)])?;
        self.count(table, Some(before), None);
        Ok(())
    }

    /// Removes every row of the table.
    pub(super) fn clear(&mut self, table: &Table) -> Result<(), StoreError> {
        let (count, seals) = totals(self.transaction, table)?;
        self.transaction.prepare_cached(table.clear)?.execute(())?;
        // Whatever was put before in this transaction is gone too.
        self.deltas.insert(table.name, (-count, seals));
        Ok(())
    }

    /// Writes the totals. Without this call the next start finds the tables changed behind its back.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        let mut statement = self.transaction.prepare_cached(
            "insert into totals (name, count, seals) values (?1, ?2, ?3) on conflict (name) do update set \
             count = count + ?2, seals = (seals | ?3) - (seals & ?3)",
        )?;
        for (name, (count, seals)) in &self.deltas {
            statement.execute((name, count, seals))?;
        }
        Ok(())
    }

    fn seal_of(&self, table: &Table, key: ValueRef<'_>) -> Result<Option<i64>, StoreError> {
        let mut statement = self.transaction.prepare_cached(table.seal_of)?;
        Ok(statement
            .query_row([ToSqlOutput::Borrowed(key)], |row| row.get(0))
            .optional()?)
    }

    fn count(&mut self, table: &Table, before: Option<i64>, after: Option<i64>) {
        let (count, seals) = self.deltas.entry(table.name).or_default();
        *count += i64::from(after.is_some()) - i64::from(before.is_some());
        *seals ^= before.unwrap_or_default() ^ after.unwrap_or_default();
    }
}

/// Accepts a row read from `table` with all its columns, or says that it was changed.
pub(super) fn check_row(table: &Table, row: &Row<'_>) -> Result<(), StoreError> {
    seal_of_row(table, row).map(drop)
}

fn seal_of_row(table: &Table, row: &Row<'_>) -> Result<i64, StoreError> {
    let mut values = [ValueRef::Null; 8];
    for (index, value) in values.iter_mut().take(table.columns).enumerate() {
        *value = row.get_ref(index)?;
    }
    let stored: i64 = row.get(table.columns)?;
    if seal(table, &values[..table.columns]) == stored {
        return Ok(stored);
    }
    Err(StoreError::Corrupted(format!(
        "a row of {} was changed",
        table.name
    )))
}

/// Checks every table, one after the other.
pub(super) fn check_all(connection: &Connection) -> Result<(), StoreError> {
    ALL.iter().try_for_each(|table| check_table(connection, table))
}

/// Reads every row of a table and compares seals, totals and indexes.
pub(super) fn check_table(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    let mut statement = connection.prepare(table.scan)?;
    let mut rows = statement.query(())?;
    let mut found = (0_i64, 0_i64);
    let mut entries = vec![0_u64; table.indexes.len()];
    while let Some(row) = rows.next()? {
        found = (found.0 + 1, found.1 ^ seal_of_row(table, row)?);
        for (entry, index) in entries.iter_mut().zip(table.indexes) {
            *entry ^= entry_hash(row.get_ref(index.column)?, row.get_ref(0)?);
        }
    }
    let expected = totals(connection, table)?;
    if found != expected {
        let (name, found, expected) = (table.name, found.0, expected.0);
        let text = format!("{name} has {found} rows and should have {expected}, or others");
        return Err(StoreError::Corrupted(text));
    }
    table
        .indexes
        .iter()
        .zip(entries)
        .try_for_each(|(index, entries)| check_index(connection, index, found.0, entries))
}

/// Compares what an index says with what the table said.
fn check_index(connection: &Connection, index: &Index, count: i64, entries: u64) -> Result<(), StoreError> {
    let mut statement = connection.prepare(index.scan)?;
    let mut rows = statement.query(())?;
    let mut found = (0_i64, 0_u64);
    while let Some(row) = rows.next()? {
        found = (
            found.0 + 1,
            found.1 ^ entry_hash(row.get_ref(0)?, row.get_ref(1)?),
        );
    }
    match found == (count, entries) {
        true => Ok(()),
        false => Err(StoreError::Corrupted(format!(
            "an index does not agree with its table: {}",
            index.scan
        ))),
    }
}

/// A hash of one index entry; compared within one check and never stored.
fn entry_hash(indexed: ValueRef<'_>, key: ValueRef<'_>) -> u64 {
    let bytes = |value: ValueRef<'_>| match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => xxh3_64(bytes),
        _ => 0,
    };
    xxh3_64_with_seed(&bytes(indexed).to_le_bytes(), bytes(key))
}

/// Number of rows and exclusive or of the seals, as they should be.
pub(super) fn totals(connection: &Connection, table: &Table) -> Result<(i64, i64), StoreError> {
    let mut statement = connection.prepare_cached("select count, seals from totals where name = ?1")?;
    let totals = statement
        .query_row([table.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(totals.unwrap_or_default())
}

/// XXH3 (64 bits) over the table's name and the values, each with its type and length. It finds damage; a
/// hash without a key would not stop anybody who writes to the file, however strong, and every row is
/// hashed at each start.
fn seal(table: &Table, values: &[ValueRef<'_>]) -> i64 {
    let mut bytes = Vec::with_capacity(SEALED_LEN);
    bytes.extend_from_slice(table.name.as_bytes());
    for value in values {
        let (kind, number, content): (u8, i64, &[u8]) = match value {
            ValueRef::Null => (0, 0, &[]),
            ValueRef::Integer(number) => (1, *number, &[]),
            ValueRef::Real(_) => unreachable!("strict tables without real columns"),
            ValueRef::Text(text) => (3, text.len() as i64, text),
            ValueRef::Blob(blob) => (4, blob.len() as i64, blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(content);
    }
    xxh3_64(&bytes).cast_signed()
}
