//! The bytes of HCI packets (Core 5.4, Vol 4, Parts A and E).

/// Packet indicators of H4.
pub(super) const COMMAND: u8 = 1;
pub(super) const ACL: u8 = 2;
pub(super) const EVENT: u8 = 4;

/// Error codes (Vol 1, Part F).
pub(super) mod status {
    pub(in crate::air) const OK: u8 = 0x00;
    pub(in crate::air) const UNKNOWN_COMMAND: u8 = 0x01;
    pub(in crate::air) const UNKNOWN_CONNECTION: u8 = 0x02;
    pub(in crate::air) const CONNECTION_TIMEOUT: u8 = 0x08;
    pub(in crate::air) const COMMAND_DISALLOWED: u8 = 0x0c;
    pub(in crate::air) const INVALID_PARAMETERS: u8 = 0x12;
    pub(in crate::air) const LOCAL_HOST_ENDED: u8 = 0x16;
}

/// A Bluetooth address as HCI carries it: least significant byte first.
pub(super) type Raw = [u8; 6];

/// Address of a device: 0 public, 1 random; and its bytes.
pub(super) type Place = (u8, Raw);

/// Takes complete H4 packets off the front of `stream`. An indicator that no host may send skips one byte.
pub(super) fn take_packet(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let len = match *stream.first()? {
            COMMAND => 4 + usize::from(*stream.get(3)?),
            ACL => 5 + usize::from(u16::from_le_bytes([*stream.get(3)?, *stream.get(4)?])),
            EVENT => 3 + usize::from(*stream.get(2)?),
            _ => {
                stream.remove(0);
                continue;
            }
        };
        return (stream.len() >= len).then(|| stream.drain(..len).collect());
    }
}

/// Reads parameters from the front; beyond their end all is zero, as controllers treat short commands.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let len = self.0.len().min(N);
        out[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        out
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.bytes::<1>()[0]
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }
}

/// An event with its parameters.
pub(super) fn event(code: u8, parameters: &[u8]) -> Vec<u8> {
    let len = u8::try_from(parameters.len()).expect("events of this controller are short");
    [&[EVENT, code, len], parameters].concat()
}

/// An LE event.
pub(super) fn le_event(subevent: u8, parameters: &[u8]) -> Vec<u8> {
    event(0x3e, &[&[subevent], parameters].concat())
}

/// Whether a packet is a report of an advertisement.
pub(super) fn is_report(packet: &[u8]) -> bool {
    matches!(packet, [0x04, 0x3e, _, 0x02, ..])
}

/// Command Complete. `parameters` begin with the status.
pub(super) fn complete(opcode: u16, parameters: &[u8]) -> Vec<u8> {
    event(0x0e, &[&[1], &opcode.to_le_bytes()[..], parameters].concat())
}

/// Command Status.
pub(super) fn command_status(opcode: u16, status: u8) -> Vec<u8> {
    event(0x0f, &[&[status, 1], &opcode.to_le_bytes()[..]].concat())
}

/// Disconnection Complete.
pub(super) fn disconnected(handle: u16, reason: u8) -> Vec<u8> {
    let [low, high] = handle.to_le_bytes();
    event(0x05, &[status::OK, low, high, reason])
}

/// Number Of Completed Packets, for one connection.
pub(super) fn completed(handle: u16, count: u16) -> Vec<u8> {
    event(
        0x13,
        &[&[1], &handle.to_le_bytes()[..], &count.to_le_bytes()].concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &[u8], packet: Option<&[u8]>, rest: &[u8]) {
        let mut bytes = stream.to_vec();
        assert_eq!(take_packet(&mut bytes).as_deref(), packet, "{stream:02x?}");
        assert_eq!(bytes, rest, "{stream:02x?}");
    }

    #[test]
    fn packets_are_cut_off_the_stream() {
        check(&[], None, &[]);
        check(&[1, 3, 0x0c], None, &[1, 3, 0x0c]);
        check(&[1, 3, 0x0c, 0, 1], Some(&[1, 3, 0x0c, 0]), &[1]);
        check(
            &[2, 0x40, 0, 2, 0, 7, 8, 9],
            Some(&[2, 0x40, 0, 2, 0, 7, 8]),
            &[9],
        );
        check(&[2, 0x40, 0, 2, 0, 7], None, &[2, 0x40, 0, 2, 0, 7]);
        check(&[0, 0xff, 1, 3, 0x0c, 0], Some(&[1, 3, 0x0c, 0]), &[]);
    }

    #[test]
    fn short_parameters_read_as_zero() {
        let mut reader = Reader(&[1, 2, 3]);
        assert_eq!((reader.u16(), reader.u16(), reader.u8()), (0x0201, 3, 0));
    }
}
