//! What becomes true when an enrollment or a registration is done.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{AssociationId, BandSerial, UnixMillis, UserId};

/// One consequence. All of them concern the zone asked about and no other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// The user holds the band under a new association, which is the user's active one.
    NewAssociation {
        /// It is the user's primary one: no other open association of the user in the zone is.
        primary: bool,
        /// Temporary: the end of the association that it renews.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<UnixMillis>,
    },
    /// The user's earlier association with this same band ends, because the new one renews it.
    EarlierAssociationRenewed {
        /// The one that ends.
        association: AssociationId,
    },
    /// This band, which was inactive, becomes the user's active one again.
    BandActiveAgain,
    /// The user's other band becomes inactive. It stays the user's, and it stays primary if it was.
    OldBandInactive {
        /// The other band.
        band: BandSerial,
        /// The association that becomes inactive.
        association: AssociationId,
        /// It stays primary.
        primary: bool,
    },
    /// The association of the band's previous owner ends.
    PreviousOwnerEnds {
        /// Who held the band.
        user: UserId,
        /// The association that ends.
        association: AssociationId,
    },
    /// The previous owner is told.
    PreviousOwnerTold {
        /// Whom to tell.
        user: UserId,
    },
    /// The band is no longer reported lost.
    BandFound,
}

/// Plain English for the person at the kiosk; names no other person.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewAssociation { expires_at: None, .. } => f.write_str("This becomes your active band."),
            Self::NewAssociation {
                expires_at: Some(_), ..
            } => f.write_str("This stays your active band until it expires."),
            Self::EarlierAssociationRenewed { .. } => f.write_str("Its earlier enrollment is replaced."),
            Self::BandActiveAgain => f.write_str("It was inactive and is active again."),
            Self::OldBandInactive {
                band, primary: true, ..
            } => {
                write!(
                    f,
                    "Your other band {band} becomes inactive and stays your primary one."
                )
            }
            Self::OldBandInactive {
                band, primary: false, ..
            } => {
                write!(f, "Your other band {band} becomes inactive.")
            }
            Self::PreviousOwnerEnds { .. } => f.write_str("It no longer belongs to its previous owner."),
            Self::PreviousOwnerTold { .. } => f.write_str("The previous owner is told."),
            Self::BandFound => f.write_str("It is no longer reported lost."),
        }
    }
}

/// The consequences of one decision, kept in place: no decision allocates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Effects([Option<Effect>; Self::COUNT_MAX]);

impl Effects {
    /// The most that one decision has.
    pub const COUNT_MAX: usize = 5;

    /// Appends one. More than [`Self::COUNT_MAX`] is a mistake of this crate.
    pub(crate) fn push(&mut self, effect: Effect) {
        let free = self
            .0
            .iter_mut()
            .find(|place| place.is_none())
            .expect("as many places as effects");
        *free = Some(effect);
    }

    /// In the order in which people are told.
    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.0.iter().flatten()
    }
}

impl Serialize for Effects {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Effects {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let list = Vec::<Effect>::deserialize(d)?;
        if list.len() > Self::COUNT_MAX {
            return Err(D::Error::invalid_length(list.len(), &"at most 5 effects"));
        }
        let mut effects = Self::default();
        list.into_iter().for_each(|effect| effects.push(effect));
        Ok(effects)
    }
}
