//! The first sync of as many users, and a push, by PouchDB from a server with express-pouchdb.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::PATIENCE;
use crate::bench::center::{Ingest, Sync, runtime};
use crate::bench::child::until_ready;
use crate::bench::{Effort, Figure, Goal, note};

const SCRIPT: &str = include_str!("pouchdb.js");
/// Documents of a push.
const PUSHED: usize = 10_000;

pub(super) fn figures(effort: &Effort, installed: &Path) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        let folder = tempfile::tempdir()?;
        // Node looks for modules beside the script.
        let script = installed.join("pouchdb.js");
        std::fs::write(&script, SCRIPT)?;
        note(&format!(
            "filling an express-pouchdb with {} users",
            effort.people
        ));
        let server = folder.path().join("server");
        std::fs::create_dir(&server)?;
        let mut command = node(&script, "serve", &server);
        let (mut child, port) = until_ready(
            command.arg(effort.people.to_string()),
            "express-pouchdb",
            PATIENCE,
        )
        .await?;
        let url = format!("http://127.0.0.1:{port}/users");
        note("a first replication by PouchDB");
        let pulled_ms = replicate(node(&script, "pull", folder.path()).arg(&url), effort.people).await?;
        note("a push by PouchDB");
        let push = PUSHED.min(effort.people);
        let pushed_ms = replicate(
            node(&script, "push", folder.path())
                .arg(&url)
                .arg(push.to_string()),
            push,
        )
        .await?;
        child.kill().await?;
        note("a first sync by a station");
        let ours_ms = Sync::new(effort).await?.first_sync_ms().await?;
        note("a push by a station");
        let pushed = Ingest::new(effort, 1).await?.backlog(push).await?;
        let theirs = push as f64 / pushed_ms * 1000.0;
        Ok(vec![
            Figure::beside(
                "P1",
                "first sync of all users, times faster than PouchDB",
                pulled_ms,
                "ms",
                ours_ms,
                Goal::AtLeast(10.0),
            ),
            Figure::beside(
                "P2",
                "associations pushed by one station beside documents by PouchDB",
                pushed,
                "/s",
                theirs,
                Goal::AtLeast(1.0),
            ),
        ])
    })
}

fn node(script: &Path, what: &str, folder: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script).arg(what).arg(folder);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a replication; its milliseconds.
async fn replicate(command: &mut Command, documents: usize) -> Result<f64> {
    let done = command.output().await?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let (ms, count) = said
        .trim()
        .split_once(' ')
        .context("milliseconds and documents")?;
    ensure!(
        count.parse::<usize>()? >= documents,
        "only {count} documents came"
    );
    Ok(ms.parse()?)
}
