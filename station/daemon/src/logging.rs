//! Where log lines go: the journal under systemd, else standard error.
//!
//! Secrets have types that print as dots, and names of people are logged at `debug` and below only.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Format, Log};

/// Starts logging. Called once by `run`; a second call changes nothing.
pub fn start(config: &Log) {
    let filter = config
        .level
        .parse::<EnvFilter>()
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::registry()
        .with(output(config.format).with_filter(filter))
        .try_init();
}

fn output(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let journald = match format {
        Format::Auto if under_systemd => true,
        Format::Journald => true,
        Format::Auto | Format::Pretty | Format::Json => false,
    };
    if let Some(layer) = journald.then(|| tracing_journald::layer().ok()).flatten() {
        return layer.with_syslog_identifier("bandstand-station".into()).boxed();
    }
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        _ => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
    }
}
