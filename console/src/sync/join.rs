//! Joining and renewing: a station gets its certificates, and what it has to know of the console.

use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::id::StationId;
use policy::model::{UnixMillis, Zone};
use server_sync::join::{Der, JoinAnswer, JoinFault, JoinRequest, Joined, RenewRequest};
use server_sync::{Lineage, Organization, StationKey, Versions};
use station_core::convert;

use super::authority;
use super::stations::{self, Joining, NotServed, admit};
use super::{seconds, tokens};
use crate::ca::{self, Peer, Validity};
use crate::db::{DbError, Tx};
use crate::edge::random;
use crate::serve::App;
use crate::store::settings;

/// The part of a certificate's time after which a station renews it stands in the station; here is how long the
/// certificate for bands outlives the one for the console, so that a station that was cut off goes on enrolling.
const AIR_SECONDS_MORE: u64 = 30 * 86_400;

/// What is signed for a station.
struct Order {
    station: StationId,
    name: String,
    site: String,
    zone: Zone,
    csr_der: Vec<u8>,
    dh_key: [u8; 32],
    serial: [u8; 16],
}

/// Answers a request to join. Within one transaction the token is used up and the station is there; a request
/// that comes again with the same key, because its answer was lost, is answered again.
pub(super) async fn join(app: &App, bytes: &[u8]) -> Result<JoinAnswer, DbError> {
    let Some(request) = JoinRequest::from_bytes(bytes) else {
        return Ok(JoinAnswer::Refused(JoinFault::Malformed));
    };
    if let Err(fault) = Versions::OURS.common(request.versions) {
        return Ok(JoinAnswer::Refused(JoinFault::Version { console: fault.ours }));
    }
    let Ok(key) = ca::request_key_digest(&request.csr_der) else {
        return Ok(JoinAnswer::Refused(JoinFault::BadRequest));
    };
    let fresh = StationId(draw()?);
    let serial = ca::serial(draw()?);
    let (vault, now) = (app.vault.clone(), app.now());
    let lifetime = lifetime(app);
    let answer = app.db.write(move |tx| {
        let admitted = admit_joining(tx, &request, &key, fresh, now)?;
        let (station, token) = match admitted {
            Ok(admitted) => admitted,
            Err(fault) => return Ok::<_, DbError>(JoinAnswer::Refused(fault)),
        };
        let order = Order {
            station,
            name: token.what.name.clone(),
            site: token.what.site.clone(),
            zone: token.what.zone,
            csr_der: request.csr_der.clone(),
            dh_key: request.dh_key,
            serial,
        };
        tokens::spend(tx, &token.hash, station, &key, now)?;
        let answer = issue(tx, &vault, &order, lifetime, now)?;
        // Whoever had this station's earlier certificates is not this station any more.
        stations::retire_certificates(tx, station, &serial, now)?;
        Ok(answer)
    });
    answer.await
}

/// Who the station will be and by which token, or why it is not taken in.
fn admit_joining(
    tx: &Tx<'_>,
    request: &JoinRequest,
    key: &[u8; 32],
    fresh: StationId,
    now: UnixMillis,
) -> Result<Result<(StationId, tokens::TokenInfo), JoinFault>, DbError> {
    let ours = Organization::of_key(&settings::organization_key(tx)?);
    if let Some(found) = request.organization.filter(|found| *found != ours) {
        return Ok(Err(JoinFault::OtherOrganization { found }));
    }
    let hash = station_core::sync::digest_of(&request.token);
    let Some(token) = tokens::get(tx, &hash)? else {
        return Ok(Err(JoinFault::UnknownToken));
    };
    if token.spent_at.is_some() {
        return Ok(match (token.spent_by, token.spent_key) {
            (Some(station), Some(by)) if by == *key && not_revoked(tx, station)? => Ok((station, token)),
            _ => Err(JoinFault::TokenSpent),
        });
    }
    if now > token.what.expires_at {
        return Ok(Err(JoinFault::TokenExpired));
    }
    let station = match (token.what.station, request.station) {
        (Some(meant), Some(found)) if meant.0 != found.0 => {
            return Ok(Err(JoinFault::StationTaken { station: found }));
        }
        (Some(meant), _) => meant,
        (None, Some(found)) => StationId(found.0),
        (None, None) => fresh,
    };
    match stations::get(tx, station)? {
        Some(known) => Ok(admit_known(&known, request, &token).map(|()| (station, token))),
        None => Ok(Ok((station, token))),
    }
}

fn not_revoked(tx: &Tx<'_>, station: StationId) -> Result<bool, DbError> {
    Ok(stations::get(tx, station)?.is_some_and(|station| station.revoked_at.is_none()))
}

