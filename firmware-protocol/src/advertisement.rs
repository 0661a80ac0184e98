//! The 31 bytes a band sends before anybody connects.
//!
//! ```text
//!   02 01 06                     flags: general discoverable, LE only
//!   11 07 <16 bytes>             complete list of 128-bit services, least significant byte first
//!   09 FF FF FF <6 bytes>        manufacturer data, company 0xFFFF, the beacon below
//! ```
//!
//! The beacon carries no identity: its tag is drawn anew at each start of the band, so that nobody can
//! follow a worker by it. The heartbeat changes with each advertisement, so that a central that only
//! reports changes reports every one.

use crate::gatt;

/// Company identifier of the manufacturer data: the one reserved for internal use.
pub const COMPANY: u16 = 0xffff;
/// Length of the beacon, in bytes.
pub const BEACON_LEN: usize = 6;
/// Value of [`Beacon::battery_percent`] that stands for "unknown".
pub const BATTERY_UNKNOWN: u8 = 255;

/// What a band says of itself to everybody. 6 bytes: layout version (1), flags, battery, heartbeat, tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beacon {
    /// The band holds user data of some organization.
    pub enrolled: bool,
    /// The band is on a wrist.
    pub worn: bool,
    /// The band is on its charger.
    pub charging: bool,
    /// The wearer asks for attention (pressed the button, tapped) within the last seconds.
    pub intent: bool,
    /// The band also carries a door credential.
    pub seos: bool,
    /// Too many failed touches; the band refuses fingers for a while.
    pub locked_out: bool,
    /// 0 to 100, or [`BATTERY_UNKNOWN`].
    pub battery_percent: u8,
    /// Counts advertisements, wrapping.
    pub heartbeat: u8,
    /// Random, new at each start of the band.
    pub tag: u16,
}

/// Why manufacturer data is not a beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeaconError {
    /// Not [`BEACON_LEN`] bytes.
    Length(usize),
    /// A layout this crate does not know.
    Layout(u8),
}

const LAYOUT: u8 = 1;

impl Beacon {
    /// The manufacturer data without its company identifier.
    pub fn encode(&self) -> [u8; BEACON_LEN] {
        let flags = [
            self.enrolled,
            self.worn,
            self.charging,
            self.intent,
            self.seos,
            self.locked_out,
        ];
        let flags = flags
            .iter()
            .enumerate()
            .fold(0, |bits, (i, set)| bits | u8::from(*set) << i);
        let [tag_high, tag_low] = self.tag.to_be_bytes();
        [
            LAYOUT,
            flags,
            self.battery_percent,
            self.heartbeat,
            tag_high,
            tag_low,
        ]
    }

    /// Reads manufacturer data without its company identifier. Unknown flags are ignored.
    pub fn decode(data: &[u8]) -> Result<Self, BeaconError> {
        let &[layout, flags, battery_percent, heartbeat, tag_high, tag_low] = data else {
            return Err(BeaconError::Length(data.len()));
        };
        if layout != LAYOUT {
            return Err(BeaconError::Layout(layout));
        }
        let flag = |i: u8| flags & (1 << i) != 0;
        Ok(Self {
            enrolled: flag(0),
            worn: flag(1),
            charging: flag(2),
            intent: flag(3),
            seos: flag(4),
            locked_out: flag(5),
            battery_percent,
            heartbeat,
            tag: u16::from_be_bytes([tag_high, tag_low]),
        })
    }

    /// The whole advertisement: 31 bytes, the most that legacy advertising carries.
    pub fn advertisement(&self) -> [u8; 31] {
        let mut bytes = [0; 31];
        bytes[..3].copy_from_slice(&[0x02, 0x01, 0x06]);
        bytes[3..5].copy_from_slice(&[0x11, 0x07]);
        bytes[5..21].copy_from_slice(&gatt::SERVICE.to_le_bytes());
        bytes[21..23].copy_from_slice(&[0x09, 0xff]);
        bytes[23..25].copy_from_slice(&COMPANY.to_le_bytes());
        bytes[25..].copy_from_slice(&self.encode());
        bytes
    }
}
