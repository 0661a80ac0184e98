//! Talking to the running daemon over its Unix socket.

use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::problem::{Code, Problem};

/// Longest answer that is read, in bytes.
const ANSWER_LEN_MAX: usize = 16 << 20;

/// The daemon at the other end of a socket. Each request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: std::path::PathBuf,
}

impl Client {
    /// A client of the daemon at `socket`.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Asks for what is at `path`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        self.read(response).await
    }

    /// Posts `body` to `path`.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        let body = serde_json::to_vec(body).expect("plain data");
        let response = self.send(Method::POST, path, body.into()).await?;
        self.read(response).await
    }

    /// Follows the live events at `path`.
    pub async fn follow(&self, path: &str) -> Result<Events, Problem> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(self
                .read::<serde_json::Value>(response)
                .await
                .err()
                .unwrap_or_else(|| self.lost("no events")));
        }
        Ok(Events {
            body: response.into_body(),
            buffer: Vec::new(),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Problem> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.lost(&error.to_string()))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .expect("a plain request");
        sender
            .send_request(request)
            .await
            .map_err(|error| self.lost(&error.to_string()))
    }

    async fn read<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Result<T, Problem> {
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), ANSWER_LEN_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| self.lost(&error.to_string()))?.to_bytes();
        if !status.is_success() {
            return Err(problem_of(&body).unwrap_or_else(|| self.lost(&format!("HTTP status {status}"))));
        }
        serde_json::from_slice(&body).map_err(|error| self.lost(&error.to_string()))
    }

    fn unreachable(&self, error: &std::io::Error) -> Problem {
        let (why, next) = match error.kind() {
            std::io::ErrorKind::PermissionDenied => (
                "this user may not use its socket".to_owned(),
                "run the command as root, as the station's user, or from the group in api.group",
            ),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => (
                format!("nobody answers at {}", self.socket.display()),
                "start it (`systemctl start bandstand-station`), or name its configuration with --config",
            ),
            _ => (error.to_string(), "run `bandstand-station doctor`"),
        };
        Problem::new(
            Code::DaemonUnreachable,
            "the station's process cannot be reached",
            why,
            next,
        )
    }

    fn lost(&self, why: &str) -> Problem {
        let what = "the station's process did not answer as it should";
        Problem::new(
            Code::DaemonUnreachable,
            what,
            why,
            "run `bandstand-station doctor`",
        )
    }
}

/// Reads a problem as the daemon sent it.
fn problem_of(body: &[u8]) -> Option<Problem> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let code = Code::ALL
        .iter()
        .find(|code| code.as_str() == value["code"])
        .copied()?;
    Some(Problem::new(code, text("title"), text("detail"), text("next")))
}

/// Server-sent events, one JSON value each.
pub struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event; nothing once the daemon has stopped.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            if let Some(event) = self.take_event() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// Takes whole lines out of the buffer until one is an event; comments keep the line alive only.
    fn take_event<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let Some(data) = line.strip_prefix(b"data:") else {
                continue;
            };
            if let Ok(event) = serde_json::from_slice(data.trim_ascii()) {
                return Some(event);
            }
        }
    }
}
