//! Joining a console: a station out of nothing, or one that worked from a file.

use std::path::Path;
use std::time::Duration;

use firmware_protocol::certificate::{Signed, StationCertificate};
use firmware_protocol::dh_public;
use firmware_protocol::id::{OrganizationId, StationId};
use hyper::Method;
use policy::model::{GroupPolicy, PolicyId};
use ring::digest::{Context, SHA256};
use server_sync::feed::InboxState;
use server_sync::join::{JoinAnswer, JoinFault, JoinRequest, Joined};
use server_sync::{Organization, StationKey, Versions};
use station_core::convert;
use station_core::journal::Joined as JoinedRecord;
use station_core::provision::{Base16, HexBytes, Provision, SecretKey};
use station_core::sync::JoinToken;
use station_core::ticket::CodeKey;
use zeroize::Zeroizing;

use super::address::Address;
use super::client::{Answer, Connection, Failure};
use super::credentials::{Credentials, Pending, Request};
use super::tls::{Believed, Pin, join_config};
use crate::clock::{Clock, Entropy, RELEASED_MS};
use crate::config::Config;
use crate::init::give_to_owner;
use crate::instance::InstanceLock;
use crate::keys::{self, Keys};
use crate::problem::{Code, Problem};
use crate::seal::{self, SealKey};
use crate::store::{Store, StoreError, SyncState};

/// The console answers within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of joining.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The station: 32 hexadecimal digits.
    pub station: String,
    /// What people call it.
    pub name: String,
    /// Its site.
    pub site: String,
    /// Its zone, `enrollment` or `registration`.
    pub zone: String,
    /// The console.
    pub console: String,
    /// SHA-256 of the console's authority.
    pub authority: String,
    /// Entries of the journal that the console has not seen.
    pub journal_sequence: u64,
}

/// What to join, and by which right.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the console is.
    pub console: Address,
    /// The one-time token.
    pub token: JoinToken,
    /// The fingerprint of the console's authority, where somebody wants to give all of it.
    pub fingerprint: Option<[u8; 32]>,
}

/// Joins a console. The daemon must not run. What can be repeated is repeated safely: the same token with the
/// same data folder gives the same station.
pub async fn join(config: &Config, ask: &Ask) -> Result<Report, Problem> {
    let _lock = InstanceLock::take(&config.lock_file())?;
    let seal_key = seal::load_or_make(config)?;
    let known = Known::open(config, &seal_key)?;
    let pending = pending(config, &ask.token, known.as_ref(), &seal_key)?;
    let request = Request::again(&pending.key.0).ok_or_else(|| broken("the file of a join under way"))?;
    let dh_key = dh_public(&Zeroizing::new(pending.dh_secret.0));
    let asked = known
        .as_ref()
        .map(|known| known.request(config))
        .transpose()?
        .unwrap_or_default();
    let body = JoinRequest {
        versions: Versions::OURS,
        token: ask.token.secret.to_vec(),
        csr_der: request.csr_der,
        dh_key,
        software: env!("CARGO_PKG_VERSION").into(),
        station: asked.0,
        organization: asked.1,
        journal: asked.2,
    };
    let answer = talk(ask, &body).await?;
    let joined = accept(&answer, ask, dh_key, known.as_ref())?;
    let key = request.key;
    let report = put_in_place(&Place { config, seal_key }, ask, &joined, &pending, key, known)?;
    let _ = std::fs::remove_file(config.pending_file());
    let made = [
        &config.lock_file(),
        &config.station.key_file,
        &config.sync_file(),
        &config.database(),
    ];
    made.into_iter().for_each(|path| give_to_owner(path));
    Ok(report)
}

/// Where a station is made, and what it is sealed with.
struct Place<'a> {
    config: &'a Config,
    seal_key: SealKey,
}

/// A station that is here already.
struct Known {
    store: Store,
    keys: Keys,
}

type Asked = (
    Option<StationKey>,
    Option<Organization>,
    Option<server_sync::join::JournalEnd>,
);

