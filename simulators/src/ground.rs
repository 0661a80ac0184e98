//! Where a station's Bluetooth comes from: a BlueZ double or a real BlueZ. Whoever tells a story to a station tells
//! it here, so that it can be told on both.

use std::io;
use std::path::Path;
use std::time::Duration;

use dbus::arg::Variant;
use dbus::channel::Channel;
use firmware_protocol::time::Instant;

use crate::air::{self, Air, AirConfig};
use crate::bluez::{BandConfig, BandPort, Counters, Double, DoubleConfig, StartError};
use crate::hci::{self, HciPort};
use crate::machine::{Machine, MachineError};
use crate::peripheral::Peripheral;

/// Path of the adapter on both grounds.
const ADAPTER: &str = "/org/bluez/hci0";
/// What the adapter asks for unless told otherwise, as Linux does: 30 to 50 ms, in units of 1.25 ms.
const INTERVALS: (u16, u16) = (24, 40);
/// Longest wait for the answer to one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// What can keep a ground from existing or from doing what it is told.
#[derive(Debug)]
pub enum GroundError {
    /// The BlueZ double.
    Double(StartError),
    /// The virtual machine.
    Machine(MachineError),
    /// The bus.
    Bus(dbus::Error),
}

impl std::fmt::Display for GroundError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Double(error) => error.fmt(f),
            Self::Machine(error) => error.fmt(f),
            Self::Bus(error) => write!(f, "the bus refused: {error}"),
        }
    }
}

impl std::error::Error for GroundError {}

impl From<StartError> for GroundError {
    fn from(error: StartError) -> Self {
        Self::Double(error)
    }
}

impl From<MachineError> for GroundError {
    fn from(error: MachineError) -> Self {
        Self::Machine(error)
    }
}

impl From<io::Error> for GroundError {
    fn from(error: io::Error) -> Self {
        Self::Machine(MachineError::Io(error))
    }
}

impl From<dbus::Error> for GroundError {
    fn from(error: dbus::Error) -> Self {
        Self::Bus(error)
    }
}

/// A BlueZ with an adapter and air around it.
#[derive(Debug)]
pub enum Ground {
    /// Depth 2.
    Double(Double),
    /// Depth 3.
    Real(Real),
}

/// A real BlueZ in a virtual machine.
#[derive(Debug)]
pub struct Real {
    machine: Machine,
    /// The air between the machine's adapter and the bands.
    pub air: Air,
    /// Something was taken away from under BlueZ.
    worn: bool,
}

impl Real {
    /// Boots the image in this folder.
    pub fn boot(image: &Path) -> Result<Self, GroundError> {
        let air = Air::start(AirConfig::default())?;
        let machine = Machine::boot(image, &air)?;
        Ok(Self {
            machine,
            air,
            worn: false,
        })
    }

    /// Forgets every device and starts bluetoothd anew, as after the boot. A machine whose kernel is broken, or that
    /// had its adapter, bluetoothd or bus pulled from under it, refuses: nobody knows what it still remembers.
    pub fn renew(&mut self) -> Result<(), GroundError> {
        let worn = "it was worn out".to_owned();
        if let Some(fault) = self.kernel_fault().or(self.worn.then_some(worn)) {
            return Err(MachineError::Refused("renew".into(), fault).into());
        }
        self.air.set_strict_doubles(false);
        self.machine.run("bluez_end; forget; bluez_start")?;
        self.set_interval(INTERVALS)
    }

    /// A line of shell in the machine.
    pub fn run(&mut self, line: &str) -> Result<String, GroundError> {
        Ok(self.machine.run(line)?)
    }

    /// A line that leaves the machine another one.
    fn wear(&mut self, line: &str) -> Result<(), GroundError> {
        self.worn = true;
        self.run(line).map(drop)
    }

    /// What broke the machine's kernel, if something did.
    pub fn kernel_fault(&mut self) -> Option<String> {
        self.machine.kernel_fault()
    }

    /// What the machine's console and bluetoothd said.
    pub fn log(&mut self) -> String {
        self.machine.log()
    }

    fn set_interval(&mut self, (least, most): (u16, u16)) -> Result<(), GroundError> {
        self.run(&format!("interval {least} {most}")).map(drop)
    }
}

impl Ground {
    /// A double with this configuration.
    pub fn double(config: DoubleConfig) -> Result<Self, GroundError> {
        Ok(Self::Double(Double::start(config)?))
    }

    /// True for a real BlueZ.
    pub fn is_real(&self) -> bool {
        matches!(self, Self::Real(_))
    }

    /// What a client gets as `DBUS_SYSTEM_BUS_ADDRESS`.
    pub fn bus(&self) -> &str {
        match self {
            Self::Double(double) => double.address(),
            Self::Real(real) => real.machine.bus(),
        }
    }

