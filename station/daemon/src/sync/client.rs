//! One connection to the console, and requests over it one after the other.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::Address;

/// A connection is made within this time, its handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest answer, as sent.
const ANSWER_LEN_MAX: usize = 8 << 20;
/// Largest answer, unpacked.
const UNPACKED_LEN_MAX: u64 = 32 << 20;
/// Bodies from this size on are compressed.
const COMPRESS_FROM_BYTES: usize = 256;
const ZSTD_LEVEL: i32 = 3;
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answers there: no network, or no console.
    #[error("the console cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody answers there who is not this station's console, or who does not take this station.
    #[error("the connection is refused: {0}")]
    Tls(String),
    /// The connection broke, or the answer took too long.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The station ended it: it goes on under another certificate.
    #[error("the station has hung up")]
    HungUp,
    /// The answer is larger than it may be, or does not unpack.
    #[error("the console's answer cannot be read: {0}")]
    Answer(String),
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The console's stable name for a refusal.
    pub code: Option<String>,
    /// What the console's clock says, in milliseconds since 1970.
    pub time_ms: Option<u64>,
    /// The body, unpacked.
    pub body: Vec<u8>,
}

/// An open connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    /// What the console showed.
    pub chain: Vec<CertificateDer<'static>>,
}

impl Connection {
    /// Connects and makes the handshake.
    pub async fn open(address: &Address, tls: Arc<ClientConfig>) -> Result<Self, Failure> {
        timeout(CONNECT_TIMEOUT, connect(address, tls))
            .await
            .map_err(|_| Failure::Unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))?
    }

    /// Whether the other end has closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and waits for its answer for so long.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let request = self.request(method, path, body);
        timeout(patience, self.exchange(request))
            .await
            .map_err(|_| Failure::Lost(format!("no answer within {} s", patience.as_secs())))?
    }

    fn request(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host);
        let body = match body {
            None => Vec::new(),
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/cbor");
                if body.len() < COMPRESS_FROM_BYTES {
                    body
                } else {
                    request = request.header(CONTENT_ENCODING, "zstd");
                    zstd::bulk::compress(&body, ZSTD_LEVEL).expect("memory takes everything")
                }
            }
        };
        request
            .body(Full::new(Bytes::from(body)))
            .expect("a plain request")
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let lost = |error: hyper::Error| Failure::Lost(explain(&error));
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        read(response).await
    }
}

async fn connect(address: &Address, tls: Arc<ClientConfig>) -> Result<Connection, Failure> {
    let unreachable = |error: std::io::Error| Failure::Unreachable(error.to_string());
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(unreachable)?;
    // Without this, small requests wait for the other end's delayed acknowledgement.
    stream.set_nodelay(true).map_err(unreachable)?;
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| Failure::Unreachable(format!("{:?} is no host", address.host)))?;
    let stream = TlsConnector::from(tls)
        .connect(name, stream)
        .await
        .map_err(of_handshake)?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain = chain
        .iter()
        .map(|certificate| certificate.clone().into_owned())
        .collect();
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::Lost(explain(&error)))?;
    tokio::spawn(connection);
    Ok(Connection {
        sender,
        host: address.to_string(),
        chain,
    })
}

/// A fault of the handshake that TLS itself names is about who is who; everything else is the network.
fn of_handshake(error: std::io::Error) -> Failure {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(tls) => Failure::Tls(tls.to_string()),
        None => Failure::Lost(error.to_string()),
    }
}

/// The whole chain of causes: hyper's own message says too little.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let (status, code) = (response.status(), header("bandstand-code").map(str::to_owned));
    let time_ms = header("bandstand-time").and_then(|text| text.parse().ok());
    let packed = header("content-encoding").map(|encoding| encoding == "zstd");
    let body = Limited::new(response.into_body(), ANSWER_LEN_MAX).collect().await;
    let body = body.map_err(
        |error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(error) => Failure::Answer(error.to_string()),
            None => Failure::Lost(explain(error.as_ref())),
        },
    )?;
    let sent = body.to_bytes();
    let body = match packed {
        None => sent.to_vec(),
        Some(true) => unpack(&sent).map_err(|error| Failure::Answer(error.to_string()))?,
        Some(false) => return Err(Failure::Answer("it is packed in an unknown way".into())),
    };
    Ok(Answer {
        status,
        code,
        time_ms,
        body,
    })
}

fn unpack(sent: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(sent)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    let mut unpacked = Vec::new();
    decoder.take(UNPACKED_LEN_MAX + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > UNPACKED_LEN_MAX {
        return Err(std::io::Error::other("it unpacks to more than it may"));
    }
    Ok(unpacked)
}
