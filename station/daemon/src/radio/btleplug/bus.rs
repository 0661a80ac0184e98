//! Our own connection to the system bus, beside btleplug's.
//!
//! btleplug does not say when BlueZ or the bus goes away, cannot remove a device and has no pairing
//! agent. This connection watches the name `org.bluez` and the adapters, notices its own end, scans,
//! removes devices and carries the agent. Its match rules let nothing else through, so that an idle station
//! sleeps.

use super::agent::Agent;
use super::calls::CallFault;
use super::quiet::Retirement;
use crate::radio::RadioConfig;
use crate::radio::config::ms;
use dbus::Message;
use dbus::arg::{PropMap, Variant};
use dbus::channel::{MatchingReceiver, Sender};
use dbus::message::{MatchRule, MessageType};
use dbus::nonblock::{Proxy, SyncConnection};
use dbus_tokio::connection::{IOResource, new_system_sync};
use firmware_protocol::gatt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;
use uuid::Uuid;

const BLUEZ: &str = "org.bluez";
const ADAPTER: &str = "org.bluez.Adapter1";
/// Adapters are numbered from zero and keep or raise their number when they are plugged in again.
const ADAPTERS_WATCHED: usize = 8;
/// Notes that may wait for the owner; each one only says "look again".
const NOTES_MAX: usize = 64;

/// What the connection noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BusNote {
    /// Somebody owns `org.bluez` now.
    BluezUp,
    /// Nobody owns `org.bluez` any more.
    BluezDown,
    /// An adapter came, went, or was switched on or off.
    AdaptersChanged,
    /// The bus closed the connection.
    Closed,
}

/// The connection. Dropping it closes it.
pub(super) struct Bus {
    connection: Arc<SyncConnection>,
    alive: Arc<AtomicBool>,
    retirement: Retirement,
    driver: AbortHandle,
    call_timeout: Duration,
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Bus {
    /// Connects, subscribes and, if configured, offers the agent as soon as BlueZ is there.
    pub(super) async fn open(
        config: &RadioConfig,
        agent: &Agent,
    ) -> Result<(Arc<Bus>, mpsc::Receiver<BusNote>), CallFault> {
        let call_timeout = ms(config.call_timeout_ms);
        // Connecting blocks its thread until the bus has answered.
        let connecting = spawn_blocking(new_system_sync);
        let (resource, connection) = timeout(call_timeout, connecting)
            .await
            .map_err(|_| CallFault::TimedOut)?
            .map_err(|error| CallFault::Refused(error.to_string()))?
            .map_err(|error| opening_fault(&error))?;
        let (notes_in, notes) = mpsc::channel(NOTES_MAX);
        let alive = Arc::new(AtomicBool::new(true));
        let driver = tokio::spawn(drive(resource, notes_in.clone(), alive.clone())).abort_handle();
        let retirement = Retirement::start(alive.clone());
        let bus = Bus {
            connection,
            alive,
            retirement,
            driver,
            call_timeout,
        };
        bus.listen(notes_in, agent.clone());
        bus.subscribe().await?;
        Ok((Arc::new(bus), notes))
    }

    /// Where btleplug's streams go when nobody needs them any more.
    pub(super) fn retirement(&self) -> Retirement {
        self.retirement.clone()
    }

    /// Whether the bus still holds the connection.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Whether somebody owns `org.bluez`. Asks the bus alone and never starts BlueZ.
    pub(super) async fn has_bluez(&self) -> Result<bool, CallFault> {
        let call = self
            .bus()
            .method_call("org.freedesktop.DBus", "NameHasOwner", (BLUEZ,));
        let (owned,): (bool,) = bounded(self.call_timeout, call).await?;
        Ok(owned)
    }

    /// Whether BlueZ answers anything at all on this connection.
    pub(super) async fn bluez_answers(&self) -> Result<(), CallFault> {
        let call = self
            .bluez("/")
            .method_call("org.freedesktop.DBus.Peer", "Ping", ());
        bounded(self.call_timeout, call).await
    }

    /// Whether the adapter scans, for whomever.
    pub(super) async fn is_discovering(&self, adapter_path: &str) -> Result<bool, CallFault> {
        let proxy = self.bluez(adapter_path);
        let call = proxy.method_call("org.freedesktop.DBus.Properties", "Get", (ADAPTER, "Discovering"));
        let (discovering,): (Variant<bool>,) = bounded(self.call_timeout, call).await?;
        Ok(discovering.0)
    }

    /// Starts to look for bands: Low Energy only, an event for each advertisement. An adapter that is off
    /// stays off and refuses.
    pub(super) async fn start_discovery(&self, adapter_path: &str) -> Result<(), CallFault> {
        let mut filter = PropMap::new();
        let service = Uuid::from_u128(gatt::SERVICE).to_string();
        filter.insert("UUIDs".into(), Variant(Box::new(vec![service])));
        filter.insert("Transport".into(), Variant(Box::new("le".to_owned())));
        filter.insert("DuplicateData".into(), Variant(Box::new(true)));
        let adapter = self.bluez(adapter_path);
        let call = adapter.method_call(ADAPTER, "SetDiscoveryFilter", (filter,));
        bounded::<()>(self.call_timeout, call).await?;
        bounded(
            self.call_timeout,
            adapter.method_call(ADAPTER, "StartDiscovery", ()),
        )
        .await
    }

    /// Stops looking. Refused when nothing was started on this connection.
    pub(super) async fn stop_discovery(&self, adapter_path: &str) -> Result<(), CallFault> {
        let adapter = self.bluez(adapter_path);
        bounded(
            self.call_timeout,
            adapter.method_call(ADAPTER, "StopDiscovery", ()),
        )
        .await
    }

    /// Makes BlueZ forget a device and everything cached of it.
    pub(super) async fn remove_device(&self, device_path: &str) -> Result<(), CallFault> {
        let Some((adapter_path, _)) = device_path.rsplit_once('/') else {
            return Err(CallFault::NotFound);
        };
        let device = dbus::Path::new(device_path.to_owned()).map_err(|_| CallFault::NotFound)?;
        let call = self
            .bluez(adapter_path)
            .method_call(ADAPTER, "RemoveDevice", (device,));
        bounded(self.call_timeout, call).await
    }

    /// Registers the agent with BlueZ, as the default one: nobody pairs through our connection, so only
    /// the default agent is ever asked.
    pub(super) async fn register_agent(&self) -> Result<(), CallFault> {
        let manager = self.bluez("/org/bluez");
        let path = dbus::Path::from(super::agent::PATH);
        let arguments = (path.clone(), "NoInputNoOutput");
        let call = manager.method_call("org.bluez.AgentManager1", "RegisterAgent", arguments);
        match bounded::<()>(self.call_timeout, call).await {
            Err(CallFault::Refused(text)) if text.starts_with("AlreadyExists") => {}
            result => result?,
        }
        let call = manager.method_call("org.bluez.AgentManager1", "RequestDefaultAgent", (path,));
        bounded(self.call_timeout, call).await
    }

    fn bluez<'a>(&self, path: &'a str) -> Proxy<'a, Arc<SyncConnection>> {
        Proxy::new(BLUEZ, path, self.call_timeout, self.connection.clone())
    }

    fn bus(&self) -> Proxy<'static, Arc<SyncConnection>> {
        let bus = "org.freedesktop.DBus";
        Proxy::new(
            bus,
            "/org/freedesktop/DBus",
            self.call_timeout,
            self.connection.clone(),
        )
    }

    async fn subscribe(&self) -> Result<(), CallFault> {
        for rule in match_rules() {
            bounded(self.call_timeout, self.connection.add_match_no_cb(&rule)).await?;
        }
        Ok(())
    }

    fn listen(&self, notes: mpsc::Sender<BusNote>, agent: Agent) {
        let mut signals = MatchRule::new();
        signals.msg_type = Some(MessageType::Signal);
        let on_signal = move |message: Message, _: &SyncConnection| {
            // A full queue already makes the owner look again, which is all a note can do.
            note_of(&message)
                .into_iter()
                .for_each(|note| _ = notes.try_send(note));
            true
        };
        self.connection.start_receive(signals, Box::new(on_signal));
        let on_call = move |message: Message, connection: &SyncConnection| {
            _ = connection.send(agent.answer(&message));
            true
        };
        self.connection
            .start_receive(MatchRule::new_method_call(), Box::new(on_call));
    }
}

