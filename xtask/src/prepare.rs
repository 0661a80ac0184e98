//! What tests need from the machine beyond Rust and a C compiler.

use std::process::{Command, Stdio};

use crate::{browser, exec};

/// A program that tests start, and the Debian package that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
    without: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        program: "dbus-daemon",
        package: "dbus",
        without: "tests on a private bus cannot run",
    },
    Need {
        program: "strace",
        package: "strace",
        without: "the station is not killed at each write, and its disk does not fail",
    },
    Need {
        program: "faketime",
        package: "faketime",
        without: "no clock is set back under a running station",
    },
    Need {
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
        without: "nothing is tried on real BlueZ",
    },
    Need {
        program: "initdb",
        package: "postgresql",
        without: "the console is not tried on PostgreSQL",
    },
    Need {
        program: "systemd-analyze",
        package: "systemd",
        without: "nobody looks whether the units are right and closed",
    },
    Need {
        program: "chromium",
        package: "chromium",
        without: "the pages of kiosk and console are tried in no browser",
    },
    Need {
        program: "chromedriver",
        package: "chromium-driver",
        without: "the pages of kiosk and console are tried in no browser",
    },
];

/// Debian keeps some programs beside the path, by version.
const BESIDE_PATH: &str = "/usr/lib/postgresql";

fn is_there(need: &Need) -> bool {
    let beside = || {
        let versions = std::fs::read_dir(BESIDE_PATH).into_iter().flatten().flatten();
        versions
            .map(|version| version.path().join("bin").join(need.program))
            .any(|path| path.exists())
    };
    exec::answers(need.program, &["--version"]) || beside()
}

/// Installs by apt what is missing, if this machine has apt and this user may; says what was done.
pub(crate) fn install_what_tests_need(may_install: bool) {
    for need in NEEDS.iter().filter(|need| !is_there(need)) {
        println!("{}: {}", need.program, provide(need, may_install));
    }
    browser::provide_axe(may_install);
}

fn provide(need: &Need, may_install: bool) -> String {
    let by_hand = format!(
        "missing, {}; `apt-get install {}` brings it",
        need.without, need.package
    );
    if !may_install || !is_root() || !exec::answers("apt-get", &["--version"]) {
        return by_hand;
    }
    match apt(&["update", "-qq"])
        .and_then(|()| apt(&["install", "-y", "-qq", "--no-install-recommends", need.package]))
    {
        Ok(()) => format!("was missing; installed Debian's {}", need.package),
        Err(error) => format!("{by_hand} (tried: {error:#})"),
    }
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    exec::run(&mut command)
}

fn is_root() -> bool {
    exec::capture(Command::new("id").arg("-u")).is_ok_and(|(ok, id)| ok && id.trim() == "0")
}
