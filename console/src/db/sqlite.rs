//! SQLite: one connection that writes, some that read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::tx::Engine;
use super::{DbError, Tx};

/// Reads that run at once; more only take the cache from each other.
const READERS: usize = 8;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENTS_KEPT: usize = 512;

/// Opens the connection that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection, DbError> {
    if !path.exists() {
        return Err(DbError::Missing(path.display().to_string()));
    }
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "mmap_size", 256 << 20)?;
    prepare(&connection)?;
    Ok(connection)
}

/// Makes the file if there is none. It holds personal data: nobody else may read it, whatever the umask says.
pub(super) fn make_private(path: &Path) -> Result<(), DbError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    match options.create_new(true).write(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(DbError::Unreachable(format!("{}: {error}", path.display()))),
    }
}

fn open_reader(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "mmap_size", 256 << 20)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), DbError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Readers>);

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(path: &Path) -> Self {
        Self(Arc::new(Readers {
            path: path.into(),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(READERS)),
        }))
    }

    pub(super) async fn read<T, E, F>(&self, f: F, statements: Arc<AtomicU64>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let permit = self.0.permits.clone().acquire_owned().await;
        let _permit = permit.map_err(|_| DbError::Busy)?;
        let readers = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let connection = readers.take()?;
            connection.execute_batch("begin").map_err(DbError::from)?;
            let tx = Tx::new(Engine::Sqlite(&connection), &statements);
            let outcome = catch_unwind(AssertUnwindSafe(|| f(&tx)));
            connection.execute_batch("commit").map_err(DbError::from)?;
            readers.give_back(connection);
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        match done.await {
            Ok(outcome) => outcome,
            Err(error) => Err(E::from(DbError::Statement(error.to_string()))),
        }
    }

    pub(super) async fn snapshot(&self, to: &Path) -> Result<(), DbError> {
        let (readers, to) = (self.0.clone(), to.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            make_private(&to)?;
            let from = readers.take()?;
            let mut target = Connection::open(&to)?;
            let backup = rusqlite::backup::Backup::new(&from, &mut target)?;
            // All pages in one step: a consistent copy, whatever is written meanwhile.
            backup.step(-1)?;
            drop(backup);
            target.pragma_update(None, "journal_mode", "DELETE")?;
            let verdict: String = target.query_row("pragma quick_check", [], |row| row.get(0))?;
            if verdict == "ok" {
                Ok(())
            } else {
                Err(DbError::Damaged(verdict))
            }
        });
        done.await
            .map_err(|error| DbError::Statement(error.to_string()))?
    }
}

impl Readers {
    fn take(&self) -> Result<Connection, DbError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open_reader(&self.path), Ok)
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }
}