impl Known {
    fn open(config: &Config, seal_key: &SealKey) -> Result<Option<Self>, Problem> {
        let database = config.database();
        if !database.exists() {
            return Ok(None);
        }
        let failed = |error: StoreError| error.into_problem("nothing was changed", config);
        let store = Store::open(&database, seal_key).map_err(failed)?;
        let identity = store.identity().map_err(failed)?;
        let keys = Keys::load(&config.station.key_file, &identity.keys_digest, seal_key)?;
        Ok(Some(Self { store, keys }))
    }

    fn request(&self, config: &Config) -> Result<Asked, Problem> {
        let failed = |error: StoreError| error.into_problem("nothing was changed", config);
        let identity = self.store.identity().map_err(failed)?;
        let head = self.store.head().map_err(failed)?;
        Ok((
            Some(StationKey(identity.station.0)),
            Some(Organization(identity.organization.0)),
            Some(head.into()),
        ))
    }
}

/// Keys that are on the disk before they are shown to anybody.
fn pending(
    config: &Config,
    token: &JoinToken,
    known: Option<&Known>,
    seal_key: &SealKey,
) -> Result<Pending, Problem> {
    let (path, digest) = (config.pending_file(), token.digest());
    if let Some(pending) = Pending::load(&path, &digest, seal_key) {
        return Ok(pending);
    }
    let dh_secret = match known {
        Some(known) => *known.keys.dh_secret.0,
        None => Entropy::new().bytes(),
    };
    let pending = Pending {
        token: HexBytes(digest),
        key: Base16(Request::new().key.to_vec()),
        dh_secret: HexBytes(dh_secret),
    };
    pending
        .store(&path, seal_key)
        .map_err(|error| unwritable(&path, &error))?;
    Ok(pending)
}

async fn talk(ask: &Ask, body: &JoinRequest) -> Result<Answer, Problem> {
    let pin = match ask.fingerprint {
        Some(fingerprint) => Pin::Fingerprint(fingerprint, ask.token.clone()),
        None => Pin::Token(ask.token.clone()),
    };
    // A clock that lost its battery must not keep a new station out.
    let believed = Believed::new(Clock::start().wall_ms().max(RELEASED_MS));
    let tls = join_config(pin, believed).map_err(|error| refused(ask, &Failure::Tls(error.to_string())))?;
    let mut connection = Connection::open(&ask.console, tls)
        .await
        .map_err(|failure| refused(ask, &failure))?;
    connection
        .send(Method::POST, "/sync/v1/join", Some(body.to_bytes()), PATIENCE)
        .await
        .map_err(|failure| refused(ask, &failure))
}

fn refused(ask: &Ask, failure: &Failure) -> Problem {
    let (code, next) = match failure {
        Failure::Tls(_) => (
            Code::ConsoleRefused,
            "check that the address and the token are of the same console, and this machine's clock",
        ),
        _ => (
            Code::ConsoleUnreachable,
            "check the address and the network, then run the command again",
        ),
    };
    let what = format!("the station did not join https://{}", ask.console);
    Problem::new(code, what, failure.to_string(), next)
}

/// Believes what the console says only as far as it fits this station, its keys and the authority that the
/// token names.
fn accept(answer: &Answer, ask: &Ask, dh_key: [u8; 32], known: Option<&Known>) -> Result<Joined, Problem> {
    let what = format!("the station did not join https://{}", ask.console);
    let problem = |why: String, next: &str| Problem::new(Code::ConsoleRefused, what.clone(), why, next);
    let joined = match JoinAnswer::from_bytes(&answer.body) {
        Some(JoinAnswer::Joined(joined)) => *joined,
        Some(JoinAnswer::Refused(fault)) => return Err(problem(fault.to_string(), next_after(&fault))),
        None => {
            let code = answer.code.as_deref().unwrap_or("no code");
            let why = format!("it answered with status {} ({code})", answer.status);
            return Err(problem(why, "look at the console's log"));
        }
    };
    let pin = match ask.fingerprint {
        Some(fingerprint) => Pin::Fingerprint(fingerprint, ask.token.clone()),
        None => Pin::Token(ask.token.clone()),
    };
    let air = air_certificate(&joined).filter(|air| {
        air.dh_key == dh_key
            && air.station.0 == joined.station.0
            && air.organization_key == joined.organization_key
            && convert::zone(air.zone) == joined.zone
    });
    let keys_hold = joined.feed_keys.verify(&joined.organization_key).is_ok();
    if air.is_none() || !keys_hold || !pin.takes(&joined.authority_der.clone().into()) {
        return Err(problem(
            "its answer contradicts itself".into(),
            "look at the console's log",
        ));
    }
    match known {
        None => Ok(joined),
        Some(known) => {
            fits(known, joined).map_err(|why| problem(why, "make a token for the zone this station has"))
        }
    }
}

