//! `intents`: enrollments whose end only their band knows.

use std::process::ExitCode;

use super::args::IntentsCommand;
use super::ask::block_on;
use super::client::Client;
use super::clock::date;
use super::output::{Output, safe, table};
use super::secret;
use crate::api::model::{OpenIntent, OpenIntents, OperatorPin};
use crate::config::Config;
use crate::problem::Problem;

/// Shows them, or gives one up.
pub(super) fn run(config: &Config, command: &IntentsCommand, output: &Output) -> Result<ExitCode, Problem> {
    let client = Client::new(&config.api.socket);
    match command {
        IntentsCommand::List => {
            let open: OpenIntents = block_on(client.get("/api/v1/intents"))?;
            output.result(&open, &text(&open));
        }
        IntentsCommand::Close { association, by } => {
            let said = OperatorPin {
                operator: by.operator.clone(),
                pin: secret::pin_of(&by.operator, by.pin_file.as_deref())?,
            };
            // What is no hexadecimal number must not change the address.
            let digits: String = association.chars().filter(char::is_ascii_alphanumeric).collect();
            let path = format!("/api/v1/intents/{digits}/close");
            let closed: OpenIntent = block_on(client.post(&path, &said))?;
            let serial = safe(&closed.serial);
            output.result(
                &closed,
                &format!(
                    "given up; should band {serial} hold it after all, the policy is asked when it comes"
                ),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(OpenIntents { intents }: &OpenIntents) -> String {
    if intents.is_empty() {
        return "every enrollment is settled".into();
    }
    let row = |open: &OpenIntent| {
        vec![
            open.association.clone(),
            safe(&open.serial),
            safe(&open.user),
            open.zone.clone(),
            date(open.since_ms),
        ]
    };
    let rows: Vec<_> = intents.iter().map(row).collect();
    table(&["ASSOCIATION", "BAND", "USER", "ZONE", "SINCE"], &rows)
}
