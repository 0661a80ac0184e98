//! A stream that gives up on a peer who does not take what is sent, or takes it drop by drop.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long somebody may let us wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While something waits to be taken, this is the time in which enough of it has to be.
    pub within: Duration,
    /// Enough, in bytes.
    pub bytes: usize,
}

impl Default for Patience {
    /// A kilobyte a second: less than the slowest line that a plant has.
    fn default() -> Self {
        Self {
            within: Duration::from_secs(30),
            bytes: 32 << 10,
        }
    }
}

/// Passes everything through, and ends with an error once a write has stood still for too long.
pub(crate) struct Patient<S> {
    stream: S,
    patience: Patience,
    waiting: Option<Waiting>,
}

/// Something is to be taken, until then, and so much was since.
struct Waiting {
    until: Pin<Box<Sleep>>,
    taken: usize,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, patience: Patience) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
        }
    }

    /// So much was taken; enough of it ends the wait.
    fn took(&mut self, bytes: usize) {
        if let Some(waiting) = &mut self.waiting {
            waiting.taken = waiting.taken.saturating_add(bytes);
            if waiting.taken >= self.patience.bytes {
                self.waiting = None;
            }
        }
    }

    /// Nothing moves; fails once that has been so for too long.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let within = self.patience.within;
        let begun = || Waiting {
            until: Box::pin(tokio::time::sleep_until(Instant::now() + within)),
            taken: 0,
        };
        match self
            .waiting
            .get_or_insert_with(begun)
            .until
            .as_mut()
            .poll(context)
        {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Everything was taken, or still waits.
    fn emptied(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        if poll.is_pending() {
            return self.wait(context);
        }
        self.waiting = None;
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        match poll {
            Poll::Pending => return self.wait(context),
            Poll::Ready(Ok(taken)) => self.took(taken),
            Poll::Ready(Err(_)) => {}
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.emptied(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.emptied(context, poll)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const PATIENCE: Patience = Patience {
        within: Duration::from_secs(30),
        bytes: 1000,
    };

    /// Sends 10,000 bytes through a pipe of 100 to somebody who takes `bytes` each second.
    async fn sent_to(bytes: usize) -> io::Result<()> {
        let (here, mut there): (DuplexStream, DuplexStream) = duplex(100);
        let mut here = Patient::new(here, PATIENCE);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; bytes];
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if bytes > 0 && there.read_exact(&mut buffer).await.is_err() {
                    return;
                }
            }
        });
        let sent = here.write_all(&[7; 10_000]).await;
        reader.abort();
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_little_or_nothing_is_given_up() {
        for (bytes, is_patient) in [(0, false), (1, false), (20, false), (50, true), (100, true)] {
            let sent = sent_to(bytes).await;
            assert_eq!(sent.is_ok(), is_patient, "{bytes} bytes a second: {sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_took_everything_may_be_silent_for_long() {
        let (here, mut there) = duplex(100);
        let mut here = Patient::new(here, PATIENCE);
        let mut buffer = [0; 150];
        for _ in 0..3 {
            let (sent, _) = tokio::join!(
                async {
                    here.write_all(&[7; 150]).await?;
                    here.flush().await
                },
                there.read_exact(&mut buffer)
            );
            sent.unwrap();
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    }
}
