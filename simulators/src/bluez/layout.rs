//! The GATT table of a device: which services and characteristics it offers, and at which handles.

use firmware_protocol::gatt;

/// What a characteristic does with what is written to it or read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Writes go to [`Peripheral::write`](crate::peripheral::Peripheral::write).
    StationToBand,
    /// Carries [`Peripheral::poll_notify`](crate::peripheral::Peripheral::poll_notify).
    BandToStation,
    /// Reads give [`Peripheral::info`](crate::peripheral::Peripheral::info).
    Info,
    /// Reads give these bytes; writes are accepted and forgotten.
    Fixed(Vec<u8>),
}

/// One characteristic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Characteristic {
    /// In printed order, most significant byte first.
    pub uuid: gatt::Uuid,
    /// BlueZ's words for its properties, such as "read" or "write-without-response".
    pub flags: Vec<&'static str>,
    /// What is behind it.
    pub role: Role,
}

/// One primary service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// In printed order, most significant byte first.
    pub uuid: gatt::Uuid,
    /// In the order of their handles.
    pub characteristics: Vec<Characteristic>,
}

/// All services of a device. The default is a band's; make another for a foreign device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The service in the advertisement, if any.
    pub advertised: Option<gatt::Uuid>,
    /// In the order of their handles.
    pub services: Vec<Service>,
}

impl Default for Layout {
    fn default() -> Self {
        let band = Service {
            uuid: gatt::SERVICE,
            characteristics: vec![
                characteristic(
                    gatt::STATION_TO_BAND,
                    &["write-without-response", "write"],
                    Role::StationToBand,
                ),
                characteristic(gatt::BAND_TO_STATION, &["notify"], Role::BandToStation),
                characteristic(gatt::INFO, &["read"], Role::Info),
            ],
        };
        Self {
            advertised: Some(gatt::SERVICE),
            services: vec![generic_attribute(), band],
        }
    }
}

/// The service that every server has.
fn generic_attribute() -> Service {
    let service_changed = characteristic(short(0x2a05), &["indicate"], Role::Fixed(Vec::new()));
    Service {
        uuid: short(0x1801),
        characteristics: vec![service_changed],
    }
}

fn characteristic(uuid: gatt::Uuid, flags: &[&'static str], role: Role) -> Characteristic {
    Characteristic {
        uuid,
        flags: flags.to_vec(),
        role,
    }
}

/// A UUID that the Bluetooth SIG gave out in 16 bits (Core 5.4, Vol 3, Part B, 2.5.1).
const fn short(uuid: u16) -> gatt::Uuid {
    0x0000_0000_0000_1000_8000_0080_5f9b_34fb | (uuid as u128) << 96
}

/// Client Characteristic Configuration.
pub(super) const SUBSCRIPTION: gatt::Uuid = short(0x2902);

/// As BlueZ prints it.
pub(super) fn uuid_text(uuid: gatt::Uuid) -> String {
    let digits = format!("{uuid:032x}");
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// A characteristic at its place in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) service_handle: u16,
    pub(super) handle: u16,
    /// Where one subscribes; only if it notifies or indicates.
    pub(super) subscription_handle: Option<u16>,
    pub(super) characteristic: Characteristic,
}

/// The layout with handles. Services begin at multiples of 16 so that paths are easy to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) services: Vec<(u16, gatt::Uuid)>,
    pub(super) characteristics: Vec<Placed>,
}

impl Table {
    pub(super) fn new(layout: &Layout) -> Self {
        let mut table = Self {
            services: Vec::new(),
            characteristics: Vec::new(),
        };
        let mut handle = 0;
        for service in &layout.services {
            handle = (handle / 16 + 1) * 16;
            table.services.push((handle, service.uuid));
            handle = table.place(service, handle);
        }
        table
    }

    /// A characteristic takes a handle for its declaration and one for its value, and one more to subscribe.
    fn place(&mut self, service: &Service, service_handle: u16) -> u16 {
        let mut handle = service_handle;
        for characteristic in &service.characteristics {
            let subscribes = characteristic
                .flags
                .iter()
                .any(|flag| matches!(*flag, "notify" | "indicate"));
            let placed = Placed {
                service_handle,
                handle: handle + 1,
                subscription_handle: subscribes.then_some(handle + 3),
                characteristic: characteristic.clone(),
            };
            handle += if subscribes { 3 } else { 2 };
            self.characteristics.push(placed);
        }
        handle
    }

    pub(super) fn find(&self, handle: u16) -> Option<&Placed> {
        self.characteristics.iter().find(|placed| placed.handle == handle)
    }

    pub(super) fn notified(&self) -> Option<&Placed> {
        self.characteristics
            .iter()
            .find(|placed| placed.characteristic.role == Role::BandToStation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_has_its_three_characteristics_in_a_row() {
        let table = Table::new(&Layout::default());
        let handles: Vec<_> = table
            .characteristics
            .iter()
            .map(|it| (it.service_handle, it.handle))
            .collect();
        assert_eq!(handles, [(0x10, 0x11), (0x20, 0x21), (0x20, 0x23), (0x20, 0x26)]);
        assert_eq!(table.notified().unwrap().subscription_handle, Some(0x25));
    }

    #[test]
    fn uuids_print_with_dashes() {
        assert_eq!(uuid_text(SUBSCRIPTION), "00002902-0000-1000-8000-00805f9b34fb");
        assert_eq!(uuid_text(gatt::SERVICE), "6b5e0001-8d4a-4c1f-9a37-2f0c51d7b0a4");
    }
}
