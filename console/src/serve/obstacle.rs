//! What stands in the way of the database, and what to do about it: said before anybody is told that the console is
//! ready.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use super::App;
use crate::db::{DbError, is_postgres, sqlite_path};
use crate::store::settings::{self, names};

/// With less room than this nothing can be begun, in bytes.
const ROOM_MIN: u64 = 1 << 20;

/// Writes, durably, that the console starts. A transaction without a change would prove nothing: SQLite lets it pass on
/// a disk that is read-only.
pub(crate) async fn prove_writable(app: &App) -> anyhow::Result<()> {
    let now = app.now();
    let written = app.db.write(move |tx| settings::put(tx, names::STARTED, &now));
    let written = written
        .await
        .map_err(|error| named(&app.config.database.url, error));
    written.map(drop)
}

/// The error with its cause, as far as it can be seen from here, and the way out.
pub(crate) fn named(url: &str, error: DbError) -> anyhow::Error {
    if matches!(
        error,
        DbError::Missing(_) | DbError::Address(_) | DbError::Newer { .. } | DbError::Older { .. }
    ) {
        return error.into();
    }
    if is_postgres(url) {
        let next = of_server(&error);
        return anyhow!("{error}; {next}");
    }
    let path = sqlite_path(url).unwrap_or(Path::new(url));
    let is_about_the_disk = matches!(
        error,
        DbError::ReadOnly | DbError::Full | DbError::Failed(_) | DbError::Unreachable(_)
    );
    match of_disk(path).filter(|_| is_about_the_disk) {
        Some((why, next)) => anyhow!("the database {} cannot be written: {why}; {next}", path.display()),
        None => anyhow!("{error}, {}; {}", path.display(), of_file(&error)),
    }
}

fn of_server(error: &DbError) -> &'static str {
    match error {
        DbError::ReadOnly => {
            "the server takes no changes, because it only follows another one or was told so: name the one that takes \
             changes in `database.url`"
        }
        DbError::Full => "make room on the disk of the server, then start the console again",
        DbError::Busy => "the server gives no connection: let it take more of them, or end what holds them",
        DbError::Failed(_) | DbError::Damaged(_) => "see the server's own log",
        _ => "start the database, or mend `database.url`",
    }
}

fn of_file(error: &DbError) -> &'static str {
    match error {
        DbError::Damaged(_) => "keep the file, and restore a backup: see `bandstand-console restore --help`",
        DbError::Busy => "another program holds the file: end it, then start the console again",
        _ => "look at the disk and at the system's log, then start the console again",
    }
}

/// Why a file on this disk cannot be written, and what to do.
fn of_disk(path: &Path) -> Option<(String, &'static str)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let about = statvfs(folder).ok()?;
    if about.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some((
            "its file system is mounted read-only".into(),
            "mount it writable, after `fsck` if it turned read-only by itself, then start the console again",
        ));
    }
    if let Some(closed) = closed(path, folder) {
        let why = format!(
            "{} may not be written by uid {}",
            closed.display(),
            rustix::process::geteuid().as_raw()
        );
        let next =
            "give the folder and everything in it to the user that the console runs as, then start it again";
        return Some((why, next));
    }
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    (free < ROOM_MIN).then(|| {
        let why = format!("its disk is full, {} KiB are free", free >> 10);
        (
            why,
            "make room, then start the console again: nothing that was acknowledged is lost",
        )
    })
}

/// The first of what has to be written that may not be.
fn closed(path: &Path, folder: &Path) -> Option<PathBuf> {
    let beside = ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display())));
    let all = beside.into_iter().filter(|path| path.exists());
    all.chain([folder.to_owned()])
        .find(|path| access(path, Access::WRITE_OK).is_err())
}
