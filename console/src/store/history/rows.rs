//! The rows that follow from history, and how they are replaced where they differ.

use std::collections::{BTreeMap, BTreeSet};

use policy::merge::{Event, Oddity, Quarantined, Stamp, State, UserState, merge};
use policy::model::{
    Association, AssociationId, Band, BandSerial, StationId, StockState, UnixMillis, UserId,
};
use station_core::replica::derived_handle;

use super::reach::Part;
use super::said::{Whole, keys};
use crate::args;
use crate::db::{DbError, Row, Tx, Val};
use crate::store::feed::{self, Kind};
use crate::store::{associations, settings};

/// What an append changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// How many entries were new.
    pub new_entries: usize,
    /// Users whose rows changed.
    pub users: BTreeSet<UserId>,
    /// Bands whose rows changed.
    pub bands: BTreeSet<BandSerial>,
    /// Associations whose rows changed.
    pub associations: BTreeSet<AssociationId>,
    /// Associations that came into quarantine.
    pub quarantined: BTreeSet<AssociationId>,
    /// Associations that left quarantine.
    pub released: BTreeSet<AssociationId>,
}

/// What is stored of a part, and for what it was asked.
#[derive(Debug, Default)]
pub(super) struct Stored {
    users: BTreeMap<UserId, (UserState, String)>,
    bands: BTreeMap<BandSerial, Band>,
    associations: BTreeMap<AssociationId, Association>,
    quarantine: BTreeMap<AssociationId, Quarantined>,
    oddities: BTreeSet<(AssociationId, String)>,
    asked: Whole,
}

/// Folds the part and replaces what differs. Marks that, and what `more` finds when the rows are there.
pub(super) fn replace(
    tx: &Tx<'_>,
    part: &Part,
    mut stored: Stored,
    now: UnixMillis,
    new_entries: usize,
    more: impl FnOnce(&After<'_>) -> Result<Vec<Marked>, DbError>,
) -> Result<Folded, DbError> {
    let state = fold(part);
    stored.complete(tx, part, &state)?;
    let mut change = Change {
        tx,
        part,
        state: &state,
        stored: &stored,
        now,
        folded: Folded {
            new_entries,
            ..Folded::default()
        },
        marks: Vec::new(),
    };
    let sites = change.users()?;
    change.bands()?;
    change.associations(&sites)?;
    change.quarantine()?;
    change.oddities()?;
    let Change {
        folded, mut marks, ..
    } = change;
    let after = Some((part, &state, &sites));
    marks.extend(more(&After(after))?);
    feed::mark_all(tx, &marks)?;
    Ok(folded)
}

/// What the rows say after an append, as far as it folded them.
pub(crate) struct After<'a>(Option<(&'a Part, &'a State, &'a BTreeMap<UserId, String>)>);

impl After<'_> {
    /// Nothing was folded.
    pub(super) const NOTHING: Self = Self(None);

    /// The open associations of these bands and of these users, who have to be folded here.
    pub(crate) fn open(&self, bands: &BTreeSet<BandSerial>, users: &BTreeSet<UserId>) -> Vec<Marked> {
        let Some((part, state, sites)) = self.0 else {
            return Vec::new();
        };
        let is_open = |a: &&Association| a.is_open() && part.decides(a);
        let is_of = |a: &&Association| bands.contains(&a.band) || users.contains(&a.user);
        let open = state.associations.values().filter(is_open).filter(is_of);
        let site = |a: &Association| sites.get(&a.user).cloned().unwrap_or_default();
        open.map(|a| (Kind::Association, a.id.to_string(), site(a)))
            .collect()
    }

    pub(crate) fn has_band(&self, band: &BandSerial) -> bool {
        self.0.is_some_and(|(part, ..)| part.bands.contains(band))
    }

    pub(crate) fn has_user(&self, user: &UserId) -> bool {
        self.0.is_some_and(|(part, ..)| part.users.contains(user))
    }
}

