//! Controllers that meet, with a clock that jumps.

use std::time::Duration;

use firmware_protocol::time::Instant;

use super::AirConfig;
use super::hci::{self, Raw, take_packet};
use super::world::{Id, World};

const BAND: Raw = [1, 0, 0, 0, 0, 0xc0];
const ADAPTER: Raw = [9, 0, 0, 0, 0, 0];

/// A central and a band that advertises.
struct Bench {
    world: World,
    now: Instant,
    central: Id,
    band: Id,
}

impl Bench {
    fn new() -> Self {
        let mut world = World::new(AirConfig::default());
        let (central, band) = (world.add(ADAPTER), world.add([8; 6]));
        let mut bench = Self {
            world,
            now: Instant::ZERO,
            central,
            band,
        };
        bench.command(band, 0x2005, &BAND);
        // Every 100 ms, connectable, by the random address.
        bench.command(band, 0x2006, &[0xa0, 0, 0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
        bench.command(band, 0x2008, &[3, 2, 1, 6]);
        bench.command(band, 0x200a, &[1]);
        bench.drain();
        bench
    }

    /// A bench with a link of 15 ms.
    fn joined() -> Self {
        let mut bench = Self::new();
        bench.connect();
        assert_eq!(
            bench.pass(Duration::from_millis(300)),
            [
                (bench.central, "status 200d 00".into()),
                (bench.central, "le 01 00".into()),
                (bench.band, "le 01 00".into()),
            ]
        );
        bench
    }

    fn connect(&mut self) {
        let peer = [&[0x60, 0, 0x60, 0, 0, 1], &BAND[..], &[0]].concat();
        let parameters = [&peer[..], &[12, 0, 12, 0, 0, 0, 42, 0, 0, 0, 0, 0]].concat();
        self.command(self.central, 0x200d, &parameters);
    }

    fn command(&mut self, id: Id, opcode: u16, parameters: &[u8]) {
        let head = [
            &[hci::COMMAND],
            &opcode.to_le_bytes()[..],
            &[parameters.len() as u8],
        ]
        .concat();
        self.world
            .handle_packet(self.now, id, &[&head, parameters].concat());
    }

    fn data(&mut self, id: Id, bytes: &[u8]) {
        let packet = [&[hci::ACL, 0x40, 0x00, bytes.len() as u8, 0], bytes].concat();
        self.world.handle_packet(self.now, id, &packet);
    }

    fn drain(&mut self) -> Vec<(Id, String)> {
        std::iter::from_fn(|| self.world.poll_packet())
            .map(|(id, packet)| (id, word(&packet)))
            .collect()
    }

    /// Lets time pass, stopping wherever something is due.
    fn pass(&mut self, duration: Duration) -> Vec<(Id, String)> {
        let end = self.now + duration;
        let mut words = self.drain();
        while let Some(due) = self.world.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.world.handle_timeout(self.now);
            words.extend(self.drain());
        }
        self.now = end;
        words
    }
}

/// "complete 0c03 00", "le 02", "gone 08", "sent", "data 5".
fn word(packet: &[u8]) -> String {
    match packet {
        [hci::EVENT, 0x0e, _, _, low, high, code, ..] => format!("complete {high:02x}{low:02x} {code:02x}"),
        [hci::EVENT, 0x0f, _, code, _, low, high] => format!("status {high:02x}{low:02x} {code:02x}"),
        [hci::EVENT, 0x05, _, _, _, _, reason] => format!("gone {reason:02x}"),
        [hci::EVENT, 0x13, ..] => "sent".into(),
        [hci::EVENT, 0x3e, _, 0x02, _, kind, ..] => format!("report {kind}"),
        [hci::EVENT, 0x3e, _, sub, code, ..] => format!("le {sub:02x} {code:02x}"),
        [hci::ACL, _, _, len, ..] => format!("data {len}"),
        other => format!("{other:02x?}"),
    }
}

#[test]
fn an_advertisement_and_its_scan_response_are_heard_ten_times_a_second() {
    let mut bench = Bench::new();
    bench.command(bench.central, 0x200b, &[1, 0x12, 0, 0x12, 0, 0, 0]);
    bench.command(bench.central, 0x200c, &[1, 0]);
    let words = bench.pass(Duration::from_secs(2));
    let count = |word: &str| words.iter().filter(|(_, it)| it == word).count();
    assert!((18..=20).contains(&count("report 0")), "{words:?}");
    assert_eq!(count("report 0"), count("report 4"));
}

#[test]
fn a_scan_hears_only_in_its_window_and_nobody_out_of_reach() {
    let mut bench = Bench::new();
    bench.command(bench.central, 0x200b, &[0, 0x60, 0, 0x30, 0, 0, 0]);
    bench.command(bench.central, 0x200c, &[1, 0]);
    let heard = bench.pass(Duration::from_secs(20)).len();
    assert!((60..=140).contains(&heard), "{heard}");
    bench.world.at(BAND).for_each(|it| it.in_range = false);
    assert_eq!(bench.pass(Duration::from_secs(20)), []);
}

#[test]
fn data_crosses_at_the_next_event_and_is_accounted_for() {
    let mut bench = Bench::joined();
    bench.data(bench.central, &[1, 2, 3]);
    let (central, band) = (bench.central, bench.band);
    assert_eq!(
        bench.pass(Duration::from_millis(15)),
        [(band, "data 3".into()), (central, "sent".into())]
    );
    bench.data(band, &[4]);
    bench.command(central, 0x2016, &[0x40, 0]);
    assert_eq!(
        bench.pass(Duration::from_millis(40)),
        [
            (central, "status 2016 00".into()),
            (central, "data 1".into()),
            (band, "sent".into()),
            (central, "le 04 00".into()),
        ]
    );
}

#[test]
fn an_ended_link_is_ended_at_both_ends() {
    let mut bench = Bench::joined();
    bench.data(bench.band, &[1]);
    bench.command(bench.band, 0x0406, &[0x40, 0, 0x13]);
    let (central, band) = (bench.central, bench.band);
    assert_eq!(
        bench.pass(Duration::from_millis(15)),
        [
            (band, "status 0406 00".into()),
            (central, "data 1".into()),
            (band, "sent".into()),
            (central, "gone 13".into()),
            (band, "gone 16".into()),
        ]
    );
    bench.command(band, 0x0406, &[0x40, 0, 0x13]);
    assert_eq!(bench.drain(), [(band, "status 0406 02".into())]);
}

#[test]
fn a_controller_without_power_is_missed_after_the_supervision_timeout() {
    let mut bench = Bench::joined();
    bench.world.remove(bench.now, bench.band);
    assert_eq!(bench.pass(Duration::from_millis(415)), []);
    assert_eq!(
        bench.pass(Duration::from_millis(10)),
        [(bench.central, "gone 08".into())]
    );
}

#[test]
fn a_reset_forgets_everything_at_once() {
    let mut bench = Bench::joined();
    bench.command(bench.central, 0x0c03, &[]);
    let (central, band) = (bench.central, bench.band);
    assert_eq!(
        bench.pass(Duration::from_secs(1)),
        [(central, "complete 0c03 00".into()), (band, "gone 08".into())]
    );
}

#[test]
fn a_connection_that_is_no_longer_wanted_is_cancelled() {
    let mut bench = Bench::new();
    bench.world.at(BAND).for_each(|it| it.in_range = false);
    bench.connect();
    bench.pass(Duration::from_secs(5));
    bench.command(bench.central, 0x200e, &[]);
    bench.command(bench.central, 0x200e, &[]);
    let central = bench.central;
    assert_eq!(
        bench.drain(),
        [
            (central, "complete 200e 00".into()),
            (central, "le 01 02".into()),
            (central, "complete 200e 0c".into()),
        ]
    );
}

#[test]
fn an_unknown_command_is_refused_and_counted() {
    let mut bench = Bench::new();
    bench.command(bench.central, 0x2036, &[0; 25]);
    assert_eq!(bench.drain(), [(bench.central, "status 2036 01".into())]);
    assert_eq!(bench.world.counters().unknown_commands, 1);
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let mut stream = vec![hci::COMMAND, 3, 0x0c];
    assert_eq!(take_packet(&mut stream), None);
    stream.push(0);
    assert_eq!(take_packet(&mut stream), Some(vec![hci::COMMAND, 3, 0x0c, 0]));
}
