//! The owner's view of everything below the bands: when to look, and what to do about the findings.

use super::bus::BusNote;
use super::link::{Air, object_path};
use super::probe::{Finding, Parts, Probe};
use super::quiet::QuietStream;
use super::scan::Scanner;
use super::{Done, Open, Owner};
use crate::radio::config::ms;
use crate::radio::{AdapterState, RadioEvent};
use btleplug::api::CentralEvent;
use btleplug::platform::Adapter;
use tokio::time::Instant;

impl Owner {
    pub(super) fn on_bus_note(&mut self, note: Option<BusNote>) {
        match note {
            Some(BusNote::BluezUp | BusNote::AdaptersChanged) => self.probe(),
            Some(BusNote::BluezDown) => self.lose(AdapterState::BluezDown),
            Some(BusNote::Closed) | None => {
                self.parts = Parts::default();
                self.lose(AdapterState::BusDown);
                self.probe_at = Instant::now() + self.retry;
            }
        }
    }

    pub(super) fn probe(&mut self) {
        if self.probing {
            self.probe_again = true;
            return;
        }
        self.probing = true;
        self.probe_again = false;
        let open = self.open.as_ref();
        let scanning = open.filter(|open| *open.scanning.borrow());
        let probe = Probe {
            config: self.config.clone(),
            calls: self.calls.clone(),
            agent: self.agent.clone(),
            parts: Parts {
                bus: self.parts.bus.clone(),
                notes: None,
                manager: self.parts.manager.clone(),
            },
            open: open.map(|open| open.air.adapter.clone()),
            scanning_path: scanning.map(|open| open.path.clone()),
        };
        self.jobs.spawn(async move {
            let (parts, finding) = probe.run().await;
            Done::Probed(parts, finding)
        });
    }

    pub(super) fn on_probed(&mut self, parts: Parts, finding: Finding) {
        self.probing = false;
        self.keep(parts);
        if std::mem::take(&mut self.probe_again) {
            return self.probe();
        }
        let slow = ms(self.config.ping_interval_ms);
        let mut next = slow;
        match finding {
            Finding::Still { discovering } => self.on_still(discovering),
            Finding::Ready {
                adapter,
                name,
                events,
            } => self.on_ready(adapter, name, events),
            Finding::NotReady(state) => {
                if matches!(state, AdapterState::BusDown | AdapterState::NoPermission) {
                    next = self.retry;
                    self.retry = (self.retry * 2).min(slow);
                }
                self.lose(state);
            }
        }
        self.probe_at = Instant::now() + next;
    }

    /// Takes over connections that a look made, unless the bus has closed them meanwhile.
    fn keep(&mut self, parts: Parts) {
        let Some(bus) = parts.bus.filter(|bus| bus.is_alive()) else {
            self.parts = Parts::default();
            return;
        };
        self.parts.bus = Some(bus);
        self.parts.manager = parts.manager;
        if parts.notes.is_some() {
            self.parts.notes = parts.notes;
        }
    }

    fn on_still(&mut self, discovering: Option<bool>) {
        let Some(open) = &self.open else { return };
        if discovering == Some(false) && *open.scanning.borrow() {
            tracing::info!("the scan has stopped by itself and is started again");
            open.scanner.renew();
        }
    }

    fn on_ready(&mut self, adapter: Adapter, name: String, events: QuietStream<CentralEvent>) {
        let Some(bus) = self.parts.bus.clone() else { return };
        // Links of an adapter that was away for a moment are lost, with or without an event.
        self.abandon();
        let path = object_path(name.split(' ').next().unwrap_or(&name));
        let scanner = Scanner::start(bus.clone(), path.clone(), self.config.clone());
        let scanning = scanner.running();
        let air = Air {
            adapter,
            bus,
            agent: self.agent.clone(),
            calls: self.calls.clone(),
            config: self.config.clone(),
            connects: self.connects.clone(),
            scanning: scanning.clone(),
            events: self.events.clone(),
        };
        self.offer_agent(&air);
        self.open = Some(Open {
            air,
            scanner,
            central: events,
            scanning,
            path,
        });
        self.retry = ms(self.config.retry_ms);
        self.enter(AdapterState::Ready { name });
        self.direct_scan();
    }

    fn offer_agent(&mut self, air: &Air) {
        if !self.config.agent {
            return;
        }
        let bus = air.bus.clone();
        self.jobs.spawn(async move {
            if let Err(fault) = bus.register_agent().await {
                tracing::info!(?fault, "BlueZ takes no pairing agent");
            }
            Done::Nothing
        });
    }

    /// The adapter cannot be used any more, or still not.
    pub(super) fn lose(&mut self, state: AdapterState) {
        self.probe_again = self.probing;
        self.enter(state);
        self.abandon();
    }

    fn abandon(&mut self) {
        self.open = None;
        self.sightings.clear();
        for link in self.links.values() {
            link.signals.send_modify(|signals| signals.adapter_lost = true);
        }
        let gone = self.presence.handle_adapter_lost();
        gone.into_iter().for_each(|event| self.tell(event));
    }

    fn enter(&mut self, state: AdapterState) {
        if self.state.as_ref() != Some(&state) {
            tracing::info!(state = state.code(), "the adapter");
            self.state = Some(state.clone());
            self.tell(RadioEvent::Adapter(state));
        }
    }
}