pub(super) fn fold(part: &Part) -> State {
    let mut state = merge(&part.entries);
    forget_unlisted(&mut state, part);
    state
}

/// A band of which nobody said that it is on the stock list is not on it, though somebody enrolled it.
fn forget_unlisted(state: &mut State, part: &Part) {
    let listed: BTreeSet<BandSerial> = part
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::BandStands { band } => Some(band.serial),
            _ => None,
        })
        .collect();
    for band in state
        .bands
        .values_mut()
        .filter(|band| !listed.contains(&band.serial))
    {
        band.stock = StockState::Unknown;
    }
}

impl Part {
    /// The associations whose rows this part decides: those of its users. Everybody who ever had one of its bands
    /// is among them.
    fn decides(&self, association: &Association) -> bool {
        self.users.contains(&association.user)
    }
}

/// Bands as they are stored.
const BANDS: &str = "select serial, seos, stock from bands where serial in ({})";
/// What of associations is in quarantine.
const QUARANTINE: &str = "select association, cause, rival from quarantine where association in ({})";
/// What could not be applied.
const ODDITIES: &str = "select association, oddity from oddities where association in ({})";

impl Stored {
    /// What is asked of bands and associations before anything is known of them, for [`take`](Self::take).
    pub(super) fn questions() -> [(Kept, String); 4] {
        [
            (Kept::Band, BANDS.to_owned()),
            (Kept::Association, associations()),
            (Kept::Quarantine, QUARANTINE.to_owned()),
            (Kept::Oddity, ODDITIES.to_owned()),
        ]
    }

    /// Notes for what it was asked already.
    pub(super) fn was_asked(&mut self, of: Whole) {
        self.asked.associations.extend(of.associations);
        self.asked.bands.extend(of.bands);
        self.asked.users.extend(of.users);
    }

    /// Asks for what of the part was not asked for yet.
    fn complete(&mut self, tx: &Tx<'_>, part: &Part, state: &State) -> Result<(), DbError> {
        let (asked, made) = (&self.asked, state.associations.keys());
        let users = keys(part.users.difference(&asked.users));
        let bands = keys(part.bands.difference(&asked.bands));
        let ids: Vec<AssociationId> = made
            .copied()
            .filter(|id| !asked.associations.contains(id))
            .collect();
        let named = part.associations.iter().chain(state.associations.keys());
        let named: BTreeSet<_> = named
            .filter(|id| !asked.associations.contains(id))
            .copied()
            .collect();
        let (ids, named, associations) = (keys(&ids), keys(&named), associations());
        let users_sql =
            "select id, status, suspended_since, suspended_note, site from users where id in ({})";
        let kept = [
            Kept::User,
            Kept::Band,
            Kept::Association,
            Kept::Quarantine,
            Kept::Oddity,
        ];
        let questions: [(&str, &[Val<'_>]); 5] = [
            (users_sql, &users),
            (BANDS, &bands),
            (&associations, &ids),
            (QUARANTINE, &ids),
            (ODDITIES, &named),
        ];
        let mut found = Self::default();
        tx.each_at_once(&questions, |number, row| found.take(kept[number], row))?;
        self.users.extend(found.users);
        self.bands.extend(found.bands);
        self.associations.extend(found.associations);
        self.quarantine.extend(found.quarantine);
        self.oddities.extend(found.oddities);
        Ok(())
    }

    /// Takes a row of an answer.
    pub(super) fn take(&mut self, kept: Kept, row: &Row<'_>) -> Result<(), DbError> {
        match kept {
            Kept::User => {
                let id = row.parse(0)?;
                self.users.insert(id, (user_state(row, 1)?, row.text(4)?));
            }
            Kept::Band => {
                let band = read_band(row)?;
                self.bands.insert(band.serial, band);
            }
            Kept::Association => {
                let association = associations::read(row)?;
                self.associations.insert(association.id, association);
            }
            Kept::Quarantine => {
                let rival = row.opt_array(2)?.map(AssociationId);
                let cause = row.code(1)?;
                let id = AssociationId(row.array(0)?);
                self.quarantine.insert(id, Quarantined { cause, rival });
            }
            Kept::Oddity => {
                self.oddities.insert((AssociationId(row.array(0)?), row.text(1)?));
            }
        }
        Ok(())
    }

    /// Takes a user whose row was read for another reason.
    pub(super) fn take_user(&mut self, id: UserId, stands: UserState, site: String) {
        self.asked.users.insert(id.clone());
        self.users.insert(id, (stands, site));
    }
}

/// A row of what.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    User,
    Band,
    Association,
    Quarantine,
    Oddity,
}

fn associations() -> String {
    format!(
        "select {} from associations where id in ({{}})",
        associations::COLUMNS
    )
}

/// Reads `status, suspended_since, suspended_note` from `column` on.
pub(super) fn user_state(row: &Row<'_>, column: usize) -> Result<UserState, DbError> {
    Ok(UserState {
        status: row.code(column)?,
        suspension: associations::suspension(row, column + 1)?,
    })
}

fn read_band(row: &Row<'_>) -> Result<Band, DbError> {
    Ok(Band {
        serial: row.parse(0)?,
        seos: row.bool(1)?,
        stock: row.code(2)?,
    })
}

struct Change<'a> {
    tx: &'a Tx<'a>,
    part: &'a Part,
    state: &'a State,
    stored: &'a Stored,
    now: UnixMillis,
    folded: Folded,
    marks: Vec<Marked>,
}

