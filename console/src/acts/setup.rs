//! The beginning of a console: its keys, and taking over an organization that worked with files until now.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use firmware_protocol::id::OrganizationId;
use policy::merge::{Associated, Event, Verdict};
use policy::model::{
    BandSerial, GroupPolicy, IndividualPolicy, PolicyId, StationId, StockState, UnixMillis, UserId,
    UserStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use station_core::provision::{
    AssociationEntry, HexBytes, ManufacturerEntry, OperatorEntry, ProvisionFile, TicketEntry, UserEntry,
};
use station_core::replica::derived_handle;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::record;
use crate::access::Caller;
use crate::audit::Record;
use crate::db::{DbError, Tx};
use crate::files::PlantFile;
use crate::issue::{Manufacturer, Organization};
use crate::problem::{Code, Problem};
use crate::store::keys::{self, KeyRow};
use crate::store::settings::{self, names};
use crate::store::tickets::{self, OperatorRow, TicketRow};
use crate::store::users::UserFields;
use crate::store::{associations, bands, history, policies, users};
use crate::vault::{Vault, names as secrets};

/// What a console begins with.
pub struct Beginning {
    /// The organization's name for people.
    pub name: String,
    /// Its keys: new ones, or those of the organization's file.
    pub organization: Organization,
    /// Key that signs pages of the feed.
    pub feed_key: Zeroizing<[u8; 32]>,
    /// The lineage of the new database.
    pub lineage: [u8; 16],
    /// The console as a writer of history.
    pub writer: [u8; 16],
    /// The makes of bands that are welcome.
    pub manufacturers: Vec<ManufacturerEntry>,
    /// A make of bands of one's own.
    pub own_make: Option<Manufacturer>,
}

impl std::fmt::Debug for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beginning")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whether the database belongs to an organization already.
pub fn has_begun(tx: &Tx<'_>) -> Result<bool, DbError> {
    Ok(settings::get::<StationId>(tx, names::LINEAGE)?.is_some())
}

/// Stores everything that a console needs before anybody can use it.
pub fn begin(
    tx: &Tx<'_>,
    vault: &Vault,
    caller: &Caller,
    with: &Beginning,
    now: UnixMillis,
) -> Result<OrganizationId, Problem> {
    if has_begun(tx)? {
        let detail = "this database belongs to an organization already";
        return Err(Problem::new(
            Code::Exists,
            detail,
            "name another database, or use it as it is",
        ));
    }
    settings::put(tx, names::LINEAGE, &StationId(with.lineage))?;
    settings::put(tx, names::WRITER, &StationId(with.writer))?;
    settings::put(tx, names::ORGANIZATION, &with.name)?;
    let organization = &with.organization;
    settings::put(tx, names::ORGANIZATION_KEY, &HexBytes(organization.public_key()))?;
    vault.put(
        tx,
        secrets::ORGANIZATION,
        &organization.signing_key.to_bytes(),
        now,
    )?;
    let feed = SigningKey::from_bytes(&with.feed_key);
    first_key(
        tx,
        vault,
        keys::FEED,
        secrets::FEED,
        &feed.to_bytes(),
        feed.verifying_key().as_bytes(),
        now,
    )?;
    let ticket = organization.ticket_key.to_bytes();
    let issuer = organization.ticket_issuer();
    first_key(
        tx,
        vault,
        keys::TICKET_ISSUER,
        secrets::TICKET,
        &ticket,
        &issuer,
        now,
    )?;
    first_key(
        tx,
        vault,
        keys::CODE,
        secrets::CODE,
        &*organization.code_key,
        &[],
        now,
    )?;
    if let Some(make) = &with.own_make {
        vault.put(tx, secrets::OWN_MAKE, &make.signing_key.to_bytes(), now)?;
    }
    welcome(tx, &with.manufacturers, now)?;
    let policy = GroupPolicy::new(PolicyId::new("default").expect("a policy's id"));
    policies::put(tx, &policy, now)?;
    policies::activate(tx, &policy.id, now)?;
    let what = Record {
        action: "console_init",
        subject_kind: "organization",
        subject: &organization.id().to_string(),
        after: json!({ "name": with.name, "lineage": StationId(with.lineage) }),
        ..Record::default()
    };
    record(tx, caller, &what, now)?;
    Ok(organization.id())
}

fn first_key(
    tx: &Tx<'_>,
    vault: &Vault,
    kind: &str,
    secret_name: &str,
    secret: &[u8],
    public_key: &[u8],
    now: UnixMillis,
) -> Result<(), DbError> {
    let id = keys::next_id(tx, kind)?.to_string();
    vault.put(tx, &format!("{secret_name}{id}"), secret, now)?;
    let row = KeyRow {
        kind: kind.into(),
        name: format!("{kind} {id}"),
        id,
        public_key: public_key.to_vec(),
        // Whoever used the same key by file before this database began goes on with it.
        not_before: UnixMillis(0),
        retired: None,
    };
    keys::insert(tx, &row)
}

/// Adds makes of bands that are not welcome yet.
pub fn welcome(tx: &Tx<'_>, makes: &[ManufacturerEntry], now: UnixMillis) -> Result<(), DbError> {
    let known: BTreeSet<Vec<u8>> = keys::list(tx)?
        .into_iter()
        .filter(|key| key.kind == keys::MANUFACTURER)
        .map(|key| key.public_key)
        .collect();
    for make in makes
        .iter()
        .filter(|make| !known.contains(&make.public_key.0[..]))
    {
        let row = KeyRow {
            kind: keys::MANUFACTURER.into(),
            id: keys::next_id(tx, keys::MANUFACTURER)?.to_string(),
            name: make.name.clone(),
            public_key: make.public_key.0.to_vec(),
            not_before: now,
            retired: None,
        };
        keys::insert(tx, &row)?;
    }
    Ok(())
}

/// What an organization kept in files: everything that a station's init file says of its plant.
#[derive(Clone, Debug)]
pub struct Plant {
    /// When this was so: what stations wrote later counts as later.
    pub made_at: UnixMillis,
    /// The site of the file's station, for tickets that name none.
    pub site: String,
    /// The group policy that holds.
    pub active: PolicyId,
    /// The group policies.
    pub group_policies: Vec<GroupPolicy>,
    /// The individual policies.
    pub individual_policies: Vec<IndividualPolicy>,
    /// The people.
    pub users: Vec<UserEntry>,
    /// The stock of bands.
    pub bands: Vec<policy::model::Band>,
    /// Who holds which band.
    pub associations: Vec<AssociationEntry>,
    /// People with rights at stations.
    pub operators: Vec<OperatorEntry>,
    /// Tickets.
    pub tickets: Vec<TicketEntry>,
}

impl From<PlantFile> for Plant {
    fn from(file: PlantFile) -> Self {
        Self {
            made_at: UnixMillis(0),
            site: String::new(),
            active: file.active_group_policy,
            group_policies: file.group_policies,
            individual_policies: file.individual_policies,
            users: file.users,
            bands: file.bands,
            associations: file.associations,
            operators: file.operators,
            tickets: Vec::new(),
        }
    }
}

impl From<ProvisionFile> for Plant {
    fn from(file: ProvisionFile) -> Self {
        Self {
            made_at: UnixMillis(i64::try_from(file.made_at_ms).unwrap_or(i64::MAX)),
            site: file.station.site,
            active: file.active_group_policy,
            group_policies: file.group_policies,
            individual_policies: file.individual_policies,
            users: file.users,
            bands: file.bands,
            associations: file.associations,
            operators: file.operators,
            tickets: file.tickets,
        }
    }
}

/// How much was taken over. What was there already is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Adopted {
    /// Users.
    pub users: u64,
    /// Bands.
    pub bands: u64,
    /// Associations.
    pub associations: u64,
    /// Policies.
    pub policies: u64,
    /// Operators.
    pub operators: u64,
    /// Tickets.
    pub tickets: u64,
}

