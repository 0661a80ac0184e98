//! What is in the machine: programs with their libraries, modules, and a few lines of configuration.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use super::{modules, packages};
use crate::exec;

/// The first process.
const INIT: &str = include_str!("init.sh");
const BUS: &str = include_str!("bus.xml");
/// Names under which busybox is called.
const APPLETS: &[&str] = &[
    "cat", "dmesg", "echo", "grep", "ifconfig", "insmod", "kill", "ln", "ls", "mkdir", "mount", "poweroff",
    "rm", "sed", "sh", "sleep", "stty", "tail", "tr", "usleep", "wc",
];
const LIBRARIES: &[&str] = &[
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib64",
    "usr/lib64",
];
const LOADER: &str = "ld-linux-x86-64.so.2";

/// The first file system, made of packages unpacked below `root`.
pub(super) fn build(root: &Path, kernel: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in [
        "dev",
        "proc",
        "sys",
        "tmp",
        "run/dbus",
        "var/lib/bluetooth",
        "etc/bluetooth",
    ] {
        archive.folder(folder);
    }
    programs(&mut archive, root)?;
    kernel_modules(&mut archive, root, kernel)?;
    settings(&mut archive, root)?;
    archive.file("init", INIT.as_bytes(), 0o755);
    Ok(archive.finish())
}

fn programs(archive: &mut Archive, root: &Path) -> Result<()> {
    let busybox = packages::find(root, &["bin", "usr/bin"], "busybox").context("no busybox")?;
    archive.copy("bin/busybox", &busybox)?;
    for applet in APPLETS {
        archive.link(&format!("bin/{applet}"), "busybox");
    }
    let folders = ["usr/libexec/bluetooth", "usr/lib/bluetooth", "usr/bin", "bin"];
    let mut libraries = Vec::new();
    for name in ["bluetoothd", "btattach", "dbus-daemon"] {
        let path = packages::find(root, &folders, name).with_context(|| format!("no {name}"))?;
        libraries.extend(libraries_of(root, &path)?);
        archive.copy(&format!("bin/{name}"), &path)?;
    }
    libraries.sort();
    libraries.dedup();
    for name in libraries {
        let path = packages::find(root, LIBRARIES, &name).with_context(|| format!("no {name}"))?;
        archive.copy(&format!("lib/x86_64-linux-gnu/{name}"), &path)?;
    }
    let loader = packages::find(root, LIBRARIES, LOADER).context("no loader")?;
    archive.copy(&format!("lib64/{LOADER}"), &loader)
}

/// File names of the libraries that a program is linked to, as the unpacked loader finds them.
fn libraries_of(root: &Path, program: &Path) -> Result<Vec<String>> {
    let loader = packages::find(root, LIBRARIES, LOADER).context("no loader")?;
    let folders: Vec<String> = LIBRARIES
        .iter()
        .map(|it| root.join(it).display().to_string())
        .collect();
    let mut list = Command::new(loader);
    list.arg("--library-path").arg(folders.join(":"));
    let (ok, text) = exec::capture(list.arg("--list").arg(program))?;
    ensure!(
        ok && !text.contains("not found"),
        "{} does not link:\n{text}",
        program.display()
    );
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names
        .filter(|name| name.contains(".so") && !name.contains('/') && !name.starts_with("linux-"))
        .map(str::to_owned)
        .collect())
}

fn kernel_modules(archive: &mut Archive, root: &Path, kernel: &str) -> Result<()> {
    let tree = packages::find(root, &["lib/modules", "usr/lib/modules"], kernel).context("no modules")?;
    let mut order = String::new();
    for path in modules::in_order(&tree)? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        archive.copy(&format!("modules/{name}"), &path)?;
        order += &format!("{name}\n");
    }
    archive.file("modules/order", order.as_bytes(), 0o644);
    Ok(())
}

fn settings(archive: &mut Archive, root: &Path) -> Result<()> {
    let folders = ["etc/dbus-1/system.d", "usr/share/dbus-1/system.d"];
    let policy = packages::find(root, &folders, "bluetooth.conf").context("no bus policy of BlueZ")?;
    archive.copy("etc/dbus-1/system.d/bluetooth.conf", &policy)?;
    let main = packages::find(root, &["etc/bluetooth"], "main.conf").context("no main.conf of BlueZ")?;
    archive.copy("etc/bluetooth/main.conf", &main)?;
    archive.file("etc/dbus-1/system.conf", BUS.as_bytes(), 0o644);
    archive.file("etc/passwd", b"root:x:0:0::/:/bin/sh\n", 0o644);
    archive.file("etc/group", b"root:x:0:\nbluetooth:x:112:\n", 0o644);
    archive.file("etc/machine-id", b"0123456789abcdef0123456789abcdef\n", 0o644);
    archive.link("var/run", "/run");
    Ok(())
}
