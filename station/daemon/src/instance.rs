//! One daemon per data folder: the lock that says so.

use std::fs::{DirBuilder, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::problem::{Code, Problem};

/// Held as long as this process may write the data folder. The system frees it whatever way the process ends.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Takes the lock, or says who has it. Makes the folder if it is not there.
    pub fn take(lock_file: &Path) -> Result<Self, Problem> {
        let folder = lock_file.parent().unwrap_or(Path::new("/"));
        let failed = |error: std::io::Error| {
            Problem::new(
                Code::StoreReadOnly,
                format!("the data folder {} cannot be used", folder.display()),
                error.to_string(),
                "let this user own the folder, or set station.data_directory to one it owns",
            )
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(lock_file)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(taken(&mut file, folder)),
            Err(error) => return Err(failed(error.into())),
        }
        // The number is for people; the lock alone decides.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn taken(file: &mut File, folder: &Path) -> Problem {
    let mut holder = String::new();
    let _ = file
        .rewind()
        .and_then(|()| file.take(16).read_to_string(&mut holder));
    let holder = match holder.trim().parse::<u32>() {
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    };
    Problem::new(
        Code::InstanceRunning,
        format!("the data folder {} cannot be used", folder.display()),
        format!("{holder} runs a station on it"),
        "use that one (`bandstand-station status`), or stop it first (`systemctl stop bandstand-station`)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_told_who_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/lock");
        let first = InstanceLock::take(&path).unwrap();
        let problem = InstanceLock::take(&path).unwrap_err();
        assert_eq!(problem.code, Code::InstanceRunning);
        assert!(problem.why.contains(&std::process::id().to_string()), "{problem}");
        drop(first);
        InstanceLock::take(&path).unwrap();
    }
}
