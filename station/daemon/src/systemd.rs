//! What systemd is told: ready, alive, stopping. Without systemd all of it does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

/// The daemon serves.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The daemon is alive.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The daemon was asked to stop and does.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// How often to call [`alive`]: half of what systemd allows, or nothing if it does not watch.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    // A service manager that does not listen is no reason to stop.
    let _ = sd_notify::notify(state);
}
