//! CBOR (RFC 8949) of everything that crosses the air.
//!
//! The decoders are derived, and they read the keys of a map as `i64`. A receiver must skip every key it does
//! not know, though, and a CBOR integer can be larger than that: such keys are made small before decoding.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

/// Eight bytes of an integer that no field has for its number.
const NO_FIELD: [u8; 8] = i64::MAX.to_be_bytes();

/// Reads one value and nothing behind it.
pub(crate) fn from_cbor<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<T> {
    let bytes = with_small_keys(bytes);
    let mut decoder = minicbor::Decoder::new(&bytes);
    let value = decoder.decode().ok()?;
    (decoder.position() == bytes.len()).then_some(value)
}

/// CBOR of a value of this crate; encoding into memory cannot fail.
pub(crate) fn to_cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    minicbor::encode(value, &mut bytes).expect("memory takes everything");
    bytes
}

/// The same, but in place of each map key outside an `i64` stands one inside that no field has.
pub(crate) fn with_small_keys(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.windows(2).any(is_huge) {
        return Cow::Borrowed(bytes);
    }
    let mut small = bytes.to_vec();
    for at in (Keys {
        bytes,
        at: 0,
        open: Vec::new(),
    }) {
        if let Some(key) = small.get_mut(at..at + 9).filter(|key| is_huge(key)) {
            key[1..].copy_from_slice(&NO_FIELD);
        }
    }
    Cow::Owned(small)
}

/// Whether an integer begins here that no `i64` can be.
fn is_huge(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1b | 0x3b, 0x80..=0xff, ..])
}

/// Walks over CBOR and gives where each key of a map begins; stops at what is none. Keeps a list of what is
/// open instead of calling itself, because a stranger may nest as deep as a packet is long.
struct Keys<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
}

/// An array, map or string in pieces that has begun.
struct Open {
    is_map: bool,
    /// Items still to come, keys and values each for one; absent if a break ends it.
    left: Option<u64>,
    /// Items that have come.
    count: u64,
}

impl Keys<'_> {
    /// Takes the head of the next item and what belongs to it alone. Says whether that item is a key.
    fn step(&mut self) -> Option<bool> {
        let head = *self.bytes.get(self.at)?;
        let (major, info) = (head >> 5, head & 0x1f);
        let argument_len = match info {
            0..=23 | 31 => 0,
            24..=27 => 1 << (info - 24),
            _ => return None,
        };
        let argument = self.bytes.get(self.at + 1..self.at + 1 + argument_len)?;
        let number = argument
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        let number = if argument_len == 0 {
            u64::from(info)
        } else {
            number
        };
        self.at += 1 + argument_len;
        self.close();
        if (major, info) == (7, 31) {
            self.open.pop()?;
            return Some(false);
        }
        let is_key = major != 6 && self.count();
        match (major, info) {
            (2..=5, 31) => self.begin(major, None),
            (2 | 3, _) => self.at = self.at.checked_add(usize::try_from(number).ok()?)?,
            (4, _) => self.begin(major, Some(number)),
            (5, _) => self.begin(major, Some(number.checked_mul(2)?)),
            _ => {}
        }
        Some(is_key)
    }

    fn begin(&mut self, major: u8, left: Option<u64>) {
        let is_map = major == 5;
        self.open.push(Open {
            is_map,
            left,
            count: 0,
        });
    }

    /// Closes what is complete.
    fn close(&mut self) {
        while self.open.last().is_some_and(|open| open.left == Some(0)) {
            self.open.pop();
        }
    }

    /// Counts one item where it stands. Says whether it is a key.
    fn count(&mut self) -> bool {
        let Some(open) = self.open.last_mut() else {
            return false;
        };
        open.left = open.left.map(|left| left - 1);
        open.count += 1;
        open.is_map && open.count % 2 == 1
    }
}

impl Iterator for Keys<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let at = self.at;
            if self.step()? {
                return Some(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// Where keys begin.
    fn check(bytes: &[u8], keys: &[usize]) {
        let walk = Keys {
            bytes,
            at: 0,
            open: Vec::new(),
        };
        assert_eq!(walk.collect::<Vec<_>>(), keys, "{bytes:02x?}");
    }

    #[test]
    fn keys_are_found_wherever_they_are() {
        check(&[], &[]);
        check(&[0xa0], &[]);
        check(&[0xa2, 0x00, 0x01, 0x18, 0x63, 0x02], &[1, 3]);
        check(&[0x82, 0x07, 0xa1, 0x00, 0xa1, 0x01, 0x02], &[3, 5]);
        check(&[0xa2, 0x00, 0x43, 0xa1, 0, 0, 0x01, 0x80], &[1, 6]);
        check(&[0xbf, 0x00, 0x9f, 0x01, 0xff, 0x01, 0x02, 0xff], &[1, 5]);
        check(&[0xa2, 0x00, 0x5f, 0x41, 0x01, 0xff, 0x01, 0x02], &[1, 6]);
        check(&[0xa2, 0x00, 0xc1, 0x00, 0x01, 0xf4], &[1, 4]);
        check(&[0x82, 0xa0, 0xa1, 0x05, 0x00], &[3]);
        check(&[0xa1, 0x00, 0x9f, 0x81, 0x01, 0xff, 0xa1, 0x05, 0x00], &[1, 7]);
    }

    #[test]
    fn what_is_no_cbor_ends_the_walk() {
        check(&[0xa1, 0x1c, 0x00], &[]);
        check(&[0xa1, 0x18], &[]);
        check(&[0xff, 0xa1, 0x00, 0x00], &[]);
        check(
            &[0xa1, 0x00, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[1],
        );
        check(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[]);
        check(&[0x81; 2000], &[]);
    }

    #[test]
    fn only_huge_keys_are_changed() {
        let huge = |head: u8, first: u8| [&[0xa1, head, first][..], &[0; 7], &[0x00]].concat();
        let check = |bytes: Vec<u8>, changed: bool| {
            let small = with_small_keys(&bytes);
            assert_eq!(small.len(), bytes.len());
            assert_eq!(small[..] != bytes[..], changed, "{bytes:02x?}");
        };
        for head in [0x1b, 0x3b] {
            check(huge(head, 0x7f), false);
            check(huge(head, 0x80), true);
            check(huge(head, 0xff), true);
        }
        // The same bytes as a value, as text, and cut short.
        check([&[0xa1, 0x00, 0x1b, 0xff][..], &[0; 7]].concat(), false);
        check([&[0x49, 0x1b, 0xff][..], &[0; 7]].concat(), false);
        check(vec![0xa1, 0x1b, 0xff, 0x00], false);
    }
}
