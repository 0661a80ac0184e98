//! Explores the fuzz targets for as long as it is told; started by `cargo xtask fuzz`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use tests::fuzz::{self, Finding, Target};

/// Replays the corpora, then explores each target from fresh seeds.
#[derive(Parser)]
#[command(name = "cargo xtask fuzz")]
struct Arguments {
    /// How long to explore each target, at least
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many inputs to explore of each target, at least
    #[arg(long, default_value_t = 0)]
    executions: u64,
    /// First seed; each round takes the next
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only write the well-formed inputs of each target into its corpus
    #[arg(long)]
    write_seeds: bool,
    /// Only these targets; none means all
    targets: Vec<String>,
}

/// Changed inputs between two looks at the clock.
const ROUND: u64 = 10_000;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let targets = chosen(&arguments.targets)?;
    let mut code = ExitCode::SUCCESS;
    for target in &targets {
        if arguments.write_seeds {
            fuzz::write_seeds(target)?;
        } else if let Err(finding) = look_at(target, &arguments)? {
            println!("{finding:?}\nkept as {}", keep(target, &finding)?);
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn chosen(names: &[String]) -> Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(fuzz::TARGETS.to_vec());
    }
    let known = || {
        fuzz::TARGETS
            .iter()
            .map(|target| target.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let find = |name: &String| {
        fuzz::target(name).with_context(|| format!("no target {name}; there are {}", known()))
    };
    names.iter().map(find).collect()
}

fn look_at(target: &Target, arguments: &Arguments) -> Result<Result<(), Finding>> {
    let corpus = fuzz::corpus(target)?;
    if let Err(finding) = fuzz::replay(target, &corpus) {
        return Ok(Err(finding));
    }
    let (start, limit) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let mut rounds = 0;
    while start.elapsed() < limit || rounds * ROUND < arguments.executions {
        if let Err(finding) = fuzz::explore(target, &corpus, arguments.seed + rounds, ROUND) {
            return Ok(Err(finding));
        }
        rounds += 1;
    }
    let cases = rounds * ROUND;
    println!(
        "{:<20} {:>3} inputs replayed, {cases:>10} explored, seeds {}..",
        target.name,
        corpus.len(),
        arguments.seed
    );
    Ok(Ok(()))
}

/// A finding joins the corpus, so that it is replayed from now on.
fn keep(target: &Target, finding: &Finding) -> Result<String> {
    let name: String = finding.source.chars().filter(char::is_ascii_digit).collect();
    let path = fuzz::corpus_dir(target).join(format!("found-{name}.bin"));
    std::fs::write(&path, &finding.input).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.display().to_string())
}
