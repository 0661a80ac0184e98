//! A Linux with the real BlueZ in it, as a virtual machine: depth 3.
//!
//! ```text
//!   station daemon ── D-Bus over TCP ──► [ dbus-daemon, bluetoothd, kernel ── hci0 ] ── H4 ── Air ── bands
//!                                          \________________ the machine ________/
//! ```
//!
//! `cargo xtask radio` makes the image out of Debian's packages; the machine has a bus, an adapter and BlueZ, no disk, and
//! a network card that nothing but this host's loopback reaches. It switches itself off when this process ends,
//! however that happens.

mod control;
mod qemu;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;

use crate::air::{Air, Port};
use crate::bluez::Address;
use control::Control;

/// Address of the machine's adapter.
pub const ADAPTER: Address = Address([0x00, 0x1a, 0x7d, 0xda, 0x71, 0x42]);
/// Where the image is; set by `cargo xtask radio`.
pub const IMAGE: &str = "BANDSTAND_RADIO_IMAGE";
/// A folder in which each machine leaves what crossed its adapter, for `btmon -r`. Optional.
pub const TRACES: &str = "BANDSTAND_RADIO_TRACES";

/// The image's folder, if somebody made one.
pub fn image() -> Option<PathBuf> {
    std::env::var_os(IMAGE).map(PathBuf::from)
}

/// Why there is no machine, or why it does not do what it is told.
#[derive(Debug)]
pub enum MachineError {
    /// Files, sockets, processes.
    Io(io::Error),
    /// The emulator ended or never called back; what it said.
    NotStarted(String),
    /// A command failed in the machine: what was asked, and what it said.
    Refused(String, String),
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the virtual machine: {error}"),
            Self::NotStarted(text) => write!(f, "the virtual machine did not start: {text}"),
            Self::Refused(line, text) => write!(f, "`{line}` failed in the virtual machine: {text}"),
        }
    }
}

impl std::error::Error for MachineError {}

impl From<io::Error> for MachineError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running machine. Dropping it ends it.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    control: Control,
    bus: String,
    adapter: Port,
    folder: tempfile::TempDir,
}

impl Machine {
    /// Boots the image in `image`; the machine's adapter is a controller of `air`. Waits until BlueZ runs.
    pub fn boot(image: &Path, air: &Air) -> Result<Self, MachineError> {
        let folder = tempfile::Builder::new().prefix("bandstand-vm-").tempdir()?;
        let mut started = qemu::start(image, folder.path())?;
        let trace = traces(&started.qemu)?;
        let adapter = air.attach(ADAPTER, started.hci, trace.as_deref())?;
        let ready = started.control.line()?;
        if ready != "ready 0" {
            let log = qemu::log(folder.path());
            return Err(MachineError::NotStarted(format!("{ready}\n{log}")));
        }
        Ok(Self {
            qemu: started.qemu,
            control: started.control,
            bus: format!("tcp:host=127.0.0.1,port={},family=ipv4", started.bus_port),
            adapter,
            folder,
        })
    }

    /// What a client gets as `DBUS_SYSTEM_BUS_ADDRESS`.
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// The machine's adapter on the air.
    pub fn adapter(&self) -> &Port {
        &self.adapter
    }

    /// Runs a line of shell in the machine and waits for its end; what it printed.
    pub fn run(&mut self, line: &str) -> Result<String, MachineError> {
        self.control.run(line)
    }

    /// What broke the machine's kernel, if something did: the first line of its last words. Such a machine is not to
    /// be used again.
    pub fn kernel_fault(&mut self) -> Option<String> {
        let said = self
            .run("dmesg | grep -E 'kernel BUG|Oops|general protection'; true")
            .ok()?;
        said.lines().next().map(str::to_owned)
    }

    /// What the machine's console and bluetoothd said.
    pub fn log(&mut self) -> String {
        let bluez = self.run("cat /tmp/bluetoothd.log; dmesg | tail -60");
        let bluez = bluez.unwrap_or_default();
        format!("{}{bluez}", qemu::log(self.folder.path()))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn traces(qemu: &Child) -> io::Result<Option<PathBuf>> {
    let Some(folder) = std::env::var_os(TRACES).map(PathBuf::from) else {
        return Ok(None);
    };
    std::fs::create_dir_all(&folder)?;
    Ok(Some(folder.join(format!("hci0-{}.btsnoop", qemu.id()))))
}
