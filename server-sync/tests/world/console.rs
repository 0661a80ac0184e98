//! The console: a database that commits whole transactions, the real fold, the real receiver, the real pages.

use std::collections::BTreeMap;

use policy::merge::{Entry as Event, Event as What, HybridTime, Ledger, Stamp};
use policy::model::{GroupPolicy, PolicyId, StationId, UnixMillis, User, UserId, Zone};
use server_sync::feed::*;
use server_sync::journal::{Batch, BatchFault, Line, PushAnswer, PushFault, Received, Standing, receive};
use server_sync::{Entry, Head, Lineage, Revision, StationKey, Versions};

use crate::keys;

/// Where people and stations are.
pub(crate) type Site = &'static str;
/// What everybody sees.
const EVERYWHERE: Site = "";
/// The console's own name as a writer of history.
pub(crate) const CONSOLE: StationId = StationId([0xc0; 16]);

pub(crate) fn revision(number: u64) -> Revision {
    Revision::new(number).expect("a simulation is short")
}

/// What is known of one station.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) line: Line,
    pub(crate) journal: Vec<Entry>,
    pub(crate) review: Vec<Entry>,
    pub(crate) site: Site,
    scope_since: u64,
}

/// Everything the console keeps. A change is made to a whole or not at all.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) lineage: Lineage,
    pub(crate) head: u64,
    forgotten: u64,
    pub(crate) ledger: Ledger,
    /// What administrators did, as it stands in the history.
    pub(crate) acts: Vec<Event>,
    pub(crate) people: BTreeMap<UserId, Site>,
    pub(crate) stations: BTreeMap<StationKey, Known>,
    policies: BTreeMap<PolicyId, GroupPolicy>,
    pub(crate) active_policy: PolicyId,
    /// Per key and site: the revision of the last change, and whether the row is still there.
    feed: BTreeMap<(RowKey, Site), (u64, bool)>,
    by_revision: BTreeMap<u64, (RowKey, Site)>,
    pub(crate) keys: Vec<FeedKey>,
    /// Which secret belongs to the last key.
    secret: u32,
    keys_serial: u64,
    keys_made_at_ms: u64,
    own_sequence: u64,
}

impl Db {
    pub(crate) fn new(lineage: Lineage, people: BTreeMap<UserId, Site>, now_ms: u64) -> Self {
        let named = |name: &str| name.parse::<PolicyId>().expect("an id");
        let plain = GroupPolicy::new(named("plain"));
        let free = GroupPolicy {
            reenroll_own: Some(true),
            reenroll_any: Some(true),
            takeover_max_age_s: Some(14 * 86_400),
            offline_max_age_s: Some(60 * 86_400),
            ..GroupPolicy::new(named("free"))
        };
        let policies = [plain, free].map(|policy| (policy.id.clone(), policy));
        let mut db = Self {
            lineage,
            head: 0,
            forgotten: 0,
            ledger: Ledger::default(),
            acts: vec![],
            people,
            stations: BTreeMap::new(),
            policies: policies.into(),
            active_policy: named("free"),
            feed: BTreeMap::new(),
            by_revision: BTreeMap::new(),
            keys: vec![],
            secret: 0,
            keys_serial: 0,
            keys_made_at_ms: 0,
            own_sequence: 0,
        };
        db.rotate(now_ms, 1);
        let everybody = db.people.clone();
        everybody
            .iter()
            .for_each(|(user, site)| db.mark(RowKey::User(user.clone()), site, true));
        let policies: Vec<_> = db.policies.keys().cloned().collect();
        policies
            .into_iter()
            .for_each(|id| db.mark(RowKey::GroupPolicy(id), EVERYWHERE, true));
        db.mark(RowKey::ActiveGroupPolicy, EVERYWHERE, true);
        db
    }

    pub(crate) fn add_station(&mut self, station: StationKey, site: Site) {
        let line = Line {
            station,
            head: Head::EMPTY,
            standing: Standing::Good,
        };
        let known = Known {
            line,
            journal: vec![],
            review: vec![],
            site,
            scope_since: 0,
        };
        self.stations.insert(station, known);
    }

    /// Notes that a row changed: one revision each.
    fn mark(&mut self, key: RowKey, site: Site, is_there: bool) {
        self.head += 1;
        let place = (key, site);
        if let Some((old, _)) = self.feed.insert(place.clone(), (self.head, is_there)) {
            self.by_revision.remove(&old);
        }
        self.by_revision.insert(self.head, place);
    }

