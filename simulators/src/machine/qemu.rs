//! The emulator's process and the two sockets by which it calls back.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::MachineError;
use super::control::Control;

/// How long the emulator may take to call back.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The ciphers' tests of themselves take two seconds in an emulated machine.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests=1";
/// Another process may take the port between our look and the emulator's; then the next one is tried.
const PORTS_TRIED: u32 = 5;

pub(super) struct Started {
    pub(super) qemu: Child,
    pub(super) hci: UnixStream,
    pub(super) control: Control,
    pub(super) bus_port: u16,
}

/// What the machine's console said.
pub(super) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("console.log")).unwrap_or_default()
}

pub(super) fn start(image: &Path, folder: &Path) -> Result<Started, MachineError> {
    let mut last = String::new();
    for _ in 0..PORTS_TRIED {
        match start_once(image, folder)? {
            Ok(started) => return Ok(started),
            Err(text) => last = text,
        }
    }
    Err(MachineError::NotStarted(last))
}

/// Starts the emulator on a port that is free now. The inner error is worth another try.
fn start_once(image: &Path, folder: &Path) -> Result<Result<Started, String>, MachineError> {
    let bus_port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let hci = calls(&folder.join("hci.sock"))?;
    let control = calls(&folder.join("control.sock"))?;
    let console = File::create(folder.join("console.log"))?;
    let mut qemu = command(image, folder, bus_port)?
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        .spawn()?;
    let called = hci.wait().and_then(|hci| Ok((hci, control.wait()?)));
    let Ok((hci, control)) = called else {
        qemu.kill()?;
        qemu.wait()?;
        return Ok(Err(log(folder)));
    };
    Ok(Ok(Started {
        qemu,
        hci,
        control: Control::new(control)?,
        bus_port,
    }))
}

fn command(image: &Path, folder: &Path, bus_port: u16) -> io::Result<Command> {
    let accel = fs::read_to_string(image.join("accel"))?;
    let cpu = if accel == "kvm" { "host" } else { "max" };
    let folder = folder.display();
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-accel", &accel, "-cpu", cpu])
        .args(["-M", "pc", "-smp", "1", "-m", "256"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(image.join("kernel"))
        .arg("-initrd")
        .arg(image.join("initrd"))
        .args(["-append", KERNEL_ARGUMENTS])
        .args(["-device", "virtio-serial-pci"])
        .args(["-chardev", &format!("socket,id=hci,path={folder}/hci.sock")])
        .args(["-device", "virtconsole,chardev=hci"])
        .args([
            "-chardev",
            &format!("socket,id=control,path={folder}/control.sock"),
        ])
        .args(["-device", "virtserialport,chardev=control,name=bandstand"])
        .args([
            "-netdev",
            &format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{bus_port}-10.0.2.15:6000"),
        ])
        .args(["-device", "virtio-net-pci,netdev=net,romfile="]);
    Ok(command)
}

/// Somebody who is about to call.
struct Call {
    caller: mpsc::Receiver<io::Result<UnixStream>>,
    path: std::path::PathBuf,
}

fn calls(path: &Path) -> io::Result<Call> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let (called, caller) = mpsc::channel();
    std::thread::spawn(move || {
        // Whoever gave up waiting does not listen.
        let _ = called.send(listener.accept().map(|(stream, _)| stream));
    });
    Ok(Call {
        caller,
        path: path.to_owned(),
    })
}

impl Call {
    fn wait(self) -> io::Result<UnixStream> {
        match self.caller.recv_timeout(CALL_TIMEOUT) {
            Ok(called) => called,
            Err(_) => {
                // Lets the thread that waits end.
                drop(UnixStream::connect(&self.path));
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}