/// A station that the console knows joins again: only with a token that was made for it, and with the journal
/// that the console knows.
fn admit_known(
    known: &stations::StationInfo,
    request: &JoinRequest,
    token: &tokens::TokenInfo,
) -> Result<(), JoinFault> {
    let station = StationKey(known.id.0);
    if known.revoked_at.is_some() {
        return Err(JoinFault::Revoked);
    }
    if token.what.station.is_none() {
        return Err(JoinFault::StationTaken { station });
    }
    let Some(end) = request.journal else {
        return match known.head.sequence {
            0 => Ok(()),
            // A new disk under an old name would write its journal's numbers a second time.
            _ => Err(JoinFault::Fork { sequence: 1 }),
        };
    };
    if end.sequence < known.head.sequence {
        return Err(JoinFault::Fork {
            sequence: end.sequence + 1,
        });
    }
    let same = end.sequence > known.head.sequence || end.hash == known.head.hash;
    match same {
        true => Ok(()),
        false => Err(JoinFault::Fork {
            sequence: end.sequence,
        }),
    }
}

/// Answers a request for new certificates by a station that still has good ones.
pub(super) async fn renew(
    app: &App,
    peer: Peer,
    bytes: &[u8],
) -> Result<Result<JoinAnswer, NotServed>, DbError> {
    let Some(request) = RenewRequest::from_bytes(bytes) else {
        return Ok(Ok(JoinAnswer::Refused(JoinFault::Malformed)));
    };
    if ca::request_key_digest(&request.csr_der).is_err() {
        return Ok(Ok(JoinAnswer::Refused(JoinFault::BadRequest)));
    }
    let serial = ca::serial(draw()?);
    let (vault, now) = (app.vault.clone(), app.now());
    let lifetime = lifetime(app);
    let answer = app.db.write(move |tx| {
        let station = match admit(tx, &peer, now)? {
            Ok(station) => station,
            Err(refused) => return Ok::<_, DbError>(Err(refused)),
        };
        let order = Order {
            station: station.id,
            name: station.name,
            site: station.site,
            zone: station.zone,
            csr_der: request.csr_der.clone(),
            dh_key: request.dh_key,
            serial,
        };
        issue(tx, &vault, &order, lifetime, now).map(Ok)
    });
    answer.await
}

fn lifetime(app: &App) -> u64 {
    u64::from(app.config.sync.certificate_days) * 86_400
}

/// Signs both certificates and writes them down.
fn issue(
    tx: &Tx<'_>,
    vault: &crate::vault::Vault,
    order: &Order,
    lifetime: u64,
    now: UnixMillis,
) -> Result<JoinAnswer, DbError> {
    let validity = Validity::starting(seconds(now), lifetime);
    let authorities = authority::all(tx, vault)?;
    let authorities = authorities.ok_or_else(|| DbError::Damaged("there is no authority".into()))?;
    let newest = authorities.newest();
    let certificate = newest.station(&order.csr_der, order.station, order.serial, validity);
    let Ok(certificate) = certificate else {
        return Ok(JoinAnswer::Refused(JoinFault::BadRequest));
    };
    let air_validity = Validity::starting(seconds(now), lifetime + AIR_SECONDS_MORE);
    let organization = authority::organization_key(tx, vault)?;
    let air = StationCertificate {
        organization_key: organization.verifying_key().to_bytes(),
        station: order.station,
        dh_key: order.dh_key,
        zone: convert::zone_on_air(order.zone),
        not_before: air_validity.not_before,
        not_after: air_validity.not_after,
    };
    let air = minicbor::to_vec(air.sign(&organization)).expect("memory takes everything");
    let joining = Joining {
        id: order.station,
        name: &order.name,
        site: &order.site,
        zone: order.zone,
        air_certificate: &air,
        dh_key: &order.dh_key,
    };
    stations::put(tx, &joining, now)?;
    stations::issued(
        tx,
        order.station,
        &order.serial,
        validity.not_after,
        &newest.fingerprint(),
        now,
    )?;
    let joined = Joined {
        station: StationKey(order.station.0),
        name: order.name.clone(),
        site: order.site.clone(),
        zone: order.zone,
        certificates_der: vec![Der(certificate.to_vec())],
        authority_der: authorities.present.certificate().to_vec(),
        not_after_s: validity.not_after.0,
        air_certificate: air,
        air_not_after_s: air_validity.not_after.0,
        organization_key: organization.verifying_key().to_bytes(),
        feed_keys: authority::key_list(tx, vault, now)?,
        lineage: Lineage(settings::lineage(tx)?),
        time_ms: now.0.max(0) as u64,
        versions: Versions::OURS,
        authorities_der: authority::told(tx, vault)?.map(|_| {
            let all = authorities.certificates();
            all.iter().map(|certificate| Der(certificate.to_vec())).collect()
        }),
    };
    Ok(JoinAnswer::Joined(Box::new(joined)))
}

fn draw<const N: usize>() -> Result<[u8; N], DbError> {
    random().map_err(|error| DbError::Failed(error.to_string()))
}
