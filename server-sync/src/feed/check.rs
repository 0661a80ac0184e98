//! Whether a page is the one that comes next.

use super::keys::{FeedKey, KeyList};
use super::page::{Cursor, Header, PageError, SignedPage};
use super::row::{Row, RowFault};
use super::state::InboxState;
use crate::id::{Lineage, Organization, Revision};
use crate::record::StationKey;
use crate::version::{Version, Versions};

/// Who a station is and whom it trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The organization's Ed25519 public key.
    pub organization_key: [u8; 32],
    /// The station.
    pub station: StationKey,
}

impl Identity {
    /// The organization.
    pub fn organization(&self) -> Organization {
        Organization::of_key(&self.organization_key)
    }
}

/// Why a page is not applied. The station stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PageFault {
    /// Not a page.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Signed by a key that is not on the station's list: the list has to be asked for.
    #[error("a page signed by feed key {id}, which this station does not know")]
    UnknownKey {
        /// The key.
        id: u32,
    },
    /// Signed by a key that is no longer used.
    #[error("a page signed by feed key {id}, which is retired")]
    RetiredKey {
        /// The key.
        id: u32,
    },
    /// Signed by a key before its time.
    #[error("a page signed by feed key {id} before its time")]
    KeyNotYetValid {
        /// The key.
        id: u32,
    },
    /// The signature is not that of the key it names.
    #[error("the signature of the page does not hold")]
    BadSignature,
    /// In a version that this station does not speak, and did not ask for.
    #[error("a page in version {0} of the wire, which this station does not speak")]
    Version(Version),
    /// Of another organization.
    #[error("a page of organization {0}")]
    OtherOrganization(Organization),
    /// For another station.
    #[error("a page for station {0}")]
    OtherStation(StationKey),
    /// Of another site, and not the beginning of a snapshot.
    #[error("a page of another site, but no snapshot of it")]
    OtherSite,
    /// Of a lineage that the console has left.
    #[error("the console went back to lineage {0}, which it had left")]
    PastLineage(Lineage),
    /// Of another lineage, and not the beginning of a snapshot.
    #[error("a page of lineage {0} without a snapshot of it")]
    OtherLineage(Lineage),
    /// The console's state is older than one it had in this lineage, or the page is older than what is applied.
    #[error("the page is of revision {found}, this station has seen {known}")]
    Backward {
        /// What the station has seen.
        known: Revision,
        /// What came.
        found: Revision,
    },
    /// Pages before this one are missing.
    #[error("the page follows revision {found}, this station has {known}")]
    Hole {
        /// What the station has.
        known: Revision,
        /// What the page continues.
        found: Revision,
    },
    /// The revisions in the header contradict each other.
    #[error("the revisions of the page contradict each other")]
    Contradiction,
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] RowFault),
}

impl PageFault {
    /// A newer list of keys may help. A restored console has forgotten the keys it made after its backup, and
    /// gives their numbers to others: then the signature alone is wrong.
    pub fn is_about_keys(&self) -> bool {
        matches!(
            self,
            Self::UnknownKey { .. }
                | Self::RetiredKey { .. }
                | Self::KeyNotYetValid { .. }
                | Self::BadSignature
        )
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Page(PageError::TooLong) => "page_too_long",
            Self::Page(PageError::Malformed) => "page_malformed",
            Self::UnknownKey { .. } => "feed_key_unknown",
            Self::RetiredKey { .. } => "feed_key_retired",
            Self::KeyNotYetValid { .. } => "feed_key_not_yet_valid",
            Self::BadSignature => "page_bad_signature",
            Self::Version(_) => "page_version",
            Self::OtherOrganization(_) => "page_other_organization",
            Self::OtherStation(_) => "page_other_station",
            Self::OtherSite => "page_other_site",
            Self::PastLineage(_) => "lineage_past",
            Self::OtherLineage(_) => "lineage_without_snapshot",
            Self::Backward { .. } => "revision_backward",
            Self::Hole { .. } => "revision_hole",
            Self::Contradiction => "page_contradiction",
            Self::Rows(RowFault::UnknownKind(_)) => "row_kind_unknown",
            Self::Rows(RowFault::Malformed) => "row_malformed",
            Self::Rows(RowFault::Body(_)) => "row_body",
        }
    }
}

