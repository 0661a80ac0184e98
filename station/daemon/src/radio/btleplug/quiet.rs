//! btleplug's streams, made safe to drop after the bus is gone.
//!
//! A stream unsubscribes from the bus when it is dropped, in a task that panics if the bus does not
//! answer. When the bus is gone there is nothing to unsubscribe from, so the stream is leaked instead:
//! a few hundred bytes per link and bus restart.

use futures_util::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// A boxed stream of btleplug.
pub(super) type Boxed<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// A stream that is dropped only while its bus lives.
pub(super) struct QuietStream<T> {
    inner: Option<Boxed<T>>,
    bus_alive: Arc<AtomicBool>,
}

impl<T> QuietStream<T> {
    /// Wraps a stream; `bus_alive` turns false when the bus closes its connections.
    pub(super) fn new(inner: Boxed<T>, bus_alive: Arc<AtomicBool>) -> Self {
        Self {
            inner: Some(inner),
            bus_alive,
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
        if !self.bus_alive.load(Ordering::Acquire) {
            std::mem::forget(self.inner.take());
        }
    }
}
