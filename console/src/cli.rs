//! The command line.

pub mod ask;
pub mod backup;
pub mod doctor;
pub mod init;
pub mod keep;
pub mod office;
mod output;
pub mod provision;
pub mod restore;
pub mod run;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use ask::{Ask, Common};
use provision::Provisioning;

/// The central server of plant IT: users, bands, policies and stations.
#[derive(Debug, Parser)]
#[command(name = "bandstand-console", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve pages, API and stations until told to stop
    Run(run::Arguments),
    /// Make a console ready for its first administrator
    Init(init::Arguments),
    /// Users
    User {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: ask::User,
    },
    /// Bands and the stock
    Band {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: ask::Band,
    },
    /// Policies
    Policy {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: ask::Policy,
    },
    /// Stations
    Station {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: ask::Station,
    },
    /// Keys of the API
    ApiKey {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: ask::ApiKey,
    },
    /// People with rights at stations
    Operator {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: office::Operator,
    },
    /// People who sign in to the console
    Account {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: office::Account,
    },
    /// Keys that stations are told
    Key {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: office::Key,
    },
    /// Who did what
    Audit {
        #[command(flatten)]
        at: run::Arguments,
        #[command(subcommand)]
        command: keep::Audit,
    },
    /// Print a list as CSV
    Export {
        #[command(flatten)]
        at: run::Arguments,
        /// Which list
        what: keep::Export,
    },
    /// Save the database while the console works, and check the copy; secrets stay sealed
    Backup(backup::Backup),
    /// Make the database out of a backup, as one that stations know to be another
    Restore(restore::Restore),
    /// Bring the tables up to this release
    Migrate(run::Arguments),
    /// Say in one line per cause what is wrong
    Doctor(doctor::Doctor),
    /// Keys, certificates, tickets and the file a station starts with, offline
    #[command(subcommand)]
    Provision(Provisioning),
    /// Says what is in a station's init file: no secrets
    Show {
        /// The file
        init: PathBuf,
    },
}

/// Does what the command line asks.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::User { common, command } => ask::run(&common, Ask::User(command)),
        Command::Band { common, command } => ask::run(&common, Ask::Band(command)),
        Command::Policy { common, command } => ask::run(&common, Ask::Policy(command)),
        Command::Station { common, command } => ask::run(&common, Ask::Station(command)),
        Command::ApiKey { common, command } => ask::run(&common, Ask::ApiKey(command)),
        Command::Operator { common, command } => ask::run(&common, Ask::Operator(command)),
        Command::Account { common, command } => ask::run(&common, Ask::Account(command)),
        Command::Key { common, command } => ask::run(&common, Ask::Key(command)),
        Command::Audit { at, command } => keep::audit(&at, command),
        Command::Export { at, what } => keep::export(&at, what),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Migrate(arguments) => keep::migrate(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Show { init } => provision::show(&init),
        Command::Provision(command) => provision::run(&command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// Every command can be asked: clap looks for slips of its declaration when it is built.
    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
