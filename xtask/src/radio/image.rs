//! The image in the cache: made when it is missing or when packages or this recipe have changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{accel, packages, roots};
use crate::exec;

/// Changes whenever this recipe makes something else of the same packages.
const RECIPE: &str = concat!(
    "recipe 1\n",
    include_str!("init.sh"),
    include_str!("bus.xml"),
    include_str!("roots.rs"),
    include_str!("modules.rs")
);

/// The folder with `kernel`, `initrd` and `accel`. Makes it if need be.
pub(super) fn make(fresh: bool) -> Result<PathBuf> {
    ensure!(cfg!(target_arch = "x86_64"), "the image is for x86_64 only");
    ensure!(
        exec::answers(accel::QEMU, &["--version"]),
        "there is no {}; `apt-get install qemu-system-x86` brings it",
        accel::QEMU
    );
    let folder = crate::peers::cache()?.join("radio");
    match stamp() {
        Ok((_, stamp)) if !fresh && is_made(&folder, Some(&stamp)) => Ok(folder),
        Ok((names, stamp)) => {
            build(&folder, &names).context("the image cannot be made")?;
            fs::write(folder.join("stamp"), stamp)?;
            Ok(folder)
        }
        Err(error) if !fresh && is_made(&folder, None) => {
            println!("radio: taking the image as it is: {error:#}");
            Ok(folder)
        }
        Err(error) => Err(error),
    }
}

/// Names of the packages, and what tells this image from others.
fn stamp() -> Result<(Vec<String>, String)> {
    let names = packages::needed()?;
    let versions = packages::versions(&names)?;
    Ok((names, format!("{RECIPE}{versions}")))
}

fn is_made(folder: &Path, stamp: Option<&str>) -> bool {
    let kept = fs::read_to_string(folder.join("stamp"));
    kept.is_ok_and(|kept| stamp.is_none_or(|stamp| kept == stamp))
        && ["kernel", "initrd", "accel"]
            .iter()
            .all(|name| folder.join(name).exists())
}

fn build(folder: &Path, names: &[String]) -> Result<()> {
    println!("radio: making the image out of {} packages", names.len());
    // A name of its own: two runs may do this at the same time, and the last one wins.
    let work = folder.with_file_name(format!("radio-{}", std::process::id()));
    let root = work.join("root");
    let made = fill(&work, &root, names);
    if made.is_ok() {
        drop(fs::remove_dir_all(&root));
        drop(fs::remove_dir_all(work.join("packages")));
        drop(fs::remove_dir_all(folder));
        fs::rename(&work, folder)?;
    } else {
        drop(fs::remove_dir_all(&work));
    }
    made
}

fn fill(work: &Path, root: &Path, names: &[String]) -> Result<()> {
    drop(fs::remove_dir_all(work));
    let version = packages::unpack(names, &work.join("packages"), root)?;
    let packed = packages::find(root, &["boot"], &format!("vmlinuz-{version}")).context("no kernel")?;
    let bytes = fs::read(&packed)?;
    let kernel = unpacked(&bytes).unwrap_or_else(|error| {
        println!("radio: booting the packed kernel, three seconds slower: {error:#}");
        bytes
    });
    fs::write(work.join("kernel"), kernel)?;
    fs::write(work.join("initrd"), roots::build(root, &version)?)?;
    let accel = accel::find(work)?;
    println!("radio: the machine runs with {accel}");
    fs::write(work.join("accel"), accel)?;
    Ok(())
}

/// The kernel proper inside a `bzImage`, which QEMU boots directly. Unpacking it here takes a second; the same in
/// an emulated machine takes three, at each boot. (Documentation/x86/boot.rst: `setup_sects`, `payload_offset`,
/// `payload_length`.)
fn unpacked(image: &[u8]) -> Result<Vec<u8>> {
    let word = |at: usize| -> Option<usize> {
        let bytes: [u8; 4] = image.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let sectors = usize::from(*image.get(0x1f1).context("too short for a kernel")?);
    let offset = word(0x248).context("no payload")? + (sectors + 1) * 512;
    let len = word(0x24c).context("no payload")?;
    let payload = image
        .get(offset..offset + len)
        .context("the payload is cut off")?;
    ensure!(payload.starts_with(b"\xfd7zXZ"), "the payload is not xz");
    let mut xz = Command::new("xz")
        .args(["--decompress", "--stdout", "--single-stream"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("there is no xz")?;
    let mut stdin = xz.stdin.take().context("xz takes no input")?;
    let payload = payload.to_vec();
    // It stops reading at the end of its stream, which is before the end of the payload.
    let feed = std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, &payload)));
    let output = xz.wait_with_output()?;
    drop(feed.join());
    ensure!(output.stdout.starts_with(b"\x7fELF"), "the payload is no program");
    Ok(output.stdout)
}
