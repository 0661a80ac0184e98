//! Accepting connections: the Unix socket and, if configured, loopback.
//!
//! The number of connections, the time for a request's head and the size of its buffers are bounded,
//! so that whoever opens connections and says nothing holds up nobody else for long.

use std::convert::Infallible;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;

use super::guard::{self, Caller, Door};
use crate::config;
use crate::daemon::told_to_stop;
use crate::problem::{Code, Problem};

/// Connections served at a time; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 64;
/// Time for the head of a request, and for a connection to say something at all.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes buffered per connection.
const BUFFER_BYTES_MAX: usize = 16 << 10;
/// Time that requests under way are given when the daemon stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The doors, open but not yet answered at.
#[derive(Debug)]
pub struct Doors {
    unix: UnixListener,
    socket: SocketFile,
    tcp: Option<TcpListener>,
    door: Arc<Door>,
}

impl Doors {
    /// Opens the Unix socket and, if configured, the loopback address.
    pub async fn open(config: &config::Api) -> Result<Self, Problem> {
        let door = Arc::new(Door::new(config)?);
        let (unix, socket) = bind_unix(&config.socket, door.group)
            .map_err(|error| cannot_listen(&config.socket.display().to_string(), &error))?;
        let tcp = match config.listen {
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                Some(listener.map_err(|error| cannot_listen(&address.to_string(), &error))?)
            }
            None => None,
        };
        Ok(Self {
            unix,
            socket,
            tcp,
            door,
        })
    }

    /// The loopback address in use; tells the port if it was chosen by the system.
    pub fn tcp_address(&self) -> Option<std::net::SocketAddr> {
        self.tcp.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Answers until `stop` becomes true, then finishes what is under way.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let told = stop.clone();
        loop {
            while connections.try_join_next().is_some() {}
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot.expect("never closed"),
                () = told_to_stop(&mut stop) => break,
            };
            let (router, told) = (router.clone(), told.clone());
            tokio::select! {
                accepted = self.unix.accept() => if let Some((stream, _)) = accepted_or_wait(accepted).await {
                    let caller = self.door.unix_caller(&stream);
                    let service = guard::guarded(router, caller);
                    connections.spawn(async move { answer(stream, service, told).await; drop(slot) });
                },
                accepted = accept_tcp(self.tcp.as_ref()) => if let Some((stream, _)) = accepted_or_wait(accepted).await {
                    let caller = Caller::Loopback(self.door.clone());
                    let service = guard::guarded(router, caller);
                    connections.spawn(async move { answer(stream, service, told).await; drop(slot) });
                },
                () = told_to_stop(&mut stop) => break,
            }
        }
        drop(self.socket);
        let _ = tokio::time::timeout(STOP_TIMEOUT, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    }
}

async fn accept_tcp(
    listener: Option<&TcpListener>,
) -> io::Result<(tokio::net::TcpStream, std::net::SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// A failed accept means too many open files most of the time; a moment later some are closed.
pub(crate) async fn accepted_or_wait<S, A>(accepted: io::Result<(S, A)>) -> Option<(S, A)> {
    match accepted {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// Answers on one connection until it ends or `stop` becomes true.
pub(crate) async fn answer<S, V>(stream: S, service: V, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone,
{
    let service = TowerToHyperService::new(service);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // What goes wrong on a connection is its caller's affair.
        _ = connection.as_mut() => return,
        () = told_to_stop(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The socket's file, removed when the daemon stops.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Binds the socket. A file left behind by a daemon that was killed is replaced: the instance lock has
/// already proved that no other daemon of this station lives.
fn bind_unix(path: &Path, group: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    if let Ok(about) = std::fs::symlink_metadata(path) {
        if !about.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket is in the way",
            ));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another program answers there",
            ));
        }
        std::fs::remove_file(path)?;
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // The file is closed to everybody until it has its final rights.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = bound?;
    let file = SocketFile(path.to_owned());
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(group))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
    }
    Ok((listener, file))
}

pub(crate) fn cannot_listen(place: &str, error: &io::Error) -> Problem {
    Problem::new(
        Code::ConfigValue,
        format!("the station cannot listen on {place}"),
        error.to_string(),
        "let this user write the socket's folder, or configure another place under [api]",
    )
}