fn next_after(fault: &JoinFault) -> &'static str {
    match fault {
        JoinFault::UnknownToken | JoinFault::TokenExpired | JoinFault::TokenSpent => {
            "make a new token at the console and use it on this station"
        }
        JoinFault::StationTaken { .. } => "make a token for this very station at the console",
        JoinFault::Fork { .. } => "keep this data folder for an administrator and join with an empty one",
        JoinFault::OtherOrganization { .. } => {
            "use the console of this station's organization, or an empty data folder"
        }
        JoinFault::Revoked => {
            "ask an administrator; join with an empty data folder if the station may come back"
        }
        JoinFault::Version { .. } => "update the older of the two",
        JoinFault::Busy => "run the command again",
        JoinFault::Malformed | JoinFault::BadRequest => "update the station's software",
    }
}

fn air_certificate(joined: &Joined) -> Option<StationCertificate> {
    let signed: Signed = minicbor::decode(&joined.air_certificate).ok()?;
    signed
        .verify(StationCertificate::CONTEXT, &joined.organization_key)
        .ok()?;
    minicbor::decode(&signed.body).ok()
}

fn fits(known: &Known, joined: Joined) -> Result<Joined, String> {
    let identity = known.store.identity().map_err(|error| error.to_string())?;
    if joined.organization_key != identity.organization_key || joined.station.0 != identity.station.0 {
        return Err("it gave this station another identity".into());
    }
    if convert::zone_on_air(joined.zone) != identity.zone {
        return Err("the token is for another zone than this station's".into());
    }
    Ok(joined)
}

fn put_in_place(
    place: &Place<'_>,
    ask: &Ask,
    joined: &Joined,
    pending: &Pending,
    key: Zeroizing<Vec<u8>>,
    known: Option<Known>,
) -> Result<Report, Problem> {
    let certificate = joined
        .certificates_der
        .first()
        .map(|der| der.0.clone())
        .unwrap_or_default();
    let credentials = Credentials::new(
        ask.console.clone(),
        joined.name.clone(),
        vec![joined.authority_der.clone().into()],
        certificate,
        key,
    );
    let credentials = credentials.ok_or_else(|| broken("the certificate the console gave"))?;
    let path = place.config.sync_file();
    // Without the row in the database these mean nothing, and with it they have to be there.
    credentials
        .store(&path, &place.seal_key)
        .map_err(|error| unwritable(&path, &error))?;
    let (mut store, is_new) = match known {
        Some(known) => (known.store, false),
        None => (create(place, joined, &pending.dh_secret.0)?, true),
    };
    let failed = |error: StoreError| error.into_problem("the station did not join", place.config);
    let head = settle(&mut store, joined, &credentials).map_err(failed)?;
    store.close();
    if is_new {
        install(place, &pending.dh_secret.0)?;
    }
    Ok(Report {
        station: joined.station.to_string(),
        name: joined.name.clone(),
        site: joined.site.clone(),
        zone: crate::api::zone_name(convert::zone_on_air(joined.zone)).into(),
        console: format!("https://{}", ask.console),
        authority: data_encoding::HEXLOWER.encode(&credentials.fingerprint()),
        journal_sequence: head,
    })
}

