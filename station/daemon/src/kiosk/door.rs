//! The page's own address on loopback, and whose browser may come in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::guard::Hosts;
use super::routes::router;
use super::task::Kiosk;
use crate::api::listen;
use crate::config;
use crate::daemon::told_to_stop;
use crate::problem::{Code, Problem};

/// Connections served at a time; a browser keeps six.
const CONNECTIONS_MAX: usize = 32;

/// The door, open but not yet answered at.
#[derive(Debug)]
pub struct KioskDoor {
    listener: TcpListener,
    address: SocketAddr,
    /// The user whose browser may come in.
    user: Option<u32>,
}

impl KioskDoor {
    /// Opens the address, if the configuration names one.
    pub async fn open(config: &config::Kiosk) -> Result<Option<Self>, Problem> {
        let Some(address) = config.listen else {
            return Ok(None);
        };
        let user = config.user.as_deref().map(user_id).transpose()?;
        let failed = |error| listen::cannot_listen(&address.to_string(), &error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Some(Self {
            listener,
            address,
            user,
        }))
    }

    /// The address; tells the port if it was chosen by the system.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` becomes true.
    pub async fn serve(self, kiosk: Kiosk, mut stop: watch::Receiver<bool>) {
        let router = router(kiosk, Hosts::of(self.address));
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let told = stop.clone();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let slot = slots.clone().acquire_owned().await.expect("never closed");
                (listen::accepted_or_wait(self.listener.accept().await).await, slot)
            };
            let (stream, slot) = tokio::select! {
                (stream, slot) = accepted => (stream, slot),
                () = told_to_stop(&mut stop) => break,
            };
            let Some((stream, peer)) = stream else { continue };
            if self
                .user
                .is_some_and(|user| owner(peer, self.address) != Some(user))
            {
                tracing::warn!("somebody else than the kiosk's user wanted the page");
                continue;
            }
            let (router, told) = (router.clone(), told.clone());
            let service =
                tower::service_fn(move |request: Request<Incoming>| router.clone().oneshot(request));
            connections.spawn(async move {
                listen::answer(stream, service, told).await;
                drop(slot);
            });
        }
        connections.shutdown().await;
    }
}

fn user_id(name: &str) -> Result<u32, Problem> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = lines.filter(|fields| fields[0] == name);
    let id = found.next().and_then(|fields| fields.get(2)?.parse().ok());
    id.ok_or_else(|| {
        Problem::new(
            Code::ConfigValue,
            "the station cannot open the kiosk's page",
            format!("`kiosk.user` is {name:?}, and there is no such user"),
            format!("make it (`useradd --create-home {name}`) or name another"),
        )
    })
}

/// The user at the other end of a connection within this machine, as the kernel's table of connections has it.
fn owner(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let file = match peer {
        SocketAddr::V4(_) => "/proc/net/tcp",
        SocketAddr::V6(_) => "/proc/net/tcp6",
    };
    owner_in(&std::fs::read_to_string(file).ok()?, peer, own)
}

fn owner_in(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let (from, to) = (written(peer), written(own));
    let line = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut found =
        line.filter(|fields| fields.get(1) == Some(&from.as_str()) && fields.get(2) == Some(&to.as_str()));
    found.next()?.get(7)?.parse().ok()
}

/// An address as the table has it: words of 32 bits in the machine's own order of bytes.
fn written(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes
        .chunks(4)
        .map(|word| u32::from_ne_bytes(word.try_into().expect("four bytes")));
    let words: String = words.map(|word| format!("{word:08X}")).collect();
    format!("{words}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_owner_of_a_connection_is_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address).await else {
                eprintln!("SKIPPED: {address} is not there");
                continue;
            };
            let own = listener.local_addr().unwrap();
            let stream = tokio::net::TcpStream::connect(own).await.unwrap();
            let (_accepted, peer) = listener.accept().await.unwrap();
            assert_eq!(owner(peer, own), Some(rustix::process::geteuid().as_raw()));
            assert_eq!(owner(own, own), None, "nobody connects from there");
            drop(stream);
        }
    }

    #[test]
    fn users_are_looked_up() {
        assert_eq!(user_id("root").unwrap(), 0);
        assert_eq!(user_id("no such user").unwrap_err().code, Code::ConfigValue);
    }
}
