//! The address of a PostgreSQL server, and whom to believe there.
//!
//! It is written as `psql` reads it. Of libpq's modes of TLS two are taken: `verify-full`, which demands a
//! certificate for the host's name under a root that is named, and `disable`. The modes in between encrypt
//! for whoever happens to answer, and are refused with that reason.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::with_cause;
use super::tls::Tls;

/// How to write an address with TLS.
const HOW: &str = "write ?sslmode=verify-full&sslrootcert=/path/of/the/root.pem behind the database's name";

/// Where the server is, and under which roots its certificate has to be.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    roots: Option<PathBuf>,
}

/// Whether this is an address that the console uses; says what is wrong with it. Never repeats the address,
/// which may hold a password.
pub fn check(url: &str) -> Result<(), String> {
    Address::parse(url).map(drop)
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (mode, roots, rest) = take_tls(url)?;
        let mut config = Config::from_str(&rest).map_err(|error| with_cause(&error))?;
        let roots = match (mode.as_deref(), roots) {
            (Some("verify-full"), Some(roots)) if roots.is_absolute() => Some(roots),
            (Some("verify-full"), Some(_)) => return Err("`sslrootcert` is not a path from / on".into()),
            (Some("verify-full"), None) => return Err(format!("`sslrootcert` is missing: {HOW}")),
            (Some("disable") | None, Some(_)) => return Err(format!("`sslrootcert` needs TLS: {HOW}")),
            (Some("disable"), None) => None,
            (None, None) if config.get_hosts().iter().all(is_here) => None,
            (None, None) => {
                return Err(format!(
                    "the server is another machine, and without TLS everybody between reads along: {HOW}, or \
                     ?sslmode=disable if something else protects the way"
                ));
            }
            (Some(other), _) => {
                return Err(format!("`sslmode={other}` does not check who answers: {HOW}"));
            }
        };
        config.ssl_mode(if roots.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        Ok(Self { config, roots })
    }

    /// How to speak TLS with the server. Without roots nobody is believed, and nobody is asked.
    pub(super) fn connector(&self) -> Result<Tls, String> {
        let mut known = RootCertStore::empty();
        if let Some(path) = &self.roots {
            let wrong = |error: &dyn std::fmt::Display| format!("`sslrootcert` {}: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                known.add(certificate).map_err(|error| wrong(&error))?;
            }
            if known.is_empty() {
                return Err(wrong(&"there is no certificate in it"));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| error.to_string())?;
        let config = config.with_root_certificates(known).with_no_client_auth();
        Ok(Tls(Arc::new(config)))
    }
}

/// Takes what is ours out of the address: the driver knows fewer modes.
fn take_tls(url: &str) -> Result<(Option<String>, Option<PathBuf>, String), String> {
    let Some((before, query)) = url.split_once('?') else {
        return Ok((None, None, url.to_owned()));
    };
    let (mut mode, mut roots, mut others) = (None, None, Vec::new());
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("sslmode", value)) => mode = Some(plain(value)?),
            Some(("sslrootcert", value)) => roots = Some(PathBuf::from(plain(value)?)),
            Some((name @ ("sslcert" | "sslkey" | "sslcrl" | "sslpassword"), _)) => {
                return Err(format!("`{name}` is not supported; sign in by a password"));
            }
            _ => others.push(part),
        }
    }
    let mark = if others.is_empty() { "" } else { "?" };
    Ok((mode, roots, format!("{before}{mark}{}", others.join("&"))))
}

/// A value without its percent signs.
fn plain(value: &str) -> Result<String, String> {
    let wrong = || "a percent sign without two hexadecimal digits behind it".to_owned();
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = behind.get(..2).ok_or_else(wrong)?;
        let byte = data_encoding::HEXLOWER_PERMISSIVE.decode(digits);
        bytes.extend(byte.map_err(|_| wrong())?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// A socket of this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ok` with the driver's mode, or a part of what is said.
    fn check(url: &str, expected: &str) {
        let found = match Address::parse(url) {
            Ok(address) => format!("ok {:?} {:?}", address.config.get_ssl_mode(), address.roots),
            Err(why) => why,
        };
        assert!(found.contains(expected), "{url}: {found}");
        assert!(!found.contains("secret"), "{url}: {found}");
    }

    #[test]
    fn an_address_says_whom_to_believe() {
        check("postgres://u:secret@%2Frun%2Fpostgresql/db", "ok Disable None");
        check("postgres://u:secret@localhost/db", "ok Disable None");
        check(
            "postgres://u:secret@127.0.0.1:5433/db?connect_timeout=3",
            "ok Disable None",
        );
        check("postgres://u:secret@db.plant/db", "another machine");
        check(
            "postgres://u:secret@10.0.0.5/db?connect_timeout=3",
            "another machine",
        );
        check(
            "postgres://u:secret@db.plant/db?sslmode=disable",
            "ok Disable None",
        );
        let full = "postgres://u:secret@db.plant/db?sslmode=verify-full";
        check(
            &format!("{full}&sslrootcert=/etc/root.pem"),
            r#"ok Require Some("/etc/root.pem")"#,
        );
        check(
            "postgres://u:secret@db.plant/db?sslrootcert=%2Fa%20b.pem&sslmode=verify-full&connect_timeout=3",
            r#"ok Require Some("/a b.pem")"#,
        );
        check(full, "`sslrootcert` is missing");
        check(&format!("{full}&sslrootcert=root.pem"), "not a path from / on");
        check(&format!("{full}&sslrootcert=/a%2"), "percent sign");
        check(
            "postgres://u:secret@db.plant/db?sslmode=require",
            "does not check who answers",
        );
        check(
            "postgres://u:secret@db.plant/db?sslmode=prefer",
            "does not check who answers",
        );
        check("postgres://u:secret@localhost/db?sslrootcert=/r.pem", "needs TLS");
        check(
            &format!("{full}&sslrootcert=/r.pem&sslkey=/k.pem"),
            "sign in by a password",
        );
        check("postgres://u:secret@db.plant:x/db?sslmode=disable", "port");
    }
}
