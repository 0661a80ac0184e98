//! The tables as they are written and read: sums, totals, statements. What is secret in them is sealed on the way
//! in and opened on the way out, here and nowhere else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::StoreError;
use super::sealing::{Access, Key, Sealing};

/// Columns that hold a keyed hash, in one table at most.
const HASHED_MAX: usize = 2;
/// Columns that a table has at most.
const COLUMNS_MAX: usize = 8;
/// Room for what is sealed of an ordinary row, in bytes.
const SEALED_LEN: usize = 512;

/// One table. The first column is the key, the last one the row's sum.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    columns: usize,
    /// Columns that hold a keyed hash of what they are of.
    pub(super) hashed: &'static [usize],
    /// The column that is sealed: the last one before the sum.
    body: Option<usize>,
    seal_of: &'static str,
    put: &'static str,
    add: &'static str,
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
        $(hashed $hashed:literal)* $(sealed $body:literal)?
        $([$place:literal $indexed:literal by $index:literal])*;)*) => {
        $(pub(super) const $NAME: Table = Table {
            name: $name,
            columns: [$key, $($column),*].len(),
            hashed: &[$($hashed),*],
            body: tables!(@body $($body)?),
            seal_of: concat!("select seal from ", $name, " where ", $key, " = ?1"),
            put: concat!("insert or replace into ", $name, " values (", $($mark,)+ ")"),
            add: concat!("insert into ", $name, " values (", $($mark,)+ ")"),
            delete: concat!("delete from ", $name, " where ", $key, " = ?1"),
            clear: concat!("delete from ", $name),
            scan: concat!("select * from ", $name, " not indexed"),
            indexes: &[$(Index {
                column: $place,
                scan: concat!("select ", $indexed, ", ", $key, " from ", $name, " indexed by ", $index),
            },)*],
        };)*

        /// Every table whose rows have sums.
        pub(super) const ALL: &[&Table] = &[$(&$NAME,)*];
    };
    (@body) => { None };
    (@body $body:literal) => { Some($body) };
}

tables! {
    META "meta" ("key", "body") ("?,?,?") sealed 1;
    SEALING "sealing" ("name", "key_id") ("?,?,?");
    USERS "users" ("id", "handle", "body") ("?,?,?,?") hashed 0 hashed 1 sealed 2
        [1 "handle" by "users_by_handle"];
    BANDS "bands" ("serial", "body") ("?,?,?") sealed 1;
    ASSOCIATIONS "associations" ("id", "user", "band", "body") ("?,?,?,?,?") hashed 1 sealed 3
        [1 "user" by "associations_by_user"] [2 "band" by "associations_by_band"];
    POLICIES "policies" ("id", "body") ("?,?,?") hashed 0 sealed 1;
    OPERATORS "operators" ("id", "body") ("?,?,?") hashed 0 sealed 1;
    TICKETS "tickets" ("id", "code_hash", "state", "association", "body") ("?,?,?,?,?,?") sealed 4
        [1 "code_hash" by "tickets_by_code"];
    INTENTS "intents" ("association", "body") ("?,?,?") sealed 1;
    ATTEMPTS "attempts" ("subject", "failures", "blocked_until_ms") ("?,?,?,?") hashed 0;
    TOLD_KEYS "told_keys" ("id", "body") ("?,?,?") sealed 1;
}

