//! Copies of an SQLite database: made while it is used, checked after they were written, and begun again from.
//!
//! A copy holds everything but the master key, so the vault in it stays sealed. A console that begins again from one
//! takes a new lineage, a new identity as a writer of history and a new key for the feed: its revisions and sequences
//! come a second time with other content, and stations must not take it for the console they knew.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use policy::model::{StationId, UnixMillis};
use ring::digest::{Context as Hash, SHA256};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::Serialize;
use serde_json::json;

use super::settings::{self, names};
use crate::access::Caller;
use crate::args;
use crate::audit::{self, Head, Record};
use crate::db::{Db, DbError, Tx};
use crate::edge::random;
use crate::vault::{Vault, names as secrets};

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in base16.
    pub sha256: String,
    /// The number of its tables' newest step.
    pub tables: i64,
    /// The lineage of the console it was made of, in base16.
    pub lineage: String,
    /// The revision of the change feed.
    pub revision: u64,
    /// The end of its audit.
    pub audit: Head,
    /// When the last row of its audit was written, in milliseconds since 1970: it holds nothing that is newer.
    pub last_act_ms: i64,
}

/// Copies the database to a new file, as it is at one moment, and checks the copy. A file that is there already
/// stays as it is; one that failed leaves nothing.
pub async fn save(db: &Db, to: &Path) -> Result<Contents> {
    refuse_existing(to)?;
    let folder = folder_of(to);
    let partial = Temporary::file(&folder)?;
    db.snapshot(&partial.0)
        .await
        .with_context(|| format!("cannot copy the database into {}", folder.display()))?;
    let contents = inspect(&partial.0).context("the copy that was written does not hold")?;
    put_in_place(&partial.0, to)?;
    Ok(contents)
}

/// Reads a copy through and says what it holds. Changes nothing.
pub fn inspect(path: &Path) -> Result<Contents> {
    let about = fs::metadata(path).with_context(|| format!("cannot find {}", path.display()))?;
    ensure!(about.is_file(), "{} is not a plain file", path.display());
    let found =
        look_into(path).with_context(|| format!("{} is not the database of a console", path.display()));
    let (verdict, contents) = found?;
    ensure!(verdict == "ok", "{} is damaged: {verdict}", path.display());
    let (bytes, sha256) = (about.len(), sha256(path)?);
    Ok(Contents {
        bytes,
        sha256,
        ..contents
    })
}

/// What SQLite says of the file as a whole, and what stands in it.
fn look_into(path: &Path) -> rusqlite::Result<(String, Contents)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(path, flags)?;
    let verdict = copy.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    let number = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0));
    let lineage: String = copy.query_row("select value from settings where name = 'lineage'", [], |row| {
        row.get(0)
    })?;
    let last = "select sequence, hash, at_ms from audit order by sequence desc limit 1";
    let (audit, last_act_ms) = copy.query_row(last, [], |row| {
        let sequence = row.get::<_, i64>(0)?.unsigned_abs();
        let hash = data_encoding::HEXLOWER.encode(&row.get::<_, Vec<u8>>(1)?);
        Ok((Head { sequence, hash }, row.get(2)?))
    })?;
    let contents = Contents {
        bytes: 0,
        sha256: String::new(),
        tables: number("select max(number) from schema_steps")?,
        lineage: lineage.trim_matches('"').to_owned(),
        revision: number("select revision from feed_head")?.unsigned_abs(),
        audit,
        last_act_ms,
    };
    Ok((verdict, contents))
}

fn sha256(path: &Path) -> Result<String> {
    use std::io::Read;
    let mut file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut sha, mut part) = (Hash::new(&SHA256), vec![0; 1 << 16]);
    loop {
        let len = file
            .read(&mut part)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if len == 0 {
            return Ok(data_encoding::HEXLOWER.encode(sha.finish().as_ref()));
        }
        sha.update(&part[..len]);
    }
}

/// What a console that begins again is given, all of it unpredictable.
pub struct Fresh {
    lineage: [u8; 16],
    writer: [u8; 16],
    feed_key: [u8; 32],
}

impl Fresh {
    /// New random values.
    pub fn new() -> Result<Self> {
        Ok(Self {
            lineage: random()?,
            writer: random()?,
            feed_key: random()?,
        })
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fresh(..)")
    }
}

