//! What the station knows, and the facts of one case out of it.

use firmware_protocol::certificate::{PublicKey, Signed};
use firmware_protocol::id::{AssociationId, OrganizationId, StationId, UserHandle, Zone};
use policy::model::{Association, Band, BandSerial, GroupPolicy, IndividualPolicy, PolicyId, UserId};
use rusqlite::types::{ToSql, ValueRef};
use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use server_sync::feed::KeyKind;
use station_core::clock::TrustedTime;
use station_core::enrollment::{Knowledge, KnownAssociation, Query};
use station_core::journal::{Intent, StationKey, station_key};
use station_core::provision::{Base16, HexBytes, Provision};
use station_core::replica::{AssociationRow, OperatorRow, TicketRow, TicketState, UserRow};
use station_core::ticket::{AttemptState, AttemptSubject, CodeHash, TicketId};

use super::rows::{self, StoredTicket, to_body};
use super::sealing::{Access, Key, Sealing};
use super::sync::ToldKey;
use super::tables::{self, Table, Writer};
use super::{Store, StoreError, changes};

/// The key of the one row of `meta` that says what the station is.
const STATION: &str = "station";

/// What the station is and how much it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// This station.
    pub station: StationId,
    /// Its organization.
    pub organization: OrganizationId,
    /// The organization's Ed25519 key.
    pub organization_key: PublicKey,
    /// The zone it writes.
    pub zone: Zone,
    /// The site it stands at.
    pub site: String,
    /// What it shows to bands.
    pub certificate: Signed,
    /// The makes of bands that are welcome.
    pub manufacturers: Vec<PublicKey>,
    /// Who issues tickets.
    pub ticket_issuer: PublicKey,
    /// Who else may, as the console told.
    pub issuers: Vec<Issuer>,
    /// Keys of typed codes, as the console told.
    pub code_keys: Vec<Issuer>,
    /// Revision of the replica.
    pub revision: u64,
    /// When the replica was true, milliseconds since 1970.
    pub as_of_ms: u64,
    /// SHA-256 of the provisioning file.
    pub digest: [u8; 32],
    /// SHA-256 of the key file that belongs to the certificate.
    pub keys_digest: [u8; 32],
    /// The group policy that holds.
    pub group_policy: GroupPolicy,
}

/// A key of the console and its time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The key.
    #[serde(with = "hex_key")]
    pub key: [u8; 32],
    /// It is in use from this moment on, milliseconds since 1970.
    pub not_before_ms: u64,
    /// Nothing made with it counts from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at_ms: Option<u64>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("not_before_ms", &self.not_before_ms)
            .field("retired_at_ms", &self.retired_at_ms)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// Whether the key surely counts.
    pub fn counts(&self, time: TrustedTime) -> bool {
        self.retired_at_ms
            .is_none_or(|retired| time.latest_ms() < retired)
    }
}

mod hex_key {
    use super::HexBytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(key: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        HexBytes(*key).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        HexBytes::<32>::deserialize(from).map(|HexBytes(key)| key)
    }
}

/// The user and the band in question, already read: most associations have one of them at each end.
struct Case<'a> {
    user: Option<&'a UserRow>,
    serial: &'a BandSerial,
    band: Option<&'a Band>,
}

impl Store {
    /// What the station is. Kept in memory; it changes by [`Store::provision`] only.
    pub fn identity(&self) -> Result<&Identity, StoreError> {
        self.identity.as_ref().ok_or(StoreError::Missing)
    }

    pub(super) fn station_key(&self) -> Result<StationKey, StoreError> {
        Ok(station_key(self.identity()?.station))
    }

