//! A transaction and its rows.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::types::ValueRef;
use tokio::runtime::{Handle, Runtime};

use super::together::Waiting;
use super::{DbError, Val};

/// Keys that one statement names at most: on SQLite each is a place of its own, on PostgreSQL all are one array.
const KEYS_PER_STATEMENT: (usize, usize) = (256, 8192);

/// A transaction. What happens in it happens wholly or not at all.
pub struct Tx<'a> {
    engine: Engine<'a>,
    statements: &'a AtomicU64,
    /// The highest revision that this transaction gave to a change.
    marked: Cell<u64>,
    /// The highest revision of all, once it is known.
    feed_head: Cell<Option<i64>>,
    /// What goes to the server with the next statement.
    waiting: RefCell<Vec<Waiting>>,
}

pub(super) enum Engine<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a deadpool_postgres::ClientWrapper, Driver<'a>),
}

/// What moves a connection's bytes while a transaction waits for the server.
#[derive(Clone, Copy)]
pub(super) enum Driver<'a> {
    /// Other threads do.
    Others(&'a Handle),
    /// The thread that waits does: no other has to wake up for each answer.
    Own(&'a Runtime),
}

impl Driver<'_> {
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::Others(handle) => handle.block_on(future),
            Self::Own(runtime) => runtime.block_on(future),
        }
    }
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

impl<'a> Tx<'a> {
    pub(super) fn new(engine: Engine<'a>, statements: &'a AtomicU64) -> Self {
        let marked = Cell::new(0);
        Self {
            engine,
            statements,
            marked,
            feed_head: Cell::default(),
            waiting: RefCell::default(),
        }
    }

