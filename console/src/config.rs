//! The console's configuration: one TOML file, read strictly.
//!
//! A key that nobody knows is refused, so that a typing error cannot silently leave a default in force.
//! `example.toml` beside this crate's manifest shows every key with its default; a test keeps it in step.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// Where the configuration is if nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/bandstand/console.toml";
const LEN_MAX: u64 = 1 << 20;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the data is.
    pub database: Database,
    /// The key under which secrets are sealed.
    pub vault: VaultSection,
    /// Pages and API, for people and programs.
    pub web: Web,
    /// What stations talk to.
    pub sync: Sync,
    /// What is logged, and how.
    pub log: Log,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// The path of an SQLite file, or the `postgres://…` address of a server that several consoles may share.
    /// A server on another machine is spoken to by TLS: `?sslmode=verify-full&sslrootcert=/path/of/its/root.pem`.
    pub url: String,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "/var/lib/bandstand/console.db".into(),
        }
    }
}

/// The key under which secrets are sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultSection {
    /// The file of the master key, for its owner alone. Keep a copy apart from the database's backups.
    pub key_file: PathBuf,
}

impl Default for VaultSection {
    fn default() -> Self {
        Self {
            key_file: "/var/lib/bandstand/console.key".into(),
        }
    }
}

/// Pages and API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// What people type to get here; links are made of it. Never taken from a request.
    pub public_url: String,
    /// Chain of certificates in PEM. With it and `key` the console speaks HTTPS.
    pub certificate: Option<PathBuf>,
    /// The key of the certificate in PEM.
    pub key: Option<PathBuf>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections at once; more wait to be accepted.
    pub connections_max: usize,
    /// Requests a second that one key of the API, or one session, may make; ten seconds' worth at once. 0 is no
    /// limit.
    pub requests_per_second: u32,
    /// How long one request may take, with everything it sends, in seconds; ten times as long where lists are uploaded.
    pub request_s_max: u32,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            public_url: "http://localhost:8080".into(),
            certificate: None,
            key: None,
            trusted_proxies: Vec::new(),
            connections_max: 4096,
            requests_per_second: 50,
            request_s_max: 30,
        }
    }
}

impl Web {
    /// How long a request to this path may take, with everything it sends.
    pub fn time_for(&self, path: &str) -> Duration {
        let times = if path.contains("/imports") { 10 } else { 1 };
        Duration::from_secs(u64::from(self.request_s_max) * times)
    }

    /// Whether people reach the console by HTTPS, here or at a proxy.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// What stations talk to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Names and addresses by which stations reach it; the certificate names them.
    pub names: Vec<String>,
    /// How long a station's certificate holds; it is renewed after a third.
    pub certificate_days: u32,
    /// How long a station's question for news is held open, in seconds.
    pub hold_s: u16,
    /// How often stations report their health, in seconds.
    pub health_every_s: u32,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8443).into(),
            names: vec!["localhost".into(), "127.0.0.1".into()],
            certificate_days: 90,
            hold_s: 30,
            health_every_s: 300,
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, or filters such as `console=debug,info`.
    pub level: String,
    /// One JSON object per line instead of text.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            json: false,
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read(path)?;
        Self::parse(&text).with_context(|| format!("the configuration {} cannot be used", path.display()))
    }

    /// Reads and checks a text.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// A configuration that keeps everything in one folder and listens on loopback, on any free port, without
    /// a limit to how fast one may ask.
    pub fn in_folder(folder: &Path) -> Self {
        let mut config = Self::default();
        config.database.url = folder.join("console.db").display().to_string();
        config.vault.key_file = folder.join("console.key");
        config.web.listen.set_port(0);
        config.web.requests_per_second = 0;
        config.sync.listen.set_port(0);
        config
    }

    fn check(&self) -> Result<()> {
        let url = &self.database.url;
        ensure!(
            crate::db::sqlite_path(url).is_none_or(Path::is_absolute),
            "`database.url` is {url:?}: write the path of a file from / on, or an address that begins with postgres://"
        );
        if crate::db::is_postgres(url) {
            crate::db::check_address(url)
                .map_err(anyhow::Error::msg)
                .context("`database.url` cannot be used")?;
        }
        ensure!(
            self.vault.key_file.is_absolute(),
            "`vault.key_file` is {}: write the path from / on",
            self.vault.key_file.display()
        );
        self.web.check()?;
        ensure!(
            !self.sync.names.is_empty(),
            "`sync.names` is empty: name what stations type to reach the console"
        );
        ensure!(
            (1..=60).contains(&self.sync.hold_s),
            "`sync.hold_s` is {}, outside 1 to 60",
            self.sync.hold_s
        );
        ensure!(
            (10..=86_400).contains(&self.sync.health_every_s),
            "`sync.health_every_s` is {}, outside 10 to 86400",
            self.sync.health_every_s
        );
        let days = self.sync.certificate_days;
        ensure!(
            (1..=825).contains(&days),
            "`sync.certificate_days` is {days}, outside 1 to 825"
        );
        Ok(())
    }
}

