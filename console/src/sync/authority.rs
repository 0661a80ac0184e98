//! The authority and the keys that sign pages, as the vault keeps them.

use anyhow::{Context, Result, anyhow};
use ed25519_dalek::{Signer, SigningKey};
use policy::model::UnixMillis;
use rustls::pki_types::CertificateDer;
use server_sync::Organization;
use server_sync::feed::{FeedKey, KeyList, SignedKeyList};
use server_sync::join::Fingerprint;

use super::stations::{self, StationInfo};
use super::tokens;
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
/// Names of the next authority's key and certificate, while the console goes over to it.
const NEXT_KEY: &str = "ca.key.next";
const NEXT_CERTIFICATE: &str = "ca.cert.next";
/// Name of the setting that says that there was more than one authority: stations are told since.
const CHANGED: &str = "authority_changed";
/// The kind of the keys that sign pages.
const FEED: &str = "feed";
/// Name of the setting that counts the lists of those keys.
const SERIAL: &str = "feed_keys_serial";

/// The authorities under which the console answers: one, and two while it goes over from one to the next.
#[derive(Debug)]
pub struct Authorities {
    /// The one that the listener's certificate is of. Every station trusts it.
    pub present: Authority,
    /// The one that takes its place. Stations' certificates are of this one already.
    pub next: Option<Authority>,
}

impl Authorities {
    /// The one that issues certificates to stations.
    pub fn newest(&self) -> &Authority {
        self.next.as_ref().unwrap_or(&self.present)
    }

    /// Their certificates, the newest last.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let all = std::iter::once(&self.present).chain(&self.next);
        all.map(|authority| authority.certificate().clone()).collect()
    }
}

/// Reads all of them, and makes the first where there is none.
pub async fn load_all(app: &App) -> Result<Authorities> {
    load(app).await?;
    let vault = app.vault.clone();
    let all = app.db.read(move |tx| all(tx, &vault)).await?;
    all.context("the authority was just there")
}

/// All of them; nothing before the console has served once.
pub fn all(tx: &Tx<'_>, vault: &Vault) -> Result<Option<Authorities>, DbError> {
    let read = |stored: &KeyedCertificate| {
        Authority::load(stored).map_err(|fault| DbError::Damaged(fault.to_string()))
    };
    let Some(present) = stored(tx, vault)? else {
        return Ok(None);
    };
    let next = stored_as(tx, vault, NEXT_KEY, NEXT_CERTIFICATE)?;
    Ok(Some(Authorities {
        present: read(&present)?,
        next: next.as_ref().map(read).transpose()?,
    }))
}

/// Their certificates alone, the newest last.
pub fn certificates(tx: &Tx<'_>, vault: &Vault) -> Result<Vec<CertificateDer<'static>>, DbError> {
    let mut found = Vec::new();
    for name in [CERTIFICATE, NEXT_CERTIFICATE] {
        let certificate = vault.get(tx, name)?;
        found.extend(certificate.map(|bytes| CertificateDer::from(bytes.to_vec())));
    }
    Ok(found)
}

/// What stations are told of them; nothing as long as there was never but one.
pub fn told(tx: &Tx<'_>, vault: &Vault) -> Result<Option<Vec<Fingerprint>>, DbError> {
    if settings::get::<bool>(tx, CHANGED)?.is_none() {
        return Ok(None);
    }
    let all = certificates(tx, vault)?;
    Ok(Some(
        all.iter()
            .map(|it| Fingerprint(crate::ca::fingerprint(it)))
            .collect(),
    ))
}

/// Puts the next authority beside the present one, and tells every station. Whether it was done: one that is on its
/// way already stays.
pub fn put_next(
    tx: &Tx<'_>,
    vault: &Vault,
    made: &KeyedCertificate,
    now: UnixMillis,
) -> Result<bool, DbError> {
    if vault.get(tx, NEXT_CERTIFICATE)?.is_some() {
        return Ok(false);
    }
    vault.put(tx, NEXT_KEY, &made.key, now)?;
    vault.put(tx, NEXT_CERTIFICATE, &made.certificate, now)?;
    settings::put(tx, CHANGED, &true)?;
    stations::mark_every(tx)?;
    Ok(true)
}

/// The next authority takes the place of the present one, whose certificates and tokens are worth nothing from now on.
/// Whether there was a next one.
pub fn retire_present(tx: &Tx<'_>, vault: &Vault, now: UnixMillis) -> Result<bool, DbError> {
    let Some(next) = stored_as(tx, vault, NEXT_KEY, NEXT_CERTIFICATE)? else {
        return Ok(false);
    };
    vault.put(tx, KEY, &next.key, now)?;
    vault.put(tx, CERTIFICATE, &next.certificate, now)?;
    vault.forget(tx, NEXT_KEY)?;
    vault.forget(tx, NEXT_CERTIFICATE)?;
    stations::forget_certificates_of_others(tx, &crate::ca::fingerprint(&next.certificate))?;
    tokens::revoke_open(tx)?;
    stations::mark_every(tx)?;
    Ok(true)
}

/// Who could not go on if the present authority were retired now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Depends {
    /// Stations that have not said yet that they trust the next one.
    pub stations: Vec<StationInfo>,
    /// Tokens to join that name the present one and can still be used.
    pub tokens: u64,
}

/// Who depends on the present authority; nothing while there is no other.
pub fn depends(tx: &Tx<'_>, vault: &Vault, now: UnixMillis) -> Result<Option<Depends>, DbError> {
    let Some(next) = vault.get(tx, NEXT_CERTIFICATE)? else {
        return Ok(None);
    };
    let next = Fingerprint(crate::ca::fingerprint(&CertificateDer::from(next.to_vec())));
    let has_come = |station: &StationInfo| {
        let health = station.health.as_ref();
        health.is_some_and(|(health, _)| health.authority == Some(next))
    };
    let all = stations::list(tx)?.into_iter();
    let late = all.filter(|station| station.revoked_at.is_none() && !has_come(station));
    Ok(Some(Depends {
        stations: late.collect(),
        tokens: tokens::count_open(tx, now)?,
    }))
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
    stored_as(tx, vault, KEY, CERTIFICATE)
}

fn stored_as(
    tx: &Tx<'_>,
    vault: &Vault,
    key: &str,
    certificate: &str,
) -> Result<Option<KeyedCertificate>, DbError> {
    let Some(key) = vault.get(tx, key)? else {
        return Ok(None);
    };
    let certificate = vault.require(tx, certificate)?;
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
