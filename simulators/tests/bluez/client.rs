//! The other side: a process with the real btleplug in it, told by lines on its standard input what to do.
//!
//! It is this test binary again. Only a process of its own can be given a bus address, and a bus that hangs
//! or breaks then takes nobody with it. A request is `number verb arguments`, its answer `> number ok|err
//! text`; what happens without a request is `> event text`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use btleplug::api::{
    Central, CentralEvent, Characteristic, Manager as _, Peripheral as _, ScanFilter, WriteType,
};
use btleplug::platform::{Adapter, Manager, Peripheral};
use firmware_protocol::gatt;
use futures_util::StreamExt;
use uuid::Uuid;

type Answer = Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// Serves requests until standard input ends.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // The test harness has begun a line.
    println!();
    runtime.block_on(async {
        let client = Arc::new(Client::default());
        let mut lines = lines();
        while let Some(line) = lines.recv().await {
            tokio::spawn(answer(client.clone(), line));
        }
    });
}

fn lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        lines
            .map(|line| sender.send(line))
            .take_while(Result::is_ok)
            .for_each(drop);
    });
    receiver
}

async fn answer(client: Arc<Client>, line: String) {
    let (number, request) = line.split_once(' ').expect("a number and a verb");
    match client.within(request).await {
        Ok(text) => println!("> {number} ok {text}"),
        Err(error) => println!("> {number} err {error}"),
    }
}

#[derive(Default)]
struct Client {
    adapter: Mutex<Option<Adapter>>,
    /// A peripheral keeps what it discovered, so it has to stay the same one.
    peripherals: Mutex<HashMap<String, Peripheral>>,
}

impl Client {
    /// A request may begin with `within milliseconds`.
    async fn within(&self, request: &str) -> Answer {
        let Some((patience, request)) = request.strip_prefix("within ").and_then(|it| it.split_once(' '))
        else {
            return self.carry_out(request).await;
        };
        let patience = Duration::from_millis(patience.parse()?);
        let outcome = tokio::time::timeout(patience, self.carry_out(request)).await;
        outcome.unwrap_or_else(|_| Err("no answer".into()))
    }

    async fn carry_out(&self, request: &str) -> Answer {
        let words: Vec<&str> = request.split(' ').collect();
        match words[..] {
            ["open"] => self.open().await,
            ["adapters"] => Ok(Manager::new().await?.adapters().await?.len().to_string()),
            ["state"] => Ok(format!("{:?}", self.adapter().adapter_state().await?)),
            ["start_scan"] => {
                let services = vec![Uuid::from_u128(gatt::SERVICE)];
                done(self.adapter().start_scan(ScanFilter { services }).await)
            }
            ["stop_scan"] => done(self.adapter().stop_scan().await),
            ["connect", address] => done(self.peripheral(address).await?.connect().await),
            ["disconnect", address] => done(self.peripheral(address).await?.disconnect().await),
            ["discover", address] => self.discover(address).await,
            ["subscribe", address] => self.subscribe(address).await,
            ["read", address] => {
                let peripheral = self.peripheral(address).await?;
                Ok(hex(&peripheral
                    .read(&characteristic(&peripheral, gatt::INFO)?)
                    .await?))
            }
            ["write", address, value] => self.write(address, value, WriteType::WithResponse).await,
            ["command", address, value] => self.write(address, value, WriteType::WithoutResponse).await,
            ["rounds", address, count] => self.rounds(address, count.parse()?).await,
            ["rssi", address] => {
                let properties = self.peripheral(address).await?.properties().await?;
                Ok(format!("{:?}", properties.and_then(|properties| properties.rssi)))
            }
            _ => Err(format!("no such request: {request}").into()),
        }
    }