async fn drive(resource: IOResource<SyncConnection>, notes: mpsc::Sender<BusNote>, alive: Arc<AtomicBool>) {
    let error = resource.await;
    alive.store(false, Ordering::Release);
    tracing::warn!(%error, "the system bus closed the connection");
    _ = notes.send(BusNote::Closed).await;
}

async fn bounded<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, dbus::Error>>,
) -> Result<T, CallFault> {
    match timeout(limit, call).await {
        Ok(result) => result.map_err(|error| CallFault::from(&error)),
        Err(_) => Err(CallFault::TimedOut),
    }
}

/// No connection at all is a bus that is down, whatever libdbus calls it, unless it refused us.
fn opening_fault(error: &dbus::Error) -> CallFault {
    match CallFault::from(error) {
        CallFault::NoPermission => CallFault::NoPermission,
        _ => CallFault::BusDown,
    }
}

/// Exactly the signals we act on: `arg0` and `arg0path` keep out other names, devices and attributes.
fn match_rules() -> Vec<String> {
    let mut rules = vec![
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.bluez'".to_owned(),
        format!("type='signal',sender='{BLUEZ}',member='PropertiesChanged',arg0='{ADAPTER}'"),
    ];
    for number in 0..ADAPTERS_WATCHED {
        for member in ["InterfacesAdded", "InterfacesRemoved"] {
            let object = format!("arg0path='/org/bluez/hci{number}'");
            rules.push(format!(
                "type='signal',sender='{BLUEZ}',member='{member}',{object}"
            ));
        }
    }
    rules
}

fn note_of(message: &Message) -> Option<BusNote> {
    match &*message.member()? {
        "NameOwnerChanged" => {
            let (name, _, owner): (&str, &str, &str) = message.read3().ok()?;
            let note = if owner.is_empty() {
                BusNote::BluezDown
            } else {
                BusNote::BluezUp
            };
            (name == BLUEZ).then_some(note)
        }
        "InterfacesAdded" | "InterfacesRemoved" => Some(BusNote::AdaptersChanged),
        "PropertiesChanged" => {
            let (interface, changed): (&str, PropMap) = message.read2().ok()?;
            let switched = interface == ADAPTER && changed.contains_key("Powered");
            switched.then_some(BusNote::AdaptersChanged)
        }
        _ => None,
    }
}
