//! The command line.

pub mod init;
pub mod provision;
pub mod run;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
        Command::Show { init } => provision::show(&init),
        Command::Provision(command) => provision::run(&command),
    }
}
