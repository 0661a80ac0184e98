//! The handles of a running double.

use std::any::Any;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use firmware_protocol::time::Instant;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::address::Address;
use super::bus::BusError;
use super::config::{BandConfig, Counters, DoubleConfig, Fault};
use super::disturbance::Disturbance;
use super::driver::{Driver, Job, Next, run};
use crate::peripheral::Peripheral;

/// Why a double did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// There is no private bus.
    Bus(BusError),
    /// The bus is there but the double could not use it, or there is no thread for it.
    Io(io::Error),
}

impl StartError {
    /// The machine has no dbus-daemon: a reason to skip a test, not to fail it.
    pub fn is_not_installed(&self) -> bool {
        matches!(self, Self::Bus(BusError::NotInstalled))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(error) => error.fmt(f),
            Self::Io(_) => f.write_str("the BlueZ double could not start"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bus(error) => error.source(),
            Self::Io(error) => Some(error),
        }
    }
}

/// A private bus with an `org.bluez` on it, one adapter, and bands around it.
///
/// It lives on a thread of its own; the methods here hand it a job and wait for the result, which takes
/// microseconds (those that start a process: milliseconds). They may be called from anywhere, also from
/// asynchronous code. They panic if the double's thread has panicked, as a closure given to
/// [`BandPort::with`] can make it do. Dropping the double ends the thread and the bus.
#[derive(Debug)]
pub struct Double {
    handle: Handle,
    address: String,
    thread: Option<JoinHandle<()>>,
}

/// A way into the driver's thread.
#[derive(Clone, Debug)]
struct Handle(UnboundedSender<Job>);

impl Handle {
    fn call<R: Send + 'static>(&self, job: impl FnOnce(&mut Driver) -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let job: Job = Box::new(move |driver| {
            // The caller waits below.
            let _ = sender.send(job(driver));
            Next::GoOn
        });
        let outcome = self.0.send(job).ok().and_then(|()| receiver.recv().ok());
        outcome.expect("the double was dropped or its thread panicked")
    }
}

impl Double {
    /// Starts a bus and the double on it.
    pub fn start(config: DoubleConfig) -> Result<Self, StartError> {
        let (jobs, queue) = unbounded_channel();
        let (started, outcome) = mpsc::channel();
        let body = move || run(config, queue, &started);
        let thread = std::thread::Builder::new()
            .name("bluez-double".to_owned())
            .spawn(body);
        let thread = thread.map_err(StartError::Io)?;
        let outcome = outcome
            .recv()
            .unwrap_or_else(|_| Err(StartError::Io(io::ErrorKind::BrokenPipe.into())));
        Ok(Self {
            handle: Handle(jobs),
            address: outcome?,
            thread: Some(thread),
        })
    }

    /// What a client process gets as `DBUS_SYSTEM_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Now, on the clock that every peripheral is given.
    pub fn now(&self) -> Instant {
        self.handle.call(|driver| driver.now())
    }

    /// Puts a band on the air. Panics if another band has its address.
    pub fn add_band<P: Peripheral + 'static>(&self, config: BandConfig, peripheral: P) -> BandPort<P> {
        let address = config.address;
        let peripheral = Box::new(peripheral);
        self.handle
            .call(move |driver| driver.world.add_band(driver.now(), config, peripheral));
        BandPort {
            handle: self.handle.clone(),
            address,
            peripheral: PhantomData,
        }
    }

    /// Arranges what happens to the next call of `method`, such as "Connect" or, where interfaces share a
    /// name, "Device1.Connect". Several arrangements for one method take effect one call after the other.
    pub fn fail_next(&self, method: &str, fault: Fault) {
        let method = method.to_owned();
        self.handle
            .call(move |driver| driver.world.arrange(method, fault));
    }

    /// Sets the connection interval of links made from now on. Zero: no air time.
    pub fn set_interval(&self, interval: Duration) {
        self.handle
            .call(move |driver| driver.world.config.pace.interval = interval);
    }

    /// See [`DoubleConfig::drops_doubles`].
    pub fn set_drops_doubles(&self, drops: bool) {
        self.handle
            .call(move |driver| driver.world.config.drops_doubles = drops);
    }

    /// Lets the scan go deaf: BlueZ says that it goes on, and nothing is heard until a new one begins.
    pub fn deafen(&self) {
        self.handle.call(|driver| driver.world.deafen());
    }

    /// Switches the radio, as `rfkill` or `bluetoothctl power` do.
    pub fn power(&self, on: bool) {
        self.handle
            .call(move |driver| driver.world.set_powered(driver.now(), on));
    }

    /// Pulls the adapter out of its socket.
    pub fn unplug_adapter(&self) {
        self.handle.call(|driver| driver.world.unplug(driver.now()));
    }

    /// Puts the adapter back. It comes up switched on.
    pub fn plug_adapter(&self) {
        self.handle.call(|driver| driver.world.plug());
    }

    /// Kills bluetoothd: its name is gone from the bus, all links break, no signal is sent.
    pub fn kill_bluetoothd(&self) {
        self.handle.call(Driver::stop_bluetoothd);
    }

    /// Starts bluetoothd again after [`kill_bluetoothd`](Self::kill_bluetoothd).
    pub fn restart_bluetoothd(&self) -> io::Result<()> {
        self.handle.call(Driver::start_bluetoothd)
    }

    /// Kills the bus and bluetoothd with it. Clients find nobody at [`address`](Self::address).
    pub fn stop_bus(&self) {
        self.handle.call(|driver| {
            driver.stop_bluetoothd();
            driver.bus.stop();
        });
    }

    /// Starts the bus at the same address, and bluetoothd on it, whether or not the bus was stopped before.
    pub fn restart_bus(&self) -> Result<(), StartError> {
        self.handle.call(|driver| {
            driver.stop_bluetoothd();
            driver.bus.resume().map_err(StartError::Bus)?;
            driver.start_bluetoothd().map_err(StartError::Io)
        })
    }

    /// Sums over all bands, also those that are gone.
    pub fn counters(&self) -> Counters {
        self.handle.call(|driver| driver.world.total_counters())
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        // A thread that panicked has ended and said why.
        let _ = self.handle.0.send(Box::new(|_| Next::Stop));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One band of a double. Its methods panic once the double or the band is gone.
#[derive(Debug)]
pub struct BandPort<P> {
    handle: Handle,
    address: Address,
    peripheral: PhantomData<fn() -> P>,
}

impl<P> Clone for BandPort<P> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            address: self.address,
            peripheral: PhantomData,
        }
    }
}

