//! The proof that the protocol crate runs on a band: neither std nor an operating system.
//!
//! `xtask/no-std-proof` is a static library with its own panic handler and allocator that calls both
//! engines. On a bare target std does not exist at all. On a machine without a bare target the host
//! serves: whatever brings std brings std's panic handler, and the second one stops the build. The
//! library is then linked with nothing but the memory functions that every compiler expects, so a call
//! into an operating system stays unresolved and stops the link.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::exec::{self, cargo};

const BARE_TARGET: &str = "thumbv7em-none-eabihf";

/// Builds the proof, for the bare target where it is installed, and shows that it can fail.
pub(crate) fn run() -> Result<()> {
    share_the_lock_file()?;
    if has_bare_target() {
        exec::run(&mut proof(&["--release", "--target", BARE_TARGET]))?;
        println!("no_std: builds for {BARE_TARGET}");
    }
    exec::run(&mut proof(&["--release"]))?;
    println!("no_std: builds with its own panic handler and allocator");
    links_with_nothing()?;
    a_leak_is_noticed()
}

/// What a freestanding compiler may expect: memory functions, and the unwinder's name in prebuilt `core`.
const GIVEN: &[&str] = &[
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "bcmp",
    "strlen",
    "rust_eh_personality",
];

/// Links the library without any other, and prints how much code it is on this machine.
fn links_with_nothing() -> Result<()> {
    let dir = target_dir().join("release");
    let program = dir.join("freestanding");
    let mut link = Command::new("cc");
    link.args([
        "-nostdlib",
        "-static",
        "-Wl,--gc-sections",
        "-Wl,-e,bandstand_no_std_proof",
    ])
    .args(["-Wl,-u,bandstand_no_std_proof", "-Wl,--strip-all"])
    .args(GIVEN.iter().map(|symbol| format!("-Wl,--defsym,{symbol}=0")))
    .arg(dir.join("libno_std_proof.a"))
    .arg("-o")
    .arg(&program);
    let (linked, words) = exec::capture(&mut link)?;
    ensure!(linked, "the proof needs more than memory functions:\n{words}");
    let kib = std::fs::metadata(&program)?.len().div_ceil(1024);
    println!("no_std: links without libc, {kib} KiB with its tables");
    Ok(())
}

/// A feature of a dependency that asks for std must break the build, else the proof proves nothing.
fn a_leak_is_noticed() -> Result<()> {
    let (built, words) = exec::capture(&mut proof(&["--release", "--features", "leak-std"]))?;
    ensure!(!built, "the proof lets std through: `leak-std` was built");
    ensure!(
        words.contains("panic_impl"),
        "`leak-std` failed for another reason than std:\n{words}"
    );
    println!("no_std: std in a dependency stops the build, as it must");
    Ok(())
}

fn proof(arguments: &[&str]) -> Command {
    let start = [
        "build",
        "--quiet",
        "--manifest-path",
        "xtask/no-std-proof/Cargo.toml",
        "--target-dir",
    ];
    let mut command = cargo(start);
    command.arg(target_dir()).args(arguments);
    command
}

/// The proof is a workspace of its own, since features of other members would leak into it; it builds
/// the versions of the one lock file nevertheless.
fn share_the_lock_file() -> Result<()> {
    let root = exec::root();
    let to = root.join("xtask/no-std-proof/Cargo.lock");
    std::fs::copy(root.join("Cargo.lock"), &to).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(())
}

fn target_dir() -> PathBuf {
    let dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| exec::root().join("target"), PathBuf::from);
    dir.join("no-std-proof")
}

fn has_bare_target() -> bool {
    let printed =
        exec::capture(Command::new("rustc").args(["--print", "target-libdir", "--target", BARE_TARGET]));
    printed.is_ok_and(|(ok, dir)| ok && std::path::Path::new(dir.trim()).is_dir())
}
