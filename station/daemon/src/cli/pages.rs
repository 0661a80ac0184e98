//! Completions and manual pages, made from the arguments themselves.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use serde_json::json;

use super::args::Arguments;
use super::output::Output;
use crate::problem::{Code, Problem};

/// Prints the completions of `shell`.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Problem> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bandstand-station", &mut text);
    let _ = std::io::stdout().write_all(&text);
    Ok(ExitCode::SUCCESS)
}

/// Writes one page per command into `folder`.
pub(super) fn man(folder: &Path, output: &Output) -> Result<ExitCode, Problem> {
    let failed = |error: std::io::Error| {
        let what = format!("the manual pages cannot be written to {}", folder.display());
        Problem::new(
            Code::BadRequest,
            what,
            error.to_string(),
            "name a folder that exists and can be written",
        )
    };
    clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?;
    output.result(
        &json!({ "folder": folder }),
        &format!("wrote the manual pages to {}", folder.display()),
    );
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        man(folder.path(), &Output { json: true }).unwrap();
        for page in [
            "",
            "-run",
            "-init",
            "-enroll",
            "-bands",
            "-decide",
            "-journal-verify",
            "-config-check",
        ] {
            let path = folder.path().join(format!("bandstand-station{page}.1"));
            assert!(path.exists(), "{}", path.display());
        }
        assert!(man(&folder.path().join("none"), &Output { json: true }).is_err());
    }
}
