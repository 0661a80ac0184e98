//! The key of a row: what one row replaces another by.

use policy::model::{AssociationId, BandSerial, PolicyId, UserId};

use super::row::{KeyKind, RemovedRow, Row};
use crate::record::StationKey;

/// What a row is about. Of two rows with the same key the later one counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// A person.
    User(UserId),
    /// A band.
    Band(BandSerial),
    /// An association.
    Association(AssociationId),
    /// A group policy.
    GroupPolicy(PolicyId),
    /// An individual policy.
    IndividualPolicy(PolicyId),
    /// Which group policy holds; there is one such row.
    ActiveGroupPolicy,
    /// Somebody with rights at stations.
    Operator(String),
    /// A ticket.
    Ticket([u8; 16]),
    /// A key.
    Key(KeyKind, u32),
    /// A station.
    Station(StationKey),
}

impl RowKey {
    /// The kind of the rows with this key: [`Row::kind`].
    pub fn kind(&self) -> u8 {
        match self {
            Self::User(_) => 1,
            Self::Band(_) => 2,
            Self::Association(_) => 3,
            Self::GroupPolicy(_) => 4,
            Self::IndividualPolicy(_) => 5,
            Self::ActiveGroupPolicy => 6,
            Self::Operator(_) => 7,
            Self::Ticket(_) => 8,
            Self::Key(..) => 9,
            Self::Station(_) => 10,
        }
    }

    /// The key without its kind, as it is stored and sent: the bytes of the text, the 16 bytes of an id,
    /// kind and id of a key as five bytes, nothing for the active group policy.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::User(id) => id.as_str().into(),
            Self::Band(serial) => serial.as_str().into(),
            Self::Association(id) => id.0.into(),
            Self::GroupPolicy(id) | Self::IndividualPolicy(id) => id.as_str().into(),
            Self::ActiveGroupPolicy => vec![],
            Self::Operator(id) => id.as_bytes().into(),
            Self::Ticket(id) => (*id).into(),
            Self::Key(kind, id) => [&[*kind as u8][..], &id.to_be_bytes()].concat(),
            Self::Station(station) => station.0.into(),
        }
    }

    /// The key of this kind in these bytes; `None` if they are not one.
    pub fn from_bytes(kind: u8, bytes: &[u8]) -> Option<Self> {
        let text = || std::str::from_utf8(bytes).ok();
        Some(match kind {
            1 => Self::User(text()?.parse().ok()?),
            2 => Self::Band(text()?.parse().ok()?),
            3 => Self::Association(AssociationId(bytes.try_into().ok()?)),
            4 => Self::GroupPolicy(text()?.parse().ok()?),
            5 => Self::IndividualPolicy(text()?.parse().ok()?),
            6 => bytes.is_empty().then_some(Self::ActiveGroupPolicy)?,
            7 => Self::Operator(text()?.to_owned()),
            8 => Self::Ticket(bytes.try_into().ok()?),
            9 => key_of(bytes)?,
            10 => Self::Station(StationKey(bytes.try_into().ok()?)),
            _ => return None,
        })
    }

    /// The row that says that there is no row with this key any more.
    pub fn removed(&self) -> Row {
        Row::Removed(RemovedRow {
            kind: self.kind(),
            key: self.to_bytes(),
        })
    }
}

fn key_of(bytes: &[u8]) -> Option<RowKey> {
    let (kind, id) = bytes.split_first()?;
    let kind = [KeyKind::TicketIssuer, KeyKind::Code, KeyKind::Manufacturer]
        .into_iter()
        .find(|known| *known as u8 == *kind)?;
    Some(RowKey::Key(kind, u32::from_be_bytes(id.try_into().ok()?)))
}

impl Row {
    /// What the row is about; for a removal, what was removed. `None` for a removal of something that this
    /// end does not know: there is nothing to remove.
    pub fn key(&self) -> Option<RowKey> {
        Some(match self {
            Self::User(row) => RowKey::User(row.id.clone()),
            Self::Band(row) => RowKey::Band(row.serial),
            Self::Association(row) => RowKey::Association(row.id),
            Self::GroupPolicy(row) => RowKey::GroupPolicy(row.id.clone()),
            Self::IndividualPolicy(row) => RowKey::IndividualPolicy(row.id.clone()),
            Self::ActiveGroupPolicy(_) => RowKey::ActiveGroupPolicy,
            Self::Operator(row) => RowKey::Operator(row.id.clone()),
            Self::Ticket(row) => RowKey::Ticket(row.id),
            Self::Key(row) => RowKey::Key(row.kind, row.id),
            Self::Station(row) => RowKey::Station(row.station),
            Self::Removed(row) => RowKey::from_bytes(row.kind, &row.key)?,
        })
    }
}