    pub(super) fn engine(&self) -> &Engine<'a> {
        &self.engine
    }

    pub(super) fn waiting(&self) -> &RefCell<Vec<Waiting>> {
        &self.waiting
    }

    pub(super) fn statements(&self) -> &AtomicU64 {
        self.statements
    }

    /// On PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres(..))
    }

    /// Runs a statement; returns how many rows it changed.
    pub fn exec(&self, sql: &str, args: &[Val<'_>]) -> Result<u64, DbError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &self.engine {
            Engine::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(&for_sqlite(sql))?;
                Ok(statement.execute(rusqlite::params_from_iter(args))? as u64)
            }
            Engine::Postgres(client, driver) => driver.block_on(self.behind(client, async {
                let statement = client.prepare_cached(sql).await?;
                Ok(client.execute(&statement, &for_postgres(args)).await?)
            })),
        }
    }

    /// Runs statements that are not worth keeping prepared and take no values.
    pub fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &self.engine {
            Engine::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Engine::Postgres(client, driver) => {
                driver.block_on(self.behind(client, async { Ok(client.batch_execute(sql).await?) }))
            }
        }
    }

    /// Runs a statement for each row of `values` on SQLite; returns how many rows were changed.
    pub(super) fn each_row(&self, sql: &str, width: usize, values: &[Val<'_>]) -> Result<u64, DbError> {
        let Engine::Sqlite(connection) = &self.engine else {
            return Ok(0);
        };
        self.statements.fetch_add(1, Ordering::Relaxed);
        let mut statement = connection.prepare_cached(&for_sqlite(sql))?;
        let mut changed = 0;
        for row in values.chunks(width) {
            changed += statement.execute(rusqlite::params_from_iter(row))? as u64;
        }
        Ok(changed)
    }

    /// Hands every row to `each`.
    pub fn each(
        &self,
        sql: &str,
        args: &[Val<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &self.engine {
            Engine::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(&for_sqlite(sql))?;
                let mut rows = statement.query(rusqlite::params_from_iter(args))?;
                while let Some(row) = rows.next()? {
                    each(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            Engine::Postgres(client, driver) => {
                let rows = driver.block_on(self.behind(client, async {
                    let statement = client.prepare_cached(sql).await?;
                    Ok(client.query(&statement, &for_postgres(args)).await?)
                }))?;
                rows.iter().try_for_each(|row| each(&Row::Postgres(row)))
            }
        }
    }

    /// Every row.
    pub fn all<T>(
        &self,
        sql: &str,
        args: &[Val<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let mut all = Vec::new();
        self.each(sql, args, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first row, if there is one.
    pub fn first<T>(
        &self,
        sql: &str,
        args: &[Val<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.all(sql, args, read)?.into_iter().next())
    }

    /// One number, for `count(*)` and `returning`.
    pub fn number(&self, sql: &str, args: &[Val<'_>]) -> Result<i64, DbError> {
        let number = self.first(sql, args, |row| row.int(0))?;
        number.ok_or_else(|| DbError::Statement(format!("no row from {sql}")))
    }

    /// Runs `sql` for chunks of `keys`: `in ({})` in it becomes `in ($1, $2, …)`, of few different lengths (the last
    /// key is repeated), or on PostgreSQL `= any($1)`, so that statements stay prepared. It may stand more than once.
    pub fn each_of(
        &self,
        sql: &str,
        keys: &[Val<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.each_at_once(&[(sql, keys)], |_, row| each(row))
    }

    /// The same on SQLite.
    pub(super) fn each_listed(
        &self,
        sql: &str,
        keys: &[Val<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        for chunk in keys.chunks(KEYS_PER_STATEMENT.0) {
            let (sql, args) = with_list(sql, chunk);
            self.each(&sql, &args, &mut each)?;
        }
        Ok(())
    }

    /// Runs a statement for chunks of `keys`, like [`each_of`](Self::each_of).
    pub fn exec_of(&self, sql: &str, keys: &[Val<'_>]) -> Result<u64, DbError> {
        let mut changed = 0;
        if let Engine::Postgres(client, driver) = &self.engine {
            for (sql, chunk) in with_arrays(sql, keys) {
                self.statements.fetch_add(1, Ordering::Relaxed);
                changed += driver.block_on(self.behind(client, async {
                    let statement = client.prepare_cached(&sql).await?;
                    Ok(client.execute(&statement, &[&chunk]).await?)
                }))?;
            }
            return Ok(changed);
        }
        for chunk in keys.chunks(KEYS_PER_STATEMENT.0) {
            let (sql, args) = with_list(sql, chunk);
            changed += self.exec(&sql, &args)?;
        }
        Ok(changed)
    }

    pub(crate) fn note_marked(&self, revision: u64) {
        self.marked.set(self.marked.get().max(revision));
    }

    pub(super) fn marked(&self) -> u64 {
        self.marked.get()
    }

    pub(super) fn forget_marked(&self, before: u64) {
        self.marked.set(before);
        self.feed_head.set(None);
    }

    /// The highest revision of the feed, if a write has learned it in this transaction.
    pub(crate) fn feed_head(&self) -> Option<i64> {
        self.feed_head.get()
    }

    pub(crate) fn set_feed_head(&self, revision: i64) {
        self.feed_head.set(Some(revision));
    }
}

pub(super) fn one_row(head: &str, width: usize, tail: &str) -> String {
    let mut sql = format!("{head} values (");
    push_places(&mut sql, 1, width);
    sql.push_str(") ");
    sql.push_str(tail);
    sql
}

fn push_places(sql: &mut String, first: usize, count: usize) {
    for place in first..first + count {
        let comma = if place == first { "" } else { "," };
        let _ = write!(sql, "{comma}${place}");
    }
}

/// The statement that takes its keys as one array, for each chunk of them.
pub(super) fn with_arrays<'v>(
    sql: &str,
    keys: &'v [Val<'v>],
) -> impl Iterator<Item = (String, &'v [Val<'v>])> {
    let sql = sql.replace("in ({})", "= any($1)");
    let chunks = keys.chunks(KEYS_PER_STATEMENT.1);
    chunks.map(move |chunk| (sql.clone(), chunk))
}

fn with_list<'v>(sql: &str, keys: &'v [Val<'v>]) -> (String, Vec<Val<'v>>) {
    let len = keys.len().next_power_of_two();
    let mut places = String::with_capacity(len * 5);
    push_places(&mut places, 1, len);
    let last = keys.last().into_iter().cycle().take(len - keys.len());
    let args = keys.iter().chain(last).map(Val::from).collect();
    (sql.replace("{}", &places), args)
}

/// SQLite counts places by `?1`; `$1` would be a name there.
fn for_sqlite(sql: &str) -> Cow<'_, str> {
    if sql.contains('$') {
        sql.replace('$', "?").into()
    } else {
        sql.into()
    }
}

pub(super) type PgArgument<'a> = &'a (dyn tokio_postgres::types::ToSql + Sync);

pub(super) fn for_postgres<'a>(args: &'a [Val<'_>]) -> Vec<PgArgument<'a>> {
    args.iter().map(|value| value as PgArgument<'a>).collect()
}

/// One row of an answer.
pub enum Row<'a> {
    /// From SQLite.
    Sqlite(&'a rusqlite::Row<'a>),
    /// From PostgreSQL.
    Postgres(&'a tokio_postgres::Row),
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident, $opt:ident: $type:ty, $from:pat => $read:expr;)+) => {
        $(
            $(#[$doc])*
            pub fn $name(&self, column: usize) -> Result<$type, DbError> {
                self.$opt(column)?.ok_or_else(|| missing(column))
            }

            /// The same, or nothing.
            pub fn $opt(&self, column: usize) -> Result<Option<$type>, DbError> {
                match self {
                    Self::Sqlite(row) => match row.get_ref(column)? {
                        ValueRef::Null => Ok(None),
                        $from => $read.map(Some).ok_or_else(|| wrong_type(column)),
                        _ => Err(wrong_type(column)),
                    },
                    Self::Postgres(row) => row.try_get(column).map_err(DbError::from),
                }
            }
        )+
    };
}

impl Row<'_> {
    columns! {
        /// An integer.
        int, opt_int: i64, ValueRef::Integer(value) => Some(value);
        /// Yes or no.
        bool, opt_bool: bool, ValueRef::Integer(value) => Some(value != 0);
        /// Text.
        text, opt_text: String, ValueRef::Text(value) => String::from_utf8(value.to_vec()).ok();
        /// Bytes.
        bytes, opt_bytes: Vec<u8>, ValueRef::Blob(value) => Some(value.to_vec());
    }

    /// Bytes of a known length.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], DbError> {
        self.opt_array(column)?.ok_or_else(|| missing(column))
    }

    /// The same, or nothing.
    pub fn opt_array<const N: usize>(&self, column: usize) -> Result<Option<[u8; N]>, DbError> {
        let bytes = self.opt_bytes(column)?;
        bytes
            .map(|bytes| bytes.try_into().map_err(|_| wrong_type(column)))
            .transpose()
    }

    /// A moment.
    pub fn moment(&self, column: usize) -> Result<policy::model::UnixMillis, DbError> {
        self.int(column).map(policy::model::UnixMillis)
    }

    /// The same, or nothing.
    pub fn opt_moment(&self, column: usize) -> Result<Option<policy::model::UnixMillis>, DbError> {
        Ok(self.opt_int(column)?.map(policy::model::UnixMillis))
    }

    /// A count.
    pub fn count(&self, column: usize) -> Result<u64, DbError> {
        u64::try_from(self.int(column)?).map_err(|_| wrong_type(column))
    }

    /// Text in the form of `T`.
    pub fn parse<T: FromStr>(&self, column: usize) -> Result<T, DbError> {
        self.text(column)?.parse().map_err(|_| wrong_type(column))
    }

    /// The same, or nothing.
    pub fn opt_parse<T: FromStr>(&self, column: usize) -> Result<Option<T>, DbError> {
        let text = self.opt_text(column)?;
        text.map(|text| text.parse().map_err(|_| wrong_type(column)))
            .transpose()
    }

    /// A value of a closed list, stored as the text that its serde form has.
    pub fn code<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, DbError> {
        self.opt_code(column)?.ok_or_else(|| missing(column))
    }

    /// The same, or nothing.
    pub fn opt_code<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<Option<T>, DbError> {
        let Some(text) = self.opt_text(column)? else {
            return Ok(None);
        };
        let value = serde_json::from_value(serde_json::Value::String(text));
        value.map(Some).map_err(|_| wrong_type(column))
    }

    /// A value stored as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, DbError> {
        serde_json::from_str(&self.text(column)?).map_err(|_| wrong_type(column))
    }
}

fn missing(column: usize) -> DbError {
    DbError::Damaged(format!("column {column} is empty"))
}

fn wrong_type(column: usize) -> DbError {
    DbError::Damaged(format!("column {column} holds another form than expected"))
}
