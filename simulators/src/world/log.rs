//! What happened in a world, line by line, for those who replay it.

use firmware_protocol::time::Instant;

/// Keeps lines if asked to; costs nothing if not.
#[derive(Debug, Default)]
pub struct Log {
    lines: Option<Vec<String>>,
}

impl Log {
    /// A log that keeps its lines.
    pub fn kept() -> Self {
        Self {
            lines: Some(Vec::new()),
        }
    }

    pub(super) fn line(&mut self, now: Instant, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!(
                "{:>10.3} ms  {}",
                now.as_micros() as f64 / 1000.0,
                text()
            ));
        }
    }

    /// The lines so far; they are gone from the log.
    pub fn take(&mut self) -> Vec<String> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