    /// Everything the engine asks about one person and one band. `fresh` is an id nobody has used.
    pub fn knowledge(
        &self,
        query: &Query,
        time: TrustedTime,
        fresh: AssociationId,
    ) -> Result<Knowledge, StoreError> {
        let identity = self.identity()?;
        // One snapshot: nothing changes in between, and SQLite takes its locks once.
        let _snapshot = self.connection.unchecked_transaction()?;
        let serial = station_core::convert::serial(&query.serial);
        let user = query
            .user
            .map(|handle| self.user_by_handle(handle))
            .transpose()?
            .flatten();
        let individual = user.as_ref().and_then(|row| row.policy.as_ref());
        let band = self.band(&serial)?;
        let mut open_intents = self.intents()?;
        open_intents.retain(|intent| intent.serial == query.serial);
        Ok(Knowledge {
            revision: identity.revision,
            made_at_ms: identity.as_of_ms,
            time,
            individual: individual.map(|id| self.individual_policy(id)).transpose()?,
            group: identity.group_policy.clone(),
            associations: self.associations_of(&Case {
                user: user.as_ref(),
                serial: &serial,
                band: band.as_ref(),
            })?,
            band,
            held_known: self.held_known(&query.held)?,
            open_intents,
            quarantined: self.quarantine(&query.serial)?,
            ticket: query
                .ticket
                .map(|ticket| self.ticket_state(ticket))
                .transpose()?
                .unwrap_or_default(),
            user,
            fresh,
        })
    }

    /// Every association of the user and every association of the band, each once, ended ones too.
    pub fn associations(
        &self,
        user: Option<&UserRow>,
        serial: &BandSerial,
    ) -> Result<Vec<KnownAssociation>, StoreError> {
        let band = self.band(serial)?;
        self.associations_of(&Case {
            user,
            serial,
            band: band.as_ref(),
        })
    }

    fn associations_of(&self, case: &Case<'_>) -> Result<Vec<KnownAssociation>, StoreError> {
        let mut known = Vec::new();
        if let Some(row) = case.user {
            let sql = "select * from associations where user = ?1";
            self.add_associations(
                &mut known,
                case,
                sql,
                &user_of_association(&self.sealing, &row.user.id),
            )?;
        }
        let sql = "select * from associations where band = ?1";
        self.add_associations(&mut known, case, sql, &case.serial.as_str())?;
        Ok(known)
    }

    fn add_associations(
        &self,
        known: &mut Vec<KnownAssociation>,
        case: &Case<'_>,
        sql: &str,
        key: &dyn ToSql,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query([key])?;
        while let Some(row) = found.next()? {
            let id: [u8; 16] = row.get(0)?;
            if known.iter().any(|other| other.association.id.0 == id) {
                continue;
            }
            let AssociationRow { association, .. } = rows::association(&self.sealing, row)?;
            known.push(KnownAssociation {
                band_seos: self.is_seos(case, &association.band)?,
                user_suspended: self.is_suspended(case, &association.user)?,
                association,
            });
        }
        Ok(())
    }

    fn is_seos(&self, case: &Case<'_>, serial: &BandSerial) -> Result<bool, StoreError> {
        if serial == case.serial {
            return Ok(case.band.is_some_and(|band| band.seos));
        }
        Ok(self.band(serial)?.is_some_and(|band| band.seos))
    }

    fn is_suspended(&self, case: &Case<'_>, id: &UserId) -> Result<bool, StoreError> {
        match case.user {
            Some(row) if row.user.id == *id => Ok(row.user.is_suspended()),
            _ => Ok(self.user(id)?.is_some_and(|row| row.user.is_suspended())),
        }
    }