/// Writes rows in one transaction and brings the totals along at its end.
pub(super) struct Writer<'t> {
    access: Access<'t>,
    deltas: BTreeMap<&'static str, (i64, i64)>,
    /// Tables of which nothing was left before what this writer put.
    cleared: BTreeSet<&'static str>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(access: Access<'t>) -> Self {
        Self {
            access,
            deltas: BTreeMap::new(),
            cleared: BTreeSet::new(),
        }
    }

    /// Inserts the row, or replaces the one with its key. Values are what they mean; what is secret is hashed or
    /// sealed on the way.
    pub(super) fn put(&mut self, table: &Table, values: &[ValueRef<'_>]) -> Result<(), StoreError> {
        let sealing = self.access.sealing;
        as_stored(sealing, table, values, |stored| self.put_stored(table, stored))
    }

    /// Inserts the row unless another one has its key, or one of its values that are there but once; whether it
    /// did. Rows that are nearly all new go in without the searches of [`Self::put`].
    pub(super) fn add(&mut self, table: &Table, values: &[ValueRef<'_>]) -> Result<bool, StoreError> {
        let sealing = self.access.sealing;
        as_stored(sealing, table, values, |stored| self.add_stored(table, stored))
    }

    fn add_stored(&mut self, table: &Table, values: &[ValueRef<'_>]) -> Result<bool, StoreError> {
        let seal = seal(table, values);
        match self.execute(table.add, values, seal) {
            Ok(()) => self.count(table, None, Some(seal)),
            Err(rusqlite::Error::SqliteFailure(error, _)) if is_taken(error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    fn execute(&self, sql: &str, values: &[ValueRef<'_>], seal: i64) -> rusqlite::Result<()> {
        let columns = values.iter().copied().chain([ValueRef::Integer(seal)]);
        let mut statement = self.access.connection.prepare_cached(sql)?;
        statement
            .execute(params_from_iter(columns.map(ToSqlOutput::Borrowed)))
            .map(drop)
    }

    /// The same for values as another database with this one's key holds them.
    pub(super) fn put_stored(&mut self, table: &Table, values: &[ValueRef<'_>]) -> Result<(), StoreError> {
        debug_assert_eq!(values.len(), table.columns);
        if self.is_cleared(table) && self.add_stored(table, values)? {
            return Ok(());
        }
        let seal = seal(table, values);
        let before = self.seal_of(table, values[0])?;
        self.execute(table.put, values, seal)?;
        self.count(table, before, Some(seal));
        Ok(())
    }

    /// Removes the row with this key, if there is one.
    pub(super) fn delete(&mut self, table: &Table, key: ValueRef<'_>) -> Result<(), StoreError> {
        let key = self.access.sealing.key(table, 0, key);
        let Some(before) = self.seal_of(table, key.value())? else {
            return Ok(());
        };
        self.access
            .connection
            .prepare_cached(table.delete)?
            .execute([&key])?;
        self.count(table, Some(before), None);
        Ok(())
    }

    /// Removes every row of the table.
    pub(super) fn clear(&mut self, table: &Table) -> Result<(), StoreError> {
        let (count, seals) = totals(self.access.connection, table)?;
        self.access.connection.prepare_cached(table.clear)?.execute(())?;
        // Whatever was put before in this transaction is gone too.
        self.deltas.insert(table.name, (-count, seals));
        self.cleared.insert(table.name);
        Ok(())
    }

    /// Nothing was left of the table, so that rows are new unless they are put twice.
    pub(super) fn is_cleared(&self, table: &Table) -> bool {
        self.cleared.contains(table.name)
    }

    /// Writes the totals. Without this call the next start finds the tables changed behind its back.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        let mut statement = self.access.connection.prepare_cached(
            "insert into totals (name, count, seals) values (?1, ?2, ?3) on conflict (name) do update set \
             count = count + ?2, seals = (seals | ?3) - (seals & ?3)",
        )?;
        for (name, (count, seals)) in &self.deltas {
            statement.execute((name, count, seals))?;
        }
        Ok(())
    }

    fn seal_of(&self, table: &Table, key: ValueRef<'_>) -> Result<Option<i64>, StoreError> {
        let mut statement = self.access.connection.prepare_cached(table.seal_of)?;
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

/// The key is another row's, or a value that may be there but once.
fn is_taken(error: rusqlite::ffi::Error) -> bool {
    matches!(
        error.extended_code,
        rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
    )
}

/// Calls `act` with the values as the table holds them: what is secret is hashed or sealed.
fn as_stored<T>(
    sealing: &Sealing,
    table: &Table,
    values: &[ValueRef<'_>],
    act: impl FnOnce(&[ValueRef<'_>]) -> T,
) -> T {
    let mut stored = values.to_vec();
    let hashes: [Option<Key<'_>>; HASHED_MAX] = std::array::from_fn(|number| {
        let column = *table.hashed.get(number)?;
        Some(sealing.key(table, column, values[column]))
    });
    for (&column, hash) in table.hashed.iter().zip(&hashes) {
        stored[column] = hash.as_ref().map_or(values[column], Key::value);
    }
    let body = table
        .body
        .and_then(|column| values[column].as_blob_or_null().ok().flatten());
    let bound = || bound(table, &stored);
    let body = body.map(|body| sealing.seal(bound, body));
    if let (Some(column), Some(body)) = (table.body, &body) {
        stored[column] = ValueRef::Blob(body);
    }
    act(&stored)
}

/// The body of a row read from `table` with all its columns, if it has one, or that it was changed.
pub(super) fn body<'r>(
    sealing: &Sealing,
    table: &Table,
    row: &'r Row<'_>,
) -> Result<Option<Cow<'r, [u8]>>, StoreError> {
    let mut values = [ValueRef::Null; COLUMNS_MAX];
    seal_of_values(table, row, &mut values)?;
    let column = table.body.expect("a table with bodies");
    let ValueRef::Blob(sealed) = values[column] else {
        return Ok(None);
    };
    let bound = || bound(table, &values[..table.columns]);
    match sealing.open(bound, sealed) {
        Some(body) => Ok(Some(body)),
        None => Err(StoreError::Corrupted(format!(
            "a row of {} is not what was sealed",
            table.name
        ))),
    }
}

/// What is bound to a row's body: the table and every other column.
fn bound(table: &Table, values: &[ValueRef<'_>]) -> Vec<u8> {
    encoded(table, &values[..table.columns - 1])
}

/// Accepts a row read from `table` with all its columns, or says that it was changed.
pub(super) fn check_row(table: &Table, row: &Row<'_>) -> Result<(), StoreError> {
    seal_of_row(table, row).map(drop)
}

fn seal_of_row(table: &Table, row: &Row<'_>) -> Result<i64, StoreError> {
    seal_of_values(table, row, &mut [ValueRef::Null; COLUMNS_MAX])
}

fn seal_of_values<'r>(
    table: &Table,
    row: &'r Row<'_>,
    values: &mut [ValueRef<'r>; COLUMNS_MAX],
) -> Result<i64, StoreError> {
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
pub(super) fn check_all(access: Access<'_>) -> Result<(), StoreError> {
    // Which key rows are sealed with was nothing to say before they were.
    let is_there =
        |table: &&&Table| matches!(access.sealing, Sealing::Sealed(_)) || table.name != SEALING.name;
    let mut tables = ALL.iter().filter(is_there);
    tables.try_for_each(|table| check_table(access.connection, table))
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
    xxh3_64(&encoded(table, values)).cast_signed()
}

/// The table's name and the values, each with its type and length.
fn encoded(table: &Table, values: &[ValueRef<'_>]) -> Vec<u8> {
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
    bytes
}
