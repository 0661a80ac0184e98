//! The pairing agent: a kiosk without keyboard and display.
//!
//! Bands are not paired; their session is secured above the link. The agent is there because some BlueZ
//! versions fail when a device asks for security and no agent exists. It says yes to devices that we are
//! linked to and to nobody else, so that no keyboard or headset can pair with a kiosk.

use dbus::Message;
use dbus::channel::default_reply;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the agent lives on our connection.
pub(super) const PATH: &str = "/bandstand/agent";
const INTERFACE: &str = "org.bluez.Agent1";

/// The agent and the object paths of the devices it says yes to. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Agent {
    linked: Arc<Mutex<HashSet<String>>>,
}

impl Agent {
    /// A link to the device begins or ends.
    pub(super) fn set_linked(&self, device_path: &str, linked: bool) {
        let mut paths = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        if linked {
            paths.insert(device_path.to_owned());
        } else {
            paths.remove(device_path);
        }
    }

    /// The answer to a method call.
    pub(super) fn answer(&self, call: &Message) -> Message {
        if call.interface().as_deref() != Some(INTERFACE) || call.path().as_deref() != Some(PATH) {
            return default_reply(call).unwrap_or_else(|| rejection(call));
        }
        match call.member().as_deref() {
            Some("Release" | "Cancel") => call.method_return(),
            Some("RequestAuthorization") if self.knows(call) => call.method_return(),
            _ => rejection(call),
        }
    }

    fn knows(&self, call: &Message) -> bool {
        let paths = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        call.get1::<dbus::Path<'_>>()
            .is_some_and(|path| paths.contains(&*path))
    }
}

fn rejection(call: &Message) -> Message {
    call.error(&"org.bluez.Error.Rejected".into(), c"not a band of this station")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus::message::MessageType;

    const DEVICE: &str = "/org/bluez/hci0/dev_C0_00_00_00_00_01";

    fn check(member: &str, path: &str, device: &str, expected: MessageType) {
        let agent = Agent::default();
        agent.set_linked(DEVICE, true);
        let mut call = Message::call_with_args(":1.1", path, INTERFACE, member, (dbus::Path::from(device),));
        call.set_serial(1);
        assert_eq!(
            agent.answer(&call).msg_type(),
            expected,
            "{member} {path} {device}"
        );
    }

    #[test]
    fn only_linked_devices_are_authorized() {
        check("RequestAuthorization", PATH, DEVICE, MessageType::MethodReturn);
        check(
            "RequestAuthorization",
            PATH,
            "/org/bluez/hci0/dev_keyboard",
            MessageType::Error,
        );
        check("RequestAuthorization", "/elsewhere", DEVICE, MessageType::Error);
        check("RequestPinCode", PATH, DEVICE, MessageType::Error);
        check("RequestConfirmation", PATH, DEVICE, MessageType::Error);
        check("AuthorizeService", PATH, DEVICE, MessageType::Error);
        check("Release", PATH, DEVICE, MessageType::MethodReturn);
    }

    #[test]
    fn an_ended_link_is_forgotten() {
        let agent = Agent::default();
        agent.set_linked(DEVICE, true);
        agent.set_linked(DEVICE, false);
        assert!(
            agent
                .linked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
        );
    }
}
