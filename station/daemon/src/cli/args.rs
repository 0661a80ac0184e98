//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{DEFAULT_PATH, Format};

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   refused, or checked and found wrong
  2   the command line or the input is not what it should be
  3   the configuration or a file it names cannot be used
  4   the database cannot be used
  5   the station's process or its radio cannot be reached
  6   busy: another enrollment, or another station on the same data
  70  a fault of this program";

/// A Bandstand station: enrolls bands over Bluetooth LE, with or without a network.
#[derive(Debug, Parser)]
#[command(name = "bandstand-station", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", env = "BANDSTAND_CONFIG", default_value = DEFAULT_PATH)]
    pub(crate) config: PathBuf,
    /// Print JSON: one object, or one per line for what goes on.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the station until it is told to stop.
    Run(Run),
    /// Make the station's database and keys from a provisioning file; all of it or nothing.
    Init(Init),
    /// Join a console with a one-time token. The station must not be running.
    Join(Join),
    /// Enroll or register a band for one person, with live progress.
    Enroll(Enroll),
    /// Show the bands that are near.
    Bands,
    /// Show how the station is and what it does.
    Status,
    /// Answer who may hold which band: JSON lines in, JSON lines out.
    Decide(Decide),
    /// Look at the journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Look at the date, or say that the clock is right.
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Look at enrollments whose end only their band knows, or give one up.
    #[command(subcommand)]
    Intents(IntentsCommand),
    /// Make the key under which the station's disk is sealed.
    #[command(subcommand)]
    Seal(SealCommand),
    /// Say in one line per cause what is wrong, and what to do.
    Doctor,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder.
    Man {
        /// The folder; it must exist.
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Log at this level instead of the configured one.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Log in this form instead of the configured one.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The provisioning file, TOML or JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// Replace what is known about users, bands and policies. The journal stays.
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The console's address for stations: `https://HOST` or `https://HOST:PORT`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) console: String,
    /// The token that the console showed. Others on this machine can see it while the command runs; prefer a file.
    #[arg(long, value_name = "TOKEN", required_unless_present = "token_file")]
    pub(crate) token: Option<String>,
    /// Read the token from this file, `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
    /// SHA-256 of the console's authority, 64 hexadecimal digits. The token names it already; this is for whoever
    /// wants to compare all of it.
    #[arg(long, value_name = "SHA256")]
    pub(crate) ca_fingerprint: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Enroll {
    #[command(flatten)]
    pub(crate) who: Who,
    /// The operator who vouches, with `--vouch-for`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ticket", "code"])]
    pub(crate) operator: Option<String>,
    /// Read the operator's PIN from this file, `-` for standard input; asked for if absent.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ticket", "code"])]
    pub(crate) pin_file: Option<PathBuf>,
    /// Take the band with this serial, whichever is nearest.
    #[arg(long, value_name = "SERIAL")]
    pub(crate) band: Option<String>,
    /// Take this device of the list that `bands` shows.
    #[arg(long, value_name = "DEVICE", conflicts_with = "band")]
    pub(crate) device: Option<String>,
    /// Accept the code without asking. For scripts: the wearer still has to confirm on the band.
    #[arg(long)]
    pub(crate) accept_code: bool,
}

/// How the person is identified.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Who {
    /// The text of a ticket's QR code; `-` to read it from standard input.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ticket: Option<String>,
    /// The short code of a ticket; `-` to read it from standard input.
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// The user for whom an operator vouches.
    #[arg(long, value_name = "USER", requires = "operator")]
    pub(crate) vouch_for: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The questions, one JSON object per line; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Check that the journal is complete, in order and unchanged.
    Verify,
    /// Write the journal as JSON lines.
    Export {
        /// First sequence to write.
        #[arg(long, value_name = "SEQUENCE", default_value_t = 1)]
        from: u64,
        /// Last sequence to write; the newest if absent.
        #[arg(long, value_name = "SEQUENCE")]
        to: Option<u64>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SealCommand {
    /// Print a new key and keep it nowhere, for `systemd-creds encrypt` to read.
    New,
    /// Make a new key in the configured file, for a station that has none.
    Make,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Show what the station knows about the date and what the system's clock says.
    Show,
    /// Say as an operator that the system's clock is right; the journal keeps who did.
    Confirm {
        #[command(flatten)]
        by: By,
        /// Do not ask whether the date that is shown is right. For scripts that have compared it elsewhere.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum IntentsCommand {
    /// Show the enrollments that wait for their band.
    List,
    /// Give one up as an operator, because its band will not come back; the journal keeps who did.
    Close {
        /// The association, as `intents list` shows it.
        association: String,
        #[command(flatten)]
        by: By,
    },
}

/// The operator who takes the responsibility.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// The operator's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: String,
    /// Read the operator's PIN from this file, `-` for standard input; asked for if absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration can be used, and what a slip should have been.
    Check,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_agree_with_each_other() {
        Arguments::command().debug_assert();
    }

    #[track_caller]
    fn check(line: &str, fine: bool) {
        let words = line.split_whitespace();
        let outcome = Arguments::try_parse_from(std::iter::once("bandstand-station").chain(words));
        assert_eq!(outcome.is_ok(), fine, "{line}");
    }

    #[test]
    fn lines_that_make_sense() {
        check("run --log-format json", true);
        check("enroll --ticket BST1.X", true);
        check("enroll --vouch-for ada --operator olga --pin-file -", true);
        check("decide --facts -", true);
        check("journal export --from 5 --to 9 --json", true);
        check("man /tmp", true);
        check("clock show", true);
        check("clock confirm --operator olga --yes", true);
        check("clock confirm", false);
        check("join --console https://console --token BSJ1-A", true);
        check("join --console https://console --token-file -", true);
        check("join --console https://console", false);
        check("join --token BSJ1-A", false);
        check("seal new", true);
        check("seal make", true);
        check("seal", false);
        check("intents list", true);
        check("intents close 00 --operator olga --pin-file -", true);
        check("intents close --operator olga", false);
        check("enroll", false);
        check("enroll --ticket x --code y", false);
        check("enroll --vouch-for ada", false);
        check("enroll --ticket x --operator olga", false);
        check("init", false);
        check("decide", false);
    }
}
