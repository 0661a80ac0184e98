//! The GATT layout: one primary service with three characteristics, each UUID used once.

/// A UUID in the order of its printed form, most significant byte first.
pub type Uuid = u128;

/// The service a band offers.
pub const SERVICE: Uuid = 0x6b5e_0001_8d4a_4c1f_9a37_2f0c_51d7_b0a4;
/// Station to band. Properties: write, write without response. One [`frame`](crate::frame) per value.
pub const STATION_TO_BAND: Uuid = 0x6b5e_0002_8d4a_4c1f_9a37_2f0c_51d7_b0a4;
/// Band to station. Property: notify. One [`frame`](crate::frame) per value.
pub const BAND_TO_STATION: Uuid = 0x6b5e_0003_8d4a_4c1f_9a37_2f0c_51d7_b0a4;
/// Readable before any session: [`Info`](crate::message::Info) in CBOR. Property: read.
pub const INFO: Uuid = 0x6b5e_0004_8d4a_4c1f_9a37_2f0c_51d7_b0a4;

/// Smallest ATT MTU of a link, in bytes.
pub const MTU_MIN: u16 = 23;
/// Largest ATT MTU of a link, in bytes.
pub const MTU_MAX: u16 = 517;
/// Bytes of an ATT PDU that a write command or a notification does not leave to its value.
pub const ATT_HEADER_LEN: u16 = 3;
/// Largest value in one write or notification, in bytes, whatever the MTU says: a few stacks drop
/// more without an error, and 244 fills one link-layer packet.
pub const VALUE_LEN_MAX: u16 = 244;

/// Bytes that one value may have on a link with this MTU.
pub fn value_len(mtu_bytes: u16) -> usize {
    usize::from((mtu_bytes.clamp(MTU_MIN, MTU_MAX) - ATT_HEADER_LEN).min(VALUE_LEN_MAX))
}
