//! Places for those who may let others wait: when all are taken, whoever has had one for longest gives way.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A bounded number of guests.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// By when they came.
    guests: BTreeMap<u64, Arc<Notify>>,
}

/// Somebody inside; the place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Guest {
    number: u64,
    crowd: Arc<Crowd>,
    must_leave: Arc<Notify>,
}

impl Crowd {
    /// Nobody yet, and at most so many.
    pub(super) fn of(most: usize) -> Arc<Self> {
        let inside = Mutex::default();
        Arc::new(Self { most, inside })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, always: the guest who has been there for longest is shown out if there is none left.
    pub(super) fn enter(self: &Arc<Self>) -> Guest {
        let must_leave = Arc::new(Notify::new());
        let mut inside = self.inside();
        let number = inside.next;
        inside.next += 1;
        inside.guests.insert(number, must_leave.clone());
        if inside.guests.len() > self.most
            && let Some((_, first)) = inside.guests.pop_first()
        {
            first.notify_one();
        }
        drop(inside);
        Guest {
            number,
            crowd: self.clone(),
            must_leave,
        }
    }
}

impl Guest {
    /// What `work` gives, if it is done before `until` and before the place goes to somebody else.
    pub(super) async fn within<T>(&self, until: Instant, work: impl Future<Output = T>) -> io::Result<T> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.must_leave.notified() => Err(io::ErrorKind::ConnectionAborted.into()),
            () = sleep_until(until) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.crowd.inside().guests.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_one_who_came_first_gives_way() {
        let crowd = Crowd::of(2);
        let later = Instant::now() + Duration::from_secs(60);
        let (first, second) = (crowd.enter(), crowd.enter());
        let third = crowd.enter();
        let gone = first.within(later, pending::<()>()).await.unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionAborted);
        drop(first);
        assert_eq!(crowd.inside().guests.len(), 2);
        for guest in [&second, &third] {
            assert!(guest.within(later, ready(())).await.is_ok());
        }
        drop(second);
        let fourth = crowd.enter();
        let late = fourth.within(later, pending::<()>()).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut, "there was room");
        drop((third, fourth));
        assert!(crowd.inside().guests.is_empty());
    }
}
