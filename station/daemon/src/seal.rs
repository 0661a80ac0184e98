//! The key under which the station's disk is sealed: where it comes from, and how small files are sealed with it.
//!
//! A disk that is taken away tells nobody's name as long as this key is not on it (decision 0033). The key
//! therefore comes from systemd's credentials, which a TPM can bind to the machine, or from a file that can lie
//! on another medium; never out of the database's folder.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

use crate::clock::Entropy;
use crate::config::{Config, read_credential, read_secret};
use crate::keys::sync_folder;
use crate::problem::{Code, Problem};

/// The name of the credential.
pub const CREDENTIAL: &str = "bandstand.seal";
/// Where systemd puts the credentials of the running service.
const OF_THE_SERVICE: &str = "/run/credentials/bandstand-station.service";
/// How a sealed file begins.
const SEALED_FILE: &[u8] = b"bandstand sealed file 1\n";

/// The key of one station's disk.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id())
    }
}

/// Names a key without telling anything about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealKeyId(pub [u8; 8]);

impl fmt::Display for SealKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl SealKey {
    /// This key.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key that nobody has.
    pub fn generate() -> Self {
        Self::new(Entropy::new().bytes())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).map(Zeroizing::new);
        Some(Self::new(bytes.ok()?.as_slice().try_into().ok()?))
    }

    /// The key as [`SealKey::parse`] reads it, and a line's end.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(HEXLOWER.encode(&*self.0));
        text.push('\n');
        text
    }

    /// The key's name.
    pub fn id(&self) -> SealKeyId {
        let digest = self.derive("id");
        SealKeyId(*digest.first_chunk().expect("a hash has 32 bytes"))
    }

    /// A key for one purpose; it tells nothing of this one or of another.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.0);
        let tag = hmac::sign(&key, format!("bandstand seal 1 {purpose}").as_bytes());
        Zeroizing::new(tag.as_ref().try_into().expect("a hash has 32 bytes"))
    }

    fn of_files(&self) -> LessSafeKey {
        aead_key(&self.derive("files"))
    }

    /// Seals the content of the file that `purpose` names.
    pub(crate) fn seal_file(&self, purpose: &str, content: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = Entropy::new().bytes();
        let mut sealed = Zeroizing::new(content.to_vec());
        let aad = Aad::from(purpose.as_bytes());
        self.of_files()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut *sealed)
            .expect("files are short");
        [SEALED_FILE, &nonce, &sealed].concat()
    }

    /// Opens what [`SealKey::seal_file`] made. A file of before comes back as it is, and nothing if the key or
    /// the purpose is another or a byte was changed.
    pub(crate) fn open_file(&self, purpose: &str, file: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        let Some(sealed) = file.strip_prefix(SEALED_FILE) else {
            return Some(file);
        };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut content = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(purpose.as_bytes());
        let opened = self
            .of_files()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut content);
        let len = opened.ok()?.len();
        content.truncate(len);
        Some(content)
    }
}

/// Whether the content of a file is sealed.
pub(crate) fn is_sealed(file: &[u8]) -> bool {
    file.starts_with(SEALED_FILE)
}

/// A key of AES-256-GCM.
pub(crate) fn aead_key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("a key has 32 bytes"))
}

/// Where a key was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Among systemd's credentials.
    Credential(PathBuf),
    /// In the configured file.
    File(PathBuf),
}

/// The station's key and where it was found.
pub fn find(config: &Config) -> Result<(SealKey, Source), Problem> {
    search(config)?.ok_or_else(|| {
        Problem::new(
            Code::SealKeyMissing,
            "the station's disk cannot be opened",
            format!(
                "there is neither a credential {CREDENTIAL} nor the file {}",
                config.station.seal_key_file.display()
            ),
            "give the key back; for a station that never had one, run `bandstand-station seal make` once. While \
             the service does not run, its credential is given by `systemd-run`, see docs/operating.md",
        )
    })
}

/// The key alone.
pub fn load(config: &Config) -> Result<SealKey, Problem> {
    find(config).map(|(key, _)| key)
}

/// The key, for a station that is being made: if there is none it makes the configured file.
pub fn load_or_make(config: &Config) -> Result<SealKey, Problem> {
    match search(config)? {
        Some((key, _)) => Ok(key),
        // What is sealed already has its key somewhere; another one would not help.
        None if crate::store::is_sealed(&config.database()) => load(config),
        None => make(config),
    }
}

