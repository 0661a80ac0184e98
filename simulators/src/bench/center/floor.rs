//! The plainest server with mutual TLS there is: it answers everything with 204. A process of its own, beside
//! which the console is measured.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use console::ca::{self, Authority, Validity};
use firmware_protocol::id::StationId;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use station_daemon::clock::Clock;
use station_daemon::sync::{Address, Believed, Connection, Request, client_config};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::super::child::until_ready;
use super::site::program;
use crate::stage::write_private;

/// How long the server may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// A certificate of the floor holds a day.
const DAY_S: u64 = 86_400;

/// The server, and a client's way to it. Dropping it ends the server.
pub(super) struct Floor {
    child: Child,
    pub(super) address: Address,
    pub(super) tls: Arc<ClientConfig>,
    _folder: tempfile::TempDir,
}

impl Floor {
    pub(super) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let tls = certificates(folder.path())?;
        let mut command = Command::new(program("bandstand-sim")?);
        command.arg("bench-listen").arg(folder.path());
        let (child, line) = until_ready(&mut command, "the plain server", PATIENCE).await?;
        let address: SocketAddr = line.parse()?;
        Ok(Self {
            child,
            address: Address {
                host: address.ip().to_string(),
                port: address.port(),
            },
            tls,
            _folder: folder,
        })
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("a running floor")
    }

    /// Mutual handshakes of TLS 1.3 per second, both ends on this machine, so many at a time.
    pub(super) async fn handshakes_per_second(&self, at_once: usize, slice: Duration) -> Result<f64> {
        let start = Instant::now();
        let mut shaking = JoinSet::new();
        for _ in 0..at_once {
            let (address, tls) = (self.address.clone(), self.tls.clone());
            shaking.spawn(async move {
                let mut count = 0_u32;
                while start.elapsed() < slice {
                    Connection::open(&address, tls.clone()).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(done) = shaking.join_next().await {
            count += done??;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}

/// Writes what the server needs and gives what a client needs.
fn certificates(folder: &Path) -> Result<Arc<ClientConfig>> {
    let clock = Clock::start();
    let validity = Validity::starting(clock.wall(), DAY_S);
    let authority = Authority::load(&Authority::create("floor", clock.wall())?)?;
    let server = authority.server(&["127.0.0.1".into()], validity)?;
    write_private(&folder.join("root.der"), authority.certificate())?;
    write_private(&folder.join("server.der"), &server.certificate)?;
    write_private(&folder.join("server.key"), &server.key)?;
    let request = Request::new();
    let serial = ca::serial([7; 16]);
    let client = authority.station(&request.csr_der, StationId([7; 16]), serial, validity)?;
    let believed = Believed::new(clock.wall_ms());
    Ok(client_config(
        &[authority.certificate().clone()],
        client,
        &request.key,
        believed,
    )?)
}

/// The server's process: everything from here on.
pub fn listen(folder: &Path) -> Result<()> {
    super::runtime()?.block_on(async {
        let acceptor = TlsAcceptor::from(server_config(folder)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(async |_| {
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = StatusCode::NO_CONTENT;
                    Ok::<_, std::convert::Infallible>(response)
                });
                // Whoever goes has been answered.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

fn server_config(folder: &Path) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let read = |name: &str| std::fs::read(folder.join(name));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(read("root.der")?))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let chain = vec![CertificateDer::from(read("server.der")?)];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(read("server.key")?));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
