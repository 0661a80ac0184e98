//! Where a controller is: behind a socket, or in this machine's USB port.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::port::{HciPort, start_with};
use crate::bluez::BandConfig;
use crate::peripheral::Peripheral;

/// H4 packets in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The place of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Somebody listens at this Unix socket: `unix:PATH`.
    Unix(PathBuf),
    /// Somebody listens at this host and port: `tcp:HOST:PORT`.
    Tcp(String),
    /// A Bluetooth adapter of this machine by its number: `hci1`.
    Adapter(u16),
}

impl Endpoint {
    /// Connects. Needs a tokio runtime with IO, and the stream stays on it.
    pub async fn open(&self) -> Result<Box<dyn Stream>, EndpointError> {
        let failed = |error| EndpointError {
            endpoint: self.clone(),
            error,
        };
        Ok(match self {
            Self::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                Box::new(stream)
            }
            Self::Adapter(number) => Box::new(bt_hci_linux::Socket::new(*number).map_err(failed)?),
        })
    }

    /// Starts a band on the controller here. Whether it can be reached shows in [`HciPort::fault`].
    pub fn start<P: Peripheral + 'static>(self, config: BandConfig, peripheral: P) -> HciPort<P> {
        start_with(move || async move { self.open().await }, config, peripheral)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Adapter(number) => write!(f, "hci{number}"),
        }
    }
}

/// Not an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEndpoint;

impl fmt::Display for NoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a controller is named unix:PATH, tcp:HOST:PORT, or hci1 for an adapter")
    }
}

impl std::error::Error for NoEndpoint {}

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Self, NoEndpoint> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        if let Some(address) = text.strip_prefix("tcp:") {
            let has_port = address
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            return has_port.then(|| Self::Tcp(address.into())).ok_or(NoEndpoint);
        }
        let number = text.strip_prefix("hci").and_then(|number| number.parse().ok());
        number.map(Self::Adapter).ok_or(NoEndpoint)
    }
}

/// A controller that cannot be reached.
#[derive(Debug)]
pub struct EndpointError {
    endpoint: Endpoint,
    error: io::Error,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, error } = self;
        if !matches!(endpoint, Endpoint::Adapter(_)) {
            return write!(f, "nobody serves a controller at {endpoint}: {error}");
        }
        match Errno::from_io_error(error) {
            Some(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT) => {
                f.write_str("this kernel has no Bluetooth (load its module: modprobe bluetooth)")
            }
            Some(Errno::NODEV) => {
                write!(
                    f,
                    "there is no adapter {endpoint} (rfkill list bluetooth shows those there are)"
                )
            }
            Some(Errno::PERM | Errno::ACCESS) => {
                write!(
                    f,
                    "no permission for {endpoint}: it takes root, or the capability CAP_NET_ADMIN"
                )
            }
            Some(Errno::BUSY | Errno::USERS) => {
                write!(f, "{endpoint} is in use: switch it off first (docs/hardware.md)")
            }
            Some(Errno::RFKILL) => write!(f, "{endpoint} is blocked (rfkill unblock bluetooth)"),
            _ => write!(f, "{endpoint} cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for EndpointError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_have_names() {
        let check = |text: &str, expected| assert_eq!(text.parse(), expected, "{text}");
        check("hci1", Ok(Endpoint::Adapter(1)));
        check("unix:/run/hci.sock", Ok(Endpoint::Unix("/run/hci.sock".into())));
        check("tcp:127.0.0.1:9000", Ok(Endpoint::Tcp("127.0.0.1:9000".into())));
        check("tcp:[::1]:9000", Ok(Endpoint::Tcp("[::1]:9000".into())));
        for text in [
            "",
            "1",
            "hci",
            "hci-1",
            "hci70000",
            "unix:",
            "tcp:host",
            "tcp:host:http",
        ] {
            check(text, Err(NoEndpoint));
        }
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let check = |errno: Errno, expected: &str| {
            let error = EndpointError {
                endpoint: Endpoint::Adapter(1),
                error: errno.into(),
            };
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(Errno::AFNOSUPPORT, "no Bluetooth");
        check(Errno::NODEV, "no adapter hci1");
        check(Errno::PERM, "CAP_NET_ADMIN");
        check(Errno::BUSY, "switch it off");
        check(Errno::RFKILL, "rfkill unblock");
        check(Errno::IO, "cannot be opened");
    }
}
