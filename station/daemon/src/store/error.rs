//! Every way in which the database can fail, by name.

use rusqlite::ffi::{self, ErrorCode};

use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::seal::SealKeyId;

/// Why the database did not do what was asked. Nothing was made durable, unless the variant says that
/// nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// `init` was never run here.
    #[error("there is no database")]
    Missing,
    /// Another process holds a lock for longer than we wait.
    #[error("another process holds the database")]
    Locked,
    /// The file is not the database it was.
    #[error("the database is damaged: {0}")]
    Corrupted(String),
    /// The disk or quota is used up. Goes on by itself once there is space.
    #[error("the disk is full")]
    Full,
    /// The file or its folder cannot be written.
    #[error("the database cannot be written")]
    ReadOnly,
    /// A newer program changed the form of the database.
    #[error("the database has version {found}, this program knows versions up to {known}")]
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The database is sealed with another key than the one at hand.
    #[error("the database is sealed with the key {found}, and the key at hand is {given}")]
    OtherSealKey {
        /// What the database says.
        found: SealKeyId,
        /// What was given.
        given: SealKeyId,
    },
    /// A ticket that was to be spent was spent for something else in the meantime.
    #[error("the ticket was used in the meantime")]
    TicketSpent,
    /// A link or something else that is no plain file.
    #[error("{0} is a link or something else that is no plain file")]
    NotPlain(String),
    /// The disk failed while a transaction was being made durable: what holds is known only after the
    /// database was opened anew, so the process must stop.
    #[error("the disk failed while writing: {0}")]
    SyncFailed(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(cause, _) = &error else {
            // A value of another type than the schema promises.
            return match error {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Corrupted(error.to_string()),
                _ => Self::Failed(error.to_string()),
            };
        };
        match cause.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupted(error.to_string()),
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly,
            ErrorCode::CannotOpen => Self::Failed(error.to_string()),
            ErrorCode::SystemIoFailure if cause.extended_code == ffi::SQLITE_IOERR_CORRUPTFS => {
                Self::Corrupted(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl StoreError {
    /// What a failed commit means: an input/output fault leaves open what reached the disk.
    pub(super) fn of_commit(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure) => Self::SyncFailed(error.to_string()),
            _ => error.into(),
        }
    }

    /// Whether the process has to stop because the state of the database is unknown.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::SyncFailed(_) | Self::Corrupted(_))
    }

    /// The problem as a person should see it.
    pub fn into_problem(self, what: &str, config: &Config) -> Problem {
        let database = config.database();
        let file = database.display();
        let (code, next) = match &self {
            Self::Missing => (Code::NotInitialized, "run `bandstand-station init --from FILE` once".to_owned()),
            Self::Locked => {
                (Code::StoreLocked, format!("close the program that has {file} open (`fuser {file}` names it)"))
            }
            Self::Corrupted(_) => (Code::StoreCorrupted, after_damage(config)),
            Self::Full => (Code::StoreFull, "free disk space; the station goes on by itself".into()),
            Self::ReadOnly => {
                (Code::StoreReadOnly, format!("let this user write {file} and its folder, and check the mount"))
            }
            Self::TicketSpent => (Code::TicketReused, "ask for a new ticket".into()),
            Self::NotPlain(_) => (
                Code::StoreFailed,
                "put the database itself there; to keep it elsewhere, set station.data_directory".into(),
            ),
            Self::OtherSealKey { .. } => (
                Code::SealKeyWrong,
                "give back the key that this station was sealed with: the credential `bandstand.seal`, or the file \
                 station.seal_key_file. Without it the data is lost: revoke the station at the console, move the data \
                 folder away and join anew"
                    .into(),
            ),
            Self::Newer { .. } => (Code::StoreNewer, "install the newer program again".into()),
            Self::SyncFailed(_) => {
                (Code::StoreSyncFailed, "check the disk (`dmesg`), then start the station again".into())
            }
            Self::Failed(_) => (Code::StoreFailed, "run `bandstand-station doctor`".into()),
        };
        Problem::new(code, what, self.to_string(), next)
    }
}

/// The way on from a damaged database. A station that joined a console has no provisioning file to begin again
/// with; as a new station it gets everything from the console, and the old one's identity is never used twice.
fn after_damage(config: &Config) -> String {
    let folder = config.station.data_directory.display();
    if config.sync_file().exists() {
        return format!(
            "stop the station and move {folder} away, but keep it: what the console has not heard is in there, and \
             nowhere else. Make a token for a new station at the console, run `bandstand-station join` with it, and \
             revoke the old station"
        );
    }
    "stop the station, keep a copy of the data folder, run `journal verify`, then `init --replace`".into()
}
