//! Files of the issuing tool.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use ed25519_dalek::SigningKey;
use firmware_protocol::band::BandIdentity;
use policy::model::{Band, GroupPolicy, IndividualPolicy, PolicyId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use station_core::provision::{
    AssociationEntry, Base16, ManufacturerEntry, OperatorEntry, SecretKey, UserEntry,
};
use zeroize::Zeroizing;

use crate::issue::{Manufacturer, Organization};

/// The version of the organization's file.
const FORMAT: u32 = 1;

/// An organization's keys. Whoever reads this file is the organization: keep it off stations.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationFile {
    format: u32,
    /// A name for people.
    pub name: String,
    signing_key: SecretKey,
    ticket_key: SecretKey,
    code_key: SecretKey,
    /// The makes of bands that are welcome.
    #[serde(default)]
    pub manufacturers: Vec<ManufacturerEntry>,
    /// A make of one's own, for simulated and self-built bands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_make: Option<OwnMake>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnMake {
    name: String,
    signing_key: SecretKey,
}

fn secret(key: &SigningKey) -> SecretKey {
    SecretKey(Zeroizing::new(key.to_bytes()))
}

impl OrganizationFile {
    /// The file of a new organization. Its own make, if any, is welcome.
    pub fn new(name: &str, organization: &Organization, own_make: Option<&Manufacturer>) -> Self {
        Self {
            format: FORMAT,
            name: name.into(),
            signing_key: secret(&organization.signing_key),
            ticket_key: secret(&organization.ticket_key),
            code_key: SecretKey(organization.code_key.clone()),
            manufacturers: own_make.iter().map(|make| make.entry()).collect(),
            own_make: own_make.map(|make| OwnMake {
                name: make.name.clone(),
                signing_key: secret(&make.signing_key),
            }),
        }
    }

    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        is_private(path)?;
        let file: Self = read_toml(path)?;
        match file.format {
            FORMAT => Ok(file),
            other => Err(anyhow!(
                "{}: format {other} is not known, this release reads {FORMAT}",
                path.display()
            )),
        }
    }

    /// The organization with its secrets.
    pub fn organization(&self) -> Organization {
        Organization {
            signing_key: SigningKey::from_bytes(&self.signing_key.0),
            ticket_key: SigningKey::from_bytes(&self.ticket_key.0),
            code_key: self.code_key.0.clone(),
        }
    }

    /// The make of one's own.
    pub fn own_make(&self) -> Option<Manufacturer> {
        self.own_make
            .as_ref()
            .map(|make| Manufacturer::new(&make.name, &make.signing_key.0))
    }
}

/// What a plant says of itself: policies, people, bands. The part of a station's init file that people
/// write; every field may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlantFile {
    /// The group policy that holds.
    pub active_group_policy: PolicyId,
    /// The group policies.
    pub group_policies: Vec<GroupPolicy>,
    /// The individual policies.
    pub individual_policies: Vec<IndividualPolicy>,
    /// The people.
    pub users: Vec<UserEntry>,
    /// The stock of bands.
    pub bands: Vec<Band>,
    /// Who holds which band.
    pub associations: Vec<AssociationEntry>,
    /// The people with rights at the station.
    pub operators: Vec<OperatorEntry>,
}

impl Default for PlantFile {
    fn default() -> Self {
        let id = PolicyId::new("default").expect("a policy's id");
        Self {
            active_group_policy: id.clone(),
            group_policies: vec![GroupPolicy::new(id)],
            individual_policies: Vec::new(),
            users: Vec::new(),
            bands: Vec::new(),
            associations: Vec::new(),
            operators: Vec::new(),
        }
    }
}

/// A self-built or simulated band's secrets, as whoever builds it needs them.
#[derive(Serialize)]
pub struct BandFile {
    /// The serial of the certificate.
    pub serial: String,
    /// The certificate the make signed: the CBOR of body and signature, in base16.
    pub certificate: Base16,
    /// The X25519 secret of the band's handshakes.
    pub dh_secret: SecretKey,
    /// The Ed25519 secret of the band's receipts.
    pub signing_key: SecretKey,
}

impl BandFile {
    /// The secrets of a band.
    pub fn new(band: &BandIdentity) -> Self {
        Self {
            serial: band.serial.to_string(),
            certificate: Base16(minicbor::to_vec(&band.certificate).expect("memory takes everything")),
            dh_secret: SecretKey(band.dh_secret.clone()),
            signing_key: secret(&band.signing_key),
        }
    }
}

/// Refuses a file with keys that others than its owner may read or write.
fn is_private(path: &Path) -> Result<()> {
    let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mode = about.permissions().mode() & 0o7777;
    ensure!(
        mode & 0o077 == 0,
        "{} holds secret keys and others may read or write it (mode {mode:04o}): chmod 600 {}, and make new keys if \
         somebody may have read them",
        path.display(),
        path.display()
    );
    Ok(())
}

/// Reads a TOML file; the error names the file and what is wrong in it.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
}

/// Writes a new file that only its owner may read. A file that is there already stays as it is.
pub fn write_new_private(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that only its owner may read in place of an older one, all or nothing.
pub fn replace_private(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("new");
    // One that was left behind by a run that was cut off is nobody's any more.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", beside.display()));
        }
        _ => write_new_private(&beside, text)?,
    }
    fs::rename(&beside, path).with_context(|| format!("cannot replace {}", path.display()))
}
