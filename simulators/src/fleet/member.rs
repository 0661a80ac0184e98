//! A station that has joined a console: what it speaks to it with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hyper::Method;
use rustls::ClientConfig;
use server_sync::Versions;
use server_sync::join::{JoinAnswer, JoinRequest, Joined};
use station_core::sync::JoinToken;
use station_daemon::clock::{Clock, Entropy};
use station_daemon::sync::{Address, Believed, Connection, Pin, Request, client_config, join_config};

use super::station::named;

/// How long an answer to a request to join is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Certificates, and what the console said of itself.
pub struct Member {
    /// The console's answer.
    pub joined: Box<Joined>,
    /// How to speak to the console.
    pub tls: Arc<ClientConfig>,
}

impl Member {
    /// Joins with a token, as a station does.
    pub async fn join(address: &Address, software: &str, token: &JoinToken) -> Result<Self> {
        let believed = Believed::new(Clock::start().wall_ms());
        let request = Request::new();
        let body = JoinRequest {
            versions: Versions::OURS,
            token: token.secret.to_vec(),
            csr_der: request.csr_der.clone(),
            dh_key: Entropy::new().bytes(),
            software: software.to_owned(),
            station: None,
            organization: None,
            journal: None,
        };
        let tls = join_config(Pin::Token(token.clone()), believed.clone())?;
        let mut connection = Connection::open(address, tls).await.context("join")?;
        let answer = connection.send(Method::POST, "/sync/v1/join", Some(body.to_bytes()), PATIENCE);
        let answer = answer.await.context("join")?;
        let joined = match JoinAnswer::from_bytes(&answer.body) {
            Some(JoinAnswer::Joined(joined)) => joined,
            Some(JoinAnswer::Refused(fault)) => bail!("join: {}", fault.code()),
            None => bail!("join: {}", named(&answer)),
        };
        let certificate = joined.certificates_der.first().context("a certificate")?;
        let certificate = certificate.0.clone().into();
        let authority = joined.authority_der.clone().into();
        let tls = client_config(&[authority], certificate, &request.key, believed)?;
        Ok(Self { joined, tls })
    }

    /// A new connection with the certificate.
    pub async fn connect(&self, address: &Address) -> Result<Connection> {
        let connection = Connection::open(address, self.tls.clone()).await;
        connection.context("connect")
    }
}