/// Makes a new database file at `to` out of the copy `from`, begun again. Refuses if there is a database already.
pub async fn restore(
    from: &Path,
    to: &Path,
    vault: &Vault,
    caller: &Caller,
    fresh: Fresh,
    now: UnixMillis,
) -> Result<Contents> {
    refuse_database(to)?;
    let contents = inspect(from)?;
    let work = Temporary::folder(&folder_of(to))?;
    let copy = work.0.join("copy.db");
    fs::copy(from, &copy)
        .with_context(|| format!("cannot copy {} to {}", from.display(), work.0.display()))?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
    let db = Db::open(&copy.display().to_string()).await?;
    db.migrate(now.0).await?;
    begin_again(&db, vault, caller, fresh, now).await?;
    let whole = work.0.join("whole.db");
    db.snapshot(&whole)
        .await
        .context("cannot write the restored database")?;
    put_in_place(&whole, to)?;
    Ok(contents)
}

/// Gives a database that was set back a new lineage, a new writer and a new key of the feed, and ends what nobody
/// should go on with: sign-ins, links and join tokens that were open at that time.
pub async fn begin_again(
    db: &Db,
    vault: &Vault,
    caller: &Caller,
    fresh: Fresh,
    now: UnixMillis,
) -> Result<(), DbError> {
    let (vault, caller) = (vault.clone(), caller.clone());
    db.write(move |tx| {
        // A wrong master key is noticed before anything is changed.
        vault.require_key(tx, secrets::ORGANIZATION)?;
        let before = settings::lineage(tx)?;
        settings::put(tx, names::LINEAGE, &StationId(fresh.lineage))?;
        settings::put(tx, names::WRITER, &StationId(fresh.writer))?;
        crate::sync::authority::rotate_feed_key(tx, &vault, fresh.feed_key, now, now, now)?;
        end_what_was_open(tx, now)?;
        let what = Record {
            action: "console_restore",
            subject_kind: "organization",
            before: json!({ "lineage": StationId(before) }),
            after: json!({ "lineage": StationId(fresh.lineage) }),
            ..Record::default()
        };
        audit::append(tx, &caller, &what, now)
    })
    .await
}

fn end_what_was_open(tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
    tx.exec("delete from sessions", &[])?;
    tx.exec("delete from one_time_links where spent_ms is null", &[])?;
    tx.exec("delete from idempotency", &[])?;
    tx.exec(
        "update join_tokens set expires_at = $1 where spent_at is null and expires_at > $1",
        args![now],
    )?;
    tx.exec(
        "update imports set state = 'cancelled', settled_ms = $1 where state in ('previewed', 'waiting')",
        args![now],
    )?;
    Ok(())
}

/// Something that is removed unless it was moved away.
struct Temporary(PathBuf);

impl Temporary {
    fn name(folder: &Path) -> Result<PathBuf> {
        let number: [u8; 8] = random()?;
        Ok(folder.join(format!(
            ".bandstand-{}.partial",
            data_encoding::HEXLOWER.encode(&number)
        )))
    }

    fn file(folder: &Path) -> Result<Self> {
        ensure!(folder.is_dir(), "there is no folder {}", folder.display());
        Self::name(folder).map(Self)
    }

    fn folder(folder: &Path) -> Result<Self> {
        let path = Self::name(folder)?;
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot write into {}", folder.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may have been moved, or never been written.
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn refuse_existing(path: &Path) -> Result<()> {
    ensure!(
        fs::symlink_metadata(path).is_err(),
        "{} is there already; nothing is written over it: name another file",
        path.display()
    );
    Ok(())
}

/// Refuses to touch a database, whether somebody uses it or not.
fn refuse_database(path: &Path) -> Result<()> {
    let beside = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let (wal, shm) = (beside("-wal"), beside("-shm"));
    if fs::symlink_metadata(path).is_ok() {
        let state = match wal.exists() || shm.exists() {
            true => "a console has it open, or ended without closing it",
            false => "no console has it open",
        };
        bail!(
            "there is a database at {} already ({state}); nothing is restored over it: stop the console and move it away, \
             with {} and {} if they are there",
            path.display(),
            wal.display(),
            shm.display()
        );
    }
    for rest in [wal, shm] {
        ensure!(
            !rest.exists(),
            "{} is left of a database that is gone: move it away first",
            rest.display()
        );
    }
    Ok(())
}

/// Moves a whole file to its name, durably, unless something has this name.
fn put_in_place(from: &Path, to: &Path) -> Result<()> {
    fs::File::open(from)
        .and_then(|file| file.sync_all())
        .context("the disk does not take the file")?;
    let moved = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::hard_link(from, to),
        other => other.map_err(std::io::Error::from),
    };
    match moved {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => refuse_existing(to)?,
        other => other.with_context(|| format!("cannot write {}", to.display()))?,
    }
    let folder = folder_of(to);
    fs::File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot make {} durable", folder.display()))
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