impl Web {
    fn check(&self) -> Result<()> {
        let url = &self.public_url;
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        ensure!(
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
            "`web.public_url` is {url:?}: write https://, a name, and a port if it is not 443; no path and no slash at the end"
        );
        let tls = match (&self.certificate, &self.key) {
            (Some(_), Some(_)) => true,
            (None, None) => false,
            _ => bail!("`web.certificate` and `web.key` come together: name both or neither"),
        };
        if tls && !self.is_https() {
            bail!("`web.certificate` is set but `web.public_url` begins with http://");
        }
        if !tls && !self.listen.ip().is_loopback() && self.trusted_proxies.is_empty() {
            bail!(
                "`web.listen` is {}, which other machines reach without encryption: name a certificate and a key, or \
                 the proxy that speaks HTTPS in front of it (`web.trusted_proxies`), or listen on 127.0.0.1",
                self.listen
            );
        }
        ensure!(
            self.requests_per_second <= 1_000_000,
            "`web.requests_per_second` is {}, more than 1000000",
            self.requests_per_second
        );
        ensure!(
            (1..=3600).contains(&self.request_s_max),
            "`web.request_s_max` is {}, outside 1 to 3600",
            self.request_s_max
        );
        ensure!(
            (16..=100_000).contains(&self.connections_max),
            "`web.connections_max` is {}, outside 16 to 100000",
            self.connections_max
        );
        Ok(())
    }
}

fn read(path: &Path) -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(path)
        .with_context(|| format!("cannot find the configuration {}", path.display()))?;
    ensure!(
        about.is_file(),
        "the configuration {} is not a plain file",
        path.display()
    );
    ensure!(
        about.len() <= LEN_MAX,
        "the configuration {} has {} bytes, more than 1 MiB: is it the right file?",
        path.display(),
        about.len()
    );
    ensure!(
        about.mode() & 0o002 == 0,
        "everybody may write the configuration {}: chmod o-w it",
        path.display()
    );
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration {} as UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/example.toml");
        let example = Config::load(Path::new(path)).expect("it reads");
        assert_eq!(example, Config::default());
        let text = std::fs::read_to_string(path).expect("it is there");
        let all = toml::to_string(&Config::default()).expect("TOML");
        for key in all.lines().filter_map(|line| line.split(" = ").next()) {
            assert!(text.contains(key), "{key} is not in the example");
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let refused = Config::parse(text).expect_err(text);
        assert!(format!("{refused:#}").contains(expected), "{refused:#}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_line_that_names_it() {
        check("nonsense", "expected");
        check("[web]\nlisten_on = 1", "unknown field `listen_on`");
        check("[web]\nlisten = \"here\"", "invalid socket address");
        check("[database]\nurl = \"console.db\"", "from / on");
        check("[database]\nurl = \"mysql://x\"", "postgres://");
        check("[vault]\nkey_file = \"key\"", "from / on");
        check("[web]\nlisten = \"0.0.0.0:80\"", "without encryption");
        check("[web]\npublic_url = \"http://a/b\"", "no path");
        check("[web]\npublic_url = \"ftp://a\"", "public_url");
        check("[web]\ncertificate = \"/a\"", "come together");
        check("[web]\ncertificate = \"/a\"\nkey = \"/b\"", "begins with http://");
        check("[web]\nconnections_max = 1", "outside 16");
        check("[sync]\nnames = []", "is empty");
        check("[sync]\ncertificate_days = 0", "outside 1 to 825");
        check("[sync]\nhold_s = 61", "outside 1 to 60");
        check("[sync]\nhealth_every_s = 9", "outside 10 to 86400");
        check("[web]\nrequests_per_second = 1000001", "more than 1000000");
        check("[web]\nrequest_s_max = 0", "outside 1 to 3600");
        check(
            "[database]\nurl = \"postgres://db.plant/console\"",
            "another machine",
        );
    }
}
