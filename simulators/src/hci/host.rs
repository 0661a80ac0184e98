//! Advertise, accept, serve, and again: a band's life on one controller.

use std::pin::pin;
use std::time::Duration;

use bt_hci::controller::ExternalController;
use firmware_protocol::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use trouble_host::att::{AttClient, AttCmd, AttReq};
use trouble_host::prelude::{
    Advertisement, AdvertisementParameters, Connection, GattConnection, GattConnectionEvent, GattEvent,
    Peripheral as Radio,
};
use trouble_host::{BleHostError, HostResources};

use super::pool::Pool;
use super::port::{Link, Shared, now};
use super::table::{Places, serve};
use super::transport::{Error, H4, Wire};
use crate::bluez::BandConfig;
use crate::peripheral::Peripheral;

/// Commands that may wait for their completion at a time.
const COMMANDS: usize = 4;
/// A link is nothing to the band before its MTU is known, but not for ever: a central that asks for no MTU
/// within this time means the smallest.
const MTU_GRACE: Duration = Duration::from_secs(1);
/// A device name that the specification allows and no document promises.
const NAME: &str = "Band";

type Controller<'a, S> = ExternalController<Wire<'a, S>, COMMANDS>;
type Failure = BleHostError<Error>;

/// Serves the band until it is switched off. An error says why the controller is of no use any more.
pub(super) async fn run<P, S>(shared: &Shared<P>, config: &BandConfig, stream: S) -> Result<(), String>
where
    P: Peripheral,
    S: AsyncRead + AsyncWrite,
{
    let h4 = H4::new(stream, config.mtu_bytes_max);
    let host = Host {
        shared,
        config,
        h4: &h4,
    };
    loop {
        let end = host.power_on().await;
        shared.end_link();
        match end {
            Ok(()) => return Ok(()),
            Err(BleHostError::Controller(Error::Hardware(_))) => {}
            Err(BleHostError::Controller(error)) => return Err(error.to_string()),
            Err(BleHostError::BleHost(error)) => {
                return Err(format!("the controller does not serve a band: {error:?}"));
            }
        }
    }
}

struct Host<'a, P, S> {
    shared: &'a Shared<P>,
    config: &'a BandConfig,
    h4: &'a H4<S>,
}

impl<P: Peripheral, S: AsyncRead + AsyncWrite> Host<'_, P, S> {
    /// From the controller's reset until the band is switched off or the controller fails.
    async fn power_on(&self) -> Result<(), Failure> {
        let mut resources = HostResources::<Pool, 1, 1>::new();
        let controller = Controller::new(Wire(self.h4));
        let stack = trouble_host::new(controller, &mut resources)
            .set_random_address(self.address())
            .build();
        let mut runner = stack.runner();
        tokio::select! {
            end = runner.run() => end,
            end = self.live(stack.peripheral()) => end,
            () = self.shared.stopped() => Ok(()),
        }
    }

    fn address(&self) -> trouble_host::Address {
        let mut bytes = self.config.address.0;
        bytes.reverse();
        trouble_host::Address::random(bytes)
    }

    async fn live(&self, mut radio: Radio<'_, Controller<'_, S>, Pool>) -> Result<(), Failure> {
        loop {
            let connection = self.advertise(&mut radio).await?;
            self.serve(connection).await;
        }
    }

    /// Advertises until somebody connects. The advertisement is made anew for each time it is due, so that
    /// each has its own heartbeat, and whenever the band changed.
    async fn advertise<'s>(
        &self,
        radio: &mut Radio<'s, Controller<'_, S>, Pool>,
    ) -> Result<Connection<'s, Pool>, Failure> {
        loop {
            let Some(data) = self.shared.advertisement() else {
                self.shared.tick(Some(self.next_advertisement())).await;
                continue;
            };
            let advertiser = radio.advertise(&self.parameters(), advertisement(&data)).await?;
            self.shared.on_air();
            let mut accepted = pin!(advertiser.accept());
            loop {
                tokio::select! {
                    connection = &mut accepted => return Ok(connection?),
                    () = self.shared.tick(Some(self.next_advertisement())) => {}
                }
                let Some(data) = self.shared.advertisement() else {
                    break;
                };
                radio.update_adv_data(advertisement(&data)).await?;
            }
        }
    }

    fn next_advertisement(&self) -> Instant {
        now() + self.config.advertising_interval
    }

    fn parameters(&self) -> AdvertisementParameters {
        let interval = self.config.advertising_interval.as_micros() as u64;
        let interval = embassy_time::Duration::from_micros(interval);
        AdvertisementParameters {
            interval_min: interval,
            interval_max: interval,
            ..AdvertisementParameters::default()
        }
    }

    /// Serves one link until it is gone.
    async fn serve(&self, connection: Connection<'_, Pool>) {
        let info = self.shared.with(|band, _| band.info());
        let layout = self.shared.begin_link();
        let name = self.config.name.as_deref().unwrap_or(NAME);
        let (server, places) = serve(&layout, name, &info);
        // A link that is gone already was none.
        let Ok(link) = connection.with_attribute_server(&server) else {
            return self.shared.end_link();
        };
        let session = Session {
            host: self,
            places: &places,
            link: &link,
        };
        tokio::select! {
            () = session.listen() => {}
            () = session.speak() => {}
        }
        self.shared.end_link();
    }
}

