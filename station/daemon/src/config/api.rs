//! `[api]`: who may talk to the daemon, and where.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Fault, absolute, bad_value};

/// Who may talk to the daemon, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// The Unix socket. Root and the daemon's own user may connect.
    pub socket: PathBuf,
    /// A group whose members may connect to the socket too.
    pub group: Option<String>,
    /// A loopback address to listen on; off if absent. Needs `token_file`.
    pub listen: Option<SocketAddr>,
    /// File with the token that callers on `listen` must show, readable by the daemon alone.
    pub token_file: Option<PathBuf>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            socket: "/run/bandstand/station.sock".into(),
            group: None,
            listen: None,
            token_file: None,
        }
    }
}

impl Api {
    pub(super) fn check(&self) -> Result<(), Fault> {
        absolute("api.socket", &self.socket)?;
        // sockaddr_un holds 108 bytes, the last of them a zero.
        super::in_range(
            "the length of api.socket",
            self.socket.as_os_str().len() as u64,
            1..=107,
        )?;
        self.token_file
            .as_deref()
            .map_or(Ok(()), |path| absolute("api.token_file", path))?;
        match (self.listen, &self.token_file) {
            (Some(address), _) if !address.ip().is_loopback() => Err(bad_value(
                format!("`api.listen` is {address}, which other machines can reach"),
                "use 127.0.0.1 or [::1]; the station serves this machine only",
            )),
            (Some(_), None) => Err(bad_value(
                "`api.listen` is set but `api.token_file` is not",
                "name a file with a token of at least 32 characters, mode 0600",
            )),
            (None, Some(_)) => Err(bad_value(
                "`api.token_file` is set but `api.listen` is not",
                "set `api.listen` or remove the token file",
            )),
            _ => Ok(()),
        }
    }
}
