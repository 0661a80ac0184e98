//! The station's program: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    station_daemon::cli::main(std::env::args_os())
}
