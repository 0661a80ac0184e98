//! A browser's, or a program's, end of the console's pages and API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use console::access::{Caller, Role, Via};
use console::acts::api_keys::{self, NewKey};
use console::serve::App;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// One connection, kept open.
pub(in crate::bench) struct Web {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    /// A header that says who asks, and its value.
    who: Option<(&'static str, String)>,
}

impl Web {
    pub(in crate::bench) async fn open(
        address: SocketAddr,
        who: Option<(&'static str, String)>,
    ) -> Result<Self> {
        let sender = connect(address).await?;
        Ok(Self { sender, address, who })
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        if let Some((name, value)) = &self.who {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        let answer = async {
            // The console closes a connection that was silent for a while.
            if self.sender.is_closed() {
                self.sender = connect(self.address).await?;
            }
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            anyhow::Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.collect().await?.to_bytes(),
            })
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .context("no answer")?
    }

    /// What stands at an address; anything but success is an error.
    pub(super) async fn get(&mut self, path: &str) -> Result<Answer> {
        let answer = self.ask(Method::GET, path, &[], Bytes::new()).await?;
        ensure!(answer.status.is_success(), "GET {path}: {}", answer.status);
        Ok(answer)
    }

    /// Posts something; the answer as JSON.
    pub(in crate::bench) async fn post(
        &mut self,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Value> {
        let headers = [("content-type", content_type)];
        let answer = self.ask(Method::POST, path, &headers, body).await?;
        answer.json().with_context(|| format!("POST {path}"))
    }
}

impl Answer {
    /// The body of a success.
    pub(super) fn json(&self) -> Result<Value> {
        let said = String::from_utf8_lossy(&self.body);
        ensure!(self.status.is_success(), "{}: {said}", self.status);
        Ok(serde_json::from_slice(&self.body)?)
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender.
    tokio::spawn(connection);
    Ok(sender)
}

/// Somebody who may do everything.
pub(super) fn administrator() -> Caller {
    Caller {
        account: "bench".into(),
        name: "Bench".into(),
        role: Role::Administrator,
        sites: Default::default(),
        via: Via::Session("bench".into()),
    }
}

/// A key of the API that may do everything, as the header that carries it.
pub(super) async fn api_key(app: &App) -> Result<(&'static str, String)> {
    let new = NewKey {
        name: "bench".into(),
        role: Role::Administrator,
        sites: Default::default(),
        scopes: console::access::scopes().into_iter().collect(),
        days: 1,
    };
    let made = api_keys::create(app, &administrator(), new).await?;
    Ok(("authorization", format!("Bearer {}", made.secret)))
}

/// A number among the console's metrics.
pub(super) async fn metric(web: &mut Web, name: &str) -> Result<f64> {
    let metrics = web.get("/metrics").await?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line
        .with_context(|| format!("{name} among the metrics"))?
        .parse()?)
}
