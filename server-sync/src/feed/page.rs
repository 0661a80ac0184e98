//! One answer of the feed: rows, a header that says where they belong, and a signature over both.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::row::{Row, RowFault};
use crate::cbor;
use crate::id::{Lineage, Organization, Revision};
use crate::record::StationKey;
use crate::signature;
use crate::version::Version;

/// Most bytes of the rows of one page.
pub const BODY_LEN_MAX: usize = 512 * 1024;
/// Most bytes of a header: what is in it beside the site is fixed.
pub const HEADER_LEN_MAX: usize = 1024;
/// Most bytes of a page: a receiver reads no more, before or after decompression.
pub const PAGE_LEN_MAX: usize = BODY_LEN_MAX + HEADER_LEN_MAX + 128;

/// Up to where a station has the feed, and how it came there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Cursor {
    /// In which life of the console.
    #[n(0)]
    pub lineage: Lineage,
    /// Everything up to this revision is applied.
    #[n(1)]
    pub revision: Revision,
    /// The version of the wire in which it was received: rows that this version does not know are missing.
    #[n(2)]
    pub version: Version,
    /// In the midst of a snapshot: the revision the console's state had when the snapshot began.
    #[n(3)]
    pub filling: Option<Revision>,
}

/// In text, for a query: `lineage.revision.version`, in the midst of a snapshot with the revision behind it at
/// which the snapshot began.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.lineage, self.revision, self.version)?;
        self.filling.map_or(Ok(()), |began| write!(f, ".{began}"))
    }
}

/// A text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a cursor: lineage, revision and version, with a point between them")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;
    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(NotACursor);
        let lineage: policy::model::StationId = next()?.parse().map_err(|_| NotACursor)?;
        let revision = read_revision(next()?)?;
        let version = next()?.parse().map(Version).map_err(|_| NotACursor)?;
        let filling = parts.next().map(read_revision).transpose()?;
        let cursor = Self {
            lineage: Lineage(lineage.0),
            revision,
            version,
            filling,
        };
        parts.next().map_or(Ok(cursor), |_| Err(NotACursor))
    }
}

fn read_revision(text: &str) -> Result<Revision, NotACursor> {
    text.parse().ok().and_then(Revision::new).ok_or(NotACursor)
}

/// Where the rows of a page belong. In CBOR the array of the fields in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The version of the wire in which the rows are written.
    #[n(0)]
    pub version: Version,
    /// Whose data this is.
    #[n(1)]
    pub organization: Organization,
    /// For which station.
    #[n(2)]
    pub station: StationKey,
    /// The site whose rows the station gets; empty if there is only one.
    #[n(3)]
    pub site: String,
    /// In which life of the console.
    #[n(4)]
    pub lineage: Lineage,
    /// The page follows this revision: the revision of the station's cursor, or zero where a snapshot
    /// begins.
    #[n(5)]
    pub from: Revision,
    /// With the page applied the station has everything up to this revision.
    #[n(6)]
    pub to: Revision,
    /// The revision the console's state had when the page was made. The page that reaches it is the last:
    /// only then what the station has was true at one moment.
    #[n(7)]
    pub head: Revision,
    /// Part of a snapshot that began when the console's state had this revision: what the station had before
    /// and the snapshot does not bring is gone.
    #[n(8)]
    pub snapshot: Option<Revision>,
    /// The station's own journal is contained in the console's state at `head` up to this sequence.
    #[n(9)]
    pub acked_through: u64,
    /// When the page was made, milliseconds since 1970: the age of the replica counts from here.
    #[n(10)]
    pub made_at_ms: u64,
    /// The feed key that signs.
    #[n(11)]
    pub key_id: u32,
    /// How the hash of that last entry of the station's own begins: a copy of the station sees that the console
    /// has another one. Zeros if there is none.
    #[cbor(n(12), with = "minicbor::bytes")]
    pub acked_mark: [u8; 8],
    /// Seconds over which stations should come back when they all lose the console at one moment, because there are
    /// so many; absent where nobody needs to wait.
    #[n(13)]
    pub spread_s: Option<u16>,
}

impl Header {
    /// With this page the station has everything the console had when it made the page.
    pub fn is_last(&self) -> bool {
        self.to == self.head
    }
}

/// A page as it travels: `[header, signature, body]`, all three byte strings.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedPage {
    /// CBOR of the [`Header`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub header: Vec<u8>,
    /// Ed25519 by a feed key over [`SignedPage::CONTEXT`], the header and SHA-256 of the body.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: [u8; 64],
    /// The rows, one behind the other.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

impl SignedPage {
    /// What the signature of a page begins with.
    pub const CONTEXT: &'static [u8] = b"bandstand feed page 1\0";

    /// Signs a page: `sign` gets the bytes to sign and gives Ed25519 by the key that `header.key_id` names.
    pub fn sign(header: &Header, body: Vec<u8>, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Self {
        let header = cbor::to_bytes(header);
        let signature = sign(&signed_bytes(&header, &body));
        Self {
            header,
            signature,
            body,
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; nothing is verified.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PageError> {
        if bytes.len() > PAGE_LEN_MAX {
            return Err(PageError::TooLong);
        }
        let page: Self = cbor::from_bytes(bytes).ok_or(PageError::Malformed)?;
        if page.body.len() > BODY_LEN_MAX || page.header.len() > HEADER_LEN_MAX {
            return Err(PageError::TooLong);
        }
        Ok(page)
    }

    /// The header. Believe it after [`is_signed_by`](Self::is_signed_by).
    pub fn header(&self) -> Result<Header, PageError> {
        cbor::from_bytes(&self.header).ok_or(PageError::Malformed)
    }

    /// Whether the holder of this key signed the page.
    pub fn is_signed_by(&self, key: &[u8; 32]) -> bool {
        signature::is_by(key, &signed_bytes(&self.header, &self.body), &self.signature)
    }

    /// The rows. Believe them after [`is_signed_by`](Self::is_signed_by).
    pub fn rows(&self) -> Result<Vec<Row>, RowFault> {
        Row::read_all(&self.body)
    }
}

fn signed_bytes(header: &[u8], body: &[u8]) -> Vec<u8> {
    [SignedPage::CONTEXT, header, &Sha256::digest(body)].concat()
}

/// Why bytes are not a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PageError {
    /// Longer than any page.
    #[error("a page longer than {PAGE_LEN_MAX} bytes")]
    TooLong,
    /// Not a page, or cut off.
    #[error("not a page of the feed")]
    Malformed,
}
