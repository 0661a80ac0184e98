//! The rows that one station may see, as they are now, for keys that changed.

use std::collections::HashMap;

use firmware_protocol::id::OrganizationId;
use policy::model::{AssociationId, BandSerial, GroupPolicy, IndividualPolicy, PolicyId, UserId};
use serde::{Deserialize, Serialize};
use server_sync::StationKey;
use server_sync::feed::{
    ActiveGroupPolicyRow, AssociationRow, BandRow, GroupPolicyRow, IndividualPolicyRow, KeyKind, KeyRow,
    OperatorRow, RemovedRow, Rights, Row, RowKey, StationRow, TicketRow, TicketState, UserRow,
};
use station_core::replica::derived_handle;

use super::stations::StationInfo;
use crate::acts::tickets::TICKET_MS_MAX;
use crate::db::{DbError, Row as Columns, Tx, Val};
use crate::store::feed::{Kind, Mark};
use crate::store::{associations, settings};
use crate::vault::{Vault, names};

/// Reads what stands behind marks of the feed.
pub(super) struct Reader<'a> {
    pub(super) tx: &'a Tx<'a>,
    pub(super) vault: &'a Vault,
    pub(super) station: &'a StationInfo,
    pub(super) organization: OrganizationId,
    pub(super) wishes: Wishes,
}

/// How the console wants stations to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wishes {
    pub(super) hold_s: u16,
    pub(super) health_every_s: u32,
}

impl Wishes {
    pub(super) fn of(config: &crate::config::Sync) -> Self {
        Self {
            hold_s: config.hold_s,
            health_every_s: config.health_every_s,
        }
    }

    /// Lets every station hear these where they are not those it heard.
    pub(super) fn tell(self, tx: &Tx<'_>) -> Result<(), DbError> {
        let told = settings::get::<Self>(tx, WISHES)?;
        if told.is_some_and(|(told, _)| told == self) {
            return Ok(());
        }
        settings::put(tx, WISHES, &self)?;
        super::stations::mark_every(tx)
    }
}

/// The setting that remembers what stations were told.
const WISHES: &str = "wishes_told";

type Found = HashMap<String, Row>;

