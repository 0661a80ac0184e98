//! How fast this machine can be another one: by its processor (KVM) or by translation (TCG).

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// The emulator.
pub(super) const QEMU: &str = "qemu-system-x86_64";
/// A machine without anything to do says that it runs and switches itself off; here at the latest it is stuck.
const KVM_LIMIT: Duration = Duration::from_secs(20);
const TCG_LIMIT: Duration = Duration::from_secs(180);

/// The fastest way that boots the image in `folder`. That `/dev/kvm` opens proves nothing.
pub(super) fn find(folder: &Path) -> Result<&'static str> {
    let can_open = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok();
    if can_open && boots(folder, "kvm", KVM_LIMIT)? {
        return Ok("kvm");
    }
    if boots(folder, "tcg", TCG_LIMIT)? {
        return Ok("tcg");
    }
    bail!("the image does not boot")
}

fn boots(folder: &Path, accel: &str, limit: Duration) -> Result<bool> {
    let cpu = if accel == "kvm" { "host" } else { "max" };
    let machine = [
        "-M",
        "pc",
        "-smp",
        "1",
        "-m",
        "256",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
    ];
    let command = "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests=1";
    let mut qemu = Command::new(QEMU)
        .args(["-accel", accel, "-cpu", cpu])
        .args(machine)
        .args(["-display", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(folder.join("kernel"))
        .arg("-initrd")
        .arg(folder.join("initrd"))
        .args(["-append", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {QEMU}"))?;
    let mut stdout = qemu.stdout.take().context("no output")?;
    let (said_in, said) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut words = Vec::new();
        // What was read until then is all there is.
        let _ = stdout.read_to_end(&mut words);
        // Whoever gave up waiting does not listen.
        let _ = said_in.send(String::from_utf8_lossy(&words).into_owned());
    });
    let words = said.recv_timeout(limit);
    // It may have ended by itself.
    drop(qemu.kill());
    qemu.wait()?;
    drop(reader.join());
    Ok(words.is_ok_and(|words| words.contains("the machine runs")))
}
