//! A [`Layout`] as the attributes of a GATT server.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use trouble_host::prelude::{
    AsGatt, AttributeServer, AttributeTable, Characteristic, CharacteristicProp, CharacteristicProps,
    Service, Uuid,
};

use super::pool::Pool;
use crate::bluez::{Characteristic as Wanted, Layout, Role};

/// Attributes that a layout may have, GAP included.
const ATTRIBUTES_MAX: usize = 64;
/// The base that 16-bit UUIDs are short for (Core 5.4, Vol 3, Part B, 2.5.1).
const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5f9b_34fb;
const GAP: u16 = 0x1800;
const DEVICE_NAME: u16 = 0x2a00;
const APPEARANCE: u16 = 0x2a01;
/// Appearance "unknown".
const UNKNOWN: [u8; 2] = [0, 0];

type Table<'a> = AttributeTable<'a, NoopRawMutex, ATTRIBUTES_MAX>;
pub(super) type Server<'a> = AttributeServer<'a, NoopRawMutex, Pool, ATTRIBUTES_MAX, 1>;

/// Where in a table the band is.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Handle of what the station writes to.
    pub(super) station_to_band: Option<u16>,
    /// Where the band notifies.
    pub(super) band_to_station: Option<Characteristic<[u8]>>,
    /// Handles whose writes are accepted and forgotten.
    pub(super) forgotten: Vec<u16>,
}

/// A value that is kept elsewhere or nowhere.
struct Nothing;

impl AsGatt for Nothing {
    const MIN_SIZE: usize = 0;
    const MAX_SIZE: usize = 512;

    fn as_gatt(&self) -> &[u8] {
        &[]
    }
}

/// A server of this layout, and where in it the band is.
pub(super) fn serve<'a>(layout: &'a Layout, name: &'a str, info: &'a [u8]) -> (Server<'a>, Places) {
    let (mut table, mut places) = (Table::new(), Places::default());
    let mut gap = table.add_service(Service::new(GAP));
    gap.add_characteristic_ro(DEVICE_NAME, name).build();
    gap.add_characteristic_ro(APPEARANCE, &UNKNOWN[..]).build();
    for service in &layout.services {
        let mut builder = table.add_service(Service::new(uuid(service.uuid)));
        for wanted in &service.characteristics {
            let uuid = uuid(wanted.uuid);
            let built = match constant(wanted, info) {
                Some(value) => builder.add_characteristic_ro(uuid, value).build(),
                None => {
                    let empty = builder.add_characteristic_small(uuid, properties(wanted), Nothing);
                    empty.to_raw().build()
                }
            };
            places.note(&wanted.role, built);
        }
    }
    (Server::new(table), places)
}

impl Places {
    fn note(&mut self, role: &Role, built: Characteristic<[u8]>) {
        match role {
            Role::StationToBand => self.station_to_band = Some(built.handle),
            Role::BandToStation => self.band_to_station = Some(built),
            Role::Info | Role::Fixed(_) => self.forgotten.push(built.handle),
        }
    }
}

/// What a characteristic that can only be read reads as.
fn constant<'a>(wanted: &'a Wanted, info: &'a [u8]) -> Option<&'a [u8]> {
    match &wanted.role {
        Role::Info => Some(info),
        Role::Fixed(value) if wanted.flags == ["read"] => Some(value),
        _ => None,
    }
}

fn properties(wanted: &Wanted) -> CharacteristicProps {
    let properties: Vec<_> = wanted.flags.iter().filter_map(|flag| property(flag)).collect();
    CharacteristicProps::from(&properties[..])
}

fn property(flag: &str) -> Option<CharacteristicProp> {
    match flag {
        "broadcast" => Some(CharacteristicProp::Broadcast),
        "read" => Some(CharacteristicProp::Read),
        "write-without-response" => Some(CharacteristicProp::WriteWithoutResponse),
        "write" => Some(CharacteristicProp::Write),
        "notify" => Some(CharacteristicProp::Notify),
        "indicate" => Some(CharacteristicProp::Indicate),
        _ => None,
    }
}

/// What the Bluetooth SIG gave out in 16 bits is sent in 16 bits.
fn uuid(uuid: u128) -> Uuid {
    let short = (uuid >> 96) as u16;
    if uuid == BASE | u128::from(short) << 96 {
        Uuid::from(short)
    } else {
        Uuid::from(uuid)
    }
}
