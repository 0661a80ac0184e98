//! Whole enrollments over HCI: the real station session against the real band.

use std::time::Duration;

use firmware_protocol::id::{AssociationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::{Arm, BandToStation, Commit, Finish, Mode, StationToBand};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{SessionEnd, SessionEvent, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};
use simulators::air::{Air, AirConfig};
use simulators::band::{Knobs, SimBand};
use simulators::bluez::{Address, BandConfig};
use simulators::hci::{HciPort, start};
use simulators::plant::{Manufacturer, Plant};
use simulators::random::Random;

use super::central::Central;
use super::{BAND_TO_STATION, STATION_TO_BAND, SUBSCRIPTION, config};

struct Station {
    central: Central,
    port: HciPort<SimBand>,
    session: StationSession,
    association: AssociationId,
    key: [u8; 32],
    receipt: Option<Receipt>,
    /// Held while its streams are used.
    _air: Option<Air>,
}

impl Station {
    /// A station that has connected to a fresh band, with this MTU; over an air with this connection interval,
    /// or without any air.
    async fn connected(mtu_bytes: u16, interval: Option<Duration>) -> Self {
        let mut random = Random::new(u64::from(mtu_bytes));
        let (maker, plant) = (Manufacturer::new(&mut random), Plant::new(&mut random));
        let identity = plant.station(StationId(random.bytes()), Zone::Enrollment, &mut random);
        let band = maker.band(&Serial::new("AAAH-00125").unwrap(), false, &mut random);
        let knobs = Knobs {
            touches: 3,
            touch_ms: 5,
            reaction_ms: 5,
            ..Knobs::default()
        };
        let band = SimBand::new(band, knobs, Vec::new(), random.fork(1), Instant::ZERO);
        let config = BandConfig {
            mtu_bytes_max: mtu_bytes,
            ..config()
        };
        let (mut central, port, air) = match interval {
            None => by_script(config, band).await,
            Some(interval) => over_air(config, band, interval).await,
        };
        assert_eq!(central.exchange_mtu(517).await, mtu_bytes);
        central.write(SUBSCRIPTION, &[1, 0]).await;
        let makers = vec![maker.public_key()];
        let unix_now = UnixSeconds(1_780_000_000);
        let session = StationSession::new(
            &identity,
            makers,
            mtu_bytes,
            &random.bytes(),
            port.now(),
            unix_now,
        );
        Self {
            central,
            port,
            session,
            association: AssociationId(random.bytes()),
            key: [0; 32],
            receipt: None,
            _air: air,
        }
    }

    /// Moves the session on until the band ended the link, or `stop` says so.
    async fn play(&mut self, stop: impl Fn(&BandToStation) -> bool) {
        while self.central.connected {
            while let Some(frame) = self.session.poll_transmit() {
                self.central.write_without_response(STATION_TO_BAND, &frame).await;
            }
            let wait = Duration::from_millis(20);
            let _ = tokio::time::timeout(wait, self.central.step()).await;
            while let Some((handle, frame)) = self.central.notifications.pop_front() {
                assert_eq!(handle, BAND_TO_STATION);
                self.session.handle_input(self.port.now(), &frame);
            }
            self.session.handle_timeout(self.port.now());
            while let Some(event) = self.session.poll_event() {
                if let SessionEvent::Message(message) = &event
                    && stop(message)
                {
                    return;
                }
                self.react(event);
            }
        }
    }

    fn react(&mut self, event: SessionEvent) {
        let association = self.association;
        let request = match event {
            SessionEvent::Established(established) => {
                self.key = established.certificate.signing_key;
                StationToBand::Arm(Arm {
                    association,
                    user: UserHandle([7; 16]),
                    zone: Zone::Enrollment,
                    epoch: established.report.epoch + 1,
                    mode: Mode::Capture,
                    label: String::from("M. KURZ"),
                })
            }
            SessionEvent::Message(BandToStation::Staged(staged)) => StationToBand::Commit(Commit {
                association,
                epoch: staged.epoch,
            }),
            SessionEvent::Message(BandToStation::Committed(committed)) => {
                self.receipt = Receipt::verify(&committed.receipt, &self.key).ok();
                StationToBand::Finish(Finish {
                    association: Some(association),
                })
            }
            SessionEvent::Message(_) => return,
            SessionEvent::Ended(end) => return assert_eq!(end, SessionEnd::Finished),
        };
        self.session
            .request(self.port.now(), &request)
            .expect("nothing is under way");
    }
}

async fn by_script(config: BandConfig, band: SimBand) -> (Central, HciPort<SimBand>, Option<Air>) {
    let (mut central, stream) = Central::new();
    let port = start(stream, config, band);
    central.connect().await;
    (central, port, None)
}

async fn over_air(
    config: BandConfig,
    band: SimBand,
    interval: Duration,
) -> (Central, HciPort<SimBand>, Option<Air>) {
    let air = Air::start(AirConfig::default()).expect("an air");
    let address = config.address;
    let port = start(air.controller(address).0, config, band);
    let host = air.controller(Address([0, 0x1a, 0x7d, 0, 0, 1])).0;
    let central = Central::linked(host, address, interval).await;
    (central, port, Some(air))
}

async fn check(mtu_bytes: u16) {
    let mut station = Station::connected(mtu_bytes, None).await;
    station
        .play(|message| matches!(message, BandToStation::Finished(_)))
        .await;
    let receipt = station.receipt.take().expect("the band signed a receipt");
    assert_eq!(receipt.association, station.association);
    station.play(|_| false).await;
    assert_eq!(
        station.central.ended,
        Some(0x13),
        "the band ends the link, decision 0005"
    );
    station
        .central
        .until("it advertises again", |it| it.advertises)
        .await;
    let commits = station.port.with(|band, _| band.commits().to_vec());
    assert_eq!(commits.len(), 1);
}

#[tokio::test]
async fn a_band_enrolls_over_hci_with_any_mtu() {
    check(23).await;
    check(64).await;
    check(247).await;
    check(517).await;
}

#[tokio::test]
async fn a_link_lost_in_mid_session_leaves_the_band_ready_for_the_next() {
    let mut station = Station::connected(247, None).await;
    station
        .play(|message| matches!(message, BandToStation::Staged(_)))
        .await;
    assert!(station.central.connected);
    station.central.lose_link().await;
    station
        .central
        .until("it advertises again", |it| it.advertises)
        .await;
    let report = station.port.with(|band, _| band.report()).expect("it has power");
    assert!(report.staged.is_some(), "what was staged stays");
    assert_eq!(station.port.counters().disconnects, 1);
}

#[tokio::test]
async fn a_band_that_reboots_in_mid_session_comes_back() {
    let mut station = Station::connected(247, None).await;
    station
        .play(|message| matches!(message, BandToStation::WearerConfirmed(_)))
        .await;
    station.port.with(|band, now| band.cut_power(now));
    station
        .central
        .until("the link is gone", |it| !it.connected)
        .await;
    station
        .central
        .until("it advertises again", |it| it.advertises)
        .await;
    assert!(station.port.with(|band, _| band.report()).is_some());
}

/// An enrollment over a model of the air takes at least its four exchanges, of two intervals each.
async fn check_air(interval_us: u64) {
    let interval = Duration::from_micros(interval_us);
    let mut station = Station::connected(247, Some(interval)).await;
    let start = station.port.now();
    station
        .play(|message| matches!(message, BandToStation::Finished(_)))
        .await;
    assert!(station.receipt.is_some(), "the band signed a receipt");
    let elapsed = station.port.now().since(start);
    assert!(elapsed >= interval * 8, "{elapsed:?} at {interval:?}");
    station
        .central
        .until("the band ends the link", |it| !it.connected)
        .await;
    assert_eq!(station.central.ended, Some(0x13));
}

#[tokio::test]
async fn a_band_enrolls_over_the_air_at_any_interval() {
    check_air(7_500).await;
    check_air(50_000).await;
}
