//! Pages for one station: planned by the engine, filled from the feed, signed.

use ed25519_dalek::Signer;
use firmware_protocol::id::OrganizationId;
use policy::model::UnixMillis;
use server_sync::feed::{FeedFault, FeedRequest, PageBuilder, PageParts, PagePlan, Plan, View, plan};
use server_sync::{Lineage, Organization, Revision, StationKey, Versions};

use super::authority;
use super::rows::{Reader, Wishes};
use super::stations::{NotServed, StationInfo, admit};
use crate::args;
use crate::ca::Peer;
use crate::db::{DbError, Tx};
use crate::store::feed::{self, Kind, Mark};
use crate::store::settings;
use crate::vault::Vault;

/// Marks that are looked at for one page: about as many rows fit.
const MARKS_MAX: usize = 3000;

/// What a question about the feed is answered with.
pub(super) enum Answered {
    /// A page: its bytes.
    Page(Vec<u8>),
    /// There is nothing new behind this revision: hold the answer.
    Nothing {
        /// The head that was looked at.
        head: u64,
    },
    /// The engine refuses.
    Fault(FeedFault),
    /// The station is not served at all.
    NotServed(NotServed),
}

/// One look at the feed, all of one moment.
pub(super) struct Look<'a> {
    pub(super) tx: &'a Tx<'a>,
    pub(super) vault: &'a Vault,
    pub(super) now: UnixMillis,
    pub(super) versions: Versions,
    pub(super) wishes: Wishes,
    /// Seconds over which stations should come back if they all lose this console.
    pub(super) spread_s: Option<u16>,
}

impl Look<'_> {
    /// Answers a request. With `or_empty` a station that has everything gets an empty page, which tells it so;
    /// without, the answer is [`Answered::Nothing`].
    pub(super) fn answer(
        &self,
        peer: &Peer,
        request: &FeedRequest,
        or_empty: bool,
    ) -> Result<Answered, DbError> {
        let station = match admit(self.tx, peer, self.now)? {
            Ok(station) => station,
            Err(refused) => return Ok(Answered::NotServed(refused)),
        };
        let head = feed::head(self.tx)?;
        let view = View {
            versions: self.versions,
            lineage: Lineage(settings::lineage(self.tx)?),
            head: revision(head)?,
            // Removals are never forgotten: each key keeps its mark.
            forgotten: Revision::ZERO,
            scope_since: revision(station.scope_since)?,
        };
        match plan(request, &view) {
            Err(fault) => Ok(Answered::Fault(fault)),
            Ok(Plan::Page(plan)) => self.page(&station, &view, plan).map(Answered::Page),
            Ok(Plan::Hold(plan)) if or_empty => self.page(&station, &view, plan).map(Answered::Page),
            Ok(Plan::Hold(_)) => Ok(Answered::Nothing { head }),
        }
    }

    /// Whether anything after `seen` concerns this station.
    pub(super) fn concerns(&self, peer: &Peer, seen: u64) -> Result<bool, DbError> {
        let station = match admit(self.tx, peer, self.now)? {
            Ok(station) => station,
            // The answer says why.
            Err(_) => return Ok(true),
        };
        Ok(!self.marks(&station, seen, 1)?.is_empty())
    }

    fn page(&self, station: &StationInfo, view: &View, plan: PagePlan) -> Result<Vec<u8>, DbError> {
        let organization = Organization::of_key(&settings::organization_key(self.tx)?);
        let reader = Reader {
            tx: self.tx,
            vault: self.vault,
            station,
            organization: OrganizationId(organization.0),
            wishes: self.wishes,
        };
        let mut builder = PageBuilder::new(plan);
        let exhausted = self.fill(&reader, plan.from.number(), &mut builder)?;
        let (key_id, key) = authority::page_signer(self.tx, self.vault, self.now)?;
        let parts = PageParts {
            organization,
            station: StationKey(station.id.0),
            site: station.site.clone(),
            lineage: view.lineage,
            head: view.head,
            acked: station.head,
            made_at_ms: self.now.0.max(0) as u64,
            key_id,
            spread_s: self.spread_s,
        };
        let page = builder.finish(exhausted, parts, |bytes| key.sign(bytes).to_bytes());
        Ok(page.to_bytes())
    }

    /// Fills a page with what changed after `after`. Whether that was everything. A page that is not the last
    /// has at least one row, else it would not lead on.
    fn fill(&self, reader: &Reader<'_>, mut after: u64, builder: &mut PageBuilder) -> Result<bool, DbError> {
        loop {
            let marks = self.marks(reader.station, after, MARKS_MAX)?;
            let was_last = marks.len() < MARKS_MAX;
            let Some(last) = marks.last() else { return Ok(true) };
            after = last.revision;
            let mut pushed = false;
            for (at, row) in reader.rows(&marks)? {
                let Some(row) = row else { continue };
                pushed = true;
                if !builder.push(revision(at)?, &row) {
                    return Ok(was_last && at == after);
                }
            }
            if was_last || pushed {
                return Ok(was_last);
            }
        }
    }

    /// Marks that may concern this station.
    fn marks(&self, station: &StationInfo, after: u64, limit: usize) -> Result<Vec<Mark>, DbError> {
        let own = station.id.to_string();
        self.tx.all(
            "select kind, key, revision, site, left_sites from feed where revision > $1 \
             and (site = '' or site = $2 or left_sites <> '') and (kind <> $3 or key = $4) \
             order by revision limit $5",
            args![after, &station.site, Kind::Station as i64, &own, limit],
            feed::read_mark,
        )
    }
}

fn revision(number: u64) -> Result<Revision, DbError> {
    Revision::new(number).ok_or_else(|| DbError::Damaged(format!("revision {number}")))
}