    fn held_known(&self, held: &[AssociationId]) -> Result<Vec<AssociationId>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select 1 from associations where id = ?1")?;
        let mut known = Vec::new();
        for id in held {
            if statement.exists([id.0])? {
                known.push(*id);
            }
        }
        Ok(known)
    }

    /// The user with this handle.
    pub fn user_by_handle(&self, handle: UserHandle) -> Result<Option<UserRow>, StoreError> {
        user_by_handle(self.access(), handle)
    }

    /// The user with this id.
    pub fn user(&self, id: &UserId) -> Result<Option<UserRow>, StoreError> {
        user(self.access(), id)
    }

    /// The band with this serial.
    pub fn band(&self, serial: &BandSerial) -> Result<Option<Band>, StoreError> {
        band(self.access(), serial)
    }

    fn individual_policy(&self, id: &PolicyId) -> Result<IndividualPolicy, StoreError> {
        let key = format!("i:{id}");
        policy_row(self.access(), &key)
    }

    /// The operator with this id.
    pub fn operator(&self, id: &str) -> Result<Option<OperatorRow>, StoreError> {
        let sql = "select * from operators where id = ?1";
        let key = self.sealing.text_key(&tables::OPERATORS, 0, id);
        one(self.access(), sql, key, |row| rows::operator(&self.sealing, row))
    }

    /// Some operator, if there is one: whose PIN is checked in place of nobody's.
    pub fn any_operator(&self) -> Result<Option<OperatorRow>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select * from operators order by id limit 1")?;
        let mut found = statement.query(())?;
        let found = found.next()?;
        found.map(|row| rows::operator(&self.sealing, row)).transpose()
    }

    /// What became of a ticket.
    pub fn ticket_state(&self, ticket: TicketId) -> Result<TicketState, StoreError> {
        let stored = changes::stored_ticket(self.access(), ticket)?;
        Ok(stored.map(|stored| stored.state).unwrap_or_default())
    }

    /// The ticket whose code has this hash.
    pub fn ticket_by_code(&self, hash: CodeHash) -> Result<Option<(TicketRow, TicketState)>, StoreError> {
        let sql = "select * from tickets where code_hash = ?1";
        let key = Key::Plain(ValueRef::Blob(&hash.0));
        let stored = one(self.access(), sql, key, |row| rows::ticket(&self.sealing, row))?;
        Ok(stored.and_then(|stored| Some((stored.row?, stored.state))))
    }

    /// Failed attempts on a secret.
    pub fn attempts(&self, subject: &AttemptSubject) -> Result<AttemptState, StoreError> {
        let subject = subject.to_string();
        let state = one(
            self.access(),
            "select * from attempts where subject = ?1",
            self.sealing.text_key(&tables::ATTEMPTS, 0, &subject),
            |row| {
                tables::check_row(&tables::ATTEMPTS, row)?;
                Ok(AttemptState {
                    failures: row.get(1)?,
                    blocked_until_ms: row.get::<_, i64>(2)? as u64,
                })
            },
        )?;
        Ok(state.unwrap_or_default())
    }

    /// The intents that are open.
    pub fn intents(&self) -> Result<Vec<Intent>, StoreError> {
        let mut statement = self.connection.prepare_cached("select * from intents")?;
        let mut found = statement.query(())?;
        let mut intents = Vec::new();
        while let Some(row) = found.next()? {
            let body = tables::body(&self.sealing, &tables::INTENTS, row)?.unwrap_or_default();
            let intent = minicbor::decode(&body);
            intents.push(
                intent.map_err(|error| StoreError::Corrupted(format!("an intent does not read: {error}")))?,
            );
        }
        Ok(intents)
    }

    /// Number of users and of bands.
    pub fn counts(&self) -> Result<(u64, u64), StoreError> {
        let count = |table: &Table| tables::totals(&self.connection, table).map(|(count, _)| count as u64);
        Ok((count(&tables::USERS)?, count(&tables::BANDS)?))
    }
}

/// The user with this handle.
pub(super) fn user_by_handle(access: Access<'_>, handle: UserHandle) -> Result<Option<UserRow>, StoreError> {
    let key = access.sealing.key(&tables::USERS, 1, ValueRef::Blob(&handle.0));
    let sql = "select * from users where handle = ?1";
    one(access, sql, key, |row| rows::user(access.sealing, row))
}

/// A user as associations name them.
fn user_of_association<'a>(sealing: &Sealing, user: &'a UserId) -> Key<'a> {
    sealing.text_key(&tables::ASSOCIATIONS, 1, user.as_str())
}

/// The user with this id.
pub(super) fn user(access: Access<'_>, id: &UserId) -> Result<Option<UserRow>, StoreError> {
    let key = access.sealing.text_key(&tables::USERS, 0, id.as_str());
    let sql = "select * from users where id = ?1";
    one(access, sql, key, |row| rows::user(access.sealing, row))
}

