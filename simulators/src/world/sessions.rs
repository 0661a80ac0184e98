//! Random people with random bands, day after day, with whatever goes wrong.

use std::collections::BTreeMap;

use firmware_protocol::id::{UserHandle, Zone};
use firmware_protocol::time::UnixSeconds;

use super::{Compares, Expected, Kill, Told, Violation, World};
use crate::band::{BadTouch, Confirmation, Knobs};
use crate::cast::Cast;
use crate::link::LinkConfig;
use crate::random::Random;

/// The date of every random world: 2026-06-01T06:00:00Z.
pub const DATE: UnixSeconds = UnixSeconds(1_780_293_600);

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chaos {
    /// Nothing: good bands, willing wearers, a clean link.
    None,
    /// Everything there is a knob for.
    All,
}

/// A world that plays random sessions.
pub struct Sessions {
    /// The world.
    pub world: World,
    expected: Expected,
    users: Vec<UserHandle>,
    random: Random,
    chaos: Chaos,
}

/// What came of many sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// How often each outcome was seen.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
}

impl Sessions {
    /// The world of this seed: `people` users and a quarter more bands, every fifth of them SEOS-enabled,
    /// self-service as the seed has it (with
    /// no chaos: everybody may enroll the own band again).
    pub fn new(seed: u64, people: usize, chaos: Chaos) -> Self {
        let mut random = Random::new(seed);
        let mut cast = Cast::new(random.next_u64(), Zone::Enrollment, DATE);
        let own = chaos == Chaos::None || random.chance(700);
        cast.self_service(own, own && chaos == Chaos::All && random.chance(600));
        let users: Vec<_> = (0..people)
            .map(|i| cast.person(&format!("{}", 4700 + i), "").handle)
            .collect();
        let band = |i: usize| cast.band(&format!("SIM-{i:05}"), i.is_multiple_of(5), Knobs::default());
        let bands: Vec<_> = (0..people + people / 4).map(band).collect();
        let world = World::new(&cast, bands, DATE, LinkConfig::default(), random.next_u64());
        let expected = Expected::at_start(&world);
        Self {
            world,
            expected,
            users,
            random,
            chaos,
        }
    }

    /// One person comes with one band, things go wrong, and afterwards everything agrees.
    pub fn session(&mut self) -> Result<Told, Violation> {
        let (band, told) = self.play();
        self.expected.look_at(&self.world, band);
        self.expected.check(&self.world)?;
        Ok(told)
    }

    /// The same with nothing checked: for volumes.
    pub fn visit(&mut self) -> Told {
        self.play().1
    }

    fn play(&mut self) -> (usize, Told) {
        let user = self.users[self.random.below(self.users.len() as u64) as usize];
        let band = self.choose_band(user);
        if self.chaos == Chaos::All {
            self.arrange(band);
        }
        let told = self.world.attempt(Some(user), band);
        self.calm(band, &told);
        (band, told)
    }

    /// One enrollment of a person who always comes with the same band, and nothing checked: for rates.
    pub fn enroll_own(&mut self, number: usize) -> Told {
        let place = number % self.users.len();
        self.world.attempt(Some(self.users[place]), place)
    }

    /// Mostly the own band or a free one, sometimes a colleague's.
    fn choose_band(&mut self, user: UserHandle) -> usize {
        let any = self.random.below(self.world.bands.len() as u64) as usize;
        let own = self.world.bands.iter().position(|band| {
            band.report()
                .is_some_and(|report| report.associations.iter().any(|held| held.user == user))
        });
        own.filter(|_| self.random.chance(500)).unwrap_or(any)
    }

    fn arrange(&mut self, band: usize) {
        let (knobs, link) = (self.knobs(), self.link());
        self.world.bands[band].set_knobs(knobs);
        self.world.station.set_link(link);
        self.world.station.compares = match self.random.below(20) {
            0 => Compares::Declines,
            1 => Compares::Not,
            _ => Compares::Honestly,
        };
        if self.random.chance(250) {
            let at_step = self.world.station.steps + self.random.below(60);
            self.world.station.kill = Some(Kill { at_step });
        }
    }

    fn knobs(&mut self) -> Knobs {
        let random = &mut self.random;
        let mut knobs = Knobs {
            touches: 3 + random.below(6) as u8,
            ..Knobs::default()
        };
        let count = Some(random.below(8) as u8);
        match random.below(16) {
            0 => knobs.confirmation = Confirmation::No,
            1 => knobs.confirmation = Confirmation::Ignore,
            2 => knobs.bad_touches = vec![BadTouch::NoMatch; random.below(14) as usize],
            3 => knobs.take_off_after = count,
            4 => knobs.battery_drop_after = count,
            5 => knobs.leave_after = count,
            6 => knobs.hang_after_frames = Some(random.below(40)),
            7 | 8 => knobs.power_cut_at_byte = Some(random.below(2500)),
            9 => knobs.power_cut_before_store = Some(1 + random.below(5) as u32),
            10 => knobs.power_cut_after_store = Some(1 + random.below(5) as u32),
            11 => knobs.storage_fault_at = Some(1 + random.below(5) as u32),
            12 => knobs.battery_percent = random.below(20) as u8,
            13 => knobs.deletes_when_asked = false,
            _ => {}
        }
        knobs
    }

    fn link(&mut self) -> LinkConfig {
        let random = &mut self.random;
        let mut link = LinkConfig {
            interval_us: [7_500, 15_000, 30_000, 50_000][random.below(4) as usize],
            mtu_bytes: [23, 64, 185, 247, 517][random.below(5) as usize],
            ..LinkConfig::default()
        };
        if random.chance(300) {
            link.loss_permille = random.below(120) as u16;
            link.double_permille = random.below(60) as u16;
            link.late_permille = random.below(60) as u16;
        }
        if random.chance(100) {
            link.bent_permille = random.below(30) as u16;
            link.cut_permille = random.below(30) as u16;
        }
        if random.chance(150) {
            link.break_after_frames = Some(random.below(60));
        }
        link
    }

    /// Lets everything work again and the band come back, until nothing is open.
    fn calm(&mut self, band: usize, told: &Told) {
        if self.world.station.killed {
            self.world.station.restart();
        }
        self.world.station.kill = None;
        self.world.station.set_link(LinkConfig::default());
        self.world.station.compares = Compares::Honestly;
        self.world.bands[band].set_knobs(Knobs::default());
        let open = self.world.station.memory.intents().next().is_some();
        if open || told.left_open {
            self.world.attempt(None, band);
        }
    }
}

impl Summary {
    /// Counts one more.
    pub fn add(&mut self, told: &Told) {
        *self.outcomes.entry(told.code).or_default() += 1;
        self.simulated_ms += told.simulated_ms;
    }
}
