//! The authority and the keys that sign pages, as the vault keeps them.

use anyhow::{Context, Result, anyhow};
use ed25519_dalek::{Signer, SigningKey};
use policy::model::UnixMillis;
use rustls::pki_types::CertificateDer;
use server_sync::Organization;
use server_sync::feed::{FeedKey, KeyList, SignedKeyList};

use crate::args;
use crate::ca::{Authority, KeyedCertificate};
use crate::db::{DbError, Tx};
use crate::serve::App;
use crate::store::settings;
use crate::vault::{Vault, names};

/// Name of the authority's key in the vault.
const KEY: &str = "ca.key";
/// Name of the authority's certificate in the vault.
const CERTIFICATE: &str = "ca.cert";
/// The kind of the keys that sign pages.
const FEED: &str = "feed";
/// Name of the setting that counts the lists of those keys.
const SERIAL: &str = "feed_keys_serial";

/// Everything the stations' listener signs with.
#[derive(Debug)]
pub struct Keys {
    /// Signs certificates for the console's own listener and for stations.
    pub authority: Authority,
}

impl Keys {
    /// Reads the authority, and makes it where there is none.
    pub async fn load(app: &App) -> Result<Self> {
        Ok(Self {
            authority: load(app).await?,
        })
    }
}

/// Reads the authority, and makes it where there is none. Consoles that start at the same moment get the same.
pub async fn load(app: &App) -> Result<Authority> {
    let vault = app.vault.clone();
    let stored = app.db.read(move |tx| stored(tx, &vault)).await?;
    let stored = match stored {
        Some(stored) => stored,
        None => create(app).await?,
    };
    Authority::load(&stored).map_err(|fault| anyhow!(fault))
}

async fn create(app: &App) -> Result<KeyedCertificate> {
    let (vault, now) = (app.vault.clone(), app.now());
    let name = app
        .db
        .read(|tx| settings::get::<String>(tx, settings::names::ORGANIZATION))
        .await?;
    let name = name.map_or_else(|| "Bandstand".to_owned(), |(name, _)| name);
    let made = Authority::create(&name, super::seconds(now)).context("the authority cannot be made")?;
    let (certificate, key) = (made.certificate.to_vec(), made.key);
    let kept = app.db.write(move |tx| {
        if let Some(stored) = stored(tx, &vault)? {
            return Ok::<_, DbError>(stored);
        }
        vault.put(tx, KEY, &key, now)?;
        vault.put(tx, CERTIFICATE, &certificate, now)?;
        Ok(KeyedCertificate {
            certificate: CertificateDer::from(certificate.clone()),
            key: key.clone(),
        })
    });
    Ok(kept.await?)
}

fn stored(tx: &Tx<'_>, vault: &Vault) -> Result<Option<KeyedCertificate>, DbError> {
    let Some(key) = vault.get(tx, KEY)? else {
        return Ok(None);
    };
    let certificate = vault.require(tx, CERTIFICATE)?;
    Ok(Some(KeyedCertificate {
        certificate: CertificateDer::from(certificate.to_vec()),
        key,
    }))
}

/// SHA-256 of the authority's certificate, for tokens made inside a transaction. Absent until the console
/// has served once.
pub fn fingerprint(tx: &Tx<'_>, vault: &Vault) -> Result<Option<[u8; 32]>, DbError> {
    let stored = stored(tx, vault)?;
    Ok(stored.map(|stored| crate::ca::fingerprint(&stored.certificate)))
}

/// Every key that ever signed pages, by its number.
pub fn feed_keys(tx: &Tx<'_>) -> Result<Vec<FeedKey>, DbError> {
    let mut keys = tx.all(
        "select id, public_key, not_before, retired_ms from public_keys where kind = $1",
        args![FEED],
        |row| {
            Ok(FeedKey {
                id: row.parse(0)?,
                key: row.array(1)?,
                not_before_ms: row.count(2)?,
                retired_at_ms: row.opt_int(3)?.map(|at| at.max(0) as u64),
            })
        },
    )?;
    keys.sort_by_key(|key| key.id);
    Ok(keys)
}

