//! A private D-Bus: one `dbus-daemon` process with its own socket in its own folder.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Why there is no private bus.
#[derive(Debug)]
#[non_exhaustive]
pub enum BusError {
    /// No `dbus-daemon` on the PATH.
    NotInstalled,
    /// The daemon ended before it listened; its words are in the text.
    Refused(String),
    /// A file or a process could not be made.
    Io(io::Error),
}

impl std::fmt::Display for BusError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInstalled => {
                f.write_str("dbus-daemon is not on the PATH (Debian and Ubuntu: apt install dbus)")
            }
            Self::Refused(words) => write!(f, "dbus-daemon did not start: {}", words.trim()),
            Self::Io(_) => f.write_str("the private bus could not be set up"),
        }
    }
}

impl std::error::Error for BusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for BusError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running `dbus-daemon` of type "system" that anybody may use. It is ended, by its process id, when
/// this value is dropped.
#[derive(Debug)]
pub struct PrivateBus {
    folder: TempDir,
    daemon: Option<Child>,
}

impl PrivateBus {
    /// Starts the daemon and waits until it listens.
    pub fn start() -> Result<Self, BusError> {
        let folder = tempfile::Builder::new().prefix("bandstand-bus-").tempdir()?;
        let mut bus = Self { folder, daemon: None };
        std::fs::write(bus.config_path(), bus.config())?;
        bus.resume()?;
        Ok(bus)
    }

    /// What clients get as `DBUS_SYSTEM_BUS_ADDRESS`. It stays the same over [`stop`](Self::stop) and
    /// [`resume`](Self::resume).
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket_path().display())
    }

    /// The socket behind [`address`](Self::address).
    pub fn socket_path(&self) -> PathBuf {
        self.folder.path().join("bus.sock")
    }

    /// Kills the daemon: every connection breaks and new ones are refused.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // Both fail only if the daemon is already gone.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = std::fs::remove_file(self.socket_path());
    }

    /// Starts the daemon again at the same address and waits until it listens.
    pub fn resume(&mut self) -> Result<(), BusError> {
        self.stop();
        let mut daemon = self.spawn()?;
        let listens = first_line(&mut daemon).is_some_and(|line| line.starts_with("unix:"));
        if listens {
            self.daemon = Some(daemon);
            return Ok(());
        }
        let output = daemon.wait_with_output()?;
        Err(BusError::Refused(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }

    fn spawn(&self) -> Result<Child, BusError> {
        Command::new("dbus-daemon")
            .arg(format!("--config-file={}", self.config_path().display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => BusError::NotInstalled,
                _ => BusError::Io(error),
            })
    }

    fn config_path(&self) -> PathBuf {
        self.folder.path().join("bus.conf")
    }

    /// The type brings the limits of a system bus, pending calls per connection among them.
    fn config(&self) -> String {
        let address = self.address();
        format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#
        )
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The daemon prints its address once it listens; end of file means that it gave up.
fn first_line(daemon: &mut Child) -> Option<String> {
    let mut line = String::new();
    BufReader::new(daemon.stdout.take()?).read_line(&mut line).ok()?;
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn bus() -> Option<PrivateBus> {
        match PrivateBus::start() {
            Ok(bus) => Some(bus),
            Err(BusError::NotInstalled) => {
                println!("skipped: {}", BusError::NotInstalled);
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn listens_stops_and_comes_back_at_the_same_address() {
        let Some(mut bus) = bus() else { return };
        let address = bus.address();
        UnixStream::connect(bus.socket_path()).unwrap();
        bus.stop();
        assert!(UnixStream::connect(bus.socket_path()).is_err());
        bus.resume().unwrap();
        UnixStream::connect(bus.socket_path()).unwrap();
        assert_eq!(bus.address(), address);
    }

    #[test]
    fn ends_with_its_guard() {
        let Some(bus) = bus() else { return };
        let (socket, pid) = (bus.socket_path(), bus.daemon.as_ref().unwrap().id());
        drop(bus);
        assert!(!socket.exists());
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
