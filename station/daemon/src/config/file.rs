//! Opening files that must be what they seem: plain, small, and private where they hold a secret.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::problem::{Code, Problem};

const CONFIG_LEN_MAX: u64 = 1 << 20;
const SECRET_LEN_MAX: u64 = 64 << 10;

/// The configuration's text.
pub(super) fn read_config(path: &Path) -> Result<String, Problem> {
    let problem = |code, why: String, next: &str| {
        Problem::new(
            code,
            format!("the configuration {} cannot be used", path.display()),
            why,
            next,
        )
    };
    let file = open_plain(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => problem(
            Code::ConfigMissing,
            "there is no such file".into(),
            "copy the documented example there, or name another file with --config",
        ),
        _ => problem(
            Code::ConfigUnreadable,
            explain(&error),
            "name a plain file this user may read",
        ),
    })?;
    let about = file.metadata().map_err(|error| {
        problem(
            Code::ConfigUnreadable,
            error.to_string(),
            "name a plain file this user may read",
        )
    })?;
    if !about.is_file() {
        return Err(problem(
            Code::ConfigUnreadable,
            "it is not a plain file".into(),
            "name a plain file",
        ));
    }
    if about.mode() & 0o002 != 0 {
        return Err(problem(
            Code::ConfigUnreadable,
            "everybody may write it".into(),
            "take the right away: chmod o-w",
        ));
    }
    if about.len() > CONFIG_LEN_MAX {
        return Err(problem(
            Code::ConfigTooLarge,
            format!("it has {} bytes, more than 1 MiB", about.len()),
            "check that this is the right file",
        ));
    }
    let mut text = String::new();
    file.take(CONFIG_LEN_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| {
            problem(
                Code::ConfigUnreadable,
                error.to_string(),
                "save the file as UTF-8 text",
            )
        })?;
    if text.trim().is_empty() {
        return Err(problem(
            Code::ConfigEmpty,
            "there is nothing in it".into(),
            "copy the documented example there; a lone comment is enough to accept every default",
        ));
    }
    Ok(text)
}

/// The bytes of a small file that only its owner may read. `purpose` names the file for people.
pub fn read_secret(path: &Path, purpose: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    read_secret_of(path, purpose, SECRET_LEN_MAX)
}

/// The same for a file of at most `len_max` bytes.
pub fn read_secret_of(path: &Path, purpose: &str, len_max: u64) -> Result<Zeroizing<Vec<u8>>, Problem> {
    read_private(path, purpose, len_max, 0o077)
}

/// The same for one of systemd's credentials: it belongs to root, and this user reads it by a right that its mode
/// shows as the group's.
pub fn read_credential(path: &Path, purpose: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    read_private(path, purpose, SECRET_LEN_MAX, 0o037)
}

/// `refused` are the rights that nobody else may have.
fn read_private(
    path: &Path,
    purpose: &str,
    len_max: u64,
    refused: u32,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let problem = |code, why: String, next: String| {
        Problem::new(
            code,
            format!("the {purpose} {} cannot be used", path.display()),
            why,
            next,
        )
    };
    let unusable = |error: std::io::Error| {
        problem(
            Code::SecretUnusable,
            explain(&error),
            "make it a plain file that this user owns".into(),
        )
    };
    let file = open_plain(path).map_err(unusable)?;
    let about = file.metadata().map_err(unusable)?;
    if !about.is_file() || about.len() > len_max {
        let why = format!("it is not a plain file of at most {} KiB", len_max >> 10);
        return Err(problem(Code::SecretUnusable, why, "name the right file".into()));
    }
    if about.mode() & refused != 0 {
        let why = format!("others may read or write it (mode {:04o})", about.mode() & 0o7777);
        let next = format!(
            "chmod 600 {}, and replace the secret if somebody may have read it",
            path.display()
        );
        return Err(problem(Code::SecretExposed, why, next));
    }
    let own = rustix::process::geteuid().as_raw();
    if about.uid() != own && about.uid() != 0 {
        let why = format!(
            "it belongs to user {}, not to this user ({own}) or root",
            about.uid()
        );
        return Err(problem(
            Code::SecretExposed,
            why,
            format!("chown {own} {}", path.display()),
        ));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(about.len() as usize));
    file.take(len_max).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(bytes)
}

/// Opens `path` without following a link in its last part and without waiting for a pipe's other end.
fn open_plain(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
}

fn explain(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            "it is a symbolic link, and whoever may change the link would choose the file".to_owned()
        }
        _ => error.to_string(),
    }
}
