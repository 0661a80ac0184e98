//! A station with everything around it: a plant in files, bands on the air of a BlueZ double, and the real
//! daemon as a process of its own. Demo, end-to-end tests and benchmarks play on it.

mod daemon;
mod visit;

pub use daemon::{Daemon, DaemonError, Program};
pub use visit::{begin, follow};

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::band::SimBand;
use crate::bluez::{Address, BandConfig, BandPort, Double, DoubleConfig, StartError};
use crate::cast::Cast;

/// Signal strength of a band that is held to the kiosk, in dBm.
pub const HELD_DBM: i16 = -42;
/// Signal strength of a band across the hall, in dBm.
pub const FAR_DBM: i16 = -78;

/// Where everything happens: a folder of its own and a private Bluetooth.
#[derive(Debug)]
pub struct Stage {
    folder: tempfile::TempDir,
    /// The air.
    pub double: Double,
    next_address: u8,
}

impl Stage {
    /// An empty stage.
    pub fn new(config: DoubleConfig) -> Result<Self, StageError> {
        let folder = tempfile::Builder::new().prefix("bandstand-").tempdir()?;
        let double = Double::start(config)?;
        Ok(Self {
            folder,
            double,
            next_address: 0,
        })
    }

    /// The folder; it goes with the stage.
    pub fn folder(&self) -> &Path {
        self.folder.path()
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

    /// Writes the station's configuration and provisioning file. `extra` is put behind the configuration.
    pub fn write_files(&self, cast: &Cast, extra: &str) -> io::Result<()> {
        let folder = self.folder().display();
        let config = format!(
            "[station]\ndata_directory = \"{folder}/data\"\nkey_file = \"{folder}/station.key\"\n\n\
             [api]\nsocket = \"{folder}/station.sock\"\n\n{extra}"
        );
        fs::write(self.config(), config)?;
        write_private(&self.provisioning(), cast.file().to_toml().as_bytes())
    }

    /// Puts a band on the air, at this distance from the kiosk.
    pub fn add_band(&mut self, band: SimBand, rssi_dbm: i16) -> BandPort<SimBand> {
        self.next_address += 1;
        let address = Address([0xc0, 0xff, 0xee, 0, 0, self.next_address]);
        self.double.add_band(BandConfig::new(address, rssi_dbm), band)
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

/// What can keep a stage from standing.
#[derive(Debug)]
pub enum StageError {
    /// Files or processes.
    Io(io::Error),
    /// The BlueZ double.
    Double(StartError),
    /// `init` refused.
    Init(String),
}

impl std::fmt::Display for StageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "files or processes of the stage: {error}"),
            Self::Double(error) => write!(f, "the BlueZ double did not start: {error}"),
            Self::Init(text) => write!(f, "the station was not initialized: {text}"),
        }
    }
}

impl std::error::Error for StageError {}

impl From<io::Error> for StageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StartError> for StageError {
    fn from(error: StartError) -> Self {
        Self::Double(error)
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(bytes)
}
