//! The station's secrets: a small file beside the database, readable by the daemon alone, and sealed.
//!
//! The database names the keys that belong to its certificate by their hash. While `init` exchanges both
//! files, the key file holds the old and the new keys, so that the exchange can be cut off anywhere and
//! whichever database is in place finds its keys.

use std::fmt;
use std::fs::File;
use std::path::Path;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use station_core::provision::SecretKey;
use station_core::ticket::CodeKey;
use zeroize::Zeroizing;

use crate::config::read_secret;
use crate::problem::{Code, Problem};
use crate::seal::{self, SealKey};

const FORMAT: u32 = 1;
/// What the file is sealed for.
const PURPOSE: &str = "station.key";

/// The secrets of one station.
#[derive(Clone)]
pub struct Keys {
    /// X25519: the station's key in every handshake.
    pub dh_secret: SecretKey,
    /// The key under which typed codes are hashed.
    pub code_key: CodeKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Names these keys without telling anything about them.
    pub fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(b"bandstand station keys 1\0");
        context.update(&*self.dh_secret.0);
        context.update(&self.code_key.0);
        context.finish().as_ref().try_into().expect("a hash has 32 bytes")
    }

    /// The keys with this digest out of the file.
    pub fn load(path: &Path, digest: &[u8; 32], key: &SealKey) -> Result<Self, Problem> {
        read_all(path, key)?
            .into_iter()
            .find(|keys| keys.digest() == *digest)
            .ok_or_else(|| {
                Problem::new(
                    Code::SecretUnusable,
                    format!("the key file {} cannot be used", path.display()),
                    "its keys do not belong to this station's database",
                    way_on(path),
                )
            })
    }
}

/// A station that joined a console has credentials beside its keys, and no provisioning file.
fn way_on(path: &Path) -> &'static str {
    match path.with_extension("sync").exists() {
        true => {
            "put the right file back, or move the data folder away and run `bandstand-station join` with a token for a \
             new station"
        }
        false => "put the right file back, or run `bandstand-station init --replace --from FILE`",
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: u32,
    keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    dh_secret: SecretKey,
    code_key: SecretKey,
}

/// Every set of keys in the file.
pub fn read_all(path: &Path, key: &SealKey) -> Result<Vec<Keys>, Problem> {
    let bytes = read_secret(path, "key file")?;
    let bytes = key.open_file(PURPOSE, bytes).ok_or_else(|| {
        Problem::new(
            Code::SecretUnusable,
            format!("the key file {} cannot be used", path.display()),
            format!("it was damaged, or sealed with another key than {}", key.id()),
            way_on(path),
        )
    })?;
    let file: Option<KeyFile> = serde_json::from_slice(&bytes).ok();
    let Some(file) = file.filter(|file| file.format == FORMAT) else {
        return Err(Problem::new(
            Code::SecretUnusable,
            format!("the key file {} cannot be used", path.display()),
            "it is not what `init` wrote",
            way_on(path),
        ));
    };
    let keys = file.keys.into_iter();
    Ok(keys
        .map(|entry| Keys {
            dh_secret: entry.dh_secret,
            code_key: CodeKey(*entry.code_key.0),
        })
        .collect())
}

/// Writes the file sealed and as a whole: whoever looks sees the old one or the new one.
pub fn write_all(path: &Path, keys: &[Keys], key: &SealKey) -> std::io::Result<()> {
    let entries = keys.iter().map(|keys| KeyEntry {
        dh_secret: keys.dh_secret.clone(),
        code_key: SecretKey(Zeroizing::new(keys.code_key.0)),
    });
    let file = KeyFile {
        format: FORMAT,
        keys: entries.collect(),
    };
    let text = Zeroizing::new(serde_json::to_vec(&file).expect("plain data"));
    seal::write_sealed(path, key, PURPOSE, &text)
}

/// Seals a file that was written before files were sealed.
pub fn seal_existing(path: &Path, key: &SealKey) -> Result<(), Problem> {
    if seal::is_sealed(&read_secret(path, "key file")?) {
        return Ok(());
    }
    let keys = read_all(path, key)?;
    seal::replace_clear(path, || write_all(path, &keys, key))
}

/// Makes a rename in the file's folder durable.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn keys(byte: u8) -> Keys {
        Keys {
            dh_secret: SecretKey(Zeroizing::new([byte; 32])),
            code_key: CodeKey([byte ^ 0xff; 32]),
        }
    }

    #[test]
    fn a_database_finds_its_keys_before_during_and_after_an_exchange() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.key");
        let find = |byte| {
            Keys::load(&path, &keys(byte).digest(), &testing::seal_key())
                .map(|keys| keys.dh_secret.0[0])
                .ok()
        };
        write_all(&path, &[keys(1)], &testing::seal_key()).unwrap();
        assert_eq!((find(1), find(2)), (Some(1), None));
        write_all(&path, &[keys(1), keys(2)], &testing::seal_key()).unwrap();
        assert_eq!((find(1), find(2)), (Some(1), Some(2)));
        write_all(&path, &[keys(2)], &testing::seal_key()).unwrap();
        assert_eq!((find(1), find(2)), (None, Some(2)));
    }

    #[test]
    fn a_file_of_before_is_sealed_and_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other_name) = (folder.path().join("station.key"), folder.path().join("other"));
        let key = testing::seal_key();
        write_all(&path, &[keys(1)], &key).unwrap();
        let clear = key
            .open_file(PURPOSE, read_secret(&path, "key file").unwrap())
            .unwrap();
        std::fs::write(&path, &clear).unwrap();
        std::fs::hard_link(&path, &other_name).unwrap();
        seal_existing(&path, &key).unwrap();
        assert_eq!(std::fs::read(&other_name).unwrap(), vec![0; clear.len()]);
        assert!(seal::is_sealed(&std::fs::read(&path).unwrap()));
        let sealed = std::fs::read(&path).unwrap();
        seal_existing(&path, &key).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), sealed);
        assert!(Keys::load(&path, &keys(1).digest(), &key).is_ok());
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.key");
        write_all(&path, &[keys(1)], &testing::seal_key()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(
                Keys::load(&path, &keys(1).digest(), &testing::seal_key())
                    .unwrap_err()
                    .code,
                Code::SecretUnusable
            );
        }
        assert_eq!(format!("{:?}", keys(1)), "Keys(..)");
    }
}
