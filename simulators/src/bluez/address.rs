//! Bluetooth addresses and the object paths that BlueZ makes of them.

use std::fmt;
use std::str::FromStr;

/// Path of the one adapter.
pub(super) const ADAPTER_PATH: &str = "/org/bluez/hci0";

/// A device's Bluetooth address, most significant byte first as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 6]);

impl Address {
    /// The `number`th address of a family of random static ones: C0:FF:EE:xx:xx:xx.
    pub const fn numbered(number: u32) -> Self {
        let [_, high, middle, low] = number.to_be_bytes();
        Self([0xc0, 0xff, 0xee, high, middle, low])
    }

    fn joined(&self, separator: &str) -> String {
        self.0.map(|byte| format!("{byte:02X}")).join(separator)
    }

    /// What BlueZ calls a device that has told no name.
    pub(super) fn alias(&self) -> String {
        self.joined("-")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined(":"))
    }
}

/// Not six hexadecimal bytes with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Bluetooth address reads like C0:FF:EE:00:00:01")
    }
}

impl std::error::Error for NoAddress {}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        bytes(text, ':').ok_or(NoAddress)
    }
}

fn bytes(text: &str, separator: char) -> Option<Address> {
    let parts: Option<Vec<u8>> = text.split(separator).map(byte).collect();
    Some(Address(parts?.try_into().ok()?))
}

fn byte(text: &str) -> Option<u8> {
    let digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

/// An object of the double, as its path names it. The number of a GATT object is its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Root,
    Organization,
    Manager,
    Adapter,
    Device(Address),
    Service(Address, u16),
    /// Handle of the service, then of the characteristic.
    Characteristic(Address, u16, u16),
    /// Handle of the service, of the characteristic, of the descriptor.
    Descriptor(Address, u16, u16, u16),
}

impl Object {
    /// The object at `path`, whether or not it exists now.
    pub(super) fn parse(path: &str) -> Option<Self> {
        match path {
            "/" => return Some(Self::Root),
            "/org" => return Some(Self::Organization),
            "/org/bluez" => return Some(Self::Manager),
            ADAPTER_PATH => return Some(Self::Adapter),
            _ => {}
        }
        let mut parts = path.strip_prefix(ADAPTER_PATH)?.strip_prefix("/dev_")?.split('/');
        let address = bytes(parts.next()?, '_')?;
        let mut handle = |prefix: &str| match parts.next() {
            None => Some(None),
            Some(part) => Some(Some(u16::from_str_radix(part.strip_prefix(prefix)?, 16).ok()?)),
        };
        Some(match (handle("service")?, handle("char")?, handle("desc")?) {
            (None, ..) => Self::Device(address),
            (Some(service), None, _) => Self::Service(address, service),
            (Some(service), Some(of), None) => Self::Characteristic(address, service, of),
            (Some(service), Some(of), Some(it)) => Self::Descriptor(address, service, of, it),
        })
    }

    /// Where the object is on the bus.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Root => "/".into(),
            Self::Organization => "/org".into(),
            Self::Manager => "/org/bluez".into(),
            Self::Adapter => ADAPTER_PATH.into(),
            Self::Device(address) => format!("{ADAPTER_PATH}/dev_{}", address.joined("_")),
            Self::Service(address, service) => {
                format!("{}/service{service:04x}", Self::Device(*address).path())
            }
            Self::Characteristic(address, service, of) => {
                format!("{}/char{of:04x}", Self::Service(*address, *service).path())
            }
            Self::Descriptor(address, service, of, it) => {
                format!(
                    "{}/desc{it:04x}",
                    Self::Characteristic(*address, *service, *of).path()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<Object>) {
        assert_eq!(Object::parse(path), expected, "{path}");
        assert!(expected.is_none_or(|object| object.path() == path), "{path}");
    }

    #[test]
    fn paths_name_objects() {
        let band = Address::numbered(0x1a);
        check("/", Some(Object::Root));
        check("/org/bluez", Some(Object::Manager));
        check("/org/bluez/hci0", Some(Object::Adapter));
        check(
            "/org/bluez/hci0/dev_C0_FF_EE_00_00_1A",
            Some(Object::Device(band)),
        );
        let service = "/org/bluez/hci0/dev_C0_FF_EE_00_00_1A/service0010";
        check(service, Some(Object::Service(band, 0x10)));
        check(
            &format!("{service}/char0013"),
            Some(Object::Characteristic(band, 0x10, 0x13)),
        );
        check(
            &format!("{service}/char0013/desc0015"),
            Some(Object::Descriptor(band, 0x10, 0x13, 0x15)),
        );
        check("/org/bluez/hci1", None);
        check("/org/bluez/hci0/dev_C0_FF_EE_00_00", None);
        check("/org/bluez/hci0/dev_C0_FF_EE_00_00_1A/char0013", None);
    }

    #[test]
    fn addresses_read_as_they_print() {
        let address = Address([0xc0, 0xff, 0xee, 0, 1, 0xab]);
        assert_eq!(address.to_string(), "C0:FF:EE:00:01:AB");
        assert_eq!("c0:ff:ee:00:01:ab".parse(), Ok(address));
        assert_eq!("c0:ff:ee:00:01".parse::<Address>(), Err(NoAddress));
        assert_eq!("c0:ff:ee:00:01:+b".parse::<Address>(), Err(NoAddress));
    }
}