impl<P: Peripheral + 'static> BandPort<P> {
    /// The band's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Runs `poke` on the double's thread with the peripheral and the moment; what the peripheral then wants
    /// to send is sent. This is where a wearer's hands come in.
    pub fn with<R: Send + 'static>(&self, poke: impl FnOnce(&mut P, Instant) -> R + Send + 'static) -> R {
        self.on_band(move |driver, address| {
            let now = driver.now();
            let band = driver.world.bands.get_mut(&address)?;
            let peripheral: &mut dyn Any = &mut *band.peripheral;
            let result = poke(peripheral.downcast_mut()?, now);
            driver.world.drain(now, address);
            Some(result)
        })
    }

    /// Moves the band nearer or farther.
    pub fn set_rssi(&self, rssi_dbm: i16) {
        self.on_band(move |driver, address| {
            driver.world.bands.get_mut(&address)?.config.rssi_dbm = rssi_dbm;
            Some(())
        });
    }

    /// Takes the band out of reach, or back. Its link, if any, is lost.
    pub fn set_in_range(&self, in_range: bool) {
        self.on_band(move |driver, address| {
            driver.world.bands.get_mut(&address)?.in_range = in_range;
            if !in_range {
                driver.world.lose_link(driver.now(), address);
            }
            Some(())
        });
    }

    /// A mute band keeps its link but answers nothing any more, and what it notifies still passes.
    pub fn set_mute(&self, mute: bool) {
        self.on_band(move |driver, address| {
            driver.world.bands.get_mut(&address)?.mute = mute;
            Some(())
        });
    }

    /// Disturbs the next so many notifications, after those arranged before.
    pub fn disturb_notifications(&self, disturbance: Disturbance, count: u32) {
        self.on_band(move |driver, address| {
            driver
                .world
                .bands
                .get_mut(&address)?
                .up
                .arrange(disturbance, count);
            Some(())
        });
    }

    /// Disturbs the next so many write commands (without response), after those arranged before.
    pub fn disturb_commands(&self, disturbance: Disturbance, count: u32) {
        self.on_band(move |driver, address| {
            driver
                .world
                .bands
                .get_mut(&address)?
                .down
                .arrange(disturbance, count);
            Some(())
        });
    }

    /// The next so many links break right after they were made, before their services are resolved.
    pub fn break_links(&self, count: u32) {
        self.on_band(move |driver, address| {
            driver.world.bands.get_mut(&address)?.breaks_left = count;
            Some(())
        });
    }

    /// Breaks the link by interference: nothing passes, and both ends notice after the supervision timeout.
    /// Nothing happens without a link.
    pub fn drop_link(&self) {
        self.on_band(|driver, address| {
            driver.world.lose_link(driver.now(), address);
            Some(())
        });
    }

    /// What this band did so far.
    pub fn counters(&self) -> Counters {
        self.on_band(|driver, address| Some(driver.world.bands.get(&address)?.counters))
    }

    /// Takes the band away and gives its peripheral back. A link breaks as in [`drop_link`](Self::drop_link),
    /// but the band knows at once.
    pub fn remove(self) -> P {
        let peripheral = self.on_band(|driver, address| {
            let band = driver.world.remove_band(driver.now(), address)?;
            let peripheral: Box<dyn Any + Send> = band.peripheral;
            peripheral.downcast::<P>().ok()
        });
        *peripheral
    }

    fn on_band<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Driver, Address) -> Option<R> + Send + 'static,
    ) -> R {
        let address = self.address;
        let result = self.handle.call(move |driver| job(driver, address));
        result.unwrap_or_else(|| panic!("the band {address} was removed"))
    }
}
