//! Accepting stations: how many at once, how fast, and for how long somebody may say nothing.
//!
//! After the console was away, every station comes back at once. Handshakes are what that costs, so only a
//! few are made at a time, and who waits for one waits in the kernel's queue, not in our memory. Stations
//! that are connected already go on meanwhile.
//!
//! Whoever connects and says nothing, or stops in the midst of a handshake, takes no turn from others: those who are
//! slow share places of their own, where the one who has been there for longest gives way (decision 0052).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firmware_protocol::id::StationId;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::crowd::Crowd;
use super::http::Body;
use crate::ca::Peer;
use crate::serve::patient::{Patience, Patient};

/// Handshakes that are made at the same time.
const HANDSHAKES_MAX: usize = 32;
/// A handshake that is not done within this time goes on without keeping others from theirs.
const TURN: Duration = Duration::from_millis(300);
/// Connections without a handshake, those that are slow included.
const GREETINGS_MAX: usize = 1024;
/// Connections that have not said what they want, or stopped in the midst of a handshake.
const SLOW_MAX: usize = GREETINGS_MAX / 2;
/// Connections that are open at the same time.
const CONNECTIONS_MAX: usize = 24_000;
/// Connections of one station: one that waits for news, one that sends, and one of each that has not noticed
/// yet that it is dead.
const PER_STATION_MAX: u32 = 4;
/// Connections of those who have no certificate yet.
const STRANGERS_MAX: usize = 64;
/// The first word must come within this time, and a handshake be done within this time after it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A request's head must be there within this time; so long may a connection be silent between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Somebody without a certificate has this long for everything.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest head of a request.
const HEAD_LEN_MAX: usize = 16 << 10;
/// Requests under way get this long when the console stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// After the system refused a connection (no file handles), it is asked again so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    /// The address, for the log.
    pub(super) address: SocketAddr,
    /// What the client's certificate says, if it has one.
    pub(super) peer: Option<Peer>,
    /// Connections that are open.
    pub(super) open: usize,
}

/// Answers requests.
pub(super) trait Answers: Send + Sync + 'static {
    /// Answers one request.
    fn answer(
        self: Arc<Self>,
        from: From,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

struct Limits {
    greetings: Arc<Semaphore>,
    handshakes: Semaphore,
    connections: Arc<Semaphore>,
    slow: Arc<Crowd>,
    strangers: Arc<Crowd>,
    stations: Mutex<HashMap<StationId, u32>>,
}

/// Accepts connections until `stop` becomes true, then lets requests under way end.
pub(super) async fn serve<A: Answers>(
    listener: TcpListener,
    tls: watch::Receiver<Arc<ServerConfig>>,
    answers: Arc<A>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = Arc::new(Limits {
        greetings: Arc::new(Semaphore::new(GREETINGS_MAX)),
        handshakes: Semaphore::new(HANDSHAKES_MAX),
        connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        slow: Crowd::of(SLOW_MAX),
        strangers: Crowd::of(STRANGERS_MAX),
        stations: Mutex::default(),
    });
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = open.join_next(), if !open.is_empty() => continue,
            accepted = accept(&listener, &limits) => accepted,
        };
        let Some((stream, address, places)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = Connection {
            address,
            tls: tls.borrow().clone(),
            limits: limits.clone(),
            answers: answers.clone(),
            stop: stop.clone(),
        };
        open.spawn(connection.run(stream, places));
    }
    drop(listener);
    let _ = timeout(STOP_TIMEOUT, async { while open.join_next().await.is_some() {} }).await;
}

/// A place to be in, and one for as long as there was no handshake.
struct Places {
    connection: OwnedSemaphorePermit,
    greeting: OwnedSemaphorePermit,
}

