//! The database: everything the station must not forget.
//!
//! SQLite in WAL mode with `synchronous=FULL`: a transaction is one `fdatasync`, and when
//! [`Store::append`] returns, its records are on the disk. One connection writes and one thread owns it
//! ([`StoreHandle`]); the command line opens further connections to read.
//!
//! When making a transaction durable fails, nobody knows what reached the disk. The store then refuses
//! every further call and the process has to stop; opening the file anew tells what holds.

mod changes;
mod check;
mod error;
mod handle;
mod holder;
mod journal;
mod migrations;
mod notes;
mod provision;
mod rebuild;
mod replica;
mod rows;
mod sealing;
mod sync;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use station_core::journal::Head;

use crate::seal::SealKey;
use sealing::{Access, Sealing};

pub use error::StoreError;
pub use handle::StoreHandle;
pub use journal::Verification;
pub(crate) use rebuild::{name_for_wiping, wipe_clear};
pub use replica::{Identity, Issuer};
pub use sync::{Applying, SyncState, Wishes};

/// How long a call waits for another process's lock before it fails with [`StoreError::Locked`].
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Page cache in KiB: a decision reads a handful of pages, and idle memory counts.
const CACHE_KIB: i64 = 1024;
/// Page cache while many rows are written at once. Keyed hashes have no order, so that rows of one page of a snapshot
/// belong all over a table.
const CACHE_FILLING_KIB: i64 = 24 << 10;
/// Pages of the write-ahead log after which a commit folds it into the database by itself: a bound for
/// stations that are never idle.
const LOG_PAGES_MAX: u32 = 1000;
/// Bytes of the log that are kept when it is begun anew: all that [`LOG_PAGES_MAX`] makes of it, and one
/// commit. Writing over a log is cheaper than making it longer, because a file's new length is one more
/// thing that every sync has to wait for.
const LOG_BYTES_KEPT: u32 = 4 << 20;
/// Statements kept prepared.
const STATEMENTS_MAX: usize = 48;

/// An open database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    sealing: Sealing,
    path: PathBuf,
    failed: Option<StoreError>,
    /// Transactions were committed since the log was last folded into the database.
    has_log: bool,
    identity: Option<Identity>,
    /// The journal's end after the last append, until somebody takes it.
    appended: Option<Head>,
}

