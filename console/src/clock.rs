//! The one clock of the console. Everything else is handed its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use policy::model::UnixMillis;

/// Where the moment comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's wall clock.
    #[default]
    Wall,
    /// A hand that tests move.
    Hand(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at` until it is moved.
    pub fn standing(at: UnixMillis) -> Self {
        Self::Hand(Arc::new(AtomicI64::new(at.0)))
    }

    /// The present moment.
    pub fn now(&self) -> UnixMillis {
        match self {
            Self::Wall => UnixMillis(jiff::Timestamp::now().as_millisecond()),
            Self::Hand(hand) => UnixMillis(hand.load(Ordering::Relaxed)),
        }
    }

    /// Moves a standing clock; the wall clock goes on as it is.
    pub fn advance(&self, millis: i64) {
        if let Self::Hand(hand) = self {
            hand.fetch_add(millis, Ordering::Relaxed);
        }
    }
}
