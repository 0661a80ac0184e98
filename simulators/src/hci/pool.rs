//! Packet buffers for the host stack.

use firmware_protocol::gatt::MTU_MAX;
use trouble_host::{Packet, PacketPool};

/// The header that L2CAP puts before an ATT packet (Core 5.4, Vol 3, Part A, 3.1).
const L2CAP_HEADER_LEN: usize = 4;
/// Room for the largest ATT packet there is.
const LEN: usize = MTU_MAX as usize + L2CAP_HEADER_LEN;
/// What the stack prints; buffers come from the heap and do not run out.
const COUNT: usize = 64;

/// Buffers from the heap. The queues of the stack are what is short, as on a small device.
pub(super) struct Pool;

/// One buffer.
pub(super) struct Buffer(Box<[u8; LEN]>);

impl Packet for Buffer {}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0[..]
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0[..]
    }
}

impl PacketPool for Pool {
    type Packet = Buffer;

    const MTU: usize = LEN;

    fn allocate() -> Option<Buffer> {
        Some(Buffer(Box::new([0; LEN])))
    }

    fn capacity() -> usize {
        COUNT
    }
}
