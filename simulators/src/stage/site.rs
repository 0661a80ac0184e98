//! Where a station is: its folder and its Bluetooth.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use station_daemon::seal::SealKey;

use super::{Program, StageError};
use crate::cast::Cast;

/// A folder of its own with a station's files, and the bus on which the station finds BlueZ.
#[derive(Debug)]
pub struct Site {
    folder: tempfile::TempDir,
    bus: String,
}

impl Site {
    /// An empty folder, and a bus as in `DBUS_SYSTEM_BUS_ADDRESS`.
    pub fn new(bus: &str) -> io::Result<Self> {
        Ok(Self {
            folder: tempfile::Builder::new().prefix("bandstand-").tempdir()?,
            bus: bus.to_owned(),
        })
    }

    /// The folder; it goes with the site.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The bus on which BlueZ is.
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// The station's configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder().join("station.toml")
    }

    /// The station's provisioning file.
    pub fn provisioning(&self) -> PathBuf {
        self.folder().join("provision.toml")
    }

    /// The Unix socket of the station's API.
    pub fn socket(&self) -> PathBuf {
        self.folder().join("station.sock")
    }

    /// The folder of the station's database.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The file that `init` makes with the key under which the station's disk is sealed.
    pub fn seal_key_file(&self) -> PathBuf {
        self.folder().join("seal.key")
    }

    /// The key in it.
    pub fn seal_key(&self) -> io::Result<SealKey> {
        let text = fs::read(self.seal_key_file())?;
        SealKey::parse(&text).ok_or_else(|| io::Error::other("the seal key does not read"))
    }

    /// Writes the station's configuration and provisioning file. `extra` is put behind the configuration.
    pub fn write_files(&self, cast: &Cast, extra: &str) -> io::Result<()> {
        let folder = self.folder().display();
        let config = format!(
            "[station]\ndata_directory = \"{folder}/data\"\nkey_file = \"{folder}/station.key\"\n\
             seal_key_file = \"{folder}/seal.key\"\n\n\
             [api]\nsocket = \"{folder}/station.sock\"\n\n{extra}"
        );
        fs::write(self.config(), config)?;
        write_private(&self.provisioning(), cast.file().to_toml().as_bytes())
    }

    /// Makes the station's database and keys, as an administrator would.
    pub fn init(&self, program: &Program) -> Result<(), StageError> {
        let from = self.provisioning();
        let output = program
            .command(self, &["init", "--from", &from.to_string_lossy()])
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(StageError::Init(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(bytes)
}