    /// Appends to the history and marks what is different.
    fn append(&mut self, events: Vec<Event>) {
        let changed = self.ledger.absorb(events);
        for user in changed.users {
            let site = self.people[&user];
            self.mark(RowKey::User(user), site, true);
        }
        for band in changed.bands {
            self.mark(RowKey::Band(band), EVERYWHERE, true);
        }
        for association in changed.associations {
            self.mark(RowKey::Association(association), EVERYWHERE, true);
        }
    }

    /// An administrator does something.
    pub(crate) fn act(&mut self, now_ms: u64, event: What) {
        self.own_sequence += 1;
        let heard = self
            .ledger
            .iter()
            .next_back()
            .map_or(0, |entry| entry.stamp.time.millis.0);
        let time = HybridTime {
            millis: UnixMillis(heard.max(now_ms as i64)),
            counter: self.own_sequence as u32,
        };
        let stamp = Stamp {
            time,
            station: CONSOLE,
            sequence: self.own_sequence,
        };
        let entry = Event { stamp, event };
        self.acts.push(entry.clone());
        self.append(vec![entry]);
    }

    pub(crate) fn move_person(&mut self, user: &UserId, to: Site) {
        let from = self.people.insert(user.clone(), to).expect("a known person");
        if from != to {
            self.mark(RowKey::User(user.clone()), from, false);
            self.mark(RowKey::User(user.clone()), to, true);
        }
    }

    pub(crate) fn move_station(&mut self, station: StationKey, to: Site) {
        self.head += 1;
        let known = self.stations.get_mut(&station).expect("a known station");
        known.site = to;
        known.scope_since = self.head;
    }

    pub(crate) fn switch_policy(&mut self, to: &str) {
        self.active_policy = to.parse().expect("an id");
        self.mark(RowKey::ActiveGroupPolicy, EVERYWHERE, true);
    }

    /// Forgets removals.
    pub(crate) fn prune(&mut self) {
        let gone: Vec<_> = self.feed.iter().filter(|(_, (_, is_there))| !is_there).collect();
        let gone: Vec<_> = gone
            .into_iter()
            .map(|(place, (at, _))| (place.clone(), *at))
            .collect();
        for (place, at) in gone {
            self.feed.remove(&place);
            self.by_revision.remove(&at);
            self.forgotten = self.forgotten.max(at);
        }
    }

    /// A new feed key signs from now on, and the others sign nothing any more.
    pub(crate) fn rotate(&mut self, now_ms: u64, secret: u32) {
        for key in &mut self.keys {
            key.retired_at_ms.get_or_insert(now_ms);
        }
        self.secret = secret;
        self.keys.push(FeedKey {
            id: self.keys.len() as u32 + 1,
            key: keys::public(secret),
            not_before_ms: now_ms,
            retired_at_ms: None,
        });
        self.keys_serial = KeyList::next_serial(self.keys_serial, now_ms);
        self.keys_made_at_ms = now_ms;
    }

    pub(crate) fn key_list(&self) -> SignedKeyList {
        let list = KeyList {
            organization: keys::organization(),
            serial: self.keys_serial,
            made_at_ms: self.keys_made_at_ms,
            keys: self.keys.clone(),
        };
        list.sign(|bytes| keys::sign(0, bytes))
    }

    /// The row under this key as it is now.
    pub(crate) fn row(&self, key: &RowKey) -> Option<Row> {
        let state = self.ledger.state();
        Some(match key {
            RowKey::User(id) => {
                let stands = state.users.get(id).cloned().unwrap_or_default();
                let user = User {
                    status: stands.status,
                    suspension: stands.suspension,
                    site: self.people[id].into(),
                    ..User::new(id.clone())
                };
                UserRow::of(&user).into()
            }
            RowKey::Band(serial) => BandRow::of(state.bands.get(serial)?).into(),
            RowKey::Association(id) => AssociationRow::of(state.associations.get(id)?, None).into(),
            RowKey::GroupPolicy(id) => GroupPolicyRow::of(self.policies.get(id)?).into(),
            RowKey::ActiveGroupPolicy => ActiveGroupPolicyRow {
                policy: self.active_policy.clone(),
            }
            .into(),
            _ => return None,
        })
    }

