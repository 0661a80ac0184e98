//! One daemon per data folder: the lock that says so.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

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
        let mut file = open_plain(lock_file).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(taken(&mut file, folder)),
            Err(error) => return Err(failed(error.into())),
        }
        // The number is for people; the lock alone decides.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Opens the lock, or makes it. `init` may be root in a folder of another user, who could have put anything
/// there under this name; what is written to the lock must not reach another file.
fn open_plain(lock_file: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits() as i32)
        .open(lock_file);
    let file = match file {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return Err(not_plain()),
        file => file?,
    };
    if is_plain(&file.metadata()?) {
        Ok(file)
    } else {
        Err(not_plain())
    }
}

fn not_plain() -> std::io::Error {
    std::io::Error::other("the lock is a link or something else that is no plain file; remove it")
}

/// A plain file: neither a device nor a pipe nor, for root, a second name of a file elsewhere. Other users
/// reach no more by a second name than they may write anyway, and a backup may be made of such names.
pub(crate) fn is_plain(about: &Metadata) -> bool {
    about.is_file() && (about.nlink() == 1 || !rustix::process::geteuid().is_root())
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

    #[test]
    fn a_lock_that_leads_elsewhere_is_refused_and_nothing_written() {
        let folder = tempfile::tempdir().unwrap();
        let [victim, path] = ["victim", "lock"].map(|name| folder.path().join(name));
        std::fs::write(&victim, "precious").unwrap();
        let soft = |to: &Path, at: &Path| std::os::unix::fs::symlink(to, at);
        let hard = |to: &Path, at: &Path| std::fs::hard_link(to, at);
        let mut links: Vec<fn(&Path, &Path) -> std::io::Result<()>> = vec![soft];
        if rustix::process::geteuid().is_root() {
            links.push(hard);
        }
        for link in links {
            link(&victim, &path).unwrap();
            let problem = InstanceLock::take(&path).unwrap_err();
            assert_eq!(problem.code, Code::StoreReadOnly);
            assert!(problem.why.contains("plain file"), "{problem}");
            assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
            std::fs::remove_file(&path).unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("none"), &path).unwrap();
        InstanceLock::take(&path).unwrap_err();
        assert!(!folder.path().join("none").exists());
    }
}
