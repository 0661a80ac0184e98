//! Debian's packages: by name, whatever version this machine's sources have, downloaded and unpacked but never
//! installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::exec;

/// What runs in the machine. Libraries come along by their dependencies, the kernel by its meta package.
const PROGRAMS: &[&str] = &["bluez", "dbus-daemon", "busybox-static"];
/// Depends on the newest kernel with modules for Bluetooth; the "cloud" one has none.
const KERNEL: &str = "linux-image-amd64";

/// Names of all packages that are needed, sorted.
pub(super) fn needed() -> Result<Vec<String>> {
    let kernel = depends(&[KERNEL])?
        .into_iter()
        .find(|name| {
            name.strip_prefix("linux-image-")
                .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
        })
        .context("apt knows no kernel; `apt-get update` may help")?;
    let recurse = [
        "--recurse",
        "--no-recommends",
        "--no-suggests",
        "--no-conflicts",
        "--no-breaks",
        "--no-replaces",
        "--no-enhances",
    ];
    let all = depends(&[&recurse[..], PROGRAMS].concat())?;
    let mut names: Vec<String> = all.into_iter().filter(|name| is_library(name)).collect();
    names.extend(PROGRAMS.iter().map(|name| (*name).to_owned()));
    names.push(kernel);
    names.sort();
    names.dedup();
    Ok(names)
}

fn is_library(name: &str) -> bool {
    let beside = [
        "-perl",
        "-data",
        "-common",
        "-modules",
        "-modules-bin",
        "-installer4",
    ];
    let is_lib = name.starts_with("lib") || name == "zlib1g";
    is_lib && !name.starts_with("libperl") && !beside.iter().any(|end| name.ends_with(end))
}

/// The names that `apt-cache depends` prints, those asked for left out.
fn depends(arguments: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("apt-cache");
    command.arg("depends").args(arguments).stderr(Stdio::null());
    let output = command.output().context("there is no apt on this machine")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = text
        .lines()
        .map(|line| line.trim_start_matches([' ', '|']))
        .map(|line| line.strip_prefix("Depends: ").unwrap_or(line).trim());
    Ok(names
        .filter(|name| !name.is_empty() && !name.contains([' ', '<', ':']))
        .map(str::to_owned)
        .collect())
}

/// Names of the files that a download would bring, one version of each: what tells a stale image from a fresh one.
pub(super) fn versions(names: &[String]) -> Result<String> {
    let mut command = Command::new("apt-get");
    command.args(["download", "--print-uris", "-qq"]).args(names);
    let (ok, text) = exec::capture(&mut command)?;
    ensure!(ok, "apt does not know where to get the packages: {}", text.trim());
    let files = text.lines().filter_map(|line| line.split(' ').nth(1));
    Ok(files.map(|file| format!("{file}\n")).collect())
}

/// Downloads the packages to `folder` and unpacks them all below `root`; gives the kernel's version.
pub(super) fn unpack(names: &[String], folder: &Path, root: &Path) -> Result<String> {
    fs::create_dir_all(folder)?;
    fs::create_dir_all(root)?;
    let mut download = Command::new("apt-get");
    download
        .args(["download", "-qq", "-o", "APT::Sandbox::User=root"])
        .args(names);
    let (ok, text) = exec::capture(download.current_dir(folder))?;
    ensure!(ok, "apt could not download: {}", text.trim());
    for file in fs::read_dir(folder)? {
        let file = file?.path();
        let (ok, text) = exec::capture(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
        ensure!(ok, "{} does not unpack: {text}", file.display());
    }
    let kernel = names.iter().find_map(|name| name.strip_prefix("linux-image-"));
    Ok(kernel.context("no kernel among the packages")?.to_owned())
}

/// `path` below one of the folders in which Debian puts such files.
pub(super) fn find(root: &Path, folders: &[&str], name: &str) -> Option<PathBuf> {
    let paths = folders.iter().map(|folder| root.join(folder).join(name));
    paths.into_iter().find(|path| path.exists())
}
