//! Settings: the organization's name, and the keys that stations are told, which rotate without a gap.

use ed25519_dalek::SigningKey;
use policy::model::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::authority::AuthorityView;
use super::{change, look, record, setup, text};
use crate::access::{Action, Caller, allow};
use crate::audit::Record;
use crate::db::{DbError, Tx};
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::keys::{self as store, KeyRow};
use crate::store::settings::{self, names};
use crate::sync::{authority, stations};
use crate::vault::Vault;
use crate::vault::names as secrets;
use station_core::provision::{HexBytes, ManufacturerEntry};

/// How long stations may be away and still learn of a new key before it is used.
const OVERLAP_MS: i64 = 24 * 60 * 60 * 1000;

/// A key that stations are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKeyView {
    /// `ticket_issuer`, `code`, `manufacturer` or `feed`.
    pub kind: String,
    /// A number, used once per kind.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The Ed25519 key in base16; empty for codes.
    pub public_key: String,
    /// Since when it holds, in milliseconds since 1970.
    pub not_before_ms: i64,
    /// Since when nothing new is signed by it.
    pub retired_ms: Option<i64>,
}

impl From<KeyRow> for PublicKeyView {
    fn from(row: KeyRow) -> Self {
        Self {
            kind: row.kind,
            id: row.id,
            name: row.name,
            public_key: data_encoding::HEXLOWER.encode(&row.public_key),
            not_before_ms: row.not_before.0,
            retired_ms: row.retired.map(|at| at.0),
        }
    }
}

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsView {
    /// The organization's name.
    pub organization: String,
    /// Its id, the hash of its key: 32 hexadecimal digits.
    pub organization_id: String,
    /// The lineage of this console's database: changes when a backup is restored.
    pub lineage: String,
    /// The keys that stations are told.
    pub keys: Vec<PublicKeyView>,
    /// SHA-256 of the certificate that every station knows the console by, in base16; none before the first start.
    pub authority: Option<String>,
    /// The same, with the one that takes its place and who has not gone over yet.
    pub authorities: Option<AuthorityView>,
}

/// The settings.
pub async fn show(app: &App, caller: &Caller) -> Result<SettingsView, Problem> {
    allow(caller, Action::SettingsView, "")?;
    let vault = app.vault.clone();
    look(app, move |tx, now| {
        let authorities = super::authority::view(tx, &vault, now)?;
        Ok(SettingsView {
            authority: authorities.as_ref().map(|it| it.present.clone()),
            authorities,
            organization: settings::require(tx, names::ORGANIZATION)?,
            organization_id: settings::organization_id(tx)?.to_string(),
            lineage: data_encoding::HEXLOWER.encode(&settings::lineage(tx)?),
            keys: store::list(tx)?.into_iter().map(Into::into).collect(),
        })
    })
    .await
}

/// Gives the organization another name.
pub async fn rename(app: &App, caller: &Caller, name: String) -> Result<SettingsView, Problem> {
    allow(caller, Action::SettingsEdit, "")?;
    let name = text("organization", &name, 100)?;
    if name.is_empty() {
        return Err(Problem::invalid("organization", "is empty"));
    }
    let own = caller.clone();
    change(app, move |tx, now| {
        let before: String = settings::require(tx, names::ORGANIZATION)?;
        settings::put(tx, names::ORGANIZATION, &name)?;
        let what = Record {
            action: Action::SettingsEdit.as_str(),
            subject_kind: "organization",
            before: json!({ "name": before }),
            after: json!({ "name": name }),
            ..Record::default()
        };
        Ok(record(tx, &own, &what, now)?)
    })
    .await?;
    show(app, caller).await
}

/// A key that can be replaced by a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotating {
    /// The one that signs tickets.
    Tickets,
    /// The one under which codes to type are hashed.
    Codes,
    /// The one that signs what stations are told.
    Feed,
}

impl Rotating {
    fn kind(self) -> &'static str {
        match self {
            Self::Tickets => store::TICKET_ISSUER,
            Self::Codes => store::CODE,
            Self::Feed => store::FEED,
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Tickets => "ticket_key_rotate",
            Self::Codes => "code_key_rotate",
            Self::Feed => "feed_key_rotate",
        }
    }
}

/// What a new key would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rotation {
    /// `ticket_issuer`, `code` or `feed`.
    pub kind: String,
    /// The number of the key that signs now.
    pub present: String,
    /// The number that the new one gets.
    pub next: String,
    /// From when on the new one signs, in milliseconds since 1970.
    pub starts_ms: i64,
    /// Stations that are not revoked.
    pub stations: u64,
    /// Those among them that were heard of within a day: they know the key in time.
    pub near: u64,
    /// The others: they learn of it when they come back.
    pub far: u64,
}

