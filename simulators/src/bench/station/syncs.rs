//! How often the daemon makes the disk write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::stage::{Program, Stage};

/// Counts calls by watching every one of them, or commits by reading the write-ahead log: in WAL mode with
/// `synchronous=FULL` each commit is one `fdatasync`.
pub(super) enum Counter {
    Traced(PathBuf),
    Log(PathBuf),
}

impl Counter {
    /// The counter that this machine allows, and the program to start for it.
    pub(super) fn new(stage: &Stage, program: &Program) -> (Self, Program) {
        if !can_trace() {
            let log = stage.data().join("station.db-wal");
            return (Self::Log(log), program.clone());
        }
        let file = stage.folder().join("syncs.txt");
        let text = file.to_string_lossy().into_owned();
        // -D: the daemon stays our child, the tracer is its grandchild.
        let calls = "trace=fsync,fdatasync,sync_file_range,msync,sync,syncfs";
        let tracer = ["strace", "-D", "-f", "-qq", "-e", calls, "-o", &text];
        (Self::Traced(file), program.wrapped(&tracer))
    }

    /// How this counter counts.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Traced(_) => "all sync calls, by strace",
            Self::Log(_) => "commits in the log, strace is absent",
        }
    }

    /// Calls so far.
    pub(super) fn count(&self) -> Result<usize> {
        match self {
            Self::Traced(file) => Ok(fs::read_to_string(file)?
                .lines()
                .filter(|line| line.contains('(') && !line.contains("exited"))
                .count()),
            Self::Log(file) => commits(file),
        }
    }
}

fn can_trace() -> bool {
    let mut probe = Command::new("strace");
    probe.args(["-qq", "-e", "trace=fdatasync", "true"]);
    probe
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Commits in a write-ahead log that was not started over. A frame's header says the size of the database
/// after a commit, and 0 where the transaction goes on (SQLite file format, section 4.1).
fn commits(file: &Path) -> Result<usize> {
    const HEADER_LEN: usize = 32;
    const FRAME_HEADER_LEN: usize = 24;
    let bytes = fs::read(file)?;
    let word = |at: usize| {
        bytes
            .get(at..at + 4)
            .map(|word| u32::from_be_bytes(word.try_into().expect("four")))
    };
    let page_len = word(8).context("a write-ahead log has a header")? as usize;
    ensure!(page_len >= 512, "no page size in the write-ahead log");
    let salt = word(16);
    let frames = (HEADER_LEN..bytes.len()).step_by(FRAME_HEADER_LEN + page_len);
    Ok(frames
        .take_while(|at| word(at + 8) == salt)
        .filter(|at| word(at + 4).is_some_and(|pages| pages > 0))
        .count())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn each_commit_in_the_log_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("some.db");
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("create table rows (body blob)").unwrap();
        let log = folder.path().join("some.db-wal");
        let before = commits(&log).unwrap();
        for pages in [0, 1, 20] {
            let sql = "insert into rows values (zeroblob(?1))";
            connection.execute(sql, [4096 * pages]).unwrap();
        }
        assert_eq!(commits(&log).unwrap() - before, 3);
    }
}
