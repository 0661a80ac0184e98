//! Programs beside which the product is measured.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts a server that says one line on its standard output once it is ready; what it says. Dropping the child ends
/// it.
pub(super) async fn until_ready(
    command: &mut Command,
    name: &str,
    patience: Duration,
) -> Result<(Child, String)> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("{name} does not start"))?;
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    let line = tokio::time::timeout(patience, lines.next_line())
        .await
        .with_context(|| format!("{name} is not ready after {} s", patience.as_secs()))??;
    let line = line.with_context(|| format!("{name} ended before it was ready"))?;
    Ok((child, line))
}