/// Makes a new key in the configured file, which must not exist.
pub fn make(config: &Config) -> Result<SealKey, Problem> {
    let (path, key) = (&config.station.seal_key_file, SealKey::generate());
    write_new(path, &key.to_text(), &config.station.data_directory).map_err(|error| {
        Problem::new(
            Code::SecretUnusable,
            format!("the seal key {} could not be made", path.display()),
            error.to_string(),
            "run the command as root, or set station.seal_key_file to a place this user may write, on another \
             medium than the database where there is one",
        )
    })?;
    Ok(key)
}

fn search(config: &Config) -> Result<Option<(SealKey, Source)>, Problem> {
    let given = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(CREDENTIAL));
    if let Some(path) = given.filter(|path| path.exists()) {
        let key = read(&path, read_credential)?;
        return Ok(Some((key, Source::Credential(path))));
    }
    let file = &config.station.seal_key_file;
    if file.symlink_metadata().is_ok() {
        return Ok(Some((read(file, read_secret)?, Source::File(file.clone()))));
    }
    let path = Path::new(OF_THE_SERVICE).join(CREDENTIAL);
    match path.exists() {
        true => Ok(Some((read(&path, read_credential)?, Source::Credential(path)))),
        false => Ok(None),
    }
}

type Reader = fn(&Path, &str) -> Result<Zeroizing<Vec<u8>>, Problem>;

fn read(path: &Path, reader: Reader) -> Result<SealKey, Problem> {
    SealKey::parse(&reader(path, "seal key")?).ok_or_else(|| {
        Problem::new(
            Code::SecretUnusable,
            format!("the seal key {} cannot be used", path.display()),
            "it is not 64 hexadecimal digits",
            "put the right key back, from where it is kept for the day this machine breaks",
        )
    })
}

/// Writes a new file for whoever owns `folder`, and nobody else.
fn write_new(path: &Path, text: &str, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    if rustix::process::geteuid().is_root()
        && let Ok(owner) = std::fs::metadata(folder)
    {
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.sync_all()?;
    sync_folder(path)
}

/// Lets `write` put a sealed file in the place of one in clear, and overwrites what that was.
pub(crate) fn replace_clear(path: &Path, write: impl FnOnce() -> std::io::Result<()>) -> Result<(), Problem> {
    let replaced = File::options().write(true).open(path).and_then(|mut clear| {
        let len = clear.metadata()?.len();
        write()?;
        clear.write_all(&vec![0; len as usize])?;
        clear.sync_all()
    });
    replaced.map_err(|error| {
        Problem::new(
            Code::StoreReadOnly,
            "the station's secrets could not be sealed",
            format!("{} cannot be written: {error}", path.display()),
            "let this user write the file and its folder",
        )
    })
}

/// Writes a file sealed and as a whole: whoever looks sees the old one or the new one.
pub(crate) fn write_sealed(path: &Path, key: &SealKey, purpose: &str, content: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // A file left behind by a run that was cut off may have other rights.
    let _ = std::fs::remove_file(&new);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&key.seal_file(purpose, content))?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_its_name_tells_nothing() {
        let key = SealKey::new([0xa7; 32]);
        assert_eq!(SealKey::parse(key.to_text().as_bytes()).unwrap().0, key.0);
        assert!(!format!("{key:?}").contains("a7a7"));
        assert_ne!(key.id(), SealKey::new([0xa8; 32]).id());
        for bad in ["", "a7", &"a7".repeat(31), &"a7".repeat(33), &"g7".repeat(32)] {
            assert!(SealKey::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_file_opens_with_its_key_for_its_purpose_unchanged() {
        let (key, content) = (SealKey::new([1; 32]), b"what nobody may read");
        let sealed = key.seal_file("this", content);
        assert!(is_sealed(&sealed) && !sealed.windows(6).any(|window| window == b"nobody"));
        assert_ne!(sealed, key.seal_file("this", content), "each time another nonce");
        let open = |key: &SealKey, purpose: &str, file: &[u8]| {
            let file = Zeroizing::new(file.to_vec());
            key.open_file(purpose, file).map(|content| content.to_vec())
        };
        assert_eq!(open(&key, "this", &sealed), Some(content.to_vec()));
        assert_eq!(open(&key, "that", &sealed), None);
        assert_eq!(open(&SealKey::new([2; 32]), "this", &sealed), None);
        for at in SEALED_FILE.len()..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, "this", &changed), None, "byte {at}");
            assert_eq!(open(&key, "this", &sealed[..at]), None, "cut at {at}");
        }
        assert_eq!(open(&key, "this", b"{}"), Some(b"{}".to_vec()));
    }
}
