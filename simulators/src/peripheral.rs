//! What a simulated band looks like from its radio.
//!
//! The trait is the border between a band (its engine, its wearer, its storage) and whatever carries its
//! bytes: the in-process link or the BlueZ double. A carrier is single-threaded; it calls one method at a
//! time, and after each call that may change the band it drains [`Peripheral::poll_notify`] and
//! [`Peripheral::poll_end`] and asks [`Peripheral::poll_timeout`] again.

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;

/// A band as its radio sees it. Every moment is on the carrier's one monotonic clock.
pub trait Peripheral: Send {
    /// The beacon of the advertisement that is due now, or `None` while the band is silent: switched off,
    /// battery empty. Called once per advertisement, so the band may count them here. A carrier does not
    /// ask while the band is connected.
    fn advertisement(&mut self, now: Instant) -> Option<Beacon>;

    /// The value of the info characteristic, in whatever length the band likes; the carrier reads it in
    /// pieces that fit the link.
    fn info(&mut self) -> Vec<u8>;

    /// A central connected, and both agreed on this MTU (23 to 517 bytes).
    fn connected(&mut self, now: Instant, mtu_bytes: u16);

    /// The link is gone, whoever ended it. Follows exactly one [`connected`](Self::connected).
    fn disconnected(&mut self, now: Instant);

    /// The central wrote this value, with or without response. At most MTU - 3 bytes, never above 512.
    fn write(&mut self, now: Instant, value: &[u8]);

    /// The next value to notify, oldest first. What exceeds MTU - 3 bytes is cut off, as a real stack does.
    fn poll_notify(&mut self) -> Option<Vec<u8>>;

    /// True once when the band wants to end the link. What it notified before still arrives.
    fn poll_end(&mut self) -> bool;

    /// When [`handle_timeout`](Self::handle_timeout) is due. It must move on when that was called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The moment of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, now: Instant);
}

impl<P: Peripheral + ?Sized> Peripheral for Box<P> {
    fn advertisement(&mut self, now: Instant) -> Option<Beacon> {
        (**self).advertisement(now)
    }

    fn info(&mut self) -> Vec<u8> {
        (**self).info()
    }

    fn connected(&mut self, now: Instant, mtu_bytes: u16) {
        (**self).connected(now, mtu_bytes);
    }

    fn disconnected(&mut self, now: Instant) {
        (**self).disconnected(now);
    }

    fn write(&mut self, now: Instant, value: &[u8]) {
        (**self).write(now, value);
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        (**self).poll_notify()
    }

    fn poll_end(&mut self) -> bool {
        (**self).poll_end()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        (**self).handle_timeout(now);
    }
}
