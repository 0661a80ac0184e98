//! The tables as they are written and read: seals, totals, statements.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params_from_iter};

use super::StoreError;

/// One sealed table. The first column is the key, the last one the seal.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    columns: usize,
    seal_of: &'static str,
    put: &'static str,
    delete: &'static str,
    scan: &'static str,
}

macro_rules! tables {
    ($($NAME:ident $name:literal ($key:literal $(, $column:literal)*) ($($mark:literal)+);)*) => {
        $(pub(super) const $NAME: Table = Table {
            name: $name,
            columns: [$key, $($column),*].len(),
            seal_of: concat!("select seal from ", $name, " where ", $key, " = ?1"),
            put: concat!("insert or replace into ", $name, " values (", $($mark,)+ ")"),
            delete: concat!("delete from ", $name, " where ", $key, " = ?1"),
            scan: concat!("select * from ", $name),
        };)*

        /// Every sealed table.
        pub(super) const ALL: &[&Table] = &[$(&$NAME,)*];
    };
}

tables! {
    META "meta" ("key", "body") ("?,?,?");
    USERS "users" ("id", "handle", "body") ("?,?,?,?");
    BANDS "bands" ("serial", "body") ("?,?,?");
    ASSOCIATIONS "associations" ("id", "user", "band", "body") ("?,?,?,?,?");
    POLICIES "policies" ("id", "body") ("?,?,?");
    OPERATORS "operators" ("id", "body") ("?,?,?");
    TICKETS "tickets" ("id", "code_hash", "state", "association", "body") ("?,?,?,?,?,?");
    INTENTS "intents" ("association", "body") ("?,?,?");
    ATTEMPTS "attempts" ("subject", "failures", "blocked_until_ms") ("?,?,?,?");
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

/// Reads every row of every table and compares seals and totals.
pub(super) fn check_all(connection: &Connection) -> Result<(), StoreError> {
    for table in ALL {
        let mut statement = connection.prepare(table.scan)?;
        let mut rows = statement.query(())?;
        let mut found = (0_i64, 0_i64);
        while let Some(row) = rows.next()? {
            found = (found.0 + 1, found.1 ^ seal_of_row(table, row)?);
        }
        let expected = totals(connection, table)?;
        if found != expected {
            let (found, expected) = (found.0, expected.0);
            let text = format!(
                "{} has {found} rows and should have {expected}, or others",
                table.name
            );
            return Err(StoreError::Corrupted(text));
        }
    }
    Ok(())
}

/// Number of rows and exclusive or of the seals, as they should be.
pub(super) fn totals(connection: &Connection, table: &Table) -> Result<(i64, i64), StoreError> {
    let mut statement = connection.prepare_cached("select count, seals from totals where name = ?1")?;
    let totals = statement
        .query_row([table.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(totals.unwrap_or_default())
}

/// 64 bits of SHA-256 over the table's name and the values, each with its type and length.
fn seal(table: &Table, values: &[ValueRef<'_>]) -> i64 {
    let mut context = Context::new(&SHA256);
    context.update(table.name.as_bytes());
    for value in values {
        let (kind, number, bytes): (u8, i64, &[u8]) = match value {
            ValueRef::Null => (0, 0, &[]),
            ValueRef::Integer(number) => (1, *number, &[]),
            ValueRef::Real(_) => unreachable!("strict tables without real columns"),
            ValueRef::Text(bytes) => (3, bytes.len() as i64, bytes),
            ValueRef::Blob(bytes) => (4, bytes.len() as i64, bytes),
        };
        context.update(&[kind]);
        context.update(&number.to_be_bytes());
        context.update(bytes);
    }
    let digest = context.finish();
    let first = digest.as_ref().first_chunk().expect("a hash has 32 bytes");
    i64::from_be_bytes(*first)
}
