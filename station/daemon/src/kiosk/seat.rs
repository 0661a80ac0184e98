//! Which window counts. A station has one session; a second window is told so and can take over.
//!
//! A window that is closed, reloaded or crashed leaves the seat by closing its connection, and whichever window is
//! still there gets it. So a reload goes on where it was, however late the old connection is noticed.

use std::collections::VecDeque;

/// Windows that may be open at a time.
const WINDOWS_MAX: usize = 8;
/// Pages handed out lately whose window may still come.
const PAGES_MAX: usize = 64;

/// Names a page that was handed out: nobody else can speak for it.
pub(super) type Token = String;

/// Names one connection of a window.
pub(super) type WindowId = u64;

/// Who is at the page.
#[derive(Debug, Default)]
pub(super) struct Seat {
    handed_out: VecDeque<Token>,
    windows: Vec<(WindowId, Token)>,
    holder: Option<WindowId>,
    next: WindowId,
}

/// Why a window is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEntry {
    /// Its page was not handed out by this daemon, or too long ago: it should be loaded again.
    Unknown,
    /// Too many windows are open.
    Full,
}

impl Seat {
    /// A page is handed out.
    pub(super) fn hand_out(&mut self, token: Token) {
        if self.handed_out.len() >= PAGES_MAX {
            let in_use = |token: &Token| self.windows.iter().any(|(_, used)| used == token);
            let oldest = self.handed_out.iter().position(|token| !in_use(token));
            self.handed_out.remove(oldest.unwrap_or_default());
        }
        self.handed_out.push_back(token);
    }

    /// A window connects. A window that connects again gives up its earlier connection.
    pub(super) fn enter(&mut self, token: &str) -> Result<WindowId, NoEntry> {
        if !self.handed_out.iter().any(|known| known == token) {
            return Err(NoEntry::Unknown);
        }
        let before = self.windows.iter().position(|(_, used)| used == token);
        let held = before.map(|at| self.windows.remove(at).0);
        if self.windows.len() >= WINDOWS_MAX {
            return Err(NoEntry::Full);
        }
        self.next += 1;
        self.windows.push((self.next, token.to_owned()));
        if self.holder.is_none() || self.holder == held {
            self.holder = Some(self.next);
        }
        Ok(self.next)
    }

    /// A window's connection is closed. The one that came last among the others follows.
    pub(super) fn leave(&mut self, window: WindowId) {
        self.windows.retain(|(id, _)| *id != window);
        if self.holder == Some(window) {
            self.holder = self.windows.last().map(|(id, _)| *id);
        }
    }

    /// This page's window is to be the one that counts. Whether it is there.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let window = self.windows.iter().find(|(_, used)| used == token);
        self.holder = window.map(|(id, _)| *id).or(self.holder);
        window.is_some()
    }

    /// Whether this page's window is the one that counts.
    pub(super) fn holds(&self, token: &str) -> bool {
        let window = self.windows.iter().find(|(_, used)| used == token);
        window.is_some_and(|(id, _)| self.holder == Some(*id))
    }

    /// The window that counts, if there is any.
    pub(super) fn holder(&self) -> Option<WindowId> {
        self.holder
    }

    /// Whether this connection still is a window's.
    pub(super) fn is_open(&self, window: WindowId) -> bool {
        self.windows.iter().any(|(id, _)| *id == window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(tokens: &[&str]) -> Seat {
        let mut seat = Seat::default();
        tokens.iter().for_each(|token| seat.hand_out((*token).into()));
        seat
    }

    #[test]
    fn a_second_window_waits_until_the_first_is_closed() {
        let mut seat = seat(&["a", "b"]);
        let first = seat.enter("a").unwrap();
        let second = seat.enter("b").unwrap();
        assert!(seat.holds("a") && !seat.holds("b"));
        seat.leave(first);
        assert_eq!(seat.holder(), Some(second));
        assert!(seat.holds("b") && !seat.holds("a"));
        seat.leave(second);
        assert_eq!(seat.holder(), None);
    }

    #[test]
    fn a_second_window_can_take_over() {
        let mut seat = seat(&["a", "b"]);
        seat.enter("a").unwrap();
        seat.enter("b").unwrap();
        assert!(seat.take("b") && seat.holds("b") && !seat.holds("a"));
        assert!(!seat.take("c") && seat.holds("b"), "a stranger takes nothing");
    }

    #[test]
    fn a_window_that_connects_again_keeps_its_place() {
        let mut seat = seat(&["a", "b"]);
        let first = seat.enter("a").unwrap();
        seat.enter("b").unwrap();
        let again = seat.enter("a").unwrap();
        assert!(seat.holds("a") && !seat.is_open(first) && seat.is_open(again));
        seat.leave(first);
        assert!(seat.holds("a"), "the old connection is noticed late");
    }

    #[test]
    fn strangers_and_crowds_stay_outside() {
        assert_eq!(seat(&["a"]).enter("x"), Err(NoEntry::Unknown));
        let names: Vec<String> = (0..=WINDOWS_MAX).map(|n| n.to_string()).collect();
        let mut full = seat(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for name in &names[..WINDOWS_MAX] {
            full.enter(name).unwrap();
        }
        assert_eq!(full.enter(&names[WINDOWS_MAX]), Err(NoEntry::Full));
    }

    #[test]
    fn pages_that_were_never_shown_are_forgotten_first() {
        let mut seat = seat(&["mine"]);
        seat.enter("mine").unwrap();
        (0..200).for_each(|n| seat.hand_out(n.to_string()));
        assert!(seat.handed_out.len() <= PAGES_MAX);
        assert!(seat.enter("mine").is_ok() && seat.enter("199").is_ok());
        assert_eq!(seat.enter("0"), Err(NoEntry::Unknown));
    }
}