/// Takes over what an organization kept in files. Files of several stations may be taken over one after the
/// other: what is there already stays as it is, associations are told by their ids.
pub fn adopt(tx: &Tx<'_>, caller: &Caller, plant: &Plant, now: UnixMillis) -> Result<Adopted, Problem> {
    let mut adopted = Adopted::default();
    adopt_policies(tx, plant, &mut adopted, now)?;
    let mut events = adopt_users(tx, plant, &mut adopted, now)?;
    events.extend(adopt_bands(tx, plant, &mut adopted)?);
    events.extend(adopt_associations(tx, plant, &mut adopted)?);
    history::adopt(tx, events, plant.made_at.min(now), now)?;
    adopt_operators(tx, plant, &mut adopted, now)?;
    adopt_tickets(tx, plant, &mut adopted, now)?;
    let what = Record {
        action: "plant_adopt",
        subject_kind: "organization",
        subject: "",
        after: json!(adopted),
        ..Record::default()
    };
    record(tx, caller, &what, now)?;
    Ok(adopted)
}

fn adopt_policies(tx: &Tx<'_>, plant: &Plant, adopted: &mut Adopted, now: UnixMillis) -> Result<(), DbError> {
    // The untouched default of a new console gives way to the plant's own.
    let untouched = |policy: &GroupPolicy| *policy == GroupPolicy::new(policy.id.clone());
    let first = policies::list::<GroupPolicy>(tx)?
        .iter()
        .all(|stored| untouched(&stored.policy));
    for policy in &plant.group_policies {
        let known = policies::get::<GroupPolicy>(tx, &policy.id)?;
        if known.is_none_or(|stored| first && stored.policy != *policy) {
            policies::put(tx, policy, now)?;
            adopted.policies += 1;
        }
    }
    for policy in &plant.individual_policies {
        if policies::get::<IndividualPolicy>(tx, &policy.id)?.is_none() {
            policies::put(tx, policy, now)?;
            adopted.policies += 1;
        }
    }
    if first && policies::get::<GroupPolicy>(tx, &plant.active)?.is_some() {
        policies::activate(tx, &plant.active, now)?;
    }
    Ok(())
}

