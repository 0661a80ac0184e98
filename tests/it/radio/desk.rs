//! A kiosk on either ground: the real station before a BlueZ double or before a real BlueZ.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::id::Zone;
use firmware_protocol::time::Instant;
use simulators::band::SimBand;
use simulators::bluez::{Address, BandConfig, DoubleConfig, StartError};
use simulators::cast::Cast;
use simulators::ground::{Ground, GroundError, Place, Real};
use simulators::machine;
use simulators::peripheral::Peripheral;
use simulators::stage::{Daemon, Program, Site};
use station_daemon::clock::Clock;

use crate::kiosk::{agrees, hex};

/// What the double is asked to do slower or faster than its default: connection events as Linux asks for.
const DOUBLE_INTERVAL: Duration = Duration::from_millis(50);

/// The one real BlueZ of this process.
static REAL: Mutex<Option<Ground>> = Mutex::new(None);

/// Where a test plays.
pub(crate) enum Lease {
    Mine(Ground),
    Shared(MutexGuard<'static, Option<Ground>>),
}

impl Lease {
    /// A double of one's own; nothing, said loudly, where there is no dbus-daemon.
    pub(crate) fn double() -> Option<Self> {
        let config = DoubleConfig::default();
        match Ground::double(config) {
            Err(GroundError::Double(error)) if StartError::is_not_installed(&error) => {
                eprintln!("SKIPPED: there is no dbus-daemon on this machine");
                None
            }
            ground => {
                let mut ground = ground.expect("a double");
                ground.set_interval(DOUBLE_INTERVAL).unwrap();
                Some(Self::Mine(ground))
            }
        }
    }

    /// The real BlueZ, as after its boot; nothing, said loudly, where nobody made an image.
    pub(crate) fn real() -> Option<Self> {
        let Some(image) = machine::image() else {
            eprintln!("SKIPPED: no image of a real BlueZ; `cargo xtask radio` makes one");
            return None;
        };
        let mut slot = REAL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ground::Real(real)) = slot.as_mut()
            && let Err(error) = real.renew()
        {
            eprintln!("booting anew: {error}\n{}", real.log());
            *slot = None;
        }
        if slot.is_none() {
            let real = Real::boot(&image).unwrap_or_else(|error| panic!("{error}"));
            *slot = Some(Ground::Real(real));
        }
        Some(Self::Shared(slot))
    }
}

impl Deref for Lease {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        match self {
            Self::Mine(ground) => ground,
            Self::Shared(slot) => slot.as_ref().expect("a ground is leased as long as it exists"),
        }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Ground {
        match self {
            Self::Mine(ground) => ground,
            Self::Shared(slot) => slot.as_mut().expect("a ground is leased as long as it exists"),
        }
    }
}

/// A band on a wrist that ends its link at a certain frame.
#[derive(Debug)]
pub(crate) struct Wrist {
    pub(crate) band: SimBand,
    /// Frames that crossed the air so far, both directions.
    pub(crate) frames: u64,
    /// The link ends when so many frames have crossed the air; once.
    pub(crate) ends_at: Option<u64>,
    ends: bool,
}

impl Wrist {
    pub(crate) fn new(band: SimBand) -> Self {
        Self {
            band,
            frames: 0,
            ends_at: None,
            ends: false,
        }
    }

    fn count(&mut self) {
        self.frames += 1;
        self.ends |= self.ends_at.take_if(|at| self.frames >= *at).is_some();
    }
}

impl Peripheral for Wrist {
    fn advertisement(&mut self, now: Instant) -> Option<Beacon> {
        self.band.advertisement(now)
    }

    fn info(&mut self) -> Vec<u8> {
        self.band.info()
    }

    fn connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.ends = false;
        self.band.connected(now, mtu_bytes);
    }

    fn disconnected(&mut self, now: Instant) {
        self.band.disconnected(now);
    }

    fn write(&mut self, now: Instant, value: &[u8]) {
        self.count();
        if !self.ends {
            self.band.write(now, value);
        }
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        if self.ends {
            return None;
        }
        let frame = self.band.poll_notify()?;
        self.count();
        Some(frame)
    }

    fn poll_end(&mut self) -> bool {
        std::mem::take(&mut self.ends) || self.band.poll_end()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.band.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.band.handle_timeout(now);
    }
}

/// A kiosk: a ground, a station's files, people and bands.
pub(crate) struct Desk {
    // First: bands leave the air before the air goes.
    pub(crate) bands: Vec<Place<Wrist>>,
    pub(crate) ground: Lease,
    pub(crate) site: Site,
    pub(crate) cast: Cast,
    pub(crate) program: Program,
}

impl Desk {
    pub(crate) fn new(ground: Lease) -> Self {
        let mut cast = Cast::new(11, Zone::Enrollment, Clock::start().wall());
        cast.self_service(true, true);
        Self {
            bands: Vec::new(),
            site: Site::new(ground.bus()).unwrap(),
            ground,
            cast,
            program: Program::built().expect("bandstand-station is built"),
        }
    }

    /// Puts a band on the air; its number.
    pub(crate) fn put(&mut self, band: SimBand, rssi_dbm: i16) -> usize {
        let number = self.bands.len() as u32 + 1;
        let config = BandConfig::new(Address::numbered(number), rssi_dbm);
        self.bands.push(self.ground.add(config, Wrist::new(band)));
        self.bands.len() - 1
    }

    /// Writes the station's files and lets it make its database. `extra` is more configuration.
    pub(crate) fn init(&self, extra: &str) {
        self.site.write_files(&self.cast, extra).unwrap();
        self.site.init(&self.program).unwrap();
    }

    /// Starts the station and waits until it can enroll.
    pub(crate) async fn start(&self) -> Daemon {
        let daemon = Daemon::start(&self.site, &self.program).await.unwrap();
        if let Err(error) = daemon.radio_ready().await {
            panic!("{error}\n{}", daemon.log_text());
        }
        daemon
    }

    /// The journal has exactly the commits that the bands made since `past`, each once and with the band's own
    /// proof.
    pub(crate) fn agrees(&self, past: &BTreeSet<String>) {
        let made = self.made().difference(past).cloned().collect();
        agrees(&self.site, &self.program, made);
    }

    /// Every commit of every band.
    pub(crate) fn made(&self) -> BTreeSet<String> {
        let commits = |band: &Place<Wrist>| band.with(|wrist, _| wrist.band.commits().to_vec());
        let held = self.bands.iter().flat_map(commits);
        held.map(|held| hex(held.association)).collect()
    }

    /// Everything that may say why something went wrong.
    pub(crate) fn told(&mut self, daemon: &Daemon) -> String {
        let faults: Vec<_> = self.bands.iter().filter_map(Place::fault).collect();
        let machine = match &mut *self.ground {
            Ground::Double(_) => String::new(),
            Ground::Real(real) => format!("{:?}\n{}", real.air.counters(), real.log()),
        };
        format!(
            "daemon:\n{}\nbands: {faults:?}\nmachine:\n{machine}",
            daemon.log_text()
        )
    }
}
