//! `[station]`: where the station keeps its data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Fault, absolute};

/// Where the station keeps its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Station {
    /// Folder of the database and of the lock; belongs to the daemon alone.
    pub data_directory: PathBuf,
    /// The station's secrets, written by `init`, readable by the daemon alone.
    pub key_file: PathBuf,
    /// Free space below which the station starts no new enrollment, in MiB.
    pub disk_free_mib_min: u64,
}

impl Default for Station {
    fn default() -> Self {
        Self {
            data_directory: "/var/lib/bandstand".into(),
            key_file: "/var/lib/bandstand/station.key".into(),
            disk_free_mib_min: 64,
        }
    }
}

impl Station {
    pub(super) fn check(&self) -> Result<(), Fault> {
        absolute("station.data_directory", &self.data_directory)?;
        absolute("station.key_file", &self.key_file)
    }
}
