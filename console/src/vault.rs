//! Secrets that replicas share: sealed in the database, under a master key that is not in it.
//!
//! The master key is a file of 32 bytes in base16 that only its owner may read. Each secret is sealed by
//! AES-256-GCM under a key derived from it, with the secret's name as associated data, so that a sealed
//! secret moved to another name does not open. Whoever copies the database alone has no secret of it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use crate::args;
use crate::db::{DbError, Tx};
use crate::edge::random;
use crate::files::write_new_private;
use policy::model::UnixMillis;

/// Names of the secrets that the console keeps.
pub mod names {
    /// The organization's Ed25519 key: signs stations.
    pub const ORGANIZATION: &str = "organization.key";
    /// Key of the hash of codes to type: `code.key/` and its id.
    pub const CODE: &str = "code.key/";
    /// Key of an issuer of tickets: `ticket.key/` and its id.
    pub const TICKET: &str = "ticket.key/";
    /// Key of a signer of the feed: `feed.key/` and its id.
    pub const FEED: &str = "feed.key/";
    /// A make of bands of one's own, if there is one.
    pub const OWN_MAKE: &str = "own_make.key";
}

/// Opens and seals.
#[derive(Clone)]
pub struct Vault(Arc<Keys>);

struct Keys {
    sealing: LessSafeKey,
    master: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// A vault under this master key.
    pub fn new(master: [u8; 32]) -> Self {
        let master = Zeroizing::new(master);
        let key = derive(&master, "bandstand vault 1");
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("a key of 32 bytes");
        Self(Arc::new(Keys {
            sealing: LessSafeKey::new(key),
            master,
        }))
    }

    /// Makes the file of a new master key.
    pub fn create(path: &Path) -> Result<Self> {
        let master: Zeroizing<[u8; 32]> = Zeroizing::new(random()?);
        let text = Zeroizing::new(format!("{}\n", data_encoding::HEXLOWER.encode(master.as_ref())));
        write_new_private(path, &text)?;
        Ok(Self::new(*master))
    }

    /// Reads the file of the master key; refuses one that others may read.
    pub fn open(path: &Path) -> Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let about = std::fs::symlink_metadata(path)
            .with_context(|| {
                format!(
                    "cannot find the master key {}: put its copy back; `bandstand-console init` makes one for a new console",
                    path.display()
                )
            })?;
        ensure!(
            about.is_file() && about.len() <= 256,
            "the master key {} is not a plain small file",
            path.display()
        );
        ensure!(
            about.mode() & 0o077 == 0,
            "others may read the master key {}: chmod 600 it, and replace it if somebody may have read it",
            path.display()
        );
        let text = Zeroizing::new(
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        );
        let bytes = Zeroizing::new(
            data_encoding::HEXLOWER_PERMISSIVE
                .decode(text.trim().as_bytes())
                .unwrap_or_default(),
        );
        let master: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .ok()
            .with_context(|| format!("{} does not hold 64 hexadecimal digits", path.display()))?;
        Ok(Self::new(master))
    }

    /// A key for one purpose, derived from the master key.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.0.master, purpose)
    }

    /// Stores a secret, in place of an earlier one of this name.
    pub fn put(&self, tx: &Tx<'_>, name: &str, secret: &[u8], now: UnixMillis) -> Result<(), DbError> {
        let sealed = self.seal(name, secret)?;
        tx.exec(
            "insert into secrets (name, sealed, changed_ms) values ($1, $2, $3) \
             on conflict (name) do update set sealed = excluded.sealed, changed_ms = excluded.changed_ms",
            args![name, &sealed, now],
        )?;
        Ok(())
    }

    /// Forgets a secret.
    pub fn forget(&self, tx: &Tx<'_>, name: &str) -> Result<(), DbError> {
        tx.exec("delete from secrets where name = $1", args![name])?;
        Ok(())
    }

    /// The secret of this name, if there is one.
    pub fn get(&self, tx: &Tx<'_>, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, DbError> {
        let sealed = tx.first("select sealed from secrets where name = $1", args![name], |row| {
            row.bytes(0)
        })?;
        sealed.map(|sealed| self.open_sealed(name, sealed)).transpose()
    }

    /// The secret of this name; without it the database was never initialized.
    pub fn require(&self, tx: &Tx<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, DbError> {
        self.get(tx, name)?.ok_or_else(|| {
            DbError::Damaged(format!(
                "there is no secret {name:?}; was `bandstand-console init` run?"
            ))
        })
    }

    /// The secret of this name, of 32 bytes.
    pub fn require_key(&self, tx: &Tx<'_>, name: &str) -> Result<Zeroizing<[u8; 32]>, DbError> {
        let secret = self.require(tx, name)?;
        let key = secret.as_slice().try_into();
        key.map(Zeroizing::new)
            .map_err(|_| DbError::Damaged(format!("the secret {name:?} is not a key")))
    }

    pub(crate) fn seal(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, DbError> {
        let nonce: [u8; NONCE_LEN] = random().map_err(|error| DbError::Failed(error.to_string()))?;
        let mut sealed = nonce.to_vec();
        let mut body = secret.to_vec();
        self.0
            .sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut body,
            )
            .map_err(|_| DbError::Failed("a secret is too long to seal".into()))?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    pub(crate) fn open_sealed(&self, name: &str, mut sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, DbError> {
        let wrong = || DbError::Damaged(format!("the secret {name:?} does not open with this master key"));
        let (nonce, body) = sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or_else(wrong)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .0
            .sealing
            .open_in_place(nonce, Aad::from(name.as_bytes()), body);
        opened
            .map(|secret| Zeroizing::new(secret.to_vec()))
            .map_err(|_| wrong())
    }
}

fn derive(master: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let prk = Salt::new(HKDF_SHA256, b"bandstand console").extract(master);
    let info = [purpose.as_bytes()];
    let mut key = Zeroizing::new([0; 32]);
    prk.expand(&info, HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut()))
        .expect("32 bytes are not too many");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_under_its_own_name_and_key_alone() {
        let vault = Vault::new([7; 32]);
        let sealed = vault.seal("a", b"the secret").expect("sealed");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(
            *vault.open_sealed("a", sealed.clone()).expect("opened"),
            b"the secret"
        );
        let mut spoiled = sealed.clone();
        spoiled[20] ^= 1;
        for (name, vault, sealed) in [
            ("b", vault.clone(), sealed.clone()),
            ("a", Vault::new([8; 32]), sealed.clone()),
            ("a", vault.clone(), spoiled),
            ("a", vault.clone(), sealed[..9].to_vec()),
        ] {
            assert!(
                matches!(vault.open_sealed(name, sealed), Err(DbError::Damaged(_))),
                "{name}"
            );
        }
        assert_ne!(
            vault.seal("a", b"the secret").expect("sealed"),
            sealed,
            "a nonce is used once"
        );
        assert_ne!(vault.derive("csrf"), vault.derive("pepper"));
    }

    #[test]
    fn a_master_key_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("console.key");
        let made = Vault::create(&path).expect("made");
        let opened = Vault::open(&path).expect("opened");
        assert_eq!(made.derive("x"), opened.derive("x"));
        assert!(
            Vault::create(&path).is_err(),
            "a key that is there is never overwritten"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
        let refused = Vault::open(&path).expect_err("others may read it");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
        for bad in ["", "short", &"zz".repeat(32)] {
            let path = folder.path().join("bad");
            std::fs::remove_file(&path).ok();
            write_new_private(&path, bad).expect("written");
            assert!(Vault::open(&path).is_err(), "{bad:?}");
        }
    }
}
