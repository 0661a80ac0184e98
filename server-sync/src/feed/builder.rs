//! Puts a page together at the console.

use super::page::{BODY_LEN_MAX, Header, SignedPage};
use super::request::PagePlan;
use super::row::Row;
use crate::chain::Head;
use crate::id::{Lineage, Organization, Revision};
use crate::record::StationKey;

/// A page takes no more rows once it has this many bytes: enough for a compressor, little for a station's
/// memory.
pub const BODY_LEN_FULL: usize = 256 * 1024;

/// Collects the rows of one page.
#[derive(Debug)]
pub struct PageBuilder {
    plan: PagePlan,
    to: Revision,
    body: Vec<u8>,
}

/// What a header says beside where its rows belong. All of it, the rows and the end of the scan are read at
/// one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageParts {
    /// Whose data this is.
    pub organization: Organization,
    /// For which station.
    pub station: StationKey,
    /// The site whose rows it gets.
    pub site: String,
    /// The console's present life.
    pub lineage: Lineage,
    /// The revision of its state.
    pub head: Revision,
    /// The station's journal is contained in that state up to here.
    pub acked: Head,
    /// Now, milliseconds since 1970.
    pub made_at_ms: u64,
    /// The feed key that signs.
    pub key_id: u32,
    /// Seconds over which stations should come back when they all lose the console at one moment.
    pub spread_s: Option<u16>,
}

impl PageBuilder {
    /// A page without rows.
    pub fn new(plan: PagePlan) -> Self {
        Self {
            plan,
            to: plan.from,
            body: Vec::new(),
        }
    }

    /// Takes the next row, which changed at `revision`; rows come in the order of their revisions. Gives
    /// whether the page takes more. Rows that the station cannot read, or that tell a new snapshot what
    /// went away before it, are passed over.
    ///
    /// # Panics
    /// If `revision` is not greater than that of the row before: no two rows of one station share one, so
    /// that a page can end behind any row.
    pub fn push(&mut self, revision: Revision, row: &Row) -> bool {
        assert!(revision > self.to, "row {revision} after {}", self.to);
        self.to = revision;
        let was_never_there = matches!(row, Row::Removed(_)) && self.plan.snapshot >= Some(revision);
        if row.since() <= self.plan.version && !was_never_there {
            row.write(&mut self.body);
        }
        assert!(self.body.len() <= BODY_LEN_MAX, "a row of a whole page");
        self.body.len() < BODY_LEN_FULL
    }

    /// Bytes of the rows so far.
    pub fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Ends the page. `exhausted` says that no rows up to `parts.head` are left: the station then has the
    /// whole state. `sign` gets the bytes to sign and gives Ed25519 by the key that `parts.key_id` names.
    pub fn finish(
        self,
        exhausted: bool,
        parts: PageParts,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> SignedPage {
        let header = Header {
            version: self.plan.version,
            organization: parts.organization,
            station: parts.station,
            site: parts.site,
            lineage: parts.lineage,
            from: self.plan.from,
            to: if exhausted { parts.head } else { self.to },
            head: parts.head,
            snapshot: self.plan.snapshot,
            acked_through: parts.acked.sequence,
            acked_mark: parts.acked.hash.mark(),
            made_at_ms: parts.made_at_ms,
            key_id: parts.key_id,
            spread_s: parts.spread_s,
        };
        SignedPage::sign(&header, self.body, sign)
    }
}
