//! Everything that can be wrong with a simulated band or its wearer.

use firmware_protocol::message::TouchFault;
use serde::{Deserialize, Serialize};

/// What the wearer does when the band asks "is this the code on the kiosk?".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// Presses the button.
    #[default]
    Yes,
    /// Says no.
    No,
    /// Does nothing.
    Ignore,
}

/// One bad touch. The names are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum BadTouch {
    NoMatch,
    OffCenter,
    Wet,
    Dry,
    SensorDirty,
    Moved,
    NoLiveness,
    Motion,
}

impl From<BadTouch> for TouchFault {
    fn from(touch: BadTouch) -> Self {
        match touch {
            BadTouch::NoMatch => Self::NoMatch,
            BadTouch::OffCenter => Self::OffCenter,
            BadTouch::Wet => Self::Wet,
            BadTouch::Dry => Self::Dry,
            BadTouch::SensorDirty => Self::SensorDirty,
            BadTouch::Moved => Self::Moved,
            BadTouch::NoLiveness => Self::NoLiveness,
            BadTouch::Motion => Self::Motion,
        }
    }
}

/// The knobs. The default is a good band on a willing wrist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Good touches that a capture takes.
    pub touches: u8,
    /// How long the wearer takes for each touch, in milliseconds.
    pub touch_ms: u64,
    /// How long the wearer takes to press a button, in milliseconds.
    pub reaction_ms: u64,
    /// How long the band waits for the wearer to confirm, and for each touch, in milliseconds.
    pub patience_ms: u64,
    /// Charge, in percent.
    pub battery_percent: u8,
    /// The firmware's version.
    pub firmware: String,
    /// On a wrist from the start.
    pub worn: bool,
    /// What the wearer answers.
    pub confirmation: Confirmation,
    /// Touches that go wrong before any goes right, in this order.
    pub bad_touches: Vec<BadTouch>,
    /// The wearer takes the band off instead of giving the touch after this many good ones.
    pub take_off_after: Option<u8>,
    /// The battery drops to 2 percent after this many good touches.
    pub battery_drop_after: Option<u8>,
    /// The wearer leaves the station's reach after this many good touches, for five seconds.
    pub leave_after: Option<u8>,
    /// The wearer deletes user data when asked to.
    pub deletes_when_asked: bool,
    /// The band stops answering after this many frames, but stays connected.
    pub hang_after_frames: Option<u64>,
    /// The power fails when this many bytes have crossed the air, both directions counted; once.
    pub power_cut_at_byte: Option<u64>,
    /// The power fails in the n-th write of the record, before the write takes; once.
    pub power_cut_before_store: Option<u32>,
    /// The power fails in the n-th write of the record, after the write took; once.
    pub power_cut_after_store: Option<u32>,
    /// The memory refuses the n-th write of the record.
    pub storage_fault_at: Option<u32>,
    /// How long the band is dark after a power cut, in milliseconds.
    pub reboot_ms: u64,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            touches: 8,
            touch_ms: 400,
            reaction_ms: 600,
            patience_ms: 60_000,
            battery_percent: 90,
            firmware: String::from("1.0.0"),
            worn: true,
            confirmation: Confirmation::Yes,
            bad_touches: Vec::new(),
            take_off_after: None,
            battery_drop_after: None,
            leave_after: None,
            deletes_when_asked: true,
            hang_after_frames: None,
            power_cut_at_byte: None,
            power_cut_before_store: None,
            power_cut_after_store: None,
            storage_fault_at: None,
            reboot_ms: 2000,
        }
    }
}
