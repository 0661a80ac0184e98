//! The stations: who they are, how they stand, which certificates count.

use std::collections::HashMap;

use firmware_protocol::id::StationId;
use firmware_protocol::time::UnixSeconds;
use policy::model::{UnixMillis, Zone};
use server_sync::health::Health;
use server_sync::journal::{Line, Standing};
use server_sync::{Hash, Head, StationKey};

use crate::access::Caller;
use crate::args;
use crate::audit::{self, Record};
use crate::ca::Peer;
use crate::db::{DbError, Row, Tx, Val};
use crate::store::feed::{self, Kind};
use crate::store::history::code;

/// A station.
#[derive(Clone, Debug, PartialEq)]
pub struct StationInfo {
    /// Which.
    pub id: StationId,
    /// What people call it.
    pub name: String,
    /// The site it stands at.
    pub site: String,
    /// The zone it writes.
    pub zone: Zone,
    /// When it joined, the first time.
    pub joined_at: UnixMillis,
    /// When an administrator revoked it.
    pub revoked_at: Option<UnixMillis>,
    /// Why.
    pub revoked_why: Option<String>,
    /// Why its journal is taken no more.
    pub quarantine: Option<UploadQuarantine>,
    /// The end of its journal here.
    pub head: Head,
    /// The revision of the feed at which its site or zone changed last.
    pub scope_since: u64,
    /// What it said of itself last, and when.
    pub health: Option<(Health, UnixMillis)>,
    /// Whether it has ever sent the certificate of a band: its software knows how.
    pub certifies: bool,
}

/// Why nothing more of a station's journal is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadQuarantine {
    /// Since when.
    pub since: UnixMillis,
    /// A stable code, one of [`QUARANTINE_CODES`]: `journal_fork`, `journal_changed`, `receipt_forged`, `band_key_changed`,
    /// `band_certificate_untrusted`, `band_certificate_of_another`, `band_certificate_missing`.
    pub code: String,
    /// The entry at which it was noticed.
    pub sequence: u64,
}

/// Every reason for which a station's journal is taken no more.
pub const QUARANTINE_CODES: [&str; 7] = [
    "journal_fork",
    "journal_changed",
    "receipt_forged",
    "band_key_changed",
    "band_certificate_untrusted",
    "band_certificate_of_another",
    "band_certificate_missing",
];

impl StationInfo {
    /// What the journal's receiver needs to know.
    pub(crate) fn line(&self) -> Line {
        let standing = match (&self.revoked_at, &self.quarantine) {
            (Some(_), _) => Standing::Revoked,
            (None, Some(quarantine)) => Standing::Forked {
                sequence: quarantine.sequence,
            },
            (None, None) => Standing::Good,
        };
        Line {
            station: StationKey(self.id.0),
            head: self.head,
            standing,
        }
    }
}

/// Journals whose ends are written with one statement.
const HEADS_AT_ONCE: usize = 32;

const COLUMNS: &str = "stations.id, stations.name, stations.site, stations.zone, stations.joined_at, \
     stations.revoked_at, stations.revoked_why, stations.quarantined_at, stations.quarantine_code, \
     stations.quarantine_sequence, stations.head_sequence, stations.head_hash, stations.revision, \
     stations.health, stations.health_at, stations.certifies";
/// How many columns [`COLUMNS`] has.
const COLUMN_COUNT: usize = 16;

/// Every station, by site and name.
pub fn list(tx: &Tx<'_>) -> Result<Vec<StationInfo>, DbError> {
    let sql = format!("select {COLUMNS} from stations order by site, name, id");
    tx.all(&sql, &[], read)
}

/// The station with this id.
pub fn get(tx: &Tx<'_>, id: StationId) -> Result<Option<StationInfo>, DbError> {
    let sql = format!("select {COLUMNS} from stations where id = $1");
    tx.first(&sql, args![&id.0], read)
}

