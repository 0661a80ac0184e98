//! btleplug's streams, made safe to drop while the bus goes away.
//!
//! A stream unsubscribes from the bus when it is dropped, in a task that panics if the bus does not
//! answer. BlueZ and the bus tend to go together, BlueZ first, so the moment in which streams are dropped
//! is the worst one. They are therefore kept a little longer, and dropped only if the bus is still there
//! then; otherwise there is nothing to unsubscribe from and they are leaked: a few hundred bytes each.

use futures_util::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep_until};

/// How long the bus may take to follow BlueZ.
const GRACE: Duration = Duration::from_secs(1);

/// A boxed stream of btleplug.
type Boxed<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// Where streams of one bus connection wait for their end.
#[derive(Clone, Debug)]
pub(super) struct Retirement {
    retired: mpsc::UnboundedSender<(Instant, Box<dyn Send>)>,
}

impl Retirement {
    /// For one bus connection; `bus_alive` turns false when the bus closes it.
    pub(super) fn start(bus_alive: Arc<AtomicBool>) -> Self {
        let (retired, queue) = mpsc::unbounded_channel();
        tokio::spawn(wait_and_drop(queue, bus_alive));
        Self { retired }
    }
}

async fn wait_and_drop(
    mut queue: mpsc::UnboundedReceiver<(Instant, Box<dyn Send>)>,
    bus_alive: Arc<AtomicBool>,
) {
    while let Some((since, stream)) = queue.recv().await {
        sleep_until(since + GRACE).await;
        if !bus_alive.load(Ordering::Acquire) {
            std::mem::forget(stream);
        }
    }
}

/// A stream that retires when it is dropped.
pub(super) struct QuietStream<T: 'static> {
    inner: Option<Boxed<T>>,
    retirement: Retirement,
}

impl<T> QuietStream<T> {
    /// Wraps a stream of the bus connection to which `retirement` belongs.
    pub(super) fn new(inner: Boxed<T>, retirement: Retirement) -> Self {
        Self {
            inner: Some(inner),
            retirement,
        }
    }
}

impl<T> Stream for QuietStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match self.inner.as_mut() {
            Some(inner) => inner.as_mut().poll_next(context),
            None => Poll::Ready(None),
        }
    }
}

impl<T> Drop for QuietStream<T> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            // The queue only ends with the runtime.
            _ = self.retirement.retired.send((Instant::now(), Box::new(inner)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    /// Says when it is dropped.
    struct Witness(mpsc::UnboundedSender<()>);

    impl Drop for Witness {
        fn drop(&mut self) {
            _ = self.0.send(());
        }
    }

    /// Retires a stream, lets the bus die before the grace is over or not, and tells whether it was dropped.
    async fn check(bus_dies: bool, dropped: bool) {
        let alive = Arc::new(AtomicBool::new(true));
        let retirement = Retirement::start(alive.clone());
        let (witness, mut drops) = mpsc::unbounded_channel();
        let witness = Witness(witness);
        let inner = stream::poll_fn(move |_| {
            let _held = &witness;
            Poll::<Option<()>>::Pending
        });
        drop(QuietStream::new(Box::pin(inner), retirement));
        alive.store(!bus_dies, Ordering::Release);
        let outcome = tokio::time::timeout(GRACE * 2, drops.recv()).await;
        assert_eq!(outcome.is_ok(), dropped);
    }

    #[tokio::test(start_paused = true)]
    async fn streams_are_dropped_only_on_a_living_bus() {
        check(false, true).await;
        check(true, false).await;
    }
}