/// Every association of this user or of this band, each once, ended ones too.
pub(super) fn associations_of_either(
    access: Access<'_>,
    user: &UserId,
    serial: &BandSerial,
) -> Result<Vec<Association>, StoreError> {
    let mut statement =
        access.prepare_cached("select * from associations where user = ?1 or band = ?2 order by id")?;
    let user = user_of_association(access.sealing, user);
    let mut found = statement.query((&user, serial.as_str()))?;
    let mut known = Vec::new();
    while let Some(row) = found.next()? {
        known.push(rows::association(access.sealing, row)?.association);
    }
    Ok(known)
}

/// What the row of `meta` with this key says.
pub(super) fn meta<T: serde::de::DeserializeOwned>(
    access: Access<'_>,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let key = access.sealing.text_key(&tables::META, 0, key);
    one(access, "select * from meta where key = ?1", key, |row| {
        rows::body(access.sealing, &tables::META, row)
    })
}

/// The band with this serial.
pub(super) fn band(access: Access<'_>, serial: &BandSerial) -> Result<Option<Band>, StoreError> {
    let key = access.sealing.text_key(&tables::BANDS, 0, serial.as_str());
    let sql = "select * from bands where serial = ?1";
    one(access, sql, key, |row| rows::band(access.sealing, row))
}

