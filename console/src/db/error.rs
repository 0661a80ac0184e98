//! What can go wrong with a database, as far as anybody acts on it.

/// Why the database did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached, or went away.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// There is no such file.
    #[error("there is no database {0}; has `bandstand-console init` been run?")]
    Missing(String),
    /// Its address is not one that is used.
    #[error("the address of the database, `database.url`: {0}")]
    Address(String),
    /// Too much waits already.
    #[error("the database is busy")]
    Busy,
    /// The disk is full.
    #[error("the disk of the database is full")]
    Full,
    /// It can be read and not written.
    #[error("the database cannot be written")]
    ReadOnly,
    /// A write failed in a way after which nothing written since is certain. The process must start again.
    #[error("the disk of the database failed: {0}")]
    Failed(String),
    /// What is stored is not what this release stores.
    #[error("the database holds something unexpected: {0}")]
    Damaged(String),
    /// A row with this key is there already.
    #[error("there is such a row already: {0}")]
    Exists(String),
    /// Two transactions stood in each other's way; the next attempt may pass.
    #[error("two transactions met: {0}")]
    Conflict(String),
    /// A newer release has used this database.
    #[error(
        "the database was last used by a newer release (its tables have number {found}, this release knows {known}); use that release or a backup made before it"
    )]
    Newer {
        /// The number found.
        found: i64,
        /// The highest number this release knows.
        known: i64,
    },
    /// The tables are of an older release.
    #[error(
        "the tables of the database are those of an older release ({found} of {known}); run `bandstand-console migrate`"
    )]
    Older {
        /// The number found.
        found: i64,
        /// The highest number this release knows.
        known: i64,
    },
    /// This engine cannot do it.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A statement of ours is wrong.
    #[error("a statement failed: {0}")]
    Statement(String),
}

impl DbError {
    /// The next attempt may pass by itself.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Busy | Self::Full | Self::ReadOnly | Self::Conflict(_)
        )
    }
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy,
            Some(Code::DiskFull) => Self::Full,
            Some(Code::SystemIoFailure) => Self::Failed(text),
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged(text),
            Some(Code::ReadOnly) => Self::ReadOnly,
            Some(Code::CannotOpen | Code::PermissionDenied) => Self::Unreachable(text),
            Some(Code::ConstraintViolation) if is_unique(&error) => Self::Exists(text),
            _ => Self::Statement(text),
        }
    }
}

fn is_unique(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE)
    )
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            return Self::Unreachable(with_cause(&error));
        };
        let text = with_cause(&error);
        match state.code() {
            "40001" | "40P01" => Self::Conflict(text),
            "23505" => Self::Exists(text),
            "53100" => Self::Full,
            // A server that only follows another one.
            "25006" => Self::ReadOnly,
            // Too many connections; a lock that was not to be had in time.
            "53300" | "55P03" => Self::Busy,
            "58030" | "XX001" | "XX002" => Self::Failed(text),
            // The server ended a transaction in which nothing happened for long.
            "25P03" => Self::Unreachable(text),
            code if code.starts_with("08") || code.starts_with("57P") => Self::Unreachable(text),
            code if code.starts_with("28") || code.starts_with("3D") => Self::Unreachable(text),
            _ => Self::Statement(text),
        }
    }
}

impl From<deadpool_postgres::PoolError> for DbError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            deadpool_postgres::PoolError::Timeout(_) => Self::Busy,
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// Drivers keep what the server said in the cause.
pub(super) fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