fn read(row: &Row<'_>) -> Result<StationInfo, DbError> {
    let quarantine = match (row.opt_moment(7)?, row.opt_text(8)?, row.opt_int(9)?) {
        (Some(since), Some(code), sequence) => Some(UploadQuarantine {
            since,
            code,
            sequence: sequence.unwrap_or(0).max(0) as u64,
        }),
        _ => None,
    };
    let health = row.opt_bytes(13)?.and_then(|bytes| Health::from_bytes(&bytes));
    Ok(StationInfo {
        id: StationId(row.array(0)?),
        name: row.text(1)?,
        site: row.text(2)?,
        zone: row.code(3)?,
        joined_at: row.moment(4)?,
        revoked_at: row.opt_moment(5)?,
        revoked_why: row.opt_text(6)?,
        quarantine,
        head: Head {
            sequence: row.count(10)?,
            hash: Hash(row.array(11)?),
        },
        scope_since: row.count(12)?,
        health: health.zip(row.opt_moment(14)?),
        certifies: row.bool(15)?,
    })
}

/// Why a station that showed a certificate of ours gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotServed {
    /// The certificate was never issued by this console, or the console was set back behind it.
    Unknown,
    /// The certificate or the station was revoked.
    Revoked,
    /// The certificate ended while the connection was open.
    Expired,
}

/// A station that may be served, or why it may not.
pub(super) type Admitted = Result<StationInfo, NotServed>;

/// The station behind a certificate, if it may be served. What is not on the list of issued serials is
/// refused: an unknown state of revocation is a no.
pub(super) fn admit(tx: &Tx<'_>, peer: &Peer, now: UnixMillis) -> Result<Admitted, DbError> {
    let admitted = admit_all(tx, &[*peer], now)?.pop();
    Ok(admitted.unwrap_or(Err(NotServed::Unknown)))
}

/// The same for several, in their order.
fn admit_all(tx: &Tx<'_>, peers: &[Peer], now: UnixMillis) -> Result<Vec<Admitted>, DbError> {
    let mut found = Certificates::default();
    tx.each_of(&Certificates::question(), &Certificates::keys(peers), |row| {
        found.take(row)
    })?;
    Ok(peers.iter().map(|peer| found.admit(peer, now)).collect())
}

/// Certificates that were issued, by their serials, with their stations.
#[derive(Default)]
pub(super) struct Certificates(HashMap<[u8; 16], (StationInfo, Option<UnixMillis>)>);

impl Certificates {
    /// What is asked for the serials of peers.
    pub(super) fn question() -> String {
        format!(
            "select {COLUMNS}, station_certificates.revoked_at, station_certificates.serial from station_certificates \
             join stations on stations.id = station_certificates.station where station_certificates.serial in ({{}})"
        )
    }

    pub(super) fn keys(peers: &[Peer]) -> Vec<Val<'_>> {
        peers.iter().map(|peer| Val::from(&peer.serial)).collect()
    }

    /// Takes a row of the answer.
    pub(super) fn take(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        let revoked = row.opt_moment(COLUMN_COUNT)?;
        self.0.insert(row.array(COLUMN_COUNT + 1)?, (read(row)?, revoked));
        Ok(())
    }

    /// The station behind a certificate, or why it is not served.
    pub(super) fn admit(&self, peer: &Peer, now: UnixMillis) -> Admitted {
        match self.0.get(&peer.serial) {
            Some((station, _)) if station.id != peer.station => Err(NotServed::Unknown),
            None => Err(NotServed::Unknown),
            Some((station, revoked)) if revoked.is_some() || station.revoked_at.is_some() => {
                Err(NotServed::Revoked)
            }
            Some(_) if super::seconds(now) > peer.not_after => Err(NotServed::Expired),
            Some((station, _)) => Ok(station.clone()),
        }
    }
}

/// A station that joins.
pub(super) struct Joining<'a> {
    pub(super) id: StationId,
    pub(super) name: &'a str,
    pub(super) site: &'a str,
    pub(super) zone: Zone,
    pub(super) air_certificate: &'a [u8],
    pub(super) dh_key: &'a [u8; 32],
}

