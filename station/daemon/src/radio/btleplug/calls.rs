//! Every call to BlueZ: bounded in number, bounded in time, its error reduced to what we act on.
//!
//! btleplug's own time-out is 30 s and dropping its futures cancels nothing in BlueZ, so callers that
//! give up must also undo (see `Link`). All calls of one process share one bus connection, which answers
//! a few hundred pending ones with errors; the semaphore keeps us far below.

use bluez_async::BluetoothError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What came back instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
    /// Nothing, in the time we gave it.
    TimedOut,
    /// BlueZ does not have this object (any more).
    NotFound,
    /// Nobody owns the name `org.bluez`.
    BluezDown,
    /// The bus connection is gone.
    BusDown,
    /// The bus or BlueZ refuses this user.
    NoPermission,
    /// BlueZ is doing this, or the opposite, already.
    InProgress,
    /// The device has no link.
    NotConnected,
    /// The device lacks this service or characteristic.
    NoSuchAttribute,
    /// Anything else, in BlueZ's words.
    Refused(String),
}

/// The gate that all calls pass.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    permits: Arc<Semaphore>,
}

impl Calls {
    pub(super) fn new(in_flight_max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(in_flight_max)),
        }
    }

    /// Runs one call. Waiting for the gate counts as waiting for the answer.
    pub(super) async fn run<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = btleplug::Result<T>>,
    ) -> Result<T, CallFault> {
        let gated = async {
            let _permit = self.permits.acquire().await;
            call.await.map_err(|error| CallFault::from(&error))
        };
        timeout(limit, gated).await.unwrap_or(Err(CallFault::TimedOut))
    }
}

impl From<&btleplug::Error> for CallFault {
    fn from(error: &btleplug::Error) -> Self {
        use btleplug::Error;
        match error {
            Error::DeviceNotFound | Error::NoAdapterAvailable => CallFault::NotFound,
            Error::PermissionDenied => CallFault::NoPermission,
            Error::NotConnected => CallFault::NotConnected,
            Error::TimedOut(_) => CallFault::TimedOut,
            Error::NoSuchCharacteristic | Error::UnexpectedCharacteristic => CallFault::NoSuchAttribute,
            Error::Other(inner) => match inner.downcast_ref::<BluetoothError>() {
                Some(inner) => CallFault::from(inner),
                None => CallFault::Refused(inner.to_string()),
            },
            other => CallFault::Refused(other.to_string()),
        }
    }
}

impl From<&BluetoothError> for CallFault {
    fn from(error: &BluetoothError) -> Self {
        match error {
            BluetoothError::DbusError(error) => CallFault::from(error),
            BluetoothError::NoBluetoothAdapters => CallFault::NotFound,
            BluetoothError::UuidNotFound { .. } => CallFault::NoSuchAttribute,
            BluetoothError::ServiceDiscoveryTimedOut => CallFault::TimedOut,
            other => CallFault::Refused(other.to_string()),
        }
    }
}

impl From<&dbus::Error> for CallFault {
    fn from(error: &dbus::Error) -> Self {
        by_name(error.name().unwrap_or(""), error.message().unwrap_or(""))
    }
}

/// The names are those of the D-Bus specification, of libdbus and of BlueZ's `src/error.c`.
fn by_name(name: &str, message: &str) -> CallFault {
    let short = name.rsplit('.').next().unwrap_or(name);
    match short {
        "ServiceUnknown" | "NameHasNoOwner" => CallFault::BluezDown,
        "AccessDenied" | "AuthFailed" | "NotAuthorized" => CallFault::NoPermission,
        "NoReply" | "Timeout" | "TimedOut" => CallFault::TimedOut,
        "UnknownObject" | "UnknownMethod" | "UnknownInterface" | "DoesNotExist" => CallFault::NotFound,
        "Disconnected" | "NoServer" | "FileNotFound" | "BadAddress" => CallFault::BusDown,
        "InProgress" => CallFault::InProgress,
        "NotConnected" => CallFault::NotConnected,
        "Failed" if message == "Not connected" => CallFault::NotConnected,
        "Failed" if message == "Failed to send message" => CallFault::BusDown,
        _ => CallFault::Refused(format!("{short}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_a_meaning_by_their_name() {
        let rows = [
            (
                "org.freedesktop.DBus.Error.ServiceUnknown",
                "",
                CallFault::BluezDown,
            ),
            ("org.freedesktop.DBus.Error.NoReply", "", CallFault::TimedOut),
            ("org.freedesktop.DBus.Error.Timeout", "", CallFault::TimedOut),
            (
                "org.freedesktop.DBus.Error.UnknownObject",
                "",
                CallFault::NotFound,
            ),
            (
                "org.freedesktop.DBus.Error.UnknownMethod",
                "GetAll",
                CallFault::NotFound,
            ),
            (
                "org.freedesktop.DBus.Error.AccessDenied",
                "",
                CallFault::NoPermission,
            ),
            ("org.freedesktop.DBus.Error.Disconnected", "", CallFault::BusDown),
            (
                "org.bluez.Error.InProgress",
                "Operation already in progress",
                CallFault::InProgress,
            ),
            ("org.bluez.Error.NotConnected", "", CallFault::NotConnected),
            ("org.bluez.Error.Failed", "Not connected", CallFault::NotConnected),
            (
                "org.bluez.Error.Failed",
                "le-connection-abort-by-local",
                CallFault::Refused("Failed: le-connection-abort-by-local".into()),
            ),
        ];
        for (name, message, expected) in rows {
            assert_eq!(by_name(name, message), expected, "{name} {message}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_ends_by_our_own_time_out() {
        let calls = Calls::new(1);
        let never = std::future::pending::<btleplug::Result<()>>();
        assert_eq!(
            calls.run(Duration::from_secs(3), never).await,
            Err(CallFault::TimedOut)
        );
        assert_eq!(
            calls.run(Duration::from_secs(3), async { Ok(7) }).await,
            Ok(7),
            "the gate is free again"
        );
    }
}