/// Says what a new key would do. Changes nothing.
pub async fn foresee(app: &App, caller: &Caller, which: Rotating) -> Result<Rotation, Problem> {
    allow(caller, Action::SettingsEdit, "")?;
    look(app, move |tx, now| {
        let all = stations::list(tx)?;
        let live: Vec<_> = all.iter().filter(|it| it.revoked_at.is_none()).collect();
        let is_near = |seen: UnixMillis| now.since(seen) < OVERLAP_MS;
        let near = live
            .iter()
            .filter(|it| it.health.as_ref().is_some_and(|(_, at)| is_near(*at)))
            .count();
        Ok(Rotation {
            kind: which.kind().into(),
            present: store::current(tx, which.kind(), now)?.id,
            next: store::next_id(tx, which.kind())?.to_string(),
            starts_ms: now.0 + OVERLAP_MS,
            stations: live.len() as u64,
            near: near as u64,
            far: (live.len() - near) as u64,
        })
    })
    .await
}

/// Makes a new key. It signs from a day from now on, so that every station in contact knows it by then; what the
/// present one signed goes on to hold. `seen` is the number of the key that the caller believes to be the present one.
pub async fn rotate(
    app: &App,
    caller: &Caller,
    which: Rotating,
    seen: Option<String>,
) -> Result<PublicKeyView, Problem> {
    allow(caller, Action::SettingsEdit, "")?;
    let secret: [u8; 32] =
        random().map_err(|error| Problem::new(Code::Unavailable, error.to_string(), ""))?;
    let secret = Zeroizing::new(secret);
    let (caller, vault) = (caller.clone(), app.vault.clone());
    change(app, move |tx, now| {
        let start = UnixMillis(now.0 + OVERLAP_MS);
        let present = store::current(tx, which.kind(), now)?;
        let is_coming = store::list(tx)?
            .iter()
            .any(|key| key.kind == which.kind() && key.not_before > now);
        if is_coming || seen.as_ref().is_some_and(|seen| *seen != present.id) {
            let detail = "another new key is on its way already";
            return Err(Problem::new(Code::WrongState, detail, "wait until it signs"));
        }
        let id = match which {
            Rotating::Tickets | Rotating::Codes => {
                next_key(tx, &vault, which, &secret, (&present.id, start), now)?
            }
            Rotating::Feed => authority::rotate_feed_key(tx, &vault, *secret, start, start, now)?.to_string(),
        };
        let what = Record {
            action: which.action(),
            subject_kind: "key",
            subject: &id,
            before: json!({ "id": present.id }),
            after: json!({ "id": id, "not_before_ms": start }),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        let made = store::list(tx)?
            .into_iter()
            .find(|key| key.kind == which.kind() && key.id == id);
        made.map(Into::into).ok_or_else(|| Problem::not_found("key", &id))
    })
    .await
}

/// The next key for tickets, or for codes to type, of which nothing is public.
fn next_key(
    tx: &Tx<'_>,
    vault: &Vault,
    which: Rotating,
    secret: &[u8; 32],
    (present, start): (&str, UnixMillis),
    now: UnixMillis,
) -> Result<String, DbError> {
    let kind = which.kind();
    let id = store::next_id(tx, kind)?.to_string();
    let (place, public_key) = match which {
        Rotating::Codes => (secrets::CODE, vec![]),
        _ => {
            let public = SigningKey::from_bytes(secret).verifying_key();
            (secrets::TICKET, public.to_bytes().to_vec())
        }
    };
    vault.put(tx, &format!("{place}{id}"), secret, now)?;
    let row = KeyRow {
        kind: kind.into(),
        name: format!("{kind} {id}"),
        id: id.clone(),
        public_key,
        not_before: start,
        retired: None,
    };
    store::insert(tx, &row)?;
    store::retire(tx, kind, present, start)?;
    Ok(id)
}

/// A make of bands that is welcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMake {
    /// A name for people.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// The Ed25519 key that signs its bands: 64 hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    pub public_key: String,
}

/// Makes bands of this make welcome.
pub async fn welcome(app: &App, caller: &Caller, make: NewMake) -> Result<SettingsView, Problem> {
    allow(caller, Action::SettingsEdit, "")?;
    let name = text("name", &make.name, 64)?;
    let bytes = data_encoding::HEXLOWER_PERMISSIVE
        .decode(make.public_key.as_bytes())
        .ok();
    let key: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    let usable =
        |key: &[u8; 32]| ed25519_dalek::VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak());
    let key = key
        .filter(usable)
        .ok_or_else(|| Problem::invalid("public_key", "is not an Ed25519 public key"))?;
    let own = caller.clone();
    change(app, move |tx, now| {
        let entry = ManufacturerEntry {
            name: name.clone(),
            public_key: HexBytes(key),
        };
        setup::welcome(tx, &[entry], now)?;
        let what = Record {
            action: "manufacturer_welcome",
            subject_kind: "key",
            subject: &name,
            after: json!({ "public_key": HexBytes(key) }),
            ..Record::default()
        };
        Ok(record(tx, &own, &what, now)?)
    })
    .await?;
    show(app, caller).await
}
