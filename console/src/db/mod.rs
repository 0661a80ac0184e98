//! The database: SQLite in one file, or PostgreSQL, behind one small interface.
//!
//! Both run the same SQL (`$1`, `on conflict`, `returning`, times as integers, identifiers as bytes or text).
//! A transaction is one closure on a blocking thread. **One writer works at a time, on both engines**: a
//! thread takes closures from a queue, runs each behind a savepoint and commits them together; PostgreSQL
//! adds one lock that replicas share. So a write transaction sees everything that was written before it,
//! and nothing that happens in it can race (decision 0025).

mod address;
mod error;
mod migrations;
mod postgres;
mod sqlite;
mod tls;
mod together;
mod tx;
mod value;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

pub use address::check as check_address;
pub use error::DbError;
pub use migrations::{Applied, newest};
pub use tx::{Row, Tx};
pub use value::Val;

use writer::Writer;

/// What a query takes: `args![id, name, 5]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Val::from($value)),*] };
}

/// A handle; clones share the connections.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    readers: Readers,
    writer: Writer,
    feed: watch::Sender<u64>,
    /// Whoever listens for other consoles goes on for as long as somebody could want to know: as this handle.
    _open: watch::Receiver<u64>,
    statements: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Readers {
    Sqlite(sqlite::Pool),
    Postgres(Box<postgres::Pool>),
}

impl Db {
    /// Opens what `url` names, and makes the file first if it names one that is not there, for its owner alone.
    pub async fn create(url: &str) -> Result<Self, DbError> {
        if let Some(path) = sqlite_path(url) {
            sqlite::make_private(path)?;
        }
        Self::open(url).await
    }

    /// Opens what `url` names: `postgres://…`, or the path of an SQLite file that is there already. Must be
    /// called inside a tokio runtime. Changes nothing in an SQLite file but its journal mode; see
    /// [`migrate`](Self::migrate).
    pub async fn open(url: &str) -> Result<Self, DbError> {
        let statements = Arc::new(AtomicU64::new(0));
        let (feed, open) = watch::channel(0);
        let (readers, writer) = if let Some(path) = sqlite_path(url) {
            let writer = Writer::sqlite(sqlite::open_writer(path)?, feed.clone(), statements.clone())?;
            (Readers::Sqlite(sqlite::Pool::new(path)), writer)
        } else {
            let pool = postgres::Pool::open(url)?;
            let writer = Writer::postgres(&pool, feed.clone(), statements.clone())?;
            postgres::listen(&pool, feed.clone());
            (Readers::Postgres(Box::new(pool)), writer)
        };
        Ok(Self(Arc::new(Inner {
            readers,
            writer,
            feed,
            _open: open,
            statements,
        })))
    }

    /// Brings the tables up to this release. Refuses a database that a newer release has used.
    pub async fn migrate(&self, now_ms: i64) -> Result<Vec<Applied>, DbError> {
        let applied = self.write(move |tx| migrations::apply(tx, now_ms)).await?;
        self.refresh_feed().await?;
        Ok(applied)
    }

    /// Checks that the tables are exactly those of this release, for processes that do not migrate.
    pub async fn check_migrated(&self) -> Result<(), DbError> {
        self.read(migrations::check).await?;
        self.refresh_feed().await
    }

    /// Runs `f` with a consistent view of the database, without changing it.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let statements = self.0.statements.clone();
        match &self.0.readers {
            Readers::Sqlite(pool) => pool.read(f, statements).await,
            Readers::Postgres(pool) => pool.read(f, statements).await,
        }
    }

    /// Runs `f` as the one writer, together with others that wait. Returns after everything it did is
    /// durable; an error undoes it. `f` may run again if a group has to be repeated, so it consumes nothing.
    pub async fn write<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.0.writer.run(f).await
    }

    /// The revision of the change feed, as far as this process knows; wakes whoever waits for more.
    pub fn feed(&self) -> watch::Receiver<u64> {
        self.0.feed.subscribe()
    }

    /// How many SQL statements ran so far, for tests and metrics.
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    /// PostgreSQL, where several consoles may work at once.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0.readers, Readers::Postgres(_))
    }

    /// True once the storage has failed in a way after which nothing can be promised any more.
    pub fn is_stopped(&self) -> bool {
        self.0.writer.is_stopped()
    }

    /// Copies the database into a new SQLite file, as it is at one moment. Only for SQLite.
    pub async fn snapshot(&self, to: &std::path::Path) -> Result<(), DbError> {
        match &self.0.readers {
            Readers::Sqlite(pool) => pool.snapshot(to).await,
            Readers::Postgres(_) => Err(DbError::Unsupported(
                "a PostgreSQL database is saved by its own tools, such as pg_dump",
            )),
        }
    }

    /// Looks at the feed again: on SQLite the command line may have written beside this process.
    pub async fn refresh_feed(&self) -> Result<(), DbError> {
        let head = self.read(crate::store::feed::head).await?;
        self.0.feed.send_if_modified(|known| raise(known, head));
        Ok(())
    }
}

/// Whether the address of a database is that of a PostgreSQL server.
pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// The SQLite file that `url` names; none if it names PostgreSQL.
pub fn sqlite_path(url: &str) -> Option<&Path> {
    (!is_postgres(url)).then(|| Path::new(url.strip_prefix("sqlite:").unwrap_or(url)))
}

fn raise(known: &mut u64, head: u64) -> bool {
    let higher = head > *known;
    *known = head.max(*known);
    higher
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod together_tests;
