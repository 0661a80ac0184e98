//! Sealing a database of before: it is written anew beside the old one and takes its place in one step.
//!
//! Whenever this is cut off, either the old database is in place, whole and in clear, and it is begun again; or the
//! new one is, and what is left of the old one is wiped at the next start.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;

use super::sealing::Access;
use super::tables::{self, Table, Writer};
use super::{Store, StoreError, journal, provision, replica, rows};
use crate::keys::sync_folder;
use crate::seal::SealKey;

/// Journal entries copied in one transaction.
const CHUNK_LEN: u32 = 10_000;
/// Bytes wiped at a time.
const WIPED_LEN: usize = 1 << 20;

/// Tables whose rows stay what they are but for the seal.
const SAME: &[&Table] = &[
    &tables::META,
    &tables::BANDS,
    &tables::POLICIES,
    &tables::TICKETS,
    &tables::INTENTS,
    &tables::TOLD_KEYS,
];

/// Puts a sealed database in the place of `old`, which is in clear.
pub(super) fn seal(mut old: Store, key: &SealKey) -> Result<(), StoreError> {
    let path = old.path.clone();
    old.identity = replica::read_identity(old.access())?;
    old.identity()?;
    old.check_rows()?;
    let new = beside(&path, "sealing");
    tracing::info!(database = %path.display(), "the database is written anew, sealed");
    remove(&new);
    let outcome = copy(&old, &new, key).and_then(|()| {
        old.close();
        refuse_log(&path)?;
        exchange(&new, &path).map_err(|error| failed(&path, &error))
    });
    outcome.inspect_err(|_| remove(&new))
}

/// Wipes what was left of a database in clear that was replaced.
pub(super) fn finish(path: &Path) -> Result<(), StoreError> {
    wipe_clear(path).map_err(|error| failed(&beside(path, "clear"), &error))
}

/// Keeps a name for the database in clear that is about to be replaced, so that it can be wiped afterwards. File
/// systems that give no second names take it away at once.
pub(crate) fn name_for_wiping(path: &Path) -> std::io::Result<()> {
    wipe_clear(path)?;
    let _ = fs::hard_link(path, beside(path, "clear"));
    Ok(())
}

/// Overwrites and removes the database in clear that was replaced, if there is one.
pub(crate) fn wipe_clear(path: &Path) -> std::io::Result<()> {
    let clear = beside(path, "clear");
    let Ok(about) = fs::symlink_metadata(&clear) else {
        return Ok(());
    };
    // Cut off before the exchange: then this is another name of the database that is in use.
    let in_use = fs::metadata(path).is_ok_and(|used| (used.dev(), used.ino()) == (about.dev(), about.ino()));
    if about.is_file() && !in_use {
        wipe(&clear, about.len())?;
    }
    fs::remove_file(&clear)?;
    sync_folder(path)
}

fn wipe(path: &Path, len: u64) -> std::io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let zeros = vec![0; WIPED_LEN];
    let mut left = len;
    while left > 0 {
        let count = left.min(WIPED_LEN as u64);
        file.write_all(&zeros[..count as usize])?;
        left -= count;
    }
    file.sync_all()
}

fn copy(old: &Store, new: &Path, key: &SealKey) -> Result<(), StoreError> {
    let mut store = Store::create(new, key)?;
    store.durably_filling(|access| {
        let mut writer = Writer::new(access);
        SAME.iter()
            .try_for_each(|table| copy_same(&mut writer, old, table))?;
        copy_people(&mut writer, old)?;
        provision::carry_attempts(&mut writer, old)?;
        writer.finish()?;
        copy_pages(access, old)
    })?;
    let mut next = 1;
    loop {
        let entries = old.entries(next, CHUNK_LEN)?;
        let Some(last) = entries.last() else { break };
        next = last.sequence + 1;
        store.durably(|access| {
            entries
                .iter()
                .try_for_each(|entry| journal::insert(access, entry))
        })?;
    }
    store.close();
    give_as(old.path(), new).map_err(|error| failed(new, &error))
}

fn copy_same(writer: &mut Writer<'_>, old: &Store, table: &Table) -> Result<(), StoreError> {
    let mut statement = old.connection.prepare(&format!("select * from {}", table.name))?;
    let columns = statement.column_count() - 1;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        tables::check_row(table, row)?;
        let values: Vec<ValueRef<'_>> = (0..columns)
            .map(|column| row.get_ref(column))
            .collect::<Result<_, _>>()?;
        writer.put(table, &values)?;
    }
    Ok(())
}

/// Rows whose bodies have to say from now on whom they are about.
fn copy_people(writer: &mut Writer<'_>, old: &Store) -> Result<(), StoreError> {
    let mut statement = old.connection.prepare("select * from users")?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        rows::put_user(writer, &rows::user(&old.sealing, row)?)?;
    }
    let mut statement = old.connection.prepare("select * from associations")?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        rows::put_association(writer, &rows::association(&old.sealing, row)?)?;
    }
    let mut statement = old.connection.prepare("select * from operators")?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        rows::put_operator(writer, &rows::operator(&old.sealing, row)?)?;
    }
    Ok(())
}

fn copy_pages(access: Access<'_>, old: &Store) -> Result<(), StoreError> {
    let mut statement = old.connection.prepare("select number, page from staged_pages")?;
    let mut found = statement.query(())?;
    while let Some(row) = found.next()? {
        let (number, page): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let page = access.sealing.seal_page(&page);
        let insert = "insert into staged_pages (number, page) values (?1, ?2)";
        access.execute(insert, (number, &page[..]))?;
    }
    Ok(())
}

fn exchange(new: &Path, path: &Path) -> std::io::Result<()> {
    File::open(new)?.sync_all()?;
    name_for_wiping(path)?;
    fs::rename(new, path)?;
    sync_folder(path)
}

/// The log of the old database must never be applied to the new one. Closing the old one has emptied it, unless
/// somebody else has it open.
fn refuse_log(path: &Path) -> Result<(), StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match fs::metadata(log) {
        Ok(about) if about.len() > 0 => Err(StoreError::Locked),
        _ => Ok(()),
    }
}

/// A new file belongs to whom the old one belongs to: this may be root, at the command line.
fn give_as(old: &Path, new: &Path) -> std::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(old)?;
    std::os::unix::fs::chown(new, Some(owner.uid()), Some(owner.gid()))
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    path.with_extension(format!("db.{extension}"))
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(name);
    }
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Failed(format!("{}: {error}", path.display())),
    }
}
