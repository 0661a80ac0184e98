//! A connection that is used for one request after the other, and made anew when it is gone.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use rustls::ClientConfig;
use tokio::sync::Notify;

use super::address::Address;
use super::client::{Answer, Connection, Failure};
use super::credentials::Credentials;
use super::tls::{Believed, client_config};

/// A request that is to be sent.
pub(super) struct Errand {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    pub(super) patience: Duration,
}

/// Where, and as whom.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) address: Address,
    pub(super) tls: Arc<ClientConfig>,
}

/// At most one connection, at rest or lent to an errand.
#[derive(Default)]
pub(super) struct Lane {
    connection: Option<Connection>,
    pub(super) is_busy: bool,
    /// Ends the errand under way, which answers that it was hung up.
    hang_up: Arc<Notify>,
}

impl Lane {
    /// Lends the connection, if there is one that works.
    pub(super) fn lend(&mut self) -> Option<Connection> {
        self.is_busy = true;
        self.connection
            .take()
            .filter(|connection| !connection.is_closed())
    }

    /// Takes it back.
    pub(super) fn give_back(&mut self, connection: Option<Connection>) {
        self.is_busy = false;
        self.connection = connection;
    }

    /// The next errand makes a connection of its own, and one under way ends now: who the station is has changed, and
    /// what it was before may be nobody by the time of the answer.
    pub(super) fn forget(&mut self) {
        self.connection = None;
        if self.is_busy {
            self.hang_up.notify_one();
        }
    }

    /// How an errand of this lane is told to end.
    pub(super) fn hang_up(&self) -> Arc<Notify> {
        self.hang_up.clone()
    }
}

/// Runs one errand, over the connection that is there or over a new one. What broke on the way is not sent again
/// here: it may have arrived, and the engines know when to ask again.
pub(super) async fn run(
    way: Way,
    lent: Option<Connection>,
    errand: Errand,
    hang_up: Arc<Notify>,
) -> (Option<Connection>, Result<Answer, Failure>) {
    tokio::select! {
        outcome = carry(way, lent, errand) => outcome,
        () = hang_up.notified() => (None, Err(Failure::HungUp)),
    }
}

async fn carry(
    way: Way,
    lent: Option<Connection>,
    errand: Errand,
) -> (Option<Connection>, Result<Answer, Failure>) {
    let mut connection = match lent {
        Some(connection) => connection,
        None => match Connection::open(&way.address, way.tls).await {
            Ok(connection) => connection,
            Err(failure) => return (None, Err(failure)),
        },
    };
    let Errand {
        method,
        path,
        body,
        patience,
    } = errand;
    match connection.send(method, &path, body, patience).await {
        Ok(answer) => (Some(connection), Ok(answer)),
        Err(failure) => (None, Err(failure)),
    }
}

/// The way to the console that these credentials are for.
pub(super) fn way(credentials: &Credentials, believed: &Believed) -> Result<Way, rustls::Error> {
    let tls = client_config(
        &credentials.authorities,
        credentials.certificate.clone(),
        &credentials.key,
        believed.clone(),
    )?;
    Ok(Way {
        address: credentials.console.clone(),
        tls,
    })
}