fn adopt_users(
    tx: &Tx<'_>,
    plant: &Plant,
    adopted: &mut Adopted,
    now: UnixMillis,
) -> Result<Vec<Event>, DbError> {
    let organization = settings::organization_id(tx)?;
    let mut rows = Vec::new();
    let mut events = Vec::new();
    for entry in &plant.users {
        if users::get(tx, &entry.id)?.is_some() {
            continue;
        }
        let derived = || derived_handle(organization, entry.id.as_str()).0;
        let handle = entry.handle.map_or_else(derived, |handle| handle.0);
        let fields = UserFields {
            name: entry.name.clone(),
            site: entry.site.clone(),
            label: entry.label.clone(),
            ..UserFields::default()
        };
        rows.push((entry.id.clone(), handle, fields));
        let user = || entry.id.clone();
        if entry.status != UserStatus::Active {
            events.push(Event::UserStands {
                user: user(),
                status: entry.status,
            });
        }
        if let Some(suspension) = &entry.suspension {
            events.push(Event::UserSuspended {
                user: user(),
                note: suspension.note.clone(),
            });
        }
    }
    let added: Vec<_> = rows
        .iter()
        .map(|(id, handle, fields)| (id, *handle, fields))
        .collect();
    adopted.users += users::insert(tx, &added, now)?;
    let added: BTreeSet<&UserId> = rows.iter().map(|(id, ..)| id).collect();
    for entry in plant.users.iter().filter(|entry| added.contains(&entry.id)) {
        if let (Some(policy), Some(row)) = (&entry.policy, users::get(tx, &entry.id)?) {
            users::set_policy(tx, &row, Some(policy.as_str()), now)?;
        }
    }
    Ok(events)
}

