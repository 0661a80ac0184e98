//! `bandstand-sim band`: bands for a station that runs elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use firmware_protocol::band::Wearer;
use firmware_protocol::id::Serial;
use firmware_protocol::time::Instant;
use simulators::band::{Knobs, SimBand};
use simulators::bluez::{Address, BandConfig, Double, DoubleConfig, Pace};
use simulators::plant::Manufacturer;
use simulators::random::Random;
use simulators::signals::until_stopped;

/// Bands on a private D-Bus with a BlueZ double.
#[derive(Debug, Args)]
pub(super) struct Band {
    /// Serials of the bands: 1 to 16 characters out of A-Z, 0-9 and -.
    #[arg(required = true)]
    serials: Vec<String>,
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
    #[arg(long, default_value_t = -45, allow_negative_numbers = true)]
    rssi_dbm: i16,
    /// Connection interval, in milliseconds; 0 for none.
    #[arg(long, default_value_t = 30.0)]
    interval_ms: f64,
    /// ATT MTU of the bands, in bytes.
    #[arg(long, default_value_t = 247, value_parser = clap::value_parser!(u16).range(23..=517))]
    mtu: u16,
    /// Seed of the bands' keys and of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Band {
    pub(super) async fn run(&self) -> Result<()> {
        let interval = Duration::from_secs_f64(self.interval_ms / 1000.0);
        let pace = Pace {
            interval,
            ..DoubleConfig::default().pace
        };
        let double = Double::start(DoubleConfig {
            seed: self.seed,
            pace,
            ..DoubleConfig::default()
        })?;
        let mut random = Random::new(self.seed);
        let maker = self.manufacturer(&mut random)?;
        let knobs = self.knobs()?;
        let mut ports = Vec::new();
        for (place, serial) in self.serials.iter().enumerate() {
            let serial = Serial::new(serial).with_context(|| {
                format!("{serial:?} is no serial: 1 to 16 characters out of A-Z, 0-9 and - are one")
            })?;
            let identity = maker.band(&serial, self.seos, &mut random);
            let band = SimBand::new(
                identity,
                knobs.clone(),
                Vec::new(),
                random.fork(place as u64),
                Instant::ZERO,
            );
            let address = Address([
                0xc0,
                0xff,
                0xee,
                1,
                0,
                u8::try_from(place).context("at most 256 bands")?,
            ]);
            let rssi_dbm = self.rssi_dbm - 12 * place as i16;
            let config = BandConfig {
                mtu_bytes_max: self.mtu,
                ..BandConfig::new(address, rssi_dbm)
            };
            ports.push(double.add_band(config, band));
        }
        ports
            .iter()
            .for_each(|port| port.with(|band, now| band.act(now, Wearer::Press)));
        println!("DBUS_SYSTEM_BUS_ADDRESS={}", double.address());
        println!("manufacturer = {}", hex(&maker.public_key()));
        eprintln!("The bands are on the air. Start a station with that variable. Ctrl-C ends them.");
        until_stopped().await?;
        Ok(())
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
