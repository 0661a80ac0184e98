//! Death at every moment, at depth 1: the station at each of its steps, the band at each byte on the air and
//! around each write of its memory. Afterwards both agree with a simpler account of what must be.

use firmware_protocol::id::UserHandle;
use firmware_protocol::id::Zone;
use simulators::band::Knobs;
use simulators::cast::Cast;
use simulators::link::LinkConfig;
use simulators::world::{DATE, Expected, Kill, Told, World};

/// Which attempt is cut short.
#[derive(Clone, Copy, Debug)]
enum Flow {
    First,
    OwnAgain,
    TakeOver,
}

const FLOWS: [Flow; 3] = [Flow::First, Flow::OwnAgain, Flow::TakeOver];

/// One attempt of Mara with the first band, in a plant made for it.
struct Trial {
    world: World,
    expected: Expected,
    mara: UserHandle,
    what: String,
}

fn knobs() -> Knobs {
    Knobs {
        touches: 3,
        ..Knobs::default()
    }
}

impl Trial {
    fn new(flow: Flow, what: String) -> Self {
        let mut cast = Cast::new(3, Zone::Enrollment, DATE);
        cast.self_service(true, true);
        let (mara, jonas) = (cast.person("4711", "Mara"), cast.person("4712", "Jonas"));
        let (mut a, mut b) = (
            cast.band("SIM-A", false, knobs()),
            cast.band("SIM-B", false, knobs()),
        );
        match flow {
            Flow::First => {}
            Flow::OwnAgain => drop(cast.give(&mut a, &mara)),
            Flow::TakeOver => {
                cast.give(&mut a, &jonas);
                cast.give(&mut b, &mara);
            }
        }
        let world = World::new(&cast, vec![a, b], DATE, LinkConfig::default(), 1);
        let expected = Expected::at_start(&world);
        Self {
            world,
            expected,
            mara: mara.handle,
            what: format!("{flow:?}, {what}"),
        }
    }

    fn attempt(&mut self) -> Told {
        self.world.attempt(Some(self.mara), 0)
    }

    /// Faults stop, the band comes back, and what was open is settled; then the next attempt works.
    fn recover(mut self, told: &Told) {
        self.world.bands[0].set_knobs(knobs());
        if self.world.station.killed {
            self.world.station.restart();
        }
        self.world.station.kill = None;
        if told.left_open || self.world.station.memory.intents().next().is_some() {
            let settled = self.world.attempt(None, 0);
            assert_eq!(settled.code, "settled", "{}: {}", self.what, settled.text);
        }
        self.agree("after settling");
        let again = self.attempt();
        assert_eq!(again.code, "done", "{}: a new attempt: {}", self.what, again.text);
        self.agree("after a new attempt");
        let report = self.world.bands[0].report().expect("the band has power");
        let holders: Vec<_> = report.associations.iter().map(|held| held.user).collect();
        assert_eq!(holders, [self.mara], "{}", self.what);
    }

    fn agree(&mut self, when: &str) {
        assert_eq!(
            self.world.station.memory.intents().count(),
            0,
            "{} {when}",
            self.what
        );
        self.expected.look_at(&self.world, 0);
        let checked = self.expected.check(&self.world);
        checked.unwrap_or_else(|violation| panic!("{} {when}: {violation}", self.what));
    }
}

/// Kills the station in step after step until an attempt ends before the kill.
fn kill_sweep(flow: Flow) -> u64 {
    for step in 0.. {
        let mut trial = Trial::new(flow, format!("killed in step {step}"));
        trial.world.station.kill = Some(Kill { at_step: step });
        let told = trial.attempt();
        let survived = told.code != "killed";
        trial.recover(&told);
        if survived {
            return step;
        }
    }
    unreachable!("an attempt has an end")
}

fn cut_power(flow: Flow, what: String, knobs: Knobs) {
    let mut trial = Trial::new(flow, what);
    trial.world.bands[0].set_knobs(knobs);
    let told = trial.attempt();
    trial.recover(&told);
}

/// Cuts the band's power at every byte that crosses the air in turn.
fn byte_sweep(flow: Flow) -> u64 {
    let mut whole = Trial::new(flow, String::from("undisturbed"));
    assert_eq!(whole.attempt().code, "done");
    let bytes = whole.world.bands[0].byte_count();
    let mut cuts = 0;
    for at in 0..=bytes {
        let cut = Knobs {
            power_cut_at_byte: Some(at),
            ..knobs()
        };
        cut_power(flow, format!("power cut at byte {at}"), cut);
        cuts += 1;
    }
    cuts
}

/// Cuts the band's power before and after every write of its record, and lets each write fail.
fn store_sweep(flow: Flow) -> u64 {
    let mut whole = Trial::new(flow, String::from("undisturbed"));
    let before = whole.world.bands[0].store_count();
    assert_eq!(whole.attempt().code, "done");
    let writes = whole.world.bands[0].store_count() - before;
    for write in 1..=writes {
        let at = Some(write);
        let cuts = [
            Knobs {
                power_cut_before_store: at,
                ..knobs()
            },
            Knobs {
                power_cut_after_store: at,
                ..knobs()
            },
            Knobs {
                storage_fault_at: at,
                ..knobs()
            },
        ];
        for (cut, moment) in cuts.into_iter().zip(["before", "after", "fault in"]) {
            cut_power(flow, format!("{moment} write {write}"), cut);
        }
    }
    u64::from(writes) * 3
}

#[test]
fn the_station_may_die_in_any_step_and_the_band_at_any_byte() {
    let kills: u64 = FLOWS.into_iter().map(kill_sweep).sum();
    let bytes: u64 = FLOWS.into_iter().map(byte_sweep).sum();
    let writes: u64 = FLOWS.into_iter().map(store_sweep).sum();
    println!(
        "crash sweep: {kills} kills, {} power cuts, 0 disagreements",
        bytes + writes
    );
    assert!(
        kills > 30 && bytes > 1000 && writes > 9,
        "the sweep swept nothing"
    );
}