impl Store {
    /// Opens the station's database, checks that it is whole and brings it to the current version.
    pub fn open(path: &Path, key: &SealKey) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing);
        }
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if migrations::version(&store.connection)? != migrations::CURRENT {
            store.check_whole()?;
            migrations::migrate_clear(&mut store.connection)?;
            rebuild::seal(store, key)?;
            store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        }
        rebuild::finish(path)?;
        check::whole(path)?;
        store.unseal(key)?;
        store.identity()?;
        match store.verify_tail()?.fault {
            None => Ok(store),
            Some(fault) => Err(StoreError::Corrupted(format!(
                "the journal does not hold: {fault}"
            ))),
        }
    }

    /// Makes a new, empty database that is sealed with `key`. An existing file is an error.
    pub fn create(path: &Path, key: &SealKey) -> Result<Self, StoreError> {
        make_private(path)?;
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrations::make(&mut store.connection)?;
        store.sealing = Sealing::with(key);
        store.durably(|access| {
            let mut writer = tables::Writer::new(access);
            sealing::put_key(&mut writer, key)?;
            writer.finish()
        })?;
        Ok(store)
    }

    /// Opens the database to look at it, beside a running daemon.
    pub fn open_to_read(path: &Path, key: &SealKey) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing);
        }
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.connection.pragma_update(None, "query_only", true)?;
        match migrations::version(&store.connection)? {
            migrations::CURRENT => {}
            found if found > migrations::CURRENT => return Err(migrations::newer(found)),
            found => {
                return Err(StoreError::Failed(format!(
                    "the database has the old version {found}; start the station once"
                )));
            }
        }
        store.unseal(key)?;
        store.identity()?;
        Ok(store)
    }

    /// Opens the database to take over what is in it before it is replaced. Nothing is checked but the key, and a
    /// database of before is read as it is.
    pub fn open_to_replace(path: &Path, key: &SealKey) -> Result<Self, StoreError> {
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        match store.unseal(key) {
            // Where the line that names the key is damaged, the rows say whether it is the right one.
            Err(StoreError::Corrupted(_)) => {
                store.sealing = Sealing::with(key);
                store.identity = replica::read_identity(store.access())?;
            }
            outcome => outcome?,
        }
        store.identity()?;
        Ok(store)
    }

    /// Lets rows be read with `key`, and reads what the station is.
    fn unseal(&mut self, key: &SealKey) -> Result<(), StoreError> {
        if migrations::is_sealed(&self.connection)? {
            self.sealing = Sealing::of(&self.connection, key)?;
        }
        self.identity = replica::read_identity(self.access())?;
        Ok(())
    }

    fn access(&self) -> Access<'_> {
        Access {
            connection: &self.connection,
            sealing: &self.sealing,
        }
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        refuse_links(path)?;
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let empty = migrations::version(&connection)? == 0;
        if id != migrations::APPLICATION_ID && !(empty && id == 0) {
            return Err(StoreError::Corrupted(
                "this file belongs to another program".into(),
            ));
        }
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
        Ok(Self {
            connection,
            sealing: Sealing::Clear,
            path: path.to_owned(),
            failed: None,
            has_log: false,
            identity: None,
            appended: None,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file and compares its structure. Damage inside a value is found by the rows'
    /// own sums and the journal's chain.
    pub fn check_whole(&self) -> Result<(), StoreError> {
        let verdict: String = self
            .connection
            .pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if verdict == "ok" {
            Ok(())
        } else {
            Err(StoreError::Corrupted(verdict))
        }
    }

    /// Reads every row and compares it with its seal, and every table with its totals.
    pub fn check_rows(&self) -> Result<(), StoreError> {
        tables::check_all(self.access())
    }

    /// Fails if an earlier failure left the state of the database unknown.
    pub(crate) fn guard(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Remembers a failure after which nothing may be acknowledged any more.
    pub(crate) fn note(&mut self, error: &StoreError) {
        if error.is_fatal() && self.failed.is_none() {
            self.failed = Some(error.clone());
        }
    }

    /// Runs `work` in one transaction that is durable when this returns.
    fn durably<T>(
        &mut self,
        work: impl FnOnce(Access<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.guard()?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.sealing.begin();
        let value = work(Access {
            connection: &transaction,
            sealing: &self.sealing,
        })?;
        let outcome = transaction.commit().map_err(StoreError::of_commit);
        self.has_log = true;
        let outcome = outcome.inspect_err(|error| self.note(error));
        outcome.map(|()| value)
    }

    /// The same, with more room where it writes many rows.
    fn durably_of_size<T>(
        &mut self,
        is_much: bool,
        work: impl FnOnce(Access<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match is_much {
            true => self.durably_filling(work),
            false => self.durably(work),
        }
    }

    /// The same for many rows at once.
    fn durably_filling<T>(
        &mut self,
        work: impl FnOnce(Access<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection
            .pragma_update(None, "cache_size", -CACHE_FILLING_KIB)?;
        let outcome = self.durably(work);
        self.connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        self.connection.release_memory()?;
        outcome
    }

    /// The journal's end after what was appended since the last call, if anything was.
    pub(crate) fn take_appended(&mut self) -> Option<Head> {
        self.appended.take()
    }

    /// Whether there may be something to fold.
    fn has_log(&self) -> bool {
        self.has_log && self.failed.is_none()
    }

    /// Folds the write-ahead log into the database file. What is in the log is durable already; a failure
    /// here is tried again later and costs the next start a little time.
    pub(crate) fn fold_log(&mut self) {
        let folded = self.connection.pragma_query(None, "wal_checkpoint", |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded");
        }
        self.has_log = false;
    }

    /// Folds the write-ahead log into the database file and closes it.
    pub fn close(mut self) {
        self.fold_log();
        let _ = self.connection.close();
    }
}

/// Whether there is a database here whose rows are sealed.
pub(crate) fn is_sealed(path: &Path) -> bool {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let is_sealed = connection
        .map_err(StoreError::from)
        .and_then(|connection| migrations::is_sealed(&connection));
    matches!(is_sealed, Ok(true) | Err(StoreError::Newer { .. }))
}

/// Fails if the database, or a file that SQLite puts beside it, is no plain file: what is written there must not
/// reach another file, whoever put a link in its place.
pub(crate) fn refuse_links(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        if std::fs::symlink_metadata(&name).is_ok_and(|about| !about.is_file()) {
            return Err(StoreError::NotPlain(name.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}

/// Makes `path` as an empty file that only its owner may read, so that the database and the files
/// SQLite puts beside it (which inherit its mode) are never readable by others, not even for a moment.
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map(drop).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Failed(format!("{} cannot be made: {error}", path.display())),
    })
}

#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod sealing_tests;
#[cfg(test)]
mod tests;