/// The row that makes the station one of the console's, and the journal's record of it.
fn settle(store: &mut Store, joined: &Joined, credentials: &Credentials) -> Result<u64, StoreError> {
    let signed: Signed = minicbor::decode(&joined.air_certificate)
        .map_err(|error| StoreError::Failed(format!("the certificate for bands does not read: {error}")))?;
    let zone = convert::zone_on_air(joined.zone);
    store.set_certificate(&signed, &joined.site, zone)?;
    store.set_sync_state(&SyncState::joined(&InboxState::joined(joined.feed_keys.clone())))?;
    let record = JoinedRecord {
        organization: OrganizationId(Organization::of_key(&joined.organization_key).0),
        station: StationId(joined.station.0),
        zone,
        authority: credentials.fingerprint(),
        lineage: joined.lineage.0,
    };
    let last_ms = store.last_entry()?.map_or(0, |entry| entry.time_ms);
    let head = store.append(last_ms.max(Clock::start().wall_ms()), &[record.into()], &[])?;
    Ok(head.sequence)
}

/// A database without anybody in it. It is as old as can be, so that nothing is decided before the first rows.
fn create(place: &Place<'_>, joined: &Joined, dh_secret: &[u8; 32]) -> Result<Store, Problem> {
    let path = new_database(place.config);
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
    let failed = |error: StoreError| error.into_problem("the station did not join", place.config);
    let mut store = Store::create(&path, &place.seal_key).map_err(failed)?;
    let provision = empty(joined, dh_secret).ok_or_else(|| broken("the certificate for bands"))?;
    let keys_digest = keys_of(dh_secret).digest();
    store
        .provision(&provision, keys_digest, None, Clock::start().wall_ms())
        .map_err(failed)?;
    Ok(store)
}

fn new_database(config: &Config) -> std::path::PathBuf {
    config.database().with_extension("db.new")
}

/// Codes to type are hashed under keys that the console tells; this one is the station's own, for what else it
/// hides from its own disk.
fn keys_of(dh_secret: &[u8; 32]) -> Keys {
    let mut context = Context::new(&SHA256);
    context.update(b"bandstand station code key 1\0");
    context.update(dh_secret);
    let code_key = context.finish();
    Keys {
        dh_secret: SecretKey(Zeroizing::new(*dh_secret)),
        code_key: CodeKey(code_key.as_ref().try_into().expect("a hash has 32 bytes")),
    }
}

fn empty(joined: &Joined, dh_secret: &[u8; 32]) -> Option<Provision> {
    let none = GroupPolicy::new(PolicyId::new("none-yet").ok()?);
    Some(Provision {
        revision: 0,
        made_at_ms: 0,
        digest: [0; 32],
        organization: OrganizationId(Organization::of_key(&joined.organization_key).0),
        organization_key: joined.organization_key,
        station: StationId(joined.station.0),
        zone: convert::zone_on_air(joined.zone),
        site: joined.site.clone(),
        certificate: minicbor::decode(&joined.air_certificate).ok()?,
        dh_secret: SecretKey(Zeroizing::new(*dh_secret)),
        manufacturers: Vec::new(),
        // No key: whoever may issue tickets comes with the first rows.
        ticket_issuer: [0; 32],
        code_key: CodeKey([0; 32]),
        users: Vec::new(),
        bands: Vec::new(),
        associations: Vec::new(),
        active_group_policy: none,
        other_group_policies: Vec::new(),
        individual_policies: Vec::new(),
        operators: Vec::new(),
        tickets: Vec::new(),
    })
}

/// Key file first: a database without its key would not start.
fn install(place: &Place<'_>, dh_secret: &[u8; 32]) -> Result<(), Problem> {
    let key_file = &place.config.station.key_file;
    let (database, new) = (place.config.database(), new_database(place.config));
    keys::write_all(key_file, &[keys_of(dh_secret)], &place.seal_key)
        .map_err(|error| unwritable(key_file, &error))?;
    let moved = std::fs::File::open(&new)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&new, &database))
        .and_then(|()| keys::sync_folder(&database));
    moved.map_err(|error| unwritable(&database, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(
        Code::StoreReadOnly,
        "the station did not join",
        format!("{} cannot be written: {error}", path.display()),
        "let this user write the folder and run the command again",
    )
}

fn broken(what: &str) -> Problem {
    Problem::new(
        Code::ConsoleRefused,
        "the station did not join",
        format!("{what} does not read"),
        "run the command again with a new token",
    )
}
