//! What the console tells stations: a snapshot, then what changed.
//!
//! The console's state is rows, each with a key and the revision at which it last changed. A station has a
//! [`Cursor`]; a page brings the rows that changed after it, in the order of their revisions. The page whose
//! `to` is its `head` is the last, and only then what the station has was true at one moment.
//!
//! **A replica is the feed at a revision and the station's own journal entries after `acked_through`,
//! applied once more.** So a page never takes back what the station did and the console has not read yet.

mod builder;
mod check;
mod inbox;
mod key;
mod keys;
mod page;
mod policies;
mod request;
mod row;
mod state;

pub use builder::{BODY_LEN_FULL, PageBuilder, PageParts};
pub use check::{Identity, PageFault};
pub use inbox::{Ask, Completed, Inbox, Step};
pub use key::RowKey;
pub use keys::{FeedKey, KeyList, KeyListFault, SignedKeyList};
pub use page::{
    BODY_LEN_MAX, Cursor, HEADER_LEN_MAX, Header, NotACursor, PAGE_LEN_MAX, PageError, SignedPage,
};
pub use policies::{GroupPolicyRow, IndividualPolicyRow};
pub use request::{FeedFault, FeedRequest, NotARequest, PagePlan, Plan, View, plan};
pub use row::{
    ActiveGroupPolicyRow, AssociationRow, BandRow, EndingRow, KeyKind, KeyRow, OperatorRow, RemovedRow,
    Rights, Row, RowFault, StationRow, TicketRow, TicketState, UserRow,
};
pub use state::{Complete, InboxState};
