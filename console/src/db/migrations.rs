//! The tables, in numbered steps. A step that was released never changes.

use super::{DbError, Tx};
use crate::args;

/// Every step: number, name, statements. Types are written as PostgreSQL has them; for SQLite they are
/// replaced word by word.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "core", include_str!("../../migrations/0001_core.sql")),
    (2, "accounts", include_str!("../../migrations/0002_accounts.sql")),
    (3, "sync", include_str!("../../migrations/0003_sync.sql")),
    (4, "imports", include_str!("../../migrations/0004_imports.sql")),
    (
        5,
        "certifies",
        include_str!("../../migrations/0005_certifies.sql"),
    ),
    (
        6,
        "second_factor",
        include_str!("../../migrations/0006_second_factor.sql"),
    ),
    (
        7,
        "uses_by_association",
        include_str!("../../migrations/0007_uses_by_association.sql"),
    ),
    (
        8,
        "authorities",
        include_str!("../../migrations/0008_authorities.sql"),
    ),
    (9, "expiring", include_str!("../../migrations/0009_expiring.sql")),
];

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub number: i64,
    /// Its name.
    pub name: &'static str,
}

/// The number of the newest step this release knows.
pub fn newest() -> i64 {
    STEPS.iter().map(|(number, ..)| *number).max().unwrap_or(0)
}

const LEDGER: &str = "create table if not exists schema_steps (number bigint primary key, name text not null, applied_ms bigint not null)";

/// Takes every step that was not taken yet.
pub(super) fn apply(tx: &Tx<'_>, now_ms: i64) -> Result<Vec<Applied>, DbError> {
    tx.batch(LEDGER)?;
    let taken = taken(tx)?;
    refuse_newer(&taken)?;
    let mut applied = Vec::new();
    for (number, name, sql) in STEPS.iter().filter(|(number, ..)| !taken.contains(number)) {
        tx.batch(&for_engine(sql, tx.is_postgres()))?;
        tx.exec(
            "insert into schema_steps (number, name, applied_ms) values ($1, $2, $3)",
            args![*number, *name, now_ms],
        )?;
        applied.push(Applied {
            number: *number,
            name,
        });
    }
    Ok(applied)
}

/// Fails unless exactly the steps of this release were taken.
pub(super) fn check(tx: &Tx<'_>) -> Result<(), DbError> {
    let taken = match taken(tx) {
        Ok(taken) => taken,
        Err(DbError::Statement(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    refuse_newer(&taken)?;
    let known = newest();
    let found = taken.iter().max().copied().unwrap_or(0);
    if STEPS.iter().all(|(number, ..)| taken.contains(number)) {
        return Ok(());
    }
    Err(DbError::Older { found, known })
}

fn taken(tx: &Tx<'_>) -> Result<Vec<i64>, DbError> {
    tx.all("select number from schema_steps order by number", &[], |row| {
        row.int(0)
    })
}

fn refuse_newer(taken: &[i64]) -> Result<(), DbError> {
    let known = newest();
    match taken.iter().max() {
        Some(&found) if found > known => Err(DbError::Newer { found, known }),
        _ => Ok(()),
    }
}

fn for_engine(sql: &str, postgres: bool) -> String {
    if postgres {
        return sql.to_owned();
    }
    sql.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map(|word| {
            let end = word
                .trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .len();
            let (name, rest) = word.split_at(end);
            let name = match name {
                "BIGINT" | "BOOLEAN" => "INTEGER",
                "BYTEA" => "BLOB",
                other => other,
            };
            format!("{name}{rest}")
        })
        .collect()
}