/// At most one row, read by `read`.
fn one<T>(
    access: Access<'_>,
    sql: &str,
    key: Key<'_>,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = access.prepare_cached(sql)?;
    statement
        .query_row([key], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn policy_row<T: serde::de::DeserializeOwned>(access: Access<'_>, key: &str) -> Result<T, StoreError> {
    let stored = access.sealing.text_key(&tables::POLICIES, 0, key);
    let found = one(access, "select * from policies where id = ?1", stored, |row| {
        rows::body(access.sealing, &tables::POLICIES, row)
    })?;
    found.ok_or_else(|| StoreError::Corrupted(format!("the policy {key} is missing")))
}

#[derive(Serialize, Deserialize)]
pub(super) struct StationBody {
    station: HexBytes<16>,
    organization: HexBytes<16>,
    organization_key: HexBytes<32>,
    registration: bool,
    site: String,
    certificate: Base16,
    manufacturers: Vec<HexBytes<32>>,
    ticket_issuer: HexBytes<32>,
    revision: u64,
    as_of_ms: u64,
    digest: HexBytes<32>,
    keys_digest: HexBytes<32>,
    group_policy: PolicyId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<Issuer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    code_keys: Vec<Issuer>,
}

impl StationBody {
    /// What the station shows to bands, where it stands.
    pub(super) fn set_certificate(&mut self, certificate: &Signed, site: &str, zone: Zone) {
        let certificate = minicbor::to_vec(certificate).expect("memory takes everything");
        self.certificate = Base16(certificate);
        self.site = site.to_owned();
        self.registration = zone == Zone::Registration;
    }

    /// What the console told of keys, and of the group policy that holds if it told that too.
    pub(super) fn set_told(&mut self, keys: &[ToldKey], group_policy: Option<&PolicyId>) {
        let of = |kind| {
            keys.iter()
                .filter(move |key| key.kind == kind)
                .map(|key| key.issuer.clone())
        };
        self.issuers = of(KeyKind::TicketIssuer).collect();
        self.code_keys = of(KeyKind::Code).collect();
        // A make that is welcome no more is one that the console removed or retired.
        let makes = of(KeyKind::Manufacturer).filter(|key| key.retired_at_ms.is_none());
        self.manufacturers = makes.map(|key| HexBytes(key.key)).collect();
        if let Some(policy) = group_policy {
            self.group_policy = policy.clone();
        }
    }

    /// At which revision and when the rows were true.
    pub(super) fn set_age(&mut self, revision: u64, made_at_ms: u64) {
        (self.revision, self.as_of_ms) = (revision, made_at_ms);
    }
}

/// Changes what the station is.
pub(super) fn change_station(
    access: Access<'_>,
    writer: &mut Writer<'_>,
    change: impl FnOnce(&mut StationBody),
) -> Result<(), StoreError> {
    let mut body: StationBody = meta(access, STATION)?.ok_or(StoreError::Missing)?;
    change(&mut body);
    let body = to_body(&body);
    writer.put(
        &tables::META,
        &[ValueRef::Text(STATION.as_bytes()), ValueRef::Blob(&body)],
    )
}

/// Reads what the station is; nothing if it was never provisioned.
pub(super) fn read_identity(access: Access<'_>) -> Result<Option<Identity>, StoreError> {
    let body: Option<StationBody> = meta(access, STATION)?;
    let Some(body) = body else { return Ok(None) };
    let certificate = minicbor::decode(&body.certificate.0)
        .map_err(|error| StoreError::Corrupted(format!("the certificate does not read: {error}")))?;
    Ok(Some(Identity {
        station: StationId(body.station.0),
        organization: OrganizationId(body.organization.0),
        organization_key: body.organization_key.0,
        zone: if body.registration {
            Zone::Registration
        } else {
            Zone::Enrollment
        },
        site: body.site,
        certificate,
        manufacturers: body.manufacturers.iter().map(|HexBytes(key)| *key).collect(),
        ticket_issuer: body.ticket_issuer.0,
        issuers: body.issuers,
        code_keys: body.code_keys,
        revision: body.revision,
        as_of_ms: body.as_of_ms,
        digest: body.digest.0,
        keys_digest: body.keys_digest.0,
        group_policy: policy_row(access, &format!("g:{}", body.group_policy))?,
    }))
}

fn station_body(provision: &Provision, keys_digest: [u8; 32]) -> StationBody {
    let certificate = minicbor::to_vec(&provision.certificate).expect("memory takes everything");
    StationBody {
        station: HexBytes(provision.station.0),
        organization: HexBytes(provision.organization.0),
        organization_key: HexBytes(provision.organization_key),
        registration: provision.zone == Zone::Registration,
        site: provision.site.clone(),
        certificate: Base16(certificate),
        manufacturers: provision.manufacturers.iter().copied().map(HexBytes).collect(),
        ticket_issuer: HexBytes(provision.ticket_issuer),
        revision: provision.revision,
        as_of_ms: provision.made_at_ms,
        digest: HexBytes(provision.digest),
        keys_digest: HexBytes(keys_digest),
        group_policy: provision.active_group_policy.id.clone(),
        issuers: Vec::new(),
        code_keys: Vec::new(),
    }
}

/// Writes every row of a provisioning file. The tables it fills are empty.
pub(super) fn write(
    writer: &mut Writer<'_>,
    provision: &Provision,
    keys_digest: [u8; 32],
) -> Result<(), StoreError> {
    let station = to_body(&station_body(provision, keys_digest));
    writer.put(
        &tables::META,
        &[ValueRef::Text(STATION.as_bytes()), ValueRef::Blob(&station)],
    )?;
    provision
        .users
        .iter()
        .try_for_each(|row| rows::put_user(writer, row))?;
    provision
        .bands
        .iter()
        .try_for_each(|band| rows::put_band(writer, band))?;
    provision
        .associations
        .iter()
        .try_for_each(|row| rows::put_association(writer, row))?;
    provision
        .operators
        .iter()
        .try_for_each(|row| rows::put_operator(writer, row))?;
    let groups = provision
        .other_group_policies
        .iter()
        .chain([&provision.active_group_policy]);
    groups
        .into_iter()
        .try_for_each(|policy: &GroupPolicy| put_policy(writer, "g", &policy.id, policy))?;
    provision
        .individual_policies
        .iter()
        .try_for_each(|policy| put_policy(writer, "i", &policy.id, policy))?;
    provision.tickets.iter().try_for_each(|(row, state)| {
        rows::put_ticket(
            writer,
            &StoredTicket {
                id: row.id,
                row: Some(row.clone()),
                state: *state,
            },
        )
    })
}

pub(super) fn put_policy(
    writer: &mut Writer<'_>,
    kind: &str,
    id: &PolicyId,
    policy: &impl Serialize,
) -> Result<(), StoreError> {
    let (key, body) = (format!("{kind}:{id}"), to_body(policy));
    writer.put(
        &tables::POLICIES,
        &[ValueRef::Text(key.as_bytes()), ValueRef::Blob(&body)],
    )
}