/// Adds the station, or brings one that joins again up to date. Its journal's end stays.
pub(super) fn put(tx: &Tx<'_>, joining: &Joining<'_>, now: UnixMillis) -> Result<(), DbError> {
    let moved = match get(tx, joining.id)? {
        Some(before) => before.site != joining.site || before.zone != joining.zone,
        None => false,
    };
    mark(tx, joining.id, joining.site)?;
    let head = feed::head(tx)?;
    let start = Hash::START;
    tx.exec(
        "insert into stations (id, name, site, zone, joined_at, head_sequence, head_hash, air_certificate, dh_key, revision) \
         values ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9) \
         on conflict (id) do update set name = excluded.name, site = excluded.site, zone = excluded.zone, \
         air_certificate = excluded.air_certificate, dh_key = excluded.dh_key",
        args![
            &joining.id.0,
            joining.name,
            joining.site,
            code(&joining.zone),
            now,
            &start.0,
            joining.air_certificate,
            joining.dh_key,
            0_i64
        ],
    )?;
    if moved {
        tx.exec(
            "update stations set revision = $1 where id = $2",
            args![head, &joining.id.0],
        )?;
    }
    Ok(())
}

/// Notes that a certificate was issued.
pub(super) fn issued(
    tx: &Tx<'_>,
    station: StationId,
    serial: &[u8; 16],
    not_after: UnixSeconds,
    authority: &[u8; 32],
    now: UnixMillis,
) -> Result<(), DbError> {
    tx.exec(
        "insert into station_certificates (serial, station, issued_at, not_after, authority) \
         values ($1, $2, $3, $4, $5)",
        args![serial, &station.0, now, not_after.0, authority],
    )?;
    Ok(())
}

/// Forgets every certificate that another authority issued: whoever shows one is nobody any more.
pub(super) fn forget_certificates_of_others(tx: &Tx<'_>, authority: &[u8; 32]) -> Result<(), DbError> {
    tx.exec(
        "delete from station_certificates where authority is null or authority <> $1",
        args![authority],
    )?;
    Ok(())
}

/// Lets every station get its own row again.
pub(super) fn mark_every(tx: &Tx<'_>) -> Result<(), DbError> {
    let stations = tx.all("select id, site from stations", &[], |row| {
        Ok((Kind::Station, StationId(row.array(0)?).to_string(), row.text(1)?))
    })?;
    feed::mark_all(tx, &stations)
}

/// Revokes every certificate of a station but the one with this serial.
pub(super) fn retire_certificates(
    tx: &Tx<'_>,
    station: StationId,
    but: &[u8; 16],
    now: UnixMillis,
) -> Result<(), DbError> {
    tx.exec(
        "update station_certificates set revoked_at = $1 where station = $2 and serial <> $3 and revoked_at is null",
        args![now, &station.0, but],
    )?;
    Ok(())
}