fn adopt_bands(tx: &Tx<'_>, plant: &Plant, adopted: &mut Adopted) -> Result<Vec<Event>, DbError> {
    let serials: Vec<BandSerial> = plant.bands.iter().map(|band| band.serial).collect();
    let known = bands::get_all(tx, &serials)?.into_iter();
    let listed: BTreeSet<BandSerial> = known
        .filter(|row| row.band.stock != StockState::Unknown)
        .map(|row| row.band.serial)
        .collect();
    let new = plant.bands.iter().filter(|band| !listed.contains(&band.serial));
    let events: Vec<Event> = new.map(|band| Event::BandStands { band: band.clone() }).collect();
    adopted.bands += events.len() as u64;
    Ok(events)
}

/// Associations in such an order that the active one of each user comes last, then what sets them apart.
fn adopt_associations(tx: &Tx<'_>, plant: &Plant, adopted: &mut Adopted) -> Result<Vec<Event>, DbError> {
    let seos: BTreeMap<BandSerial, bool> = plant.bands.iter().map(|band| (band.serial, band.seos)).collect();
    let mut entries: Vec<&AssociationEntry> = Vec::new();
    for entry in &plant.associations {
        if history::made(tx, &entry.id)?.is_none() {
            entries.push(entry);
        }
    }
    entries.sort_by_key(|entry| entry.active);
    let mut epochs = BTreeSet::new();
    let (mut made, mut after) = (Vec::new(), Vec::new());
    for entry in entries {
        let association = entry.id;
        made.push(Event::Associated(Associated {
            association,
            user: entry.user.clone(),
            band: entry.band,
            zone: entry.zone,
            band_epoch: entry.band_epoch,
            seos: seos.get(&entry.band).copied().unwrap_or(false),
            expires_at: entry.expires_at,
            may_take_over: false,
        }));
        // A band whose epochs nobody wrote down seems to have used one twice; the file vouches for both.
        if !epochs.insert((entry.band, entry.band_epoch)) {
            after.push(Event::Settled {
                association,
                verdict: Verdict::Keep,
            });
        }
        after.extend((!entry.active).then_some(Event::MadeInactive { association }));
        after.extend(entry.primary.then_some(Event::MadePrimary { association }));
        if let Some(suspension) = &entry.suspension {
            let note = suspension.note.clone();
            after.push(Event::AssociationSuspended { association, note });
        }
        if let Some(key) = &entry.credential_key {
            associations::remember_key(tx, &association, &key.0)?;
        }
    }
    adopted.associations += made.len() as u64;
    Ok([made, after].concat())
}

fn adopt_operators(
    tx: &Tx<'_>,
    plant: &Plant,
    adopted: &mut Adopted,
    now: UnixMillis,
) -> Result<(), DbError> {
    let known: BTreeSet<String> = tickets::operators(tx)?.into_iter().map(|row| row.id).collect();
    for entry in plant.operators.iter().filter(|entry| !known.contains(&entry.id)) {
        let row = OperatorRow {
            id: entry.id.clone(),
            user: entry.user.clone(),
            pin: entry.pin.clone(),
            rights: entry.rights.clone(),
            sites: Vec::new(),
            version: 1,
        };
        tickets::put_operator(tx, &row, now)?;
        adopted.operators += 1;
    }
    Ok(())
}

fn adopt_tickets(tx: &Tx<'_>, plant: &Plant, adopted: &mut Adopted, now: UnixMillis) -> Result<(), DbError> {
    for entry in &plant.tickets {
        if tickets::get(tx, &entry.id.0)?.is_some() {
            continue;
        }
        let row = TicketRow {
            id: entry.id.0,
            user: entry.user.clone(),
            site: entry.site.clone().unwrap_or_else(|| plant.site.clone()),
            zone: entry.zone,
            not_before: entry.not_before,
            expires: entry.expires,
            code_hash: entry.code_hash.map(|hash| hash.0),
            issuer: "1".into(),
            issued_by: "init file".into(),
            issued: plant.made_at.min(now),
            revoked: entry.revoked.then_some(now),
            spent: None,
            version: 1,
        };
        tickets::insert(tx, &row)?;
        adopted.tickets += 1;
    }
    Ok(())
}