impl Reader<'_> {
    /// For each mark the row that this station gets: what it says now, or that it is gone; nothing if it was
    /// never this station's to see.
    pub(super) fn rows(&self, marks: &[Mark]) -> Result<Vec<(u64, Option<Row>)>, DbError> {
        let mut found = HashMap::new();
        for kind in Kind::ALL {
            let seen = |mark: &&Mark| mark.kind == kind && self.is_mine(mark);
            let keys: Vec<&str> = marks.iter().filter(seen).map(|mark| mark.key.as_str()).collect();
            if !keys.is_empty() {
                found.insert(kind as u8, self.read(kind, &keys)?);
            }
        }
        let row = |mark: &Mark| {
            let row = found
                .get_mut(&(mark.kind as u8))
                .and_then(|rows| rows.remove(&mark.key));
            (mark.revision, row.or_else(|| self.removed(mark)))
        };
        Ok(marks.iter().map(row).collect())
    }

    fn is_mine(&self, mark: &Mark) -> bool {
        match mark.kind {
            Kind::Station => mark.key == self.station.id.to_string(),
            _ => mark.site.is_empty() || mark.site == self.station.site,
        }
    }

    /// What this station may still have and shall not have any more.
    fn removed(&self, mark: &Mark) -> Option<Row> {
        let had = self.is_mine(mark)
            || mark
                .left_sites
                .iter()
                .any(|site| site.is_empty() || *site == self.station.site);
        if !had || mark.kind == Kind::Station {
            return None;
        }
        let key = key_bytes(mark)?;
        let kind = mark.kind as u8;
        Some(RemovedRow { kind, key }.into())
    }

    fn read(&self, kind: Kind, keys: &[&str]) -> Result<Found, DbError> {
        match kind {
            Kind::User => self.users(keys),
            Kind::Band => self.bands(keys),
            Kind::Association => self.associations(keys),
            Kind::GroupPolicy => self.policies("group", keys, |policy: &GroupPolicy| {
                GroupPolicyRow::of(policy).into()
            }),
            Kind::IndividualPolicy => self.policies("individual", keys, |policy: &IndividualPolicy| {
                IndividualPolicyRow::of(policy).into()
            }),
            Kind::ActiveGroupPolicy => self.active_group_policy(),
            Kind::Operator => self.operators(keys),
            Kind::Ticket => self.tickets(keys),
            Kind::Key => self.keys(),
            Kind::Station => Ok([(self.station.id.to_string(), self.own_row()?)].into()),
        }
    }

    fn users(&self, keys: &[&str]) -> Result<Found, DbError> {
        let sql = "select id, handle, name, site, status, label, policy, suspended_since from users where id in ({})";
        self.each(sql, &texts(keys), |row| {
            let id: UserId = row.parse(0)?;
            let handle: [u8; 16] = row.array(1)?;
            let derived = derived_handle(self.organization, id.as_str()).0;
            let label = row.text(5)?;
            Ok((
                id.as_str().to_owned(),
                UserRow {
                    name: row.text(2)?,
                    site: row.text(3)?,
                    status: row.code(4)?,
                    label: Some(label).filter(|label| !label.is_empty()),
                    suspended_since_ms: row.opt_int(7)?,
                    policy: row.opt_parse::<PolicyId>(6)?,
                    handle: Some(handle).filter(|handle| *handle != derived),
                    id,
                }
                .into(),
            ))
        })
    }

    fn bands(&self, keys: &[&str]) -> Result<Found, DbError> {
        let sql = "select serial, seos, stock from bands where serial in ({})";
        self.each(sql, &texts(keys), |row| {
            let serial: BandSerial = row.parse(0)?;
            let band = BandRow {
                serial,
                seos: row.bool(1)?,
                stock: row.code(2)?,
            };
            Ok((serial.as_str().to_owned(), band.into()))
        })
    }

    fn associations(&self, keys: &[&str]) -> Result<Found, DbError> {
        let sql = format!(
            "select {} from associations where id in ({{}})",
            associations::COLUMNS
        );
        self.each(&sql, &ids(keys), |row| {
            let association = associations::read(row)?;
            // No station needs the key that a band made.
            Ok((
                association.id.to_string(),
                AssociationRow::of(&association, None).into(),
            ))
        })
    }

    fn policies<P: serde::de::DeserializeOwned>(
        &self,
        kind: &'static str,
        keys: &[&str],
        told: impl Fn(&P) -> Row,
    ) -> Result<Found, DbError> {
        let sql = "select id, body, kind from policies where id in ({})";
        let mut found = Found::new();
        self.tx.each_of(sql, &texts(keys), |row| {
            if row.text(2)? == kind {
                found.insert(row.text(0)?, told(&row.json(1)?));
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn active_group_policy(&self) -> Result<Found, DbError> {
        let policy = settings::require::<PolicyId>(self.tx, settings::names::ACTIVE_GROUP_POLICY)?;
        Ok([(String::new(), ActiveGroupPolicyRow { policy }.into())].into())
    }

    fn operators(&self, keys: &[&str]) -> Result<Found, DbError> {
        let mut found = Found::new();
        let sql = "select id, pin, rights, usr, sites from operators where id in ({})";
        self.tx.each_of(sql, &texts(keys), |row| {
            let sites = row.text(4)?;
            if !sites.is_empty() && !sites.lines().any(|site| site == self.station.site) {
                return Ok(());
            }
            let id = row.text(0)?;
            let operator = OperatorRow {
                id: id.clone(),
                pin: row.text(1)?,
                rights: rights(&row.text(2)?),
                user: row.opt_parse::<UserId>(3)?,
            };
            found.insert(id, operator.into());
            Ok(())
        })?;
        Ok(found)
    }

    fn tickets(&self, keys: &[&str]) -> Result<Found, DbError> {
        let mut found = Found::new();
        let sql = "select id, usr, site, zone, not_before, expires, code_hash, revoked_ms, spent_ms, spent_for \
                   from tickets where id in ({})";
        self.tx.each_of(sql, &ids(keys), |row| {
            let ticket = ticket(row)?;
            if ticket.zone == self.station.zone && ticket.site == self.station.site {
                found.insert(data_encoding::HEXLOWER.encode(&ticket.id), ticket.into());
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// All keys: they are few.
    fn keys(&self) -> Result<Found, DbError> {
        let mut found = Found::new();
        let sql = "select kind, id, public_key, not_before, retired_ms from public_keys";
        self.tx.each(sql, &[], |row| {
            let (name, id) = (row.text(0)?, row.text(1)?);
            let (Some(kind), Ok(number)) = (key_kind(&name), id.parse()) else {
                return Ok(());
            };
            let bytes = match kind {
                KeyKind::Code => self.code_key(&id)?,
                _ => row.array(2)?,
            };
            let key = KeyRow {
                kind,
                id: number,
                bytes,
                not_before_ms: row.count(3)?,
                retired_at_ms: row.opt_int(4)?.map(|at| counts_until(kind, at.max(0) as u64)),
            };
            found.insert(format!("{name}:{id}"), key.into());
            Ok(())
        })?;
        Ok(found)
    }

    fn code_key(&self, id: &str) -> Result<[u8; 32], DbError> {
        let key = self.vault.require_key(self.tx, &format!("{}{id}", names::CODE))?;
        Ok(*key)
    }

    fn own_row(&self) -> Result<Row, DbError> {
        Ok(StationRow {
            station: StationKey(self.station.id.0),
            name: self.station.name.clone(),
            site: self.station.site.clone(),
            zone: self.station.zone,
            hold_s: Some(self.wishes.hold_s),
            health_every_s: Some(self.wishes.health_every_s),
            authorities: super::authority::told(self.tx, self.vault)?,
        }
        .into())
    }

    fn each(
        &self,
        sql: &str,
        keys: &[Val<'_>],
        read: impl Fn(&Columns<'_>) -> Result<(String, Row), DbError>,
    ) -> Result<Found, DbError> {
        let mut found = Found::with_capacity(keys.len());
        self.tx.each_of(sql, keys, |row| {
            let (key, row) = read(row)?;
            found.insert(key, row);
            Ok(())
        })?;
        Ok(found)
    }
}

fn ticket(row: &Columns<'_>) -> Result<TicketRow, DbError> {
    let state = match (row.opt_int(7)?, row.opt_int(8)?) {
        (Some(_), _) => TicketState::Revoked,
        (None, Some(_)) => TicketState::Spent,
        (None, None) => TicketState::Unspent,
    };
    Ok(TicketRow {
        id: row.array(0)?,
        user: row.parse(1)?,
        site: row.text(2)?,
        zone: row.code(3)?,
        not_before_s: row.count(4)?,
        expires_s: row.count(5)?,
        state,
        code_hash: row.opt_array(6)?,
        spent_for: row.opt_array(9)?,
    })
}

fn rights(text: &str) -> Rights {
    let of = |word: &str| match word {
        "vouch" => Rights::VOUCH,
        "confirm_clock" => Rights::CONFIRM_CLOCK,
        "close_intents" => Rights::CLOSE_INTENTS,
        "diagnose" => Rights::DIAGNOSE,
        "check_bands" => Rights::CHECK_BANDS,
        _ => Rights::default(),
    };
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.map(of).fold(Rights::default(), Rights::with)
}

/// Until when a station believes what was made with a key: tickets and codes that were given out before the key was
/// retired hold to their own end.
fn counts_until(kind: KeyKind, retired_ms: u64) -> u64 {
    match kind {
        KeyKind::TicketIssuer | KeyKind::Code => retired_ms + TICKET_MS_MAX,
        KeyKind::Manufacturer => retired_ms,
    }
}

fn key_kind(name: &str) -> Option<KeyKind> {
    match name {
        "ticket" | "ticket_issuer" => Some(KeyKind::TicketIssuer),
        "code" => Some(KeyKind::Code),
        "manufacturer" => Some(KeyKind::Manufacturer),
        _ => None,
    }
}

/// The key as it crosses the wire.
fn key_bytes(mark: &Mark) -> Option<Vec<u8>> {
    let key = match mark.kind {
        Kind::Association => RowKey::Association(AssociationId(id_of(&mark.key)?)),
        Kind::Ticket => RowKey::Ticket(id_of(&mark.key)?),
        Kind::Key => {
            let (kind, id) = mark.key.split_once(':')?;
            RowKey::Key(key_kind(kind)?, id.parse().ok()?)
        }
        Kind::ActiveGroupPolicy | Kind::Station => return None,
        _ => return Some(mark.key.clone().into_bytes()),
    };
    Some(key.to_bytes())
}

fn id_of(digits: &str) -> Option<[u8; 16]> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .ok()?;
    bytes.try_into().ok()
}

fn texts<'k>(keys: &[&'k str]) -> Vec<Val<'k>> {
    keys.iter().map(|key| Val::from(*key)).collect()
}

fn ids(keys: &[&str]) -> Vec<Val<'static>> {
    keys.iter()
        .filter_map(|key| id_of(key))
        .map(|id| Val::from(id.to_vec()))
        .collect()
}
