//! What a station asks, and what the console makes of it.

use std::fmt::Write;

use minicbor::{Decode, Encode};

use super::page::Cursor;
use crate::cbor;
use crate::id::{Lineage, Revision};
use crate::version::{Version, Versions};

/// Longest query that is read.
const QUERY_LEN_MAX: usize = 512;

/// A station asks for what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedRequest {
    /// Versions of the wire it speaks.
    pub versions: Versions,
    /// Up to where it has the feed; nothing yet if absent.
    pub cursor: Option<Cursor>,
    /// How long the console may hold the answer back while there is nothing to say, in seconds.
    pub wait_s: u16,
}

/// A text is not a query of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected v, cursor and wait_s")]
pub struct NotARequest;

impl FeedRequest {
    /// The query of the request's address: `v=1-2&cursor=...&wait_s=30`.
    pub fn to_query(&self) -> String {
        let mut query = format!("v={}", self.versions);
        if let Some(cursor) = self.cursor {
            write!(query, "&cursor={cursor}").expect("memory takes everything");
        }
        if self.wait_s > 0 {
            write!(query, "&wait_s={}", self.wait_s).expect("memory takes everything");
        }
        query
    }

    /// Reads a query. Names it does not know are passed over; `v` has to be there.
    pub fn from_query(query: &str) -> Result<Self, NotARequest> {
        if query.len() > QUERY_LEN_MAX {
            return Err(NotARequest);
        }
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value)
                .next()
        };
        let cursor = value("cursor").map(str::parse).transpose();
        let wait_s = value("wait_s").map(str::parse).transpose();
        Ok(Self {
            versions: value("v").and_then(|text| text.parse().ok()).ok_or(NotARequest)?,
            cursor: cursor.map_err(|_| NotARequest)?,
            wait_s: wait_s.map_err(|_| NotARequest)?.unwrap_or(0),
        })
    }
}

/// What the console has, seen from one station. Everything in it is of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Versions of the wire the console speaks.
    pub versions: Versions,
    /// The console's present life.
    pub lineage: Lineage,
    /// The revision of its state.
    pub head: Revision,
    /// Removals up to this revision are forgotten: who is behind it cannot be told what went away.
    pub forgotten: Revision,
    /// What this station may see (its site, its zone) changed last at this revision.
    pub scope_since: Revision,
}

/// Which page to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagePlan {
    /// The version of the wire to write it in.
    pub version: Version,
    /// Rows that changed after this revision.
    pub from: Revision,
    /// Part of a snapshot that began at this revision.
    pub snapshot: Option<Revision>,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Answer with this page.
    Page(PagePlan),
    /// The station has everything. Hold the answer until the head moves or `wait_s` is over, then answer
    /// with this page; if nothing came, it is empty and tells the station that it is up to date.
    Hold(PagePlan),
}

/// Why the console gives a station no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, thiserror::Error)]
pub enum FeedFault {
    /// No version of the wire in common.
    #[n(0)]
    #[error("the console speaks versions {console} of the wire")]
    Version {
        /// What the console speaks.
        #[n(0)]
        console: Versions,
    },
    /// The station has more than the console in the console's own lineage: the console's database was set
    /// back without beginning a new one.
    #[n(1)]
    #[error("the console's state {head} is older than what it gave this station: it was set back")]
    ConsoleBehind {
        /// What the console has.
        #[n(0)]
        head: Revision,
    },
    /// An administrator revoked this station.
    #[n(2)]
    #[error("an administrator revoked this station")]
    Revoked,
    /// Not a request of the feed.
    #[n(3)]
    #[error("this is not a request of the feed")]
    Malformed,
    /// The console cannot answer now.
    #[n(4)]
    #[error("the console is busy; try again")]
    Busy,
}

impl FeedFault {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "no_common_version",
            Self::ConsoleBehind { .. } => "console_behind",
            Self::Revoked => "station_revoked",
            Self::Malformed => "feed_request_malformed",
            Self::Busy => "console_busy",
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        cbor::from_bytes(bytes)
    }
}

/// Decides what a station gets.
pub fn plan(request: &FeedRequest, view: &View) -> Result<Plan, FeedFault> {
    let version = view
        .versions
        .common(request.versions)
        .map_err(|fault| FeedFault::Version { console: fault.ours })?;
    let page = |from, snapshot| PagePlan {
        version,
        from,
        snapshot,
    };
    let Some(cursor) = request.cursor.filter(|cursor| can_go_on(cursor, version, view)) else {
        return Ok(Plan::Page(page(Revision::ZERO, Some(view.head))));
    };
    if cursor.revision > view.head {
        return Err(FeedFault::ConsoleBehind { head: view.head });
    }
    let page = page(cursor.revision, cursor.filling);
    if cursor.revision == view.head && cursor.filling.is_none() {
        return Ok(Plan::Hold(page));
    }
    Ok(Plan::Page(page))
}

/// What the station has needs no replacement, only additions.
fn can_go_on(cursor: &Cursor, version: Version, view: &View) -> bool {
    // In the midst of a snapshot the station knows of removals since the snapshot began.
    let complete_since = cursor.filling.unwrap_or(cursor.revision);
    cursor.lineage == view.lineage
        && cursor.version >= version
        && complete_since >= view.forgotten
        && complete_since >= view.scope_since
}
