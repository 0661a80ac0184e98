//! `clock`: what the station knows about the date, and an operator's word that its clock is right.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use super::args::{By, ClockCommand};
use super::ask::block_on;
use super::client::Client;
use super::output::Output;
use super::secret;
use crate::api::model::{Clock, ConfirmClock};
use crate::config::Config;
use crate::problem::{Code, Problem};

/// Shows or confirms.
pub(super) fn run(config: &Config, command: &ClockCommand, output: &Output) -> Result<ExitCode, Problem> {
    let client = Client::new(&config.api.socket);
    let clock: Clock = block_on(client.get("/api/v1/clock"))?;
    match command {
        ClockCommand::Show => output.result(&clock, &text(&clock)),
        ClockCommand::Confirm { by, yes } => {
            let confirmed = confirm(&client, &clock, by, *yes)?;
            output.result(&confirmed, &format!("confirmed\n{}", text(&confirmed)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn confirm(client: &Client, clock: &Clock, by: &By, yes: bool) -> Result<Clock, Problem> {
    if !yes {
        ask(clock)?;
    }
    let said = ConfirmClock {
        operator: by.operator.clone(),
        pin: secret::pin_of(&by.operator, by.pin_file.as_deref())?,
        clock_ms: clock.clock_ms,
    };
    block_on(client.post("/api/v1/clock/confirm", &said))
}

/// Asks whether the date is right; only a clear yes is one.
fn ask(clock: &Clock) -> Result<(), Problem> {
    let cannot = |code, why: &str, next: &str| Err(Problem::new(code, "nothing was changed", why, next));
    if !std::io::stdin().is_terminal() {
        let next = "compare the date that `clock show` prints, and add --yes";
        return cannot(Code::BadRequest, "there is no terminal to ask on", next);
    }
    let date = date(clock.clock_ms);
    let _ = write!(std::io::stderr(), "{}\nIs it now {date}? [y/N] ", text(clock));
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    match matches!(line.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => cannot(
            Code::OutOfTurn,
            "the date was not confirmed",
            "set the clock (`timedatectl`), then try again",
        ),
    }
}

fn text(clock: &Clock) -> String {
    let believes = match clock.trusted {
        true => date(clock.earliest_ms),
        false => format!(
            "between {} and {}: only what is certain is allowed",
            date(clock.earliest_ms),
            date(clock.latest_ms)
        ),
    };
    let mut lines = vec![
        format!("system clock      {}", date(clock.clock_ms)),
        format!("station believes  {believes}"),
    ];
    let expired = clock.expired_by_ms.map(date);
    lines.extend(expired.map(|date| format!("expired stays     what had expired by {date}")));
    lines.join("\n")
}

/// A date as people read it, in UTC.
pub(super) fn date(ms: u64) -> String {
    let (days, seconds) = (ms / 86_400_000, ms / 1000 % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a number of days since 1970. Counts in eras of 400 years that begin with March, so that
/// the day that is sometimes missing is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468; // from 1 March of the year 0
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153; // 0 is March
    let day = of_year - (153 * month + 2) / 5 + 1;
    let next_year = u64::from(month >= 10);
    (era * 400 + year + next_year, (month + 2) % 12 + 1, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ms: u64, expected: &str) {
        assert_eq!(date(ms), expected);
    }

    #[test]
    fn dates_as_people_write_them() {
        check(0, "1970-01-01 00:00:00 UTC");
        check(951_782_400_000, "2000-02-29 00:00:00 UTC");
        check(951_868_800_000, "2000-03-01 00:00:00 UTC");
        check(1_793_491_200_000, "2026-11-01 00:00:00 UTC");
        check(4_107_542_399_999, "2100-02-28 23:59:59 UTC");
        check(4_107_542_400_000, "2100-03-01 00:00:00 UTC");
        check(1_798_761_599_000, "2026-12-31 23:59:59 UTC");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(0);
        for days in 1..200_000 {
            let (year, month, day) = civil(days);
            let next = match before {
                (y, m, d) if (y, m) == (year, month) => d + 1 == day,
                (y, m, d) => {
                    d >= 28 && day == 1 && ((y, m + 1) == (year, month) || (y + 1, m) == (year, 12 * month))
                }
            };
            assert!(next, "{before:?} {days}");
            before = (year, month, day);
        }
    }

    #[test]
    fn the_date_reads_as_an_interval_where_there_is_doubt() {
        let clock = Clock {
            clock_ms: 1_793_491_200_000,
            earliest_ms: 1_793_491_200_000,
            latest_ms: 1_793_577_600_000,
            trusted: false,
            expired_by_ms: None,
        };
        insta::assert_snapshot!(text(&clock), @r"
        system clock      2026-11-01 00:00:00 UTC
        station believes  between 2026-11-01 00:00:00 UTC and 2026-11-02 00:00:00 UTC: only what is certain is allowed
        ");
        let corrected = Clock {
            latest_ms: clock.earliest_ms,
            trusted: true,
            expired_by_ms: Some(1_793_577_600_000),
            ..clock
        };
        insta::assert_snapshot!(text(&corrected), @r"
        system clock      2026-11-01 00:00:00 UTC
        station believes  2026-11-01 00:00:00 UTC
        expired stays     what had expired by 2026-11-02 00:00:00 UTC
        ");
    }
}