/// The next connection, once there is a place for it. Nothing if the system has none to give.
async fn accept(listener: &TcpListener, limits: &Limits) -> Option<(TcpStream, SocketAddr, Places)> {
    let connection = limits.connections.clone().acquire_owned().await.ok()?;
    let greeting = limits.greetings.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address, Places { connection, greeting })),
        Err(error) => {
            tracing::warn!(%error, "a station's connection could not be accepted");
            None
        }
    }
}

struct Connection<A> {
    address: SocketAddr,
    tls: Arc<ServerConfig>,
    limits: Arc<Limits>,
    answers: Arc<A>,
    stop: watch::Receiver<bool>,
}

impl<A: Answers> Connection<A> {
    async fn run(self, stream: TcpStream, places: Places) {
        let address = self.address;
        if let Err(error) = self.serve(stream, places).await {
            tracing::debug!(%address, %error, "a station's connection ended");
        }
    }

    async fn serve(self, stream: TcpStream, places: Places) -> io::Result<()> {
        // Without this, small answers wait for the other end's delayed acknowledgement.
        stream.set_nodelay(true)?;
        let Places {
            connection: _connection,
            greeting,
        } = places;
        let stream = self.greet(stream).await?;
        drop(greeting);
        let (_, session) = stream.get_ref();
        let peer = match session.peer_certificates() {
            None => None,
            // The chain holds; one that does not name a station as we write it is not ours to serve.
            Some(chain) => match chain.first().and_then(Peer::of) {
                Some(peer) => Some(peer),
                None => return Ok(()),
            },
        };
        let from = From {
            address: self.address,
            peer,
            open: 0,
        };
        let Some(_place) = peer.map_or(Some(None), |peer| self.place_for(peer).map(Some)) else {
            tracing::warn!(address = %self.address, "too many connections of one station");
            return Ok(());
        };
        let serving = self.talk(Patient::new(stream, Patience::default()), from);
        if peer.is_some() {
            return serving.await;
        }
        let stranger = self.limits.strangers.enter();
        stranger
            .within(Instant::now() + STRANGER_TIMEOUT, serving)
            .await?
    }

    /// Makes the handshake, as far as possible when it is this connection's turn.
    async fn greet(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let until = || Instant::now() + HANDSHAKE_TIMEOUT;
        let silent = self.limits.slow.enter();
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
        let hello = silent.within(until(), hello).await??;
        drop(silent);
        let turn = self.limits.handshakes.acquire().await.map_err(io::Error::other)?;
        let mut handshake = std::pin::pin!(hello.into_stream(self.tls.clone()));
        if let Ok(done) = timeout(TURN, handshake.as_mut()).await {
            return done;
        }
        drop(turn);
        self.limits.slow.enter().within(until(), handshake).await?
    }

    async fn talk(&self, stream: Patient<TlsStream<TcpStream>>, from: From) -> io::Result<()> {
        let service = service_fn(|request| {
            let answers = self.answers.clone();
            let open = CONNECTIONS_MAX - self.limits.connections.available_permits();
            let from = From { open, ..from };
            async move { Ok::<_, std::convert::Infallible>(answers.answer(from, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_LEN_MAX)
            // Answers carry the time to the millisecond already.
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut stop = self.stop.clone();
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(io::Error::other),
            _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(io::Error::other)
    }

    fn place_for(&self, peer: Peer) -> Option<Place> {
        let mut stations = self.limits.stations.lock().expect("no panic while it was held");
        let count = stations.entry(peer.station).or_default();
        if *count >= PER_STATION_MAX {
            return None;
        }
        *count += 1;
        Some(Place {
            station: peer.station,
            limits: self.limits.clone(),
        })
    }
}

/// One of a station's places; held as long as the connection lives.
struct Place {
    station: StationId,
    limits: Arc<Limits>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Ok(mut stations) = self.limits.stations.lock() else {
            return;
        };
        if let Some(count) = stations.get_mut(&self.station) {
            *count -= 1;
            if *count == 0 {
                stations.remove(&self.station);
            }
        }
    }
}
