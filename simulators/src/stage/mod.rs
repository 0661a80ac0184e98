//! A station with everything around it: a plant in files, bands on the air of a BlueZ double, and the real
//! daemon as a process of its own. Demo, end-to-end tests and benchmarks play on it.

mod daemon;
mod site;
mod visit;

pub use daemon::{Daemon, DaemonError, Program};
pub use site::Site;
pub(crate) use site::write_private;
pub use visit::{begin, follow};

use std::io;
use std::ops::Deref;

use crate::band::SimBand;
use crate::bluez::{Address, BandConfig, BandPort, Double, DoubleConfig, StartError};

/// Signal strength of a band that is held to the kiosk, in dBm.
pub const HELD_DBM: i16 = -42;
/// Signal strength of a band across the hall, in dBm.
pub const FAR_DBM: i16 = -78;

/// A site and a private Bluetooth for it.
#[derive(Debug)]
pub struct Stage {
    site: Site,
    /// The air.
    pub double: Double,
    next_address: u8,
}

/// A stage is a site wherever one is asked for.
impl Deref for Stage {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Stage {
    /// An empty stage.
    pub fn new(config: DoubleConfig) -> Result<Self, StageError> {
        let double = Double::start(config)?;
        Ok(Self {
            site: Site::new(double.address())?,
            double,
            next_address: 0,
        })
    }

    /// Puts a band on the air, at this distance from the kiosk.
    pub fn add_band(&mut self, band: SimBand, rssi_dbm: i16) -> BandPort<SimBand> {
        self.next_address += 1;
        let address = Address([0xc0, 0xff, 0xee, 0, 0, self.next_address]);
        self.double.add_band(BandConfig::new(address, rssi_dbm), band)
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