fn advertisement(data: &[u8; 31]) -> Advertisement<'_> {
    Advertisement::ConnectableScannableUndirected {
        adv_data: data,
        scan_data: &[],
    }
}

/// One link.
struct Session<'a, 'stack, 'server, P, S> {
    host: &'a Host<'a, P, S>,
    places: &'a Places,
    link: &'a GattConnection<'stack, 'server, Pool>,
}

impl<P: Peripheral, S: AsyncRead + AsyncWrite> Session<'_, '_, '_, P, S> {
    /// Takes what the station sends. Returns when the link is gone.
    async fn listen(&self) {
        loop {
            match self.link.next().await {
                GattConnectionEvent::Disconnected { .. } => return,
                GattConnectionEvent::Gatt { event } if self.host.shared.state().mute => {
                    drop(event.into_payload());
                }
                GattConnectionEvent::Gatt { event } => self.answer(event).await,
                _ => {}
            }
        }
    }

    async fn answer(&self, event: GattEvent<'_, '_, Pool>) {
        self.count(&event);
        let reply = match event {
            GattEvent::Write(event) if Some(event.handle()) == self.places.station_to_band => {
                self.announce();
                event.with_data(|_, value| self.host.shared.write(value));
                event.accept_unprocessed()
            }
            GattEvent::Write(event) if self.places.forgotten.contains(&event.handle()) => {
                event.accept_unprocessed()
            }
            GattEvent::Write(_) | GattEvent::Read(_) => {
                self.announce();
                event.accept()
            }
            event => event.accept(),
        };
        // What the table has no answer to gets none, as on a device.
        if let Ok(reply) = reply {
            reply.send().await;
        }
    }

    fn count(&self, event: &GattEvent<'_, '_, Pool>) {
        let counters = &mut self.host.shared.state().counters;
        match event.payload().incoming() {
            AttClient::Request(AttReq::Write { data, .. }) => {
                counters.write_requests += 1;
                counters.bytes_to_band += data.len() as u64;
                counters.att_exchanges += 1;
            }
            AttClient::Command(AttCmd::Write { data, .. }) => {
                counters.write_commands += 1;
                counters.bytes_to_band += data.len() as u64;
            }
            AttClient::Request(_) => counters.att_exchanges += 1,
            _ => {}
        }
    }

    /// Tells the band of the link, once.
    fn announce(&self) {
        self.host.shared.announce(self.link.raw().att_mtu());
    }

    /// Sends what the band wants to say, and ends the link when the band wants that. Never returns.
    async fn speak(&self) {
        let (shared, h4) = (self.host.shared, self.host.h4);
        let grace = now() + MTU_GRACE;
        let mut sent = h4.notifications();
        loop {
            while let Some(value) = shared.with(|band, _| band.poll_notify()) {
                sent += u64::from(self.notify(&value).await);
            }
            if shared.with(|band, _| band.poll_end()) || std::mem::take(&mut shared.state().disconnect) {
                h4.flushed(sent).await;
                self.link.raw().disconnect();
            }
            let is_announced = shared.state().link == Link::Announced;
            shared.tick((!is_announced).then_some(grace)).await;
            if now() >= grace {
                self.announce();
            }
        }
    }

    /// Notifies, as soon as there is room; true if the station subscribed and the link still stands.
    async fn notify(&self, value: &[u8]) -> bool {
        let characteristic = self.places.band_to_station.as_ref();
        let characteristic = characteristic.filter(|it| it.should_notify(self.link));
        let sent = match characteristic {
            Some(characteristic) => characteristic.notify_raw(self.link, value, false).await.is_ok(),
            None => false,
        };
        let counters = &mut self.host.shared.state().counters;
        match sent {
            true => {
                counters.notifications += 1;
                counters.bytes_to_station += value.len() as u64;
            }
            false => counters.dropped += 1,
        }
        sent
    }
}
