//! Running programs: each is shown before it starts, and named when it fails.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The repository's root folder. Asked of cargo at run time: checkouts that share a target folder share this
/// program too.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here)
        .parent()
        .expect("xtask/ lies in the root")
        .to_owned()
}

/// The cargo that started this program, to be run in the repository's root.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The command as a person would type it, without its folder.
fn words(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let rest = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(rest).collect::<Vec<_>>().join(" ")
}

/// Runs a program to its end; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let words = words(command);
    println!("$ {words}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{words}`"))?;
    ensure!(status.success(), "`{words}` ended with {status}");
    Ok(())
}

/// Which of a program's two streams carries its summary.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Runs a program, shows its output, and gives each line of one stream to `see`.
/// `Ok(false)` is an exit code other than 0.
pub(crate) fn watch(command: &mut Command, stream: Stream, mut see: impl FnMut(&str)) -> Result<bool> {
    let words = words(command);
    println!("$ {words}");
    match stream {
        Stream::Stdout => command.stdout(Stdio::piped()),
        Stream::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{words}`"))?;
    let output: Box<dyn Read> = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), _) => Box::new(stdout),
        (_, Some(stderr)) => Box::new(stderr),
        (None, None) => bail!("`{words}` has no stream to watch"),
    };
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        see(&line);
    }
    Ok(child.wait()?.success())
}

/// Runs a program and gives both streams as text, with whether it succeeded. Shows nothing.
pub(crate) fn capture(command: &mut Command) -> Result<(bool, String)> {
    let words = words(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start `{words}`"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

/// Whether a program answers on this machine.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    capture(&mut command).is_ok_and(|(ok, _)| ok)
}