    /// Connects to the bus and reports what the first adapter says.
    async fn open(&self) -> Answer {
        let adapter = Manager::new()
            .await?
            .adapters()
            .await?
            .into_iter()
            .next()
            .ok_or("no adapter")?;
        let mut events = adapter.events().await?;
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                report(event);
            }
        });
        self.peripherals.lock().unwrap().clear();
        *self.adapter.lock().unwrap() = Some(adapter);
        Ok(String::new())
    }

    fn adapter(&self) -> Adapter {
        self.adapter.lock().unwrap().clone().expect("open comes first")
    }

    async fn peripheral(
        &self,
        address: &str,
    ) -> Result<Peripheral, Box<dyn std::error::Error + Send + Sync>> {
        if let Some(known) = self.peripherals.lock().unwrap().get(address) {
            return Ok(known.clone());
        }
        let all = self.adapter().peripherals().await?;
        let found = all
            .into_iter()
            .find(|peripheral| peripheral.address().to_string() == address);
        let found = found.ok_or("no such device")?;
        self.peripherals
            .lock()
            .unwrap()
            .insert(address.to_owned(), found.clone());
        Ok(found)
    }

    async fn discover(&self, address: &str) -> Answer {
        let peripheral = self.peripheral(address).await?;
        peripheral.discover_services().await?;
        Ok(format!(
            "mtu {} characteristics {}",
            peripheral.mtu(),
            peripheral.characteristics().len()
        ))
    }

    async fn subscribe(&self, address: &str) -> Answer {
        let peripheral = self.peripheral(address).await?;
        let mut notifications = peripheral.notifications().await?;
        let from = address.to_owned();
        tokio::spawn(async move {
            while let Some(notification) = notifications.next().await {
                let which = (notification.uuid.as_u128() >> 96) as u16;
                println!("> event value {from} {which:04x} {}", hex(&notification.value));
            }
        });
        done(
            peripheral
                .subscribe(&characteristic(&peripheral, gatt::BAND_TO_STATION)?)
                .await,
        )
    }

    /// So many commands, each after the echo of the one before; gives the microseconds they took.
    async fn rounds(&self, address: &str, count: u32) -> Answer {
        let peripheral = self.peripheral(address).await?;
        let to = characteristic(&peripheral, gatt::STATION_TO_BAND)?;
        let mut notifications = peripheral.notifications().await?;
        let start = std::time::Instant::now();
        for number in 0..count {
            peripheral
                .write(&to, &number.to_be_bytes(), WriteType::WithoutResponse)
                .await?;
            notifications.next().await.ok_or("no echo")?;
        }
        Ok(start.elapsed().as_micros().to_string())
    }

    async fn write(&self, address: &str, value: &str, how: WriteType) -> Answer {
        let peripheral = self.peripheral(address).await?;
        let to = characteristic(&peripheral, gatt::STATION_TO_BAND)?;
        done(peripheral.write(&to, &unhex(value), how).await)
    }
}

fn characteristic(peripheral: &Peripheral, uuid: gatt::Uuid) -> Result<Characteristic, String> {
    let all = peripheral.characteristics().into_iter();
    all.into_iter()
        .find(|it| it.uuid.as_u128() == uuid)
        .ok_or_else(|| format!("no characteristic {uuid:x}"))
}

fn report(event: CentralEvent) {
    // The path of a device ends in its address.
    let name = |id: btleplug::platform::PeripheralId| {
        let path = id.to_string();
        path[path.len() - 17..].replace('_', ":")
    };
    match event {
        CentralEvent::DeviceDiscovered(id) => println!("> event discovered {}", name(id)),
        CentralEvent::DeviceConnected(id) => println!("> event connected {}", name(id)),
        CentralEvent::DeviceDisconnected(id) => println!("> event disconnected {}", name(id)),
        CentralEvent::StateUpdate(state) => println!("> event state {state:?}"),
        CentralEvent::RssiUpdate { id, rssi } => println!("> event rssi {} {rssi}", name(id)),
        CentralEvent::ManufacturerDataAdvertisement {
            id,
            manufacturer_data,
        } => {
            let data: Vec<u8> = manufacturer_data.into_values().flatten().collect();
            println!("> event data {} {}", name(id), hex(&data));
        }
        _ => {}
    }
}

fn done<E: std::error::Error + Send + Sync + 'static>(outcome: Result<(), E>) -> Answer {
    outcome.map(|()| String::new()).map_err(Into::into)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal");
    digits.chunks(2).map(byte).collect()
}
