//! What a station asks of a band. One request is under way at a time; each has exactly one answer.

use alloc::string::String;

use minicbor::{Decode, Encode};

use super::Mode;
use crate::id::{AssociationId, UserHandle, Zone};

super::direction! {
    /// A request.
    StationToBand {
        /// Prepare an association. Answer: [`Armed`](super::Armed), later pushes.
        1 Arm,
        /// Make the staged association hold. Answer: [`Committed`](super::Committed).
        2 Commit,
        /// Forget what is armed or staged. Answer: [`Aborted`](super::Aborted).
        3 Abort,
        /// Give the receipt of a zone once more. Answer: [`Committed`](super::Committed).
        4 Recall,
        /// The receipt is safe. Answer: [`Finished`](super::Finished), then the band ends the link.
        5 Finish,
        /// Ask the wearer to delete all user data. Answer: [`DeletionAsked`](super::DeletionAsked), later a push.
        6 DeleteUserData,
        /// Say how you are. Answer: [`Report`](super::Report).
        7 Status,
    }
}

/// Prepares an association under the band's next epoch. Nothing is durable yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Arm {
    /// The association to be.
    #[n(0)]
    pub association: AssociationId,
    /// Its holder.
    #[n(1)]
    pub user: UserHandle,
    /// Its zone; must be the one of the station's certificate.
    #[n(2)]
    pub zone: Zone,
    /// The band's epoch plus one.
    #[n(3)]
    pub epoch: u32,
    /// Capture a new finger or recognize the enrolled one.
    #[n(4)]
    pub mode: Mode,
    /// What the band writes on its screen, at most 12 characters.
    #[n(5)]
    pub label: String,
}

/// Makes the staged association hold.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Commit {
    /// The staged association.
    #[n(0)]
    pub association: AssociationId,
    /// Its epoch.
    #[n(1)]
    pub epoch: u32,
}

/// Forgets an armed or staged association.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Abort {
    /// Which.
    #[n(0)]
    pub association: AssociationId,
}

/// Asks for a receipt again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Recall {
    /// The zone whose association is asked for.
    #[n(0)]
    pub zone: Zone,
}

/// Says that the receipt is durable at the station, or that nothing more is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finish {
    /// The association whose receipt is safe; absent to just end the session.
    #[n(0)]
    pub association: Option<AssociationId>,
}

/// Asks the wearer to delete all user data by holding the band's button.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeleteUserData {}

/// Asks for a fresh report.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Status {}
