//! `[station]`: where the station keeps its data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Fault, absolute, bad_value};

/// Where the station keeps its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Station {
    /// Folder of the database and of the lock; belongs to the daemon alone.
    pub data_directory: PathBuf,
    /// The station's secrets, written by `init`, readable by the daemon alone.
    pub key_file: PathBuf,
    /// The key under which the disk is sealed, where systemd has no credential of the name `bandstand.seal`.
    pub seal_key_file: PathBuf,
    /// Free space below which the station starts no new enrollment, in MiB.
    pub disk_free_mib_min: u64,
}

impl Default for Station {
    fn default() -> Self {
        Self {
            data_directory: "/var/lib/bandstand".into(),
            key_file: "/var/lib/bandstand/station.key".into(),
            seal_key_file: "/etc/bandstand/seal.key".into(),
            disk_free_mib_min: 64,
        }
    }
}

impl Station {
    pub(super) fn check(&self) -> Result<(), Fault> {
        absolute("station.data_directory", &self.data_directory)?;
        absolute("station.key_file", &self.key_file)?;
        absolute("station.seal_key_file", &self.seal_key_file)?;
        if self.seal_key_file.parent() == Some(&self.data_directory) {
            return Err(bad_value(
                "`station.seal_key_file` lies in `station.data_directory`, beside what it seals",
                "put it elsewhere, best on another medium",
            ));
        }
        Ok(())
    }
}
