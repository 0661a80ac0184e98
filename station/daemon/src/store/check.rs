//! The check of the whole file at each start. It reads every page, so it is what a start waits for: each
//! core takes a part.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rusqlite::OpenFlags;

use super::{Store, StoreError, tables};

/// More would fight for the same disk.
const THREADS_MAX: usize = 4;

/// Checks the structure of the file and every row of every table.
pub(super) fn whole(path: &Path) -> Result<(), StoreError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || take_parts(path, &next);
        let others: Vec<_> = (1..threads.min(THREADS_MAX)).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let others = others
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        others.fold(mine, Result::and)
    })
}

/// Takes one part after the other until none is left.
fn take_parts(path: &Path, next: &AtomicUsize) -> Result<(), StoreError> {
    let store = Store::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    loop {
        let part = next.fetch_add(1, Ordering::Relaxed);
        // Backward: the longest part, associations with their indexes, must not be begun last.
        match tables::ALL.iter().rev().nth(part) {
            Some(table) => tables::check_table(&store.connection, table)?,
            None if part == tables::ALL.len() => store.check_whole().and_then(|()| length(&store, path))?,
            None => return Ok(()),
        }
    }
}

/// A file whose end was cut off may lose nothing but zeros, and read well. While a log is there, pages may be in
/// the log alone.
fn length(store: &Store, path: &Path) -> Result<(), StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|about| about.len() > 0);
    let number = |name| {
        store
            .connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
    };
    let expected = number("page_count")? * number("page_size")?;
    let found = std::fs::metadata(path).map_or(0, |about| about.len() as i64);
    if has_log || found >= expected {
        return Ok(());
    }
    Err(StoreError::Corrupted(format!(
        "the file has {found} bytes and should have {expected}"
    )))
}