/// What is marked in the feed: kind, key, site.
pub(crate) type Marked = (Kind, String, String);

/// The text under which a value of a closed list is stored: its serde form.
pub(crate) fn code(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        other => unreachable!("a value of a closed list is a text, not {other:?}"),
    }
}

impl Change<'_> {
    /// Users whose standing differs. Returns the site of each user of the part.
    fn users(&mut self) -> Result<BTreeMap<UserId, String>, DbError> {
        let (part, state, stored) = (self.part, self.state, self.stored);
        let mut values = Vec::new();
        let organization = match part.users.iter().all(|user| stored.users.contains_key(user)) {
            true => None,
            false => Some(settings::organization_id(self.tx)?),
        };
        for user in &part.users {
            let stands = state.users.get(user).cloned().unwrap_or_default();
            let known = stored.users.get(user);
            if known.is_some_and(|(known, _)| *known == stands) {
                continue;
            }
            // A handle matters for a new row only; for a known one the conflict keeps what is there.
            let handle = organization.map(|id| derived_handle(id, user.as_str()).0);
            let (since, note) = stands.suspension.map(|it| (it.since.0, it.note)).unzip();
            values.extend([
                user.into(),
                Val::from(handle.unwrap_or(known_handle(user)).to_vec()),
                code(&stands.status).into(),
                since.into(),
                note.into(),
                user.as_str().to_lowercase().into(),
                self.now.into(),
                self.now.into(),
            ]);
            let site = known.map_or("", |(_, site)| site.as_str());
            self.marks.push((Kind::User, user.to_string(), site.to_owned()));
            self.folded.users.insert(user.clone());
        }
        self.tx.insert_later(
            "insert into users (id, handle, status, suspended_since, suspended_note, search, created_ms, \
             changed_ms, name, site, label, policy, mail, note, version)",
            USER_WIDTH,
            &with_defaults(values),
            "on conflict (id) do update set status = excluded.status, suspended_since = excluded.suspended_since, \
             suspended_note = excluded.suspended_note, changed_ms = excluded.changed_ms, version = users.version + 1",
        )?;
        let sites = part.users.iter().map(|user| {
            let site = stored.users.get(user).map(|(_, site)| site.clone());
            (user.clone(), site.unwrap_or_default())
        });
        Ok(sites.collect())
    }

    fn bands(&mut self) -> Result<(), DbError> {
        let mut values = Vec::new();
        for serial in &self.part.bands {
            // A band that only an overruled entry names is one of which nothing is known.
            let nothing = Band {
                stock: StockState::Unknown,
                ..Band::new(*serial)
            };
            let band = self.state.bands.get(serial).unwrap_or(&nothing);
            if self.stored.bands.get(serial) == Some(band) {
                continue;
            }
            values.extend([
                serial.into(),
                band.seos.into(),
                code(&band.stock).into(),
                self.now.into(),
                self.now.into(),
                "".into(),
                "".into(),
                "".into(),
                Val::Int(1),
            ]);
            self.marks.push((Kind::Band, serial.to_string(), String::new()));
            self.folded.bands.insert(*serial);
        }
        self.tx.insert_later(
            "insert into bands (serial, seos, stock, created_ms, changed_ms, site, delivery, note, version)",
            9,
            &values,
            "on conflict (serial) do update set seos = excluded.seos, stock = excluded.stock, \
             changed_ms = excluded.changed_ms, version = bands.version + 1",
        )?;
        Ok(())
    }

    fn associations(&mut self, sites: &BTreeMap<UserId, String>) -> Result<(), DbError> {
        let made = made_by(self.part);
        let mut values = Vec::new();
        let (part, state) = (self.part, self.state);
        for association in state.associations.values().filter(|a| part.decides(a)) {
            let id = association.id;
            if self.stored.associations.get(&id) == Some(association) {
                continue;
            }
            let stamp = made.get(&id).copied();
            values.extend(associations::values(association, stamp, self.now));
            let site = sites.get(&association.user).cloned().unwrap_or_default();
            self.marks.push((Kind::Association, id.to_string(), site));
            self.folded.associations.insert(id);
        }
        self.tx.insert_later(
            associations::INSERT,
            associations::WIDTH,
            &values,
            associations::REPLACE,
        )?;
        self.overruled(sites);
        Ok(())
    }

    /// The station that made an association took for granted that it ends what others held of its band, and makes
    /// the user's other band inactive. Where the console sees it otherwise, their rows did not change here, and the
    /// station has to hear of them all the same: otherwise it would believe for ever what it assumed.
    fn overruled(&mut self, sites: &BTreeMap<UserId, String>) {
        let (part, state) = (self.part, self.state);
        let is_new = |id: &&AssociationId| !self.stored.associations.contains_key(*id);
        let came = self.folded.associations.iter().filter(is_new);
        let came: Vec<&Association> = came.filter_map(|id| state.associations.get(id)).collect();
        let decided = state.associations.values().filter(|a| part.decides(a));
        for other in decided.filter(|a| !self.folded.associations.contains(&a.id)) {
            let is_assumed = |made: &&Association| {
                let same_band = made.band == other.band && other.is_open();
                made.zone == other.zone && (same_band || made.user == other.user && other.active)
            };
            if came.iter().any(is_assumed) {
                let site = sites.get(&other.user).cloned().unwrap_or_default();
                self.marks.push((Kind::Association, other.id.to_string(), site));
            }
        }
    }

    /// Stations see quarantine as a suspension of the association, which is marked with its own row.
    fn quarantine(&mut self) -> Result<(), DbError> {
        let (part, state, stored) = (self.part, self.state, self.stored);
        let decided = |id: &&AssociationId| state.associations.get(id).is_some_and(|a| part.decides(a));
        let gone: Vec<_> = stored
            .quarantine
            .keys()
            .filter(|id| !state.quarantine.contains_key(id))
            .filter(decided)
            .collect();
        let keys: Vec<Val<'_>> = gone.iter().map(|id| Val::from(*id)).collect();
        self.tx
            .exec_of("delete from quarantine where association in ({})", &keys)?;
        let mut values = Vec::new();
        let mut came = BTreeSet::new();
        for (id, what) in state.quarantine.iter().filter(|(id, _)| decided(id)) {
            if stored.quarantine.get(id) == Some(what) {
                continue;
            }
            values.extend([
                id.into(),
                code(&what.cause).into(),
                what.rival.as_ref().into(),
                self.now.into(),
            ]);
            if !stored.quarantine.contains_key(id) {
                came.insert(*id);
            }
        }
        self.tx.insert_later(
            "insert into quarantine (association, cause, rival, since_ms)",
            4,
            &values,
            "on conflict (association) do update set cause = excluded.cause, rival = excluded.rival",
        )?;
        self.folded.released.extend(gone.into_iter().copied());
        self.folded.quarantined = came;
        Ok(())
    }

    /// What could not be applied, as far as this part says anything about it.
    fn oddities(&mut self) -> Result<(), DbError> {
        let (part, state) = (self.part, self.state);
        let is_of_part =
            |id: &AssociationId| part.associations.contains(id) || state.associations.contains_key(id);
        let of_part = self.stored.oddities.iter().filter(|(id, _)| is_of_part(id));
        let mut stored: BTreeSet<&str> = of_part.map(|(_, text)| text.as_str()).collect();
        for oddity in &self.state.oddities {
            if !stored.remove(text_of(oddity).as_str()) {
                note_oddity(self.tx, oddity, self.now)?;
            }
        }
        let gone: Vec<Val<'_>> = stored.into_iter().map(Val::from).collect();
        self.tx
            .exec_of("delete from oddities where oddity in ({})", &gone)?;
        Ok(())
    }
}

