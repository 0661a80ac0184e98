//! What crosses one controller's stream, in the format of `btsnoop` (RFC 1761 with Bluetooth's own numbers), for
//! `btmon -r` and Wireshark.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use firmware_protocol::time::Instant;

/// Identification, version 1, data link type 1002: H4.
const HEAD: &[u8] = b"btsnoop\0\0\0\0\x01\0\0\x03\xea";
/// 2000-01-01 in microseconds since the year 0, where the format begins to count.
const YEAR_2000: u64 = 0x00e0_3ab4_4a67_6000;

#[derive(Debug)]
pub(super) struct Trace(BufWriter<File>);

impl Trace {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(HEAD)?;
        Ok(Self(file))
    }

    /// Adds a packet. A full disk ends the trace, not the air.
    pub(super) fn note(&mut self, now: Instant, to_host: bool, packet: &[u8]) {
        let is_control = packet[0] != super::hci::ACL;
        let flags = u32::from(to_host) | u32::from(is_control) << 1;
        let len = packet.len() as u32;
        let moment = (YEAR_2000 + now.as_micros()).to_be_bytes();
        let words = [len, len, flags, 0].map(u32::to_be_bytes).concat();
        let _ = self.0.write_all(&[&words, &moment[..], packet].concat());
        let _ = self.0.flush();
    }
}