    /// Puts a band on the air.
    pub fn add<P: Peripheral + 'static>(&self, config: BandConfig, band: P) -> Place<P> {
        let air = match self {
            Self::Double(double) => At::Double(double.add_band(config.clone(), band)),
            Self::Real(real) => At::Real(start(&real.air, &config, band)),
        };
        Place {
            config,
            at: Some(air),
        }
    }

    /// Switches the radio, as `bluetoothctl power` does.
    pub fn power(&self, on: bool) -> Result<(), GroundError> {
        let mut bus = Channel::open_private(self.bus())?;
        bus.register()?;
        let bus = dbus::blocking::Connection::from(bus);
        let adapter = bus.with_proxy("org.bluez", ADAPTER, CALL_TIMEOUT);
        let arguments = ("org.bluez.Adapter1", "Powered", Variant(on));
        let () = adapter.method_call("org.freedesktop.DBus.Properties", "Set", arguments)?;
        Ok(())
    }

    /// Pulls the adapter out of its socket.
    pub fn unplug(&mut self) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.unplug_adapter(),
            Self::Real(real) => {
                real.worn = true;
                // Without power it sends nothing any more, not even that links end.
                real.machine.adapter().drop_link();
                real.run("adapter_unplug")?;
            }
        }
        Ok(())
    }

    /// Puts the adapter back.
    pub fn plug(&mut self) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.plug_adapter(),
            Self::Real(real) => drop(real.run("adapter_plug")?),
        }
        Ok(())
    }

    /// Kills bluetoothd.
    pub fn kill_bluez(&mut self) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.kill_bluetoothd(),
            Self::Real(real) => real.wear("bluez_stop; true")?,
        }
        Ok(())
    }

    /// Starts bluetoothd again.
    pub fn start_bluez(&mut self) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.restart_bluetoothd()?,
            Self::Real(real) => drop(real.run("bluez_start")?),
        }
        Ok(())
    }

    /// Kills the bus, and bluetoothd with it.
    pub fn kill_bus(&mut self) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.stop_bus(),
            Self::Real(real) => real.wear("bus_stop; bluez_stop; true")?,
        }
        Ok(())
    }

    /// Starts the bus again, and bluetoothd on it.
    pub fn start_bus(&mut self) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.restart_bus()?,
            Self::Real(real) => drop(real.run("bus_start && bluez_start")?),
        }
        Ok(())
    }

    /// Makes the adapter one that reports each band once per scan, or one that reports what is new.
    pub fn set_drops_doubles(&mut self, drops: bool) {
        match self {
            Self::Double(double) => double.set_drops_doubles(drops),
            Self::Real(real) => real.air.set_strict_doubles(drops),
        }
    }

    /// Sets the connection interval of links made from now on, a multiple of 1.25 ms.
    pub fn set_interval(&mut self, interval: Duration) -> Result<(), GroundError> {
        match self {
            Self::Double(double) => double.set_interval(interval),
            Self::Real(real) => {
                let units = (interval.as_micros() / 1250) as u16;
                real.set_interval((units, units))?;
            }
        }
        Ok(())
    }
}

fn start<P: Peripheral + 'static>(air: &Air, config: &BandConfig, band: P) -> RealBand<P> {
    let (stream, place) = air.controller(config.address);
    place.set_rssi(config.rssi_dbm);
    RealBand {
        port: hci::start(stream, config.clone(), band),
        place,
    }
}

/// A band on either ground.
#[derive(Debug)]
pub struct Place<P> {
    /// What it was put there with.
    pub config: BandConfig,
    at: Option<At<P>>,
}

#[derive(Debug)]
enum At<P> {
    Double(BandPort<P>),
    Real(RealBand<P>),
}

#[derive(Debug)]
struct RealBand<P> {
    port: HciPort<P>,
    place: air::Port,
}

impl<P: Peripheral + 'static> Place<P> {
    fn at(&self) -> &At<P> {
        self.at.as_ref().expect("a band is somewhere")
    }

    /// Runs `poke` with the band and the moment; what the band then wants to send is sent.
    pub fn with<R: Send + 'static>(&self, poke: impl FnOnce(&mut P, Instant) -> R + Send + 'static) -> R {
        match self.at() {
            At::Double(port) => port.with(poke),
            At::Real(band) => band.port.with(poke),
        }
    }

    /// Moves the band nearer or farther.
    pub fn set_rssi(&self, rssi_dbm: i16) {
        match self.at() {
            At::Double(port) => port.set_rssi(rssi_dbm),
            At::Real(band) => band.place.set_rssi(rssi_dbm),
        }
    }

    /// Takes the band out of reach, or back. Its link, if any, is lost.
    pub fn set_in_range(&self, in_range: bool) {
        match self.at() {
            At::Double(port) => port.set_in_range(in_range),
            At::Real(band) => band.place.set_in_range(in_range),
        }
    }

    /// Breaks the link by interference.
    pub fn drop_link(&self) {
        match self.at() {
            At::Double(port) => port.drop_link(),
            At::Real(band) => band.place.drop_link(),
        }
    }

    /// What this band did since it was last started.
    pub fn counters(&self) -> Counters {
        match self.at() {
            At::Double(port) => port.counters(),
            At::Real(band) => band.port.counters(),
        }
    }

    /// Takes the band's power away and gives it back at once. Meanwhile `change` may make another of it: other
    /// firmware, another MTU.
    pub fn restart(&mut self, ground: &Ground, change: impl FnOnce(&mut BandConfig, &mut P, Instant)) {
        let now = self.with(|_, now| now);
        let mut band = match self.at.take().expect("a band is somewhere") {
            At::Double(port) => port.remove(),
            At::Real(band) => band.port.stop(),
        };
        change(&mut self.config, &mut band, now);
        *self = ground.add(self.config.clone(), band);
    }

    /// Why the band itself does not work any more, if so.
    pub fn fault(&self) -> Option<String> {
        match self.at() {
            At::Double(_) => None,
            At::Real(band) => band.port.fault(),
        }
    }
}
