//! What a band's engine needs of its hardware. Firmware and simulator implement the same trait, so the
//! protocol is never faked.

use alloc::string::String;

use crate::id::ScreenCode;
use crate::message::TouchFault;

/// The memory did not take a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageFault;

/// The hardware around a [`BandEngine`](crate::band::BandEngine).
pub trait BandHandler {
    /// Keeps `record` over a power cut, in place of the one before, all or nothing. When this returns
    /// `Ok` the record is durable; the engine speaks of it only then. Records stay below 2048 bytes.
    fn store(&mut self, record: &[u8]) -> Result<(), StorageFault>;

    /// Fills `out` with bytes nobody can predict.
    fn random(&mut self, out: &mut [u8]);

    /// Shows something to the wearer.
    fn show(&mut self, screen: Screen);

    /// Makes the sensor ready: for a new finger that is to be kept in template slot `slot` (0 or 1), or,
    /// with `None`, for the finger in use. The slot in use changes only with a committed record, so a
    /// power cut never leaves a finger without its association.
    fn sense(&mut self, slot: Option<u8>);

    /// Erases both template slots.
    fn erase_templates(&mut self);
}

/// What a band shows. Whatever it signals by vibration it also shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// No user data.
    NoUser,
    /// The holder's label.
    Label(String),
    /// "Is this the code on the kiosk?"
    Confirm {
        /// The code to compare.
        code: ScreenCode,
        /// Who would hold the band.
        label: String,
    },
    /// "Touch now", with the code still readable.
    Touch {
        /// The code to compare.
        code: ScreenCode,
        /// Good touches so far.
        count: u8,
        /// Good touches needed.
        of: u8,
    },
    /// "That touch did not count."
    TouchAgain(TouchFault),
    /// "Wait": all touches are in, the station writes.
    Wait,
    /// "Done."
    Done,
    /// "Hold the button to delete all user data."
    HoldToDelete,
    /// "No fingers for a while."
    LockedOut {
        /// Seconds left.
        seconds: u32,
    },
    /// "Stopped": nothing was made.
    Stopped,
}
