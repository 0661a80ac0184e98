//! `bandstand-sim band`: bands for a station that runs elsewhere.

mod hands;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use firmware_protocol::id::Serial;
use firmware_protocol::time::Instant;
use simulators::band::{Knobs, SimBand};
use simulators::bluez::{Address, BandConfig, Double, DoubleConfig, Pace};
use simulators::hci::{Endpoint, HciPort};
use simulators::plant::Manufacturer;
use simulators::random::Random;

/// Bands on a private D-Bus with a BlueZ double, or each behind a Bluetooth controller.
#[derive(Debug, Args)]
pub(super) struct Band {
    /// Serials of the bands: 1 to 16 characters out of A-Z, 0-9 and -.
    #[arg(required = true)]
    serials: Vec<String>,
    /// A Bluetooth adapter of this machine for each band, such as hci1: the bands are on the real air.
    #[arg(long, value_name = "ADAPTER", value_parser = adapter)]
    adapter: Vec<Endpoint>,
    /// A controller elsewhere for each band, that speaks H4: unix:PATH or tcp:HOST:PORT.
    #[arg(long, value_name = "ENDPOINT", conflicts_with = "adapter")]
    hci: Vec<Endpoint>,
    /// File with the manufacturer's Ed25519 secret key, 64 hexadecimal digits; a fixed test key if absent.
    #[arg(long, value_name = "FILE")]
    manufacturer_key: Option<PathBuf>,
    /// The bands also carry a door credential.
    #[arg(long)]
    seos: bool,
    /// Knobs of the bands as a TOML file: what goes wrong, and how fast the wearer is.
    #[arg(long, value_name = "FILE")]
    knobs: Option<PathBuf>,
    /// Signal strength of the first band, in dBm; each further band is 12 dB weaker.
    #[arg(long, default_value_t = -45, allow_negative_numbers = true, conflicts_with_all = ["adapter", "hci"])]
    rssi_dbm: i16,
    /// Connection interval, in milliseconds; 0 for none.
    #[arg(long, default_value_t = 30.0, conflicts_with_all = ["adapter", "hci"])]
    interval_ms: f64,
    /// ATT MTU of the bands, in bytes.
    #[arg(long, default_value_t = 247, value_parser = clap::value_parser!(u16).range(23..=517))]
    mtu: u16,
    /// Seed of the bands' keys and addresses and of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Band {
    pub(super) async fn run(&self) -> Result<()> {
        let mut random = Random::new(self.seed);
        let maker = self.manufacturer(&mut random)?;
        let bands = self.bands(&maker, &mut random)?;
        let controllers: Vec<_> = self.adapter.iter().chain(&self.hci).cloned().collect();
        if controllers.is_empty() {
            self.on_double(&maker, bands).await
        } else {
            on_controllers(&maker, bands, controllers).await
        }
    }

    async fn on_double(&self, maker: &Manufacturer, bands: Vec<(BandConfig, SimBand)>) -> Result<()> {
        let pace = Pace {
            interval: Duration::from_secs_f64(self.interval_ms / 1000.0),
            ..DoubleConfig::default().pace
        };
        let config = DoubleConfig {
            seed: self.seed,
            pace,
            ..DoubleConfig::default()
        };
        let double = Double::start(config)?;
        let ports: Vec<_> = bands
            .into_iter()
            .map(|(config, band)| double.add_band(config, band))
            .collect();
        println!("DBUS_SYSTEM_BUS_ADDRESS={}", double.address());
        say_maker(maker);
        eprintln!("The bands are on the air. Start a station with that variable. Ctrl-C ends them.");
        hands::follow(&ports).await
    }

    fn bands(&self, maker: &Manufacturer, random: &mut Random) -> Result<Vec<(BandConfig, SimBand)>> {
        let knobs = self.knobs()?;
        let mut bands = Vec::new();
        for (place, text) in self.serials.iter().enumerate() {
            let serial = Serial::new(text).with_context(|| {
                format!("{text:?} is no serial: 1 to 16 characters out of A-Z, 0-9 and - are one")
            })?;
            let identity = maker.band(&serial, self.seos, random);
            let chance = random.fork(place as u64);
            let config = BandConfig {
                mtu_bytes_max: self.mtu,
                ..BandConfig::new(self.address(place)?, self.rssi_dbm - 12 * place as i16)
            };
            let band = SimBand::new(identity, knobs.clone(), Vec::new(), chance, Instant::ZERO);
            bands.push((config, band));
        }
        Ok(bands)
    }

    /// A random static address (Core 5.4, Vol 6, Part B, 1.3.2.1) that the seed gives.
    fn address(&self, place: usize) -> Result<Address> {
        let place = u8::try_from(place).context("at most 256 bands")?;
        let mut bytes: [u8; 6] = Random::new(self.seed).fork(0x61646472).bytes();
        bytes[0] |= 0xc0;
        bytes[5] = place;
        Ok(Address(bytes))
    }

    fn manufacturer(&self, random: &mut Random) -> Result<Manufacturer> {
        let Some(file) = &self.manufacturer_key else {
            return Ok(Manufacturer::new(random));
        };
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let key =
            unhex(text.trim()).with_context(|| format!("{} is no 64 hexadecimal digits", file.display()))?;
        Ok(Manufacturer::from_secret(&key))
    }

    fn knobs(&self) -> Result<Knobs> {
        let Some(file) = &self.knobs else {
            return Ok(Knobs::default());
        };
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} does not hold knobs", file.display()))
    }
}

async fn on_controllers(
    maker: &Manufacturer,
    bands: Vec<(BandConfig, SimBand)>,
    controllers: Vec<Endpoint>,
) -> Result<()> {
    ensure!(
        bands.len() == controllers.len(),
        "a controller carries one band: {} bands need as many controllers, not {}",
        bands.len(),
        controllers.len()
    );
    let mut ports: Vec<HciPort<SimBand>> = Vec::new();
    for ((config, band), controller) in bands.into_iter().zip(controllers) {
        let (serial, address) = (band.serial().to_string(), config.address);
        let port = controller.clone().start(config, band);
        port.on_air()
            .await
            .map_err(|fault| anyhow!("{serial} on {controller}: {fault}"))?;
        println!("{serial} advertises as {address} on {controller}");
        ports.push(port);
    }
    say_maker(maker);
    eprintln!("The bands are on the air. Ctrl-C ends them.");
    hands::follow(&ports).await
}

fn say_maker(maker: &Manufacturer) {
    println!("manufacturer = {}", hex(&maker.public_key()));
}

/// An endpoint that is an adapter.
fn adapter(text: &str) -> Result<Endpoint, String> {
    match text.parse() {
        Ok(endpoint @ Endpoint::Adapter(_)) => Ok(endpoint),
        _ => Err(String::from("an adapter is named hci0, hci1 and so on")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<[u8; 32]> {
    ensure!(text.len() == 64 && text.is_ascii(), "{} characters", text.len());
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16)?;
    }
    Ok(bytes)
}