/// A page that comes next, with everything in it checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) header: Header,
    pub(super) rows: Vec<Row>,
}

/// Checks everything about a page: who signed it, for whom it is, whether it follows, what is in it.
pub(super) fn check(
    identity: &Identity,
    list: Option<&KeyList>,
    state: &InboxState,
    bytes: &[u8],
) -> Result<Checked, PageFault> {
    let page = SignedPage::from_bytes(bytes)?;
    let header = page.header()?;
    let key = signing_key(list, &header)?;
    if !page.is_signed_by(&key.key) {
        return Err(PageFault::BadSignature);
    }
    check_address(identity, &header)?;
    check_revisions(&header, page.body.is_empty())?;
    check_place(state, &header)?;
    let rows = page.rows()?;
    let foreign = rows.iter().find_map(|row| match row {
        Row::Station(row) if row.station != identity.station => Some(row.station),
        _ => None,
    });
    match foreign {
        Some(station) => Err(PageFault::OtherStation(station)),
        None => Ok(Checked { header, rows }),
    }
}

fn signing_key<'k>(list: Option<&'k KeyList>, header: &Header) -> Result<&'k FeedKey, PageFault> {
    let id = header.key_id;
    let unknown = PageFault::UnknownKey { id };
    let list = list.ok_or(unknown)?;
    let key = list.key(id).ok_or(unknown)?;
    // Whoever has a retired key can date a page back: what the list says counts whatever the page says.
    let now_ms = header.made_at_ms.max(list.made_at_ms);
    if key.retired_at_ms.is_some_and(|at| at <= now_ms) {
        return Err(PageFault::RetiredKey { id });
    }
    if header.made_at_ms < key.not_before_ms {
        return Err(PageFault::KeyNotYetValid { id });
    }
    Ok(key)
}

fn check_address(identity: &Identity, header: &Header) -> Result<(), PageFault> {
    if header.organization != identity.organization() {
        return Err(PageFault::OtherOrganization(header.organization));
    }
    if header.station != identity.station {
        return Err(PageFault::OtherStation(header.station));
    }
    let Versions { oldest, newest } = Versions::OURS;
    if !(oldest..=newest).contains(&header.version) {
        return Err(PageFault::Version(header.version));
    }
    Ok(())
}

fn check_revisions(header: &Header, is_empty: bool) -> Result<(), PageFault> {
    let grows = header.from <= header.to && header.to <= header.head;
    let rows_have_place = is_empty || header.from < header.to;
    let snapshot_fits = header.snapshot.is_none_or(|began| began <= header.head);
    if grows && rows_have_place && snapshot_fits {
        Ok(())
    } else {
        Err(PageFault::Contradiction)
    }
}

fn begins_snapshot(header: &Header) -> bool {
    header.snapshot.is_some() && header.from == Revision::ZERO
}

fn check_place(state: &InboxState, header: &Header) -> Result<(), PageFault> {
    if state.left.contains(&header.lineage) {
        return Err(PageFault::PastLineage(header.lineage));
    }
    let here = state.cursor.filter(|cursor| cursor.lineage == header.lineage);
    if here.is_some() && header.head < state.floor {
        return Err(PageFault::Backward {
            known: state.floor,
            found: header.head,
        });
    }
    if begins_snapshot(header) {
        return Ok(());
    }
    let cursor = here.ok_or(PageFault::OtherLineage(header.lineage))?;
    check_follows(&cursor, header)?;
    if header.site == state.site {
        Ok(())
    } else {
        Err(PageFault::OtherSite)
    }
}

fn check_follows(cursor: &Cursor, header: &Header) -> Result<(), PageFault> {
    let (known, found) = (cursor.revision, header.from);
    if found < known {
        return Err(PageFault::Backward { known, found });
    }
    if found > known {
        return Err(PageFault::Hole { known, found });
    }
    if header.snapshot != cursor.filling {
        return Err(PageFault::Contradiction);
    }
    Ok(())
}