/// Revokes a station: it is refused from this transaction's commit on, at every console. What it could not
/// send stays with it. Whether there is such a station that was not revoked before.
pub fn revoke(tx: &Tx<'_>, id: StationId, why: &str, now: UnixMillis) -> Result<bool, DbError> {
    let changed = tx.exec(
        "update stations set revoked_at = $1, revoked_why = $2 where id = $3 and revoked_at is null",
        args![now, why, &id.0],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    tx.exec(
        "update station_certificates set revoked_at = $1 where station = $2 and revoked_at is null",
        args![now, &id.0],
    )?;
    // Wakes the polls that are held open, the station's own among them.
    let site = get(tx, id)?.map(|station| station.site).unwrap_or_default();
    mark(tx, id, &site)?;
    Ok(true)
}

/// Takes a station's journal again, from where it ends here: what was kept for review stays there.
pub fn settle(tx: &Tx<'_>, id: StationId) -> Result<bool, DbError> {
    let changed = tx.exec(
        "update stations set quarantined_at = null, quarantine_code = null, quarantine_sequence = null \
         where id = $1 and quarantined_at is not null",
        args![&id.0],
    )?;
    Ok(changed > 0)
}

/// Takes nothing more of a station's journal, and says so in the audit.
pub fn quarantine(
    tx: &Tx<'_>,
    id: StationId,
    code: &str,
    sequence: u64,
    now: UnixMillis,
) -> Result<(), DbError> {
    let changed = tx.exec(
        "update stations set quarantined_at = $1, quarantine_code = $2, quarantine_sequence = $3 \
         where id = $4 and quarantined_at is null",
        args![now, code, sequence, &id.0],
    )?;
    if changed == 0 {
        return Ok(());
    }
    let site = get(tx, id)?.map(|station| station.site).unwrap_or_default();
    let record = Record {
        action: "station_quarantine",
        subject_kind: "station",
        subject: &id.to_string(),
        site: &site,
        after: serde_json::json!({ "code": code, "sequence": sequence }),
        ..Record::default()
    };
    audit::append(tx, &Caller::console(), &record, now)
}

/// This station's software sends bands' certificates, and always will (0037).
pub(crate) fn set_certifies(tx: &Tx<'_>, id: StationId) -> Result<(), DbError> {
    tx.exec("update stations set certifies = true where id = $1", args![&id.0])?;
    Ok(())
}

/// The journals are stored up to here.
pub(crate) fn set_heads(tx: &Tx<'_>, heads: &[(StationId, Head)]) -> Result<(), DbError> {
    if tx.is_postgres() && heads.len() > 1 {
        return set_heads_at_once(tx, heads);
    }
    for (id, head) in heads {
        tx.exec_later(
            "update stations set head_sequence = $1, head_hash = $2 where id = $3",
            args![head.sequence, &head.hash.0, &id.0],
        )?;
    }
    Ok(())
}

/// With a server at the end of a socket a statement costs a way there and back, which is more than its work.
fn set_heads_at_once(tx: &Tx<'_>, heads: &[(StationId, Head)]) -> Result<(), DbError> {
    for heads in heads.chunks(HEADS_AT_ONCE) {
        let row = |place: usize| {
            format!(
                "(${}::bytea, ${}::bigint, ${}::bytea)",
                place + 1,
                place + 2,
                place + 3
            )
        };
        let rows: Vec<String> = (0..heads.len()).map(|number| row(number * 3)).collect();
        let sql = format!(
            "update stations set head_sequence = told.sequence, head_hash = told.hash \
             from (values {}) told (id, sequence, hash) where stations.id = told.id",
            rows.join(", ")
        );
        let values = heads
            .iter()
            .flat_map(|(id, head)| [Val::from(&id.0), head.sequence.into(), (&head.hash.0).into()]);
        tx.exec_later(&sql, &values.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Keeps what a station says of itself.
pub(super) fn set_health(tx: &Tx<'_>, id: StationId, health: &[u8], now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update stations set health = $1, health_at = $2, last_seen_at = $2 where id = $3",
        args![health, now, &id.0],
    )?;
    Ok(())
}

fn mark(tx: &Tx<'_>, id: StationId, site: &str) -> Result<(), DbError> {
    feed::mark(tx, Kind::Station, &id.to_string(), site)
}

/// Something of a journal that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Names it.
    pub id: [u8; 32],
    /// Whose journal.
    pub station: StationId,
    /// When it came.
    pub received_at: UnixMillis,
    /// Why it waits, by a stable code.
    pub code: String,
    /// The entry.
    pub sequence: u64,
    /// More, for people.
    pub detail: String,
}

/// What of this station's journal waits for a person, the newest first.
pub fn reviews(tx: &Tx<'_>, id: StationId, limit: usize) -> Result<Vec<Review>, DbError> {
    tx.all(
        "select id, station, received_at, code, sequence, detail from journal_review where station = $1 \
         order by received_at desc, sequence desc limit $2",
        args![&id.0, limit],
        |row| {
            Ok(Review {
                id: row.array(0)?,
                station: StationId(row.array(1)?),
                received_at: row.moment(2)?,
                code: row.text(3)?,
                sequence: row.count(4)?,
                detail: row.text(5)?,
            })
        },
    )
}
