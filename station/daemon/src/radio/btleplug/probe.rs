//! One look at everything below us: bus, BlueZ, adapter, power.
//!
//! A killed `bluetoothd` gives no event on btleplug's side and calls on a dead bus hang, so the radio
//! looks at each sign of change and every few seconds anyway. A look that finds all well is one call.

use super::agent::Agent;
use super::bus::{Bus, BusNote};
use super::calls::{CallFault, Calls};
use super::quiet::QuietStream;
use crate::radio::config::ms;
use crate::radio::{AdapterState, RadioConfig};
use btleplug::api::{Central, CentralEvent, CentralState, Manager as _};
use btleplug::platform::{Adapter, Manager};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// The connections a look uses and, where they are missing, makes.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) bus: Option<Arc<Bus>>,
    /// Set when `bus` is new.
    pub(super) notes: Option<mpsc::Receiver<BusNote>>,
    /// Kept as long as the bus lives: btleplug never closes a manager's connection.
    pub(super) manager: Option<Manager>,
}

/// What a look found.
pub(super) enum Finding {
    /// The open adapter is as it was. `discovering`: what BlueZ says of the scan, when asked.
    Still { discovering: Option<bool> },
    /// There is an adapter to use: a new one, or again.
    Ready {
        adapter: Adapter,
        name: String,
        events: QuietStream<CentralEvent>,
    },
    /// There is not.
    NotReady(AdapterState),
}

/// A look to be taken.
pub(super) struct Probe {
    pub(super) config: Arc<RadioConfig>,
    pub(super) calls: Calls,
    pub(super) agent: Agent,
    pub(super) parts: Parts,
    /// The adapter in use, with the number it has in BlueZ's paths.
    pub(super) open: Option<Adapter>,
    /// The path of the adapter that should be scanning now.
    pub(super) scanning_path: Option<String>,
}

impl Probe {
    /// Looks.
    pub(super) async fn run(mut self) -> (Parts, Finding) {
        let finding = match self.look().await {
            Ok(finding) => finding,
            Err(state) => Finding::NotReady(state),
        };
        (self.parts, finding)
    }

    async fn look(&mut self) -> Result<Finding, AdapterState> {
        if let Some(adapter) = self.open.take()
            && self.is_on(&adapter).await
        {
            return Ok(Finding::Still {
                discovering: self.discovering().await,
            });
        }
        let bus = self.bus().await?;
        if !bus.has_bluez().await.map_err(|_| AdapterState::BusDown)? {
            return Err(AdapterState::BluezDown);
        }
        let manager = self.manager().await?;
        let (adapter, name) = self.choose(&bus, &manager).await?.ok_or(AdapterState::Absent)?;
        if !self.is_on(&adapter).await {
            return Err(AdapterState::Off);
        }
        let limit = ms(self.config.call_timeout_ms);
        let events = self.calls.run(limit, adapter.events()).await.map_err(state_of)?;
        let events = QuietStream::new(events, bus.retirement());
        Ok(Finding::Ready {
            adapter,
            name,
            events,
        })
    }

    /// btleplug answers "off" for an adapter that is gone, or when BlueZ does not answer.
    async fn is_on(&self, adapter: &Adapter) -> bool {
        let limit = ms(self.config.call_timeout_ms);
        self.calls.run(limit, adapter.adapter_state()).await == Ok(CentralState::PoweredOn)
    }

    async fn discovering(&self) -> Option<bool> {
        let (bus, path) = (self.parts.bus.as_ref()?, self.scanning_path.as_ref()?);
        bus.is_discovering(path).await.ok()
    }

    async fn bus(&mut self) -> Result<Arc<Bus>, AdapterState> {
        if let Some(bus) = &self.parts.bus {
            return Ok(bus.clone());
        }
        let (bus, notes) = Bus::open(&self.config, &self.agent)
            .await
            .map_err(|fault| match fault {
                CallFault::NoPermission => AdapterState::NoPermission,
                _ => AdapterState::BusDown,
            })?;
        self.parts = Parts {
            bus: Some(bus.clone()),
            notes: Some(notes),
            manager: None,
        };
        Ok(bus)
    }

    /// Making a manager blocks its thread until the bus has answered.
    async fn manager(&mut self) -> Result<Manager, AdapterState> {
        if let Some(manager) = &self.parts.manager {
            return Ok(manager.clone());
        }
        let runtime = Handle::current();
        let making = async {
            let made = spawn_blocking(move || runtime.block_on(Manager::new())).await;
            made.unwrap_or_else(|error| Err(btleplug::Error::Other(Box::new(error))))
        };
        let limit = ms(self.config.call_timeout_ms);
        let manager = self
            .calls
            .run(limit, making)
            .await
            .map_err(|_| AdapterState::BusDown)?;
        self.parts.manager = Some(manager.clone());
        Ok(manager)
    }

    /// The configured adapter, or else the first by name, one that is on before one that is not.
    async fn choose(
        &mut self,
        bus: &Bus,
        manager: &Manager,
    ) -> Result<Option<(Adapter, String)>, AdapterState> {
        let limit = ms(self.config.call_timeout_ms);
        let adapters = match self.calls.run(limit, manager.adapters()).await {
            Ok(adapters) => adapters,
            Err(fault) => {
                // BlueZ answers us but not this manager: its connection is the broken part.
                if fault == CallFault::TimedOut && bus.bluez_answers().await.is_ok() {
                    self.parts.manager = None;
                }
                return Err(state_of(fault));
            }
        };
        let mut choice = Vec::new();
        for adapter in adapters {
            if let Ok(name) = self.calls.run(limit, adapter.adapter_info()).await
                && self
                    .config
                    .adapter
                    .as_deref()
                    .is_none_or(|wanted| name.split(' ').next() == Some(wanted))
            {
                choice.push((!self.is_on(&adapter).await, name, adapter));
            }
        }
        choice.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        Ok(choice
            .into_iter()
            .next()
            .map(|(_, name, adapter)| (adapter, name)))
    }
}

fn state_of(fault: CallFault) -> AdapterState {
    match fault {
        CallFault::NoPermission => AdapterState::NoPermission,
        CallFault::BusDown => AdapterState::BusDown,
        CallFault::NotFound => AdapterState::Absent,
        _ => AdapterState::BluezDown,
    }
}