/// The list of those keys, signed by the organization. The same keys give the same list.
pub fn key_list(tx: &Tx<'_>, vault: &Vault, now: UnixMillis) -> Result<SignedKeyList, DbError> {
    let keys = feed_keys(tx)?;
    let now_ms = now.0.max(0) as u64;
    let organization = organization_key(tx, vault)?;
    let retired = keys.iter().filter_map(|key| key.retired_at_ms);
    let begun = keys.iter().map(|key| key.not_before_ms);
    let list = KeyList {
        organization: Organization::of_key(&organization.verifying_key().to_bytes()),
        serial: serial(tx)?,
        made_at_ms: retired.chain(begun).filter(|at| *at <= now_ms).max().unwrap_or(0),
        keys,
    };
    Ok(list.sign(|bytes| organization.sign(bytes).to_bytes()))
}

fn serial(tx: &Tx<'_>) -> Result<u64, DbError> {
    let stored = settings::get::<u64>(tx, SERIAL)?;
    Ok(stored.map_or(1, |(serial, _)| serial))
}

/// Makes the list of keys a newer one: after each change of the keys, and after a backup was restored, because
/// stations may have seen lists that the backup does not know.
pub fn renew_key_list(tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
    let next = KeyList::next_serial(serial(tx)?, now.0.max(0) as u64);
    settings::put(tx, SERIAL, &next).map(drop)
}

/// The key that signs pages now, and its number: the newest that has begun and is not retired.
pub fn page_signer(tx: &Tx<'_>, vault: &Vault, now: UnixMillis) -> Result<(u32, SigningKey), DbError> {
    let now_ms = now.0.max(0) as u64;
    let signs =
        |key: &&FeedKey| key.not_before_ms <= now_ms && key.retired_at_ms.is_none_or(|at| at > now_ms);
    let keys = feed_keys(tx)?;
    let key = keys.iter().filter(signs).max_by_key(|key| key.not_before_ms);
    let id = key
        .ok_or_else(|| DbError::Damaged("no key signs the feed now".into()))?
        .id;
    let secret = vault.require_key(tx, &format!("{}{id}", names::FEED))?;
    Ok((id, SigningKey::from_bytes(&secret)))
}

/// The organization's own key.
pub fn organization_key(tx: &Tx<'_>, vault: &Vault) -> Result<SigningKey, DbError> {
    Ok(SigningKey::from_bytes(
        &*vault.require_key(tx, names::ORGANIZATION)?,
    ))
}

/// Adds a key that signs pages from `not_before` on; the present one is retired at `retire_old_at`. Stations
/// that are away meanwhile ask for the list when they meet a page signed by a key they do not know.
pub fn rotate_feed_key(
    tx: &Tx<'_>,
    vault: &Vault,
    secret: [u8; 32],
    not_before: UnixMillis,
    retire_old_at: UnixMillis,
    now: UnixMillis,
) -> Result<u32, DbError> {
    let id = feed_keys(tx)?.last().map_or(1, |key| key.id + 1);
    tx.exec(
        "update public_keys set retired_ms = $1 where kind = $2 and retired_ms is null",
        args![retire_old_at, FEED],
    )?;
    let public = SigningKey::from_bytes(&secret).verifying_key().to_bytes();
    let name = id.to_string();
    tx.exec(
        "insert into public_keys (kind, id, name, public_key, not_before, retired_ms) values ($1, $2, $3, $4, $5, null)",
        args![FEED, &name, &format!("feed key {id}"), &public, not_before],
    )?;
    vault.put(tx, &format!("{}{id}", names::FEED), &secret, now)?;
    renew_key_list(tx, now)?;
    Ok(id)
}
