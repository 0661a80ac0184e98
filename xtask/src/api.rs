//! The console's API under a public fuzzer: schemathesis, from PyPI, against a console of its own that is thrown
//! away afterwards.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::exec::{self, cargo};

/// The fuzzer as PyPI knows it, and the folder it is put into.
const FUZZER: &str = "schemathesis>=4,<5";
const FOLDER: &str = "target/tools/schemathesis";
/// What must hold of every answer: no error of the console's own, and nothing that its description does not say.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// How long to look.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Requests for each operation and phase
    #[arg(long, default_value_t = 100)]
    examples: u32,
    /// Further arguments for `schemathesis run`
    #[arg(last = true)]
    further: Vec<String>,
}

/// Installs the fuzzer if it is missing, starts a console, and lets the one loose on the other.
pub(crate) fn run(options: &Options) -> Result<()> {
    let fuzzer = provide()?;
    exec::run(&mut cargo([
        "build",
        "--package",
        "console",
        "--bin",
        "bandstand-console",
    ]))?;
    let console = Console::start()?;
    let address = &console.address;
    let mut schemathesis = Command::new(fuzzer);
    schemathesis.args(["run", &format!("{address}/api/v1/openapi.json"), "--url", address]);
    schemathesis.args(["--header", &format!("Authorization: Bearer {}", console.key)]);
    schemathesis.args([
        "--checks",
        CHECKS,
        "--phases",
        "examples,coverage,fuzzing,stateful",
    ]);
    schemathesis.args([
        "--max-examples",
        &options.examples.to_string(),
        "--continue-on-failure",
    ]);
    schemathesis.args(["--generation-database", "none", "--no-color"]);
    schemathesis.args(&options.further).current_dir(&console.folder);
    exec::run(&mut schemathesis)
}

/// The fuzzer's program, in an environment of its own.
fn provide() -> Result<PathBuf> {
    let folder = exec::root().join(FOLDER);
    let program = folder.join("bin/schemathesis");
    if !program.exists() {
        let by_hand = format!("`python3 -m venv {FOLDER} && {FOLDER}/bin/pip install '{FUZZER}'`");
        let mut venv = Command::new("python3");
        exec::run(venv.args(["-m", "venv"]).arg(&folder))
            .with_context(|| format!("python3 is needed: {by_hand}"))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        exec::run(pip.args(["install", "--quiet", FUZZER])).with_context(|| format!("by hand: {by_hand}"))?;
    }
    Ok(program)
}

/// A console with an empty database, which ends and is removed when this is dropped.
struct Console {
    process: Child,
    /// Held open: the console has more to say.
    _output: Lines<BufReader<ChildStdout>>,
    folder: PathBuf,
    address: String,
    key: String,
}

impl Console {
    fn start() -> Result<Self> {
        let folder = exec::root()
            .join(FOLDER)
            .join(format!("console-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("console.toml");
        std::fs::write(&config, configuration(&folder))?;
        let config = config.display().to_string();
        let (program, at) = (program(), ["--config", &config]);
        said(Command::new(&program).arg("init").args(at))?;
        let made = [
            "api-key",
            "create",
            "--name",
            "fuzzer",
            "--role",
            "administrator",
            "--json",
        ];
        let made = said(Command::new(&program).args(made).args(at))?;
        let key = secret(&made).context("the console made no key")?;
        let mut process = Command::new(&program)
            .arg("run")
            .args(at)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("its output")?).lines();
        let web = lines.find_map(|line| Some(line.ok()?.strip_prefix("web ")?.to_owned()));
        let address = format!("http://{}", web.context("the console does not serve")?);
        Ok(Self {
            process,
            _output: lines,
            folder,
            address,
            key,
        })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[database]\nurl = \"{folder}/console.db\"\n[vault]\nkey_file = \"{folder}/console.key\"\n\
         [web]\nlisten = \"127.0.0.1:0\"\nrequests_per_second = 0\n[sync]\nlisten = \"127.0.0.1:0\"\n\
         [log]\nlevel = \"error\"\n"
    )
}

/// The console's program, as it was built just now.
fn program() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| exec::root().join("target"), PathBuf::from);
    target.join("debug/bandstand-console")
}

/// What a command prints.
fn said(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("the console does not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The key out of the answer in JSON.
fn secret(json: &str) -> Option<String> {
    let (_, behind) = json.split_once("\"secret\"")?;
    behind.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_in_either_form_of_json() {
        for json in [
            r#"{"key":{"id":"a"},"secret":"bk_1"}"#,
            "{\n  \"secret\": \"bk_1\"\n}",
        ] {
            assert_eq!(secret(json).as_deref(), Some("bk_1"));
        }
        assert_eq!(secret("{}"), None);
    }
}