    /// The rows a station at this site sees, with their revisions, up to one.
    pub(crate) fn visible(&self, site: Site, through: u64) -> impl Iterator<Item = (u64, &RowKey, bool)> {
        self.by_revision.range(..=through).filter_map(move |(at, place)| {
            let (key, its_site) = place;
            let is_there = self.feed[place].1;
            (*its_site == site || *its_site == EVERYWHERE).then_some((*at, key, is_there))
        })
    }

    /// The answer to a request; `None` to hold it. `rows_max` makes small pages.
    pub(crate) fn page(
        &self,
        station: StationKey,
        request: &FeedRequest,
        now_ms: u64,
        rows_max: u64,
        may_hold: bool,
    ) -> Result<Option<SignedPage>, FeedFault> {
        let known = &self.stations[&station];
        if known.line.standing == Standing::Revoked {
            return Err(FeedFault::Revoked);
        }
        let view = View {
            versions: Versions::OURS,
            lineage: self.lineage,
            head: revision(self.head),
            forgotten: revision(self.forgotten),
            scope_since: revision(known.scope_since),
        };
        match plan(request, &view)? {
            Plan::Hold(_) if may_hold => Ok(None),
            Plan::Hold(plan) | Plan::Page(plan) => Ok(Some(self.make_page(known, plan, now_ms, rows_max))),
        }
    }

    fn make_page(&self, known: &Known, plan: PagePlan, now_ms: u64, rows_max: u64) -> SignedPage {
        let mut builder = PageBuilder::new(plan);
        let after = plan.from.number();
        let mut rows = self.visible(known.site, self.head).filter(|(at, ..)| *at > after);
        let mut exhausted = false;
        for _ in 0..rows_max {
            let Some((at, key, is_there)) = rows.next() else {
                exhausted = true;
                break;
            };
            let row = if is_there { self.row(key) } else { None };
            builder.push(revision(at), &row.unwrap_or_else(|| key.removed()));
        }
        let key_id = self.keys.last().expect("there is always a key").id;
        let parts = PageParts {
            organization: keys::organization(),
            station: known.line.station,
            site: known.site.into(),
            lineage: self.lineage,
            head: revision(self.head),
            acked: known.line.head,
            made_at_ms: now_ms,
            key_id,
            spread_s: None,
        };
        builder.finish(exhausted, parts, |bytes| keys::sign(self.secret, bytes))
    }

    /// Takes a batch that came over a connection of `station`.
    pub(crate) fn push(&mut self, station: StationKey, bytes: &[u8]) -> PushAnswer {
        let batch = match Batch::from_bytes(bytes) {
            Ok(batch) => batch,
            Err(BatchFault::Changed { first, .. }) => {
                return PushAnswer::Refused(PushFault::Changed { first });
            }
            Err(_) => return PushAnswer::Refused(PushFault::Malformed),
        };
        let known = &self.stations[&station];
        let stored = |sequence: u64| Some(known.journal.get(sequence as usize - 1)?.hash);
        let Received {
            answer,
            append,
            review,
            line,
        } = receive(&known.line, self.lineage, &batch, stored);
        let events = append.iter().filter_map(event_of).collect();
        let known = self.stations.get_mut(&station).expect("a known station");
        known.line = line;
        known.journal.extend_from_slice(append);
        for entry in review {
            if !known.review.contains(entry) {
                known.review.push(entry.clone());
            }
        }
        self.append(events);
        answer
    }

    pub(crate) fn revoke(&mut self, station: StationKey) {
        let known = self.stations.get_mut(&station).expect("a known station");
        known.line.standing = Standing::Revoked;
    }
}

/// What an entry of a journal means for the history, if anything.
pub(crate) fn event_of(entry: &Entry) -> Option<Event> {
    let event: What = serde_json::from_slice(&entry.record).ok()?;
    let time = HybridTime {
        millis: UnixMillis(entry.time_ms as i64),
        counter: 0,
    };
    let stamp = Stamp {
        time,
        station: StationId(entry.station.0),
        sequence: entry.sequence,
    };
    Some(Event { stamp, event })
}

/// The zones in which bands are enrolled here.
pub(crate) const ZONES: [Zone; 2] = [Zone::Enrollment, Zone::Registration];
