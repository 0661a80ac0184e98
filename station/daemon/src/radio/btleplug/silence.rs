//! When to start the scan over because nothing is heard.
//!
//! Two habits of real radios look alike from here. An adapter that drops doubles as the specification has it reports
//! each band once per scan; and BlueZ sometimes says that it scans although nothing does any more. Both end with a
//! fresh scan. A band that was carried away looks the same too, and costs one fresh scan.

use tokio::time::{Duration, Instant};

/// How long nothing was heard.
#[derive(Debug)]
pub(super) struct Silence {
    hush: Duration,
    silence: Duration,
    since: Instant,
    /// Something was heard since the scan was last started over.
    heard: bool,
}

impl Silence {
    /// Whoever was just heard is missed after `hush`; a scan that hears nothing at all is over after `silence`.
    pub(super) fn new(hush: Duration, silence: Duration, now: Instant) -> Self {
        Self {
            hush,
            silence,
            since: now,
            heard: false,
        }
    }

    /// A device was heard.
    pub(super) fn handle_device(&mut self, now: Instant) {
        self.since = now;
        self.heard = true;
    }

    /// The scan begins or rests.
    pub(super) fn handle_scan(&mut self, now: Instant) {
        self.since = now;
    }

    /// When the scan is to be started over, as long as it runs.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.since
            + if self.heard {
                self.hush.min(self.silence)
            } else {
                self.silence
            }
    }

    /// The scan is started over now.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.since = now;
        self.heard = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUSH: Duration = Duration::from_secs(2);
    const SILENCE: Duration = Duration::from_secs(30);

    #[test]
    fn one_fresh_scan_for_a_hush_and_then_one_per_silence() {
        let start = Instant::now();
        let mut silence = Silence::new(HUSH, SILENCE, start);
        assert_eq!(silence.poll_timeout(), start + SILENCE);
        silence.handle_device(start);
        assert_eq!(silence.poll_timeout(), start + HUSH);
        silence.handle_timeout(start + HUSH);
        silence.handle_scan(start + HUSH);
        assert_eq!(silence.poll_timeout(), start + HUSH + SILENCE, "it was tried");
        silence.handle_device(start + HUSH * 2);
        assert_eq!(silence.poll_timeout(), start + HUSH * 3, "and it helped");
    }
}
