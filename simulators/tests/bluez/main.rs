//! The BlueZ double with the real btleplug as its client.

mod client;
mod faults;
mod gatt;
mod support;

/// Not a test but the client's main function, when the environment says so.
#[test]
fn client_process() {
    if std::env::var_os(support::CLIENT_MARK).is_some() {
        client::serve();
    }
}
