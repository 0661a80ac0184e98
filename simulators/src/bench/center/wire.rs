//! A way to the console that counts what goes over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use station_daemon::sync::Address;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes in a read; an answer without news fits.
const BUFFER_LEN: usize = 64 << 10;

/// What went over the way so far.
#[derive(Debug, Default)]
struct Counts {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
}

/// Bytes to the console, bytes from it, and connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) connections: u64,
}

/// A way to the console.
pub(super) struct Wire {
    address: SocketAddr,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

impl Wire {
    pub(super) async fn to(console: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, counts) = (listener.local_addr()?, Arc::new(Counts::default()));
        let of_all = counts.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                of_all.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(near, console, of_all.clone()));
            }
        });
        Ok(Self {
            address,
            counts,
            accepting,
        })
    }

    pub(super) fn address(&self) -> Address {
        Address {
            host: self.address.ip().to_string(),
            port: self.address.port(),
        }
    }

    pub(super) fn counted(&self) -> Counted {
        Counted {
            up: self.counts.up.load(Ordering::Relaxed),
            down: self.counts.down.load(Ordering::Relaxed),
            connections: self.counts.connections.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(near: TcpStream, console: SocketAddr, counts: Arc<Counts>) {
    let Ok(far) = TcpStream::connect(console).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::join!(
        copy(near_in, far_out, &counts.up),
        copy(far_in, near_out, &counts.down)
    );
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &AtomicU64) {
    let mut buffer = vec![0; BUFFER_LEN];
    while let Ok(len) = from.read(&mut buffer).await {
        if len == 0 || to.write_all(&buffer[..len]).await.is_err() {
            break;
        }
        count.fetch_add(len as u64, Ordering::Relaxed);
    }
    let _ = to.shutdown().await;
}
