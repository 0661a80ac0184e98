//! Where the console is.

use std::fmt;
use std::str::FromStr;

/// The port if none is named.
pub(super) const DEFAULT_PORT: u16 = 8443;

/// A console's address: `https://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It must begin with `https://`.
    #[error("an address begins with https://")]
    Scheme,
    /// The host or the port is missing or no such thing.
    #[error("an address is https://HOST or https://HOST:PORT, and nothing behind it")]
    Form,
}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        let rest = text.trim().strip_prefix("https://").ok_or(AddressFault::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or(AddressFault::Form)?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => DEFAULT_PORT,
            None => return Err(AddressFault::Form),
            Some(port) => port.parse().map_err(|_| AddressFault::Form)?,
        };
        let plain = rustls::pki_types::ServerName::try_from(host).is_ok();
        if !plain || port == 0 {
            return Err(AddressFault::Form);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let check = |text: &str, expected: Result<&str, AddressFault>| {
            let read = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(read.as_deref().map_err(|fault| *fault), expected, "{text}");
        };
        check("https://console.plant.example", Ok("console.plant.example:8443"));
        check("https://console:443/", Ok("console:443"));
        check("https://192.0.2.1:9", Ok("192.0.2.1:9"));
        check("https://[::1]:9", Ok("[::1]:9"));
        check("https://[::1]", Ok("[::1]:8443"));
        for text in ["http://console", "console", "", "HTTPS://console"] {
            check(text, Err(AddressFault::Scheme));
        }
        for text in [
            "https://",
            "https://a b",
            "https://a:0",
            "https://a:x",
            "https://a/b",
            "https://[::1",
            "https://u@h",
        ] {
            check(text, Err(AddressFault::Form));
        }
    }
}
