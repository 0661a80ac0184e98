//! The programs beside which Bandstand is measured, installed into the user's cache folder: privacyIDEA from PyPI
//! in a virtual environment, PouchDB from npm. Nothing of it is committed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::exec;

/// The variable by which the bench learns where the peers are.
pub(crate) const VARIABLE: &str = "BANDSTAND_PEERS";

/// Versions that were tried together.
const PRIVACYIDEA: [&str; 2] = ["privacyidea==3.14", "gunicorn==27.0.1"];
const POUCHDB: [&str; 3] = ["pouchdb@9.0.0", "express-pouchdb@4.2.0", "express@4.22.3"];

/// Installs what is not there yet; the folder.
pub(crate) fn install() -> Result<PathBuf> {
    let folder = cache()?.join("peers");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    privacyidea(&folder.join("venv"))?;
    pouchdb(&folder)?;
    Ok(folder)
}

fn privacyidea(venv: &Path) -> Result<()> {
    // What it was tested with lies in the package itself; it is there once everything is.
    let pinned = venv.join("lib/privacyidea/requirements.txt");
    let done = venv.join("installed");
    if done.exists() {
        return Ok(());
    }
    exec::run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    let pip = || {
        let mut command = Command::new(venv.join("bin/pip"));
        command.args(["install", "--quiet", "--disable-pip-version-check"]);
        command.stdin(Stdio::null());
        command
    };
    exec::run(pip().args(PRIVACYIDEA))?;
    exec::run(pip().arg("--requirement").arg(&pinned))?;
    Ok(std::fs::write(done, PRIVACYIDEA.join("\n"))?)
}

fn pouchdb(folder: &Path) -> Result<()> {
    if folder.join("node_modules/express-pouchdb").exists() {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder);
    npm.args(POUCHDB).current_dir(folder).stdin(Stdio::null());
    exec::run(&mut npm)
}

/// Where things of this user are kept that can be made again.
pub(crate) fn cache() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home);
    Ok(base
        .context("neither XDG_CACHE_HOME nor HOME is set")?
        .join("bandstand"))
}
