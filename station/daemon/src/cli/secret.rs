//! Reading what must not be shown: PINs and tickets.

use std::io::{BufRead, Read, Write};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::api::model::Secret;
use crate::config::read_secret;
use crate::problem::{Code, Problem};

/// Longest secret that is read, in bytes.
const LEN_MAX: u64 = 4096;

/// The secret given on the command line, or from standard input if that says `-`.
pub(super) fn given(text: &str) -> Result<Secret, Problem> {
    if text == "-" {
        from_input()
    } else {
        Ok(Secret::new(text.to_owned()))
    }
}

/// The secret in a private file, or from standard input if `path` is `-`.
pub(super) fn from_file(path: &Path) -> Result<Secret, Problem> {
    if path == Path::new("-") {
        return from_input();
    }
    let bytes = read_secret(path, "PIN file")?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(Secret::new(text.trim().to_owned()))
}

/// An operator's PIN: from the file, or asked for.
pub(super) fn pin_of(operator: &str, file: Option<&Path>) -> Result<Secret, Problem> {
    match file {
        Some(path) => from_file(path),
        None => asked(&format!("PIN of {operator}")),
    }
}

fn from_input() -> Result<Secret, Problem> {
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().take(LEN_MAX).read_line(&mut text);
    read.map_err(|error| unreadable(&error.to_string()))?;
    Ok(Secret::new(text.trim().to_owned()))
}

/// Asks on the terminal without showing what is typed.
fn asked(question: &str) -> Result<Secret, Problem> {
    let input = std::io::stdin();
    let before = tcgetattr(&input).map_err(|_| unreadable("there is no terminal to ask on"))?;
    let _ = write!(std::io::stderr(), "{question}: ");
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    let hide = tcsetattr(&input, OptionalActions::Flush, &hidden);
    let secret = hide
        .map_err(|error| unreadable(&error.to_string()))
        .and_then(|()| from_input());
    let _ = tcsetattr(&input, OptionalActions::Now, &before);
    secret
}

fn unreadable(why: &str) -> Problem {
    Problem::new(
        Code::BadRequest,
        "the PIN cannot be read",
        why,
        "name a file with --pin-file, or - for standard input",
    )
}
