//! What a band answers and what it pushes.

use alloc::string::String;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::certificate::{PublicKey, Signed};
use crate::id::{AssociationId, OrganizationId, UserHandle, Zone};

super::direction! {
    /// An answer or a push.
    BandToStation {
        /// Answer to `Arm`: confirm on the band, then touch.
        32 Armed,
        /// Answer to `Commit` and `Recall`.
        33 Committed,
        /// Answer to `Abort`.
        34 Aborted,
        /// Answer to `Finish`; the band ends the link after it.
        35 Finished,
        /// Answer to `DeleteUserData`: the wearer is being asked.
        36 DeletionAsked,
        /// Answer to `Status`.
        37 Report,
        /// Answer to any request that the band does not do.
        38 Refused,
        /// Push: the wearer accepted this station on the band.
        48 WearerConfirmed,
        /// Push: a good touch.
        49 Touched,
        /// Push: a touch that did not count.
        50 TouchFailed,
        /// Push: all touches are in and the association is staged durably.
        51 Staged,
        /// Push: what was armed is gone, or a deletion asked for was not done, and why.
        52 Interrupted,
        /// Push: all user data is gone.
        53 Deleted,
    }
}

/// How the band is, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Report {
    /// On a wrist.
    #[n(0)]
    pub worn: bool,
    /// On its charger.
    #[n(1)]
    pub charging: bool,
    /// 0 to 100, or 255 while the band does not know.
    #[n(2)]
    pub battery_percent: u8,
    /// Seconds until fingers are accepted again; 0 if they are.
    #[n(3)]
    pub lockout_seconds: u32,
    /// The firmware's version, for people: at most 16 signs of printable ASCII.
    #[cbor(n(4), with = "crate::id::short_text")]
    pub firmware: String,
    /// Good touches that a capture takes.
    #[n(5)]
    pub touches: u8,
    /// Commits so far; survives deletion of user data.
    #[n(6)]
    pub epoch: u32,
    /// The organization the band serves, if it holds user data.
    #[n(7)]
    pub organization: Option<OrganizationId>,
    /// The associations held, at most one per zone.
    #[n(8)]
    pub associations: Vec<Held>,
    /// An association of the station's organization that waits for its commit.
    #[n(9)]
    pub staged: Option<Staged>,
}

/// One association a band holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Held {
    /// Where it holds.
    #[n(0)]
    pub zone: Zone,
    /// Who holds the band.
    #[n(1)]
    pub user: UserHandle,
    /// Which association.
    #[n(2)]
    pub association: AssociationId,
    /// The epoch it was committed under.
    #[n(3)]
    pub epoch: u32,
    /// A station said that its receipt is safe.
    #[n(4)]
    pub finished: bool,
}

/// The band is armed and asks its wearer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Armed {
    /// Good touches that will be needed.
    #[n(0)]
    pub touches: u8,
    /// The wearer confirmed this station before and need not again.
    #[n(1)]
    pub confirmed: bool,
}

/// The wearer accepted this station.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WearerConfirmed {}

/// A good touch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Touched {
    /// Good touches so far.
    #[n(0)]
    pub count: u8,
    /// Good touches needed.
    #[n(1)]
    pub of: u8,
    /// 0 to 100.
    #[n(2)]
    pub quality: u8,
}

/// A touch that did not count.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TouchFailed {
    /// Why.
    #[n(0)]
    pub fault: TouchFault,
    /// Failed touches in a row, this one included.
    #[n(1)]
    pub in_a_row: u8,
}

/// Why a touch did not count. Finger and liveness troubles are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum TouchFault {
    /// Another finger than before.
    #[n(0)]
    NoMatch,
    /// The finger was not in the middle of the sensor.
    #[n(1)]
    OffCenter,
    /// The finger was wet.
    #[n(2)]
    Wet,
    /// The finger was dry.
    #[n(3)]
    Dry,
    /// The sensor is dirty.
    #[n(4)]
    SensorDirty,
    /// The finger moved or lifted too early.
    #[n(5)]
    Moved,
    /// No stable heartbeat signal within the time for it.
    #[n(6)]
    NoLiveness,
    /// The arm moved while the heartbeat was read.
    #[n(7)]
    Motion,
}

/// An association that waits for its commit; it survives a power cut.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Staged {
    /// The organization it was staged for.
    #[n(0)]
    pub organization: OrganizationId,
    /// Which association.
    #[n(1)]
    pub association: AssociationId,
    /// Its holder.
    #[n(2)]
    pub user: UserHandle,
    /// Its zone.
    #[n(3)]
    pub zone: Zone,
    /// The epoch it will have.
    #[n(4)]
    pub epoch: u32,
    /// The key the band made for it.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub credential_key: PublicKey,
}

/// The association holds; here is the proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Committed {
    /// A signed [`Receipt`](crate::receipt::Receipt).
    #[n(0)]
    pub receipt: Signed,
}

/// Nothing is armed or staged any more.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Aborted {}

/// The last message of a session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finished {}

/// The wearer is asked to hold the button.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeletionAsked {}

/// All user data is gone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Deleted {
    /// The epoch, which stays.
    #[n(0)]
    pub epoch: u32,
}

/// What was armed is gone, or the deletion that was asked for was not done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Interrupted {
    /// Why.
    #[n(0)]
    pub cause: Interruption,
    /// For [`Interruption::LockedOut`]: seconds until fingers are accepted again; else 0.
    #[n(1)]
    pub lockout_seconds: u32,
}

/// Why a band gave up what was armed, or did not delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Interruption {
    /// The wearer said no.
    #[n(0)]
    Declined,
    /// The wearer did nothing for too long.
    #[n(1)]
    TimedOut,
    /// The band left the wrist.
    #[n(2)]
    TakenOff,
    /// The battery is about to fail.
    #[n(3)]
    BatteryLow,
    /// Too many failed touches.
    #[n(4)]
    LockedOut,
    /// User data was deleted by hand.
    #[n(5)]
    Deleted,
    /// The band could not write its memory.
    #[n(6)]
    StorageFault,
}

/// The band does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// Number of the message that is refused; 0 if it could not be read.
    #[n(0)]
    pub request: u8,
    /// Why.
    #[n(1)]
    pub reason: BandRefusal,
    /// For [`BandRefusal::LockedOut`]: seconds left; for [`BandRefusal::WrongEpoch`]: the band's epoch; else 0.
    #[n(2)]
    pub detail: u32,
}

/// Why a band does not do what was asked. Codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum BandRefusal {
    /// A message number this band does not know.
    #[n(0)]
    UnknownMessage,
    /// A message whose body is not its own.
    #[n(1)]
    Malformed,
    /// A message that makes no sense now, or an association armed that is held already.
    #[n(2)]
    OutOfTurn,
    /// Not on a wrist.
    #[n(3)]
    NotWorn,
    /// Too little charge to finish.
    #[n(4)]
    BatteryLow,
    /// Too many failed touches.
    #[n(5)]
    LockedOut,
    /// The band's own record names another holder; only deleting user data by hand frees it.
    #[n(6)]
    HeldByAnother,
    /// Of another zone than the one in the station's certificate.
    #[n(7)]
    WrongZone,
    /// Not the band's epoch plus one.
    #[n(8)]
    WrongEpoch,
    /// Nothing with that association is staged or held.
    #[n(9)]
    NotThere,
    /// `Authenticate` while the band holds no association.
    #[n(10)]
    NotEnrolled,
    /// A label longer than 12 characters or with signs the screen cannot show.
    #[n(11)]
    BadLabel,
    /// The band could not write its memory.
    #[n(12)]
    StorageFault,
}
