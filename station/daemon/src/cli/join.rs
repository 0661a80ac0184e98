//! `join`.

use std::process::ExitCode;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::output::Output;
use super::{args, secret};
use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::sync::{self, Ask, Report};

/// Makes the station one of a console's.
pub(super) fn run(config: &Config, arguments: &args::Join, output: &Output) -> Result<ExitCode, Problem> {
    let ask = ask(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| bad("this system cannot run the command", error.to_string()))?;
    let report = runtime.block_on(sync::join(config, &ask))?;
    output.result(&report, &text(&report));
    Ok(ExitCode::SUCCESS)
}

fn ask(arguments: &args::Join) -> Result<Ask, Problem> {
    let text = match (&arguments.token, &arguments.token_file) {
        (Some(token), _) => crate::api::model::Secret::new(token.clone()),
        (None, Some(path)) => secret::from_file(path)?,
        (None, None) => {
            return Err(bad(
                "there is no token",
                "--token or --token-file is missing".into(),
            ));
        }
    };
    let console = arguments.console.parse();
    let console =
        console.map_err(|fault: sync::AddressFault| bad("--console is no address", fault.to_string()))?;
    let token = text.reveal().parse();
    let token =
        token.map_err(|fault: station_core::sync::TokenFault| bad("the token is none", fault.to_string()))?;
    let fingerprint = arguments.ca_fingerprint.as_deref().map(fingerprint).transpose()?;
    Ok(Ask {
        console,
        token,
        fingerprint,
    })
}

/// With or without colons, in either case.
fn fingerprint(text: &str) -> Result<[u8; 32], Problem> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).unwrap_or_default();
    let bytes = bytes.try_into();
    bytes.map_err(|_| bad("--ca-fingerprint is none", "it has 64 hexadecimal digits".into()))
}

fn bad(what: &str, why: String) -> Problem {
    Problem::new(Code::BadRequest, what, why, "copy it once more from the console")
}

fn text(report: &Report) -> String {
    let Report {
        station,
        name,
        site,
        zone,
        console,
        authority,
        journal_sequence,
    } = report;
    let mut lines = vec![
        format!("station {station} ({name:?}, {zone} at {site:?}) has joined {console}"),
        format!("the console's authority is {authority}"),
    ];
    if *journal_sequence > 1 {
        lines.push(format!("{journal_sequence} journal entries will be sent"));
    }
    lines.push("start the station now: it fetches users, bands and policies by itself".into());
    lines.join("\n")
}