fn text_of(oddity: &Oddity) -> String {
    serde_json::to_string(oddity).expect("an oddity has a form in JSON")
}

pub(super) fn note_oddity(tx: &Tx<'_>, oddity: &Oddity, now: UnixMillis) -> Result<(), DbError> {
    let (association, station) = about(oddity);
    tx.exec(
        "insert into oddities (oddity, association, station, noticed_ms) values ($1, $2, $3, $4) \
         on conflict (oddity) do nothing",
        args![text_of(oddity), association.as_ref(), station.as_ref(), now],
    )?;
    Ok(())
}

const USER_WIDTH: usize = 15;

/// Appends what a row has that history alone made: no name, no site, nothing else.
fn with_defaults(values: Vec<Val<'_>>) -> Vec<Val<'_>> {
    let mut all = Vec::with_capacity(values.len() / 8 * USER_WIDTH);
    let mut values = values.into_iter();
    loop {
        let row: Vec<_> = values.by_ref().take(8).collect();
        if row.is_empty() {
            return all;
        }
        all.extend(row);
        let empty = || Val::from("");
        all.extend([
            empty(),
            empty(),
            empty(),
            Val::Null,
            empty(),
            empty(),
            Val::Int(1),
        ]);
    }
}

/// Stands in for the handle of a row that is there already; the conflict clause never writes it.
fn known_handle(user: &UserId) -> [u8; 16] {
    let hash = ring::digest::digest(&ring::digest::SHA256, user.as_str().as_bytes());
    *hash.as_ref().first_chunk().expect("a hash has 32 bytes")
}

/// The first entry that made each association.
fn made_by(part: &Part) -> BTreeMap<AssociationId, Stamp> {
    let mut made = BTreeMap::new();
    for entry in &part.entries {
        if let Event::Associated(what) = &entry.event {
            made.entry(what.association).or_insert(entry.stamp);
        }
    }
    made
}

fn about(oddity: &Oddity) -> (Option<AssociationId>, Option<StationId>) {
    match oddity {
        Oddity::SequenceUsedTwice { station, .. } => (None, Some(*station)),
        Oddity::AssociationUnknown { association, stamp }
        | Oddity::IdUsedTwice { association, stamp }
        | Oddity::DisconnectedTooLate { association, stamp } => (Some(*association), Some(stamp.station)),
    }
}
