//! The methods of GATT characteristics.

use dbus::Message;
use dbus::arg::{PropMap, prop_cast};
use firmware_protocol::time::Instant;

use super::address::Address;
use super::connection::{Action, Down, Request, VALUE_LEN_MAX};
use super::layout::Placed;
use super::message::{Refusal, unknown_method};
use super::world::World;

/// Length of what is written to a subscription descriptor.
const SUBSCRIPTION_LEN: usize = 2;

impl World {
    pub(super) fn characteristic_call(
        &mut self,
        now: Instant,
        address: Address,
        handle: u16,
        member: &str,
        call: Message,
    ) {
        let Some(placed) = self.placed(address, handle) else {
            return;
        };
        let outcome = match member {
            "WriteValue" => self.write_value(now, address, &placed, call),
            "ReadValue" => self.read_value(now, address, &placed, call),
            "StartNotify" => self.start_notify(now, address, &placed, call),
            "StopNotify" => self.stop_notify(now, address, &placed, call),
            "AcquireWrite" | "AcquireNotify" => Err((call, Refusal::NotSupported)),
            _ => {
                let refusal = unknown_method(&call);
                Err((call, refusal))
            }
        };
        if let Err((call, refusal)) = outcome {
            self.refuse(&call, refusal);
        }
    }

    pub(super) fn placed(&self, address: Address, handle: u16) -> Option<Placed> {
        self.devices.get(&address)?.table.as_ref()?.find(handle).cloned()
    }

    /// A command is answered once it is queued, a request once the band has answered.
    fn write_value(&mut self, now: Instant, address: Address, to: &Placed, call: Message) -> Outcome {
        let Ok((value, options)) = call.read2::<Vec<u8>, PropMap>() else {
            return Err((call, Refusal::InvalidArguments));
        };
        let Some(link) = self.links.get_mut(&address) else {
            return Err((call, Refusal::Failed("Not connected")));
        };
        let (handle, value_len) = (to.handle, value.len());
        match way_to_write(to, &options, value_len, link.value_len_max()) {
            Err(refusal) => return Err((call, refusal)),
            Ok(Way::Request) => {
                let action = Action::Write { handle, value, call };
                link.request(now, Request::once(value_len, action));
            }
            Ok(Way::Command) => {
                link.link
                    .push_down(now, value_len, Down::Command { handle, value });
                self.conclude(&call, Ok(()));
            }
        }
        Ok(())
    }

    fn read_value(&mut self, now: Instant, address: Address, from: &Placed, call: Message) -> Outcome {
        let Some(link) = self.links.get_mut(&address) else {
            return Err((call, Refusal::Failed("Not connected")));
        };
        if !from.characteristic.flags.contains(&"read") {
            return Err((call, Refusal::NotPermitted("Read not permitted")));
        }
        let action = Action::Read {
            handle: from.handle,
            value: None,
            call,
        };
        link.request(now, Request::once(0, action));
        Ok(())
    }

    fn start_notify(&mut self, now: Instant, address: Address, of: &Placed, call: Message) -> Outcome {
        let Some(link) = self.links.get_mut(&address) else {
            return Err((call, Refusal::Failed("Not connected")));
        };
        if of.subscription_handle.is_none() {
            return Err((call, Refusal::NotSupported));
        }
        let is_first = !link.listeners.iter().any(|(_, handle)| *handle == of.handle);
        if !link.listeners.insert((client(&call), of.handle)) {
            self.conclude(&call, Ok(()));
            return Ok(());
        }
        if is_first {
            link.request(now, subscription(of.handle, true, Some(call)));
        } else {
            self.conclude(&call, Ok(()));
        }
        Ok(())
    }

    fn stop_notify(&mut self, now: Instant, address: Address, of: &Placed, call: Message) -> Outcome {
        let listener = (client(&call), of.handle);
        let Some(link) = self
            .links
            .get_mut(&address)
            .filter(|link| link.listeners.contains(&listener))
        else {
            return Err((call, Refusal::Failed("No notify session started")));
        };
        link.listeners.remove(&listener);
        if link.listeners.iter().any(|(_, handle)| *handle == of.handle) {
            self.conclude(&call, Ok(()));
        } else {
            link.request(now, subscription(of.handle, false, Some(call)));
        }
        Ok(())
    }

    /// Ends the subscriptions of a client that is gone.
    pub(super) fn unsubscribe(&mut self, now: Instant, address: Address, client: &str) {
        let Some(link) = self.links.get_mut(&address) else {
            return;
        };
        let ended: Vec<_> = link
            .listeners
            .iter()
            .filter(|(of, _)| of == client)
            .cloned()
            .collect();
        for listener in ended {
            link.listeners.remove(&listener);
            if !link.listeners.iter().any(|(_, handle)| *handle == listener.1) {
                link.request(now, subscription(listener.1, false, None));
            }
        }
    }
}

/// How a value is written.
enum Way {
    Command,
    Request,
}

/// Without a wish of the client's, a command if the characteristic allows it.
fn way_to_write(
    to: &Placed,
    options: &PropMap,
    value_len: usize,
    value_len_max: usize,
) -> Result<Way, Refusal> {
    let allows = |flag| to.characteristic.flags.contains(&flag);
    let is_command = match prop_cast::<String>(options, "type").map(String::as_str) {
        Some("command") => true,
        Some("request") => false,
        Some(_) => return Err(Refusal::NotSupported),
        None => allows("write-without-response"),
    };
    let fits = value_len <= value_len_max;
    match is_command {
        true if !allows("write-without-response") => Err(Refusal::NotSupported),
        true if !fits => Err(Refusal::Failed("Failed to initiate write")),
        true => Ok(Way::Command),
        false if !allows("write") => Err(Refusal::NotPermitted("Write not permitted")),
        false if !fits || value_len > VALUE_LEN_MAX => Err(Refusal::InvalidLength),
        false => Ok(Way::Request),
    }
}

/// What is refused goes back with the call.
type Outcome = Result<(), (Message, Refusal)>;

fn subscription(handle: u16, on: bool, call: Option<Message>) -> Request {
    let action = Action::Subscribe { handle, on, call };
    Request::once(SUBSCRIPTION_LEN, action)
}

fn client(call: &Message) -> String {
    call.sender().map(|sender| sender.to_string()).unwrap_or_default()
}
